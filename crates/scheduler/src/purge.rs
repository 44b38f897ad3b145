//! Purge policies: a tick of a policy is a job like any other.
//!
//! Every scheduler adds the event of a tick when its instant has come. Ids are derived from the policy and the instant, so
//! that all of them add the same event and the same job once; a claim gives the job to one scheduler, which purges. So a
//! tick is done by one scheduler at a time, is retried, survives restarts, and its history can be read like that of any job.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use blacksmith_store_core::{
    Event, EventId, ID_BYTES, Job, JobId, PurgePolicy, PurgeRequest, Queue, Result, Schedule,
    Store, StoreError, Timestamp, Toolkit, WhereEvents,
};

use crate::{Action, ActionOptions, Destination, Failure, Interval, Reporter, Then};

/// The scheduler's own source and destination.
const OWN: &str = "blacksmith";

/// The trigger of its events and the action of its jobs.
const PURGE: &str = "purge";

/// Events that a call deletes at most, so that it holds no lock for long.
const BATCH: u64 = 1_000;

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long the scheduler's own events are kept.
const KEPT: Duration = Duration::from_hours(24 * 30);

/// The ticks of all policies of a store.
pub(crate) struct PurgeTicks(Vec<PolicyTicks>);

struct PolicyTicks {
    interval: Interval,
    /// The policy as JSON, which the action reads again.
    policy: String,
    next: Timestamp,
}

impl PurgeTicks {
    /// The ticks from `now` on, with the latest one before it: it may have passed while no scheduler ran, and if it was done,
    /// adding it again changes nothing.
    ///
    /// # Errors
    /// `Config` for an interval that is none, and for a policy that would delete everything.
    pub(crate) fn new(policies: &[PurgePolicy], now: Timestamp) -> Result<Self> {
        policies.iter().map(|policy| PolicyTicks::new(policy, now)).collect::<Result<_>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The instant of the next tick.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.iter().map(|ticks| ticks.next).min()
    }

    /// The events of the ticks whose instant has come.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Event> {
        self.0.iter().filter(|ticks| ticks.next <= now).map(PolicyTicks::event).collect()
    }

    /// Goes on to the ticks after `now`; to be called once the events that were [`due`](Self::due) then are stored.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        for ticks in &mut self.0 {
            if ticks.next <= now {
                ticks.next = ticks.interval.next_after(now);
            }
        }
    }
}

impl PolicyTicks {
    fn new(policy: &PurgePolicy, now: Timestamp) -> Result<Self> {
        if policy.filter.constrains_nothing() && policy.older_than.is_none() {
            return Err(StoreError::config(
                "a purge policy has neither a constraint nor an age: it would delete everything",
            ));
        }
        let interval: Interval = policy.interval.parse()?;
        let text = serde_json::to_string(policy).map_err(|error| {
            StoreError::internal("a purge policy has no JSON").with_source(error)
        })?;
        let next = interval.last_until(now).unwrap_or_else(|| interval.next_after(now));
        Ok(Self { interval, policy: text, next })
    }

    fn event(&self) -> Event {
        let id = event_id(self.next, &self.policy);
        let job = Job::new(JobId::derived(id, OWN, PURGE), OWN, PURGE);
        let mut event = Event::new(id, OWN, PURGE).with_data(self.policy.clone()).with_job(job);
        event.sent_at = Some(self.next);
        event
    }
}

/// The id of the event of one tick: its second, then a hash of its instant and the policy.
fn event_id(tick: Timestamp, policy: &str) -> EventId {
    let mut bytes = [0; ID_BYTES];
    bytes[4..12].copy_from_slice(&tick.timestamp_micros().to_be_bytes());
    let mut id = *JobId::derived(EventId::from_bytes(bytes), OWN, policy).as_bytes();
    let since_epoch = tick.timestamp() - EventId::from_bytes([0; ID_BYTES]).timestamp().timestamp();
    let second = u32::try_from(since_epoch.max(0)).unwrap_or(u32::MAX);
    id[..4].copy_from_slice(&second.to_be_bytes());
    EventId::from_bytes(id)
}

/// The destination of ticks.
pub(crate) fn destination(store: Arc<dyn Store>) -> Destination {
    Destination::new(OWN)
        .with_schedule(Schedule::new(true, "@every 1m", 3))
        .with_action(Purge { store })
}

/// Deletes what a policy says.
struct Purge {
    store: Arc<dyn Store>,
}

#[async_trait]
impl Action for Purge {
    fn name(&self) -> &str {
        PURGE
    }

    fn options(&self) -> ActionOptions {
        // Its calls have deadlines of their own.
        ActionOptions::default().with_batch_size(1).with_prefetch(0).with_timeout(None)
    }

    async fn load(
        &self,
        toolkit: &Toolkit,
        queue: Queue,
        report: &Reporter,
    ) -> Result<(), Failure> {
        for (event, job) in queue.jobs() {
            let policy: PurgePolicy =
                serde_json::from_slice(event.data.as_deref().unwrap_or_default())
                    .map_err(|error| Failure::from(error).discard())?;
            let name = policy.name.as_deref().unwrap_or("unnamed");
            self.purge(toolkit, PurgeRequest::of_policy(&policy), name).await?;
            report.then(Then::succeeded().of([job.id]));
        }
        let own = WhereEvents::default().with_sources_in([OWN]);
        self.purge(toolkit, PurgeRequest::new(own).with_older_than(KEPT), "own").await
    }
}

impl Purge {
    async fn purge(
        &self,
        toolkit: &Toolkit,
        request: PurgeRequest,
        policy: &str,
    ) -> Result<(), Failure> {
        let request = request.with_max_events(BATCH);
        loop {
            let call = toolkit.clone().with_timeout(TIMEOUT);
            let purged = self.store.purge(&call, request.clone()).await?;
            tracing::info!(
                policy,
                events = purged.events,
                jobs = purged.jobs,
                transitions = purged.transitions,
                left_unfinished = purged.left_unfinished,
                left_recent = purged.left_recent,
                "purged"
            );
            if !purged.more {
                return Ok(());
            }
            if purged.events == 0 {
                return Err(Failure::new("the purge found nothing to delete in its time"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn hourly(source: &str) -> PurgePolicy {
        PurgePolicy::new(WhereEvents::default().with_sources_in([source]), "@hourly")
    }

    #[test]
    fn all_schedulers_make_the_same_event_of_a_tick() {
        let early = PurgeTicks::new(&[hourly("a")], at("2026-01-01T10:01:00Z")).expect("ticks");
        let late = PurgeTicks::new(&[hourly("a")], at("2026-01-01T10:59:00Z")).expect("ticks");
        let [ours] = &early.due(at("2026-01-01T10:01:00Z"))[..] else { panic!("one event") };
        let [theirs] = &late.due(at("2026-01-01T10:59:00Z"))[..] else { panic!("one event") };
        assert_eq!(ours, theirs);
        assert_eq!(ours.id.timestamp(), at("2026-01-01T10:00:00Z"));
    }

    #[test]
    fn each_tick_and_each_policy_has_its_own_event() {
        let policies = [hourly("a"), hourly("b")];
        let start = at("2026-01-01T10:01:00Z");
        let mut ticks = PurgeTicks::new(&policies, start).expect("ticks");
        let mut ids: Vec<_> = ticks.due(start).iter().map(|event| event.id).collect();
        ticks.advance(start);
        assert!(ticks.due(start).is_empty());
        let next = ticks.next().expect("a tick");
        assert_eq!(next, at("2026-01-01T11:00:00Z"));
        ids.extend(ticks.due(next).iter().map(|event| event.id));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 4);
    }

    #[test]
    fn a_policy_that_would_delete_everything_is_refused() {
        let all = PurgePolicy::new(WhereEvents::default(), "@daily");
        assert!(PurgeTicks::new(&[all], Timestamp::default()).is_err());
    }
}
