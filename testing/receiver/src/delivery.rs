//! One delivery, as the receiver saw it.

use std::time::Instant;

use bytes::Bytes;

use crate::Answer;

/// The header that names the job.
pub(crate) const JOB: &str = "blacksmith-job-id";
/// The header that counts the runs of the job, from 1.
pub(crate) const ATTEMPT: &str = "blacksmith-attempt";

/// One delivery, as the receiver saw it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The job's id; empty when the header was missing.
    pub job: String,
    /// Which run of the job it was, counted from 1; 0 when the header was missing.
    pub attempt: u32,
    /// The body, byte for byte.
    pub payload: Bytes,
    /// How it was answered.
    pub answer: Answer,
    /// When its head had come.
    pub began: Instant,
    /// When its answer was handed over, or the client was gone.
    pub ended: Instant,
}
