//! What every call to a store gets: a clock, a deadline, a source of randomness, a tracing span.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use tracing::Span;

use crate::{
    EventId, JobId, PauseId, Timestamp, TransitionId, floor_to_micros,
    id::{ID_BYTES, KSUID_EPOCH},
    time::from_micros,
};

/// What tells a call the time.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Clock {
    /// The system's clock; a server database uses its own instead, so that workers whose clocks differ agree.
    #[default]
    System,
    /// An instant that the caller sets; every adapter uses exactly this one.
    Set(SetClock),
}

/// A clock that stands still until it is moved; its clones are the same clock.
///
/// ```
/// use std::time::Duration;
/// use blacksmith_store_core::{Clock, SetClock, Toolkit};
///
/// let clock = SetClock::at("2026-01-01T00:00:00Z".parse()?);
/// let toolkit = Toolkit::new().with_clock(Clock::Set(clock.clone()));
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(toolkit.now().to_rfc3339(), "2026-01-01T00:01:30+00:00");
/// # Ok::<(), chrono::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SetClock(Arc<AtomicI64>);

impl SetClock {
    /// A clock that shows `instant`, cut to the microsecond.
    pub fn at(instant: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(instant.timestamp_micros())))
    }

    /// The instant it shows.
    pub fn now(&self) -> Timestamp {
        from_micros(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }

    /// Sets it to `instant`, forward or back.
    pub fn set(&self, instant: Timestamp) {
        self.0.store(instant.timestamp_micros(), Ordering::SeqCst);
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

/// A source of randomness and of ids; its clones draw from the same stream.
///
/// Ids of one source are monotonic: a KSUID's second, then a counter that starts at random and grows by random steps. So
/// they sort in the order in which they were made, and append to a database's indexes.
#[derive(Clone)]
struct Source(Arc<Mutex<SourceState>>);

struct SourceState {
    random: StdRng,
    second: u32,
    counter: u128,
}

impl Source {
    fn new(random: StdRng) -> Self {
        Self(Arc::new(Mutex::new(SourceState { random, second: 0, counter: 0 })))
    }

    fn from_system() -> Self {
        Self::new(rand::make_rng())
    }

    /// The source that toolkits of this process share.
    fn of_process() -> Self {
        static SHARED: std::sync::OnceLock<Source> = std::sync::OnceLock::new();
        SHARED.get_or_init(Self::from_system).clone()
    }

    fn with<T>(&self, draw: impl FnOnce(&mut SourceState) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SourceState {
    fn next_id(&mut self, clock: &Clock) -> [u8; ID_BYTES] {
        let seconds = match clock {
            Clock::System => Utc::now().timestamp(),
            Clock::Set(clock) => clock.now().timestamp(),
        };
        let second = u32::try_from((seconds - KSUID_EPOCH).max(0)).unwrap_or(u32::MAX);
        if second > self.second {
            self.second = second;
            // The highest bit stays free, so that 2^127 steps fit before the next second.
            self.counter = self.random.random::<u128>() >> 1;
        } else {
            // Also when a clock went back: ids never do.
            self.counter = self.counter.wrapping_add(1 + u128::from(self.random.random::<u32>()));
        }
        let mut bytes = [0; ID_BYTES];
        bytes[..4].copy_from_slice(&self.second.to_be_bytes());
        bytes[4..].copy_from_slice(&self.counter.to_be_bytes());
        bytes
    }
}

/// What every call gets: a clock, a deadline, a source of randomness and ids, the tracing span. Cheap to clone.
///
/// Without a deadline a call waits as long as its database does. With the system clock a server database's own clock
/// decides what is due; with a [set clock](SetClock) the given instant does, in every adapter. With a
/// [seed](Toolkit::with_seed), a run repeats itself, ids included. Blacksmith: `store.Toolkit`, which holds a logger.
///
/// ```
/// use std::time::Duration;
/// use blacksmith_store_core::Toolkit;
///
/// let toolkit = Toolkit::new().with_timeout(Duration::from_secs(5));
/// assert!(toolkit.job_id() < toolkit.job_id());
/// ```
#[derive(Clone)]
pub struct Toolkit {
    clock: Clock,
    deadline: Option<Instant>,
    source: Source,
    span: Span,
}

impl Default for Toolkit {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Toolkit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Toolkit")
            .field("clock", &self.clock)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Toolkit {
    /// System clock, no deadline, the process's randomness, the current tracing span.
    pub fn new() -> Self {
        Self {
            clock: Clock::System,
            deadline: None,
            source: Source::of_process(),
            span: Span::current(),
        }
    }

    /// The same with another clock. A set clock comes with a source of ids of its own, so that the instants it shows do
    /// not reach the ids of the rest of the process.
    pub fn with_clock(self, clock: Clock) -> Self {
        let source = match clock {
            Clock::System => self.source,
            Clock::Set(_) => Source::from_system(),
        };
        Self { clock, source, ..self }
    }

    /// The same with randomness and ids drawn from `seed`; set the clock first, or it brings its own source.
    pub fn with_seed(self, seed: u64) -> Self {
        Self { source: Source::new(StdRng::seed_from_u64(seed)), ..self }
    }

    /// The same with a deadline for each call made with it.
    pub fn with_deadline(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The same with a deadline `timeout` from now.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        // A timeout beyond what an `Instant` can hold is no deadline.
        Self { deadline: Instant::now().checked_add(timeout), ..self }
    }

    /// The same with `span` as the parent of the calls' spans.
    pub fn with_span(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The clock's instant, cut to the microsecond. Adapters of server databases use
    /// [`set_instant`](Self::set_instant) and their server's clock.
    pub fn now(&self) -> Timestamp {
        self.set_instant().unwrap_or_else(|| floor_to_micros(Utc::now()))
    }

    /// The instant of a set clock; `None` with the system clock, where a server database asks its own.
    pub fn set_instant(&self) -> Option<Timestamp> {
        match &self.clock {
            Clock::System => None,
            Clock::Set(clock) => Some(clock.now()),
        }
    }

    /// The instant at which a call gives up, if there is one.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long a call may still take: `None` without a deadline, zero when it has passed.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// The span that calls belong to.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// A new event id.
    pub fn event_id(&self) -> EventId {
        EventId::from_bytes(self.source.with(|source| source.next_id(&self.clock)))
    }

    /// A new job id.
    pub fn job_id(&self) -> JobId {
        JobId::from_bytes(self.source.with(|source| source.next_id(&self.clock)))
    }

    /// A new transition id.
    pub fn transition_id(&self) -> TransitionId {
        TransitionId::from_bytes(self.source.with(|source| source.next_id(&self.clock)))
    }

    /// `count` new transition ids in ascending order, with no id of this source between them.
    pub fn transition_ids(&self, count: usize) -> Vec<TransitionId> {
        self.source.with(|source| {
            (0..count).map(|_| TransitionId::from_bytes(source.next_id(&self.clock))).collect()
        })
    }

    /// `count` new transition ids in ascending order, none of which `is_stored`: with a seed, a second run draws the ids of
    /// the first again, and a token must not be another claim's.
    ///
    /// # Errors
    /// The first one of `is_stored`.
    pub fn unused_transition_ids<E>(
        &self,
        count: usize,
        mut is_stored: impl FnMut(TransitionId) -> Result<bool, E>,
    ) -> Result<Vec<TransitionId>, E> {
        let mut unused = Vec::with_capacity(count);
        while unused.len() < count {
            for id in self.transition_ids(count - unused.len()) {
                if !is_stored(id)? {
                    unused.push(id);
                }
            }
        }
        Ok(unused)
    }

    /// A new pause id.
    pub fn pause_id(&self) -> PauseId {
        PauseId::from_bytes(self.source.with(|source| source.next_id(&self.clock)))
    }

    /// A random number, for jitter and the like.
    pub fn random(&self) -> u64 {
        self.source.with(|source| source.random.next_u64())
    }

    /// A random duration from zero up to and including `limit`, to the microsecond (full jitter).
    pub fn random_duration(&self, limit: Duration) -> Duration {
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.source.with(|source| source.random.random_range(0..=micros)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Clock {
        Clock::Set(SetClock::at(text.parse().expect("an instant")))
    }

    #[test]
    fn ids_of_one_source_ascend_also_when_the_clock_goes_back() {
        let clock = SetClock::at("2026-01-01T00:00:00Z".parse().expect("an instant"));
        let toolkit = Toolkit::new().with_clock(Clock::Set(clock.clone()));
        let mut last = toolkit.event_id();
        for step in 0..1000_u32 {
            if step == 500 {
                clock.set("2020-01-01T00:00:00Z".parse().expect("an instant"));
            }
            let next = toolkit.event_id();
            assert!(next > last);
            last = next;
        }
        assert_eq!(
            last.timestamp(),
            "2026-01-01T00:00:00Z".parse::<Timestamp>().expect("an instant")
        );
    }

    #[test]
    fn a_seed_repeats_ids_and_randomness() {
        let draw = |seed| {
            let toolkit = Toolkit::new().with_clock(at("2026-01-01T00:00:00Z")).with_seed(seed);
            (toolkit.event_id(), toolkit.transition_ids(3), toolkit.random())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn ids_that_are_stored_already_are_passed_over() {
        let again = || Toolkit::new().with_clock(at("2026-01-01T00:00:00Z")).with_seed(7);
        let stored = again().transition_ids(5);
        let unused = again()
            .unused_transition_ids(3, |id| Ok::<_, ()>(stored.contains(&id)))
            .expect("nothing fails");
        assert_eq!(unused.len(), 3);
        assert!(unused.is_sorted() && unused[0] > stored[4], "{unused:?} behind {stored:?}");
        assert_eq!(again().unused_transition_ids(1, |_| Err("lost")), Err("lost"));
    }

    #[test]
    fn ids_outside_the_range_of_ksuids_are_clamped() {
        let early = Toolkit::new().with_clock(at("0001-01-01T00:00:00Z")).event_id();
        assert_eq!(early.as_bytes()[..4], [0, 0, 0, 0]);
        let late = Toolkit::new().with_clock(at("9999-12-31T23:59:59Z")).event_id();
        assert_eq!(late.as_bytes()[..4], [255, 255, 255, 255]);
    }
}
