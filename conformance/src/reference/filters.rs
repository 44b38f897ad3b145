//! Which entries a filter matches, word by word from the contract.

use blacksmith_store_core::{
    Event, EventId, Job, JobId, Timestamp, Transition, WhereEvents, WhereJobs, WhereTransitions,
};

use super::{Reference, StoredJob};

/// The ids that a filter names; all other constraints are then ignored.
pub(super) fn ids(filter: &WhereEvents) -> Option<(Option<EventId>, Option<JobId>)> {
    let jobs = filter.jobs.as_ref()?;
    let job = jobs.transitions.as_ref().and_then(|transitions| transitions.job_id);
    (jobs.event_id.is_some() || job.is_some()).then_some((jobs.event_id, job))
}

fn text(version: &Option<String>) -> String {
    version.clone().unwrap_or_default()
}

/// An empty list constrains nothing.
fn is_in<T: PartialEq>(list: &[T], value: &T) -> bool {
    list.is_empty() || list.contains(value)
}

/// Both bounds are exclusive.
fn is_between(
    value: Option<Timestamp>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
) -> bool {
    let value = value.expect("a stored instant is set");
    after.is_none_or(|after| value > super::cut(after))
        && before.is_none_or(|before| value < super::cut(before))
}

/// What an event itself has to be, positives and negatives.
fn is_such_an_event(filter: &WhereEvents, event: &Event) -> bool {
    let version = text(&event.version);
    is_in(&filter.sources_in, &event.source)
        && is_in(&filter.triggers_in, &event.trigger)
        && is_in(&filter.versions_in, &version)
        && !filter.sources_notin.contains(&event.source)
        && !filter.triggers_notin.contains(&event.trigger)
        && !filter.versions_notin.contains(&version)
        && is_between(event.ingested_at, filter.created_after, filter.created_before)
        && is_between(event.received_at, filter.received_after, filter.received_before)
}

/// Whether a job and a transition of it meet all positive constraints together.
fn meets_positives(filter: &WhereJobs, job: &Job, transition: &Transition) -> bool {
    is_in(&filter.destinations_in, &job.destination)
        && is_in(&filter.actions_in, &job.action)
        && is_in(&filter.versions_in, &text(&job.version))
        && is_between(job.created_at, filter.created_after, filter.created_before)
        && filter.transitions.as_ref().is_none_or(|filter| {
            is_in(&filter.status_in, &transition.state_after)
                && filter.min_attempts.is_none_or(|min| transition.attempt >= min)
                && filter.max_attempts.is_none_or(|max| transition.attempt <= max)
                && is_between(transition.created_at, filter.created_after, filter.created_before)
        })
}

/// Whether a job or a transition of it has any of the values that are refused.
fn has_refused(filter: &WhereJobs, job: &Job, transition: &Transition) -> bool {
    let refused = filter.transitions.as_ref().map(|filter| &filter.status_notin);
    filter.destinations_notin.contains(&job.destination)
        || filter.actions_notin.contains(&job.action)
        || filter.versions_notin.contains(&text(&job.version))
        || refused.is_some_and(|refused| refused.contains(&transition.state_after))
}

/// Whether any positive constraint on jobs or transitions is set at all.
fn has_positives(filter: &WhereJobs) -> bool {
    let of_transitions = |filter: &WhereTransitions| {
        !filter.status_in.is_empty()
            || filter.min_attempts.is_some()
            || filter.max_attempts.is_some()
            || filter.created_before.is_some()
            || filter.created_after.is_some()
    };
    !filter.destinations_in.is_empty()
        || !filter.actions_in.is_empty()
        || !filter.versions_in.is_empty()
        || filter.created_before.is_some()
        || filter.created_after.is_some()
        || filter.transitions.as_ref().is_some_and(of_transitions)
}

impl Reference {
    /// The events that a filter matches, in no order.
    pub(super) fn matching_events(&self, filter: &WhereEvents) -> Vec<&Event> {
        self.events.iter().filter(|event| self.matches_event(filter, event)).collect()
    }

    pub(super) fn matches_event(&self, filter: &WhereEvents, event: &Event) -> bool {
        let jobs = self.jobs_of(event.id);
        if let Some((event_id, job_id)) = ids(filter) {
            return event_id.is_none_or(|id| event.id == id)
                && job_id.is_none_or(|id| jobs.iter().any(|job| job.id() == id));
        }
        is_such_an_event(filter, event)
            && filter.jobs.as_ref().is_none_or(|filter| {
                let refused = jobs.iter().any(|job| has_refused(filter, &job.job, job.latest()));
                let met = jobs.iter().any(|job| meets_positives(filter, &job.job, job.latest()));
                !refused && (met || !has_positives(filter))
            })
    }

    /// The jobs that a filter matches, in no order.
    pub(super) fn matching_jobs(&self, filter: &WhereEvents) -> Vec<&StoredJob> {
        self.jobs.iter().filter(|job| self.matches(filter, job, job.latest())).collect()
    }

    /// The transitions that a filter matches, in no order: every one counts.
    pub(super) fn matching_transitions(&self, filter: &WhereEvents) -> Vec<&Transition> {
        let of = |job| StoredJob::chain(job).map(move |transition| (job, transition));
        let all = self.jobs.iter().flat_map(of);
        let matching = all.filter(|(job, transition)| self.matches(filter, job, transition));
        matching.map(|(_, transition)| transition).collect()
    }

    fn matches(&self, filter: &WhereEvents, job: &StoredJob, transition: &Transition) -> bool {
        if let Some((event_id, job_id)) = ids(filter) {
            return event_id.is_none_or(|id| job.event_id() == id)
                && job_id.is_none_or(|id| job.id() == id);
        }
        let event = self.event(job.event_id()).expect("a stored job has its event");
        is_such_an_event(filter, event) && is_such_a_job(filter, job, transition)
    }

    /// The jobs that a found event carries when it is to carry the matching ones.
    pub(super) fn carried(&self, filter: &WhereEvents, event: EventId) -> Vec<Job> {
        let is_carried = |job: &&StoredJob| match ids(filter) {
            Some((_, job_id)) => job_id.is_none_or(|id| job.id() == id),
            None => is_such_a_job(filter, job, job.latest()),
        };
        self.jobs_of(event).into_iter().filter(is_carried).map(StoredJob::found).collect()
    }
}

/// What is asked of a job and a transition of it, positives and negatives.
fn is_such_a_job(filter: &WhereEvents, job: &StoredJob, transition: &Transition) -> bool {
    filter.jobs.as_ref().is_none_or(|filter| {
        meets_positives(filter, &job.job, transition) && !has_refused(filter, &job.job, transition)
    })
}
