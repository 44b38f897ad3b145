//! A store in memory whose calls can be made to fail, a clock that follows tokio's, and looks at what happened.

#![allow(dead_code, unused_imports, reason = "every test file uses a part of it")]

pub(crate) mod flaky;

use std::{future::Future, sync::Arc, time::Duration};

use blacksmith_scheduler::{Scheduler, Stopped};
use blacksmith_store::{
    ClaimRequest, Clock, Counts, Event, ExpireRequest, Job, JobId, Options, Order, SetClock,
    Status, Store, Timestamp, Toolkit, Transition, Want, WhereEvents, is_legal, next_attempt,
};
use tokio::{
    sync::oneshot,
    task::{AbortHandle, JoinHandle},
    time::Instant,
};

pub(crate) use self::flaky::{Fault, Flaky};

/// A fresh store in memory, with options.
pub(crate) async fn memory(options: Options) -> Arc<dyn Store> {
    blacksmith_store::open(options).await.expect("a store")
}

/// A store, and a clock that shows the same as tokio's, so that paused time counts for both.
pub(crate) struct World {
    pub(crate) store: Arc<Flaky>,
    pub(crate) toolkit: Toolkit,
    pub(crate) clock: SetClock,
    ticking: AbortHandle,
}

impl Drop for World {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

/// The seconds between the beginning of the world and `instant`.
pub(crate) fn seconds(instant: Timestamp) -> f64 {
    (instant - start_instant()).as_seconds_f64()
}

pub(crate) fn start_instant() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("an instant")
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Options::new("memory"), Duration::from_millis(10)).await
    }

    /// One with options of the store, and a clock that moves in larger steps, for hours to pass.
    pub(crate) async fn with_options(options: Options) -> Self {
        Self::with(options, Duration::from_millis(200)).await
    }

    async fn with(options: Options, step: Duration) -> Self {
        let clock = SetClock::at(start_instant());
        let toolkit = Toolkit::new().with_clock(Clock::Set(clock.clone())).with_seed(1);
        let follow: Arc<dyn Fn() + Send + Sync> = {
            let (clock, start) = (clock.clone(), Instant::now());
            Arc::new(move || clock.set(start_instant() + start.elapsed()))
        };
        // Exactly where it counts, and from time to time for whoever only looks at it.
        let store = Arc::new(Flaky::new(memory(options).await, follow.clone()));
        let ticking = tokio::spawn(async move {
            loop {
                tokio::time::sleep(step).await;
                follow();
            }
        })
        .abort_handle();
        Self { store, toolkit, clock, ticking }
    }

    /// A scheduler with a poll interval of 50 ms: a set clock tells nobody that it moved.
    pub(crate) fn scheduler(&self, actor: &str) -> Scheduler {
        self.scheduler_on(self.store.clone(), actor)
    }

    /// One with a connection of its own, which can be lost for it alone.
    pub(crate) fn scheduler_on(&self, store: Arc<Flaky>, actor: &str) -> Scheduler {
        Scheduler::new(store)
            .with_toolkit(self.toolkit.clone())
            .with_actor(actor)
            .with_poll_interval(Duration::from_millis(50))
    }

    /// Adds `count` events with a job each for this action.
    pub(crate) async fn add(&self, destination: &str, action: &str, count: usize) -> Vec<JobId> {
        add(&*self.store, &self.toolkit, destination, action, count).await
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.store.inner().find_job(&self.toolkit, id).await.expect("the job is stored")
    }

    pub(crate) async fn status(&self, id: JobId) -> Status {
        self.job(id).await.status().expect("a stored job has a status")
    }

    pub(crate) async fn history(&self, job: JobId) -> Vec<Transition> {
        history(self.store.inner(), &self.toolkit, job).await
    }

    /// The states that a job went through.
    pub(crate) async fn states(&self, job: JobId) -> Vec<Status> {
        self.history(job).await.iter().map(|transition| transition.state_after).collect()
    }

    pub(crate) async fn counts(&self) -> Counts {
        counts(self.store.inner(), &self.toolkit).await
    }

    /// The seconds since this world began.
    pub(crate) fn seconds(&self) -> f64 {
        seconds(self.clock.now())
    }

    /// Waits until the clock shows this many seconds.
    pub(crate) async fn until_second(&self, second: f64) {
        while self.seconds() < second {
            let left = Duration::from_secs_f64(second - self.seconds());
            tokio::time::sleep(left.max(Duration::from_millis(1))).await;
        }
    }

    /// A toolkit whose clock is ahead: what it expires has not ended for anybody else.
    pub(crate) fn ahead(&self, by: Duration) -> Toolkit {
        Toolkit::new().with_clock(Clock::Set(SetClock::at(self.clock.now() + by)))
    }

    /// Claims as a worker does that is heard of no more.
    pub(crate) async fn claim_and_die(&self, destination: &str, action: &str, limit: usize) {
        let want = Want::action(destination, action, limit);
        let request = ClaimRequest::new("dead", Duration::from_secs(30), [want]);
        let claimed = self.store.inner().claim(&self.toolkit, request).await.expect("a claim");
        assert_eq!(claimed.queue.jobs().count(), limit);
    }

    /// Gives up every claim, as another scheduler would after the end of its lease of 30 seconds.
    pub(crate) async fn expire_all(&self) -> u64 {
        let ahead = self.ahead(Duration::from_secs(31));
        let request = ExpireRequest::new("rescuer", 10_000);
        self.store.inner().expire_leases(&ahead, request).await.expect("an answer")
    }

    /// Waits until all jobs have ended.
    pub(crate) async fn until_finished(&self) {
        until("all jobs have ended", async || {
            let counts = self.counts().await;
            counts.total() == counts.succeeded + counts.discarded
        })
        .await;
    }

    pub(crate) async fn until_status(&self, job: JobId, status: Status) {
        until("the job has the status", async || self.status(job).await == status).await;
    }
}

/// Waits, for at most an hour of tokio's time, until `holds`.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        let waited = start.elapsed();
        assert!(waited < Duration::from_hours(1), "waited too long until {what}");
        // Closely at first; what takes minutes is not looked at every few milliseconds.
        let pause = (waited / 20).clamp(Duration::from_millis(5), Duration::from_millis(500));
        tokio::time::sleep(pause).await;
    }
}

pub(crate) async fn add(
    store: &dyn Store,
    toolkit: &Toolkit,
    destination: &str,
    action: &str,
    count: usize,
) -> Vec<JobId> {
    let events: Vec<_> = (0..count)
        .map(|n| {
            Event::new(toolkit.event_id(), "shop", "order.paid")
                .with_context(format!("context {n}"))
                .with_data(format!("data {n}"))
                .with_job(Job::new(toolkit.job_id(), destination, action))
        })
        .collect();
    let jobs = events.iter().map(|event| event.jobs[0].id).collect();
    for events in events.chunks(1_000) {
        store.add_events(toolkit, events.to_vec()).await.expect("events are added");
    }
    jobs
}

pub(crate) async fn counts(store: &dyn Store, toolkit: &Toolkit) -> Counts {
    let mut sum = Counts::default();
    for queue in store.stats(toolkit).await.expect("stats") {
        for status in Status::ALL {
            *sum.of_mut(status) += queue.counts.of(status);
        }
    }
    sum
}

pub(crate) async fn history(store: &dyn Store, toolkit: &Toolkit, job: JobId) -> Vec<Transition> {
    let filter = WhereEvents::of_job(job).with_order(Order::Oldest).with_limit(1_000);
    store.find_transitions(toolkit, filter).await.expect("a history").entries
}

/// That a chain has no gap and no illegal move, from its first transition to its end.
pub(crate) fn expect_legal(chain: &[Transition]) {
    for (place, transition) in chain.iter().enumerate() {
        assert_eq!(transition.sequence, Some(place as u64), "{chain:#?}");
        let Some(before) = place.checked_sub(1).map(|before| &chain[before]) else {
            assert_eq!(transition.state_before, None);
            continue;
        };
        assert_eq!(transition.state_before, Some(before.state_after));
        assert!(is_legal(before.state_after, transition.state_after));
        let attempt = next_attempt(before.state_after, before.attempt, transition.state_after);
        assert_eq!(Some(transition.attempt), attempt);
        assert!(before.created_at <= transition.created_at);
    }
}

/// A scheduler that runs in a task of its own.
pub(crate) struct Started {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Stopped>,
}

pub(crate) fn start(scheduler: Scheduler) -> Started {
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        scheduler.run(stopped).await.expect("the scheduler is configured well")
    });
    Started { stop: Some(stop), task }
}

impl Started {
    /// Stops it gracefully.
    pub(crate) async fn stop(mut self) -> Stopped {
        self.ask_to_stop();
        self.task.await.expect("the scheduler does not panic")
    }

    pub(crate) fn ask_to_stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.task.is_finished()
    }

    /// Ends it as `kill -9` does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.expect_err("aborted").is_cancelled());
    }
}

/// Fails when `future` takes longer than `limit` of tokio's time.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, future).await.expect("in time")
}
