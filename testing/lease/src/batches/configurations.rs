//! `B`: batches.

use super::model::{Batches, Commit, Fits, Known, Surroundings};
use crate::configuration::{Configuration, Expected};

/// The rules of `apply`, under every fault.
const RULES: Batches = Batches {
    is_apply: true,
    commit: Commit::EachWhole,
    known: Known::ByTransition,
    fits: Fits::BySequence,
    keeps_follow_ups: true,
    surroundings: Surroundings::Plain,
    losses: 2,
    interventions: 2,
};

/// The rules of `add_transitions`, which brings outcomes alone.
const OUTCOMES: Batches = Batches { is_apply: false, commit: Commit::WholeCall, ..RULES };

pub(crate) fn configurations() -> Vec<Configuration> {
    vec![
        holds(
            "B1",
            "`apply`: lost answers, batches sent again in part and in another order",
            RULES,
        ),
        holds(
            "B2",
            "B1, and another program stores a follow-up's id with other content",
            Batches { surroundings: Surroundings::OtherContent, ..RULES },
        ),
        holds(
            "B3",
            "`add_transitions`: what the error names is dropped, the rest sent again",
            OUTCOMES,
        ),
        breaks(
            "B4",
            "outcomes first, follow-ups in a second transaction",
            Batches { commit: Commit::OutcomesFirst, ..RULES },
        ),
        breaks(
            "B5",
            "resends are recognised by call, not by transition",
            Batches { known: Known::ByCall, ..RULES },
        ),
        breaks(
            "B6",
            "B5, and an outcome fits whatever claim is executing",
            Batches { known: Known::ByCall, fits: Fits::ByState, ..RULES },
        ),
        breaks(
            "B7",
            "one change that falls refuses the whole call",
            Batches { commit: Commit::WholeCall, ..RULES },
        ),
        breaks(
            "B8",
            "what is sent again is sent without its follow-ups",
            Batches { keeps_follow_ups: false, ..RULES },
        ),
        breaks(
            "B9",
            "`add_transitions` stores the part that fits",
            Batches { commit: Commit::EachWhole, ..OUTCOMES },
        ),
        breaks(
            "B10",
            "a bound: `gone`, for the event of a follow-up is still on its way",
            Batches { surroundings: Surroundings::EventOnItsWay, ..RULES },
        ),
        breaks(
            "B11",
            "a bound: `add_transitions` has brought an outcome without its follow-ups",
            Batches { surroundings: Surroundings::StoredAlone, ..RULES },
        ),
    ]
}

fn holds(name: &'static str, story: &'static str, batches: Batches) -> Configuration {
    Configuration::new(name, story, Expected::Holds, batches)
}

fn breaks(name: &'static str, story: &'static str, batches: Batches) -> Configuration {
    Configuration::new(name, story, Expected::Breaks, batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The promises that a configuration breaks.
    fn broken(name: &str) -> Vec<&'static str> {
        let configurations = configurations();
        let configuration = configurations.iter().find(|other| other.name == name);
        let verdict = configuration.expect("it is there").run();
        assert!(verdict.is_as_expected(), "{verdict}");
        verdict.explored.broken.iter().map(|broken| broken.name).collect()
    }

    #[test]
    fn each_missing_rule_breaks_the_promise_that_it_is_for() {
        for (name, sentence) in [
            ("B4", "the follow-ups of a change and its outcome stand or fall together"),
            (
                "B5",
                "what is told of a change is so: 'stored' is stored, 'not stored' never will be",
            ),
            ("B6", "a change takes effect at most once"),
            ("B7", "a change that falls takes no other with it"),
            ("B8", "the follow-ups of a change and its outcome stand or fall together"),
            ("B9", "a refused `add_transitions` stores nothing"),
            (
                "B10",
                "what is told of a change is so: 'stored' is stored, 'not stored' never will be",
            ),
            (
                "B11",
                "what is told of a change is so: 'stored' is stored, 'not stored' never will be",
            ),
        ] {
            let broken = broken(name);
            assert!(broken.contains(&sentence), "{name} breaks {broken:?}");
        }
    }
}
