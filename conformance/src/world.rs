//! What a case works with: a fresh store, a clock, ids from a seed, and short words for what cases do often.

use std::{fmt::Display, sync::Arc, time::Duration};

use blacksmith_store_core::{
    Added, AvailableAdapters, ClaimRequest, Clock, Event, Job, JobId, Options, Order, SetClock,
    Status, Store, Timestamp, Toolkit, Transition, TransitionId, Want, WhereEvents,
};

use crate::{
    failure::{Failure, Outcome, ensure, expect_eq},
    handle::Handle,
    journal::Journal,
    oracle::Contents,
    processes::Process,
    server::Server,
};

/// The actor of claims that a case does not care about.
pub(crate) const WORKER: &str = "worker";

/// The lease of claims that a case does not care about.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// Rounds of races and kills are multiplied by this at most: they share one store, whose end is looked through as a whole.
const MOST_THOROUGH: u32 = 20;

/// Where the clock of every case starts.
pub(crate) const START: &str = "2026-03-01T12:00:00Z";

/// A fresh store and everything to try it with.
pub(crate) struct World {
    pub(crate) store: Handle,
    /// The clock of [`toolkit`](Self::toolkit): it stands still until a case moves it.
    pub(crate) clock: SetClock,
    /// A set clock, ids and randomness from the seed, no deadline.
    pub(crate) toolkit: Toolkit,
    /// The registry with the adapter under test alone.
    pub(crate) adapters: AvailableAdapters,
    /// How the store is opened.
    pub(crate) options: Options,
    /// The server to which they lead, if there is one.
    pub(crate) server: Option<Server>,
    pub(crate) journal: Arc<Journal>,
    /// How many times as much is tried as in the quick form.
    thorough: u32,
}

impl World {
    /// Opens the store of a place that holds none yet.
    pub(crate) async fn open(
        adapters: AvailableAdapters,
        options: Options,
        server: Option<Server>,
        seed: u64,
        thorough: u32,
        journal: Arc<Journal>,
    ) -> Outcome<Self> {
        let clock = SetClock::at(instant(START));
        let toolkit = Toolkit::new().with_clock(Clock::Set(clock.clone())).with_seed(seed);
        let store = adapters.open(options.clone()).await?;
        let store = Handle::new(store, toolkit.clone(), Arc::clone(&journal));
        Ok(Self { store, clock, toolkit, adapters, options, server, journal, thorough })
    }

    /// How many rounds a case runs that runs so many in the quick form.
    pub(crate) fn rounds(&self, quick: usize) -> usize {
        quick * self.thorough.min(MOST_THOROUGH) as usize
    }

    /// Another handle on the same data, for adapters that declare `several_handles`.
    pub(crate) async fn another_handle(&self) -> Outcome<Handle> {
        self.journal.note("open another handle".into());
        let store = self.adapters.open(self.options.clone()).await?;
        Ok(Handle::new(store, self.toolkit.clone(), Arc::clone(&self.journal)))
    }

    /// Closes the store and opens it again, for adapters that declare `durable`.
    pub(crate) async fn reopen(&mut self) -> Outcome {
        // The old handle goes before the new one comes: not every durable store can be open twice.
        self.close();
        self.open_again().await
    }

    /// Closes the store, which is to be opened again.
    pub(crate) fn close(&mut self) {
        self.journal.note("close the store".into());
        self.store.close();
    }

    /// Opens the store that was closed.
    pub(crate) async fn open_again(&mut self) -> Outcome {
        self.store = self.another_handle().await?;
        Ok(())
    }

    /// Another process on the same data.
    pub(crate) async fn another_process(&self) -> Outcome<Arc<Process>> {
        self.journal.note("start another process".into());
        Process::start(&self.options, self.toolkit.random()).await
    }

    /// A handle whose calls are made in another process.
    pub(crate) fn handle_in(&self, process: &Arc<Process>) -> Handle {
        let store: Arc<dyn Store> = Arc::clone(process) as _;
        Handle::new(store, self.toolkit.clone(), Arc::clone(&self.journal))
    }

    /// The clock's instant.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.journal.note(format!("the clock goes {by:?} forward, to {}", self.now()));
    }

    /// Moves the clock forward until a microsecond is left of a duration.
    pub(crate) fn advance_almost(&self, by: Duration) {
        self.set_clock(self.now() + by - Duration::from_micros(1));
    }

    /// Moves the clock to an instant, forward or back.
    pub(crate) fn set_clock(&self, to: Timestamp) {
        self.clock.set(to);
        self.journal.note(format!("the clock is set to {to}"));
    }

    /// An event with a new id.
    pub(crate) fn event(&self) -> Event {
        Event::new(self.toolkit.event_id(), "github", "issues.opened")
    }

    /// A job with a new id.
    pub(crate) fn job(&self, destination: &str) -> Job {
        Job::new(self.toolkit.job_id(), destination, "upsert")
    }

    /// A job's first transition, with a new id.
    pub(crate) fn first(&self, status: Status) -> Transition {
        Transition::first(self.toolkit.transition_id(), status)
    }

    /// The transition to `status` that follows a job's latest one, with a new id.
    pub(crate) fn next(&self, job: &Job, status: Status) -> Outcome<Transition> {
        Ok(job.next(self.toolkit.transition_id(), status)?)
    }

    /// A stored job of an event of its own, as the store returns it.
    pub(crate) async fn stored_job(&self, destination: &str) -> Outcome<Job> {
        self.stored(self.job(destination)).await
    }

    /// Stores a job in an event of its own, and reads it back.
    pub(crate) async fn stored(&self, job: Job) -> Outcome<Job> {
        let id = job.id;
        self.store.add_events(vec![self.event().with_job(job)]).await?;
        Ok(self.store.find_job(id).await?)
    }

    /// A job that waits for `run_at`.
    pub(crate) async fn stored_job_at(&self, destination: &str, run_at: Timestamp) -> Outcome<Job> {
        let first = self.first(Status::Acknowledged).with_run_at(run_at);
        self.stored(self.job(destination).with_transition(first)).await
    }

    /// `count` jobs of one event, in the order in which they are due.
    pub(crate) async fn stored_jobs(&self, destination: &str, count: usize) -> Outcome<Vec<JobId>> {
        let jobs: Vec<Job> = (0..count).map(|_| self.job(destination)).collect();
        let ids = jobs.iter().map(|job| job.id).collect();
        let event = with(self.event(), |event| event.jobs = jobs);
        self.store.add_events(vec![event]).await?;
        Ok(ids)
    }

    /// A job that was just claimed by [`WORKER`].
    pub(crate) async fn claimed_job(&self, destination: &str) -> Outcome<Job> {
        let stored = self.stored_job(destination).await?;
        let claimed = self.claim_one(destination).await?;
        expect_eq("the only due job of its destination is claimed", claimed.id, stored.id)?;
        Ok(claimed)
    }

    /// Claims up to `limit` jobs of a destination for [`WORKER`], in the order of the answer.
    pub(crate) async fn claim(&self, destination: &str, limit: usize) -> Outcome<Vec<Job>> {
        self.claim_as(WORKER, Want::destination(destination, limit)).await
    }

    /// Claims for a worker, and answers the jobs alone.
    pub(crate) async fn claim_as(&self, actor: &str, want: Want) -> Outcome<Vec<Job>> {
        let claimed = self.store.claim(ClaimRequest::new(actor, LEASE, [want])).await?;
        Ok(claimed.queue.jobs().map(|(_, job)| job.clone()).collect())
    }

    /// Claims the one job of a destination that is due.
    pub(crate) async fn claim_one(&self, destination: &str) -> Outcome<Job> {
        let mut jobs = self.claim(destination, 1).await?;
        ensure!(
            jobs.len() == 1,
            "one job of {destination:?} is due, and {} were claimed",
            jobs.len()
        );
        Ok(jobs.remove(0))
    }

    /// Appends the transition to `status` that follows, and reads the job back.
    pub(crate) async fn moved(&self, job: &Job, status: Status) -> Outcome<Job> {
        self.append(self.next(job, status)?).await?;
        Ok(self.store.find_job(job.id).await?)
    }

    /// Appends one transition that must be new.
    pub(crate) async fn append(&self, transition: Transition) -> Outcome {
        let appended = self.store.add_transitions(vec![transition]).await?;
        expect_eq("one new transition is appended", (appended.new, appended.known), (1, 0))
    }

    /// A new job in this state, as the store returns it; nothing else may be due at its destination.
    pub(crate) async fn job_in(&self, destination: &str, status: Status) -> Outcome<Job> {
        match status {
            Status::Acknowledged => self.stored_job(destination).await,
            Status::Awaiting => {
                let job = self.stored_job(destination).await?;
                self.moved(&job, Status::Awaiting).await
            }
            Status::Executing => self.claimed_job(destination).await,
            ended => {
                let job = self.claimed_job(destination).await?;
                self.moved(&job, ended).await
            }
        }
    }

    /// A job's whole history, oldest first.
    pub(crate) async fn history(&self, job: JobId) -> Outcome<Vec<Transition>> {
        let filter = WhereEvents::of_job(job).with_order(Order::Oldest).with_limit(1_000);
        let page = self.store.find_transitions(filter).await?;
        ensure!(page.meta.next_cursor.is_none(), "a case's job has at most 1,000 transitions");
        Ok(page.entries)
    }

    /// The states through which a job went.
    pub(crate) async fn states(&self, job: JobId) -> Outcome<Vec<Status>> {
        Ok(self.history(job).await?.iter().map(|transition| transition.state_after).collect())
    }

    /// Everything that the store holds.
    pub(crate) async fn contents(&self) -> Outcome<Contents> {
        Contents::read(self.store.raw().as_ref(), &self.toolkit).await
    }

    /// Fails if anything was stored, changed or removed since `before`.
    pub(crate) async fn expect_unchanged(&self, what: impl Display, before: &Contents) -> Outcome {
        let after = self.contents().await?;
        expect_eq(format!("{what}: nothing is stored, changed or removed"), &after, before)
    }

    /// Fails unless a job's latest transition is this one.
    pub(crate) async fn expect_latest(
        &self,
        what: impl Display,
        id: JobId,
        latest: TransitionId,
    ) -> Outcome {
        let job = self.store.find_job(id).await?;
        expect_eq(what, job.transition.map(|transition| transition.id), Some(latest))
    }
}

/// The id of a job's latest transition: of a claimed one, its token.
pub(crate) fn token(job: &Job) -> Outcome<TransitionId> {
    latest(job).map(|transition| transition.id)
}

/// Fails unless what was sent again, having been sent before in doubt, is new as a whole or known as a whole.
pub(crate) fn expect_once(before: impl Display, added: Added, events: u64, jobs: u64) -> Outcome {
    let counts = (added.events, added.events_known, added.jobs, added.jobs_known);
    ensure!(
        counts == (events, 0, jobs, 0) || counts == (0, events, 0, jobs),
        "{before}: sent again, it is neither new nor known as a whole: {added:?}"
    );
    Ok(())
}

/// A job's latest transition.
pub(crate) fn latest(job: &Job) -> Outcome<&Transition> {
    job.transition
        .as_ref()
        .ok_or_else(|| Failure::new(format!("the stored job {} came without a transition", job.id)))
}

/// An instant of a case, written in RFC 3339.
pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse().expect("the suite's instants are written in RFC 3339")
}

/// A value with some of its fields set differently.
pub(crate) fn with<T>(mut value: T, set: impl FnOnce(&mut T)) -> T {
    set(&mut value);
    value
}
