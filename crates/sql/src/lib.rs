//! What the SQL adapters of Blacksmith store share: filters translated to [sea-query](sea_query) statements.
//!
//! The definition of a match is core's (`matching.rs`); this crate says the same in SQL. An adapter describes its tables as a
//! [`Layout`]; [`search`] builds, from a filter that core has checked, the statement that finds the keys of a page, and the
//! one that counts. Pages are cut from keys alone, and the adapter reads the rows of those keys afterwards: a join before the
//! cut reads rows that the page does not show. [`Matching`] gives the bare conditions, for statements of the adapter's own,
//! such as a purge.
//!
//! No value is pasted into a text, and no text depends on how long a list is: a list is one bound value.

mod dialect;
mod layout;
mod matching;
mod search;

pub use crate::{
    dialect::Dialect,
    layout::{Column, Layout},
    matching::Matching,
    search::{Search, search},
};
pub use sea_query;
