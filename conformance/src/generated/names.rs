//! The few names, ids and instants that everything generated is made of, so that the same ones meet again and again.

use std::time::Duration;

use blacksmith_store_core::{EventId, JobId, PauseId, Timestamp, TransitionId};

use crate::world::{START, instant};

/// Names of sources and of destinations: alike, so that one taken for another shows; the last is nobody's.
pub(crate) const NAMES: [&str; 4] = ["crm", "CRM", "crm ", "nobody"];

/// Names of triggers and of actions; the last is nobody's.
pub(crate) const VERBS: [&str; 3] = ["push", "pull", "never"];

/// Versions; the first is that of what has none, the last is nobody's.
pub(crate) const VERSIONS: [&str; 4] = ["", "1", "1.0", "9"];

pub(crate) const ACTORS: [&str; 3] = ["ada", "grace", "operator"];

/// How many names of a list are somebody's.
pub(crate) const fn used<const N: usize>(_: &[&str; N]) -> usize {
    N - 1
}

/// Spreads numbers, so that neighbours differ.
pub(crate) fn mixed(number: usize, salt: usize) -> usize {
    let mut mixed = number.wrapping_mul(0x9e37_79b9).wrapping_add(salt.wrapping_mul(0x85eb_ca6b));
    mixed ^= mixed >> 15;
    mixed = mixed.wrapping_mul(0x2c1b_3c6d);
    (mixed ^ (mixed >> 12)) & 0xffff
}

/// Ids in no order, of the kinds 1 to 4; those of other programs, which nothing may rely on.
fn bytes(kind: u8, number: usize) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..2].copy_from_slice(&mixed(number, kind.into()).to_be_bytes()[6..]);
    bytes[2] = kind;
    bytes[16..].copy_from_slice(&number.to_be_bytes()[4..]);
    bytes
}

pub(crate) fn event_id(number: usize) -> EventId {
    EventId::from_bytes(bytes(1, number))
}

pub(crate) fn job_id(number: usize) -> JobId {
    JobId::from_bytes(bytes(2, number))
}

pub(crate) fn transition_id(number: usize) -> TransitionId {
    TransitionId::from_bytes(bytes(3, number))
}

pub(crate) fn pause_id(number: usize) -> PauseId {
    PauseId::from_bytes(bytes(4, number))
}

/// The instant so many seconds after the clock's start; what happens happens at whole seconds.
pub(crate) fn second(number: i64) -> Timestamp {
    let start = instant(START);
    let distance = Duration::from_secs(number.unsigned_abs());
    if number < 0 { start - distance } else { start + distance }
}
