//! Jobs that live their whole life, in both programs by turns.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    AvailableAdapters, ClaimRequest, Event, Job, Options, Status, Store, Toolkit, Transition, Want,
};

use crate::{Arguments, Result, bare, percentile, server};

/// The destinations of the jobs.
const QUEUES: [(&str, &str); 3] = [("crm", "a"), ("crm", "b"), ("erp", "a")];

/// What one round of the store shows.
struct Figures {
    insert: f64,
    drain: f64,
    whole: f64,
    claim: [f64; 3],
    wal_insert: f64,
    wal_drain: f64,
    disk: f64,
    live: f64,
    /// Microseconds of the server's processors a job: inserting, and draining.
    processor: [f64; 2],
}

pub(crate) async fn run(url: &str, arguments: &Arguments) -> Result<()> {
    let jobs = arguments.number(2, 200_000)?;
    let rounds = arguments.number(3, 5)?;
    let connections = arguments.number(4, 4)?;
    let batch = arguments.number(5, 1_000)?;
    let fail = match arguments.0.get(6).map(String::as_str) {
        None | Some("held") => 0,
        Some(text) => text.parse()?,
    };
    let is_held = arguments.has("held");
    println!(
        "{:>7} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7} {:>24} {:>15} {:>12} {:>22}",
        "",
        "insert/s",
        "drain/s",
        "whole/s",
        "bare",
        "insert",
        "whole",
        "claim p50 p99 max ms",
        "WAL B/job i, d",
        "disk, live",
        "server us/job (bare)"
    );
    let (mut inserts, mut wholes) = (Vec::new(), Vec::new());
    for number in 1..=rounds {
        let bare = bare::round(url, jobs, connections, batch).await?;
        let ours = round(url, jobs, connections, batch, fail, is_held).await?;
        inserts.push(ours.insert / bare.insert);
        wholes.push(ours.whole / bare.whole);
        let [p50, p99, max] = ours.claim;
        println!(
            "{number:>7} {:>9.0} {:>9.0} {:>9.0} {:>9.0} {:>7.2} {:>7.2} {:>10.1} {p99:>6.1} {max:>6.1} {:>7.0} {:>7.0} {:>6.0} {:>5.0}  {:.1}+{:.1} ({:.1}+{:.1})",
            ours.insert,
            ours.drain,
            ours.whole,
            bare.whole,
            ours.insert / bare.insert,
            ours.whole / bare.whole,
            p50,
            ours.wal_insert,
            ours.wal_drain,
            ours.disk,
            ours.live,
            ours.processor[0],
            ours.processor[1],
            bare.processor[0],
            bare.processor[1]
        );
    }
    println!(
        "median ratios: insert {:.2}, whole life {:.2}",
        percentile(&mut inserts, 0.5),
        percentile(&mut wholes, 0.5)
    );
    Ok(())
}

/// A store in a fresh schema.
pub(crate) async fn fresh_store(url: &str, connections: usize) -> Result<Arc<dyn Store>> {
    let admin = server::connect(url).await?;
    admin.batch_execute("DROP SCHEMA IF EXISTS measured CASCADE").await?;
    let options = Options::new("postgres")
        .with_connection(url)
        .with_context("schema", "measured")
        .with_context("pool_size", connections.to_string());
    let adapters = AvailableAdapters::new().with(blacksmith_store_postgres::adapter())?;
    adapters.migrator(&options).await?.up(None).await?;
    Ok(adapters.open(options).await?)
}

/// `count` events with a job each.
pub(crate) fn events(toolkit: &Toolkit, count: usize) -> Vec<Event> {
    let payload = vec![b'x'; 200];
    (0..count)
        .map(|number| {
            let (destination, action) = QUEUES[number % QUEUES.len()];
            let job = Job::new(toolkit.job_id(), destination, action).with_data(payload.clone());
            Event::new(toolkit.event_id(), "github", "push")
                .with_data(payload.clone())
                .with_job(job)
        })
        .collect()
}

async fn round(
    url: &str,
    jobs: usize,
    connections: usize,
    batch: usize,
    fail: usize,
    is_held: bool,
) -> Result<Figures> {
    let admin = server::connect(url).await?;
    let store = fresh_store(url, connections + 1).await?;
    admin.batch_execute("CHECKPOINT").await?;

    let wal_begun = server::wal(&admin).await?;
    // What is stored is made before the clock starts.
    let toolkit = Toolkit::new();
    let batches: VecDeque<Vec<Event>> =
        (0..jobs).step_by(1_000).map(|begun| events(&toolkit, (jobs - begun).min(1_000))).collect();
    let batches = Arc::new(Mutex::new(batches));
    let processor_begun = server::processor_time(&admin).await?;
    let started = Instant::now();
    let inserts: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(insert(Arc::clone(&store), Arc::clone(&batches))))
        .collect();
    for insert in inserts {
        insert.await??;
    }
    let inserting = started.elapsed();
    let processor_inserted = server::processor_time(&admin).await?;
    let wal_inserted = server::wal(&admin).await?;
    server::settle(&admin, "measured").await?;
    let held = if is_held { Some(server::hold_snapshot(url).await?) } else { None };

    let wal_settled = server::wal(&admin).await?;
    let finished = Arc::new(AtomicUsize::new(0));
    let processor_settled = server::processor_time(&admin).await?;
    let started = Instant::now();
    let drains: Vec<_> = (0..connections)
        .map(|number| {
            let worker = Worker { number, jobs, batch, fail };
            tokio::spawn(worker.drain(Arc::clone(&store), Arc::clone(&finished)))
        })
        .collect();
    let mut claims = Vec::new();
    let mut idle = Duration::ZERO;
    for drain in drains {
        let (mut took, waited) = drain.await??;
        claims.append(&mut took);
        idle += waited;
    }
    let draining = started.elapsed().saturating_sub(idle / u32::try_from(connections)?);
    let processor_drained = server::processor_time(&admin).await?;
    let wal_drained = server::wal(&admin).await?;
    drop(held);
    let stats = store.stats(&Toolkit::new()).await?;
    let succeeded: u64 = stats.iter().map(|queue| queue.counts.succeeded).sum();
    let total: u64 = stats.iter().map(|queue| queue.counts.total()).sum();
    if (succeeded, total) != (jobs as u64, jobs as u64) {
        return Err(format!("{succeeded} of {total} jobs succeeded").into());
    }
    let (disk, live) = server::size(&admin, "measured").await?;
    let per_job = |bytes: i64| bytes as f64 / jobs as f64;
    let rate = |time: Duration| jobs as f64 / time.as_secs_f64();
    Ok(Figures {
        insert: rate(inserting),
        drain: rate(draining),
        whole: rate(inserting + draining),
        claim: [0.5, 0.99, 1.0].map(|part| percentile(&mut claims, part)),
        wal_insert: per_job(wal_inserted - wal_begun),
        wal_drain: per_job(wal_drained - wal_settled),
        disk: per_job(disk),
        live: per_job(live),
        processor: [
            server::microseconds(processor_begun, processor_inserted, jobs),
            server::microseconds(processor_settled, processor_drained, jobs),
        ],
    })
}

async fn insert(store: Arc<dyn Store>, batches: Arc<Mutex<VecDeque<Vec<Event>>>>) -> Result<()> {
    let toolkit = Toolkit::new();
    let next = || batches.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some(batch) = next() {
        store.add_events(&toolkit, batch).await?;
    }
    Ok(())
}

/// One of those that claim and complete.
#[derive(Clone, Copy)]
pub(crate) struct Worker {
    pub(crate) number: usize,
    /// How many jobs all workers together have to finish.
    pub(crate) jobs: usize,
    pub(crate) batch: usize,
    /// How many of a hundred fail once.
    pub(crate) fail: usize,
}

impl Worker {
    /// Claims and completes until every job is finished; answers what each claim took, in milliseconds, and how long
    /// there was nothing to do.
    async fn drain(
        self,
        store: Arc<dyn Store>,
        finished: Arc<AtomicUsize>,
    ) -> Result<(Vec<f64>, Duration)> {
        let toolkit = Toolkit::new();
        let (mut claims, mut idle) = (Vec::new(), Duration::ZERO);
        let mut turn = self.number;
        let mut empty = 0;
        while finished.load(Ordering::Relaxed) < self.jobs {
            turn += 1;
            let ((taken, done), took, _) =
                self.step(&store, &toolkit, QUEUES[turn % QUEUES.len()]).await?;
            if taken > 0 {
                claims.push(took.as_secs_f64() * 1_000.0);
                finished.fetch_add(done, Ordering::Relaxed);
                empty = 0;
                continue;
            }
            empty += 1;
            if empty >= QUEUES.len() {
                empty = 0;
                let waits = Instant::now();
                tokio::time::sleep(Duration::from_millis(10)).await;
                idle += waits.elapsed();
            }
        }
        Ok((claims, idle))
    }

    /// Claims one batch of a queue and reports it; answers how many were taken and how many are finished, with the
    /// claimed jobs and what the claim alone took.
    pub(crate) async fn step(
        self,
        store: &Arc<dyn Store>,
        toolkit: &Toolkit,
        (destination, action): (&str, &str),
    ) -> Result<((usize, usize), Duration, Vec<Job>)> {
        let want = Want::action(destination, action, self.batch);
        let actor = format!("worker-{}", self.number);
        let started = Instant::now();
        let claimed = store
            .claim(toolkit, ClaimRequest::new(&actor, Duration::from_secs(30), [want]))
            .await?;
        let took = started.elapsed();
        let jobs: Vec<Job> =
            claimed.queue.events.into_iter().flat_map(|event| event.jobs).collect();
        if jobs.is_empty() {
            return Ok(((0, 0), took, jobs));
        }
        let retry_at = toolkit.now() + Duration::from_secs(2);
        let mut failed = 0;
        let outcomes: Vec<Transition> = jobs
            .iter()
            .enumerate()
            .map(|(place, job)| {
                let attempt = job.transition.as_ref().map_or(0, |transition| transition.attempt);
                let fails =
                    attempt == 1 && place * 100 % (jobs.len() * 100) / jobs.len() < self.fail;
                let id = toolkit.transition_id();
                let outcome = if fails {
                    failed += 1;
                    job.next(id, Status::Failed)?.with_run_at(retry_at)
                } else {
                    job.next(id, Status::Succeeded)?
                };
                Ok(outcome.with_actor(&actor))
            })
            .collect::<Result<_, blacksmith_store_core::StoreError>>()?;
        store.add_transitions(toolkit, outcomes).await?;
        Ok(((jobs.len(), jobs.len() - failed), took, jobs))
    }
}
