//! The table of a job's life, written a second time from the contract: what core and the adapters do is measured by this one.

use blacksmith_store_core::{Status, Transition};

/// What a move does to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    /// Added to the attempt.
    pub(crate) attempt: i64,
    /// Whether it may name the instant at which the job is due.
    pub(crate) may_wait: bool,
}

/// From each state (a line) to each state (a column), both in the order of `Status::ALL`.
///
/// `.` illegal, `+` a run begins, `=` the attempt stays, `w` stays and the job may wait, `b` a run is given back and the job
/// may wait.
const TABLE: [&str; 7] = [
    // ack awa exe suc fai dis unk
    " .   w   +   .   .   =   . ", // acknowledged
    " .   w   +   .   .   =   . ", // awaiting
    " .   b   .   =   w   =   w ", // executing
    " .   w   .   .   .   .   . ", // succeeded
    " .   w   +   .   .   =   . ", // failed
    " .   w   .   .   .   .   . ", // discarded
    " .   w   +   .   .   =   . ", // unknown
];

/// The move between two states, if there is one.
pub(crate) fn find(from: Status, to: Status) -> Option<Move> {
    let line = TABLE[usize::from(from.number())];
    match line.split_whitespace().nth(usize::from(to.number())) {
        Some("+") => Some(Move { attempt: 1, may_wait: false }),
        Some("=") => Some(Move { attempt: 0, may_wait: false }),
        Some("w") => Some(Move { attempt: 0, may_wait: true }),
        Some("b") => Some(Move { attempt: -1, may_wait: true }),
        _ => None,
    }
}

/// Replays a job's whole history, in the order of its sequences, against the suite's own copy of the table of a job's life.
///
/// # Errors
/// A sentence for the first thing that is wrong with it.
pub fn replay(chain: &[Transition]) -> Result<(), String> {
    let Some(first) = chain.first() else {
        return Err("there is no transition at all".into());
    };
    if first.state_before.is_some() {
        return Err("the first transition has a state before".into());
    }
    if !matches!(first.state_after, Status::Acknowledged | Status::Awaiting) {
        return Err(format!("the first transition leads to {}", first.state_after));
    }
    if first.attempt != 0 {
        return Err(format!("the first transition has attempt {}", first.attempt));
    }
    for (place, transition) in (0_u64..).zip(chain) {
        let wrong = |why: String| Err(format!("transition {place} of the chain {why}"));
        if transition.sequence != Some(place) {
            return wrong(format!("has the sequence {:?}", transition.sequence));
        }
        if transition.created_at.is_none() {
            return wrong("has no created_at".into());
        }
        if transition.job_id.is_none() || transition.job_id != first.job_id {
            return wrong(format!("names the job {:?}", transition.job_id));
        }
        if transition.event_id.is_none() || transition.event_id != first.event_id {
            return wrong(format!("names the event {:?}", transition.event_id));
        }
        if transition.state_after == Status::Executing && transition.actor.is_none() {
            return wrong("is a claim of nobody".into());
        }
    }
    for (before, after) in chain.iter().zip(&chain[1..]) {
        let wrong = |why: String| {
            let place = after.sequence.unwrap_or_default();
            let (from, to) = (before.state_after, after.state_after);
            Err(format!("transition {place} of the chain, from {from} to {to}, {why}"))
        };
        if after.state_before != Some(before.state_after) {
            return wrong(format!("has the state before {:?}", after.state_before));
        }
        let Some(step) = find(before.state_after, after.state_after) else {
            return wrong("is a move that the table does not have".into());
        };
        if i64::from(after.attempt) != i64::from(before.attempt) + step.attempt {
            return wrong(format!("leads from attempt {} to {}", before.attempt, after.attempt));
        }
        if after.run_at.is_some() && !step.may_wait {
            return wrong("has a run_at".into());
        }
        if after.created_at < before.created_at {
            return wrong("was created before the one before it".into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use blacksmith_store_core::{EventId, JobId, Timestamp, TransitionId};

    use super::*;

    /// Acknowledged, claimed, failed, claimed again, succeeded.
    fn life() -> Vec<Transition> {
        let states = [
            (None, Status::Acknowledged, 0),
            (Some(Status::Acknowledged), Status::Executing, 1),
            (Some(Status::Executing), Status::Failed, 1),
            (Some(Status::Failed), Status::Executing, 2),
            (Some(Status::Executing), Status::Succeeded, 2),
        ];
        (0_u8..)
            .zip(states)
            .map(|(place, (before, after, attempt))| {
                let id = TransitionId::from_bytes([place; 20]);
                let mut transition = Transition::first(id, after).with_actor("worker");
                transition.state_before = before;
                transition.attempt = attempt;
                transition.sequence = Some(place.into());
                transition.created_at = Some(Timestamp::default());
                transition.job_id = Some(JobId::from_bytes([1; 20]));
                transition.event_id = Some(EventId::from_bytes([2; 20]));
                transition
            })
            .collect()
    }

    #[test]
    fn a_legal_life_is_replayed() {
        assert_eq!(replay(&life()), Ok(()));
    }

    #[test]
    fn every_break_in_a_chain_is_told() {
        type Break = fn(&mut Vec<Transition>);
        let breaks: &[(&str, Break)] = &[
            ("nothing", Vec::clear),
            ("a first one with a state before", |chain| {
                chain[0].state_before = Some(Status::Awaiting);
            }),
            ("a first one that executes", |chain| chain[0].state_after = Status::Executing),
            ("a first attempt", |chain| chain[0].attempt = 1),
            ("a gap", |chain| drop(chain.remove(2))),
            ("a missing beginning", |chain| drop(chain.remove(0))),
            ("two ends of one claim", |chain| {
                let mut end = chain[2].clone();
                end.sequence = Some(3);
                chain.insert(3, end);
                chain.truncate(4);
            }),
            ("two ends of one claim at the same place", |chain| {
                let mut end = chain[2].clone();
                end.id = TransitionId::from_bytes([9; 20]);
                end.state_after = Status::Succeeded;
                chain.insert(3, end);
            }),
            ("the same sequence twice", |chain| chain[3].sequence = Some(2)),
            ("another state before", |chain| chain[3].state_before = Some(Status::Unknown)),
            ("an illegal move", |chain| {
                chain.truncate(2);
                chain[1].state_after = Status::Succeeded;
            }),
            ("an attempt that a claim does not count", |chain| {
                chain[3].attempt = 1;
                chain[4].attempt = 1;
            }),
            ("an attempt that an end counts", |chain| chain[4].attempt = 3),
            ("a run_at of a success", |chain| chain[4].run_at = Some(Timestamp::default())),
            ("a time that goes back", |chain| {
                chain[0].created_at =
                    chain[0].created_at.map(|at| at + std::time::Duration::from_secs(1));
            }),
            ("no time", |chain| chain[3].created_at = None),
            ("another job", |chain| chain[3].job_id = Some(JobId::from_bytes([9; 20]))),
            ("another event", |chain| chain[3].event_id = None),
            ("a claim of nobody", |chain| chain[3].actor = None),
        ];
        for (what, break_it) in breaks {
            let mut chain = life();
            break_it(&mut chain);
            assert!(replay(&chain).is_err(), "{what}");
        }
    }

    #[test]
    fn the_table_is_the_one_of_core() {
        for from in Status::ALL {
            for to in Status::ALL {
                assert_eq!(
                    find(from, to).is_some(),
                    blacksmith_store_core::is_legal(from, to),
                    "{from} to {to}"
                );
                if let Some(step) = find(from, to) {
                    let next = blacksmith_store_core::next_attempt(from, 5, to);
                    assert_eq!(next.map(i64::from), Some(5 + step.attempt), "{from} to {to}");
                }
            }
        }
    }
}
