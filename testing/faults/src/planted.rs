//! All faults, by what they break.

mod adding;
mod appending;
mod claiming;
mod combining;
mod counting;
mod finding;
mod lasting;
mod leasing;
mod losing;
mod pausing;
mod purging;
mod racing;
mod registering;
mod sharing;
mod upkeep;

use crate::fault::Planted;

/// The faults with the title of their group, in the order of the table.
pub(crate) const GROUPS: &[(&str, &[Planted])] = &[
    ("The adapter behind the registry", registering::FAULTS),
    ("What is stored", adding::FAULTS),
    ("What is found", finding::FAULTS),
    ("How a job's chain grows", appending::FAULTS),
    ("Who gets which job", claiming::FAULTS),
    ("Leases", leasing::FAULTS),
    ("Pauses", pausing::FAULTS),
    ("Purges", purging::FAULTS),
    ("Counts and wake-ups", counting::FAULTS),
    ("Housekeeping", upkeep::FAULTS),
    ("What a combination or a sequence shows", combining::FAULTS),
    ("Calls that race", racing::FAULTS),
    ("Handles and processes that share a file", sharing::FAULTS),
    ("A file that outlasts its processes", lasting::FAULTS),
    ("Lost connections to a server", losing::FAULTS),
];

pub(crate) fn all() -> impl Iterator<Item = &'static Planted> {
    GROUPS.iter().flat_map(|(_, faults)| *faults)
}
