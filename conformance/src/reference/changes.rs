//! `apply`: each change stands or falls as a whole.

use blacksmith_store_core::{
    Change, ChangeOutcome, ErrorKind, EventId, JobId, Status, Timestamp, TransitionId,
};

use super::{
    Answer, NAMELESS, Reference, Refused, StoredJob,
    adding::Additions,
    transitions::{Verdict, once_each},
};

impl Reference {
    pub(crate) fn apply(
        &mut self,
        changes: &[Change],
        now: Timestamp,
    ) -> Answer<Vec<ChangeOutcome>> {
        self.check_changes(changes)?;
        Ok(changes.iter().map(|change| self.apply_one(change, now)).collect())
    }

    /// What refuses the whole call: anything that is invalid, whichever change it stands in.
    fn check_changes(&self, changes: &[Change]) -> Answer<()> {
        let mut wrong = Vec::new();
        let mut moved: Vec<JobId> = Vec::new();
        let mut used: Vec<(TransitionId, JobId)> = Vec::new();
        let mut brought: Vec<(JobId, EventId)> = Vec::new();
        for change in changes {
            let additions = additions_of(change);
            for job in &additions.jobs {
                let first = job.transition.as_ref().filter(|first| first.id != NAMELESS);
                used.extend(first.map(|first| (first.id, job.id)));
                brought.extend(job.event_id.map(|event| (job.id, event)));
            }
            wrong.extend(additions.wrong);
            match once_each(&change.transitions) {
                Err(kinds) => wrong.extend(kinds),
                Ok(transitions) => {
                    let pairs = transitions.iter().filter_map(|next| Some((next.id, next.job_id?)));
                    for (id, job) in pairs {
                        if moved.contains(&job) {
                            wrong.push(ErrorKind::InvalidInput);
                        }
                        moved.push(job);
                        // No transition that follows is a first one, so the id is used twice also for the same job.
                        if used.iter().any(|(other, _)| *other == id) {
                            wrong.push(ErrorKind::Conflict);
                        }
                        used.push((id, job));
                    }
                }
            }
        }
        let is_twice = |(id, job): &(TransitionId, JobId)| {
            used.iter().any(|(other, of)| other == id && of != job)
        };
        if used.iter().any(is_twice) {
            wrong.push(ErrorKind::Conflict);
        }
        if !wrong.is_empty() {
            return Err(Refused { kinds: wrong, names: None });
        }
        let event_of = |job: JobId| {
            let stored = self.job(job).map(StoredJob::event_id);
            stored.or_else(|| Some(brought.iter().find(|(id, _)| *id == job)?.1))
        };
        let strangers = changes.iter().flat_map(|change| &change.transitions).filter(|next| {
            let event = next.job_id.and_then(event_of);
            next.event_id.is_some_and(|named| event.is_some_and(|event| event != named))
        });
        let strangers: Vec<TransitionId> = strangers.map(|next| next.id).collect();
        if strangers.is_empty() { Ok(()) } else { Err(Refused::invalid()) }
    }

    fn apply_one(&mut self, change: &Change, now: Timestamp) -> ChangeOutcome {
        let additions = additions_of(change);
        let transitions = once_each(&change.transitions).unwrap_or_default();
        let before = self.look(&additions);

        // The transitions are held against what would be stored with the additions.
        let mut after = self.clone();
        let asked = (additions.events.len() + additions.jobs.len()) as u64;
        after.insert(additions, now);
        let judged: Vec<_> = transitions.iter().map(|next| after.judge(next)).collect();

        let is_known = if judged.is_empty() {
            before.known.events_known + before.known.jobs_known == asked
        } else {
            judged.iter().all(|verdict| *verdict == Verdict::Known)
        };
        if is_known {
            return ChangeOutcome::Known;
        }
        if !before.absent_events.is_empty() || judged.contains(&Verdict::Gone) {
            return ChangeOutcome::Gone;
        }
        if !before.conflicts.is_empty() || judged.contains(&Verdict::OtherContent) {
            return ChangeOutcome::Conflict;
        }
        if judged.contains(&Verdict::Stale) {
            return ChangeOutcome::Stale;
        }
        after.append_new(transitions, now);
        *self = after;
        ChangeOutcome::Applied
    }
}

fn additions_of(change: &Change) -> Additions {
    let states = [Status::Awaiting, Status::Acknowledged];
    Additions::of(change.events.clone(), change.jobs.clone(), states)
}
