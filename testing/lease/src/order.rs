//! The order of claims: late rows, rows that another claim has locked, several wants, and the positions that a handle keeps.
//!
//! A few jobs with places, two claimers, and one or two handles. Time is counted in claims, but for what is due.

mod configurations;
mod model;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use configurations::configurations;
