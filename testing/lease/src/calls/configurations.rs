//! `L`: the leases of claim calls.

use super::{model::Calls, state::Faults};
use crate::configuration::{Configuration, Expected};

const QUIET: Faults = Faults { losses: 0, slow: 0, failures: 0, crashes: 0, extensions: 2 };

/// The rules of the contract: two jobs, of which a call takes both.
pub(super) const RULES: Calls = Calls {
    jobs: 2,
    room: 2,
    faults: QUIET,
    leases_by_job: false,
    ended_tokens_name_nothing: false,
    extends_by_job: false,
    others_extended: false,
    outcomes_by_job: false,
    first_end_takes_lease: false,
    late_answers_count: false,
};

const LOSING: Calls = Calls { faults: Faults { losses: 1, ..QUIET }, ..RULES };
const SLOW: Calls = Calls { faults: Faults { slow: 1, ..QUIET }, ..RULES };
const CRASHING: Calls = Calls { faults: Faults { crashes: 1, ..QUIET }, ..RULES };

pub(crate) fn configurations() -> Vec<Configuration> {
    vec![
        holds(
            "L1",
            "an answer is lost, a run fails",
            Calls { faults: Faults { failures: 1, ..LOSING.faults }, ..LOSING },
        )
        .large(),
        holds("L2", "a lease ends too soon", SLOW),
        holds(
            "L3",
            "a crash, an answer is lost",
            Calls { faults: Faults { losses: 1, ..CRASHING.faults }, ..CRASHING },
        )
        .large(),
        holds("L4", "three jobs, of which a call takes two", three(RULES)),
        breaks(
            "L5",
            "each job of a call has a lease of its own",
            Calls { leases_by_job: true, ..RULES },
        ),
        breaks(
            "L6",
            "a token whose run has ended extends nothing, and the rest of its call is not told",
            Calls { ended_tokens_name_nothing: true, ..RULES },
        ),
        breaks(
            "L7",
            "a token extends who holds its job now",
            Calls { extends_by_job: true, ..SLOW },
        ),
        breaks(
            "L8",
            "calls that no token names are extended too",
            Calls { others_extended: true, ..LOSING },
        ),
        breaks(
            "L9",
            "the lease goes with the first job of the call that ends; a crash",
            Calls { first_end_takes_lease: true, ..CRASHING },
        ),
        breaks(
            "L10",
            "three jobs; a claim's answer counts although an extension told of its jobs",
            Calls { late_answers_count: true, ..three(RULES) },
        ),
        breaks("L11", "an outcome is accepted by its job", Calls { outcomes_by_job: true, ..SLOW })
            .large(),
    ]
}

fn three(calls: Calls) -> Calls {
    Calls { jobs: 3, ..calls }
}

fn holds(name: &'static str, story: &'static str, calls: Calls) -> Configuration {
    Configuration::new(name, story, Expected::Holds, calls)
}

fn breaks(name: &'static str, story: &'static str, calls: Calls) -> Configuration {
    Configuration::new(name, story, Expected::Breaks, calls)
}
