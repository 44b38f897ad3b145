//! The store under test and the reference, side by side: each call is made to both, and the answers are compared.

mod searching;

use std::{collections::BTreeMap, fmt::Debug};

use blacksmith_store_core::{
    ErrorKind, Event, EventId, JobId, Queue, Result as StoreResult, Status, Transition,
    TransitionId,
};

use crate::{
    failure::{Failure, Outcome, ensure, expect_eq, limited},
    generated::calls::Call,
    handle::Handle,
    oracle::Contents,
    reference::{Answer, Reference, Refused},
    world::World,
};

/// The reference of a store, and how the two are compared.
#[derive(Default)]
pub(crate) struct Twin {
    pub(crate) reference: Reference,
    /// A second handle on the store under test.
    other: Option<Handle>,
    calls: u64,
}

impl Twin {
    /// Makes a call to both, compares the answers, and compares what is stored then.
    pub(crate) async fn step(&mut self, world: &mut World, call: Call) -> Outcome {
        let is_read = matches!(call, Call::Find(_) | Call::Look(..));
        self.make(world, call).await?;
        if is_read { Ok(()) } else { self.compare(world).await }
    }

    /// Makes a call to both and compares the answers.
    pub(crate) async fn make(&mut self, world: &mut World, call: Call) -> Outcome {
        let now = world.now();
        let store = self.handle(world, &call).await?;
        let reference = &mut self.reference;
        match call {
            Call::AddEvents(events) => {
                let came_back = world.store.add_events(events.clone()).await;
                compare("add_events", came_back, reference.add_events(events, now))
            }
            Call::AddJobs(jobs) => {
                let came_back = world.store.add_jobs(jobs.clone()).await;
                compare("add_jobs", came_back, reference.add_jobs(jobs, now))
            }
            Call::AddTransitions(transitions) => {
                let came_back = store.add_transitions(transitions.clone()).await;
                let expected = reference.add_transitions(&transitions, now);
                compare("add_transitions", came_back, expected)
            }
            Call::Apply(changes) => {
                let came_back = store.apply(changes.clone()).await;
                compare("apply", came_back, reference.apply(&changes, now))
            }
            Call::Claim(request) => {
                let claimed = world.store.claim(request.clone()).await?;
                let (jobs, next_due) = reference.claim(&request, now);
                adopt(reference, &claimed.queue)?;
                expect_eq("the claimed jobs", &claimed.queue, &reference.queue_of(&jobs))?;
                match next_due {
                    Some(next) if next <= now => ensure!(
                        claimed.next_due.is_some_and(|next| next <= now),
                        "more are due at {now}, and the next is said to be at {:?}",
                        claimed.next_due
                    ),
                    next => expect_eq("when the next is due", claimed.next_due, next)?,
                }
                Ok(())
            }
            Call::Extend(request) => {
                let extended = store.extend_leases(request.clone()).await?;
                let (tokens, others) = reference.extend_leases(&request, now);
                expect_eq("what became of the tokens", extended.tokens, tokens)?;
                let expected = sorted(&reference.queue_of(&others));
                expect_eq("the actor's other claims", sorted(&extended.others), expected)
            }
            Call::Expire(request) => {
                let expired = world.store.expire_leases(request.clone()).await?;
                let contents = contents(world).await?;
                let state = |id: JobId| {
                    let chain = contents.chains.get(&id)?;
                    chain.last().map(|latest| latest.state_after)
                };
                let expected = reference
                    .expire_leases(&request, now, |id| state(id) == Some(Status::Unknown))
                    .map_err(Failure::new)?;
                expect_eq("how many were given up", expired, expected)
            }
            Call::Pause(pause) => {
                let came_back = store.pause(pause.clone()).await;
                compare("pause", came_back, reference.pause(pause, now))
            }
            Call::Resume(id) => {
                let came_back = world.store.resume(id).await?;
                expect_eq("resume", came_back, reference.resume(id, now))
            }
            Call::Purge(request) => {
                let answer = match store.purge(request.clone()).await {
                    Ok(purged) => Some(purged),
                    Err(error) if error.kind() == ErrorKind::InvalidInput => None,
                    Err(error) => return Err(error.into()),
                };
                let contents = contents(world).await?;
                let is_gone = |id: EventId| contents.events.iter().all(|event| event.id != id);
                reference.purge(&request, now, answer, is_gone).map_err(Failure::new)
            }
            Call::Maintain => Ok(world.store.maintain().await.map(|_| ())?),
            Call::Wait(duration) => {
                world.advance(duration);
                Ok(())
            }
            Call::Find(filter) => self.search(world, &filter).await,
            Call::Look(event, job, transition) => self.look(world, event, job, transition).await,
            Call::Reopen if world.store.capabilities().durable => {
                // A store of which one handle may be open is not closed while this one is held.
                drop(store);
                world.reopen().await
            }
            Call::Reopen => Ok(()),
        }
    }

    /// The handle for a call. What lets no job wait goes through another one at times, where there may be several; of what a
    /// handle has not stored itself, it need not see the order at once.
    async fn handle(&mut self, world: &World, call: &Call) -> Outcome<Handle> {
        self.calls += 1;
        let is_elsewhere = self.calls.is_multiple_of(2)
            && world.store.capabilities().several_handles
            && lets_nothing_wait(call);
        if !is_elsewhere {
            return Ok(world.store.clone());
        }
        if self.other.is_none() {
            self.other = Some(world.another_handle().await?);
        }
        Ok(self.other.clone().unwrap_or_else(|| world.store.clone()))
    }

    /// Compares everything that can be seen.
    pub(crate) async fn compare(&mut self, world: &World) -> Outcome {
        let seen = self.learn(world).await?;
        let expected = self.reference.contents();
        expect_list("events", &seen.events, &expected.events)?;
        expect_list("jobs", &seen.jobs, &expected.jobs)?;
        for job in &expected.jobs {
            let chain = |contents: &Contents| contents.chains.get(&job.id).cloned();
            let (seen, expected) = (chain(&seen), chain(&expected));
            let what = format!("transitions of job {}", job.id);
            expect_list(&what, &seen.unwrap_or_default(), &expected.unwrap_or_default())?;
        }
        expect_eq("how many jobs have a history", seen.chains.len(), expected.chains.len())?;

        let toolkit = &world.toolkit;
        let stats = world.store.raw().stats(toolkit).await?;
        expect_list("stats", &stats, &self.reference.stats(world.now()))?;
        let pauses = world.store.raw().pauses(toolkit).await?;
        expect_list("pauses", &pauses, self.reference.pauses())
    }

    /// Reads everything that is stored, and learns the ids that the store made.
    pub(crate) async fn learn(&mut self, world: &World) -> Outcome<Contents> {
        let contents = contents(world).await?;
        let transitions = contents.chains.values().flatten();
        self.reference.adopt(transitions).map_err(Failure::new)?;
        Ok(contents)
    }

    /// Looks at one of each by its id.
    async fn look(
        &self,
        world: &World,
        event: EventId,
        job: JobId,
        transition: TransitionId,
    ) -> Outcome {
        let reference = &self.reference;
        let found = world.store.find_event(event).await;
        compare("find_event", found, named(reference.found_event(event), event))?;
        let found = world.store.find_job(job).await;
        compare("find_job", found, named(reference.found_job(job), job))?;
        let found = world.store.find_transition(transition).await;
        let expected = reference.transition(transition).cloned();
        compare("find_transition", found, named(expected, transition))
    }
}

/// Whether a call leaves no job behind that waits and did not before.
fn lets_nothing_wait(call: &Call) -> bool {
    let ends = |transitions: &[Transition]| {
        let states = transitions.iter().map(|transition| transition.state_after);
        states.into_iter().all(|state| matches!(state, Status::Succeeded | Status::Discarded))
    };
    match call {
        Call::AddTransitions(transitions) => ends(transitions),
        Call::Apply(changes) => changes.iter().all(|change| {
            ends(&change.transitions) && change.events.is_empty() && change.jobs.is_empty()
        }),
        Call::Extend(_) | Call::Pause(_) | Call::Purge(_) => true,
        _ => false,
    }
}

/// What is found by an id, or a refusal that names it.
fn named<T>(found: Option<T>, id: impl ToString) -> Answer<T> {
    found.ok_or_else(|| Refused::naming(ErrorKind::NotFound, [id]))
}

async fn contents(world: &World) -> Outcome<Contents> {
    Contents::read(world.store.raw().as_ref(), &world.toolkit).await
}

fn adopt(reference: &mut Reference, queue: &Queue) -> Outcome {
    let transitions = queue.jobs().filter_map(|(_, job)| job.transition.as_ref());
    reference.adopt(transitions).map_err(Failure::new)
}

/// The events of a queue by id, each with its jobs by id, whatever their order was.
fn sorted(queue: &Queue) -> BTreeMap<EventId, Event> {
    let mut events: BTreeMap<EventId, Event> = BTreeMap::new();
    for (event, job) in queue.jobs() {
        let mut bare = event.clone();
        bare.jobs.clear();
        events.entry(event.id).or_insert(bare).jobs.push(job.clone());
    }
    for event in events.values_mut() {
        event.jobs.sort_by_key(|job| job.id);
    }
    events
}

/// Fails unless a call was answered, or refused, as expected.
#[track_caller]
fn compare<T: Debug + PartialEq>(
    what: &str,
    came_back: StoreResult<T>,
    expected: Answer<T>,
) -> Outcome {
    match (came_back, expected) {
        (Ok(came_back), Ok(expected)) => expect_eq(what, came_back, expected),
        (Err(error), Err(refused)) => {
            let mut names = error.ids().to_vec();
            names.sort();
            names.dedup();
            let is_right = refused.kinds.contains(&error.kind())
                && refused.names.as_ref().is_none_or(|expected| names == *expected);
            ensure!(is_right, "{what}\n  expected:  {refused:?}\n  came back: {error}");
            Ok(())
        }
        (Ok(came_back), Err(refused)) => Err(Failure::new(format!(
            "{what}\n  expected:  {refused:?}\n  came back: success, {}",
            limited(&came_back, 1_000)
        ))),
        (Err(error), Ok(expected)) => Err(Failure::new(format!(
            "{what}\n  expected:  success, {}\n  came back: {error}",
            limited(&expected, 1_000)
        ))),
    }
}

/// Fails unless two lists are equal; shows the first entry that differs.
#[track_caller]
fn expect_list<T: Debug + PartialEq>(what: &str, came_back: &[T], expected: &[T]) -> Outcome {
    for (place, expected) in expected.iter().enumerate() {
        if let Some(came_back) = came_back.get(place) {
            expect_eq(format!("{what}: entry {place}"), came_back, expected)?;
        }
    }
    if came_back.len() == expected.len() {
        return Ok(());
    }
    let rest = &came_back[expected.len().min(came_back.len())..];
    let missing = &expected[came_back.len().min(expected.len())..];
    Err(Failure::new(format!(
        "{what}: {} instead of {}\n  too much: {}\n  missing:  {}",
        came_back.len(),
        expected.len(),
        limited(&rest, 1_500),
        limited(&missing, 1_500)
    )))
}
