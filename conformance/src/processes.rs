//! Child processes: the program that runs the suite starts itself again, and its child makes calls on the same data.
//!
//! The parent writes an order into the child's standard input, with the options of the store among it (the connection is a
//! secret, which arguments and the environment would show), and then a line for each call. The child answers each with a line
//! as soon as its store has answered, so that the parent knows what was acknowledged before it kills the child.

mod calls;
mod carried;
mod child;
mod lines;
mod process;

pub use self::child::enter;
pub(crate) use self::{child::can_be_entered, process::Process};
