//! What a store promises, in sentences, each with the cases that prove it.

use crate::families;

/// How firm a sentence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It holds on every adapter that passes the suite.
    Guaranteed,
    /// It holds where the adapter declares this capability.
    Depends(&'static str),
    /// The contract leaves it open on purpose: nothing may rely on it, and no case tries it.
    Unspecified,
}

/// A sentence of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Guarantee {
    /// The sentence.
    pub text: &'static str,
    /// How firm it is.
    pub level: Level,
    /// The cases that prove it, by name; `family::*` is a whole family.
    pub cases: &'static [&'static str],
}

impl Guarantee {
    /// The names of all cases that prove it.
    pub fn proofs(&self) -> impl Iterator<Item = &'static str> {
        let patterns = self.cases;
        families::all()
            .map(|case| case.name)
            .filter(move |name| patterns.iter().any(|pattern| matches(pattern, name)))
    }
}

/// Whether a case is meant by a name or by `family::*`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(family) => name.starts_with(family),
        None => name == pattern,
    }
}

/// A chapter: sentences, each with the cases that prove it, if any; an adapter's capability stands before a sentence that
/// depends on it.
macro_rules! chapter {
    ($(
        $level:ident $(($capability:literal))? $text:literal $(, by $($case:literal),+)?;
    )*) => {
        &[$(Guarantee {
            text: $text,
            level: Level::$level $(($capability))?,
            cases: &[$($($case),+)?],
        }),*]
    };
}

/// All sentences, by chapter.
pub const GUARANTEES: &[(&str, &[Guarantee])] = &[
    ("What is stored", STORED),
    ("Writes", WRITES),
    ("The life of a job", LIFE),
    ("Claims", CLAIMS),
    ("Leases", LEASES),
    ("Pauses", PAUSES),
    ("Searches", SEARCHES),
    ("Purges", PURGES),
    ("Counts, upkeep and wake-ups", UPKEEP),
    ("Errors and limits", ERRORS),
    ("Durability, several handles and processes", DURABILITY),
];

const STORED: &[Guarantee] = chapter! {
    Guaranteed
        "Every member of an event, a job and a transition comes back as it was given, found by id or by filter.", by
        "round_trip::*";
    Guaranteed
        "Payloads are bytes: NUL, what is no UTF-8, nothing at all and 16 MiB come back byte for byte; none is not the \
         same as empty.", by
        "bytes::*",
        "round_trip::an_empty_payload_is_not_the_same_as_none",
        "limits::a_payload_of_16_mebibytes_is_kept";
    Guaranteed
        "Names are any text of 1 to 255 bytes without NUL, kept and compared byte by byte.", by
        "hostile_strings::*",
        "limits::a_name_has_1_to_255_bytes",
        "filters::names_are_compared_byte_by_byte";
    Guaranteed
        "Instants are cut down to the microsecond, in the years 1 to 9999; Go's zero time is \"not set\".", by
        "timestamps::*";
    Guaranteed
        "A transition's error is kept to the byte, also when it is any JSON of another program.", by
        "round_trip::an_error_that_is_any_json_is_kept_to_the_byte",
        "hostile_strings::the_largest_error_comes_back";
    Guaranteed
        "Ids made elsewhere are welcome, and sorted by their bytes.", by
        "round_trip::foreign_ids_are_welcome",
        "paging::foreign_ids_are_ordered_by_their_bytes";
    Unspecified
        "Whether ids of two processes sort in the order in which they were made.";
};

const WRITES: &[Guarantee] = chapter! {
    Guaranteed
        "A call is stored whole or not at all, whatever is wrong with a part of it.", by
        "atomic_batches::*",
        "limits::one_wrong_entry_refuses_the_whole_call";
    Guaranteed
        "Everything may be sent again: what is stored is known, counted as known, and changes nothing, also when the \
         job has moved on since.", by
        "idempotency::*";
    Guaranteed
        "An id that is sent with other content is a conflict; times that the store sets, and transitions, are no \
         content.", by
        "conflicts::*";
    Guaranteed
        "An outcome and the follow-ups that it creates stand or fall together; each change of a call stands or falls by \
         itself, and is answered in its place.", by
        "apply::*";
    Guaranteed
        "A future that is dropped at any point leaves its write done whole or not at all, and the store usable.", by
        "dropped_futures::*";
    Guaranteed
        "A deadline ends a call, and the error says whether the write may have been done; sending it again settles it.", by
        "deadlines::*";
    Unspecified
        "Which of two concurrent calls with one id and different contents is the one that conflicts.";
};

const LIFE: &[Guarantee] = chapter! {
    Guaranteed
        "After any sequence of calls, answers and everything that can be seen are those of a naive store written from the \
         contract.", by
        "sequences::*";
    Guaranteed
        "A job moves by the table of its life and by nothing else.", by
        "lifecycle::*";
    Guaranteed
        "A transition is appended if it fits the job's sequence, state and attempt; of several that would fit one is \
         stored, and the others are stale.", by
        "compare_and_set::*";
    Guaranteed
        "Succeeded and discarded jobs are never claimed; an operator alone puts them back to work.", by
        "lifecycle::a_finished_job_is_never_claimed",
        "lifecycle::an_operators_retry_keeps_the_attempt";
    Guaranteed
        "A claim that is given back uses up no attempt.", by
        "lifecycle::a_given_back_claim_uses_no_attempt";
    Guaranteed
        "No transition is older than the one before it, whatever the clocks say.", by
        "timestamps::no_transition_is_older_than_the_one_before";
};

const CLAIMS: &[Guarantee] = chapter! {
    Guaranteed
        "A job is handed out once, however many claim at the same time, and every due job is.", by
        "claims::eight_concurrent_claimers_get_every_job_once",
        "claims::eight_concurrent_claimers_with_several_wants_get_every_job_once",
        "claims::claimers_get_every_job_that_is_added_meanwhile",
        "claims::claims_and_outcomes_at_once_lose_nothing",
        "claims::eight_claimers_of_one_job_leave_seven_without",
        "claims::what_is_claimed_is_claimed_once";
    Guaranteed
        "Of calls that want to do different things with a job at the same time one does, and the others are told: no claim has \
         two ends, and no claim that begins after a pause was answered gets its jobs.", by
        "races::*";
    Guaranteed
        "The oldest due job is claimed first: by its run_at, or its latest transition if that is later, then by its id.", by
        "claims::oldest_first_by_place_then_id",
        "claims::ties_go_by_id_whatever_the_order_of_arrival",
        "claims::a_retry_takes_its_place_by_its_latest_transition",
        "claims::a_run_at_that_has_passed_gives_no_better_place";
    Guaranteed
        "Wants, limits and the answer are as documented: a want for an action, a destination or any, in their order; \
         claimed jobs alone, with every field.", by
        "claims::*";
    Guaranteed
        "The answer says when the next job will be due, to the microsecond.", by
        "claims::next_due_is_none_when_nothing_waits",
        "claims::next_due_is_the_exact_instant_of_the_next_job",
        "claims::next_due_leaves_out_paused_jobs";
    Guaranteed
        "A job whose transaction was committed late is handed out nevertheless.", by
        "claims::a_job_that_came_late_is_handed_out_nevertheless";
    Unspecified
        "The order of jobs across handles within two seconds of their commit: oldest first is as one handle sees it.";
    Unspecified
        "How a limit is shared between the queues of one want, beyond oldest first.";
};

const LEASES: &[Guarantee] = chapter! {
    Guaranteed
        "A lease belongs to a claim call and its actor; naming any token of the call extends what is live of it, and \
         nothing else.", by
        "leases::*";
    Guaranteed
        "An old token never extends the claim of a successor.", by
        "leases::an_old_token_extends_no_successor",
        "leases::a_token_of_an_ended_claim_is_lost";
    Guaranteed
        "A claim whose answer was lost is told to its actor at the next extension.", by
        "leases::others_are_the_claims_of_calls_that_no_token_names",
        "dropped_futures::a_dropped_claim_is_told_by_extend_leases";
    Guaranteed
        "A late outcome is accepted until the claim has been expired, and is stale after that.", by
        "leases::a_late_outcome_is_accepted_until_the_claim_is_expired",
        "leases::a_late_outcome_after_a_give_back_is_stale";
    Guaranteed
        "A claim is expired at the end of its lease and not before, once, as `unknown`, and waits longer each time.", by
        "leases::nothing_is_expired_before_its_end",
        "leases::an_expired_claim_is_expired_once",
        "leases::an_expired_job_waits_longer_each_time",
        "leases::eight_at_once_expire_each_claim_once";
};

const PAUSES: &[Guarantee] = chapter! {
    Guaranteed
        "Jobs of a paused destination or action are passed over by every claim until its last pause is resumed; what \
         executes goes on.", by
        "pauses::*";
    Guaranteed
        "A resume ends exactly the pause that it names, and a resent pause that has ended does not pause again.", by
        "pauses::resume_ends_exactly_the_pause_that_it_names",
        "pauses::a_resent_pause_that_has_ended_does_not_pause_again";
};

const SEARCHES: &[Guarantee] = chapter! {
    Guaranteed
        "Every constraint of a filter means what the contract says, alone and together with any other.", by
        "filters::*",
        "searches::*";
    Guaranteed
        "A negative constraint leaves an entry out if any related row has the value.", by
        "filters::negative_constraints_hold_on_every_job",
        "purge::one_failed_job_spares_its_event_from_a_negative";
    Guaranteed
        "Pages, by offset or by cursor, are disjoint and complete, in the order asked for, and say which constraints \
         were applied.", by
        "paging::*";
    Unspecified
        "Whether a page by offset meets an entry twice, or not at all, while others write; cursors are not disturbed.";
};

const PURGES: &[Guarantee] = chapter! {
    Guaranteed
        "A purge takes the events that match with their whole history, and counts what it leaves alone: unfinished and \
         recent events.", by
        "purge::*";
    Guaranteed
        "An event with an executing job is never purged, and neither is one that is put back to work meanwhile.", by
        "purge::included_unfinished_events_go_unless_a_job_executes",
        "purge::a_job_is_claimed_or_purged_and_never_both",
        "purge::what_is_put_back_to_work_meanwhile_is_spared";
    Unspecified
        "When the space of what was purged is given back to the system.";
};

const UPKEEP: &[Guarantee] = chapter! {
    Guaranteed
        "Counts by destination, action and status are exact at every moment.", by
        "stats::*";
    Guaranteed
        "Maintenance changes nothing that can be seen, beside any other call.", by
        "maintain::*";
    Depends("wakeups")
        "A stream fires soon after work may have arrived, also for work that came before it was looked at first.", by
        "wakeups::*";
    Unspecified
        "How often a wake-up fires: firings may be merged, lost or spurious, and polling remains the fallback.";
};

const ERRORS: &[Guarantee] = chapter! {
    Guaranteed
        "An error has a kind, names what it is about and its operation, says whether a retry helps, and shows no \
         payload.", by
        "errors::*";
    Guaranteed
        "What is beyond the limits is refused and changes nothing; what is within them goes through.", by
        "limits::*";
    Guaranteed
        "The store is opened by its name through the registry; settings that it does not know are refused, and its \
         connection is shown nowhere.", by
        "registry::*";
};

const DURABILITY: &[Guarantee] = chapter! {
    Depends("durable")
        "What was answered is found again after the store was closed and opened.", by
        "durability::*";
    Depends("several_handles")
        "Handles on one store see each other's writes, pauses, leases and counts, and share its jobs without a \
         repetition.", by
        "handles::*";
    Depends("several_processes")
        "The same holds for handles in several processes, and a process that ends takes nothing along.", by
        "processes::*";
    Depends("durable")
        "A process that is killed while it writes takes along nothing that was answered and leaves no call half done; its last \
         call may be sent again, and the leases of its claims end.", by
        "crashes::*";
    Depends("several_handles")
        "Where a server is behind the store: a connection that is lost at any point of a call leaves the write done whole or \
         not at all, the error never says that it was surely not done when it was, and sending it again until it is answered \
         takes effect once.", by
        "lost_connections::*";
    Depends("several_handles")
        "A lost connection costs no job: what a claim took whose answer was lost is told to its worker, and comes back to \
         others at the end of its lease; the store goes on when its server is back, without being opened again.", by
        "lost_connections::jobs_of_a_lost_claim_are_told_by_extend_leases",
        "lost_connections::jobs_of_a_lost_claim_come_back_when_its_lease_ends",
        "lost_connections::workers_run_each_job_once_when_all_connections_are_cut",
        "lost_connections::a_server_that_is_away_is_unavailable_until_it_is_back";
};

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = &'static Guarantee> {
        GUARANTEES.iter().flat_map(|(_, guarantees)| *guarantees)
    }

    #[test]
    fn every_case_proves_a_guarantee() {
        for case in families::all() {
            let is_told = all().any(|guarantee| guarantee.proofs().any(|name| name == case.name));
            assert!(is_told, "{} proves nothing that is promised", case.name);
        }
    }

    #[test]
    fn every_proof_is_a_case() {
        for guarantee in all() {
            for pattern in guarantee.cases {
                assert!(
                    families::all().any(|case| matches(pattern, case.name)),
                    "{pattern} is no case"
                );
            }
            let has_proof = !guarantee.cases.is_empty();
            assert_eq!(has_proof, guarantee.level != Level::Unspecified, "{}", guarantee.text);
        }
    }
}
