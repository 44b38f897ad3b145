//! `N`: the contract as it stands. `Y`: it without one rule.

use super::{Line, NONE, RESENT, breaks, holds};
use crate::life::rules::{Faults, Rules, Token};

pub(super) const LINES: &[Line] = &[
    holds(
        "N1",
        "give-backs, renewals, unknown outcomes",
        Rules {
            faults: Faults { give_backs: 2, lost: 2, resends: 1, slow: 1, renewals: 1, ..NONE },
            ..Rules::PRESENT
        },
    )
    .large(),
    holds(
        "N2",
        "crashes, a slow worker, a failure; budget 2",
        Rules {
            budget: 2,
            faults: Faults { crashes: 2, slow: 1, failures: 1, ..NONE },
            ..Rules::PRESENT
        },
    )
    .large(),
    holds(
        "N3",
        "operators; budget 2",
        Rules { budget: 2, faults: Faults { operations: 3, ..RESENT }, ..Rules::PRESENT },
    ),
    holds(
        "N4",
        "purge, a gateway that resends, follow-ups",
        Rules {
            follow_ups: true,
            faults: Faults { purges: 1, gateway_resends: 2, operations: 1, slow: 1, ..RESENT },
            ..Rules::PRESENT
        },
    ),
    holds(
        "N5",
        "pause and resume",
        Rules { pauses: true, faults: Faults { lost: 1, give_backs: 1, ..NONE }, ..Rules::PRESENT },
    ),
    holds(
        "N6",
        "claims whose answers are lost; budget 2",
        Rules { budget: 2, faults: Faults { lost: 3, resends: 1, ..NONE }, ..Rules::PRESENT },
    ),
    holds(
        "N7",
        "three workers",
        Rules { workers: 3, faults: Faults { give_backs: 1, slow: 1, ..RESENT }, ..Rules::PRESENT },
    ),
    holds(
        "N8",
        "one of each but give-backs at once",
        Rules {
            follow_ups: true,
            budget: 3,
            faults: Faults { crashes: 1, slow: 1, purges: 1, gateway_resends: 1, ..RESENT },
            ..Rules::PRESENT
        },
    ),
    holds(
        "N9",
        "another report after an unknown outcome",
        Rules {
            change_of_mind: true,
            faults: Faults { give_backs: 2, lost: 2, resends: 1, slow: 1, ..NONE },
            ..Rules::PRESENT
        },
    )
    .large(),
    holds(
        "N10",
        "operators who also put off what has not ended; budget 2",
        Rules {
            reschedules: true,
            budget: 2,
            faults: Faults { operations: 2, ..RESENT },
            ..Rules::PRESENT
        },
    ),
    breaks(
        "Y1",
        "purge does not wait",
        Rules {
            purge_waits: false,
            faults: Faults { purges: 1, gateway_resends: 1, ..NONE },
            ..Rules::PRESENT
        },
    ),
    breaks(
        "Y2",
        "heartbeats by state and attempt",
        Rules {
            heartbeat: Token::StateAttempt,
            faults: Faults { give_backs: 1, renewals: 1, ..NONE },
            ..Rules::PRESENT
        },
    ),
];
