//! Whether an entry meets a filter: the definition in code, for adapters that look at rows one by one.
//!
//! Adapters with a query language translate the filter instead; the conformance suite holds both to the same answers.

use crate::{Event, Job, Timestamp, Transition, WhereEvents, WhereJobs, WhereTransitions};

fn within(instant: Option<Timestamp>, after: Option<Timestamp>, before: Option<Timestamp>) -> bool {
    after.is_none_or(|after| instant.is_some_and(|instant| instant > after))
        && before.is_none_or(|before| instant.is_some_and(|instant| instant < before))
}

fn among<T: AsRef<str>>(list: &[T], value: &str) -> bool {
    list.iter().any(|entry| entry.as_ref() == value)
}

fn one_of<T: AsRef<str>>(list: &[T], value: &str) -> bool {
    list.is_empty() || among(list, value)
}

impl WhereTransitions {
    fn constrains_positively(&self) -> bool {
        let negatives = Self { status_notin: self.status_notin.clone(), ..Self::default() };
        *self != negatives
    }

    fn admits(&self, transition: &Transition) -> bool {
        (self.status_in.is_empty() || self.status_in.contains(&transition.state_after))
            && self.min_attempts.is_none_or(|min| transition.attempt >= min)
            && self.max_attempts.is_none_or(|max| transition.attempt <= max)
            && within(transition.created_at, self.created_after, self.created_before)
    }

    fn excludes(&self, transition: &Transition) -> bool {
        self.status_notin.contains(&transition.state_after)
    }
}

impl WhereJobs {
    fn constrains_positively(&self) -> bool {
        let negatives = Self {
            destinations_notin: self.destinations_notin.clone(),
            actions_notin: self.actions_notin.clone(),
            versions_notin: self.versions_notin.clone(),
            transitions: self.transitions.clone(),
            ..Self::default()
        };
        *self != negatives
            || self.transitions.as_ref().is_some_and(WhereTransitions::constrains_positively)
    }

    fn admits(&self, job: &Job, transition: Option<&Transition>) -> bool {
        one_of(&self.destinations_in, &job.destination)
            && one_of(&self.actions_in, &job.action)
            && one_of(&self.versions_in, job.version.as_deref().unwrap_or_default())
            && within(job.created_at, self.created_after, self.created_before)
            && self.transitions.as_ref().is_none_or(|filter| {
                transition.map_or(!filter.constrains_positively(), |found| filter.admits(found))
            })
    }

    fn excludes(&self, job: &Job, transition: Option<&Transition>) -> bool {
        among(&self.destinations_notin, &job.destination)
            || among(&self.actions_notin, &job.action)
            || among(&self.versions_notin, job.version.as_deref().unwrap_or_default())
            || transition.is_some_and(|transition| {
                self.transitions.as_ref().is_some_and(|filter| filter.excludes(transition))
            })
    }
}

impl WhereEvents {
    /// Whether the event itself meets the constraints on events, whatever its jobs are.
    fn meets(&self, event: &Event) -> bool {
        let version = event.version.as_deref().unwrap_or_default();
        one_of(&self.sources_in, &event.source)
            && !among(&self.sources_notin, &event.source)
            && one_of(&self.triggers_in, &event.trigger)
            && !among(&self.triggers_notin, &event.trigger)
            && one_of(&self.versions_in, version)
            && !among(&self.versions_notin, version)
            && within(event.ingested_at, self.created_after, self.created_before)
            && within(event.received_at, self.received_after, self.received_before)
    }

    /// Whether a stored event is found by this filter; it must carry all its jobs with their latest transitions.
    pub fn matches_event(&self, event: &Event) -> bool {
        self.matches_event_with(event, event.jobs.iter())
    }

    /// [`matches_event`](Self::matches_event) for an adapter that keeps the jobs apart: `jobs` are all of the event's, with
    /// their latest transitions, and those in the event are not looked at.
    pub fn matches_event_with<'a>(
        &self,
        event: &Event,
        mut jobs: impl Iterator<Item = &'a Job> + Clone,
    ) -> bool {
        if self.event_id().is_some() || self.job_id().is_some() {
            return self.event_id().is_none_or(|id| id == event.id)
                && self.job_id().is_none_or(|id| jobs.any(|job| job.id == id));
        }
        self.meets(event)
            && self.jobs.as_ref().is_none_or(|filter| {
                !jobs.clone().any(|job| filter.excludes(job, job.transition.as_ref()))
                    && (!filter.constrains_positively()
                        || jobs.any(|job| filter.admits(job, job.transition.as_ref())))
            })
    }

    /// Whether a stored job, with its latest transition, is found by this filter; the jobs of `event` are not looked at.
    pub fn matches_job(&self, event: &Event, job: &Job) -> bool {
        self.matches(event, job, job.transition.as_ref())
    }

    /// Whether a stored transition, any one of its job, is found by this filter.
    pub fn matches_transition(&self, event: &Event, job: &Job, transition: &Transition) -> bool {
        self.matches(event, job, Some(transition))
    }

    fn matches(&self, event: &Event, job: &Job, transition: Option<&Transition>) -> bool {
        if self.event_id().is_some() || self.job_id().is_some() {
            return self.event_id().is_none_or(|id| id == event.id)
                && self.job_id().is_none_or(|id| id == job.id);
        }
        self.meets(event)
            && self.jobs.as_ref().is_none_or(|filter| {
                filter.admits(job, transition) && !filter.excludes(job, transition)
            })
    }

    /// Whether [`Carry::Matching`](crate::Carry) keeps this job of a found event.
    pub fn carries_job(&self, job: &Job) -> bool {
        if let Some(id) = self.job_id() {
            return job.id == id;
        }
        if self.event_id().is_some() {
            return true;
        }
        let transition = job.transition.as_ref();
        self.jobs.as_ref().is_none_or(|filter| {
            filter.admits(job, transition) && !filter.excludes(job, transition)
        })
    }
}
