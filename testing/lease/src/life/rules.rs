//! The contract's variants, and the faults of a configuration.

/// The compare-and-set of outcomes, decisions and heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// State before and attempt must be the job's present ones.
    StateAttempt,
    /// The job's own sequence must be the present one.
    Sequence,
    /// The id of the transition that is followed must be the latest one's.
    Follows,
}

/// With what a store compares a transition id that comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idempotency {
    Nothing,
    Latest,
    Chain,
}

/// What a worker does when it does not know whether its outcome was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learning {
    LookUp,
    Resend,
}

/// What may still go wrong, and what may still be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    pub(super) crashes: u8,
    /// Answers that are not waited for.
    pub(super) lost: u8,
    /// Leases that end while the holder goes on.
    pub(super) slow: u8,
    pub(super) resends: u8,
    pub(super) failures: u8,
    pub(super) give_backs: u8,
    pub(super) renewals: u8,
    pub(super) operations: u8,
    pub(super) purges: u8,
    pub(super) gateway_resends: u8,
}

impl Faults {
    pub(super) const NONE: Self = Self {
        crashes: 0,
        lost: 0,
        slow: 0,
        resends: 0,
        failures: 0,
        give_backs: 0,
        renewals: 0,
        operations: 0,
        purges: 0,
        gateway_resends: 0,
    };

    /// An answer is lost, and the request resent.
    pub(super) const RESENT: Self = Self { lost: 1, resends: 1, ..Self::NONE };
}

/// A variant of the contract under some faults.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) workers: u8,
    pub(super) token: Token,
    pub(super) heartbeat: Token,
    pub(super) idempotency: Idempotency,
    pub(super) learning: Learning,
    /// A give-back takes the attempt back; else it keeps the present one, to which the next claim adds one.
    pub(super) give_back_uncounts: bool,
    /// A claimer discards, unrun, a job whose attempt exceeds the budget …
    pub(super) budget_checked: bool,
    /// … unless the claim came from `awaiting`, whither beyond the budget only an operator leads.
    pub(super) budget_spares_awaiting: bool,
    /// A claim carries an id of the claimer's; the same id again returns the same jobs.
    pub(super) claim_ids: bool,
    /// With its heartbeat a worker learns of claims whose answer it never got, and takes them up.
    pub(super) reconciled: bool,
    /// A job purged recently is still known to `add_events`.
    pub(super) tombstones: bool,
    /// Purge leaves an event alone until no copy of its `add_events` can be on the way.
    pub(super) purge_waits: bool,
    /// Purge decides again, in the deleting transaction, whether the event still matches and has no live lease.
    pub(super) purge_decides_again: bool,
    /// A stale answer to `apply` also drops the follow-up jobs of the stale transition.
    pub(super) follow_ups_fall: bool,
    /// A purged job is answered `gone`, apart from `stale`.
    pub(super) gone_apart: bool,
    /// `resume` names the pause that it ends.
    pub(super) resume_names_pause: bool,
    /// A claimed job that has not started is given back when its destination is paused.
    pub(super) start_checks_pause: bool,
    /// `executing` may be appended by `add_transitions`, without a lease.
    pub(super) executing_by_append: bool,
    /// An operator may also ask for a job that has not ended, which then waits for its new instant.
    pub(super) reschedules: bool,
    /// A worker in doubt about its outcome reports something else instead …
    pub(super) change_of_mind: bool,
    /// … a give-back, though the job has run (else: `unknown`).
    pub(super) started_given_back: bool,
    pub(super) pauses: bool,
    pub(super) follow_ups: bool,
    /// How many runs a job gets.
    pub(super) budget: u8,
    pub(super) faults: Faults,
}

impl Rules {
    /// The contract as first worded, read as kindly as its words allow.
    pub(super) const WORDED: Self = Self {
        workers: 2,
        token: Token::StateAttempt,
        heartbeat: Token::StateAttempt,
        idempotency: Idempotency::Nothing,
        learning: Learning::LookUp,
        give_back_uncounts: true,
        budget_checked: false,
        budget_spares_awaiting: false,
        claim_ids: false,
        reconciled: false,
        tombstones: false,
        purge_waits: false,
        purge_decides_again: false,
        follow_ups_fall: false,
        gone_apart: false,
        resume_names_pause: false,
        start_checks_pause: false,
        executing_by_append: false,
        reschedules: false,
        change_of_mind: false,
        started_given_back: true,
        pauses: false,
        follow_ups: false,
        budget: 3,
        faults: Faults::NONE,
    };

    /// The same, in which an outcome and a heartbeat name the transition that they follow.
    pub(super) const FOLLOWING: Self =
        Self { token: Token::Follows, heartbeat: Token::Follows, ..Self::WORDED };

    /// With every amendment.
    pub(super) const AMENDED: Self = Self {
        idempotency: Idempotency::Chain,
        learning: Learning::Resend,
        budget_checked: true,
        budget_spares_awaiting: true,
        reconciled: true,
        tombstones: true,
        purge_decides_again: true,
        follow_ups_fall: true,
        gone_apart: true,
        resume_names_pause: true,
        start_checks_pause: true,
        started_given_back: false,
        ..Self::FOLLOWING
    };

    /// The contract as it stands: compare-and-set by the job's sequence, heartbeats by the id of the `executing`
    /// transition, a purge that waits.
    pub(super) const PRESENT: Self =
        Self { token: Token::Sequence, tombstones: false, purge_waits: true, ..Self::AMENDED };
}
