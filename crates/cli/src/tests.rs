//! Commands in this process, on a store in memory: what a person at the terminal is asked, and what they are told about
//! jobs in every state. The tests of the binary are in `tests/`.

mod absent;
mod listing;
mod moving;
mod pausing;
mod purging;
mod story;
mod watching;
