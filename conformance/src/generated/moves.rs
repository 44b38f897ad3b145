//! Transitions that follow in a job's chain, and those that do not fit.

use blacksmith_store_core::{JobError, JobId, Status, Timestamp, Transition, TransitionId};

use crate::{
    life,
    reference::{Reference, StoredJob},
};

use super::{
    calls::{Caller, from},
    names::{ACTORS, event_id, job_id},
    operations::{Move, Target, Twist},
};

impl Caller {
    /// Transitions of a call. Those of jobs that were moved in it already are left out, but for a few.
    pub(super) fn transitions(
        &mut self,
        moves: Vec<Move>,
        in_call: &mut Vec<JobId>,
        reference: &Reference,
        now: Timestamp,
    ) -> Vec<Transition> {
        let mut transitions = Vec::new();
        for next in moves {
            let may_repeat = matches!(next.job, Target::Number(_));
            let transition = self.transition(&next, reference, now);
            let is_repeated = transition.job_id.is_some_and(|job| in_call.contains(&job));
            if may_repeat || !is_repeated {
                in_call.extend(transition.job_id);
                transitions.push(transition);
            }
        }
        transitions
    }

    fn transition(&mut self, next: &Move, reference: &Reference, now: Timestamp) -> Transition {
        let id = self.fresh_id();
        let stored = match next.job {
            Target::Executing(place) => {
                round(place, reference, |status| status == Status::Executing)
            }
            Target::Stored(place) => round(place, reference, |_| true),
            Target::Number(number) => reference.job(job_id(number)),
        };
        let Some(stored) = stored else {
            return of_nobody(id);
        };
        let chain: Vec<&Transition> = stored.chain().collect();
        let latest = stored.latest();
        let (before, after) = match next.twist {
            Twist::Before(status) => (status, nth_move(status, next.choice)),
            Twist::After(status) => (latest.state_after, status),
            _ => (latest.state_after, nth_move(latest.state_after, next.choice)),
        };
        let step = life::find(before, after);
        let mut transition = Transition::first(id, after);
        transition.state_before = Some(before);
        transition.job_id = Some(stored.id());
        transition.event_id = latest.event_id;
        transition.sequence = latest.sequence.map(|sequence| sequence + 1);
        transition.attempt = moved(latest.attempt, step.map_or(0, |step| step.attempt));
        transition.actor = next.actor.map(|actor| ACTORS[actor].to_owned());
        if next.has_error && after == Status::Failed {
            transition.error = Some(JobError::new("refused"));
        }
        if step.is_some_and(|step| step.may_wait) {
            transition.run_at = next.wait.map(|wait| from(now, wait));
        }
        let stored_at = |place: usize| chain[place % chain.len()].clone();
        match next.twist {
            Twist::None | Twist::Before(_) | Twist::After(_) => {}
            Twist::Sequence(by) => {
                let sequence = transition.sequence.unwrap_or(0);
                transition.sequence = sequence.checked_add_signed(by);
            }
            Twist::Attempt(by) => transition.attempt = moved(transition.attempt, by),
            Twist::Stored(place) => transition = stored_at(place),
            Twist::Altered(place) => {
                transition = stored_at(place).with_actor("somebody else");
            }
            Twist::IdOf(place) => {
                let ids: Vec<TransitionId> =
                    reference.transitions().map(|other| other.id).collect();
                if let Some(taken) = ids.get(place % ids.len().max(1)) {
                    transition.id = *taken;
                }
            }
            Twist::OtherEvent => transition.event_id = Some(event_id(self.size.events)),
            Twist::WithoutEvent => transition.event_id = None,
            Twist::Wait => transition.run_at = Some(from(now, 3)),
        }
        transition
    }
}

/// One of the stored jobs in such a state, counted round; any stored job where there is none.
fn round(
    place: usize,
    reference: &Reference,
    is_such: impl Fn(Status) -> bool,
) -> Option<&StoredJob> {
    let all: Vec<&StoredJob> = reference.stored_jobs().collect();
    let mut such = all.clone();
    such.retain(|job| is_such(job.latest().state_after));
    let chosen = if such.is_empty() { all } else { such };
    chosen.get(place % chosen.len().max(1)).copied()
}

fn moved(attempt: u32, by: i64) -> u32 {
    u32::try_from(i64::from(attempt) + by).unwrap_or(0)
}

/// One of the states to which a job can be moved from another; those that end a run well come first.
fn nth_move(from: Status, choice: usize) -> Status {
    let legal: Vec<Status> = Status::ALL
        .into_iter()
        .filter(|to| *to != Status::Executing && life::find(from, *to).is_some())
        .collect();
    legal[choice % legal.len()]
}

/// The end of a run of a job that nobody has stored.
fn of_nobody(id: TransitionId) -> Transition {
    let mut transition = Transition::first(id, Status::Succeeded);
    transition.state_before = Some(Status::Executing);
    transition.attempt = 1;
    transition.sequence = Some(2);
    transition.job_id = Some(job_id(7_777));
    transition
}
