//! A job's chain of transitions.

use blacksmith_store_core::Status;

/// Whoever causes a transition makes its id; ids are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum TransitionId {
    /// Of the job's first, second, … life.
    First(u8),
    /// Of a worker's first, second, … claim.
    Claim(u8, u8),
    /// Of a worker's first, second, … report.
    Outcome(u8, u8),
    /// Of an expiry in a life of the job, at a sequence.
    Expiry(u8, u8),
    /// Of an operator's first, second, … decision.
    Operator(u8, u8),
}

/// Who caused a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Actor {
    Gateway,
    Worker(u8),
    Expirer,
    Operator(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Transition {
    pub(super) id: TransitionId,
    pub(super) sequence: u8,
    pub(super) attempt: u8,
    pub(super) before: Option<Status>,
    pub(super) after: Status,
    pub(super) by: Actor,
}

/// A stored job; its chain is never empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    pub(super) chain: Vec<Transition>,
    /// Whether its claim has a lease that has not ended.
    pub(super) is_leased: bool,
}

impl Job {
    /// A new one, acknowledged.
    pub(super) fn new(life: u8) -> Self {
        let first = Transition {
            id: TransitionId::First(life),
            sequence: 0,
            attempt: 0,
            before: None,
            after: Status::Acknowledged,
            by: Actor::Gateway,
        };
        Self { chain: vec![first], is_leased: false }
    }

    pub(super) fn latest(&self) -> &Transition {
        self.chain.last().expect("a job has its first transition")
    }

    pub(super) fn has(&self, id: TransitionId) -> bool {
        self.chain.iter().any(|transition| transition.id == id)
    }

    /// The ends of runs in the order of the chain, give-backs apart.
    pub(super) fn ends(&self) -> impl Iterator<Item = &Transition> {
        let ends_a_run = |transition: &&Transition| {
            transition.before == Some(Status::Executing) && transition.after != Status::Awaiting
        };
        self.chain.iter().filter(ends_a_run)
    }
}

/// What a client saw of a job when it read or claimed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Seen {
    pub(super) id: TransitionId,
    pub(super) sequence: u8,
    pub(super) attempt: u8,
    pub(super) state: Status,
    pub(super) came_from: Option<Status>,
}

impl From<&Transition> for Seen {
    fn from(latest: &Transition) -> Self {
        Self {
            id: latest.id,
            sequence: latest.sequence,
            attempt: latest.attempt,
            state: latest.after,
            came_from: latest.before,
        }
    }
}

/// A chain in few words, for a trace.
pub(super) fn in_words(job: Option<&Job>) -> String {
    let Some(job) = job else { return "-".into() };
    let links = job.chain.iter().map(|transition| {
        let by = match transition.by {
            Actor::Gateway => String::new(),
            Actor::Worker(worker) => format!(" worker {worker}"),
            Actor::Expirer => " expirer".into(),
            Actor::Operator(operator) => format!(" operator {operator}"),
        };
        format!("{}({}){by}", transition.after, transition.attempt)
    });
    links.collect::<Vec<_>>().join(" > ")
}
