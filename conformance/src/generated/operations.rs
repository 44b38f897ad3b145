//! What may be done to a store, by numbers: which event, job or transition a number means is settled when its turn comes,
//! so that any part of a sequence is a sequence.

use std::time::Duration;

use blacksmith_store_core::{Status, WhereEvents};
use proptest::{
    collection::vec,
    option::weighted,
    prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof},
    sample::select,
};

use super::{
    filters,
    names::{ACTORS, NAMES, VERBS, event_id, job_id},
};

/// One thing that is done.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    AddEvents(Vec<NewEvent>),
    AddJobs(Vec<NewJob>),
    /// Adds so many events of names that are nobody's, with two jobs each.
    Crowd(usize),
    AddTransitions(Vec<Move>),
    Apply(Vec<NewChange>),
    Claim {
        actor: usize,
        seconds: u64,
        wants: Vec<NewWant>,
    },
    Extend {
        actor: usize,
        seconds: u64,
        tokens: Vec<usize>,
    },
    Expire {
        limit: usize,
    },
    Pause(NewPause),
    /// Ends a pause, by its number.
    Resume(usize),
    Purge(NewPurge),
    Maintain,
    Wait(Duration),
    /// Waits for an instant at which something changes, or almost.
    WaitFor {
        place: usize,
        almost: bool,
    },
    /// Sends an earlier call again, as it was.
    Again(usize),
    Find(WhereEvents),
    Look {
        event: usize,
        job: usize,
        transition: usize,
    },
    /// Closes the store and opens it again, where it is durable.
    Reopen,
}

/// An event with some of the jobs that belong to it.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    pub(crate) number: usize,
    /// 0 mostly; others say something else, in one member each.
    pub(crate) variant: usize,
    pub(crate) received: Option<i64>,
    pub(crate) jobs: Vec<NewJob>,
}

#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    pub(crate) number: usize,
    /// Whether its event is one that is stored, where it may choose.
    pub(crate) has_event: bool,
    /// 0 mostly; others say something else, in one member each.
    pub(crate) variant: usize,
    pub(crate) created: Option<i64>,
    pub(crate) first: Option<First>,
}

/// Which job is meant: one that executes or any that is stored, counted round; or the one of a number, stored or not.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Executing(usize),
    Stored(usize),
    Number(usize),
}

/// A first transition given by the caller.
#[derive(Clone, Debug)]
pub(crate) struct First {
    pub(crate) number: usize,
    /// A status that is wrong, or awaiting where that is right.
    pub(crate) status: Option<Status>,
    /// Seconds from now.
    pub(crate) wait: Option<i64>,
}

/// A transition that follows.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) job: Target,
    /// Which of the moves that the table has.
    pub(crate) choice: usize,
    /// Seconds from now.
    pub(crate) wait: Option<i64>,
    pub(crate) actor: Option<usize>,
    pub(crate) has_error: bool,
    pub(crate) twist: Twist,
}

/// What is wrong with a transition, if anything.
#[derive(Clone, Debug)]
pub(crate) enum Twist {
    None,
    /// A sequence further on or back.
    Sequence(i64),
    Attempt(i64),
    /// Another state before.
    Before(Status),
    /// Another state after, legal or not.
    After(Status),
    /// The transition at this place of the chain, as it is stored.
    Stored(usize),
    /// The same with other content.
    Altered(usize),
    /// The id of any transition that is stored.
    IdOf(usize),
    OtherEvent,
    WithoutEvent,
    /// A `run_at` where it may make no sense.
    Wait,
}

#[derive(Clone, Debug)]
pub(crate) struct NewChange {
    pub(crate) moves: Vec<Move>,
    pub(crate) events: Vec<NewEvent>,
    pub(crate) jobs: Vec<NewJob>,
}

#[derive(Clone, Debug)]
pub(crate) struct NewWant {
    pub(crate) destination: Option<usize>,
    pub(crate) action: Option<usize>,
    pub(crate) limit: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct NewPause {
    pub(crate) number: usize,
    pub(crate) destination: usize,
    pub(crate) action: Option<usize>,
    pub(crate) reason: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct NewPurge {
    pub(crate) filter: WhereEvents,
    pub(crate) all: bool,
    pub(crate) unfinished: bool,
    pub(crate) recent: bool,
    pub(crate) older_than: Option<Duration>,
    pub(crate) max_events: Option<u64>,
}

/// How many events and jobs there may be.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) events: usize,
    pub(crate) jobs: usize,
}

/// Mostly 0.
fn variant() -> impl Strategy<Value = usize> {
    prop_oneof![14 => Just(0_usize), 1 => 1..9_usize]
}

fn seconds() -> impl Strategy<Value = Option<i64>> {
    weighted(0.4, -5..30_i64)
}

fn first() -> impl Strategy<Value = First> {
    let status = prop_oneof![
        12 => Just(None),
        4 => Just(Some(Status::Awaiting)),
        1 => select(&Status::ALL[..]).prop_map(Some)
    ];
    (0..1_000_usize, status, weighted(0.5, -3..8_i64)).prop_map(|(number, status, wait)| First {
        number,
        status,
        wait,
    })
}

fn new_job(size: Size) -> BoxedStrategy<NewJob> {
    let has_event = proptest::bool::weighted(0.9);
    (0..size.jobs, has_event, variant(), seconds(), weighted(0.5, first()))
        .prop_map(|(number, has_event, variant, created, first)| NewJob {
            number,
            has_event,
            variant,
            created,
            first,
        })
        .boxed()
}

fn new_event(size: Size) -> BoxedStrategy<NewEvent> {
    (0..size.events, variant(), seconds(), vec(new_job(size), 0..4))
        .prop_map(|(number, variant, received, jobs)| NewEvent { number, variant, received, jobs })
        .boxed()
}

fn twist() -> BoxedStrategy<Twist> {
    let wrong = prop_oneof![
        (-2..3_i64).prop_map(Twist::Sequence),
        prop_oneof![Just(-1_i64), Just(1)].prop_map(Twist::Attempt),
        select(&Status::ALL[..]).prop_map(Twist::Before),
        select(&Status::ALL[..]).prop_map(Twist::After),
        any::<usize>().prop_map(Twist::Stored),
        any::<usize>().prop_map(Twist::Altered),
        any::<usize>().prop_map(Twist::IdOf),
        prop_oneof![Just(Twist::OtherEvent), Just(Twist::WithoutEvent), Just(Twist::Wait)],
    ];
    prop_oneof![8 => Just(Twist::None), 1 => wrong].boxed()
}

fn next(size: Size) -> BoxedStrategy<Move> {
    let said = (weighted(0.3, -2..6_i64), weighted(0.5, 0..ACTORS.len()), any::<bool>());
    let job = prop_oneof![
        6 => any::<usize>().prop_map(Target::Executing),
        5 => any::<usize>().prop_map(Target::Stored),
        1 => (0..size.jobs).prop_map(Target::Number)
    ];
    (job, 0..8_usize, said, twist())
        .prop_map(|(job, choice, (wait, actor, has_error), twist)| Move {
            job,
            choice,
            wait,
            actor,
            has_error,
            twist,
        })
        .boxed()
}

fn new_change(size: Size) -> BoxedStrategy<NewChange> {
    let events = prop_oneof![3 => Just(0..1_usize), 1 => Just(1..2)];
    let events = events.prop_flat_map(move |count| vec(new_event(size), count));
    let moves = prop_oneof![1 => Just(0..1_usize), 4 => Just(1..2), 2 => Just(2..3)];
    let moves = moves.prop_flat_map(move |count| vec(next(size), count));
    (moves, events, vec(new_job(size), 0..3))
        .prop_map(|(moves, events, jobs)| NewChange { moves, events, jobs })
        .boxed()
}

fn claim() -> BoxedStrategy<Operation> {
    let want = (weighted(0.5, 0..NAMES.len()), weighted(0.4, 0..VERBS.len()), 0..5_usize)
        .prop_map(|(destination, action, limit)| NewWant { destination, action, limit });
    (0..2_usize, 1..20_u64, vec(want, 1..4))
        .prop_map(|(actor, seconds, wants)| Operation::Claim { actor, seconds, wants })
        .boxed()
}

fn extend() -> BoxedStrategy<Operation> {
    (0..2_usize, 1..20_u64, vec(any::<usize>(), 0..5))
        .prop_map(|(actor, seconds, tokens)| Operation::Extend { actor, seconds, tokens })
        .boxed()
}

fn pause() -> BoxedStrategy<Operation> {
    (0..4_usize, 0..2_usize, weighted(0.4, 0..VERBS.len()), any::<bool>())
        .prop_map(|(number, destination, action, reason)| {
            Operation::Pause(NewPause { number, destination, action, reason })
        })
        .boxed()
}

fn purge(size: Size) -> BoxedStrategy<Operation> {
    let age = prop_oneof![(0..8_u64).prop_map(Duration::from_secs), Just(Duration::from_hours(1))];
    let flags = (any::<bool>(), any::<bool>(), proptest::bool::weighted(0.8));
    let filter = prop_oneof![
        3 => filters::constraints(size.events, size.jobs),
        1 => Just(WhereEvents::default()),
        1 => (0..size.events).prop_map(|number| WhereEvents::of_event(event_id(number))),
        1 => (0..size.jobs).prop_map(|number| WhereEvents::of_job(job_id(number))),
    ];
    (filter, flags, weighted(0.3, age), weighted(0.3, 0..3_u64))
        .prop_map(|(filter, (all, unfinished, recent), older_than, max_events)| {
            Operation::Purge(NewPurge { filter, all, unfinished, recent, older_than, max_events })
        })
        .boxed()
}

fn wait() -> impl Strategy<Value = Operation> {
    let wait = prop_oneof![
        8 => (1..6_u64).prop_map(Duration::from_secs),
        2 => Just(Duration::from_secs(30)),
        2 => Just(Duration::from_hours(1)),
        1 => Just(Duration::from_micros(1))
    ];
    let wait = wait.prop_map(Operation::Wait);
    let wait_for = (any::<usize>(), proptest::bool::weighted(0.25))
        .prop_map(|(place, almost)| Operation::WaitFor { place, almost });
    prop_oneof![wait, wait_for]
}

fn look(size: Size) -> BoxedStrategy<Operation> {
    (0..size.events, 0..size.jobs, any::<usize>())
        .prop_map(|(event, job, transition)| Operation::Look { event, job, transition })
        .boxed()
}

/// Everything that can be done, in the proportions of a store that is worked with.
pub(crate) fn any_operation(size: Size) -> BoxedStrategy<Operation> {
    let adding = prop_oneof![
        3 => vec(new_event(size), 1..4).prop_map(Operation::AddEvents),
        2 => vec(new_job(size), 1..4).prop_map(Operation::AddJobs),
    ];
    let moving = prop_oneof![
        3 => vec(next(size), 1..5).prop_map(Operation::AddTransitions),
        2 => vec(new_change(size), 0..4).prop_map(Operation::Apply),
    ];
    let leasing = prop_oneof![
        7 => claim(),
        2 => extend(),
        3 => (0..5_usize).prop_map(|limit| Operation::Expire { limit }),
    ];
    let managing = prop_oneof![
        3 => pause(),
        3 => (0..4_usize).prop_map(Operation::Resume),
        3 => purge(size),
        1 => Just(Operation::Maintain),
        1 => Just(Operation::Reopen),
    ];
    let looking = prop_oneof![
        2 => filters::searches(size.events, size.jobs).prop_map(Operation::Find),
        1 => look(size),
    ];
    prop_oneof![
        5 => adding,
        6 => moving,
        7 => leasing,
        4 => managing,
        2 => any::<usize>().prop_map(Operation::Again),
        4 => wait(),
        2 => looking,
    ]
    .boxed()
}

/// What fills a store for searches: nothing that takes anything away, and hardly anything that is refused.
pub(crate) fn filling(size: Size) -> BoxedStrategy<Operation> {
    prop_oneof![
        4 => vec(new_event(size), 1..5).prop_map(Operation::AddEvents),
        2 => vec(new_job(size), 1..5).prop_map(Operation::AddJobs),
        4 => claim(),
        // One each, so that a refused one does not take others with it.
        6 => next(size).prop_map(|next| Operation::AddTransitions(vec![next])),
        1 => (1..4_usize).prop_map(|limit| Operation::Expire { limit }),
        3 => (1..4_u64).prop_map(|seconds| Operation::Wait(Duration::from_secs(seconds))),
    ]
    .boxed()
}
