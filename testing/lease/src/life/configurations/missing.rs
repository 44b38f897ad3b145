//! `T`: other tokens. `X`: everything amended but one thing, each of which is needed.

use super::{Line, NONE, RESENT, breaks, holds};
use crate::life::rules::{Faults, Idempotency, Learning, Rules, Token};

pub(super) const LINES: &[Line] = &[
    breaks(
        "T1",
        "token: the job's sequence; no tombstone",
        Rules {
            token: Token::Sequence,
            heartbeat: Token::Sequence,
            tombstones: false,
            faults: Faults { purges: 1, gateway_resends: 1, ..RESENT },
            ..Rules::AMENDED
        },
    ),
    holds(
        "T2",
        "token: the job's sequence; no purge",
        Rules {
            token: Token::Sequence,
            heartbeat: Token::Sequence,
            faults: Faults { give_backs: 1, slow: 1, ..RESENT },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "T3",
        "claims are idempotent by an id instead of reconciled",
        Rules {
            claim_ids: true,
            reconciled: false,
            budget: 2,
            faults: Faults { lost: 2, give_backs: 1, slow: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
    holds(
        "X1a",
        "token: state and attempt; workers never change their mind",
        Rules {
            token: Token::StateAttempt,
            faults: Faults { give_backs: 1, ..RESENT },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X1b",
        "token: state and attempt; an outcome, then a give-back",
        Rules {
            token: Token::StateAttempt,
            change_of_mind: true,
            started_given_back: true,
            faults: Faults { give_backs: 1, lost: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X1c",
        "token: state and attempt; a give-back is sent anew with another id",
        Rules {
            token: Token::StateAttempt,
            change_of_mind: true,
            faults: Faults { give_backs: 2, lost: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X2",
        "heartbeats by state and attempt",
        Rules {
            heartbeat: Token::StateAttempt,
            faults: Faults { give_backs: 1, renewals: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X3",
        "no idempotency by transition id",
        Rules { idempotency: Idempotency::Nothing, faults: RESENT, ..Rules::AMENDED },
    ),
    breaks(
        "X4",
        "ids are compared with the latest only",
        Rules {
            idempotency: Idempotency::Latest,
            faults: Faults { operations: 1, ..RESENT },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X5",
        "the truth is learnt by reading",
        Rules { learning: Learning::LookUp, faults: RESENT, ..Rules::AMENDED },
    ),
    breaks(
        "X6",
        "a give-back keeps the attempt",
        Rules {
            give_back_uncounts: false,
            faults: Faults { give_backs: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X7",
        "no budget check after a claim",
        Rules {
            budget_checked: false,
            budget: 2,
            faults: Faults { crashes: 2, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X8",
        "the budget check ignores an operator's retry",
        Rules {
            budget_spares_awaiting: false,
            budget: 2,
            faults: Faults { crashes: 2, operations: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X9",
        "claims without an answer are not reconciled",
        Rules {
            reconciled: false,
            budget: 2,
            faults: Faults { lost: 3, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X10",
        "purged ids are forgotten at once",
        Rules {
            tombstones: false,
            faults: Faults { purges: 1, gateway_resends: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X11",
        "purge does not decide again",
        Rules {
            purge_decides_again: false,
            faults: Faults { purges: 1, operations: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X12",
        "follow-ups of a stale outcome are sent",
        Rules {
            follow_ups_fall: false,
            follow_ups: true,
            faults: Faults { slow: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X13",
        "what is purged counts as stale",
        Rules { gone_apart: false, faults: Faults { purges: 1, ..RESENT }, ..Rules::AMENDED },
    ),
    breaks(
        "X14",
        "resume names no pause",
        Rules {
            resume_names_pause: false,
            pauses: true,
            faults: Faults { lost: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X15",
        "prefetched jobs start in a pause",
        Rules { start_checks_pause: false, pauses: true, ..Rules::AMENDED },
    ),
    breaks(
        "X16",
        "`executing` may be appended without a claim",
        Rules {
            executing_by_append: true,
            faults: Faults { crashes: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
    breaks(
        "X17",
        "a started job may be given back",
        Rules {
            change_of_mind: true,
            started_given_back: true,
            budget: 1,
            faults: Faults { give_backs: 1, lost: 1, ..NONE },
            ..Rules::AMENDED
        },
    ),
];
