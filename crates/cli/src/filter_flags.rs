//! Filters as flags.

use std::{fs, str::FromStr};

use blacksmith_store::{EventId, JobId, Status, StoreError, Timestamp, WhereEvents};
use clap::{Args, builder::TypedValueParser};

use crate::{
    failure::{Failure, Result},
    instant,
};

/// How the flags work together, for the long help.
pub(crate) const FILTERS: &str = "\
How filters work together:
  A flag that is given several times means any of its values. Different flags must be met together: an event matches \
when one of its jobs, with its latest transition, meets all of those about jobs and transitions.
  A --not-… flag leaves out whatever has the value in any of its jobs: an event with one failed job is no match for \
--not-status failed.
  Bounds in time are exclusive.";

/// Which entries.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterFlags {
    /// The event's source
    #[arg(long = "source", value_name = "NAME")]
    sources: Vec<String>,
    /// Not this source
    #[arg(long = "not-source", value_name = "NAME")]
    not_sources: Vec<String>,
    /// The event's trigger
    #[arg(long = "trigger", value_name = "NAME")]
    triggers: Vec<String>,
    /// Not this trigger
    #[arg(long = "not-trigger", value_name = "NAME")]
    not_triggers: Vec<String>,
    /// The event's version; "" for events without one
    #[arg(long = "event-version", visible_alias = "version", value_name = "VERSION")]
    event_versions: Vec<String>,
    /// Not this version of the event
    #[arg(long = "not-event-version", visible_alias = "not-version", value_name = "VERSION")]
    not_event_versions: Vec<String>,
    /// The event was stored before this instant (RFC 3339, a day, or 2h for two hours ago)
    #[arg(long, value_name = "WHEN", value_parser = instant::past)]
    created_before: Option<Timestamp>,
    /// The event was stored after this instant
    #[arg(long, value_name = "WHEN", value_parser = instant::past)]
    created_after: Option<Timestamp>,
    /// The event was received before this instant
    #[arg(long, value_name = "WHEN", value_parser = instant::past)]
    received_before: Option<Timestamp>,
    /// The event was received after this instant
    #[arg(long, value_name = "WHEN", value_parser = instant::past)]
    received_after: Option<Timestamp>,
    /// The job's destination
    #[arg(long = "destination", value_name = "NAME")]
    destinations: Vec<String>,
    /// Not this destination
    #[arg(long = "not-destination", value_name = "NAME")]
    not_destinations: Vec<String>,
    /// The job's action
    #[arg(long = "action", value_name = "NAME")]
    actions: Vec<String>,
    /// Not this action
    #[arg(long = "not-action", value_name = "NAME")]
    not_actions: Vec<String>,
    /// The job's version; "" for jobs without one
    #[arg(long = "job-version", value_name = "VERSION")]
    job_versions: Vec<String>,
    /// Not this version of the job
    #[arg(long = "not-job-version", value_name = "VERSION")]
    not_job_versions: Vec<String>,
    /// The job was created before this instant
    #[arg(long, value_name = "WHEN", value_parser = instant::past)]
    job_created_before: Option<Timestamp>,
    /// The job was created after this instant
    #[arg(long, value_name = "WHEN", value_parser = instant::past)]
    job_created_after: Option<Timestamp>,
    /// The job's status, or a transition's state after it; several may be joined by commas
    #[arg(long = "status", value_name = "STATUS", value_delimiter = ',', value_parser = status_parser())]
    statuses: Vec<Status>,
    /// Not this status
    #[arg(long = "not-status", value_name = "STATUS", value_delimiter = ',', value_parser = status_parser())]
    not_statuses: Vec<Status>,
    /// At least so many runs were begun
    #[arg(long, value_name = "N")]
    min_attempts: Option<u32>,
    /// At most so many runs were begun
    #[arg(long, value_name = "N")]
    max_attempts: Option<u32>,
    /// The transition was stored before this instant
    #[arg(long, value_name = "WHEN", value_parser = instant::past)]
    transition_created_before: Option<Timestamp>,
    /// The transition was stored after this instant
    #[arg(long, value_name = "WHEN", value_parser = instant::past)]
    transition_created_after: Option<Timestamp>,
    /// Of this event; alone, or beside --job
    #[arg(long, value_name = "ID", value_parser = id::<EventId>)]
    event: Option<EventId>,
    /// Of this job; alone, or beside --event
    #[arg(long, value_name = "ID", value_parser = id::<JobId>)]
    job: Option<JobId>,
    /// A filter as JSON, as `where` in --json shows it; @FILE reads it from a file
    #[arg(long = "where", value_name = "JSON|@FILE")]
    where_json: Option<String>,
}

/// Parses an id, saying what is wrong with it.
pub(crate) fn id<T: FromStr<Err = StoreError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: StoreError| error.message().to_owned())
}

fn status_parser() -> impl TypedValueParser<Value = Status> {
    clap::builder::PossibleValuesParser::new(Status::ALL.map(Status::as_str))
        .try_map(|word| word.parse::<Status>())
}

impl FilterFlags {
    /// The filter that the flags and `--where` describe together.
    ///
    /// # Errors
    /// `Usage` where both say the same thing, `--where` is no filter, or other constraints stand beside an id, which a store
    /// would ignore.
    pub(crate) fn to_filter(&self) -> Result<WhereEvents> {
        let mut filter = match &self.where_json {
            Some(json) => read_filter(json)?,
            None => WhereEvents::default(),
        };
        let mut jobs = filter.jobs.take().unwrap_or_default();
        let mut transitions = jobs.transitions.take().unwrap_or_default();

        list("source", &self.sources, &mut filter.sources_in)?;
        list("not-source", &self.not_sources, &mut filter.sources_notin)?;
        list("trigger", &self.triggers, &mut filter.triggers_in)?;
        list("not-trigger", &self.not_triggers, &mut filter.triggers_notin)?;
        list("event-version", &self.event_versions, &mut filter.versions_in)?;
        list("not-event-version", &self.not_event_versions, &mut filter.versions_notin)?;
        value("created-before", self.created_before, &mut filter.created_before)?;
        value("created-after", self.created_after, &mut filter.created_after)?;
        value("received-before", self.received_before, &mut filter.received_before)?;
        value("received-after", self.received_after, &mut filter.received_after)?;

        list("destination", &self.destinations, &mut jobs.destinations_in)?;
        list("not-destination", &self.not_destinations, &mut jobs.destinations_notin)?;
        list("action", &self.actions, &mut jobs.actions_in)?;
        list("not-action", &self.not_actions, &mut jobs.actions_notin)?;
        list("job-version", &self.job_versions, &mut jobs.versions_in)?;
        list("not-job-version", &self.not_job_versions, &mut jobs.versions_notin)?;
        value("job-created-before", self.job_created_before, &mut jobs.created_before)?;
        value("job-created-after", self.job_created_after, &mut jobs.created_after)?;
        value("event", self.event, &mut jobs.event_id)?;

        list("status", &self.statuses, &mut transitions.status_in)?;
        list("not-status", &self.not_statuses, &mut transitions.status_notin)?;
        value("min-attempts", self.min_attempts, &mut transitions.min_attempts)?;
        value("max-attempts", self.max_attempts, &mut transitions.max_attempts)?;
        let (before, after) = (self.transition_created_before, self.transition_created_after);
        value("transition-created-before", before, &mut transitions.created_before)?;
        value("transition-created-after", after, &mut transitions.created_after)?;
        value("job", self.job, &mut transitions.job_id)?;

        jobs.transitions = Some(transitions);
        filter.jobs = Some(jobs);
        refuse_constraints_beside_ids(&filter)?;
        // Children that constrain nothing go; how to page stays.
        filter.jobs = filter.constraints().jobs;
        Ok(filter)
    }

    /// The same for commands that change what they find: `--where` must not say how to page, for to ignore that would widen
    /// what is changed.
    pub(crate) fn to_constraints(&self) -> Result<WhereEvents> {
        let filter = self.to_filter()?;
        if filter != filter.constraints() {
            return Err(Failure::usage(
                "--where has a limit, an offset, a cursor or the like, which make no sense for this command",
            ));
        }
        Ok(filter)
    }
}

fn read_filter(json: &str) -> Result<WhereEvents> {
    let text = match json.strip_prefix('@') {
        None => json.to_owned(),
        Some(path) => fs::read_to_string(path).map_err(|error| {
            Failure::input_output(format!("read the filter in {path:?}"), error)
        })?,
    };
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("--where is not a filter: {error}")))
}

fn list<T: Clone>(flag: &str, given: &[T], member: &mut Vec<T>) -> Result<()> {
    if given.is_empty() {
        return Ok(());
    }
    if !member.is_empty() {
        return Err(said_twice(flag));
    }
    *member = given.to_vec();
    Ok(())
}

fn value<T>(flag: &str, given: Option<T>, member: &mut Option<T>) -> Result<()> {
    if given.is_none() {
        return Ok(());
    }
    if member.is_some() {
        return Err(said_twice(flag));
    }
    *member = given;
    Ok(())
}

fn said_twice(flag: &str) -> Failure {
    Failure::usage(format!("--{flag} and --where constrain the same thing; leave one of them out"))
}

fn refuse_constraints_beside_ids(filter: &WhereEvents) -> Result<()> {
    if filter.event_id().is_none() && filter.job_id().is_none() {
        return Ok(());
    }
    let mut others = filter.clone();
    if let Some(jobs) = &mut others.jobs {
        jobs.event_id = None;
        if let Some(transitions) = &mut jobs.transitions {
            transitions.job_id = None;
        }
    }
    if others.constrains_nothing() {
        return Ok(());
    }
    Err(Failure::usage("beside --event or --job no other constraint counts; leave the others out"))
}
