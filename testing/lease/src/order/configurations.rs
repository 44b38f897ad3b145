//! `O`: the order of claims.

use super::model::Order;
use crate::configuration::{Configuration, Expected};

/// Two claimers, each with a handle of its own; nothing fails.
pub(super) const RULES: Order = Order {
    jobs: &[(0, 0), (0, 0), (0, 0)],
    wants: &[(Some(0), 1)],
    handles: [0, 1],
    is_late: true,
    looks_back: true,
    whole_every: 4,
    bound: 4,
    puts_back: true,
    stale_stay: true,
    by_place: true,
    shares_locked: true,
    looks_again: true,
    wants_oldest: true,
    aborts: 0,
    retries: 0,
    end: 2,
};

/// Two claimers of one handle, whose claims may be undone; no late rows.
pub(super) const SHARED: Order = Order { handles: [0, 0], is_late: false, aborts: 1, ..RULES };

/// One want of two queues.
const SEVERAL: Order =
    Order { jobs: &[(0, 0), (1, 0), (0, 2)], wants: &[(None, 1)], is_late: false, ..RULES };

pub(crate) fn configurations() -> Vec<Configuration> {
    vec![
        holds("O1", "late rows, two handles", RULES),
        holds("O2", "claims that are undone or whose answer is lost, one handle", SHARED),
        holds(
            "O3",
            "the same, two handles, a retry",
            Order { handles: [0, 1], retries: 1, jobs: &[(0, 0), (0, 2)], ..SHARED },
        ),
        holds(
            "O4",
            "wants of one queue and of several, in the order given; postponed jobs, a retry",
            Order {
                jobs: &[(0, 0), (1, 0), (0, 2)],
                wants: &[(Some(1), 1), (None, 1)],
                is_late: false,
                shares_locked: false,
                retries: 1,
                ..RULES
            },
        ),
        breaks("O5", "O1, and no look back", Order { looks_back: false, ..RULES }),
        breaks("O6", "O2, and the position is not put back", Order { puts_back: false, ..SHARED }),
        breaks(
            "O7",
            "O2, and a claim that began before moves the position on",
            Order { stale_stay: false, ..SHARED },
        ),
        breaks(
            "O8",
            "two handles, an undone claim, and no look back",
            Order { handles: [0, 1], looks_back: false, ..SHARED },
        ),
        breaks(
            "O9",
            "by id alone, without positions of time",
            Order { by_place: false, wants: &[(Some(0), 2)], is_late: false, ..RULES },
        ),
        breaks(
            "O10",
            "one want of two queues, shared by a read that sees what another claim has locked",
            SEVERAL,
        ),
        holds(
            "O11",
            "the same, shared by what is not locked",
            Order { shares_locked: false, ..SEVERAL },
        ),
        holds(
            "O12",
            "late rows, a claim that is undone, and a retry at once; one handle",
            Order { jobs: &[(0, 0), (0, 0)], handles: [0, 0], aborts: 1, retries: 1, ..RULES },
        ),
        holds(
            "O13",
            "as O10, and who got nothing looks again: no claim comes back empty",
            Order { wants_oldest: false, ..SEVERAL },
        ),
        breaks(
            "O14",
            "as O13, and nobody looks again",
            Order { wants_oldest: false, looks_again: false, ..SEVERAL },
        ),
    ]
}

fn holds(name: &'static str, story: &'static str, order: Order) -> Configuration {
    Configuration::new(name, story, Expected::Holds, order)
}

fn breaks(name: &'static str, story: &'static str, order: Order) -> Configuration {
    Configuration::new(name, story, Expected::Breaks, order)
}
