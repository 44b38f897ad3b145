//! `claim`.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    ClaimRequest, Claimed, Event, EventId, Job, Queue, Status, StoreError, Timestamp, Toolkit,
    Transition, TransitionId, Want,
};
use tokio_postgres::Row;

use crate::{
    connection::{Parameter, Session},
    error::Outcome,
    queues::{QueueName, QueueNumber},
    retries::Retries,
    row::Columns,
    running::Run,
    statement::Statement,
    store::Inner,
    watermark::{Found, Position, Start, Watermarks, beginning},
};

/// How often fresh ids are drawn: a seeded source may repeat some that are stored.
const DRAWS: usize = 1_000;

/// How many jobs each queue may give, in the order in which the wants name them.
type Rooms = Vec<(QueueNumber, usize)>;

/// Queues whose due jobs somebody else has locked, which a look at several queues does not see, and when a job is due there that
/// nobody has locked.
type Locked = BTreeMap<QueueNumber, Option<Timestamp>>;

impl Inner {
    pub(crate) async fn claim(
        &self,
        toolkit: &Toolkit,
        request: &ClaimRequest,
    ) -> Outcome<Claimed> {
        let mut retries = Retries::new(toolkit);
        loop {
            match self.claim_once(toolkit, request).await {
                Err(failure) if retries.again(&failure).await => {}
                outcome => return outcome,
            }
        }
    }

    async fn claim_once(&self, toolkit: &Toolkit, request: &ClaimRequest) -> Outcome<Claimed> {
        let session = self.database.session(toolkit).await?;
        let now = self.clock.now(&session, toolkit).await?;
        // A set clock may go back, and then the positions of before mean nothing.
        let watermarks = toolkit.set_instant().is_none().then_some(&self.watermarks);
        let mut looking = Looking { watermarks, now, starts: BTreeMap::new(), is_answered: false };
        self.know_queues(&session, &request.wants).await?;
        let mut locked = Locked::new();
        let mut rooms = self.rooms(&session, &request.wants, &locked, &mut looking).await?;
        if rooms.is_empty() {
            return Ok(Claimed::default());
        }
        let taken = loop {
            let mut taken = self.take(&session, toolkit, &rooms, request, &mut looking).await?;
            taken.next_due.extend(&locked);
            let is_more_due = taken.earliest_due().is_some_and(|due| due <= now);
            if !taken.jobs.is_empty() || !is_more_due || !has_room(&rooms) {
                break taken;
            }
            // Others have due jobs: they get the room of those that had some and gave nothing.
            let dry = rooms.iter().filter(|(_, room)| *room > 0).map(|(queue, _)| *queue);
            locked.extend(dry.map(|queue| (queue, taken.next_due_of(queue))));
            rooms = self.rooms(&session, &request.wants, &locked, &mut looking).await?;
            if !has_room(&rooms) {
                break taken;
            }
        };
        drop(session);
        Ok(self.answer(taken, request))
    }

    /// Takes up to so many jobs of each queue.
    async fn take(
        &self,
        session: &Session<'_>,
        toolkit: &Toolkit,
        rooms: &Rooms,
        request: &ClaimRequest,
        looking: &mut Looking<'_>,
    ) -> Outcome<Taken> {
        looking.is_answered = false;
        let total = rooms.iter().map(|(_, room)| room).sum();
        for _ in 0..DRAWS {
            let tokens = toolkit.transition_ids(total);
            let asked = Instant::now();
            let rows = claim_rows(session, looking, rooms, &tokens, request).await?;
            if let Some(taken) = self.taken(session, &rows, request).await? {
                looking.learn(rooms, &taken, asked.elapsed());
                return Ok(taken);
            }
        }
        Err(StoreError::internal("the toolkit's source of ids draws those alone that are stored")
            .into())
    }

    /// Looks for new queues, if the wants may mean one.
    async fn know_queues(&self, session: &Session<'_>, wants: &[Want]) -> Outcome<()> {
        let is_known = |want: &Want| match (&want.destination, &want.action) {
            (Some(destination), Some(action)) => self.queues.number(destination, action).is_some(),
            // Another process may have brought a queue that this handle has not seen.
            _ => false,
        };
        if wants.iter().all(is_known) { Ok(()) } else { self.queues.refresh(session).await }
    }

    /// How many jobs each queue may give for these wants, which are served in their order. Those that are locked give none.
    async fn rooms(
        &self,
        session: &Session<'_>,
        wants: &[Want],
        locked: &Locked,
        looking: &mut Looking<'_>,
    ) -> Outcome<Rooms> {
        let mut rooms = Rooms::new();
        for want in wants {
            let mut queues =
                self.queues.picked(|name: &QueueName| want.takes(&name.destination, &name.action));
            for queue in &queues {
                room_of(&mut rooms, *queue);
            }
            queues.retain(|queue| !locked.contains_key(queue));
            match queues.as_slice() {
                [queue] => *room_of(&mut rooms, *queue) += want.limit,
                several if several.is_empty() || want.limit == 0 => {}
                several => share(session, &mut rooms, several, want.limit, looking).await?,
            }
        }
        Ok(rooms)
    }

    /// What the statement's rows say; `None` when an id that was drawn is in use.
    async fn taken(
        &self,
        session: &Session<'_>,
        rows: &[Row],
        request: &ClaimRequest,
    ) -> Outcome<Option<Taken>> {
        let mut taken = Taken::default();
        for row in rows {
            let mut columns = Columns::of(row);
            if columns.next::<bool>()? {
                return Ok(None);
            }
            let Some(queue) = columns.next::<Option<QueueNumber>>()? else { continue };
            let next: Option<Timestamp> = columns.next()?;
            taken.next_due.insert(queue, next);
            let Some(run_at) = columns.next::<Option<Timestamp>>()? else { continue };
            let name = self.queues.name(session, queue).await?;
            taken.jobs.push(TakenJob::of(&mut columns, queue, &name, run_at, request)?);
        }
        taken.jobs.sort_unstable_by_key(TakenJob::position);
        Ok(Some(taken))
    }

    /// Remembers what was taken, and hands it out.
    fn answer(&self, taken: Taken, request: &ClaimRequest) -> Claimed {
        let mut first_tokens: HashMap<QueueNumber, TransitionId> = HashMap::new();
        for job in &taken.jobs {
            let first = first_tokens.entry(job.queue).or_insert(job.token);
            *first = job.token.min(*first);
        }
        let rows: Vec<TransitionId> = first_tokens.into_values().collect();
        let call = rows.iter().min().copied();
        let runs = taken.jobs.iter().filter_map(|taken| {
            Some(Run {
                job: taken.job.id,
                event: taken.event.id,
                queue: taken.queue,
                token: taken.token,
                sequence: taken.sequence,
                attempt: taken.attempt,
                call: call?,
            })
        });
        self.running.begin(&request.actor, rows, runs);
        let next_due = taken.earliest_due();
        let jobs = taken.jobs.into_iter().map(|taken| (taken.event, taken.job));
        Claimed::new(queue_of(jobs), next_due)
    }
}

/// Jobs under their events, in the order given; each event stands where its first job does.
pub(crate) fn queue_of(jobs: impl IntoIterator<Item = (Event, Job)>) -> Queue {
    let mut events: Vec<Event> = Vec::new();
    let mut places: HashMap<EventId, usize> = HashMap::new();
    for (event, job) in jobs {
        let place = *places.entry(event.id).or_insert_with(|| {
            events.push(event);
            events.len() - 1
        });
        events[place].jobs.push(job);
    }
    Queue::new(events)
}

fn has_room(rooms: &Rooms) -> bool {
    rooms.iter().any(|(_, room)| *room > 0)
}

fn room_of(rooms: &mut Rooms, queue: QueueNumber) -> &mut usize {
    let place = rooms.iter().position(|(known, _)| *known == queue).unwrap_or_else(|| {
        rooms.push((queue, 0));
        rooms.len() - 1
    });
    &mut rooms[place].1
}

/// Shares the room of a want among several queues: the oldest jobs of all of them have it. Earlier wants have the heads.
async fn share(
    session: &Session<'_>,
    rooms: &mut Rooms,
    queues: &[QueueNumber],
    limit: usize,
    looking: &mut Looking<'_>,
) -> Outcome<()> {
    let mut ahead: BTreeMap<QueueNumber, usize> =
        queues.iter().map(|queue| (*queue, *room_of(rooms, *queue))).collect();
    let most = limit + ahead.values().sum::<usize>();
    let starts: Vec<Position> = queues.iter().map(|queue| looking.start(*queue)).collect();
    let start_at: Vec<Timestamp> = starts.iter().map(|(at, _)| *at).collect();
    let start_job = start_jobs(&starts);
    let first_pass = most.div_ceil(queues.len()) + 8;
    let parameters: [Parameter<'_>; 6] =
        [&queues, &start_at, &start_job, &looking.now, &count(most), &count(first_pass)];
    let mut left = limit;
    for row in session.read(Statement::peek(most), &parameters).await? {
        let queue: QueueNumber = Columns::of(&row).next()?;
        match ahead.get_mut(&queue) {
            Some(taken) if *taken > 0 => *taken -= 1,
            _ if left > 0 => {
                left -= 1;
                *room_of(rooms, queue) += 1;
            }
            _ => break,
        }
    }
    Ok(())
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn start_jobs(starts: &[Position]) -> Vec<&[u8]> {
    /// Before every id.
    const NONE: &[u8] = &[];
    starts.iter().map(|(_, job)| job.as_ref().map_or(NONE, |job| job.as_bytes())).collect()
}

/// Runs the statement.
async fn claim_rows(
    session: &Session<'_>,
    looking: &mut Looking<'_>,
    rooms: &Rooms,
    tokens: &[TransitionId],
    request: &ClaimRequest,
) -> Outcome<Vec<Row>> {
    let queues: Vec<QueueNumber> = rooms.iter().map(|(queue, _)| *queue).collect();
    let starts: Vec<Position> = queues.iter().map(|queue| looking.start(*queue)).collect();
    let start_at: Vec<Timestamp> = starts.iter().map(|(at, _)| *at).collect();
    let start_job = start_jobs(&starts);
    let room: Vec<i64> = rooms.iter().map(|(_, room)| count(*room)).collect();
    let tokens: Vec<&[u8]> = tokens.iter().map(|token| &token.as_bytes()[..]).collect();
    let most = rooms.iter().map(|(_, room)| *room).max().unwrap_or(0);
    let parameters: [Parameter<'_>; 8] = [
        &queues,
        &start_at,
        &start_job,
        &room,
        &looking.now,
        &tokens,
        &request.actor,
        &(looking.now + request.lease),
    ];
    session.query(Statement::claim(most), &parameters).await
}

/// What a claim has taken.
#[derive(Default)]
struct Taken {
    jobs: Vec<TakenJob>,
    /// When each queue's next job is due.
    next_due: BTreeMap<QueueNumber, Option<Timestamp>>,
}

impl Taken {
    fn earliest_due(&self) -> Option<Timestamp> {
        self.next_due.values().copied().flatten().min()
    }

    fn next_due_of(&self, queue: QueueNumber) -> Option<Timestamp> {
        self.next_due.get(&queue).copied().flatten()
    }
}

struct TakenJob {
    queue: QueueNumber,
    run_at: Timestamp,
    token: TransitionId,
    sequence: u64,
    attempt: u32,
    event: Event,
    job: Job,
}

impl TakenJob {
    /// A claimed row, from its lane on.
    fn of(
        columns: &mut Columns<'_>,
        queue: QueueNumber,
        name: &QueueName,
        run_at: Timestamp,
        request: &ClaimRequest,
    ) -> blacksmith_store_core::Result<Self> {
        let sequence = columns.number()?;
        let attempt = columns.number()?;
        let before = columns.status()?;
        let token = columns.transition_id()?;
        let started: Timestamp = columns.next()?;
        let (job_id, event_id) = (columns.job_id()?, columns.event_id()?);
        let names = (name.destination.as_str(), name.action.as_str());
        let mut job = columns.job(job_id, event_id, names)?;
        let event = columns.event()?;
        let mut start = Transition::first(token, Status::Executing).with_actor(&*request.actor);
        start.attempt = attempt;
        start.state_before = Some(before);
        start.created_at = Some(started);
        start.event_id = Some(event_id);
        start.job_id = Some(job_id);
        start.sequence = Some(sequence);
        job.transition = Some(start);
        Ok(Self { queue, run_at, token, sequence, attempt, event, job })
    }

    fn position(&self) -> (Timestamp, blacksmith_store_core::JobId) {
        (self.run_at, self.job.id)
    }
}

/// A claim on its way. If it is not answered, also because its caller has gone, the positions it began at are kept for the
/// next one: what it had taken may lie there again.
struct Looking<'a> {
    /// None where positions are not kept from claim to claim: then each begins at the beginning.
    watermarks: Option<&'a Watermarks>,
    now: Timestamp,
    starts: BTreeMap<QueueNumber, Start>,
    is_answered: bool,
}

impl Looking<'_> {
    /// Where the claim starts in a queue, the same each time it is asked.
    fn start(&mut self, queue: QueueNumber) -> Position {
        let Some(watermarks) = self.watermarks else { return beginning() };
        let now = self.now;
        self.starts.entry(queue).or_insert_with(|| watermarks.start(queue, now)).position
    }

    fn learn(&mut self, rooms: &Rooms, taken: &Taken, took: Duration) {
        self.is_answered = true;
        let Some(watermarks) = self.watermarks else { return };
        let mut found: HashMap<QueueNumber, (usize, Position)> = HashMap::new();
        for job in &taken.jobs {
            let last = (job.run_at, Some(job.job.id));
            let (rows, highest) = found.entry(job.queue).or_insert((0, last));
            *rows += 1;
            *highest = last.max(*highest);
        }
        for (queue, room) in rooms {
            let Some(start) = self.starts.get(queue) else { continue };
            let of_queue = found.get(queue);
            let rows = of_queue.map_or(0, |(rows, _)| *rows);
            let last = of_queue.map(|(_, last)| *last);
            let is_full = *room > 0 && rows == *room;
            watermarks.learn(*queue, *start, Found { rows, last, is_full }, took);
        }
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        if let Some(watermarks) = self.watermarks.filter(|_| !self.is_answered) {
            for (queue, start) in &self.starts {
                watermarks.reset(*queue, *start);
            }
        }
    }
}
