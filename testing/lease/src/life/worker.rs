//! What workers do: claim, start, report, renew, crash, and deal with answers that do not come.

use blacksmith_store_core::Status;

use super::{
    chain::TransitionId,
    promise::Promise,
    rules::{Learning, Rules},
    state::{Message, Report, State, Work},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum WorkerAction {
    Claim,
    /// Reads a due job and sends its `executing` transition.
    AppendExecuting,
    ResendClaim,
    StopWaiting,
    Start,
    Report(Status),
    Renew,
    Resend,
    LookUp,
    Forget,
    ChangeMind,
    /// Takes up a claim that its heartbeat told it of.
    TakeUp,
    Crash,
}

/// What this worker may do now.
pub(super) fn actions(rules: &Rules, state: &State, worker: u8) -> Vec<WorkerAction> {
    let work = state.workers[usize::from(worker)].work;
    let left = state.left;
    let mut actions = Vec::new();
    match work {
        // A claimer with nothing due only polls, which changes nothing.
        Work::Idle if is_due(state) && rules.executing_by_append => {
            actions.push(WorkerAction::AppendExecuting);
        }
        Work::Idle if is_due(state) => actions.push(WorkerAction::Claim),
        Work::Claiming { .. } if left.lost > 0 && rules.claim_ids => {
            actions.push(WorkerAction::ResendClaim);
        }
        Work::Claiming { .. } | Work::Reporting(_) if left.lost > 0 => {
            actions.push(WorkerAction::StopWaiting);
        }
        Work::Idle | Work::Claiming { .. } | Work::Reporting(_) => {}
        Work::Holds { seen, is_started } => {
            if is_started {
                reports(rules, state, seen.attempt, &mut actions);
            } else {
                let is_spared =
                    rules.budget_spares_awaiting && seen.came_from == Some(Status::Awaiting);
                let is_over = seen.attempt > rules.budget && !is_spared;
                beginnings(rules, state, is_over, &mut actions);
            }
            if left.renewals > 0 {
                actions.push(WorkerAction::Renew);
            }
        }
        Work::Doubts(_) => {
            let next = if left.resends > 0 { WorkerAction::Resend } else { WorkerAction::Forget };
            actions.push(next);
            if rules.learning == Learning::LookUp {
                actions.push(WorkerAction::LookUp);
            }
            if rules.change_of_mind && left.give_backs > 0 {
                actions.push(WorkerAction::ChangeMind);
            }
        }
    }
    if work != Work::Idle && left.crashes > 0 {
        actions.push(WorkerAction::Crash);
    }
    if work == Work::Idle && rules.reconciled && is_told_of_a_claim(state, worker) {
        actions.push(WorkerAction::TakeUp);
    }
    actions
}

fn is_due(state: &State) -> bool {
    state.paused_by.is_none()
        && state.job.as_ref().is_some_and(|job| job.latest().after.is_waiting())
}

/// What comes after a claim: a discard, a start, or the job is given back.
fn beginnings(rules: &Rules, state: &State, is_over: bool, actions: &mut Vec<WorkerAction>) {
    if rules.budget_checked && is_over {
        actions.push(WorkerAction::Report(Status::Discarded));
        return;
    }
    let is_paused = rules.start_checks_pause && state.paused_by.is_some();
    if !is_paused {
        actions.push(WorkerAction::Start);
    }
    if is_paused || state.left.give_backs > 0 {
        actions.push(WorkerAction::Report(Status::Awaiting));
    }
}

/// How a run may end.
fn reports(rules: &Rules, state: &State, attempt: u8, actions: &mut Vec<WorkerAction>) {
    actions.push(WorkerAction::Report(Status::Succeeded));
    if state.left.failures == 0 {
        return;
    }
    if attempt >= rules.budget {
        actions.push(WorkerAction::Report(Status::Discarded));
    } else {
        actions.push(WorkerAction::Report(Status::Failed));
        actions.push(WorkerAction::Report(Status::Unknown));
    }
}

/// Whether the job executes under a claim of this worker whose answer it never got.
fn is_told_of_a_claim(state: &State, worker: u8) -> bool {
    state.job.as_ref().is_some_and(|job| {
        let latest = job.latest();
        latest.after == Status::Executing
            && matches!(latest.id, TransitionId::Claim(claimer, _) if claimer == worker)
            && state.is_unanswered(latest.id)
    })
}

/// What comes of it; `None` if it changes nothing that is looked at.
pub(super) fn act(
    rules: &Rules,
    state: &mut State,
    number: u8,
    action: WorkerAction,
) -> Option<()> {
    let place = usize::from(number);
    match (action, state.workers[place].work) {
        (WorkerAction::Claim, _) => {
            let worker = &mut state.workers[place];
            worker.claims += 1;
            let claim = worker.claims;
            worker.work = Work::Claiming { claim };
            state.send(Message::Claim { worker: number, claim });
        }
        (WorkerAction::AppendExecuting, _) => {
            let seen = state.job.as_ref()?.latest().into();
            let worker = &mut state.workers[place];
            worker.claims += 1;
            let id = TransitionId::Claim(number, worker.claims);
            state.send(Message::AppendExecuting { worker: number, id, seen });
            // Enough are on their way.
            if state.network.len() > 2 {
                return None;
            }
        }
        (WorkerAction::ResendClaim, Work::Claiming { claim }) => {
            state.left.lost -= 1;
            state.send(Message::Claim { worker: number, claim });
        }
        (WorkerAction::StopWaiting, work) => {
            state.left.lost -= 1;
            state.workers[place].work = match work {
                Work::Reporting(report) => Work::Doubts(report),
                _ => Work::Idle,
            };
        }
        (WorkerAction::Start, Work::Holds { seen, .. }) => {
            state.workers[place].work = Work::Holds { seen, is_started: true };
            start(rules, state, seen.id);
        }
        (WorkerAction::Report(after), Work::Holds { seen, is_started }) => {
            count_report(rules, state, after, seen.id, is_started);
            let has_follow_up = rules.follow_ups && after == Status::Succeeded;
            let id = next_report(state, number);
            send_report(state, number, Report { id, seen, after, has_follow_up });
        }
        (WorkerAction::Renew, Work::Holds { seen, .. }) => {
            state.left.renewals -= 1;
            state.send(Message::Extend { worker: number, seen });
        }
        (WorkerAction::Resend, Work::Doubts(report)) => {
            state.left.resends -= 1;
            send_report(state, number, report);
        }
        (WorkerAction::LookUp, Work::Doubts(report)) => {
            if state.job.as_ref().is_some_and(|job| !job.has(report.id)) {
                state.refuse(report.id);
            }
            state.workers[place].work = Work::Idle;
        }
        (WorkerAction::Forget, _) => state.workers[place].work = Work::Idle,
        (WorkerAction::ChangeMind, Work::Doubts(Report { seen, after: before, .. })) => {
            state.left.give_backs -= 1;
            let is_given_back = rules.started_given_back || before == Status::Awaiting;
            let after = if is_given_back { Status::Awaiting } else { Status::Unknown };
            let id = next_report(state, number);
            send_report(state, number, Report { id, seen, after, has_follow_up: false });
        }
        (WorkerAction::TakeUp, _) => {
            let seen = state.job.as_ref()?.latest().into();
            state.workers[place].work = Work::Holds { seen, is_started: false };
            state.note_answer(seen.id);
        }
        (WorkerAction::Crash, _) => {
            state.left.crashes -= 1;
            let worker = &mut state.workers[place];
            worker.work = Work::Idle;
            worker.claims_before_crash = worker.claims;
        }
        _ => return None,
    }
    Some(())
}

fn start(rules: &Rules, state: &mut State, claim: TransitionId) {
    // A worker that has lost its claim without knowing is not the budget's business.
    if state.is_latest(claim) {
        state.starts += 1;
        state.is_asked_for = false;
        if state.starts > rules.budget {
            state.broken.note(Promise::WithinBudget);
        }
    }
    if state.paused_by.is_some() {
        state.broken.note(Promise::NoStartInPause);
    }
}

fn count_report(
    rules: &Rules,
    state: &mut State,
    after: Status,
    claim: TransitionId,
    is_started: bool,
) {
    match after {
        Status::Failed | Status::Unknown => state.left.failures -= 1,
        Status::Discarded if is_started => state.left.failures -= 1,
        Status::Awaiting => state.left.give_backs = state.left.give_backs.saturating_sub(1),
        _ => {}
    }
    if after == Status::Discarded && !is_started && state.is_latest(claim) {
        if state.is_asked_for {
            state.broken.note(Promise::OperatorHeard);
        }
        let nobody_else_could =
            state.starts == 0 && rules.faults.crashes == 0 && rules.faults.operations == 0;
        if nobody_else_could {
            state.broken.note(Promise::NotDiscardedUnrun);
        }
    }
}

fn next_report(state: &mut State, number: u8) -> TransitionId {
    let worker = &mut state.workers[usize::from(number)];
    worker.reports += 1;
    TransitionId::Outcome(number, worker.reports)
}

fn send_report(state: &mut State, number: u8, report: Report) {
    state.workers[usize::from(number)].work = Work::Reporting(report);
    state.send(Message::Outcome { worker: number, report });
}
