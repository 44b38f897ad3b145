//! The trait of every store, and the wrapper that checks what reaches it; both come from the one declaration below.

use std::any::Any;

use async_trait::async_trait;
use tracing::Instrument as _;

use crate::{
    Added, Appended, Capabilities, Change, ChangeOutcome, ClaimRequest, Claimed, Event, EventId,
    ExpireRequest, ExtendRequest, Extended, Job, JobId, Maintained, Options, Page, Pause, PauseId,
    PurgeRequest, Purged, QueueStats, Result, Toolkit, Transition, TransitionId, Wakeups,
    WhereEvents,
    checked::{Access, Checked},
    checks::{self, Admitted},
};

/// Declares the methods of the contract: the trait, and for each method the wrapper's, which calls the function of the same
/// name in `checks`, then the adapter. A method that is added here without a check does not compile. Stores around a store
/// get the same methods from `for_each_method!`.
macro_rules! contract {
    (
        $(#[$trait_doc:meta])*
        trait $trait:ident;
        $(
            $(#[$doc:meta])*
            $access:ident fn $method:ident($($argument:ident: $type:ty)?) -> $answer:ty;
        )*
    ) => {
        $(#[$trait_doc])*
        #[async_trait]
        pub trait $trait: Send + Sync {
            /// The name under which the adapter is registered. Blacksmith: `Store.String`.
            fn name(&self) -> &'static str;

            /// The options as applied, defaults filled in. Blacksmith: `Store.Options`.
            fn options(&self) -> &Options;

            /// What the store claims to support beyond the core of the contract.
            fn capabilities(&self) -> Capabilities;

            /// The adapter's own type, for functions of its crate that need it, such as `add_events_in`. The default gives
            /// nothing away.
            fn as_any(&self) -> &dyn Any {
                &()
            }

            $(
                $(#[$doc])*
                async fn $method(&self, toolkit: &Toolkit $(, $argument: $type)?) -> Result<$answer>;
            )*
        }

        #[async_trait]
        impl $trait for Checked {
            fn name(&self) -> &'static str {
                self.store.name()
            }

            fn options(&self) -> &Options {
                self.store.options()
            }

            fn capabilities(&self) -> Capabilities {
                self.store.capabilities()
            }

            fn as_any(&self) -> &dyn Any {
                self.store.as_any()
            }

            $(
                async fn $method(&self, toolkit: &Toolkit $(, $argument: $type)?) -> Result<$answer> {
                    const OPERATION: &str = stringify!($method);
                    let access = Access::$access;
                    let admitted = checks::not_too_late(toolkit)
                        .and_then(|()| checks::$method(toolkit $(, $argument)?))
                        .map_err(|error| error.with_operation(OPERATION))?;
                    let (request, finish) = match admitted {
                        Admitted::Answer(answer) => return Ok(answer),
                        Admitted::Call(request, finish) => (request, finish),
                    };
                    let span = tracing::debug_span!(
                        parent: toolkit.span(), "store", operation = OPERATION, adapter = self.store.name()
                    );
                    // A method without an argument has nothing to unpack.
                    contract!(@unpack request $($argument)?);
                    let answer = self.store.$method(toolkit $(, $argument)?).instrument(span).await;
                    match answer {
                        Ok(answer) => Ok(finish(answer)),
                        Err(error) => Err(access.settle(error.with_operation(OPERATION))),
                    }
                }
            )*
        }

        /// Invokes a macro with the methods of [`Store`], each as `method(argument: Type) -> Answer;` with one argument or
        /// none: for a store around a store, which then misses no method.
        ///
        /// Arguments and answers are named as this crate names them, so they are to be in scope.
        ///
        /// ```
        /// use std::sync::Arc;
        /// use blacksmith_store_core::*;
        ///
        /// /// A store that says what it is asked.
        /// struct Talking(Arc<dyn Store>);
        ///
        /// macro_rules! talking {
        ///     ($($method:ident($($argument:ident: $type:ty)?) -> $answer:ty;)*) => {
        ///         #[async_trait]
        ///         impl Store for Talking {
        ///             fn name(&self) -> &'static str {
        ///                 self.0.name()
        ///             }
        ///
        ///             fn options(&self) -> &Options {
        ///                 self.0.options()
        ///             }
        ///
        ///             fn capabilities(&self) -> Capabilities {
        ///                 self.0.capabilities()
        ///             }
        ///
        ///             $(async fn $method(&self, toolkit: &Toolkit $(, $argument: $type)?) -> Result<$answer> {
        ///                 println!("{}", stringify!($method));
        ///                 self.0.$method(toolkit $(, $argument)?).await
        ///             })*
        ///         }
        ///     };
        /// }
        ///
        /// for_each_method!(talking);
        /// ```
        #[macro_export]
        macro_rules! for_each_method {
            ($callback:ident) => {
                $callback! {
                    $($method($($argument: $type)?) -> $answer;)*
                }
            };
        }
    };
    (@unpack $request:ident) => { let () = $request; };
    (@unpack $request:ident $argument:ident) => { let $argument = $request; };
}

contract! {
    /// A database used as a queue. Blacksmith: `store.Store`.
    ///
    /// **For callers:** open one with [`AvailableAdapters::open`](crate::AvailableAdapters::open) and hold an
    /// `Arc<dyn Store>`. Every write may be sent again with the same ids after an error whose
    /// [`retry`](crate::StoreError::retry) is not `Never`: it takes effect once. Dropping a call's future leaves the store
    /// usable and the write done whole or not at all. Deadlines of the [`Toolkit`] include the wait for a connection.
    ///
    /// **For adapters:** implement every method with `#[async_trait]`. What reaches an adapter has passed the checks that do
    /// not depend on what is stored: limits, names and the table of a job's life; instants are cut to the microsecond;
    /// empty versions and Go's zero times are `None`; no id stands twice in a call; every job brings its first transition
    /// (sequence 0, with its ids, without `created_at`); filters have their limit, and an id alone where one is set; empty
    /// batches do not arrive. The conformance suite says whether the rest is right. Methods have no defaults on purpose.
    trait Store;

    /// Stores events with their jobs and first transitions in one atomic write.
    ///
    /// Idempotent by id: what is stored already is skipped and counted, also twice in one call; jobs are treated each by
    /// their own id. `received_at` and a job's `created_at` are the store's now where they are not set; `ingested_at` always.
    /// Blacksmith: `Store.AddEvents`.
    ///
    /// # Errors
    /// `Conflict` for an id that is stored with other content: source, trigger, version, context, data, `sent_at` or parent of
    /// an event; event, destination, action, version, context, data or parent of a job. `InvalidInput` beyond the limits, or for
    /// a first transition that is none.
    write fn add_events(events: Vec<Event>) -> Added;

    /// Stores jobs of events that are stored already, as [`add_events`](Store::add_events) does. Blacksmith: `Store.AddJobs`.
    ///
    /// # Errors
    /// `NotFound` naming each event that is not stored, which wins over a conflict; else as `add_events`.
    write fn add_jobs(jobs: Vec<Job>) -> Added;

    /// Appends transitions: compare-and-set by the job's sequence, state and attempt, all or nothing.
    ///
    /// Idempotent by transition id, which is looked up in the job's whole chain when the compare-and-set fails, so an outcome
    /// may be sent again until it is answered. Blacksmith: `Store.AddTransitions`.
    ///
    /// # Errors
    /// `NotFound` for a job that is not stored; `Conflict` for one that does not fit (any more), and for a known id with
    /// other content; `InvalidInput` for a move that the table of a job's life does not have, another event than the job's, or
    /// two transitions of one job. The error names each; where several kinds apply, in this order: `InvalidInput`, `NotFound`,
    /// `Conflict`.
    write fn add_transitions(transitions: Vec<Transition>) -> Appended;

    /// Stores each change whole or not at all; those that stand are committed in one atomic write. The changes take effect in
    /// their order, and the answer says in that order what became of each.
    ///
    /// A change is [`Known`](ChangeOutcome::Known) when all its transitions are stored with the same content, or, without
    /// transitions, all its events and jobs; else [`Gone`](ChangeOutcome::Gone) when a transition's job, or the event of a new
    /// job, is neither stored nor added by it; else [`Conflict`](ChangeOutcome::Conflict) when an id is stored with other
    /// content; else [`Stale`](ChangeOutcome::Stale) when a transition does not fit. Otherwise what is missing of it is stored.
    ///
    /// Two bounds that follow, and that the protocol's model shows: an outcome with follow-ups is sent by `apply` alone, for once
    /// [`add_transitions`](Store::add_transitions) has stored it the change is `Known`; and `Gone` for the event of a new job is
    /// final only if nobody stores that event later, while a copy of the call is on its way.
    ///
    /// # Errors
    /// `InvalidInput` anywhere refuses the call, and so do two transitions of one job, in one change or in two.
    write fn apply(changes: Vec<Change>) -> Vec<ChangeOutcome>;

    /// One event, with all its jobs in ascending id and their latest transitions. Blacksmith: `Store.FindEvent`.
    ///
    /// # Errors
    /// `NotFound`, naming the id.
    read fn find_event(id: EventId) -> Event;

    /// One job, with its latest transition. Blacksmith: `Store.FindJob`.
    ///
    /// # Errors
    /// `NotFound`, naming the id.
    read fn find_job(id: JobId) -> Job;

    /// One transition. Blacksmith: `Store.FindTransition`.
    ///
    /// # Errors
    /// `NotFound`, naming the id.
    read fn find_transition(id: TransitionId) -> Transition;

    /// The events that a filter matches. Blacksmith: `Store.FindEvents`.
    ///
    /// # Errors
    /// `InvalidInput` for a value that no name can have, a cursor of another search, or a cursor beside an offset.
    read fn find_events(filter: WhereEvents) -> Page<Event>;

    /// The jobs that a filter matches, with their latest transitions. Blacksmith: `Store.FindJobs`.
    ///
    /// # Errors
    /// As [`find_events`](Store::find_events).
    read fn find_jobs(filter: WhereEvents) -> Page<Job>;

    /// The transitions that a filter matches: every one counts, not only the latest. Blacksmith: `Store.FindTransitions`.
    ///
    /// # Errors
    /// As [`find_events`](Store::find_events).
    read fn find_transitions(filter: WhereEvents) -> Page<Transition>;

    /// Takes due jobs for `request.actor`, oldest first, and appends their `executing` transitions.
    ///
    /// A job is due when its `run_at` has come; its place is its `run_at`, or its latest transition's `created_at` if that is
    /// later, then its id. Wants are served in the order given, and a job goes to the first with room. Two claims never return
    /// the same job. The claim ends when its outcome is stored, or when its lease has ended and
    /// [`expire_leases`](Store::expire_leases) has run; until then a late outcome is accepted. Paused destinations are passed
    /// over. Blacksmith: done by its scheduler; the package has no such method.
    ///
    /// # Errors
    /// `InvalidInput` for an actor that is no name, a lease of zero or above a day, or more than 10,000 jobs;
    /// [`Retry::OutcomeUnknown`](crate::Retry) when the answer was lost: the jobs come back from
    /// [`extend_leases`](Store::extend_leases).
    write fn claim(request: ClaimRequest) -> Claimed;

    /// Extends the leases of the claim calls that the tokens belong to, from now on, and tells which tokens are lost.
    ///
    /// Also returns the actor's other live claims, not extended: their answer was lost on the way. A claim whose lease has
    /// ended but was not expired yet is extended like any other.
    ///
    /// # Errors
    /// `InvalidInput` for an actor that is no name, a lease of zero or above a day, or more than 10,000 tokens.
    write fn extend_leases(request: ExtendRequest) -> Extended;

    /// Gives up claims whose lease has ended (end <= now), longest ended first, at most `request.limit`: they become `unknown`
    /// under the caller's actor, due again at [`due_after_expiry`](crate::due_after_expiry). Answers how many.
    ///
    /// # Errors
    /// `InvalidInput` for an actor that is no name, or a limit above 10,000.
    write fn expire_leases(request: ExpireRequest) -> u64;

    /// Makes `claim` pass over a destination, or one action of it, until the pause is resumed; in every process, restarts
    /// included. Answers whether the pause is new: sent again, also within an hour of its end, it changes nothing.
    ///
    /// # Errors
    /// `Conflict` for a pause id that is known with other content.
    write fn pause(pause: Pause) -> bool;

    /// Ends exactly this pause; `false` when it is unknown or has ended. A destination stays paused until its last pause ends.
    write fn resume(id: PauseId) -> bool;

    /// The pauses that last, in ascending id.
    read fn pauses() -> Vec<Pause>;

    /// Deletes events that match, with their jobs and transitions, in bounded batches, each of which decides again under its
    /// own locks. Leaves alone and counts: events with an unfinished job, events ingested within the last hour, unless the
    /// request includes them; events with an executing job always. Never follows children. A deadline between batches ends it
    /// with `more`.
    ///
    /// # Errors
    /// `InvalidInput` for a filter that constrains nothing without `all`, and for an id beside other constraints.
    write fn purge(request: PurgeRequest) -> Purged;

    /// The jobs of each destination and action that has any, counted by status, exactly; in ascending destination and action.
    read fn stats() -> Vec<QueueStats>;

    /// A stream that fires when work may have arrived. Firings may be lost, merged or spurious: polling is the fallback.
    ///
    /// # Errors
    /// `Unsupported` without [`Capabilities::wakeups`].
    read fn wakeups() -> Wakeups;

    /// Housekeeping: bounded work, safe to call by several at once, and needed by nothing but speed and disk space.
    write fn maintain() -> Maintained;
}
