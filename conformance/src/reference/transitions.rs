//! `add_transitions`: compare-and-set by sequence, state and attempt; idempotent by id.

use blacksmith_store_core::{Appended, ErrorKind, Status, Timestamp, Transition, TransitionId};

use crate::life;

use super::{Answer, Reference, Refused, StoredJob, cut};

/// What becomes of a transition.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    New,
    Known,
    OtherContent,
    Stale,
    /// Its job is not stored.
    Gone,
}

/// Everything but the instant, which the store sets, and the event, which may be left out.
fn same(one: &Transition, other: &Transition) -> bool {
    one.id == other.id
        && one.job_id == other.job_id
        && one.sequence == other.sequence
        && one.attempt == other.attempt
        && one.state_before == other.state_before
        && one.state_after == other.state_after
        && one.error == other.error
        && one.run_at == other.run_at
        && one.actor == other.actor
}

/// Whether the transition can follow in any chain at all.
fn is_legal(transition: &Transition) -> bool {
    let step = transition.state_before.and_then(|from| life::find(from, transition.state_after));
    step.is_some_and(|step| step.may_wait || transition.run_at.is_none())
        // Only a claim leads there.
        && transition.state_after != Status::Executing
        && transition.sequence.is_some_and(|sequence| sequence > 0)
        && transition.job_id.is_some()
}

/// The transitions of a call (of a change) without repetitions; or why it is refused, whatever is stored.
pub(super) fn once_each(transitions: &[Transition]) -> Result<Vec<Transition>, Vec<ErrorKind>> {
    let mut wrong = Vec::new();
    let mut once: Vec<Transition> = Vec::new();
    for transition in transitions {
        let mut transition = transition.clone();
        transition.run_at = transition.run_at.map(cut);
        if !is_legal(&transition) {
            wrong.push(ErrorKind::InvalidInput);
        }
        let of_its_job = once.iter().find(|other| other.job_id == transition.job_id);
        if of_its_job
            .is_some_and(|other| same(other, &transition) && other.event_id == transition.event_id)
        {
            continue;
        }
        if of_its_job.is_some() {
            wrong.push(ErrorKind::InvalidInput);
        } else if once.iter().any(|other| other.id == transition.id) {
            wrong.push(ErrorKind::Conflict);
        }
        once.push(transition);
    }
    if wrong.is_empty() { Ok(once) } else { Err(wrong) }
}

impl Reference {
    pub(crate) fn add_transitions(
        &mut self,
        transitions: &[Transition],
        now: Timestamp,
    ) -> Answer<Appended> {
        let transitions = once_each(transitions).map_err(|kinds| Refused { kinds, names: None })?;
        let names_another = |next: &&Transition| {
            let event = next.job_id.and_then(|job| self.job(job)).map(StoredJob::event_id);
            next.event_id.is_some_and(|named| event.is_some_and(|event| event != named))
        };
        let strangers: Vec<TransitionId> =
            transitions.iter().filter(names_another).map(|next| next.id).collect();
        if !strangers.is_empty() {
            return Err(Refused::naming(ErrorKind::InvalidInput, strangers));
        }
        let with = |wanted: &[Verdict]| {
            let judged = transitions.iter().filter(|next| wanted.contains(&self.judge(next)));
            judged.cloned().collect::<Vec<Transition>>()
        };
        let gone = with(&[Verdict::Gone]);
        if !gone.is_empty() {
            let jobs = gone.into_iter().filter_map(|next| next.job_id);
            return Err(Refused::naming(ErrorKind::NotFound, jobs));
        }
        let misfits = with(&[Verdict::OtherContent, Verdict::Stale]);
        if !misfits.is_empty() {
            let ids = misfits.into_iter().map(|next| next.id);
            return Err(Refused::naming(ErrorKind::Conflict, ids));
        }
        let mut appended = Appended::default();
        appended.known = with(&[Verdict::Known]).len() as u64;
        appended.new = self.append_new(transitions, now);
        Ok(appended)
    }

    /// Appends those that are new of transitions that stand; answers how many.
    pub(super) fn append_new(&mut self, transitions: Vec<Transition>, now: Timestamp) -> u64 {
        let mut new = 0;
        for next in transitions {
            if self.judge(&next) == Verdict::New
                && let Some(stored) = next.job_id.and_then(|job| self.job_mut(job))
            {
                stored.append(next, now);
                new += 1;
            }
        }
        new
    }

    /// Holds a transition against what is stored.
    pub(super) fn judge(&self, next: &Transition) -> Verdict {
        let Some(stored) = next.job_id.and_then(|job| self.job(job)) else {
            return Verdict::Gone;
        };
        match self.transition(next.id) {
            Some(known) if same(known, next) => return Verdict::Known,
            Some(_) => return Verdict::OtherContent,
            None => {}
        }
        let latest = stored.latest();
        let step = life::find(latest.state_after, next.state_after);
        let fits = next.sequence == latest.sequence.map(|sequence| sequence + 1)
            && next.state_before == Some(latest.state_after)
            && step.is_some_and(|step| {
                i64::from(next.attempt) == i64::from(latest.attempt) + step.attempt
            });
        if fits { Verdict::New } else { Verdict::Stale }
    }
}
