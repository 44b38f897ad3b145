//! A store that answers nothing of its own: it records what reaches it.

use std::{
    any::Any,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use blacksmith_store_core::{
    Added, Appended, Capabilities, Change, ChangeOutcome, Checked, ClaimRequest, Claimed, Entries,
    ErrorKind, Event, EventId, ExpireRequest, ExtendRequest, Extended, Job, JobId, Maintained,
    Options, Page, Pause, PauseId, Position, PurgeRequest, Purged, Queue, QueueStats, Result,
    Retry, Status, Store, StoreError, Timestamp, Token, Toolkit, Transition, TransitionId, Wakeups,
    WhereEvents, async_trait,
};

/// What every method of the recording store answers, unless it was told to fail.
trait Answer: Sized {
    fn answer() -> Self;
}

/// The same but for one change.
pub(crate) fn but<T: Clone>(value: &T, change: impl FnOnce(&mut T)) -> T {
    let mut value = value.clone();
    change(&mut value);
    value
}

/// A store behind the checks, and what reached it.
pub(crate) struct Wrapped {
    pub(crate) store: Checked,
    pub(crate) toolkit: Toolkit,
    recording: Arc<Recording>,
}

#[derive(Default)]
pub(crate) struct Recording {
    options: Options,
    calls: Mutex<Vec<(&'static str, Box<dyn Any + Send>)>>,
    failure: Option<(ErrorKind, Retry)>,
}

impl Wrapped {
    pub(crate) fn new() -> Self {
        Self::around(Recording::default())
    }

    pub(crate) fn with(toolkit: Toolkit) -> Self {
        Self { toolkit, ..Self::new() }
    }

    /// A store whose every method fails.
    pub(crate) fn failing(kind: ErrorKind, retry: Retry) -> Self {
        Self::around(Recording { failure: Some((kind, retry)), ..Recording::default() })
    }

    fn around(recording: Recording) -> Self {
        let recording = Arc::new(recording);
        Self {
            store: Checked::new(Arc::clone(&recording) as Arc<dyn Store>),
            toolkit: Toolkit::new(),
            recording,
        }
    }

    /// The methods that were called, in order.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.recording.calls().iter().map(|(method, _)| *method).collect()
    }

    /// What the last call got.
    pub(crate) fn received<R: Clone + 'static>(&self) -> R {
        let calls = self.recording.calls();
        let (method, request) = calls.last().expect("nothing reached the adapter");
        request.downcast_ref::<R>().unwrap_or_else(|| panic!("{method} takes another type")).clone()
    }

    /// Expects a call to be refused before it reaches the adapter, with these words.
    pub(crate) fn refused<A: Debug>(&self, answer: Result<A>, kind: ErrorKind, words: &str) {
        let error = answer.expect_err(words);
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.retry(), Retry::Never, "{error}");
        assert!(!error.operation().is_empty(), "{error}");
        assert!(error.message().contains(words), "{error:?} lacks {words:?}");
        assert_eq!(self.calls(), [""; 0], "{words}: it reached the adapter");
    }

    /// Expects `InvalidInput` before the adapter.
    pub(crate) fn invalid<A: Debug>(&self, answer: Result<A>, words: &str) {
        self.refused(answer, ErrorKind::InvalidInput, words);
    }

    pub(crate) fn event(&self) -> Event {
        Event::new(self.toolkit.event_id(), "github", "issues.opened")
    }

    pub(crate) fn job(&self) -> Job {
        self.job_of_no_event().with_event_id(self.toolkit.event_id())
    }

    /// A job to stand inside an event.
    pub(crate) fn job_of_no_event(&self) -> Job {
        Job::new(self.toolkit.job_id(), "crm", "upsert")
    }

    pub(crate) fn first(&self, status: Status) -> Transition {
        Transition::first(self.toolkit.transition_id(), status)
    }

    /// The outcome of a claimed job.
    pub(crate) fn outcome(&self, status: Status) -> Transition {
        let mut transition = self.first(status);
        transition.attempt = 1;
        transition.state_before = Some(Status::Executing);
        transition.sequence = Some(2);
        transition.job_id = Some(self.toolkit.job_id());
        transition
    }
}

impl Recording {
    fn calls(&self) -> std::sync::MutexGuard<'_, Vec<(&'static str, Box<dyn Any + Send>)>> {
        self.calls.lock().expect("no test panics while it holds the calls")
    }

    fn record<A: Answer>(&self, method: &'static str, request: impl Any + Send) -> Result<A> {
        self.calls().push((method, Box::new(request)));
        match self.failure {
            Some((kind, retry)) => Err(StoreError::new(kind, "as it was told").with_retry(retry)),
            None => Ok(A::answer()),
        }
    }
}

/// The methods of the contract, with what a call of each looks like.
macro_rules! methods {
    ($($method:ident($($argument:ident: $type:ty = $example:expr)?) -> $answer:ty;)*) => {
        /// Every method; the compiler asks for a new one, for the trait has no defaults.
        pub(crate) const METHODS: &[&str] = &[$(stringify!($method)),*];

        #[async_trait]
        impl Store for Recording {
            fn name(&self) -> &'static str {
                "recording"
            }

            fn options(&self) -> &Options {
                &self.options
            }

            fn capabilities(&self) -> Capabilities {
                Capabilities::NONE.with_durable()
            }

            fn as_any(&self) -> &dyn Any {
                self
            }

            $(
                async fn $method(&self, _: &Toolkit $(, $argument: $type)?) -> Result<$answer> {
                    self.record(stringify!($method), ($($argument)?))
                }
            )*
        }

        impl Wrapped {
            /// Calls a method with its example; answers as text what it answered.
            pub(crate) async fn call(&self, method: &str) -> Result<String> {
                match method {
                    $(
                        stringify!($method) => {
                            $(let $argument: $type = $example(self);)?
                            let answer: $answer = self.store.$method(&self.toolkit $(, $argument)?).await?;
                            Ok(Shown::shown(&answer))
                        }
                    )*
                    _ => panic!("there is no method {method}"),
                }
            }

            /// What a method answers when nothing comes between.
            pub(crate) fn expected(method: &str) -> String {
                match method {
                    $(stringify!($method) => Shown::shown(&<$answer as Answer>::answer()),)*
                    _ => panic!("there is no method {method}"),
                }
            }
        }
    };
}

methods! {
    add_events(events: Vec<Event> = |wrapped: &Wrapped| vec![wrapped.event()]) -> Added;
    add_jobs(jobs: Vec<Job> = |wrapped: &Wrapped| vec![wrapped.job()]) -> Added;
    add_transitions(
        transitions: Vec<Transition> = |wrapped: &Wrapped| vec![wrapped.outcome(Status::Succeeded)]
    ) -> Appended;
    apply(
        changes: Vec<Change> = |wrapped: &Wrapped| vec![Change::new(wrapped.outcome(Status::Succeeded))]
    ) -> Vec<ChangeOutcome>;
    find_event(id: EventId = |wrapped: &Wrapped| wrapped.toolkit.event_id()) -> Event;
    find_job(id: JobId = |wrapped: &Wrapped| wrapped.toolkit.job_id()) -> Job;
    find_transition(id: TransitionId = |wrapped: &Wrapped| wrapped.toolkit.transition_id()) -> Transition;
    find_events(filter: WhereEvents = |_| WhereEvents::default()) -> Page<Event>;
    find_jobs(filter: WhereEvents = |_| WhereEvents::default()) -> Page<Job>;
    find_transitions(filter: WhereEvents = |_| WhereEvents::default()) -> Page<Transition>;
    claim(request: ClaimRequest = |_| super::working::claim_request()) -> Claimed;
    extend_leases(request: ExtendRequest = |_| super::working::extend_request()) -> Extended;
    expire_leases(request: ExpireRequest = |_| ExpireRequest::new("worker", 1)) -> u64;
    pause(
        pause: Pause = |wrapped: &Wrapped| Pause::new(wrapped.toolkit.pause_id(), "crm", "ana")
    ) -> bool;
    resume(id: PauseId = |wrapped: &Wrapped| wrapped.toolkit.pause_id()) -> bool;
    pauses() -> Vec<Pause>;
    purge(request: PurgeRequest = |_| PurgeRequest::everything()) -> Purged;
    stats() -> Vec<QueueStats>;
    wakeups() -> Wakeups;
    maintain() -> Maintained;
}

/// An answer as text, to compare.
trait Shown {
    fn shown(&self) -> String;
}

/// The answers: each unlike the default, so that none can be mistaken for one that the checks made up.
macro_rules! answers {
    ($($answer:ty: $value:expr;)*) => {$(
        impl Answer for $answer {
            fn answer() -> Self {
                $value
            }
        }

        impl Shown for $answer {
            fn shown(&self) -> String {
                format!("{self:?}")
            }
        }
    )*};
}

answers! {
    Added: {
        let mut added = Added::default();
        (added.events, added.events_known, added.jobs, added.jobs_known) = (10, 20, 30, 40);
        added
    };
    Appended: {
        let mut appended = Appended::default();
        (appended.new, appended.known) = (50, 60);
        appended
    };
    Vec<ChangeOutcome>: vec![ChangeOutcome::Stale];
    Event: Event::new(EventId::from_bytes([7; 20]), "recorded", "event");
    Job: Job::new(JobId::from_bytes([8; 20]), "recorded", "job");
    Transition: Transition::first(TransitionId::from_bytes([9; 20]), Status::Unknown);
    Page<Event>: page(vec![Event::answer()]);
    Page<Job>: page(vec![Job::answer()]);
    Page<Transition>: page(vec![Transition::answer()]);
    Claimed: Claimed::new(Queue::new(vec![Event::answer()]), Some(Timestamp::default()));
    Extended: Extended::new(vec![Token::Kept], Queue::default());
    u64: 70;
    bool: true;
    Vec<Pause>: vec![Pause::new(PauseId::from_bytes([6; 20]), "recorded", "pause")];
    Purged: {
        let mut purged = Purged::default();
        purged.left_recent = 80;
        purged
    };
    Vec<QueueStats>: vec![QueueStats::new("recorded", "stats")];
    Maintained: {
        let mut maintained = Maintained::default();
        maintained.rows = 90;
        maintained
    };
}

fn page<T>(entries: Vec<T>) -> Page<T> {
    let key = |_: &T| Position::Sequence(0);
    Page::assemble(&WhereEvents::default(), Entries::Events, entries, Some(100), key)
}

impl Answer for Wakeups {
    fn answer() -> Self {
        Box::pin(futures_util::stream::empty())
    }
}

impl Shown for Wakeups {
    fn shown(&self) -> String {
        "a stream".to_owned()
    }
}
