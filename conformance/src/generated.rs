//! Cases that generate what they try, and shrink what fails.

pub(crate) mod calls;
pub(crate) mod filters;
mod moves;
pub(crate) mod names;
pub(crate) mod operations;

use std::{
    cell::Cell,
    fmt::Debug,
    time::{Duration, Instant},
};

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use crate::{case::Run, failure::limited, world::World};

/// How long something that failed is shrunk at most, in milliseconds.
const SHRINKING: u32 = 120_000;

/// How long a case of the quick form goes on trying; with a slow store, it tries fewer values.
const QUICK: Duration = Duration::from_secs(3);

/// Something to do with a fresh store.
pub(crate) type Attempt = Box<dyn FnOnce(&mut World) -> Run<'_> + Send>;

/// A source of what to try, and of fresh stores to try it on.
pub(crate) struct Generated<'a> {
    case: &'a str,
    seed: u64,
    thorough: u32,
    /// Whether the seed was given: everything is tried then, however long it takes, for a failure is to be replayed.
    is_replay: bool,
    attempt: &'a dyn Fn(Attempt) -> Result<(), String>,
}

impl<'a> Generated<'a> {
    pub(crate) fn new(
        case: &'a str,
        seed: u64,
        thorough: u32,
        is_replay: bool,
        attempt: &'a dyn Fn(Attempt) -> Result<(), String>,
    ) -> Self {
        Self { case, seed, thorough, is_replay, attempt }
    }

    /// Tries so many values of a strategy in the quick form, unless time runs out, each on a fresh store. One that fails is shrunk; the answer
    /// shows the smallest that still fails, and why.
    pub(crate) fn check<S: Strategy>(
        &self,
        values: u32,
        strategy: &S,
        attempt: impl Fn(S::Value) -> Attempt,
    ) -> Result<(), String> {
        let config = Config {
            cases: values.saturating_mul(self.thorough),
            failure_persistence: None,
            max_shrink_time: SHRINKING,
            max_shrink_iters: u32::MAX,
            ..Config::default()
        };
        let mut runner = TestRunner::new_with_rng(config, self.random());
        let (began, time) = (Instant::now(), QUICK * self.thorough);
        let has_failed = Cell::new(false);
        let tried = runner.run(strategy, |value| {
            if !has_failed.get() && !self.is_replay && began.elapsed() > time {
                return Ok(());
            }
            (self.attempt)(attempt(value)).map_err(|why| {
                has_failed.set(true);
                TestCaseError::fail(why)
            })
        });
        match tried {
            Ok(()) => Ok(()),
            Err(TestError::Fail(why, smallest)) => Err(failure(why.message(), &smallest)),
            Err(TestError::Abort(why)) => Err(format!("nothing could be generated: {why}")),
        }
    }

    /// The randomness of this case.
    fn random(&self) -> TestRng {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        for (byte, letter) in seed[8..].iter_mut().zip(self.case.bytes().rev()) {
            *byte = letter;
        }
        TestRng::from_seed(RngAlgorithm::ChaCha, &seed)
    }
}

fn failure(why: &str, smallest: &impl Debug) -> String {
    format!("{why}\n\nthe smallest that fails: {}", limited(smallest, 4_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is tried with a seed, until a number above 100 fails.
    fn tried(seed: u64, thorough: u32) -> (Vec<u32>, Result<(), String>) {
        let numbers = std::cell::RefCell::new(Vec::new());
        let attempt = |_: Attempt| match numbers.borrow().last() {
            Some(number) if *number > 900 => Err("it is above 900".to_owned()),
            _ => Ok(()),
        };
        let generated = Generated::new("family::case", seed, thorough, true, &attempt);
        let result = generated.check(3, &(0..1_000_u32), |number| {
            numbers.borrow_mut().push(number);
            Box::new(|_| Box::pin(async { Ok(()) }))
        });
        (numbers.into_inner(), result)
    }

    #[test]
    fn a_seed_repeats_what_is_tried() {
        assert_eq!(tried(7, 10), tried(7, 10));
        assert_ne!(tried(7, 10), tried(8, 10));
    }

    #[test]
    fn the_thorough_form_begins_with_the_quick_one() {
        let (quick, _) = tried(1, 1);
        let (thorough, _) = tried(1, 2);
        assert_eq!(quick[..], thorough[..quick.len()]);
    }

    #[test]
    fn what_fails_is_shrunk() {
        let (_, result) = tried(7, 1_000);
        let text = result.expect_err("a number above 900 comes");
        assert!(text.contains("it is above 900") && text.ends_with("901"), "{text}");
    }
}
