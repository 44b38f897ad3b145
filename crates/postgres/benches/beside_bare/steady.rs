//! Jobs that come all the time, with some that become visible late.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use blacksmith_store_core::{JobId, Store, Toolkit};
use blacksmith_store_postgres::add_events_in;

use crate::{
    Arguments, Result,
    life::{Worker, events, fresh_store},
    percentile, server,
};

/// How long late transactions stay open, and how many there are at once.
const LATE: [(f64, usize); 3] = [(0.5, 2), (3.0, 3), (20.0, 6)];

/// What is measured, by whoever sees it.
#[derive(Default)]
struct Seen {
    /// When each claim began, what it took, and whether it took anything.
    claims: Vec<(f64, f64, bool)>,
    /// When a job was claimed, and how long after it was stored.
    pickups: Vec<(f64, f64)>,
    /// Late jobs that are not claimed yet: how long their transaction was open, and when it was committed.
    late: HashMap<JobId, (f64, Option<Instant>)>,
    /// How long late jobs waited after their commit.
    waits: Vec<(f64, f64)>,
    finished: usize,
}

struct Run {
    store: Arc<dyn Store>,
    seen: Mutex<Seen>,
    begun: Instant,
    is_over: AtomicBool,
    stored: AtomicUsize,
}

impl Run {
    fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }
}

pub(crate) async fn run(url: &str, arguments: &Arguments) -> Result<()> {
    let rate = arguments.number(2, 5_000)?;
    let seconds = arguments.number(3, 180)?;
    let batch = arguments.number(4, 100)?;
    let fail = match arguments.0.get(5).map(String::as_str) {
        None | Some("held") => 0,
        Some(text) => text.parse()?,
    };
    let store = fresh_store(url, 6).await?;
    let held = if arguments.has("held") { Some(server::hold_snapshot(url).await?) } else { None };
    let admin = server::connect(url).await?;
    let wal = server::wal(&admin).await?;
    let run = Arc::new(Run {
        store,
        seen: Mutex::default(),
        begun: Instant::now(),
        is_over: AtomicBool::new(false),
        stored: AtomicUsize::new(0),
    });

    let mut tasks = vec![
        tokio::spawn(arrive(Arc::clone(&run), rate)),
        tokio::spawn(maintain(Arc::clone(&run))),
    ];
    for number in 0..2 {
        let worker = Worker { number, jobs: usize::MAX, batch, fail };
        tasks.push(tokio::spawn(work(Arc::clone(&run), worker)));
    }
    for (open, count) in LATE {
        for number in 0..count {
            let delay = Duration::from_secs_f64(1.0 + open / count as f64 * number as f64);
            // They end with the program: one of them may have its transaction open for long.
            tokio::spawn(late(Arc::clone(&run), url.to_owned(), open, delay));
        }
    }

    let window = (seconds / 6).max(10) as u64;
    let end = run.begun + Duration::from_secs(seconds as u64);
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_secs(window)).await;
        print_window(&run, window as f64);
    }
    run.is_over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    let stored = run.stored.load(Ordering::Relaxed);
    let wal = (server::wal(&admin).await? - wal) as f64 / stored as f64;
    drop(held);
    run.seen(|seen| {
        let mut claims: Vec<f64> =
            seen.claims.iter().filter(|claim| claim.2).map(|claim| claim.1).collect();
        let mut pickups: Vec<f64> = seen.pickups.iter().map(|pickup| pickup.1).collect();
        println!(
            "all: stored {stored}, finished {}; claim p50 {:.2} p99 {:.2} max {:.1} ms; pick-up p50 {:.1} p99 {:.1} ms; WAL {wal:.0} B/job",
            seen.finished,
            percentile(&mut claims, 0.5),
            percentile(&mut claims, 0.99),
            percentile(&mut claims, 1.0),
            percentile(&mut pickups, 0.5),
            percentile(&mut pickups, 0.99),
        );
        for (open, _) in LATE {
            let of = seen.waits.iter().filter(|wait| wait.0.to_bits() == open.to_bits());
            let mut waits: Vec<f64> = of.map(|wait| wait.1).collect();
            println!(
                "late: open {open} s: {} claimed, p50 {:.2} s, longest {:.2} s",
                waits.len(),
                percentile(&mut waits, 0.5),
                percentile(&mut waits, 1.0)
            );
        }
        for (open, committed) in seen.late.values() {
            if let Some(committed) = committed {
                println!("late: open {open} s, not seen yet {:.2} s after its commit", committed.elapsed().as_secs_f64());
            }
        }
    });
    Ok(())
}

fn print_window(run: &Run, window: f64) {
    let now = run.begun.elapsed().as_secs_f64();
    run.seen(|seen| {
        let recent = |at: f64| at >= now - window;
        let mut claims: Vec<f64> =
            seen.claims.iter().filter(|claim| claim.2 && recent(claim.0)).map(|claim| claim.1).collect();
        let mut pickups: Vec<f64> =
            seen.pickups.iter().filter(|pickup| recent(pickup.0)).map(|pickup| pickup.1).collect();
        println!(
            "{now:>5.0} s: {} claims, p50 {:.2} p99 {:.2} max {:.1} ms; pick-up p50 {:.1} p99 {:.1} max {:.0} ms; finished {} of {}",
            claims.len(),
            percentile(&mut claims, 0.5),
            percentile(&mut claims, 0.99),
            percentile(&mut claims, 1.0),
            percentile(&mut pickups, 0.5),
            percentile(&mut pickups, 0.99),
            percentile(&mut pickups, 1.0),
            seen.finished,
            run.stored.load(Ordering::Relaxed),
        );
    });
}

async fn arrive(run: Arc<Run>, rate: usize) -> Result<()> {
    const TOGETHER: usize = 100;
    let toolkit = Toolkit::new();
    let mut stored = 0;
    while run.goes_on() {
        run.store.add_events(&toolkit, events(&toolkit, TOGETHER)).await?;
        stored += TOGETHER;
        run.stored.store(stored, Ordering::Relaxed);
        let due = Duration::from_secs_f64(stored as f64 / rate as f64);
        tokio::time::sleep(due.saturating_sub(run.begun.elapsed())).await;
    }
    Ok(())
}

async fn maintain(run: Arc<Run>) -> Result<()> {
    while run.goes_on() {
        tokio::time::sleep(Duration::from_secs(5)).await;
        run.store.maintain(&Toolkit::new()).await?;
    }
    Ok(())
}

async fn work(run: Arc<Run>, worker: Worker) -> Result<()> {
    let toolkit = Toolkit::new();
    let queues = [("crm", "a"), ("crm", "b"), ("erp", "a")];
    let (mut turn, mut empty) = (worker.number, 0);
    while run.goes_on() {
        turn += 1;
        let began = run.begun.elapsed().as_secs_f64();
        let ((taken, finished), took, jobs) =
            worker.step(&run.store, &toolkit, queues[turn % queues.len()]).await?;
        let now = toolkit.now();
        run.seen(|seen| {
            seen.claims.push((began, took.as_secs_f64() * 1_000.0, taken > 0));
            seen.finished += finished;
            for job in &jobs {
                if let Some((open, committed)) = seen.late.remove(&job.id) {
                    let wait = committed.map_or(0.0, |at| at.elapsed().as_secs_f64());
                    seen.waits.push((open, wait));
                    continue;
                }
                let is_first =
                    job.transition.as_ref().is_some_and(|transition| transition.attempt == 1);
                if let (true, Some(created)) = (is_first, job.created_at) {
                    let wait = (now - created).num_microseconds().unwrap_or(0) as f64 / 1_000.0;
                    seen.pickups.push((began, wait));
                }
            }
        });
        empty = if taken == 0 { empty + 1 } else { 0 };
        if empty >= queues.len() {
            empty = 0;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}

/// Stores a job in a transaction that stays open, again and again.
async fn late(run: Arc<Run>, url: String, open: f64, delay: Duration) -> Result<()> {
    let mut client = server::connect(&url).await?;
    let toolkit = Toolkit::new();
    tokio::time::sleep(delay).await;
    while run.goes_on() {
        let transaction = client.transaction().await?;
        let events = events(&toolkit, 1);
        let job = events[0].jobs[0].id;
        run.seen(|seen| {
            seen.late.insert(job, (open, None));
        });
        let added = add_events_in(&*run.store, &toolkit, &transaction, events).await?;
        tokio::time::sleep(Duration::from_secs_f64(open)).await;
        // Before the commit, for the job may be claimed before its answer is here.
        run.seen(|seen| {
            if let Some(late) = seen.late.get_mut(&job) {
                late.1 = Some(Instant::now());
            }
        });
        transaction.commit().await?;
        added.committed();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
