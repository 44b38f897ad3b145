//! Everything at once: schedulers that come, go and are killed, on a store that loses requests and answers.

mod world;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use blacksmith_scheduler::{Backoff, Delivery, Destination, Failure, Then, batch, each};
use blacksmith_store::{JobId, Pause, Schedule, Status, Toolkit};
use world::{Fault, Flaky, Started, World, expect_legal, start};

/// What is seen of runs.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    running: HashMap<JobId, u32>,
    overlaps: usize,
    runs: HashMap<(JobId, u32), usize>,
}

/// A run of one job, until it is dropped.
struct Watched(Watch, JobId);

impl Watch {
    fn begin(&self, job: JobId, attempt: u32) -> Watched {
        let mut seen = self.0.lock().expect("no panic");
        *seen.runs.entry((job, attempt)).or_default() += 1;
        let running = seen.running.entry(job).or_default();
        *running += 1;
        if *running > 1 {
            seen.overlaps += 1;
        }
        Watched(self.clone(), job)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut seen = self.0.0.lock().expect("no panic");
        *seen.running.entry(self.1).or_default() -= 1;
    }
}

fn destination(watch: &Watch) -> Destination {
    let (one, many) = (watch.clone(), watch.clone());
    let upsert = each("upsert", move |delivery: Delivery| {
        let watched = one.begin(delivery.job.id, delivery.attempt());
        let random = delivery.toolkit.random();
        async move {
            tokio::time::sleep(Duration::from_millis(random % 3_000)).await;
            let answer = match random % 10 {
                0..3 => Err(Failure::new("down")),
                3 => Err(Failure::new("gone").discard()),
                4 => std::panic::resume_unwind(Box::new("on purpose")),
                5 => Ok(Then::succeeded().on_succeeded("append")),
                6 if random % 100 < 10 => {
                    std::future::pending::<()>().await;
                    Ok(Then::succeeded())
                }
                _ => Ok(Then::succeeded()),
            };
            drop(watched);
            answer
        }
    });
    let append = batch("append", move |batch| {
        let watched: Vec<_> = batch
            .queue
            .jobs()
            .map(|(_, job)| many.begin(job.id, job.transition.as_ref().expect("claimed").attempt))
            .collect();
        async move {
            tokio::time::sleep(Duration::from_millis(batch.toolkit.random() % 2_000)).await;
            let reported = batch.queue.jobs().map(|(_, job)| job.id).step_by(2);
            batch.report.then(Then::succeeded().of(reported));
            drop(watched);
            Ok(())
        }
    });
    Destination::new("crm")
        .with_schedule(Schedule::new(true, "@every 1h", 30))
        .with_action(
            upsert
                .with_backoff(Backoff::new(Duration::from_secs(1), Duration::from_secs(20)))
                .with_timeout(Duration::from_secs(15)),
        )
        .with_action(
            append
                .with_batch_size(20)
                .with_concurrency(2)
                .with_backoff(Backoff::new(Duration::from_secs(1), Duration::from_secs(5))),
        )
}

const METHODS: [&str; 6] =
    ["claim", "extend_leases", "apply", "expire_leases", "pauses", "maintain"];

struct Chaos {
    world: World,
    watch: Watch,
    random: Toolkit,
    schedulers: Vec<(Started, Arc<Flaky>)>,
    started: usize,
    pauses: Vec<Pause>,
}

impl Chaos {
    fn start(&mut self) {
        self.started += 1;
        let store = Arc::new(self.world.store.another());
        let scheduler = self
            .world
            .scheduler_on(store.clone(), &format!("scheduler {}", self.started))
            .with_poll_interval(Duration::from_millis(200))
            .with_lease(Duration::from_secs(9))
            .with_shutdown_timeout(Duration::from_secs(20))
            .with_destination(destination(&self.watch));
        self.schedulers.push((start(scheduler), store));
    }

    fn below(&self, limit: usize) -> usize {
        usize::try_from(self.random.random() % limit as u64).expect("a small number")
    }

    /// One thing that happens.
    async fn event(&mut self) {
        match self.below(12) {
            0 => self.start(),
            1 if self.schedulers.len() > 1 => {
                let scheduler = self.schedulers.swap_remove(self.below(self.schedulers.len()));
                scheduler.0.kill().await;
            }
            2 if self.schedulers.len() > 1 => {
                let scheduler = self.schedulers.swap_remove(self.below(self.schedulers.len()));
                scheduler.0.stop().await;
            }
            3 => {
                let fault = [Fault::Refused, Fault::AnswerLost, Fault::Broken][self.below(3)];
                // The database, or the way of one scheduler to it.
                let first = self.below(self.schedulers.len());
                let count = if self.below(2) == 0 { 1 } else { self.schedulers.len() };
                let stores: Vec<_> = self
                    .schedulers
                    .iter()
                    .cycle()
                    .skip(first)
                    .take(count)
                    .map(|(_, store)| store)
                    .collect();
                for store in &stores {
                    store.set_outage(Some(fault));
                }
                tokio::time::sleep(Duration::from_millis(self.random.random() % 40_000)).await;
                for store in stores {
                    store.set_outage(None);
                }
            }
            4 => {
                let id = self.random.pause_id();
                let pause = Pause::new(id, "crm", "operator");
                let pause = if self.below(2) == 0 { pause.with_action("upsert") } else { pause };
                let (store, toolkit) = (self.world.store.inner(), &self.world.toolkit);
                store.pause(toolkit, pause.clone()).await.expect("paused");
                self.pauses.push(pause);
            }
            5 => self.resume_all().await,
            _ => {
                let late = Duration::from_millis(self.random.random() % 4_000);
                let faults =
                    [Fault::Refused, Fault::AnswerLost, Fault::AnswerLost, Fault::AnswerLate(late)];
                let method = METHODS[self.below(METHODS.len())];
                let (_, store) = &self.schedulers[self.below(self.schedulers.len())];
                store.fail_next(method, [faults[self.below(faults.len())]]);
            }
        }
    }

    async fn resume_all(&mut self) {
        for pause in self.pauses.drain(..) {
            let resumed = self.world.store.inner().resume(&self.world.toolkit, pause.id).await;
            resumed.expect("resumed");
        }
    }
}

async fn run(seed: u64) -> usize {
    let mut chaos = Chaos {
        world: World::new().await,
        watch: Watch::default(),
        random: Toolkit::new().with_seed(seed),
        schedulers: Vec::new(),
        started: 0,
        pauses: Vec::new(),
    };
    for _ in 0..3 {
        chaos.start();
    }
    let mut jobs = Vec::new();
    for _ in 0..60 {
        jobs.extend(chaos.world.add("crm", "upsert", chaos.below(6)).await);
        chaos.event().await;
        tokio::time::sleep(Duration::from_millis(chaos.random.random() % 2_000)).await;
    }
    chaos.resume_all().await;
    chaos.start();
    chaos.world.until_finished().await;
    for (scheduler, _) in chaos.schedulers.drain(..) {
        assert_eq!(scheduler.stop().await.left_executing, 0);
    }

    let Seen { overlaps, runs, .. } = std::mem::take(&mut *chaos.watch.0.lock().expect("no panic"));
    assert_eq!(overlaps, 0, "seed {seed}: a job ran twice at a time");
    for ((job, attempt), times) in &runs {
        assert_eq!(*times, 1, "seed {seed}: attempt {attempt} of {job} ran {times} times");
    }
    for job in jobs {
        let chain = chaos.world.history(job).await;
        expect_legal(&chain);
        for transition in &chain {
            // What was delivered, was run; a report never came from nowhere.
            if matches!(transition.state_after, Status::Succeeded | Status::Failed) {
                assert!(runs.contains_key(&(job, transition.attempt)), "seed {seed}: {job}");
            }
        }
    }
    runs.len()
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_every_job_ends_with_a_legal_history_and_no_two_runs_at_once() {
    // The seed can be given, to look for more.
    let seeds = match std::env::var("CHAOS_SEEDS") {
        Ok(seeds) => seeds.parse().expect("a number of seeds"),
        Err(_) => 30,
    };
    for seed in 0..seeds {
        assert!(run(seed).await > 100, "seed {seed}: next to nothing ran");
    }
}
