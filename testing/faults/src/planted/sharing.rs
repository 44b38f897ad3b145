//! Faults of handles and processes that share a file: each believes that it is alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use blacksmith_store_core::{
    ClaimRequest, Claimed, Event, EventId, ExtendRequest, Extended, Job, Queue, QueueStats, Result,
    Status, Store, Token, Toolkit, TransitionId, WhereEvents, WhereJobs, WhereTransitions,
    async_trait,
};

use super::{
    counting::WakesNobody,
    racing::{LATER, LooksOnce, WritesLater},
};
use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::in_a_file(
        "remembers the counts that it has read",
        &[
            "handles::stats_count_what_all_handles_do",
            "processes::stats_count_what_all_processes_do",
        ],
        || Arc::new(RemembersCounts::default()),
    ),
    Planted::in_a_file(
        "remembers the events that it has found",
        &["processes::what_one_process_writes_another_sees"],
        || Arc::new(RemembersEvents::default()),
    ),
    Planted::in_a_file(
        "hands out what another handle has claimed",
        &[
            "handles::a_job_is_claimed_through_one_handle_alone",
            "processes::claims_of_many_processes_are_disjoint_and_complete",
        ],
        || Arc::new(HandsOutOthers::default()),
    ),
    Planted::in_a_file(
        "extends the leases of its own claims alone",
        &[
            "handles::a_lease_is_extended_through_another_handle",
            "processes::a_lost_answer_is_told_in_another_process",
        ],
        || Arc::new(KnowsItsOwn { extends_others: false, ..KnowsItsOwn::new() }),
    ),
    Planted::in_a_file(
        "tells of lost claims through the handle alone that made them",
        &[
            "handles::a_lost_answer_is_told_through_another_handle",
            "processes::a_lost_answer_is_told_in_another_process",
        ],
        || Arc::new(KnowsItsOwn { tells_others: false, ..KnowsItsOwn::new() }),
    ),
    Planted::in_a_file(
        "looks whether an outcome fits, and not again when it writes",
        &[
            "handles::of_two_outcomes_through_two_handles_one_is_stored",
            "processes::a_worker_or_an_operator_moves_a_job",
        ],
        || Arc::new(LooksOnce),
    ),
    Planted::in_a_file(
        "answers a pause before other processes see it",
        &[
            "handles::no_claim_that_begins_after_a_pause_gets_its_jobs",
            "processes::no_claim_that_begins_after_a_pause_gets_its_jobs",
        ],
        || Arc::new(WritesLater::after(LATER)),
    ),
    Planted::in_a_file(
        "wakes no other process",
        &["processes::work_added_by_one_process_wakes_another"],
        || Arc::new(WakesNobody),
    ),
];

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct RemembersCounts(Mutex<Option<Vec<QueueStats>>>);

#[async_trait]
impl Fault for RemembersCounts {
    async fn stats(&self, store: &dyn Store, toolkit: &Toolkit) -> Result<Vec<QueueStats>> {
        let read = store.stats(toolkit).await?;
        Ok(lock(&self.0).get_or_insert(read).clone())
    }
}

#[derive(Default)]
struct RemembersEvents(Mutex<BTreeMap<EventId, Event>>);

#[async_trait]
impl Fault for RemembersEvents {
    async fn find_event(&self, store: &dyn Store, toolkit: &Toolkit, id: EventId) -> Result<Event> {
        if let Some(event) = lock(&self.0).get(&id) {
            return Ok(event.clone());
        }
        let event = store.find_event(toolkit, id).await?;
        lock(&self.0).insert(id, event.clone());
        Ok(event)
    }
}

/// Jobs that are executing.
pub(super) fn executing() -> WhereEvents {
    let latest = WhereTransitions::default().with_status_in([Status::Executing]);
    WhereEvents::default().with_jobs(WhereJobs::default().with_transitions(latest))
}

/// The tokens of a handle's own claims.
#[derive(Default)]
struct Own(Mutex<BTreeSet<TransitionId>>);

impl Own {
    fn learn(&self, claimed: &Claimed) {
        let tokens = claimed.queue.jobs().filter_map(|(_, job)| token(job));
        lock(&self.0).extend(tokens);
    }

    fn has(&self, token: TransitionId) -> bool {
        lock(&self.0).contains(&token)
    }
}

fn token(job: &Job) -> Option<TransitionId> {
    job.transition.as_ref().map(|latest| latest.id)
}

/// A claim that finds nothing takes what others are executing.
#[derive(Default)]
struct HandsOutOthers(Own);

#[async_trait]
impl Fault for HandsOutOthers {
    async fn claim(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ClaimRequest,
    ) -> Result<Claimed> {
        let claimed = store.claim(toolkit, request).await?;
        self.0.learn(&claimed);
        if !claimed.queue.events.is_empty() {
            return Ok(claimed);
        }
        let found = store.find_jobs(toolkit, executing()).await?.entries;
        let mut events = Vec::new();
        for job in found {
            if let Some(event) = job.event_id
                && token(&job).is_some_and(|token| !self.0.has(token))
            {
                let mut event = store.find_event(toolkit, event).await?;
                event.jobs = vec![job];
                events.push(event);
            }
        }
        let taken = Claimed::new(Queue::new(events), claimed.next_due);
        self.0.learn(&taken);
        Ok(taken)
    }
}

/// A handle that answers for others' claims as if it did their leases, too.
struct KnowsItsOwn {
    own: Own,
    extends_others: bool,
    tells_others: bool,
}

impl KnowsItsOwn {
    fn new() -> Self {
        Self { own: Own::default(), extends_others: true, tells_others: true }
    }
}

#[async_trait]
impl Fault for KnowsItsOwn {
    async fn claim(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ClaimRequest,
    ) -> Result<Claimed> {
        let claimed = store.claim(toolkit, request).await?;
        self.own.learn(&claimed);
        Ok(claimed)
    }

    async fn extend_leases(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ExtendRequest,
    ) -> Result<Extended> {
        let is_own = request.tokens.iter().any(|token| self.own.has(*token));
        if !is_own && !self.extends_others && !request.tokens.is_empty() {
            let executing = store.find_jobs(toolkit, executing()).await?.entries;
            let held = executing.iter().filter_map(|job| job.transition.as_ref());
            let held = held.filter(|latest| latest.actor.as_ref() == Some(&request.actor));
            let held: Vec<_> = held.map(|latest| latest.id).collect();
            let is_held = |id| if held.contains(id) { Token::Kept } else { Token::Lost };
            let mut extended = Extended::default();
            extended.tokens = request.tokens.iter().map(is_held).collect();
            return Ok(extended);
        }
        let mut extended = store.extend_leases(toolkit, request).await?;
        if !self.tells_others {
            extended.others.events.retain_mut(|event| {
                event.jobs.retain(|job| token(job).is_some_and(|token| self.own.has(token)));
                !event.jobs.is_empty()
            });
        }
        Ok(extended)
    }
}
