//! The runs that this handle has claimed and not reported yet: what makes their outcomes one statement.
//!
//! A run that is not here is no less valid: its outcome is decided row by row.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};

use blacksmith_store_core::{EventId, JobId, Status, Transition, TransitionId, next_attempt};

use crate::queues::QueueNumber;

/// More runs than any scheduler has at once. Those beyond were reported by other ways; they are forgotten together.
const MOST: usize = 500_000;

/// A run as its claim found it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) job: JobId,
    pub(crate) event: EventId,
    pub(crate) queue: QueueNumber,
    /// The id of its executing transition, and that transition's place in the job's chain.
    pub(crate) token: TransitionId,
    pub(crate) sequence: u64,
    pub(crate) attempt: u32,
    /// The row of `claims` that it belongs to.
    pub(crate) claim: TransitionId,
}

struct Claim {
    actor: Arc<str>,
    left: usize,
}

#[derive(Default)]
struct State {
    runs: HashMap<JobId, Run>,
    claims: HashMap<TransitionId, Claim>,
    /// Claims of which nothing is left, and whose rows are to be deleted.
    ended: Vec<TransitionId>,
}

/// An outcome that fits a run of this handle.
pub(crate) struct Fitting {
    pub(crate) run: Run,
    pub(crate) actor: Arc<str>,
    pub(crate) end: Transition,
}

/// The runs of a handle.
#[derive(Default)]
pub(crate) struct Running(Mutex<State>);

impl Running {
    /// Remembers the runs of a claim.
    pub(crate) fn begin(&self, actor: &str, runs: impl IntoIterator<Item = Run>) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        if state.runs.len() > MOST {
            *state = State::default();
        }
        let actor: Arc<str> = actor.into();
        for run in runs {
            let claim = state.claims.entry(run.claim);
            claim.or_insert_with(|| Claim { actor: Arc::clone(&actor), left: 0 }).left += 1;
            // A job whose former run has ended, though it is not forgotten yet, and which is claimed again. Answers may
            // also arrive in another order than their claims were made.
            let over = match state.runs.entry(run.job) {
                Entry::Vacant(entry) => {
                    entry.insert(run);
                    continue;
                }
                Entry::Occupied(entry) if entry.get().sequence > run.sequence => run,
                Entry::Occupied(mut entry) => entry.insert(run),
            };
            state.forget(over.claim, false);
        }
    }

    /// The runs that these transitions end, if all of them are outcomes of runs of this handle and fit.
    pub(crate) fn fitting(&self, ends: &[&Transition]) -> Option<Vec<Fitting>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.iter()
            .map(|end| {
                let run = *state.runs.get(end.job_id.as_ref()?)?;
                let fits = end.state_before == Some(Status::Executing)
                    && end.sequence == Some(run.sequence + 1)
                    && end.event_id.is_none_or(|event| event == run.event)
                    && next_attempt(Status::Executing, run.attempt, end.state_after)
                        == Some(end.attempt)
                    && end.id != run.token;
                let actor = Arc::clone(&state.claims.get(&run.claim)?.actor);
                fits.then(|| Fitting { run, actor, end: Transition::clone(end) })
            })
            .collect()
    }

    /// The claims whose rows go with these outcomes: those of which nothing else is left, and those that ended before.
    pub(crate) fn ending(&self, outcomes: &[&Fitting]) -> Vec<TransitionId> {
        let mut counts: HashMap<TransitionId, usize> = HashMap::new();
        for outcome in outcomes {
            *counts.entry(outcome.run.claim).or_default() += 1;
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ending = std::mem::take(&mut state.ended);
        let all_of = |(claim, count): &(&TransitionId, &usize)| {
            state.claims.get(claim).is_some_and(|claim| claim.left == **count)
        };
        ending.extend(counts.iter().filter(all_of).map(|(claim, _)| *claim));
        ending
    }

    /// Forgets runs, by their jobs and tokens, whose outcomes were stored; `deleted` are the claims whose rows went with them.
    pub(crate) fn end(
        &self,
        runs: impl IntoIterator<Item = (JobId, TransitionId)>,
        deleted: &[TransitionId],
    ) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        for (job, token) in runs {
            // Once an outcome is committed the job may be claimed again before this call is told: that run is another.
            if let Entry::Occupied(run) = state.runs.entry(job)
                && run.get().token == token
            {
                let claim = run.remove().claim;
                state.forget(claim, deleted.contains(&claim));
            }
        }
    }

    /// Takes back the claims of a statement that did not succeed, to be deleted with another.
    pub(crate) fn not_deleted(&self, claims: Vec<TransitionId>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = claims.into_iter().filter(|claim| !state.claims.contains_key(claim));
        let ended: Vec<_> = ended.collect();
        state.ended.extend(ended);
    }

    /// The claims whose rows are still to be deleted.
    pub(crate) fn take_ended(&self) -> Vec<TransitionId> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).ended)
    }
}

impl State {
    /// One run of a claim less.
    fn forget(&mut self, claim: TransitionId, deleted: bool) {
        let Entry::Occupied(mut entry) = self.claims.entry(claim) else { return };
        entry.get_mut().left -= 1;
        if entry.get().left == 0 {
            entry.remove();
            if !deleted {
                self.ended.push(claim);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: JobId = JobId::from_bytes([1; 20]);

    /// The run of [`JOB`] at `sequence` of its chain, by a claim of its own.
    fn run(sequence: u8) -> Run {
        let token = TransitionId::from_bytes([sequence; 20]);
        let (event, sequence) = (EventId::from_bytes([2; 20]), u64::from(sequence));
        Run { job: JOB, event, queue: 1, token, sequence, attempt: 1, claim: token }
    }

    fn current(running: &Running) -> Option<u64> {
        running.0.lock().expect("no panic").runs.get(&JOB).map(|run| run.sequence)
    }

    /// The outcome of the first run is committed, the job is claimed again, and only then is the first call told.
    #[test]
    fn an_end_that_is_told_late_leaves_the_next_run_alone() {
        let (running, first, second) = (Running::default(), run(1), run(3));
        running.begin("one", [first]);
        running.begin("other", [second]);
        running.end([(JOB, first.token)], &[first.claim]);
        assert_eq!(current(&running), Some(3));
        assert!(!running.take_ended().contains(&second.claim));

        running.end([(JOB, second.token)], &[]);
        assert_eq!((current(&running), running.take_ended()), (None, vec![second.claim]));
    }

    #[test]
    fn a_claim_whose_answer_comes_late_does_not_replace_a_later_one() {
        let (running, first, second) = (Running::default(), run(1), run(3));
        running.begin("other", [second]);
        running.begin("one", [first]);
        assert_eq!((current(&running), running.take_ended()), (Some(3), vec![first.claim]));
    }
}
