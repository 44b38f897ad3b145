//! Faults in who gets which job, and when.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use blacksmith_store_core::{
    ClaimRequest, Claimed, Clock, Result, SetClock, Store, Toolkit, async_trait,
};

use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::new(
        "hands a job out twice under contention",
        &["claims::eight_concurrent_claimers_get_every_job_once"],
        || Arc::new(HandsOutTwice::default()),
    ),
    Planted::new(
        "hands a job out twice, always",
        &["claims::what_is_claimed_is_claimed_once"],
        || Arc::new(RemembersItsAnswer::default()),
    ),
    Planted::new(
        "claims one job more than it was asked for",
        &["claims::limits_are_exact"],
        || {
            requests(|request| {
                for want in request.wants.iter_mut().filter(|want| want.limit > 0) {
                    want.limit += 1;
                }
            })
        },
    ),
    Planted::new(
        "takes a want for an action as one for its destination",
        &["claims::a_want_takes_its_destination_or_action_alone"],
        || {
            requests(|request| {
                for want in &mut request.wants {
                    want.action = None;
                }
            })
        },
    ),
    Planted::new(
        "serves the last want first",
        &["claims::wants_are_served_in_their_order"],
        || requests(|request| request.wants.reverse()),
    ),
    Planted::new(
        "merges wants that are alike",
        &["claims::the_same_want_twice_has_room_twice"],
        || {
            requests(|request| {
                request.wants.dedup_by_key(|want| (want.destination.clone(), want.action.clone()));
            })
        },
    ),
    Planted::new(
        "claims a microsecond too early",
        &["claims::a_job_is_due_from_its_run_at_on"],
        || Arc::new(ClaimsEarly),
    ),
    Planted::new(
        "orders ties as it likes",
        &[
            "claims::oldest_first_by_place_then_id",
            "claims::ties_go_by_id_whatever_the_order_of_arrival",
        ],
        || answers(|claimed| claimed.queue.events.reverse()),
    ),
    Planted::new(
        "does not say when the next job is due",
        &["claims::next_due_is_the_exact_instant_of_the_next_job"],
        || answers(|claimed| claimed.next_due = None),
    ),
    Planted::new(
        "says that the next job is due later than it is",
        &["claims::next_due_is_the_exact_instant_of_the_next_job"],
        || {
            answers(|claimed| {
                let late = std::time::Duration::from_millis(1);
                claimed.next_due = claimed.next_due.map(|due| due + late);
            })
        },
    ),
    Planted::new(
        "leaves payloads out of a claim",
        &["claims::claimed_jobs_come_with_every_field"],
        || {
            answers(|claimed| {
                for event in &mut claimed.queue.events {
                    event.data = None;
                }
            })
        },
    ),
    Planted::new(
        "puts all jobs of an event into the queue",
        &["claims::the_queue_holds_claimed_jobs_alone"],
        || Arc::new(BringsWholeEvents),
    ),
];

/// A fault that changes requests.
struct Requests(fn(&mut ClaimRequest));

fn requests(edit: fn(&mut ClaimRequest)) -> Arc<dyn Fault> {
    Arc::new(Requests(edit))
}

#[async_trait]
impl Fault for Requests {
    async fn claim(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut request: ClaimRequest,
    ) -> Result<Claimed> {
        (self.0)(&mut request);
        store.claim(toolkit, request).await
    }
}

/// A fault that changes answers.
struct Answers(fn(&mut Claimed));

fn answers(edit: fn(&mut Claimed)) -> Arc<dyn Fault> {
    Arc::new(Answers(edit))
}

#[async_trait]
impl Fault for Answers {
    async fn claim(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ClaimRequest,
    ) -> Result<Claimed> {
        let mut claimed = store.claim(toolkit, request).await?;
        (self.0)(&mut claimed);
        Ok(claimed)
    }
}

/// A claim that another one overlaps answers what was answered last.
#[derive(Default)]
struct HandsOutTwice {
    in_flight: AtomicU64,
    last: Mutex<Option<Claimed>>,
}

#[async_trait]
impl Fault for HandsOutTwice {
    async fn claim(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ClaimRequest,
    ) -> Result<Claimed> {
        let others = self.in_flight.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        let answer = match last {
            Some(last) if others > 0 => Ok(last),
            _ => store.claim(toolkit, request).await,
        };
        if let Ok(claimed) = &answer
            && !claimed.queue.events.is_empty()
        {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(claimed.clone());
        }
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

/// A claim that finds nothing answers what was answered last.
#[derive(Default)]
struct RemembersItsAnswer(Mutex<Option<Claimed>>);

#[async_trait]
impl Fault for RemembersItsAnswer {
    async fn claim(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ClaimRequest,
    ) -> Result<Claimed> {
        let claimed = store.claim(toolkit, request).await?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.queue.events.is_empty() {
            return Ok(last.clone().unwrap_or(claimed));
        }
        *last = Some(claimed.clone());
        Ok(claimed)
    }
}

struct ClaimsEarly;

#[async_trait]
impl Fault for ClaimsEarly {
    async fn claim(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ClaimRequest,
    ) -> Result<Claimed> {
        store.claim(&early(toolkit), request).await
    }
}

/// The toolkit with a clock that is a microsecond fast.
pub(super) fn early(toolkit: &Toolkit) -> Toolkit {
    let fast = toolkit.now() + std::time::Duration::from_micros(1);
    toolkit.clone().with_clock(Clock::Set(SetClock::at(fast)))
}

struct BringsWholeEvents;

#[async_trait]
impl Fault for BringsWholeEvents {
    async fn claim(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        request: ClaimRequest,
    ) -> Result<Claimed> {
        let mut claimed = store.claim(toolkit, request).await?;
        for event in &mut claimed.queue.events {
            event.jobs = store.find_event(toolkit, event.id).await?.jobs;
        }
        Ok(claimed)
    }
}
