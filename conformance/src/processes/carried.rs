//! What calls take and answer, as JSON.

use std::{io, time::Duration};

use blacksmith_store_core::{
    Added, Appended, Change, ChangeOutcome, ClaimRequest, Claimed, Event, EventId, ExpireRequest,
    ExtendRequest, Extended, Job, JobId, Maintained, Page, Pause, PauseId, PurgeRequest, Purged,
    Queue, QueueStats, Status, Timestamp, Token, Transition, TransitionId, Wakeups, Want,
    WhereEvents,
};
use serde_json::{Result, value::RawValue};

/// A value that goes between processes.
pub(super) trait Carried: Sized {
    fn pack(self) -> Result<Box<RawValue>>;
    fn unpack(packed: &RawValue) -> Result<Self>;
}

/// Types that have a JSON of their own.
macro_rules! as_they_are {
    ($($type:ty),* $(,)?) => {$(
        impl Carried for $type {
            fn pack(self) -> Result<Box<RawValue>> {
                serde_json::value::to_raw_value(&self)
            }

            fn unpack(packed: &RawValue) -> Result<Self> {
                serde_json::from_str(packed.get())
            }
        }
    )*};
}

as_they_are! {
    Event, Job, Transition, Vec<Event>, Vec<Job>, Vec<Transition>, EventId, JobId, TransitionId, PauseId,
    WhereEvents, Page<Event>, Page<Job>, Page<Transition>, u64, bool,
}

/// Types that go as something else: how they are written, and how they are read.
macro_rules! as_others {
    ($($type:ty as $other:ty: $write:expr, $read:expr;)*) => {$(
        impl Carried for $type {
            fn pack(self) -> Result<Box<RawValue>> {
                let write: fn(Self) -> $other = $write;
                serde_json::value::to_raw_value(&write(self))
            }

            fn unpack(packed: &RawValue) -> Result<Self> {
                let read: fn($other) -> Self = $read;
                serde_json::from_str(packed.get()).map(read)
            }
        }
    )*};
}

/// A change: its transitions, events and jobs.
type Parts = (Vec<Transition>, Vec<Event>, Vec<Job>);

/// A want: its destination, action and limit.
type Wanted = (Option<String>, Option<String>, usize);

/// A pause: its id, destination, action, actor, reason and instant.
type Paused = (PauseId, String, Option<String>, String, Option<String>, Option<Timestamp>);

/// Counts of a queue: its destination and action, how many jobs have each status, and when the first is due.
type Counted = (String, String, [u64; 7], Option<Timestamp>);

as_others! {
    Added as (u64, u64, u64, u64):
        |added| (added.events, added.events_known, added.jobs, added.jobs_known),
        |(events, events_known, jobs, jobs_known)| {
            let mut added = Added::default();
            added.events = events;
            added.events_known = events_known;
            added.jobs = jobs;
            added.jobs_known = jobs_known;
            added
        };
    Appended as (u64, u64):
        |appended| (appended.new, appended.known),
        |(new, known)| {
            let mut appended = Appended::default();
            appended.new = new;
            appended.known = known;
            appended
        };
    Vec<Change> as Vec<Parts>:
        |changes| {
            changes
                .into_iter()
                .map(|change| (change.transitions, change.events, change.jobs))
                .collect()
        },
        |parts| {
            let change = |(transitions, events, jobs)| {
                let mut change = Change::default();
                change.transitions = transitions;
                change.events = events;
                change.jobs = jobs;
                change
            };
            parts.into_iter().map(change).collect()
        };
    Vec<ChangeOutcome> as Vec<usize>:
        |outcomes| {
            let place = |outcome| OUTCOMES.iter().position(|known| *known == outcome);
            outcomes.into_iter().map(|outcome| place(outcome).unwrap_or(usize::MAX)).collect()
        },
        |places| places.into_iter().map(|place| OUTCOMES[place]).collect();
    ClaimRequest as (String, Duration, Vec<Wanted>):
        |request| {
            let wanted = |want: Want| (want.destination, want.action, want.limit);
            (request.actor, request.lease, request.wants.into_iter().map(wanted).collect())
        },
        |(actor, lease, wanted)| {
            let want = |(destination, action, limit)| {
                let mut want = Want::any(limit);
                want.destination = destination;
                want.action = action;
                want
            };
            ClaimRequest::new(actor, lease, wanted.into_iter().map(want))
        };
    Claimed as (Queue, Option<Timestamp>):
        |claimed| (claimed.queue, claimed.next_due),
        |(queue, next_due)| Claimed::new(queue, next_due);
    ExtendRequest as (String, Duration, Vec<TransitionId>):
        |request| (request.actor, request.lease, request.tokens),
        |(actor, lease, tokens)| ExtendRequest::new(actor, lease, tokens);
    Extended as (Vec<bool>, Queue):
        |extended| {
            let is_kept = |token| token == Token::Kept;
            (extended.tokens.into_iter().map(is_kept).collect(), extended.others)
        },
        |(kept, others)| {
            let token = |is_kept| if is_kept { Token::Kept } else { Token::Lost };
            Extended::new(kept.into_iter().map(token).collect(), others)
        };
    ExpireRequest as (String, usize):
        |request| (request.actor, request.limit),
        |(actor, limit)| ExpireRequest::new(actor, limit);
    Pause as Paused: write_pause, read_pause;
    Vec<Pause> as Vec<Paused>:
        |pauses| pauses.into_iter().map(write_pause).collect(),
        |pauses| pauses.into_iter().map(read_pause).collect();
    PurgeRequest as (WhereEvents, [bool; 3], Option<Duration>, Option<u64>):
        |request| {
            let switches = [request.all, request.include_unfinished, request.include_recent];
            (request.filter, switches, request.older_than, request.max_events)
        },
        |(filter, [all, include_unfinished, include_recent], older_than, max_events)| {
            let mut request = PurgeRequest::new(filter);
            request.all = all;
            request.include_unfinished = include_unfinished;
            request.include_recent = include_recent;
            request.older_than = older_than;
            request.max_events = max_events;
            request
        };
    Purged as ([u64; 5], bool):
        |purged| {
            let Purged { events, jobs, transitions, left_unfinished, left_recent, .. } = purged;
            ([events, jobs, transitions, left_unfinished, left_recent], purged.more)
        },
        |([events, jobs, transitions, left_unfinished, left_recent], more)| {
            let mut purged = Purged::default();
            purged.events = events;
            purged.jobs = jobs;
            purged.transitions = transitions;
            purged.left_unfinished = left_unfinished;
            purged.left_recent = left_recent;
            purged.more = more;
            purged
        };
    Vec<QueueStats> as Vec<Counted>:
        |stats| {
            let counted = |queue: QueueStats| {
                let counts = Status::ALL.map(|status| queue.counts.of(status));
                (queue.destination, queue.action, counts, queue.earliest_due)
            };
            stats.into_iter().map(counted).collect()
        },
        |counted| {
            let queue = |(destination, action, counts, earliest_due): Counted| {
                let mut queue = QueueStats::new(destination, action);
                for (status, count) in Status::ALL.into_iter().zip(counts) {
                    *queue.counts.of_mut(status) = count;
                }
                queue.earliest_due = earliest_due;
                queue
            };
            counted.into_iter().map(queue).collect()
        };
    Maintained as (u64, bool):
        |maintained| (maintained.rows, maintained.more),
        |(rows, more)| {
            let mut maintained = Maintained::default();
            maintained.rows = rows;
            maintained.more = more;
            maintained
        };
}

/// A stream stays in its process.
impl Carried for Wakeups {
    fn pack(self) -> Result<Box<RawValue>> {
        Err(not_carried())
    }

    fn unpack(_: &RawValue) -> Result<Self> {
        Err(not_carried())
    }
}

fn not_carried() -> serde_json::Error {
    serde_json::Error::io(io::Error::other("a stream is not carried to another process"))
}

const OUTCOMES: [ChangeOutcome; 5] = [
    ChangeOutcome::Applied,
    ChangeOutcome::Known,
    ChangeOutcome::Stale,
    ChangeOutcome::Gone,
    ChangeOutcome::Conflict,
];

fn write_pause(pause: Pause) -> Paused {
    (pause.id, pause.destination, pause.action, pause.actor, pause.reason, pause.created_at)
}

fn read_pause((id, destination, action, actor, reason, created_at): Paused) -> Pause {
    let mut pause = Pause::new(id, destination, actor);
    pause.action = action;
    pause.reason = reason;
    pause.created_at = created_at;
    pause
}
