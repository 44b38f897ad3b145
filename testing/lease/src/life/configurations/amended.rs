//! `A`: every amendment, under each family of faults, then together.

use super::{Line, NONE, RESENT, holds};
use crate::life::rules::{Faults, Rules};

pub(super) const LINES: &[Line] = &[
    holds(
        "A1",
        "give-backs, renewals, unknown outcomes",
        Rules {
            faults: Faults { give_backs: 2, lost: 2, resends: 2, slow: 1, renewals: 1, ..NONE },
            ..Rules::AMENDED
        },
    )
    .large(),
    holds(
        "A2",
        "crashes, a slow worker, a failure; budget 2",
        Rules {
            budget: 2,
            faults: Faults { crashes: 2, slow: 1, failures: 1, ..NONE },
            ..Rules::AMENDED
        },
    )
    .large(),
    holds(
        "A2b",
        "a crash, unknown outcomes, a failure; budget 2",
        Rules { budget: 2, faults: Faults { crashes: 1, failures: 1, ..RESENT }, ..Rules::AMENDED },
    ),
    holds(
        "A3",
        "operators; budget 2",
        Rules { budget: 2, faults: Faults { operations: 3, ..RESENT }, ..Rules::AMENDED },
    ),
    holds(
        "A4",
        "purge, a gateway that resends, follow-ups",
        Rules {
            follow_ups: true,
            faults: Faults { purges: 1, gateway_resends: 2, operations: 1, slow: 1, ..RESENT },
            ..Rules::AMENDED
        },
    )
    .large(),
    holds(
        "A5",
        "pause and resume",
        Rules {
            pauses: true,
            faults: Faults { lost: 1, give_backs: 1, crashes: 1, ..NONE },
            ..Rules::AMENDED
        },
    )
    .large(),
    holds(
        "A6",
        "claims whose answers are lost; budget 2",
        Rules { budget: 2, faults: Faults { lost: 3, resends: 1, ..NONE }, ..Rules::AMENDED },
    ),
    holds(
        "A7",
        "three workers",
        Rules { workers: 3, faults: Faults { give_backs: 1, slow: 1, ..RESENT }, ..Rules::AMENDED },
    ),
    holds(
        "A8",
        "one of each at once",
        Rules {
            follow_ups: true,
            budget: 3,
            faults: Faults {
                crashes: 1,
                slow: 1,
                give_backs: 1,
                purges: 1,
                gateway_resends: 1,
                ..RESENT
            },
            ..Rules::AMENDED
        },
    )
    .large(),
    holds(
        "A9",
        "another report after an unknown outcome",
        Rules {
            change_of_mind: true,
            faults: Faults { give_backs: 2, lost: 2, resends: 1, slow: 1, ..NONE },
            ..Rules::AMENDED
        },
    )
    .large(),
];
