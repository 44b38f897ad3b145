//! What operators do: retry and discard, and resend what was not answered.

use blacksmith_store_core::Status;

use super::{
    chain::TransitionId,
    rules::Rules,
    state::{Decision, Message, Operation, State},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum OperatorAction {
    /// Retries (`awaiting`) or discards.
    Decide(Status),
    StopWaiting,
    Resend,
    Forget,
}

/// What this operator may do now.
pub(super) fn actions(rules: &Rules, state: &State, operator: u8) -> Vec<OperatorAction> {
    let mut actions = Vec::new();
    match state.operators[usize::from(operator)].operation {
        Operation::Idle if state.left.operations > 0 => {
            let Some(job) = &state.job else { return actions };
            let status = job.latest().after;
            let is_ended = !matches!(status, Status::Acknowledged | Status::Awaiting);
            if status != Status::Executing && (is_ended || rules.reschedules) {
                actions.push(OperatorAction::Decide(Status::Awaiting));
            }
            if status.is_waiting() {
                actions.push(OperatorAction::Decide(Status::Discarded));
            }
        }
        Operation::Deciding(_) if state.left.lost > 0 => actions.push(OperatorAction::StopWaiting),
        Operation::Idle | Operation::Deciding(_) => {}
        Operation::Doubts(_) if state.left.resends > 0 => actions.push(OperatorAction::Resend),
        Operation::Doubts(_) => actions.push(OperatorAction::Forget),
    }
    actions
}

/// What comes of it; `None` if nothing does.
pub(super) fn act(state: &mut State, number: u8, action: OperatorAction) -> Option<()> {
    let place = usize::from(number);
    match (action, state.operators[place].operation) {
        (OperatorAction::Decide(after), _) => {
            state.left.operations -= 1;
            let seen = state.job.as_ref()?.latest().into();
            let operator = &mut state.operators[place];
            operator.decisions += 1;
            let id = TransitionId::Operator(number, operator.decisions);
            send(state, number, Decision { id, seen, after });
        }
        (OperatorAction::StopWaiting, Operation::Deciding(decision)) => {
            state.left.lost -= 1;
            state.operators[place].operation = Operation::Doubts(decision);
        }
        (OperatorAction::Resend, Operation::Doubts(decision)) => {
            state.left.resends -= 1;
            send(state, number, decision);
        }
        (OperatorAction::Forget, _) => state.operators[place].operation = Operation::Idle,
        _ => return None,
    }
    Some(())
}

fn send(state: &mut State, number: u8, decision: Decision) {
    state.operators[usize::from(number)].operation = Operation::Deciding(decision);
    state.send(Message::Operate { operator: number, decision });
}
