//! The story of a job: where it came from, everything that happened to it, and what comes next.

mod next;
mod telling;

use blacksmith_store::{
    Count, Event, Job, JobId, Order, Pause, Result, Store, Timestamp, Toolkit, Transition,
    WhereEvents,
};
use serde::Serialize;

use self::next::Next;
use crate::{failure::Failure, terminal::Terminal};

/// A job with all that is known about it; as it stands, the document of `--json`.
#[derive(Serialize)]
pub(crate) struct Story {
    pub(crate) job: Job,
    /// Its whole chain, oldest first.
    pub(crate) transitions: Vec<Transition>,
    /// Where it came from, without payloads and without its jobs.
    event: Option<Event>,
    /// The jobs that its outcomes created, without payloads.
    follow_ups: Vec<Job>,
    /// The pauses that hold it back, or would if it waited.
    pauses: Vec<Pause>,
    next: Next,
}

impl Story {
    /// Reads it; `toolkit` makes a toolkit for each call.
    pub(crate) async fn read(
        store: &dyn Store,
        toolkit: impl Fn() -> Toolkit,
        id: JobId,
    ) -> Result<Self> {
        let job = store.find_job(&toolkit(), id).await?;
        let transitions = chain(store, &toolkit, id).await?;
        let mut event = None;
        if let Some(id) = job.event_id {
            let mut filter = WhereEvents::of_event(id).with_count(Count::None);
            filter.without_payloads = true;
            event = store.find_events(&toolkit(), filter).await?.entries.pop();
        }
        let siblings = event.as_mut().map(|event| std::mem::take(&mut event.jobs));
        let follow_ups = siblings.unwrap_or_default().into_iter();
        let follow_ups = follow_ups.filter(|other| other.parent_job_id == Some(id)).collect();
        let mut pauses = store.pauses(&toolkit()).await?;
        pauses.retain(|pause| {
            pause.destination == job.destination
                && pause.action.as_ref().is_none_or(|action| *action == job.action)
        });
        let next = Next::of(&job, &pauses);
        Ok(Self { job, transitions, event, follow_ups, pauses, next })
    }

    /// Tells it in sentences, as of `now`.
    pub(crate) fn tell(&self, now: Timestamp, terminal: &mut Terminal) -> Result<(), Failure> {
        telling::tell(self, now, terminal)
    }
}

/// Every transition of a job, oldest first.
async fn chain(
    store: &dyn Store,
    toolkit: impl Fn() -> Toolkit,
    id: JobId,
) -> Result<Vec<Transition>> {
    let mut filter = WhereEvents::of_job(id)
        .with_order(Order::Oldest)
        .with_count(Count::None)
        .with_limit(blacksmith_store::MAX_PAGE_LIMIT);
    let mut transitions = Vec::new();
    loop {
        let page = store.find_transitions(&toolkit(), filter.clone()).await?;
        transitions.extend(page.entries);
        match page.meta.next_cursor {
            Some(cursor) => filter = filter.with_cursor(cursor),
            None => return Ok(transitions),
        }
    }
}
