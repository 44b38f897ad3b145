//! `purge`: which events go, and what is left alone.

use std::time::Duration;

use blacksmith_store_core::{
    Event, EventId, PurgeRequest, Purged, Status, Timestamp, WhereEvents, WhereJobs,
    WhereTransitions,
};

use super::{Reference, StoredJob, filters, pages};

/// Events ingested within this time are spared.
pub(super) const SPARED: Duration = Duration::from_hours(1);

/// What becomes of an event that matches.
#[derive(PartialEq, Eq)]
enum Fate {
    Deleted,
    Unfinished,
    Recent,
}

/// Whether the request must be refused.
fn is_invalid(request: &PurgeRequest) -> bool {
    let filter = pages::constraints(&request.filter);
    if filters::ids(&filter).is_none() {
        let constrains = filter != WhereEvents::default() || request.older_than.is_some();
        return !constrains && !request.all;
    }
    // Ids stand alone.
    let jobs = filter.jobs.clone().unwrap_or_default();
    let mut alone = WhereJobs::default();
    alone.event_id = jobs.event_id;
    alone.transitions = jobs.transitions.and_then(|transitions| transitions.job_id).map(|id| {
        let mut alone = WhereTransitions::default();
        alone.job_id = Some(id);
        alone
    });
    filter != WhereEvents::default().with_jobs(alone) || request.older_than.is_some()
}

impl Reference {
    /// Judges a purge by what it answered and which events it deleted: with a maximum, it may choose which. The answer
    /// `None` is a refusal as invalid.
    pub(crate) fn purge(
        &mut self,
        request: &PurgeRequest,
        now: Timestamp,
        answer: Option<Purged>,
        was_deleted: impl Fn(EventId) -> bool,
    ) -> Result<(), String> {
        let Some(answer) = answer else {
            let verdict = "a purge was refused as invalid that is not";
            return if is_invalid(request) { Ok(()) } else { Err(verdict.into()) };
        };
        if is_invalid(request) {
            return Err("a purge was accepted that is invalid".into());
        }
        let fates: Vec<(EventId, Fate)> = self
            .matching_events(&request.filter)
            .into_iter()
            .filter(|event| request.older_than.is_none_or(|least| age(event, now) >= least))
            .map(|event| (event.id, self.fate(request, event, now)))
            .collect();
        let count = |wanted: Fate| fates.iter().filter(|(_, fate)| *fate == wanted).count() as u64;
        let (deletable, unfinished, recent) =
            (count(Fate::Deleted), count(Fate::Unfinished), count(Fate::Recent));

        let gone: Vec<EventId> =
            self.events.iter().map(|event| event.id).filter(|id| was_deleted(*id)).collect();
        let is_deletable = |id: &EventId| fates.contains(&(*id, Fate::Deleted));
        if let Some(id) = gone.iter().find(|id| !is_deletable(id)) {
            return Err(format!("the event {id} was purged and must not be"));
        }
        let jobs: Vec<_> = gone.iter().flat_map(|id| self.jobs_of(*id)).collect();
        let transitions: usize = jobs.iter().map(|job| job.chain.len()).sum();
        let removed = (gone.len() as u64, jobs.len() as u64, transitions as u64);
        if (answer.events, answer.jobs, answer.transitions) != removed {
            return Err(format!("{answer:?}: events, jobs and transitions gone are {removed:?}"));
        }
        let most = request.max_events.unwrap_or(u64::MAX);
        if removed.0 != deletable.min(most) {
            return Err(format!("{answer:?}: {deletable} events are to go, {most} at most"));
        }
        let left = (answer.left_unfinished, answer.left_recent);
        let is_right = if deletable < most {
            left == (unfinished, recent) && !answer.more
        } else {
            // It may have ended before it looked at all of them; that nothing was left to see, it need not notice.
            left.0 <= unfinished && left.1 <= recent && (answer.more || deletable == most)
        };
        if !is_right {
            return Err(format!(
                "{answer:?}: {deletable} are to go, {unfinished} are unfinished, {recent} recent"
            ));
        }
        self.events.retain(|event| !gone.contains(&event.id));
        self.jobs.retain(|job| !gone.contains(&job.event_id()));
        // A job that is added again begins a life of its own: no old claim is taken for one of it.
        let stored: Vec<_> = self.jobs.iter().map(StoredJob::id).collect();
        let taken = self.calls.iter_mut().flat_map(|call| &mut call.taken);
        for taken in taken.filter(|taken| !stored.contains(&taken.job)) {
            taken.sequence = None;
        }
        Ok(())
    }

    fn fate(&self, request: &PurgeRequest, event: &Event, now: Timestamp) -> Fate {
        let jobs = self.jobs_of(event.id);
        let mut states = jobs.iter().map(|job| job.latest().state_after);
        let is_finished = |status| matches!(status, Status::Succeeded | Status::Discarded);
        let stays = states.any(|status| {
            status == Status::Executing || (!is_finished(status) && !request.include_unfinished)
        });
        if stays {
            Fate::Unfinished
        } else if age(event, now) < SPARED && !request.include_recent {
            Fate::Recent
        } else {
            Fate::Deleted
        }
    }
}

/// How long ago an event was ingested; what seems to come from the future is as young as can be.
fn age(event: &Event, now: Timestamp) -> Duration {
    let ingested = event.ingested_at.expect("a stored event has its instant");
    (now - ingested).to_std().unwrap_or_default()
}
