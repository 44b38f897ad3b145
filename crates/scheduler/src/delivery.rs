//! What closures get.

use blacksmith_store_core::{Event, Job, Queue, Toolkit};
use bytes::Bytes;

use crate::Reporter;

/// One job with its event, on its way to a destination.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The clock and the ids of the scheduler, and the tracing span of this run.
    pub toolkit: Toolkit,
    /// The event that led to the job; its list of jobs is empty.
    pub event: Event,
    /// The job, with its `executing` transition.
    pub job: Job,
}

impl Delivery {
    /// Which run of the job this is, counted from 1. Deliveries happen at least once: a receiver that is told job and attempt
    /// can refuse a repetition.
    pub fn attempt(&self) -> u32 {
        self.job.transition.as_ref().map_or(1, |executing| executing.attempt)
    }

    /// The job's data; where it has none of its own, the event's.
    pub fn data(&self) -> Option<&Bytes> {
        self.job.data.as_ref().or(self.event.data.as_ref())
    }

    /// The job's context; where it has none of its own, the event's.
    pub fn context(&self) -> Option<&Bytes> {
        self.job.context.as_ref().or(self.event.context.as_ref())
    }
}

/// Many jobs at once, on their way to a destination.
#[derive(Debug)]
#[non_exhaustive]
pub struct Batch {
    /// The clock and the ids of the scheduler, and the tracing span of this run.
    pub toolkit: Toolkit,
    /// The jobs, with their events.
    pub queue: Queue,
    /// Takes what became of them.
    pub report: Reporter,
}
