//! All faults, by what they break.

mod adding;
mod appending;
mod claiming;
mod counting;
mod finding;
mod leasing;
mod losing;
mod pausing;
mod purging;

use crate::fault::Planted;

/// The faults with the title of their group, in the order of the table.
pub(crate) fn groups() -> [(&'static str, &'static [Planted]); 9] {
    [
        ("What is stored", adding::FAULTS),
        ("What is found", finding::FAULTS),
        ("How a job's chain grows", appending::FAULTS),
        ("Who gets which job", claiming::FAULTS),
        ("Leases", leasing::FAULTS),
        ("Pauses", pausing::FAULTS),
        ("Purges", purging::FAULTS),
        ("Counts and wake-ups", counting::FAULTS),
        ("Lost connections to a server", losing::FAULTS),
    ]
}
