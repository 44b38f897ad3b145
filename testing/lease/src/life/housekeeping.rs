//! What happens besides: leases end and are expired, the gateway resends, an old event is purged, a destination is paused.

use blacksmith_store_core::Status;

use super::{
    chain::{Actor, Transition, TransitionId},
    promise::Promise,
    rules::Rules,
    state::{Message, State, Work, is_finished},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Happening {
    LeaseEnds,
    Expire,
    GatewayResends,
    /// The gateway has its answer, or resends no more.
    GatewayIsDone,
    PurgeSelects,
    PurgeDeletes,
    TombstoneIsForgotten,
    /// Somebody pauses, then resumes, then pauses again.
    PauseStep,
    /// The answer to the resume was lost: it is sent again.
    ResumeAgain,
}

/// What may happen now.
pub(super) fn happenings(rules: &Rules, state: &State) -> Vec<Happening> {
    let mut happenings = Vec::new();
    if let Some(job) = &state.job
        && job.latest().after == Status::Executing
    {
        let is_held = is_held(rules, state, job.latest().id) || is_being_claimed(rules, state);
        if job.is_leased && (!is_held || state.left.slow > 0) {
            happenings.push(Happening::LeaseEnds);
        }
        // What was appended without a claim has no lease, and nothing ever ends it.
        if !job.is_leased && !rules.executing_by_append {
            happenings.push(Happening::Expire);
        }
    }
    let is_on_its_way = state.network.contains(&Message::AddEvents);
    if state.left.gateway_resends > 0 {
        happenings.push(Happening::GatewayResends);
        if !is_on_its_way {
            happenings.push(Happening::GatewayIsDone);
        }
    }
    // By contract no copy is on its way after some time, and the caller resends no more.
    let is_time_over = state.left.gateway_resends == 0 && !is_on_its_way;
    let is_finished = state.job.as_ref().is_some_and(|job| is_finished(job.latest().after));
    if state.left.purges > 0
        && !state.purge_has_selected
        && is_finished
        && (is_time_over || !rules.purge_waits)
    {
        happenings.push(Happening::PurgeSelects);
    }
    if state.purge_has_selected {
        happenings.push(Happening::PurgeDeletes);
    }
    if state.is_tombstone_kept && is_time_over {
        happenings.push(Happening::TombstoneIsForgotten);
    }
    if rules.pauses {
        if matches!(state.pause_step, 0 | 2 | 4) {
            happenings.push(Happening::PauseStep);
        }
        if state.pause_step == 3 && state.left.lost > 0 {
            happenings.push(Happening::ResumeAgain);
        }
    }
    happenings
}

/// Whether a worker that lives has this claim, or will be told of it.
fn is_held(rules: &Rules, state: &State, claim: TransitionId) -> bool {
    let has_it = state.workers.iter().any(|worker| match worker.work {
        Work::Holds { seen, .. } => seen.id == claim,
        Work::Reporting(report) | Work::Doubts(report) => report.seen.id == claim,
        Work::Idle | Work::Claiming { .. } => false,
    });
    has_it || (rules.reconciled && state.is_unanswered(claim))
}

/// Whether the present claim may still be resent by its claimer.
fn is_being_claimed(rules: &Rules, state: &State) -> bool {
    let present = state.job.as_ref().map(|job| job.latest().id);
    rules.claim_ids
        && state.workers.iter().any(|worker| {
            matches!((worker.work, present), (
                Work::Claiming { claim }, Some(TransitionId::Claim(_, number)),
            ) if claim == number)
        })
}

/// What comes of it; `None` if it cannot happen.
pub(super) fn happen(rules: &Rules, state: &mut State, happening: Happening) -> Option<()> {
    match happening {
        Happening::LeaseEnds => {
            if is_held(rules, state, state.job.as_ref()?.latest().id) {
                state.left.slow = state.left.slow.checked_sub(1)?;
            }
            state.job.as_mut()?.is_leased = false;
        }
        Happening::Expire => {
            let latest = *state.job.as_ref()?.latest();
            let expiry = Transition {
                id: TransitionId::Expiry(state.lives, latest.sequence + 1),
                sequence: latest.sequence + 1,
                attempt: latest.attempt,
                before: Some(Status::Executing),
                after: Status::Unknown,
                by: Actor::Expirer,
            };
            state.append(expiry, latest.id);
        }
        Happening::GatewayResends => {
            state.left.gateway_resends -= 1;
            state.gateway_waits = true;
            state.send(Message::AddEvents);
        }
        Happening::GatewayIsDone => state.left.gateway_resends = 0,
        Happening::PurgeSelects => {
            state.left.purges -= 1;
            state.purge_has_selected = true;
        }
        Happening::PurgeDeletes => purge(rules, state),
        Happening::TombstoneIsForgotten => state.is_tombstone_kept = false,
        Happening::PauseStep => {
            let message = match state.pause_step {
                0 => Message::Pause { pause: 1 },
                2 => Message::Resume { pause: 1 },
                _ => Message::Pause { pause: 2 },
            };
            state.pause_step += 1;
            state.send(message);
        }
        Happening::ResumeAgain => {
            state.left.lost -= 1;
            state.send(Message::Resume { pause: 1 });
        }
    }
    Some(())
}

fn purge(rules: &Rules, state: &mut State) {
    state.purge_has_selected = false;
    let Some(job) = &state.job else { return };
    if !is_finished(job.latest().after) {
        if rules.purge_decides_again {
            return;
        }
        state.broken.note(Promise::PurgeSpares);
    }
    let ids = job.chain.iter().map(|transition| transition.id);
    state.past.extend(ids);
    state.past.sort_unstable();
    state.job = None;
    state.was_purged = true;
    state.is_tombstone_kept = true;
    state.follow_ups.clear();
}
