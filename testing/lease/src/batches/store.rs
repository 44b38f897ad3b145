//! What a store does with a call that reaches it.

use super::{
    model::{Batches, Commit, Fits, Known, Promise},
    state::{Answer, Call, Entry, State},
};

impl State {
    /// A copy is executed; when the store fails halfway, outcomes are stored, follow-ups are not, and no answer comes.
    pub(super) fn deliver(&mut self, batches: &Batches, copy: usize, fails: bool) {
        let call = self.calls.remove(copy);
        let remembered = self.remembered.iter().find(|(number, _)| *number == call.number);
        let answers = match remembered {
            Some((_, answers)) if batches.known == Known::ByCall => answers.clone(),
            _ => self.execute(batches, &call, fails),
        };
        if batches.known == Known::ByCall
            && self.remembered.iter().all(|(number, _)| *number != call.number)
        {
            self.remembered.push((call.number, answers.clone()));
        }
        if !call.is_awaited {
            return;
        }
        if fails {
            // The connection is lost: the client knows that it waits in vain.
            self.answer = None;
        } else if call.is_apply {
            self.answer = Some(answers);
        } else {
            self.answer = Some(named(answers));
        }
    }

    fn execute(&mut self, batches: &Batches, call: &Call, fails: bool) -> Vec<(usize, Answer)> {
        let before = self.jobs;
        let answer = |entry: &Entry| (entry.claim, self.decide(batches, *entry));
        let alone: Vec<(usize, Answer)> = call.entries.iter().map(answer).collect();
        let is_refused = alone.iter().any(|(_, answer)| !answer.is_stored());
        // A call by another hand than the client's is by the contract.
        let commit =
            if call.is_apply || !batches.is_apply { batches.commit } else { Commit::WholeCall };
        let mut answers = alone.clone();
        if commit == Commit::WholeCall && is_refused {
            // Nothing is stored. An error of `add_transitions` names those that fall alone, `named` sees to that.
            for (_, answer) in answers.iter_mut().filter(|(_, answer)| *answer == Answer::Applied) {
                if call.is_apply {
                    *answer = Answer::Stale;
                }
            }
        } else {
            for (entry, _) in call
                .entries
                .iter()
                .zip(&alone)
                .filter(|(_, (_, answer))| *answer == Answer::Applied)
            {
                self.commit(*entry, entry.has_follow_up && !fails);
            }
        }
        self.judge_call(call, &before, &alone, is_refused);
        answers
    }

    /// What becomes of a change that is alone in its call.
    fn decide(&self, batches: &Batches, entry: Entry) -> Answer {
        let job = self.jobs[entry.claim];
        let is_event_missing = entry.has_follow_up && entry.claim == 0 && !self.has_event;
        let fits = match batches.fits {
            Fits::BySequence => job.sequence == 1,
            Fits::ByState => job.is_executing,
        };
        if batches.known == Known::ByTransition && job.has_outcome {
            Answer::Known
        } else if job.is_gone || is_event_missing {
            Answer::Gone
        } else if entry.has_follow_up && job.has_other {
            Answer::Conflict
        } else if fits {
            Answer::Applied
        } else {
            Answer::Stale
        }
    }

    fn commit(&mut self, entry: Entry, has_follow_up: bool) {
        let job = &mut self.jobs[entry.claim];
        job.has_outcome = true;
        job.is_executing = false;
        job.sequence += 1;
        job.outcomes += 1;
        job.ends += 1;
        job.follow_ups += u8::from(has_follow_up);
    }

    fn judge_call(
        &mut self,
        call: &Call,
        before: &[super::state::Job; 2],
        alone: &[(usize, Answer)],
        is_refused: bool,
    ) {
        for &(claim, answer) in alone {
            let outcomes = self.jobs[claim].outcomes - before[claim].outcomes;
            let follow_ups = self.jobs[claim].follow_ups - before[claim].follow_ups;
            if call.is_apply && outcomes != follow_ups {
                self.broken.note(Promise::FollowUps);
            }
            if call.is_apply && answer == Answer::Applied && outcomes == 0 {
                self.broken.note(Promise::Apart);
            }
            if !call.is_apply && is_refused && outcomes > 0 {
                self.broken.note(Promise::Refused);
            }
        }
    }
}

/// What an answer of `add_transitions` settles: all of the call, or what its error names. What is absent hides what is stale.
fn named(answers: Vec<(usize, Answer)>) -> Vec<(usize, Answer)> {
    for refused in [Answer::Gone, Answer::Stale] {
        if answers.iter().any(|(_, answer)| *answer == refused) {
            return answers.into_iter().filter(|(_, answer)| *answer == refused).collect();
        }
    }
    answers
}
