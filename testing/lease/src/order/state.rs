//! What is so at an instant.

use super::model::{Order, Promise};
use crate::promises::Broken;

/// A position in a queue: a place and an id in one number; the beginning is 0.
type Position = i8;

/// More than there are jobs.
const IDS: i8 = 8;

const QUEUES: usize = 2;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    #[default]
    Unwritten,
    /// Written, and not committed.
    Open,
    Waiting,
    /// Taken by a claimer whose claim is not committed.
    Locked(usize),
    Held,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Job {
    pub(super) phase: Phase,
    place: i8,
    /// For each handle: it became visible behind the position.
    is_late: [bool; 2],
    /// How many claims of each handle have passed over it since.
    passes: [u8; 2],
}

/// What a handle remembers of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Mark {
    position: Position,
    /// Where it was before.
    previous: Position,
    claims: u8,
}

/// What a claim that is on its way has of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Part {
    start: Position,
    looks_back: bool,
    last: Option<Position>,
    is_full: bool,
    /// The position was put back meanwhile.
    is_stale: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) now: i8,
    pub(super) jobs: Vec<Job>,
    pub(super) claims: [Option<[Part; QUEUES]>; 2],
    marks: [[Mark; QUEUES]; 2],
    pub(super) aborts_left: u8,
    pub(super) retries_left: u8,
    pub(super) broken: Broken,
}

impl State {
    pub(super) fn first(order: &Order) -> Self {
        Self {
            now: 1,
            jobs: vec![Job::default(); order.jobs.len()],
            claims: [None; 2],
            marks: Default::default(),
            aborts_left: order.aborts,
            retries_left: order.retries,
            broken: Broken::default(),
        }
    }

    pub(super) fn write(&mut self, order: &Order, job: usize) {
        self.jobs[job].place = order.jobs[job].1.max(self.now);
        self.jobs[job].phase = Phase::Open;
        if !order.is_late {
            self.become_visible(order, job, None);
        }
    }

    pub(super) fn retry(&mut self, order: &Order, job: usize) {
        self.retries_left -= 1;
        self.jobs[job] = Job { place: self.now + 1, ..Job::default() };
        self.become_visible(order, job, None);
    }

    /// Where a job stands.
    fn place(&self, job: usize) -> Position {
        self.jobs[job].place * IDS + self.id(job)
    }

    fn id(&self, job: usize) -> Position {
        // The first has the highest, so that ids say nothing of the order of writes.
        i8::try_from(self.jobs.len() - job).expect("a few jobs")
    }

    /// Where a claim looks for a job.
    fn key(&self, order: &Order, job: usize) -> Position {
        if order.by_place { self.place(job) } else { self.id(job) }
    }

    /// A job can be claimed from now on; the handle whose own claim was undone has no excuse to miss it.
    pub(super) fn become_visible(&mut self, order: &Order, job: usize, own: Option<usize>) {
        self.jobs[job].phase = Phase::Waiting;
        let (queue, key) = (order.jobs[job].0, self.key(order, job));
        for handle in 0..2 {
            let flies = self.claims.iter().zip(order.handles).any(|(claim, other)| {
                let ends_behind = |parts: &[Part; QUEUES]| {
                    !parts[queue].is_stale && parts[queue].last.is_some_and(|last| last > key)
                };
                other == handle && claim.as_ref().is_some_and(ends_behind)
            });
            let is_behind = flies || self.marks[handle][queue].position >= key;
            self.jobs[job].is_late[handle] |= is_behind && own != Some(handle);
        }
    }

    /// The jobs of a queue behind a position that are committed and due, in order; locked ones are still seen by a mere read.
    fn due(&self, order: &Order, queue: usize, start: Position, sees_locked: bool) -> Vec<usize> {
        let mut due: Vec<usize> = (0..self.jobs.len())
            .filter(|&job| {
                let is_open = match self.jobs[job].phase {
                    Phase::Waiting => true,
                    Phase::Locked(_) => sees_locked,
                    Phase::Unwritten | Phase::Open | Phase::Held => false,
                };
                let is_due = self.jobs[job].place <= self.now;
                is_open && is_due && order.jobs[job].0 == queue && self.key(order, job) > start
            })
            .collect();
        due.sort_unstable_by_key(|&job| self.key(order, job));
        due
    }

    /// Where a claim starts.
    fn start(&mut self, order: &Order, handle: usize, queue: usize) -> Part {
        let mark = &mut self.marks[handle][queue];
        mark.claims = (mark.claims + 1) % order.whole_every;
        let (position, looks_back) = match mark.claims {
            0 if order.looks_back => (0, true),
            count if order.looks_back && count % 2 == 0 => (mark.previous.min(mark.position), true),
            _ => (mark.position, false),
        };
        let now = if order.by_place { self.now * IDS } else { Position::MAX };
        Part { start: position.min(now), looks_back, ..Part::default() }
    }

    /// How many jobs each queue may give; none if it is dry.
    fn rooms(
        &self,
        order: &Order,
        parts: &[Part; QUEUES],
        is_dry: [bool; QUEUES],
    ) -> [usize; QUEUES] {
        let mut rooms = [0; QUEUES];
        for &(queue, limit) in order.wants {
            if let Some(queue) = queue {
                rooms[queue] += if is_dry[queue] { 0 } else { limit };
                continue;
            }
            let mut heads: Vec<(Position, usize)> = Vec::new();
            for (queue, part) in parts.iter().enumerate().filter(|(queue, _)| !is_dry[*queue]) {
                let due = self.due(order, queue, part.start, order.shares_locked);
                let due = due.into_iter().skip(rooms[queue]);
                heads.extend(due.map(|job| (self.key(order, job), queue)));
            }
            heads.sort_unstable();
            for (_, queue) in heads.into_iter().take(limit) {
                rooms[queue] += 1;
            }
        }
        rooms
    }

    pub(super) fn claim(&mut self, order: &Order, claimer: usize) {
        let handle = order.handles[claimer];
        let mut parts = [0, 1].map(|queue| self.start(order, handle, queue));
        let mut is_dry = [false; QUEUES];
        let mut rooms = self.rooms(order, &parts, is_dry);
        if order.looks_again {
            let gives =
                |queue: usize| !self.due(order, queue, parts[queue].start, false).is_empty();
            // Queues that would give nothing of the room they have: it goes to others, if they have something.
            while rooms.iter().any(|room| *room > 0)
                && (0..QUEUES).all(|queue| rooms[queue] == 0 || !gives(queue))
            {
                (0..QUEUES).for_each(|queue| is_dry[queue] |= rooms[queue] > 0);
                rooms = self.rooms(order, &parts, is_dry);
            }
        }
        let visible: Vec<usize> =
            (0..QUEUES).flat_map(|queue| self.due(order, queue, 0, false)).collect();
        let mut taken: Vec<usize> = Vec::new();
        for (queue, part) in parts.iter_mut().enumerate() {
            let mut found = self.due(order, queue, part.start, false);
            found.truncate(rooms[queue]);
            part.is_full = !found.is_empty() && found.len() == rooms[queue];
            part.last = found.last().map(|&job| self.key(order, job));
            taken.extend(found);
        }
        taken.sort_unstable_by_key(|&job| self.key(order, job));
        if !taken.is_sorted_by_key(|&job| self.place(job)) {
            self.broken.note(Promise::InOrder);
        }
        for &job in &taken {
            if self.jobs[job].phase != Phase::Waiting {
                self.broken.note(Promise::OneHolder);
            }
            self.jobs[job].phase = Phase::Locked(claimer);
        }
        self.judge_passes(order, handle, &visible, &taken);
        self.judge_next_due(order, &parts, |queue| is_dry[queue] || rooms[queue] > 0);
        self.claims[claimer] = Some(parts);
    }

    /// Which of these jobs the wants in their order would take, the oldest first.
    fn oldest(&self, order: &Order, mut jobs: Vec<usize>) -> Vec<usize> {
        jobs.sort_unstable_by_key(|&job| self.place(job));
        let mut oldest: Vec<usize> = Vec::new();
        for &(want, limit) in order.wants {
            let is_meant = |job: usize| want.is_none_or(|queue| queue == order.jobs[job].0);
            let free = jobs.iter().copied().filter(|&job| is_meant(job) && !oldest.contains(&job));
            let free: Vec<usize> = free.take(limit).collect();
            oldest.extend(free);
        }
        oldest
    }

    /// Looks at what was there and should have been taken.
    fn judge_passes(&mut self, order: &Order, handle: usize, visible: &[usize], taken: &[usize]) {
        let is_excused = |job: usize| self.jobs[job].is_late[handle] && !taken.contains(&job);
        // What is late and missed takes no room from the others.
        let others = visible.iter().copied().filter(|&job| !is_excused(job)).collect();
        let due = self.oldest(order, others);
        let passes_over = if order.wants_oldest {
            due.iter().any(|job| !taken.contains(job))
        } else {
            taken.is_empty() && !due.is_empty()
        };
        if passes_over {
            self.broken.note(Promise::NonePassedOver);
        }
        let missed =
            self.oldest(order, visible.to_vec()).into_iter().filter(|&job| is_excused(job));
        for job in missed.collect::<Vec<_>>() {
            self.jobs[job].passes[handle] += 1;
            if self.jobs[job].passes[handle] >= order.bound {
                self.broken.note(Promise::LateFound);
            }
        }
    }

    /// The instant that the answer names, against the jobs that the claim could see and left.
    fn judge_next_due(
        &mut self,
        order: &Order,
        parts: &[Part; QUEUES],
        had_room: impl Fn(usize) -> bool,
    ) {
        for (queue, part) in parts.iter().enumerate().filter(|(queue, _)| order.asks_for(*queue)) {
            let from = match part.last {
                Some(last) if part.is_full => last,
                _ if !had_room(queue) => part.start,
                // All that is due was taken: the next is of a later instant.
                _ => (self.now + 1) * IDS,
            };
            let left = (0..self.jobs.len()).filter(|&job| {
                self.jobs[job].phase == Phase::Waiting && order.jobs[job].0 == queue
            });
            let left: Vec<Position> = left.map(|job| self.place(job)).collect();
            let named = left.iter().filter(|place| **place > from).min().copied();
            let first = left.iter().filter(|place| **place > part.start).min().copied();
            let at = |place: Option<Position>| {
                place.map_or(Position::MAX, |place| (place / IDS).max(self.now))
            };
            if at(named) > at(first) {
                self.broken.note(Promise::NextDue);
            }
        }
    }

    pub(super) fn answer(&mut self, order: &Order, claimer: usize) -> Option<()> {
        let parts = self.claims[claimer].take()?;
        self.hold(claimer);
        for (queue, part) in parts.into_iter().enumerate() {
            let Some(last) = part.last else { continue };
            let mark = &mut self.marks[order.handles[claimer]][queue];
            if part.looks_back && part.is_full && last < mark.position {
                // There may be more of what was late: the next claims go on from here.
                self.put_back(order, claimer, queue, last);
            } else if last > mark.position && !(order.stale_stay && part.is_stale) {
                mark.previous = mark.position;
                mark.position = last;
            }
        }
        Some(())
    }

    pub(super) fn undo(&mut self, order: &Order, claimer: usize) -> Option<()> {
        self.leave(order, claimer)?;
        for job in 0..self.jobs.len() {
            if self.jobs[job].phase == Phase::Locked(claimer) {
                self.become_visible(order, job, Some(order.handles[claimer]));
            }
        }
        Some(())
    }

    pub(super) fn lose_answer(&mut self, order: &Order, claimer: usize) -> Option<()> {
        self.leave(order, claimer)?;
        self.hold(claimer);
        Some(())
    }

    fn hold(&mut self, claimer: usize) {
        for job in self.jobs.iter_mut().filter(|job| job.phase == Phase::Locked(claimer)) {
            *job = Job { phase: Phase::Held, place: job.place, ..Job::default() };
        }
    }

    fn leave(&mut self, order: &Order, claimer: usize) -> Option<()> {
        self.aborts_left -= 1;
        let parts = self.claims[claimer].take()?;
        if order.puts_back {
            for (queue, part) in parts.iter().enumerate() {
                self.put_back(order, claimer, queue, part.start);
            }
        }
        Some(())
    }

    fn put_back(&mut self, order: &Order, claimer: usize, queue: usize, position: Position) {
        let handle = order.handles[claimer];
        let mark = &mut self.marks[handle][queue];
        mark.position = mark.position.min(position);
        for (claim, other) in self.claims.iter_mut().zip(order.handles) {
            if let Some(parts) = claim.as_mut().filter(|_| other == handle) {
                parts[queue].is_stale = true;
            }
        }
    }

    /// When nothing else happens, either claimer alone claims all that is committed and due.
    pub(super) fn is_all_claimed_in_the_end(&mut self, order: &Order) {
        for claimer in 0..2 {
            let mut after = self.clone();
            for other in 0..2 {
                after.answer(order, other);
            }
            for _ in 0..usize::from(order.whole_every) * (self.jobs.len() + 1) {
                after.claim(order, claimer);
                after.answer(order, claimer);
            }
            if (0..QUEUES)
                .any(|queue| order.asks_for(queue) && !after.due(order, queue, 0, true).is_empty())
            {
                self.broken.note(Promise::AllClaimed);
            }
        }
    }
}
