//! `claim`.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
};

use blacksmith_store_core::{
    ClaimRequest, Claimed, Job, JobId, Queue, Status, StoreError, Timestamp, Toolkit, Transition,
    TransitionId, Want, next_attempt,
};
use rusqlite::{CachedStatement, Connection, params};

use crate::{
    counting::{EARLIEST_DUE, Ledger},
    error::Failure,
    finding::id_bytes,
    gathering::Gathered,
    pausing::Paused,
    queues::{self, NumberedQueue},
    row::{self, IdBytes},
    writer::Done,
};

/// The next due jobs of a queue behind a place. Served by `blacksmith_states_due`.
pub(crate) const DUE: &str = "
    SELECT due_at, id, job, status, sequence, attempt, at
    FROM blacksmith_states INDEXED BY blacksmith_states_due
    WHERE queue = ?1 AND due_at IS NOT NULL AND due_at <= ?2 AND (due_at, id) > (?3, ?4)
    ORDER BY due_at, id LIMIT ?5";
pub(crate) const START: &str = "
    UPDATE blacksmith_states
    SET claim = ?2, token = ?3, sequence = sequence + 1, attempt = attempt + 1, at = ?4, due_at = NULL
    WHERE job = ?1";
pub(crate) const REGISTER_FRESH: &str = "
    INSERT INTO blacksmith_transition_ids (id, job, sequence) VALUES (?1, ?2, ?3)
    ON CONFLICT DO NOTHING";
const BEGIN: &str = "
    INSERT INTO blacksmith_claims (actor, ends_at, first_token, last_token, executing)
    VALUES (?1, ?2, ?3, ?3, 0)";
const SET_TOKENS: &str =
    "UPDATE blacksmith_claims SET first_token = ?2, last_token = ?3, executing = ?4 WHERE n = ?1";
pub(crate) const CONTENT: &str = "
    SELECT event, version, created_at, parent_job_id, context, data FROM blacksmith_jobs WHERE n = ?1";

/// A job that waits.
struct Waiting {
    due_at: i64,
    id: IdBytes,
    job: i64,
    status: Status,
    sequence: u64,
    attempt: u32,
    at: i64,
}

/// `claim`.
pub(crate) fn claim(
    connection: &Connection,
    toolkit: &Toolkit,
    request: &ClaimRequest,
) -> Result<Done<Claimed>, Failure> {
    let now = toolkit.now();
    let paused = Paused::read(connection)?;
    let queues: Vec<NumberedQueue> = queues::all(connection)?
        .into_iter()
        .filter(|queue| !paused.covers(&queue.destination, &queue.action))
        .collect();
    let mut chosen = choose(connection, &request.wants, &queues, now)?;
    chosen.sort_unstable_by_key(|(waiting, _)| (waiting.due_at, waiting.id));

    let mut claimed = Claimed::default();
    if !chosen.is_empty() {
        claimed.queue = start(connection, toolkit, request, &chosen, now)?;
    }
    let mut earliest_due = connection.prepare_cached(EARLIEST_DUE)?;
    let mut next: Option<i64> = None;
    for queue in queues.iter().filter(|queue| wanted(&request.wants, queue)) {
        let due: Option<i64> = earliest_due.query_row([queue.number], |row| row.get(0))?;
        next = [next, due].into_iter().flatten().min();
    }
    claimed.next_due = row::optional_instant(next)?;
    Ok(Done { answer: claimed, wakes: false })
}

fn wanted(wants: &[Want], queue: &NumberedQueue) -> bool {
    wants.iter().any(|want| want.takes(&queue.destination, &queue.action))
}

/// The due jobs that these wants get, and their queues.
///
/// Every queue hands out its jobs in their order, whichever want asks, so one head a queue, shared by the wants, is enough. A
/// want for several queues takes the oldest of their heads.
fn choose<'a>(
    connection: &Connection,
    wants: &[Want],
    queues: &'a [NumberedQueue],
    now: Timestamp,
) -> Result<Vec<(Waiting, &'a NumberedQueue)>, Failure> {
    let now = now.timestamp_micros();
    let mut heads: BTreeMap<usize, Head> = BTreeMap::new();
    let mut chosen = Vec::new();
    for want in wants.iter().filter(|want| want.limit > 0) {
        let among: Vec<usize> = (0..queues.len())
            .filter(|place| want.takes(&queues[*place].destination, &queues[*place].action))
            .collect();
        // One queue gives all of them; of several, each gives about its share, and more when it has the oldest.
        let portion =
            if among.len() == 1 { want.limit } else { 2 * want.limit / among.len().max(1) + 8 };
        let mut oldest = BinaryHeap::new();
        for place in among {
            let head = heads.entry(place).or_insert_with(|| Head::of(queues[place].number));
            if let Some(next) = head.peek(connection, now, portion)? {
                oldest.push(Reverse((next.due_at, next.id, place)));
            }
        }
        for _ in 0..want.limit {
            let Some(Reverse((_, _, place))) = oldest.pop() else { break };
            let head = heads.get_mut(&place).expect("the queue was entered above");
            let taken = head.take().expect("only what was seen was entered");
            chosen.push((taken, &queues[place]));
            if let Some(next) = head.peek(connection, now, portion)? {
                oldest.push(Reverse((next.due_at, next.id, place)));
            }
        }
    }
    Ok(chosen)
}

/// The due jobs of a queue, read portion by portion.
struct Head {
    queue: i64,
    read: VecDeque<Waiting>,
    behind: (i64, IdBytes),
    is_exhausted: bool,
}

impl Head {
    fn of(queue: i64) -> Self {
        Self {
            queue,
            read: VecDeque::new(),
            behind: (i64::MIN, IdBytes::default()),
            is_exhausted: false,
        }
    }

    fn peek(
        &mut self,
        connection: &Connection,
        now: i64,
        portion: usize,
    ) -> Result<Option<&Waiting>, Failure> {
        if self.read.is_empty() && !self.is_exhausted {
            let (due_at, id) = self.behind;
            let mut statement = connection.prepare_cached(DUE)?;
            let mut rows = statement.query(params![self.queue, now, due_at, id, portion])?;
            while let Some(row) = rows.next()? {
                self.read.push_back(Waiting {
                    due_at: row.get(0)?,
                    id: id_bytes(row, 1)?,
                    job: row.get(2)?,
                    status: row::status(row.get(3)?)?,
                    sequence: row::sequence(row.get(4)?)?,
                    attempt: row.get(5)?,
                    at: row.get(6)?,
                });
            }
            self.is_exhausted = self.read.len() < portion;
        }
        Ok(self.read.front())
    }

    fn take(&mut self) -> Option<Waiting> {
        let taken = self.read.pop_front()?;
        self.behind = (taken.due_at, taken.id);
        Some(taken)
    }
}

/// Appends the `executing` transitions of the chosen jobs under one claim, and reads what the worker needs.
fn start(
    connection: &Connection,
    toolkit: &Toolkit,
    request: &ClaimRequest,
    chosen: &[(Waiting, &NumberedQueue)],
    now: Timestamp,
) -> Result<Queue, Failure> {
    let mut ids = toolkit.transition_ids(chosen.len()).into_iter();
    let ends_at = (now + request.lease).timestamp_micros();
    connection.prepare_cached(BEGIN)?.execute(params![
        request.actor,
        ends_at,
        IdBytes::default()
    ])?;
    let claim = connection.last_insert_rowid();

    let mut register = connection.prepare_cached(REGISTER_FRESH)?;
    let mut start = connection.prepare_cached(START)?;
    let mut content = connection.prepare_cached(CONTENT)?;
    let mut gathered = Gathered::new(connection)?;
    let mut ledger = Ledger::default();
    let mut tokens: Option<(TransitionId, TransitionId)> = None;
    for (waiting, queue) in chosen {
        // A seeded source may repeat ids that are stored; they are passed over.
        let token = loop {
            let id = ids.next().unwrap_or_else(|| toolkit.transition_id());
            if register.execute(params![id.as_bytes(), waiting.job, waiting.sequence + 1])? == 1 {
                break id;
            }
        };
        tokens = Some(
            tokens.map_or((token, token), |(first, last)| (first.min(token), last.max(token))),
        );
        let at = now.timestamp_micros().max(waiting.at);
        start.execute(params![waiting.job, claim, token.as_bytes(), at])?;
        ledger.moved(queue.number, Some(waiting.status), Status::Executing);

        let mut executing = Transition::first(token, Status::Executing);
        executing.state_before = Some(waiting.status);
        executing.sequence = Some(waiting.sequence + 1);
        executing.attempt = next_attempt(waiting.status, waiting.attempt, Status::Executing)
            .ok_or_else(|| StoreError::internal("a job has had 2^32 attempts"))?;
        executing.created_at = Some(row::instant(at)?);
        executing.actor = Some(request.actor.clone());
        gather(&mut content, &mut gathered, waiting, queue, executing)?;
    }
    if let Some((first, last)) = tokens {
        let executing = chosen.len();
        connection.prepare_cached(SET_TOKENS)?.execute(params![
            claim,
            first.as_bytes(),
            last.as_bytes(),
            executing
        ])?;
    }
    ledger.write(connection)?;
    Ok(gathered.into_queue())
}

/// Adds a claimed job, in the order in which it was due.
fn gather(
    content: &mut CachedStatement<'_>,
    gathered: &mut Gathered<'_>,
    waiting: &Waiting,
    queue: &NumberedQueue,
    mut executing: Transition,
) -> Result<(), Failure> {
    let mut rows = content.query([waiting.job])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let event = gathered.event(row.get(0)?)?;
    let id = JobId::from_bytes(waiting.id);
    let mut job = Job::new(id, queue.destination.as_str(), queue.action.as_str());
    job.version = row.get(1)?;
    job.created_at = Some(row::instant(row.get(2)?)?);
    job.parent_job_id = row.get::<_, Option<IdBytes>>(3)?.map(JobId::from_bytes);
    job.context = row::payload(row, 4)?;
    job.data = row::payload(row, 5)?;
    executing.job_id = Some(id);
    executing.event_id = Some(event.id);
    job.event_id = Some(event.id);
    job.transition = Some(executing);
    event.jobs.push(job);
    Ok(())
}
