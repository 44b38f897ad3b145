//! What must hold in every state.

use super::rules::Rules;
use crate::promises::promises;

promises! { Rules;
    NoStaleOutcome: "a stale worker's outcome is never accepted",
    ExtendedByHolder: "a lease is extended by its holder alone",
    Once: "a resend is harmless: no request takes effect twice",
    Truth: "the truth can be learnt: told 'not stored' means never stored, told 'stored' means stored",
    OneEnd: "no attempt has two ends",
    AttemptsCounted: "give-backs use up no attempt, every other end does",
    StaysPurged: "a purged job never reappears",
    PurgeSpares: "purge takes no live lease and nothing that no longer matches",
    EndsAreFinal: "succeeded and discarded are left by an operator only",
    LegalChain: "each chain is legal and gap-free",
    WithinBudget: "no job is run more often than its budget",
    OperatorHeard: "an operator's retry leads to a run",
    FollowUps: "follow-up jobs and their outcome stand or fall together",
    PauseEndedOnPurpose: "a pause is ended only by a resume that meant it",
    NoStartInPause: "no run begins while its destination is paused",
    NotDiscardedUnrun: "no job is discarded as out of retries without having been run (no crash)",
}
