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
    /// The claim call that it belongs to, by its lowest token.
    pub(crate) call: TransitionId,
}

/// A claim call of which runs are left.
struct Call {
    actor: Arc<str>,
    /// Its rows of `claims`. They go together: the token of a run that has ended still names the call.
    rows: Vec<TransitionId>,
    left: usize,
}

#[derive(Default)]
struct State {
    runs: HashMap<JobId, Run>,
    calls: HashMap<TransitionId, Call>,
    /// Rows of `claims` that are still to be deleted, for nothing is left of their calls.
    ended: Vec<TransitionId>,
}

/// What becomes of claim calls when outcomes are stored.
#[derive(Default)]
pub(crate) struct Ending {
    /// The calls of which nothing else is left.
    calls: Vec<TransitionId>,
    /// Their rows.
    rows: Vec<TransitionId>,
    /// Rows of calls that ended before.
    before: Vec<TransitionId>,
}

impl Ending {
    /// The rows of `claims` that go with the outcomes.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &TransitionId> {
        self.rows.iter().chain(&self.before)
    }
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
    /// Remembers the runs of a claim call, and its rows of `claims`.
    pub(crate) fn begin(
        &self,
        actor: &str,
        rows: Vec<TransitionId>,
        runs: impl IntoIterator<Item = Run>,
    ) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        if state.runs.len() > MOST {
            *state = State::default();
        }
        let mut call = Some(Call { actor: actor.into(), rows, left: 0 });
        for run in runs {
            match state.calls.entry(run.call) {
                Entry::Occupied(mut known) => known.get_mut().left += 1,
                Entry::Vacant(entry) => {
                    let Some(call) = call.take() else { continue };
                    entry.insert(Call { left: 1, ..call });
                }
            }
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
            state.forget(over.call, &[]);
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
                let actor = Arc::clone(&state.calls.get(&run.call)?.actor);
                fits.then(|| Fitting { run, actor, end: Transition::clone(end) })
            })
            .collect()
    }

    /// The claim calls that end with these outcomes, and those that ended before.
    pub(crate) fn ending(&self, outcomes: &[&Fitting]) -> Ending {
        let mut counts: HashMap<TransitionId, usize> = HashMap::new();
        for outcome in outcomes {
            *counts.entry(outcome.run.call).or_default() += 1;
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ending = Ending { before: std::mem::take(&mut state.ended), ..Ending::default() };
        for (id, count) in counts {
            if let Some(call) = state.calls.get(&id).filter(|call| call.left == count) {
                ending.calls.push(id);
                ending.rows.extend(&call.rows);
            }
        }
        ending
    }

    /// Forgets runs, by their jobs and tokens, whose outcomes were stored; the rows of `deleted` went with them.
    pub(crate) fn end(
        &self,
        runs: impl IntoIterator<Item = (JobId, TransitionId)>,
        deleted: &Ending,
    ) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        for (job, token) in runs {
            // Once an outcome is committed the job may be claimed again before this call is told: that run is another.
            if let Entry::Occupied(run) = state.runs.entry(job)
                && run.get().token == token
            {
                let call = run.remove().call;
                state.forget(call, &deleted.calls);
            }
        }
    }

    /// Takes back what a statement that did not succeed was to delete, for another one. The rows of calls that were to end with
    /// it stay with those calls.
    pub(crate) fn not_deleted(&self, ending: Ending) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.ended.extend(ending.before);
    }

    /// The rows of `claims` that are still to be deleted.
    pub(crate) fn take_ended(&self) -> Vec<TransitionId> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).ended)
    }
}

impl State {
    /// One run of a call less; of the calls `deleted`, the rows are gone.
    fn forget(&mut self, call: TransitionId, deleted: &[TransitionId]) {
        let Entry::Occupied(mut entry) = self.calls.entry(call) else { return };
        entry.get_mut().left -= 1;
        if entry.get().left == 0 {
            let ended = entry.remove();
            if !deleted.contains(&call) {
                self.ended.extend(ended.rows);
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
        Run { job: JOB, event, queue: 1, token, sequence, attempt: 1, call: token }
    }

    fn current(running: &Running) -> Option<u64> {
        running.0.lock().expect("no panic").runs.get(&JOB).map(|run| run.sequence)
    }

    /// The outcome of the first run is committed, the job is claimed again, and only then is the first call told.
    #[test]
    fn an_end_that_is_told_late_leaves_the_next_run_alone() {
        let (running, first, second) = (Running::default(), run(1), run(3));
        running.begin("one", vec![first.token], [first]);
        running.begin("other", vec![second.token], [second]);
        let deleted = Ending { calls: vec![first.call], ..Ending::default() };
        running.end([(JOB, first.token)], &deleted);
        assert_eq!(current(&running), Some(3));
        assert!(!running.take_ended().contains(&second.token));

        running.end([(JOB, second.token)], &Ending::default());
        assert_eq!((current(&running), running.take_ended()), (None, vec![second.token]));
    }

    #[test]
    fn a_claim_whose_answer_comes_late_does_not_replace_a_later_one() {
        let (running, first, second) = (Running::default(), run(1), run(3));
        running.begin("other", vec![second.token], [second]);
        running.begin("one", vec![first.token], [first]);
        assert_eq!((current(&running), running.take_ended()), (Some(3), vec![first.token]));
    }

    #[test]
    fn the_rows_of_a_call_go_with_its_last_outcome() {
        let running = Running::default();
        let tokens = [1, 2].map(|byte| TransitionId::from_bytes([byte; 20]));
        let jobs = [3, 4].map(|byte| JobId::from_bytes([byte; 20]));
        let runs = [0, 1].map(|place| Run {
            job: jobs[place],
            token: tokens[place],
            call: tokens[0],
            ..run(1)
        });
        running.begin("one", tokens.to_vec(), runs);
        let outcome = |run: Run| {
            let mut end = Transition::first(TransitionId::from_bytes([9; 20]), Status::Succeeded);
            end.job_id = Some(run.job);
            Fitting { run, actor: "one".into(), end }
        };
        let [first, last] = runs.map(outcome);

        let deleted = running.ending(&[&first]);
        assert_eq!(deleted.rows().count(), 0);
        running.end([(first.run.job, first.run.token)], &deleted);
        // A statement that fails deletes nothing, and the next one tries again.
        for _ in 0..2 {
            let deleted = running.ending(&[&last]);
            assert!(deleted.rows().eq(&tokens));
            running.not_deleted(deleted);
        }
        running.end([(last.run.job, last.run.token)], &running.ending(&[&last]));
        assert_eq!(running.take_ended(), []);
    }
}
