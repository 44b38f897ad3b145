//! Claim calls that take several jobs under one lease: what an extension that names some of their tokens reaches, and how a
//! worker learns of a claim whose answer is lost.
//!
//! As in `life`, a request is a message that is delivered at any later time or never, and faults are bounded; here answers are
//! messages too, so that one may come after another has overtaken it. Time is not counted. Attempts and sequences are left
//! out: a claim is its token.

mod configurations;
mod model;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod worker;

pub(crate) use configurations::configurations;
