//! How the receiver answers.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// How a delivery was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// 200.
    Accepted,
    /// 500.
    Failed,
    /// Not at all, until the client went away.
    Hung,
    /// The connection was closed.
    Closed,
}

/// How often the receiver fails, in which way. The answer follows from the seed, the job and its attempt alone, so that a run
/// that delivers the same repeats itself, in whatever order the deliveries come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    seed: u64,
    /// In percent.
    failing: u64,
    hanging: u64,
    closing: u64,
}

impl Behaviour {
    /// Every delivery is accepted.
    pub fn reliable() -> Self {
        Self { seed: 0, failing: 0, hanging: 0, closing: 0 }
    }

    /// Of a hundred deliveries, 30 are answered with 500, 2 hang, and of 1 the connection is closed.
    pub fn flaky(seed: u64) -> Self {
        Self { seed, failing: 30, hanging: 2, closing: 1 }
    }

    pub(crate) fn answer(self, job: &str, attempt: u32) -> Answer {
        let mut hasher = DefaultHasher::new();
        (self.seed, job, attempt).hash(&mut hasher);
        match hasher.finish() % 100 {
            place if place < self.failing => Answer::Failed,
            place if place < self.failing + self.hanging => Answer::Hung,
            place if place < self.failing + self.hanging + self.closing => Answer::Closed,
            _ => Answer::Accepted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fails_as_often_as_it_says_and_in_the_same_places_again() {
        let count = |seed, answer| {
            let behaviour = Behaviour::flaky(seed);
            let answers = (0..100_000).map(|job: u32| behaviour.answer(&job.to_string(), 1));
            answers.filter(|given| *given == answer).count()
        };
        assert!((29_000..31_000).contains(&count(1, Answer::Failed)));
        assert!((1_800..2_200).contains(&count(1, Answer::Hung)));
        assert!((850..1_150).contains(&count(1, Answer::Closed)));
        assert_eq!(count(1, Answer::Failed), count(1, Answer::Failed));
        assert_ne!(count(1, Answer::Failed), count(2, Answer::Failed));
    }
}
