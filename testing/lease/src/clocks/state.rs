//! What is so at an instant.

use super::model::{Belief, Clocks, Judge, Promise};
use crate::promises::Broken;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Work {
    #[default]
    Idle,
    Asked {
        at: i8,
    },
    Answered {
        asked: i8,
        until: i8,
    },
    Holds {
        deadline: i8,
        is_running: bool,
    },
}

impl Work {
    pub(super) fn holds(self) -> bool {
        matches!(self, Self::Holds { .. })
    }

    pub(super) fn is_running(self) -> bool {
        matches!(self, Self::Holds { is_running: true, .. })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    pub(super) work: Work,
    pub(super) is_frozen: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// The true time.
    pub(super) time: i8,
    /// By how much the database's clock is off.
    pub(super) step: i8,
    pub(super) holder: Option<usize>,
    /// The end of its lease.
    pub(super) until: i8,
    pub(super) workers: [Worker; 2],
    pub(super) freezes_left: u8,
    pub(super) steps_left: bool,
    pub(super) outages_left: u8,
    pub(super) is_down: bool,
    /// When the last outage ended, by the database's clock.
    pub(super) up_since: i8,
    /// The holder has renewed its lease after the outage, or has nothing to renew.
    pub(super) is_renewed: bool,
    pub(super) broken: Broken,
}

impl State {
    pub(super) fn first(clocks: &Clocks) -> Self {
        Self {
            time: 0,
            step: 0,
            holder: None,
            until: 0,
            workers: [Worker::default(); 2],
            freezes_left: clocks.freezes,
            steps_left: clocks.step != 0,
            outages_left: clocks.outages,
            is_down: false,
            up_since: -99,
            is_renewed: true,
            broken: Broken::default(),
        }
    }

    fn database_time(&self) -> i8 {
        self.time + self.step
    }

    /// A worker's wall clock; its monotonic clock is the true time and a constant.
    fn wall_time(&self, clocks: &Clocks, worker: usize) -> i8 {
        self.time + clocks.offsets[worker]
    }

    /// The time by which a worker judges its own lease.
    fn believed_time(&self, clocks: &Clocks, worker: usize) -> i8 {
        match clocks.belief {
            Belief::UntilByWallClock => self.wall_time(clocks, worker),
            Belief::SinceReply | Belief::SinceRequest => self.time,
        }
    }

    /// After an outage a living holder renews within two ticks.
    pub(super) fn must_renew(&self, clocks: &Clocks) -> bool {
        let lives =
            |holder: usize| self.workers[holder].work.holds() && !self.workers[holder].is_frozen;
        clocks.outages > 0
            && !self.is_down
            && !self.is_renewed
            && self.time >= self.up_since + 2
            && self.holder.is_some_and(lives)
    }

    pub(super) fn tick(&mut self, clocks: &Clocks) {
        self.time += 1;
        for worker in 0..self.workers.len() {
            if let Work::Holds { deadline, .. } = self.workers[worker].work
                && !self.workers[worker].is_frozen
                && clocks.outages == 0
                && self.believed_time(clocks, worker) >= deadline
            {
                self.workers[worker].work = Work::Idle;
            }
        }
    }

    fn is_due(&self, clocks: &Clocks, worker: usize) -> bool {
        if self.holder.is_none() {
            return true;
        }
        match clocks.judge {
            Judge::DatabaseClock => {
                let now = self.database_time();
                now >= self.until && now >= self.up_since + clocks.grace
            }
            Judge::WorkersClock => self.wall_time(clocks, worker) >= self.until,
        }
    }

    /// The claim of a worker reaches the database.
    pub(super) fn give(&mut self, clocks: &Clocks, worker: usize) -> Option<()> {
        let Work::Asked { at } = self.workers[worker].work else { return None };
        if !self.is_due(clocks, worker) {
            self.workers[worker].work = Work::Idle;
            return Some(());
        }
        if let Some(holder) = self.holder {
            // By the database's own clock the lease before this one still lives.
            if self.database_time() < self.until && clocks.judge == Judge::WorkersClock {
                self.broken.note(Promise::LiveLeaseKept);
            }
            let before = self.workers[holder];
            if clocks.outages > 0
                && holder != worker
                && before.work.holds()
                && !before.is_frozen
                && !self.is_renewed
            {
                self.broken.note(Promise::OutageSurvived);
            }
        }
        let now = match clocks.judge {
            Judge::DatabaseClock => self.database_time(),
            Judge::WorkersClock => self.wall_time(clocks, worker),
        };
        self.until = now + clocks.lease;
        self.is_renewed = true;
        self.holder = Some(worker);
        self.workers[worker].work = Work::Answered { asked: at, until: self.until };
        Some(())
    }

    pub(super) fn receive(&mut self, clocks: &Clocks, worker: usize) -> Option<()> {
        let Work::Answered { asked, until } = self.workers[worker].work else { return None };
        let deadline = match clocks.belief {
            Belief::UntilByWallClock => until,
            Belief::SinceReply => self.time + clocks.lease,
            Belief::SinceRequest => asked + clocks.lease,
        };
        self.workers[worker].work = Work::Holds { deadline, is_running: false };
        Some(())
    }

    pub(super) fn start(&mut self, clocks: &Clocks, worker: usize) -> Option<()> {
        let Work::Holds { deadline, .. } = self.workers[worker].work else { return None };
        let is_over = clocks.outages == 0 && self.believed_time(clocks, worker) >= deadline;
        self.workers[worker].work =
            if is_over { Work::Idle } else { Work::Holds { deadline, is_running: true } };
        Some(())
    }

    pub(super) fn finish(&mut self, worker: usize) {
        self.workers[worker].work = Work::Idle;
        if self.holder == Some(worker) {
            self.holder = None;
            self.is_renewed = true;
        }
    }

    pub(super) fn thaw(&mut self, worker: usize) {
        let thawed = &mut self.workers[worker];
        thawed.is_frozen = false;
        if let Work::Holds { deadline, .. } = thawed.work
            && self.time >= deadline
        {
            thawed.work = Work::Idle;
        }
    }

    pub(super) fn go_down(&mut self) {
        self.outages_left -= 1;
        self.is_down = true;
        self.is_renewed = !self.holder.is_some_and(|holder| self.workers[holder].work.holds());
    }

    pub(super) fn come_up(&mut self) {
        self.is_down = false;
        self.up_since = self.database_time();
    }

    pub(super) fn renew(&mut self, clocks: &Clocks, worker: usize) {
        self.is_renewed = true;
        if self.holder == Some(worker) {
            self.until = self.database_time() + clocks.lease;
        }
    }
}
