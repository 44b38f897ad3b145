//! What `blacksmith demo` is made of: events, a receiver that fails on purpose, and looks at what happens.

mod live;
mod place;
mod receiver;
mod sender;
mod verdict;

pub(crate) use self::{
    live::{Live, told},
    place::{Place, configuration},
    receiver::{Receiver, Tally},
    sender::{EVERY, Sender},
    verdict::Verdict,
};
