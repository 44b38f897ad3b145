//! The scheduler in steps of a set clock.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use blacksmith_store_core::{
    Change, ChangeOutcome, ClaimRequest, ExpireRequest, MAX_CALL_ENTRIES, Result, Store, Timestamp,
    Toolkit, Want,
};
use tracing::Instrument as _;

use crate::{
    Reporter, Then,
    engine::Settings,
    held::{Held, Running, Unreported},
    outcome::{End, Outcomes},
    plan::{Plan, Planned},
    purge::PurgeTicks,
    run,
};

/// Most jobs of a claim, and about as many outcomes in a write.
const CLAIM: usize = 1_000;

/// A scheduler with one worker that does all that is due at an instant of a [set clock](blacksmith_store_core::SetClock), so
/// that days of retries take seconds, and the same seed gives the same history, ids included.
///
/// Timeouts of actions are not applied: they count time that does not pass here.
///
/// ```
/// # use blacksmith_scheduler::{Destination, Failure, Scheduler, each};
/// # use blacksmith_store::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # let store = blacksmith_store::open(Options::new("memory")).await?;
/// let clock = SetClock::at("2026-01-01T00:00:00Z".parse().expect("an instant"));
/// let toolkit = Toolkit::new().with_clock(Clock::Set(clock.clone())).with_seed(1);
/// let event = Event::new(toolkit.event_id(), "shop", "order.paid")
///     .with_job(Job::new(toolkit.job_id(), "crm", "upsert"));
/// let job = event.jobs[0].id;
/// store.add_events(&toolkit, vec![event]).await?;
///
/// let crm = Destination::new("crm")
///     .with_action(each("upsert", async |_| Err::<(), _>(Failure::new("not today"))));
/// let mut simulation = Scheduler::new(store.clone())
///     .with_destination(crm)
///     .with_toolkit(toolkit.clone())
///     .simulate()?;
/// while let Some(next_due) = simulation.run_due().await? {
///     clock.set(next_due);
/// }
/// let transition = store.find_job(&toolkit, job).await?.transition.expect("a stored job");
/// assert_eq!((transition.state_after, transition.attempt), (Status::Discarded, 73));
/// assert_eq!(clock.now().to_rfc3339(), "2026-01-04T00:00:00+00:00");
/// # Ok(())
/// # }
/// ```
pub struct Simulation {
    store: Arc<dyn Store>,
    toolkit: Toolkit,
    plan: Plan,
    purges: PurgeTicks,
    actor: String,
    lease: Duration,
    maintain_interval: Duration,
    maintain_at: Timestamp,
    /// For each action that is not realtime: its next tick.
    ticks: Vec<Option<Timestamp>>,
}

impl Simulation {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        toolkit: Toolkit,
        plan: Plan,
        purges: PurgeTicks,
        actor: String,
        settings: &Settings,
    ) -> Self {
        let now = toolkit.now();
        let tick = |action: &Planned| {
            // A tick at this very instant counts.
            (!action.policy.realtime)
                .then(|| action.policy.interval.next_after(now - Duration::from_micros(1)))
        };
        let ticks = plan.actions.iter().map(tick).collect();
        Self {
            store,
            toolkit,
            plan,
            purges,
            actor,
            lease: settings.lease,
            maintain_interval: settings.maintain_interval,
            maintain_at: now,
            ticks,
        }
    }

    /// Does all that is due now, and answers when there will be more to do; `None` when no job waits.
    ///
    /// # Errors
    /// Those of the store. What was done before stays done, and the step may be taken again; jobs that were claimed in it
    /// become `unknown` when their lease has ended.
    pub async fn run_due(&mut self) -> Result<Option<Timestamp>> {
        let now = self.toolkit.now();
        self.housekeeping(now).await?;
        self.run_realtime().await?;
        for action in 0..self.ticks.len() {
            if self.ticks[action].is_some_and(|tick| tick <= now) {
                self.run_tick(action).await?;
                self.ticks[action] =
                    Some(self.plan.actions[action].policy.interval.next_after(now));
            }
        }
        // What follows the jobs of a tick.
        self.run_realtime().await?;
        self.next_due().await
    }

    /// Runs what is due of the actions that wait for no tick, and what follows it.
    async fn run_realtime(&self) -> Result<()> {
        let count = self.ticks.iter().filter(|tick| tick.is_none()).count();
        // All wants together must not ask for more than a call may.
        let limit = (MAX_CALL_ENTRIES / count.max(1)).clamp(1, CLAIM);
        loop {
            let (held, _) = self.claim(self.realtime_wants(limit)).await?;
            if held.is_empty() {
                return Ok(());
            }
            self.work(held).await?;
        }
    }

    /// Runs what is due of an action whose tick has come: all of it at once.
    async fn run_tick(&self, action: usize) -> Result<()> {
        let mut all = Vec::new();
        loop {
            let (held, _) = self.claim(vec![self.plan.actions[action].want(CLAIM)]).await?;
            if held.is_empty() {
                return self.work(all).await;
            }
            all.extend(held);
        }
    }

    /// When there will be more to do. Ticks of purges count only while there are jobs to wait for.
    async fn next_due(&self) -> Result<Option<Timestamp>> {
        let mut next = self.claim(self.realtime_wants(0)).await?.1;
        for (planned, tick) in self.plan.actions.iter().zip(&self.ticks) {
            let Some(tick) = *tick else { continue };
            if let Some(due) = self.claim(vec![planned.want(0)]).await?.1 {
                // The first tick at which the job is due.
                let just_before = due - Duration::from_micros(1);
                let at = planned.policy.interval.next_after(just_before).max(tick);
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        }
        Ok(next.map(|next| self.purges.next().map_or(next, |purge| next.min(purge))))
    }

    fn realtime_wants(&self, limit: usize) -> Vec<Want> {
        let actions = self.plan.actions.iter().zip(&self.ticks);
        actions.filter(|(_, tick)| tick.is_none()).map(|(action, _)| action.want(limit)).collect()
    }

    async fn claim(&self, wants: Vec<Want>) -> Result<(Vec<Held>, Option<Timestamp>)> {
        let request = ClaimRequest::new(&self.actor, self.lease, wants);
        let claimed = self.store.claim(&self.toolkit, request).await?;
        let held: Vec<_> = Held::of(claimed.queue).collect();
        run::trace_claim(&self.actor, &held);
        Ok((held, claimed.next_due))
    }

    /// Runs claimed jobs, action by action, and stores what became of them.
    async fn work(&self, held: Vec<Held>) -> Result<()> {
        let mut changes = Vec::new();
        let mut queues: Vec<Vec<Held>> = self.plan.actions.iter().map(|_| Vec::new()).collect();
        for held in held {
            let Some(action) = self.plan.find(&held.job.destination, &held.job.action) else {
                continue;
            };
            let planned = &self.plan.actions[action];
            if planned.policy.shall_not_run(&held.job) {
                changes.push(self.outcomes(planned).end(&held.job, None, End::OutOfBudget)?);
            } else {
                queues[action].push(held);
            }
        }
        for (planned, mut queue) in self.plan.actions.iter().zip(queues) {
            while !queue.is_empty() {
                let rest = queue.split_off(queue.len().min(planned.batch_size));
                changes.extend(self.run(planned, std::mem::replace(&mut queue, rest)).await?);
                if changes.len() >= CLAIM {
                    self.apply(std::mem::take(&mut changes)).await?;
                }
            }
        }
        self.apply(changes).await
    }

    /// One run: the changes that end its claims, in the order in which they were reported.
    async fn run(&self, planned: &Planned, jobs: Vec<Held>) -> Result<Vec<Change>> {
        let span = run::span(&planned.destination, planned.action.name(), &jobs);
        let (mut unreported, queue) = Unreported::split(jobs, planned.version.as_deref());
        let reports = Arc::new(Mutex::new(Vec::new()));
        let report = {
            let reports = Arc::clone(&reports);
            Reporter::new(move |then| {
                reports.lock().unwrap_or_else(PoisonError::into_inner).push(then);
            })
        };
        let toolkit = self.toolkit.clone().with_span(span.clone());
        let action = Arc::clone(&planned.action);
        let result = run::load(action, toolkit, queue, report).instrument(span).await;

        let outcomes = self.outcomes(planned);
        let mut changes = Vec::new();
        let mut end = |jobs: Vec<Running>, end: End<'_>| -> Result<()> {
            for job in jobs {
                changes.push(outcomes.end(&job.job, job.context.as_ref(), end)?);
            }
            Ok(())
        };
        let reports = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
        for then in &reports {
            end(unreported.take(then), End::Reported(then))?;
        }
        match result {
            Ok(()) => end(unreported.take_all(), End::Unreported)?,
            Err(failure) => {
                end(unreported.take_all(), End::Reported(&Then::failed(failure)))?;
            }
        }
        Ok(changes)
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        let outcomes = self.store.apply(&self.toolkit, changes).await?;
        let dropped = outcomes
            .iter()
            .filter(|outcome| !matches!(outcome, ChangeOutcome::Applied | ChangeOutcome::Known))
            .count();
        if dropped > 0 {
            tracing::warn!(dropped, "outcomes came too late, or their jobs are gone");
        }
        Ok(())
    }

    async fn housekeeping(&mut self, now: Timestamp) -> Result<()> {
        self.store.add_events(&self.toolkit, self.purges.due(now)).await?;
        self.purges.advance(now);
        // Nothing runs between two steps: whatever is still claimed was left behind.
        let request = ExpireRequest::new(&self.actor, MAX_CALL_ENTRIES);
        loop {
            let jobs = self.store.expire_leases(&self.toolkit, request.clone()).await?;
            if jobs == 0 {
                break;
            }
            tracing::warn!(actor = self.actor, jobs, "rescued jobs whose lease had ended");
        }
        if self.maintain_at <= now {
            self.store.maintain(&self.toolkit).await?;
            self.maintain_at = now + self.maintain_interval;
        }
        Ok(())
    }

    fn outcomes<'a>(&'a self, planned: &'a Planned) -> Outcomes<'a> {
        Outcomes { toolkit: &self.toolkit, actor: &self.actor, policy: &planned.policy }
    }
}
