//! Which promise each missing rule breaks.

use super::{
    configurations::{RULES, SHARED},
    model::Order,
};
use crate::explore::explore;

/// The promises that break, of a model of two jobs.
fn broken(order: &Order) -> Vec<&'static str> {
    let order = Order { jobs: &[(0, 0), (0, 0)], ..order.clone() };
    explore(order).broken.into_iter().map(|broken| broken.name).collect()
}

const PASSED_OVER: &str = "no claim passes over what was due, unlocked and not late";
const NOT_CLAIMED: &str = "all that is due is claimed in the end";
const NOT_FOUND: &str = "what became visible late is claimed within the bound";

#[test]
fn the_rules_hold() {
    assert!(broken(&RULES).is_empty());
    assert!(broken(&SHARED).is_empty());
}

#[test]
fn without_a_look_back_a_late_row_starves() {
    assert!(broken(&Order { looks_back: false, ..RULES }).contains(&NOT_CLAIMED));
}

#[test]
fn without_putting_back_the_rows_of_an_undone_claim_are_passed_over() {
    assert!(broken(&Order { puts_back: false, ..SHARED }).contains(&PASSED_OVER));
}

#[test]
fn the_bound_can_be_missed() {
    assert_eq!(broken(&Order { bound: 1, ..RULES }), [NOT_FOUND]);
}
