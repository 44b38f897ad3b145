//! From where on a queue is looked through for due jobs.
//!
//! Below the highest position that a handle's claims have returned lie entries of jobs that are done, which cost a claim more
//! than those that are due, above all while somebody holds an old snapshot. So a claim starts there, or a moment before now: what
//! commits within that moment is found by the next claim. Three things still come to lie below: a commit that took longer, the
//! work of a machine whose clock is behind, and jobs of a claim that somebody else undid. They are found by looking back,
//! inside an ordinary claim once a second, by 1, 2, 1, 4, 1, 2, 1, 8 … times a distance: those that are a little late are found
//! at once, and those that are later a little later. Every twenty seconds a claim starts at the beginning, so that nothing waits
//! for half a minute, however late it is.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use blacksmith_store_core::{JobId, Timestamp};

use crate::queues::QueueNumber;

/// What commits within this time is found by the next claim.
const GRACE: Duration = Duration::from_millis(100);

/// How often a queue is looked back in.
const TICK: Duration = Duration::from_secs(1);

/// The distance of the shortest look back: this time, or so many claimed rows, whichever is less.
const DISTANCE: Duration = Duration::from_secs(4);
const DISTANCE_ROWS: u64 = 40_000;

/// How often a claim starts at the beginning: late rows wait at most this long, and the time until the next claim.
const WHOLE: Duration = Duration::from_secs(20);

/// Distances double this often at most; a claim that starts at the beginning has a level of its own, the last.
const LEVELS: usize = 8;
const FROM_THE_BEGINNING: usize = LEVELS;

/// A look back is not repeated before this many times what it took, so that all of them take a small part of the time; but
/// late rows must not wait too long for the one from the beginning.
const REST: u32 = 30;
const REST_FROM_THE_BEGINNING: u32 = 8;

/// How finely a handle remembers where it was.
const STEP: Duration = Duration::from_millis(50);

/// Remembered positions are thinned beyond this number.
const REMEMBERED: usize = 4_096;

/// A place in a queue: when a job is due, and its id. `None` stands before every id.
pub(crate) type Position = (Timestamp, Option<JobId>);

/// Before every job.
pub(crate) fn beginning() -> Position {
    (blacksmith_store_core::never(), None)
}

/// Where a claim starts in a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) position: Position,
    epoch: u64,
    /// How far it looks back: so often is the distance doubled.
    level: Option<usize>,
}

/// What a claim found in a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) rows: usize,
    /// The position of the last job.
    pub(crate) last: Option<Position>,
    /// Whether it took as many as it might: there may be more.
    pub(crate) is_full: bool,
}

/// A handle's position in one queue.
#[derive(Default)]
struct Mark {
    position: Option<Position>,
    /// Grows when the position is set back; a claim that began before does not move it on.
    epoch: u64,
    rows: u64,
    ticks: u64,
    next_tick: Option<Instant>,
    /// When a claim last started at the beginning.
    last_whole: Option<Instant>,
    rested: [Option<Instant>; LEVELS + 1],
    passed: VecDeque<Passed>,
}

/// Where a handle was.
#[derive(Clone, Copy)]
struct Passed {
    at: Instant,
    rows: u64,
    position: Position,
}

/// A handle's positions in all queues.
#[derive(Default)]
pub(crate) struct Watermarks(Mutex<HashMap<QueueNumber, Mark>>);

impl Watermarks {
    /// Where a claim of `queue` starts at `now`.
    pub(crate) fn start(&self, queue: QueueNumber, now: Timestamp) -> Start {
        self.with(queue, |mark| mark.start(now, Instant::now()))
    }

    /// Learns from a claim that began at `start` and took this long.
    pub(crate) fn learn(&self, queue: QueueNumber, start: Start, found: Found, took: Duration) {
        self.with(queue, |mark| mark.learn(start, found, took, Instant::now()));
    }

    /// A claim that began at `start` was not answered: what it had taken may lie there again.
    pub(crate) fn reset(&self, queue: QueueNumber, start: Start) {
        self.with(queue, |mark| mark.set_back(start.position));
    }

    fn with<T>(&self, queue: QueueNumber, act: impl FnOnce(&mut Mark) -> T) -> T {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(marks.entry(queue).or_default())
    }
}

impl Mark {
    fn start(&mut self, now: Timestamp, instant: Instant) -> Start {
        let epoch = self.epoch;
        let Some(position) = self.position else {
            self.last_whole = Some(instant);
            return Start { position: beginning(), epoch, level: None };
        };
        let level = self.due_level(instant);
        let position = match level {
            None => position,
            Some(level) => position.min(self.behind(level, instant)),
        };
        Start { position: position.min((now - GRACE, None)), epoch, level }
    }

    /// How far to look back now, if it is time for it.
    fn due_level(&mut self, instant: Instant) -> Option<usize> {
        if self.next_tick.is_some_and(|next| instant < next) {
            return None;
        }
        self.next_tick = Some(instant + TICK);
        self.ticks += 1;
        let is_resting = |level: usize| self.rested[level].is_some_and(|until| instant < until);
        let is_time = self.last_whole.is_none_or(|last| instant.duration_since(last) >= WHOLE);
        if is_time && !is_resting(FROM_THE_BEGINNING) {
            self.last_whole = Some(instant);
            return Some(FROM_THE_BEGINNING);
        }
        let mut level = (self.ticks.trailing_zeros() as usize).min(LEVELS - 1);
        while level > 0 && is_resting(level) {
            level -= 1;
        }
        Some(level)
    }

    /// The position that lies the distance of a level behind; the beginning, if that is longer ago than is remembered.
    fn behind(&self, level: usize, instant: Instant) -> Position {
        if level == FROM_THE_BEGINNING {
            return beginning();
        }
        let rows = DISTANCE_ROWS.saturating_mul(1 << level);
        let long_ago = instant.checked_sub(DISTANCE.saturating_mul(1 << level));
        let is_behind = |passed: &&Passed| {
            self.rows - passed.rows > rows || long_ago.is_some_and(|limit| passed.at < limit)
        };
        self.passed.iter().rev().find(is_behind).map_or(beginning(), |passed| passed.position)
    }

    fn learn(&mut self, start: Start, found: Found, took: Duration, instant: Instant) {
        if let Some(level) = start.level {
            let rest = if level == FROM_THE_BEGINNING { REST_FROM_THE_BEGINNING } else { REST };
            self.rested[level] = instant.checked_add(took * rest);
        } else if self.next_tick.is_none() {
            self.next_tick = Some(instant + TICK);
        }
        self.rows += found.rows as u64;
        let Some(last) = found.last else { return };
        let position = self.position.unwrap_or(beginning());
        if start.level.is_some() && found.is_full && last < position {
            // There may be more of what was late: the next claims go on from here.
            self.epoch += 1;
            self.position = Some(last);
        } else if start.epoch == self.epoch && last > position {
            self.position = Some(last);
            self.remember(Passed { at: instant, rows: self.rows, position: last });
        }
    }

    fn set_back(&mut self, position: Position) {
        self.epoch += 1;
        self.position = self.position.map(|current| current.min(position));
    }

    fn remember(&mut self, passed: Passed) {
        if self.passed.back().is_some_and(|last| passed.at - last.at <= STEP) {
            return;
        }
        self.passed.push_back(passed);
        if self.passed.len() > REMEMBERED {
            self.thin(passed.at);
        }
    }

    /// Keeps fewer of the older positions: a step may be a fraction of how long ago it was.
    fn thin(&mut self, now: Instant) {
        const FRACTION: u32 = 512;
        let mut kept: Option<Instant> = None;
        self.passed.retain(|passed| {
            let step = (now - passed.at) / FRACTION;
            let keep = kept.is_none_or(|kept| passed.at - kept > step);
            if keep {
                kept = Some(passed.at);
            }
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Position {
        (Timestamp::from_timestamp(1_800_000_000 + seconds, 0).expect("an instant"), None)
    }

    fn found(rows: usize, last: Position, is_full: bool) -> Found {
        Found { rows, last: Some(last), is_full }
    }

    /// A mark that has taken 1,000 rows each second for `seconds`, and the instant then; it starts at the beginning at 0, 20, …
    fn busy(seconds: u64) -> (Mark, Instant) {
        let begun = Instant::now();
        let mut mark = Mark::default();
        for second in 0..=seconds {
            let instant = begun + Duration::from_secs(second);
            let position = at(i64::try_from(second).expect("small"));
            let start = mark.start(position.0, instant);
            mark.learn(start, found(1_000, position, true), Duration::ZERO, instant);
        }
        (mark, begun + Duration::from_secs(seconds))
    }

    #[test]
    fn a_fresh_handle_starts_at_the_beginning() {
        let mark = &mut Mark::default();
        assert_eq!(mark.start(at(0).0, Instant::now()).position, beginning());
    }

    #[test]
    fn a_claim_starts_where_the_last_one_ended_but_a_moment_before_now() {
        let (mut mark, instant) = busy(10);
        let within = instant + Duration::from_millis(10);
        assert_eq!(mark.start(at(100).0, within).position, at(10));
        assert_eq!(mark.start(at(10).0, within).position, (at(10).0 - GRACE, None));
    }

    #[test]
    fn once_a_second_a_claim_looks_back_and_now_and_then_further() {
        let (mut mark, begun) = busy(100);
        let mut distances = Vec::new();
        for second in 1..=8 {
            let instant = begun + Duration::from_secs(second);
            let start = mark.start(at(1_000).0, instant);
            distances.push((at(100).0 - start.position.0).num_seconds());
            assert!(mark.start(at(1_000).0, instant).level.is_none());
        }
        // Measured from the position; time goes on by a second each, and `ticks` stood at 100.
        let levels: Vec<u32> = (101_u32..=108).map(u32::trailing_zeros).collect();
        let expected: Vec<i64> = levels
            .iter()
            .zip(1..=8)
            .map(|(level, passed)| ((4_i64 << level) - passed + 1).max(0))
            .collect();
        assert_eq!(distances, expected);
    }

    #[test]
    fn every_twenty_seconds_a_claim_starts_at_the_beginning() {
        let (mut mark, begun) = busy(101);
        let starts: Vec<bool> = (1..=60)
            .map(|second| {
                let start = mark.start(at(1_000).0, begun + TICK * second);
                let is_whole = start.level == Some(FROM_THE_BEGINNING);
                assert!(!is_whole || start.position == beginning());
                is_whole
            })
            .collect();
        let whole: Vec<usize> = (0..60).filter(|second| starts[*second]).collect();
        assert_eq!(whole.len(), 3, "{whole:?}");
        assert!(whole.windows(2).all(|pair| pair[1] - pair[0] == 20), "{whole:?}");
    }

    #[test]
    fn rows_bound_the_distance_too() {
        let begun = Instant::now();
        let mut mark = Mark::default();
        for step in 0..10 {
            let instant = begun + STEP * 2 * step;
            let start = mark.start(at(i64::from(step)).0, instant);
            mark.learn(start, found(30_000, at(i64::from(step)), true), Duration::ZERO, instant);
        }
        let start = mark.start(at(100).0, begun + TICK + STEP);
        assert_eq!(start.position, at(7), "40,000 rows are two steps of 30,000");
    }

    #[test]
    fn late_rows_that_fill_a_claim_set_the_position_back_and_claims_in_flight_do_not_undo_it() {
        let (mut mark, begun) = busy(100);
        let in_flight = mark.start(at(1_000).0, begun + STEP);
        let look = mark.start(at(1_000).0, begun + TICK * 2);
        assert!(look.level.is_some());
        mark.learn(look, found(1_000, at(97), true), Duration::ZERO, begun + TICK * 2);
        mark.learn(in_flight, found(1_000, at(101), true), Duration::ZERO, begun + TICK * 2);
        assert_eq!(mark.start(at(1_000).0, begun + TICK * 2 + STEP).position, at(97));
    }

    #[test]
    fn a_claim_that_was_not_answered_puts_the_position_back() {
        let (mut mark, begun) = busy(100);
        let lost = mark.start(at(1_000).0, begun + STEP);
        let other = mark.start(at(1_000).0, begun + STEP);
        mark.learn(other, found(10, at(120), true), Duration::ZERO, begun + STEP);
        mark.set_back(lost.position);
        assert_eq!(mark.start(at(1_000).0, begun + STEP * 2).position, at(100));
    }

    #[test]
    fn a_long_look_is_not_repeated_soon() {
        let (mut mark, begun) = busy(107);
        let long = mark.start(at(1_000).0, begun + TICK);
        assert_eq!(long.level, Some(2), "the 108th");
        mark.learn(long, Found { rows: 0, last: None, is_full: false }, TICK, begun + TICK);
        for tick in 2..=9 {
            let look = mark.start(at(1_000).0, begun + TICK * tick);
            assert_ne!(look.level, Some(2), "within thirty seconds");
        }
    }

    #[test]
    fn remembered_positions_stay_few_and_reach_back_far() {
        let begun = Instant::now();
        let mut mark = Mark::default();
        let steps = 200_000_u32;
        for step in 0..steps {
            let instant = begun + STEP * 2 * step;
            mark.remember(Passed {
                at: instant,
                rows: u64::from(step),
                position: at(i64::from(step)),
            });
        }
        assert!(mark.passed.len() <= REMEMBERED + 1);
        assert_eq!(mark.passed.front().map(|passed| passed.position), Some(at(0)));
    }
}
