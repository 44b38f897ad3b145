//! The jobs of each destination and action, by status, and those that wait in the order of their turn.

use std::collections::{BTreeMap, BTreeSet};

use blacksmith_store_core::{Job, JobId, QueueStats, Status, Timestamp, Transition, Want};

/// Where a waiting job stands in its queue: the instant of its turn, then its id.
pub(crate) type Turn = (Timestamp, JobId);

/// The jobs of one destination and action.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: BTreeSet<Turn>,
    by_status: [BTreeSet<JobId>; Status::ALL.len()],
}

impl Queue {
    /// The jobs that wait, first the one whose turn is next.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = Turn> + '_ {
        self.waiting.iter().copied()
    }

    /// The jobs in one state.
    pub(crate) fn in_state(&self, status: Status) -> &BTreeSet<JobId> {
        &self.by_status[usize::from(status.number())]
    }

    fn in_state_mut(&mut self, status: Status) -> &mut BTreeSet<JobId> {
        &mut self.by_status[usize::from(status.number())]
    }

    fn is_empty(&self) -> bool {
        self.by_status.iter().all(BTreeSet::is_empty)
    }
}

/// Every destination and action that has jobs, in ascending order.
#[derive(Default)]
pub(crate) struct Queues {
    destinations: BTreeMap<String, BTreeMap<String, Queue>>,
    arrivals: u64,
}

impl Queues {
    /// Enters a job in the state of `latest`, its latest transition.
    pub(crate) fn enter(&mut self, job: &Job, latest: &Transition) {
        // Names are cloned for the first job of a queue alone.
        if self.get(&job.destination, &job.action).is_none() {
            let actions = self.destinations.entry(job.destination.clone()).or_default();
            actions.insert(job.action.clone(), Queue::default());
        }
        let queue = self.get_mut(&job.destination, &job.action);
        queue.in_state_mut(latest.state_after).insert(job.id);
        if latest.state_after.is_waiting() {
            queue.waiting.insert((turn(latest), job.id));
            self.arrivals += 1;
        }
    }

    /// Takes out a job that was entered in the state of `latest`; its queue stays, for another state or [`sweep`](Self::sweep).
    pub(crate) fn leave(&mut self, job: &Job, latest: &Transition) {
        let queue = self.get_mut(&job.destination, &job.action);
        queue.in_state_mut(latest.state_after).remove(&job.id);
        if latest.state_after.is_waiting() {
            queue.waiting.remove(&(turn(latest), job.id));
        }
    }

    /// Forgets the queue of a job that left for good, if it was the last.
    pub(crate) fn sweep(&mut self, job: &Job) {
        let Some(actions) = self.destinations.get_mut(&job.destination) else { return };
        if actions.get(&job.action).is_some_and(Queue::is_empty) {
            actions.remove(&job.action);
        }
        if actions.is_empty() {
            self.destinations.remove(&job.destination);
        }
    }

    /// Counts how often a job began to wait, so that a caller can tell whether work arrived.
    pub(crate) fn arrivals(&self) -> u64 {
        self.arrivals
    }

    fn get(&self, destination: &str, action: &str) -> Option<&Queue> {
        self.destinations.get(destination)?.get(action)
    }

    fn get_mut(&mut self, destination: &str, action: &str) -> &mut Queue {
        self.destinations
            .get_mut(destination)
            .and_then(|actions| actions.get_mut(action))
            .expect("a stored job has a queue")
    }

    /// Every queue with its destination and action.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, &Queue)> {
        self.destinations.iter().flat_map(|(destination, actions)| {
            actions
                .iter()
                .map(move |(action, queue)| (destination.as_str(), action.as_str(), queue))
        })
    }

    /// The queues that a want is for.
    pub(crate) fn wanted<'a>(&'a self, want: &Want) -> Vec<(&'a str, &'a str, &'a Queue)> {
        match (&want.destination, &want.action) {
            (Some(destination), Some(action)) => self
                .destinations
                .get_key_value(destination)
                .and_then(|(destination, actions)| {
                    let (action, queue) = actions.get_key_value(action)?;
                    Some((destination.as_str(), action.as_str(), queue))
                })
                .into_iter()
                .collect(),
            (Some(destination), None) => self
                .destinations
                .get_key_value(destination)
                .into_iter()
                .flat_map(|(destination, actions)| {
                    actions
                        .iter()
                        .map(move |(action, queue)| (destination.as_str(), action.as_str(), queue))
                })
                .collect(),
            (None, _) => self.iter().collect(),
        }
    }

    /// The counts of every queue; the sets of jobs know their sizes, so the cost is that of the queues alone.
    pub(crate) fn stats(&self, now: Timestamp) -> Vec<QueueStats> {
        self.iter()
            .map(|(destination, action, queue)| {
                let mut stats = QueueStats::new(destination, action);
                for status in Status::ALL {
                    *stats.counts.of_mut(status) = queue.in_state(status).len() as u64;
                }
                let next = queue.waiting().next().map(|(instant, _)| instant);
                stats.earliest_due = next.filter(|instant| *instant <= now);
                stats
            })
            .collect()
    }
}

/// When it is the turn of a waiting job whose latest transition this is.
fn turn(latest: &Transition) -> Timestamp {
    latest.place().expect("a stored transition has its instant")
}
