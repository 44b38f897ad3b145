//! The life of a job: the one table of legal moves.

use crate::{Result, Status, StoreError, Transition};

/// How a move counts attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// A run begins.
    PlusOne,
    /// The count of runs begun stays.
    Same,
    /// A run that had not started is taken back.
    MinusOne,
}

/// One row of the table.
struct Move {
    from: &'static [Status],
    to: &'static [Status],
    attempt: Attempt,
    run_at: bool,
}

use Status::{Acknowledged, Awaiting, Discarded, Executing, Failed, Succeeded, Unknown};

/// Every move but a job's first. `executing` is entered by `claim` alone.
const MOVES: [Move; 6] = [
    Move {
        from: &[Acknowledged, Awaiting, Failed, Unknown],
        to: &[Executing],
        attempt: Attempt::PlusOne,
        run_at: false,
    },
    Move { from: &[Executing], to: &[Succeeded, Discarded], attempt: Attempt::Same, run_at: false },
    Move { from: &[Executing], to: &[Failed, Unknown], attempt: Attempt::Same, run_at: true },
    // Given back: its action has not started.
    Move { from: &[Executing], to: &[Awaiting], attempt: Attempt::MinusOne, run_at: true },
    Move {
        from: &[Acknowledged, Awaiting, Failed, Unknown],
        to: &[Discarded],
        attempt: Attempt::Same,
        run_at: false,
    },
    // Asked for (again) by an operator.
    Move {
        from: &[Acknowledged, Awaiting, Failed, Unknown, Discarded, Succeeded],
        to: &[Awaiting],
        attempt: Attempt::Same,
        run_at: true,
    },
];

fn find(from: Status, to: Status) -> Option<&'static Move> {
    MOVES.iter().find(|row| row.from.contains(&from) && row.to.contains(&to))
}

/// Whether the table has a move from `from` to `to` (to `executing` by a claim only).
pub fn is_legal(from: Status, to: Status) -> bool {
    find(from, to).is_some()
}

/// The attempt of a transition to `to` that follows one in state `from` with `attempt`; `None` where the table has no
/// such move, or the number has no successor.
pub fn next_attempt(from: Status, attempt: u32, to: Status) -> Option<u32> {
    match find(from, to)?.attempt {
        Attempt::PlusOne => attempt.checked_add(1),
        Attempt::Same => Some(attempt),
        Attempt::MinusOne => attempt.checked_sub(1),
    }
}

/// Where a job's chain stands: what the compare-and-set of a following transition is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainEnd {
    /// The sequence of the latest transition.
    pub sequence: u64,
    /// Its state.
    pub status: Status,
    /// Its attempt.
    pub attempt: u32,
}

impl ChainEnd {
    /// Whether `transition` is the next of this chain: its sequence one more, its state before and its attempt fitting.
    pub fn accepts(&self, transition: &Transition) -> bool {
        transition.sequence == self.sequence.checked_add(1)
            && transition.state_before == Some(self.status)
            && next_attempt(self.status, self.attempt, transition.state_after)
                == Some(transition.attempt)
    }
}

/// Refuses a transition that can follow in no chain: a move that the table does not have, a `run_at` where it has none.
pub(crate) fn check_move(transition: &Transition) -> Result<()> {
    let id = transition.id;
    let illegal = |why: String| {
        Err(StoreError::naming(
            crate::ErrorKind::InvalidInput,
            &format!("illegal transition ({why}):"),
            [id],
        ))
    };
    let Some(before) = transition.state_before else {
        return illegal(
            "it has no state before; a job's first transition comes with the job".into(),
        );
    };
    let after = transition.state_after;
    if after == Executing {
        return illegal("only a claim leads to executing".into());
    }
    let Some(row) = find(before, after) else {
        return illegal(format!("a job cannot go from {before} to {after}"));
    };
    if !row.run_at && transition.run_at.is_some() {
        return illegal(format!("a run_at makes no sense from {before} to {after}"));
    }
    match transition.sequence {
        None => illegal("it has no sequence, which is the latest one's plus one".into()),
        Some(0) => illegal("its sequence is 0, which only a job's first transition has".into()),
        Some(sequence) if sequence > i64::MAX as u64 => {
            illegal("its sequence is above 2^63-1".into())
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pair_of_states_stands_in_two_rows() {
        for from in Status::ALL {
            for to in Status::ALL {
                let rows =
                    MOVES.iter().filter(|row| row.from.contains(&from) && row.to.contains(&to));
                assert!(rows.count() <= 1, "{from} to {to}");
            }
        }
    }

    #[test]
    fn attempts_neither_wrap_nor_go_below_zero() {
        assert_eq!(next_attempt(Failed, 65_535, Executing), Some(65_536));
        assert_eq!(next_attempt(Failed, u32::MAX, Executing), None);
        assert_eq!(next_attempt(Executing, 0, Awaiting), None);
    }
}
