//! `add_events`, `add_jobs`, `add_transitions`, `apply`.
//!
//! Each is tried as if everything were new, which it nearly always is: rows are inserted without being looked up, and the
//! unique indexes tell what is not. Then the attempt is taken back, and a careful one plans the call before it writes.

use std::collections::HashMap;

use blacksmith_store_core::{
    Added, Appended, Change, ChangeOutcome, Event, EventId, Job, JobError, JobId, Timestamp,
    Transition,
};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use crate::{
    appending::{Appending, not_new},
    error::Failure,
    planning::{Plan, check_events},
    queues::Register,
    writer::{Attempt, Done},
};

pub(crate) const ADD_EVENT: &str = r#"
    INSERT INTO blacksmith_events (id, source, "trigger", version, sent_at, received_at, ingested_at, parent_event_id,
                                   context, data)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"#;
pub(crate) const ADD_JOB: &str = "
    INSERT INTO blacksmith_jobs (id, event, queue, version, created_at, parent_job_id, first_id, first_status, first_at,
                                 first_run_at, first_actor, first_error, context, data)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
pub(crate) const ADD_STATE: &str = "
    INSERT INTO blacksmith_states (job, id, queue, status, sequence, attempt, at, due_at)
    VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, ?6)";
/// Served by `blacksmith_events_id`.
pub(crate) const EVENT_NUMBER: &str = "SELECT n FROM blacksmith_events WHERE id = ?1";

/// `add_events`.
pub(crate) fn add_events(
    connection: &Connection,
    events: &[Event],
    now: Timestamp,
    attempt: Attempt,
) -> Result<Done<Added>, Failure> {
    add(connection, events, &[], now, attempt)
}

/// `add_jobs`.
pub(crate) fn add_jobs(
    connection: &Connection,
    jobs: &[Job],
    now: Timestamp,
    attempt: Attempt,
) -> Result<Done<Added>, Failure> {
    add(connection, &[], jobs, now, attempt)
}

fn add(
    connection: &Connection,
    events: &[Event],
    jobs: &[Job],
    now: Timestamp,
    attempt: Attempt,
) -> Result<Done<Added>, Failure> {
    let mut writing = Writing::new(connection, now)?;
    let mut added = Added::default();
    match attempt {
        Attempt::Hopeful => {
            writing.events(events)?;
            writing.jobs(jobs)?;
            added.events = events.len() as u64;
            added.jobs = (jobs.len() + jobs_inside(events)) as u64;
        }
        Attempt::Careful => {
            let plan = Plan::make(connection, events, jobs, &[])?;
            plan.check()?;
            added.events = plan.events.len() as u64;
            added.events_known = plan.known.events;
            added.jobs = plan.jobs.len() as u64;
            added.jobs_known = plan.known.jobs;
            writing.plan(&plan)?;
        }
    }
    writing.finish(added)
}

/// `add_transitions`.
pub(crate) fn add_transitions(
    connection: &Connection,
    transitions: &[Transition],
    now: Timestamp,
    attempt: Attempt,
) -> Result<Done<Appended>, Failure> {
    let mut writing = Writing::new(connection, now)?;
    let mut appended = Appended::default();
    match attempt {
        Attempt::Hopeful => {
            writing.transitions(transitions)?;
            appended.new = transitions.len() as u64;
        }
        Attempt::Careful => {
            check_events(connection, transitions, &HashMap::new())?;
            let plan = Plan::make(connection, &[], &[], transitions)?;
            plan.check()?;
            appended.new = plan.transitions.len() as u64;
            appended.known = plan.known.transitions;
            writing.plan(&plan)?;
        }
    }
    writing.finish(appended)
}

/// `apply`.
pub(crate) fn apply(
    connection: &Connection,
    changes: &[Change],
    now: Timestamp,
    attempt: Attempt,
) -> Result<Done<Vec<ChangeOutcome>>, Failure> {
    let mut writing = Writing::new(connection, now)?;
    let mut outcomes = Vec::with_capacity(changes.len());
    match attempt {
        Attempt::Hopeful => {
            for change in changes {
                if *change == Change::default() {
                    outcomes.push(ChangeOutcome::Known);
                    continue;
                }
                writing.events(&change.events)?;
                writing.jobs(&change.jobs)?;
                writing.transitions(&change.transitions)?;
                outcomes.push(ChangeOutcome::Applied);
            }
        }
        Attempt::Careful => {
            let added = jobs_of(changes);
            for change in changes {
                check_events(connection, &change.transitions, &added)?;
            }
            for change in changes {
                outcomes.push(apply_carefully(connection, &mut writing, change)?);
            }
        }
    }
    writing.finish(outcomes)
}

fn apply_carefully<'a>(
    connection: &Connection,
    writing: &mut Writing<'a>,
    change: &'a Change,
) -> Result<ChangeOutcome, Failure> {
    let Change { events, jobs, transitions, .. } = change;
    let plan = Plan::make(connection, events, jobs, transitions)?;
    let is_known = if transitions.is_empty() {
        let asked = events.len() + jobs_inside(events) + jobs.len();
        plan.known.events + plan.known.jobs == asked as u64
    } else {
        plan.known.transitions == transitions.len() as u64
    };
    if is_known {
        return Ok(ChangeOutcome::Known);
    }
    let outcome = plan.outcome();
    if outcome == ChangeOutcome::Applied {
        writing.plan(&plan)?;
    }
    Ok(outcome)
}

fn jobs_inside(events: &[Event]) -> usize {
    events.iter().map(|event| event.jobs.len()).sum()
}

/// The events of all jobs that the changes may add.
fn jobs_of(changes: &[Change]) -> HashMap<JobId, EventId> {
    let jobs = changes
        .iter()
        .flat_map(|change| change.events.iter().flat_map(|event| &event.jobs).chain(&change.jobs));
    jobs.filter_map(|job| Some((job.id, job.event_id?))).collect()
}

/// Writes what is new; [`Failure::NotNew`] for what is not. Its statements serve a whole call.
struct Writing<'a> {
    connection: &'a Connection,
    now: i64,
    add_event: CachedStatement<'a>,
    event_number: CachedStatement<'a>,
    add_job: CachedStatement<'a>,
    add_state: CachedStatement<'a>,
    numbers: Register<'a>,
    appending: Appending<'a>,
}

impl<'a> Writing<'a> {
    fn new(connection: &'a Connection, now: Timestamp) -> Result<Self, Failure> {
        Ok(Self {
            connection,
            now: now.timestamp_micros(),
            add_event: connection.prepare_cached(ADD_EVENT)?,
            event_number: connection.prepare_cached(EVENT_NUMBER)?,
            add_job: connection.prepare_cached(ADD_JOB)?,
            add_state: connection.prepare_cached(ADD_STATE)?,
            numbers: Register::default(),
            appending: Appending::new(connection, now)?,
        })
    }

    fn plan(&mut self, plan: &Plan<'a>) -> Result<(), Failure> {
        for event in &plan.events {
            self.event(event)?;
        }
        for job in &plan.jobs {
            self.job_of_stored_event(job)?;
        }
        for transition in &plan.transitions {
            self.transition(transition)?;
        }
        Ok(())
    }

    fn events(&mut self, events: &'a [Event]) -> Result<(), Failure> {
        for event in events {
            let number = self.event(event)?;
            for job in &event.jobs {
                self.job(job, number)?;
            }
        }
        Ok(())
    }

    fn jobs(&mut self, jobs: &'a [Job]) -> Result<(), Failure> {
        jobs.iter().try_for_each(|job| self.job_of_stored_event(job))
    }

    fn transitions(&mut self, transitions: &[Transition]) -> Result<(), Failure> {
        transitions.iter().try_for_each(|transition| self.transition(transition))
    }

    /// Inserts an event without its jobs, and answers its number.
    fn event(&mut self, event: &Event) -> Result<i64, Failure> {
        let number = self.add_event.insert(params![
            event.id.as_bytes(),
            event.source,
            event.trigger,
            event.version,
            event.sent_at.map(|instant| instant.timestamp_micros()),
            event.received_at.map_or(self.now, |instant| instant.timestamp_micros()),
            self.now,
            event.parent_event_id.as_ref().map(EventId::as_bytes),
            event.context.as_deref(),
            event.data.as_deref(),
        ]);
        number.map_err(not_new)
    }

    fn job_of_stored_event(&mut self, job: &'a Job) -> Result<(), Failure> {
        let event = job.event_id.expect("core gives every job its event");
        let number =
            self.event_number.query_row([event.as_bytes()], |row| row.get(0)).optional()?;
        // A missing event is told by the careful attempt.
        self.job(job, number.ok_or(Failure::NotNew)?)
    }

    fn job(&mut self, job: &'a Job, event: i64) -> Result<(), Failure> {
        let now = self.now;
        let first = job.transition.as_ref().expect("core gives every job its first transition");
        let run_at = first.run_at.map(|run_at| run_at.timestamp_micros());
        let status = first.state_after;
        let queue = self.numbers.number(self.connection, &job.destination, &job.action)?;
        let number = self.add_job.insert(params![
            job.id.as_bytes(),
            event,
            queue,
            job.version,
            job.created_at.map_or(now, |instant| instant.timestamp_micros()),
            job.parent_job_id.as_ref().map(JobId::as_bytes),
            first.id.as_bytes(),
            status.number(),
            now,
            run_at,
            first.actor,
            first.error.as_ref().map(JobError::as_json),
            job.context.as_deref(),
            job.data.as_deref(),
        ]);
        let number = number.map_err(not_new)?;
        self.appending.register(first.id.as_bytes(), number, 0)?;
        self.add_state.execute(params![
            number,
            job.id.as_bytes(),
            queue,
            status.number(),
            now,
            run_at.map_or(now, |run_at| run_at.max(now)),
        ])?;
        self.appending.ledger.moved(queue, None, status);
        Ok(())
    }

    fn transition(&mut self, transition: &Transition) -> Result<(), Failure> {
        let job = transition.job_id.expect("core refuses a transition without its job");
        let standing = self.appending.standing(job)?.ok_or(Failure::NotNew)?;
        let names_another = transition.event_id.is_some_and(|event| event != standing.event_id);
        if names_another || !standing.chain_end().accepts(transition) {
            return Err(Failure::NotNew);
        }
        self.appending.append(&standing, transition)
    }

    fn finish<T>(self, answer: T) -> Result<Done<T>, Failure> {
        Ok(Done { answer, wakes: self.appending.finish()? })
    }
}
