//! `K`: clocks.

use super::model::{Belief, Clocks, Judge};
use crate::configuration::{Configuration, Expected};

/// The rules of the contract: leases end by the database's clock, a worker believes in its own since its request left.
const RULES: Clocks = Clocks {
    judge: Judge::DatabaseClock,
    belief: Belief::SinceRequest,
    offsets: [0, 0],
    freezes: 0,
    step: 0,
    outages: 0,
    grace: 0,
    lease: 3,
    end: 12,
};

/// The same with workers whose clocks are off.
const APART: Clocks = Clocks { offsets: [-2, 2], ..RULES };

pub(crate) fn configurations() -> Vec<Configuration> {
    vec![
        breaks(
            "K1",
            "leases by the workers' own clocks, two apart",
            Clocks { judge: Judge::WorkersClock, offsets: [0, 2], ..RULES },
        ),
        breaks(
            "K2",
            "the database's clock; belief until the lease's end by one's own wall clock",
            Clocks { belief: Belief::UntilByWallClock, offsets: [-2, 0], ..RULES },
        ),
        breaks(
            "K3",
            "the database's clock; belief since the reply came",
            Clocks { belief: Belief::SinceReply, ..RULES },
        ),
        holds("K4", "the database's clock; belief since the request left", APART),
        breaks("K5", "K4, and a worker freezes while it runs", Clocks { freezes: 1, ..RULES }),
        breaks("K6", "K4, and the database's clock steps forward", Clocks { step: 2, ..RULES }),
        holds("K7", "K4, and the database's clock steps back", Clocks { step: -2, ..RULES }),
        breaks(
            "K8",
            "an outage longer than the lease, rescue at once after it",
            Clocks { outages: 1, ..RULES },
        ),
        holds(
            "K9",
            "an outage longer than the lease, rescue after a grace of one lease",
            Clocks { outages: 1, grace: 3, ..RULES },
        ),
    ]
}

fn holds(name: &'static str, story: &'static str, clocks: Clocks) -> Configuration {
    Configuration::new(name, story, Expected::Holds, clocks)
}

fn breaks(name: &'static str, story: &'static str, clocks: Clocks) -> Configuration {
    Configuration::new(name, story, Expected::Breaks, clocks)
}
