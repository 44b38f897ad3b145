//! `claim`: due jobs, oldest first, under a lease.

use std::collections::HashMap;

use blacksmith_store_core::{
    ClaimRequest, Claimed, Event, JobId, Queue, Result, Status, Timestamp, Toolkit, TransitionId,
    Want, decide,
};
use redb::{Range, ReadableTable};

use crate::{
    error::{damaged, failed},
    layout::{Batch, Id, Tables},
    pausing::Paused,
    rows::{FIRST, LAST, Rows, instant},
};

/// Where a waiting job stands: the instant of its place, then its id.
type Turn = (Timestamp, JobId);

impl Batch<'_> {
    /// `claim`.
    pub(crate) fn claim(
        &mut self,
        toolkit: &Toolkit,
        request: &ClaimRequest,
        now: Timestamp,
    ) -> Result<Claimed> {
        let (jobs, next_due) = choose(self, &request.wants, now)?;
        let tokens = toolkit
            .unused_transition_ids(jobs.len(), |id| Ok(self.transition_row(id)?.is_some()))?;
        for (job, token) in jobs.iter().zip(&tokens) {
            let start = self.indexed_job(*job)?.next(*token, Status::Executing)?;
            decide::append(self, start.with_actor(request.actor.as_str()), now)?;
        }
        let taken: Vec<(TransitionId, JobId)> =
            tokens.into_iter().zip(jobs.iter().copied()).collect();
        self.begin_claim(&request.actor, now + request.lease, &taken)?;
        Ok(Claimed::new(queue_of(self, jobs)?, next_due))
    }
}

/// The due jobs that these wants get, oldest first, and when the next one of what they want will be due.
///
/// Every queue hands out its jobs in their order, whichever want asks, so what was taken from it is always its head: one head
/// a queue, shared by the wants, is enough. A want for several queues takes the oldest of their heads.
fn choose(
    tables: &impl Tables,
    wants: &[Want],
    now: Timestamp,
) -> Result<(Vec<JobId>, Option<Timestamp>)> {
    let paused = Paused::read(tables)?;
    let mut heads = Vec::new();
    for entry in tables.counts().iter().map_err(failed)? {
        let (queue, _) = entry.map_err(failed)?;
        let (destination, action) = queue.value();
        let is_wanted = wants.iter().any(|want| want.takes(destination, action));
        if is_wanted && !paused.covers(destination, action) {
            heads.push(Head::of(tables, destination, action)?);
        }
    }

    let mut taken: Vec<Turn> = Vec::new();
    for want in wants {
        let is_for_it = |head: &Head<'_>| want.takes(&head.destination, &head.action);
        let queues: Vec<usize> =
            (0..heads.len()).filter(|queue| is_for_it(&heads[*queue])).collect();
        for _ in 0..want.limit {
            let turns = queues.iter().filter_map(|queue| Some((heads[*queue].turn?, *queue)));
            match turns.min() {
                Some((turn, queue)) if turn.0 <= now => {
                    taken.push(turn);
                    heads[queue].advance()?;
                }
                _ => break,
            }
        }
    }
    let next_due = heads.iter().filter_map(|head| head.turn).min().map(|(due, _)| due);
    taken.sort_unstable();
    Ok((taken.into_iter().map(|(_, job)| job).collect(), next_due))
}

/// A queue, and the first of its waiting jobs that is not taken.
struct Head<'t> {
    destination: String,
    action: String,
    turn: Option<Turn>,
    behind: Range<'t, (&'static str, &'static str, i64, Id), ()>,
}

impl<'t> Head<'t> {
    fn of(tables: &'t impl Tables, destination: &str, action: &str) -> Result<Self> {
        let whole = (destination, action, i64::MIN, FIRST)..=(destination, action, i64::MAX, LAST);
        let mut head = Self {
            destination: destination.to_owned(),
            action: action.to_owned(),
            turn: None,
            behind: tables.waiting().range(whole).map_err(failed)?,
        };
        head.advance()?;
        Ok(head)
    }

    fn advance(&mut self) -> Result<()> {
        let next = self.behind.next().transpose().map_err(failed)?;
        self.turn = match next {
            None => None,
            Some((key, _)) => {
                let (_, _, due, job) = key.value();
                Some((instant(due)?, JobId::from_bytes(*job)))
            }
        };
        Ok(())
    }
}

/// When the first waiting job of a queue is due, if one waits.
pub(crate) fn first_due(
    tables: &impl Tables,
    destination: &str,
    action: &str,
) -> Result<Option<Timestamp>> {
    Ok(Head::of(tables, destination, action)?.turn.map(|(due, _)| due))
}

/// Jobs under their events, in the order given; each event stands where its first job does.
pub(crate) fn queue_of(
    tables: &impl Tables,
    jobs: impl IntoIterator<Item = JobId>,
) -> Result<Queue> {
    let mut events: Vec<Event> = Vec::new();
    let mut places = HashMap::new();
    for id in jobs {
        let job = tables.with_job_payloads(tables.indexed_job(id)?)?;
        let event = job.event_id.ok_or_else(|| damaged("a job without its event"))?;
        let place = if let Some(place) = places.get(&event) {
            *place
        } else {
            events.push(tables.with_event_payloads(tables.event_of(&job)?)?);
            places.insert(event, events.len() - 1);
            events.len() - 1
        };
        events[place].jobs.push(job);
    }
    Ok(Queue::new(events))
}
