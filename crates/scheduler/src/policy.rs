//! When a job is retried, and when it is given up: schedules and options by precedence.

use std::time::Duration;

use blacksmith_store_core::{
    Job, Result, Schedule, Status, Timestamp, Toolkit, from_micros, never,
};

use crate::{ActionOptions, Backoff, Destination, Interval, failure::Remedy};

/// What holds for the jobs of one action: the action's own word, else its destination's, else the defaults.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Whether jobs are due at once, not only at the ticks of `interval`.
    pub(crate) realtime: bool,
    pub(crate) interval: Interval,
    backoff: Option<Backoff>,
    max_retries: u32,
}

impl Policy {
    pub(crate) fn of(destination: &Destination, options: &ActionOptions) -> Result<Self> {
        let default = Schedule::default();
        let schedule =
            options.schedule.as_ref().or(destination.schedule.as_ref()).unwrap_or(&default);
        // An interval that the action chose is closer to it than a backoff that its destination chose.
        let inherited = if options.schedule.is_some() { None } else { destination.backoff };
        Ok(Self {
            realtime: schedule.realtime,
            interval: schedule.interval.parse()?,
            backoff: options.backoff.or(inherited),
            max_retries: schedule.max_retries,
        })
    }

    /// Whether no retry follows this attempt, counted from 1.
    pub(crate) fn is_last(&self, attempt: u32) -> bool {
        attempt > self.max_retries
    }

    /// Whether a job that was just claimed is to be discarded instead of run: its attempts are used up, which without this
    /// rule would never end for a job that kills its process. One claimed from `awaiting` is run all the same, for beyond the
    /// budget only an operator leads there.
    pub(crate) fn shall_not_run(&self, claimed: &Job) -> bool {
        claimed.transition.as_ref().is_some_and(|executing| {
            executing.attempt.saturating_sub(1) > self.max_retries
                && executing.state_before != Some(Status::Awaiting)
        })
    }

    /// When a job is due again whose run number `attempt` did not succeed.
    pub(crate) fn retry_at(&self, toolkit: &Toolkit, attempt: u32, remedy: Remedy) -> Timestamp {
        let now = toolkit.now();
        match remedy {
            Remedy::At(instant) => instant.clamp(never(), latest()),
            Remedy::After(delay) => later(now, delay),
            Remedy::Schedule | Remedy::Discard => match self.backoff {
                Some(backoff) => later(now, backoff.draw(toolkit, attempt)),
                None => self.interval.spaced_from(now).min(latest()),
            },
        }
    }
}

/// 9999-01-01: later instants could not be stored.
const LATEST_MICROS: i64 = 253_370_764_800_000_000;

fn latest() -> Timestamp {
    from_micros(LATEST_MICROS).unwrap_or(Timestamp::MAX_UTC)
}

fn later(now: Timestamp, delay: Duration) -> Timestamp {
    let delay = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
    from_micros(now.timestamp_micros().saturating_add(delay).min(LATEST_MICROS)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use blacksmith_store_core::{Clock, SetClock, Transition};

    use super::*;

    const NOW: &str = "2026-01-01T10:17:00Z";

    fn toolkit() -> Toolkit {
        let now = NOW.parse().expect("an instant");
        Toolkit::new().with_clock(Clock::Set(SetClock::at(now))).with_seed(1)
    }

    fn claimed(attempt: u32, before: Status) -> Job {
        let toolkit = toolkit();
        let mut executing = Transition::first(toolkit.transition_id(), Status::Executing);
        executing.attempt = attempt;
        executing.state_before = Some(before);
        Job::new(toolkit.job_id(), "crm", "upsert").with_transition(executing)
    }

    fn minutes(policy: &Policy, attempt: u32, remedy: Remedy) -> i64 {
        let toolkit = toolkit();
        (policy.retry_at(&toolkit, attempt, remedy) - toolkit.now()).num_minutes()
    }

    fn policy(destination: &Destination, options: &ActionOptions) -> Policy {
        Policy::of(destination, options).expect("a policy")
    }

    #[test]
    fn the_action_comes_before_the_destination_and_the_destination_before_the_defaults() {
        let plain = Destination::new("crm");
        let own = Destination::new("crm").with_schedule(Schedule::new(false, "@every 10m", 3));
        let options = ActionOptions::default();
        let chosen = options.clone().with_schedule(Schedule::new(true, "@every 1m", 1));

        for (destination, options, realtime, wait, last) in [
            (&plain, &options, true, 60, 73),
            (&own, &options, false, 10, 4),
            (&own, &chosen, true, 1, 2),
        ] {
            let policy = policy(destination, options);
            assert_eq!(policy.realtime, realtime);
            assert_eq!(minutes(&policy, 1, Remedy::Schedule), wait);
            assert!(policy.is_last(last) && !policy.is_last(last - 1));
            assert!(policy.shall_not_run(&claimed(last + 1, Status::Unknown)));
            assert!(!policy.shall_not_run(&claimed(last + 1, Status::Awaiting)));
            assert!(!policy.shall_not_run(&claimed(last, Status::Unknown)));
        }
    }

    #[test]
    fn a_backoff_spaces_retries_unless_an_interval_was_chosen_closer_to_the_action() {
        let backoff = Backoff::new(Duration::from_mins(2), Duration::from_mins(64));
        let destination = Destination::new("crm").with_backoff(backoff);
        let options = ActionOptions::default();
        let waits: Vec<_> = (1..=8)
            .map(|n| minutes(&policy(&destination, &options), n, Remedy::Schedule))
            .collect();
        for (wait, limit) in waits.iter().zip([2, 4, 8, 16, 32, 64, 64, 64]) {
            assert!(*wait <= limit, "{waits:?}");
        }

        let chosen = options.clone().with_schedule(Schedule::new(true, "@every 1m", 1));
        assert_eq!(minutes(&policy(&destination, &chosen), 5, Remedy::Schedule), 1);

        let both = chosen.with_backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
        assert_eq!(minutes(&policy(&destination, &both), 5, Remedy::Schedule), 0);
    }

    #[test]
    fn a_chosen_delay_wins_and_never_leaves_the_years_that_are_stored() {
        let policy = policy(&Destination::new("crm"), &ActionOptions::default());
        assert_eq!(minutes(&policy, 1, Remedy::After(Duration::from_mins(7))), 7);
        let at = "2026-01-01T12:17:00Z".parse().expect("an instant");
        assert_eq!(minutes(&policy, 1, Remedy::At(at)), 120);
        let far = policy.retry_at(&toolkit(), 1, Remedy::After(Duration::MAX));
        assert_eq!(far, latest());
    }

    #[test]
    fn without_retries_the_first_attempt_is_the_last() {
        let destination = Destination::new("crm").with_schedule(Schedule::new(true, "@hourly", 0));
        let policy = policy(&destination, &ActionOptions::default());
        assert!(policy.is_last(1));
        assert!(!policy.shall_not_run(&claimed(1, Status::Acknowledged)));
        assert!(policy.shall_not_run(&claimed(2, Status::Unknown)));
    }
}
