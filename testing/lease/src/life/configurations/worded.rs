//! `C`: the contract as first worded.

use super::{Line, NONE, RESENT, breaks, holds};
use crate::life::rules::{Faults, Idempotency, Learning, Rules};

pub(super) const LINES: &[Line] = &[
    breaks(
        "C1",
        "worded: a give-back keeps the present attempt, to which a claim adds one",
        Rules {
            give_back_uncounts: false,
            faults: Faults { give_backs: 1, ..NONE },
            ..Rules::WORDED
        },
    ),
    breaks(
        "C2",
        "worded: a give-back whose outcome is unknown is resent",
        Rules { faults: Faults { give_backs: 1, ..RESENT }, ..Rules::WORDED },
    ),
    breaks(
        "C3",
        "worded: heartbeats by state and attempt, across a give-back",
        Rules { faults: Faults { give_backs: 1, renewals: 1, slow: 1, ..NONE }, ..Rules::WORDED },
    ),
    breaks(
        "C4",
        "worded: an outcome whose answer is lost is resent or looked up",
        Rules { faults: RESENT, ..Rules::WORDED },
    ),
    breaks(
        "C4b",
        "what follows is named by its id; no idempotency",
        Rules { faults: RESENT, ..Rules::FOLLOWING },
    ),
    breaks(
        "C4c",
        "the same; ids compared with the latest transition only",
        Rules {
            idempotency: Idempotency::Latest,
            learning: Learning::Resend,
            faults: Faults { operations: 1, ..RESENT },
            ..Rules::FOLLOWING
        },
    ),
    breaks(
        "C4d",
        "the same; ids compared with the chain, but the truth is looked up",
        Rules { idempotency: Idempotency::Chain, faults: RESENT, ..Rules::FOLLOWING },
    ),
    holds(
        "C4e",
        "the same; ids compared with the chain, and resent",
        Rules {
            idempotency: Idempotency::Chain,
            learning: Learning::Resend,
            faults: Faults { operations: 1, ..RESENT },
            ..Rules::FOLLOWING
        },
    ),
    breaks(
        "C5",
        "worded: an operator's retry is resent after another's discard",
        Rules {
            learning: Learning::Resend,
            faults: Faults { operations: 3, ..RESENT },
            ..Rules::WORDED
        },
    ),
    breaks(
        "C6",
        "worded: `add_events` is resent after a purge",
        Rules { faults: Faults { purges: 1, gateway_resends: 1, ..NONE }, ..Rules::WORDED },
    ),
    breaks(
        "C7",
        "worded: purge selects, an operator retries, purge deletes",
        Rules { faults: Faults { purges: 1, operations: 1, ..NONE }, ..Rules::WORDED },
    ),
    breaks(
        "C8",
        "worded: what is stale is dropped, its follow-ups are sent",
        Rules { follow_ups: true, faults: Faults { slow: 1, ..NONE }, ..Rules::WORDED },
    ),
    breaks(
        "C9",
        "worded: rescues beyond the budget (a job that kills its process)",
        Rules { budget: 2, faults: Faults { crashes: 3, ..NONE }, ..Rules::WORDED },
    ),
    breaks(
        "C10",
        "a budget check without exception",
        Rules {
            budget_checked: true,
            budget: 2,
            faults: Faults { crashes: 2, operations: 1, ..NONE },
            ..Rules::WORDED
        },
    ),
    breaks(
        "C11",
        "a budget check; claims whose answers are lost",
        Rules {
            budget_checked: true,
            budget: 2,
            faults: Faults { lost: 3, ..NONE },
            ..Rules::WORDED
        },
    ),
    breaks(
        "C12",
        "worded: a resume is resent after a second pause; prefetched jobs",
        Rules { pauses: true, faults: Faults { lost: 1, ..NONE }, ..Rules::WORDED },
    ),
    breaks(
        "C13",
        "worded: `executing` is appended by `add_transitions`, without a lease",
        Rules { executing_by_append: true, faults: Faults { crashes: 1, ..NONE }, ..Rules::WORDED },
    ),
    breaks(
        "C14",
        "amended, but what is purged counts as stale",
        Rules { gone_apart: false, faults: Faults { purges: 1, ..RESENT }, ..Rules::AMENDED },
    ),
];
