//! Lines of JSON on their way into a store: read, made into events, collected into batches, sent.

mod batches;
mod line;
mod lines;
mod sending;

pub(crate) use self::{
    batches::{Batch, Input, read},
    line::event,
    lines::BadLine,
    sending::{Sender, Summary},
};
