//! What a scheduler without work costs, and how soon it picks up single events that another process commits:
//!
//!     cargo run --release -p blacksmith-scheduler --example idle -- sqlite|postgres [EVENTS [SECONDS]]
//!
//! It idles for SECONDS before the first event. Without `BLACKSMITH_TEST_POSTGRES_URL`, a durable server is started.

mod support;

use std::{
    collections::HashMap,
    io::Write as _,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use blacksmith_scheduler::{Delivery, Destination, Scheduler, each};
use blacksmith_store::{Event, Job, JobId, Toolkit};
use support::{Place, Result, Target, percentile, processor_time};
use tokio::sync::Notify;

/// What the process that commits is told: adapter, connection and schema, number of events.
const VARIABLES: [&str; 4] = ["IDLE_ADAPTER", "IDLE_CONNECTION", "IDLE_SCHEMA", "IDLE_EVENTS"];

#[tokio::main]
async fn main() -> Result {
    match std::env::var(VARIABLES[0]) {
        Ok(adapter) => produce(adapter).await,
        Err(_) => measure().await,
    }
}

/// Since 1970; processes of one machine agree on it.
fn now() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

/// Commits single events with pauses between them, and tells when each commit was answered.
async fn produce(adapter: String) -> Result {
    let variable = |place: usize| std::env::var(VARIABLES[place]);
    let target = Target { adapter, connection: variable(1)?, schema: variable(2)? };
    let events: usize = variable(3)?.parse()?;
    let (store, toolkit) = (target.open().await?, Toolkit::new());
    for _ in 0..events {
        let pause = Duration::from_millis(20) + toolkit.random_duration(Duration::from_millis(40));
        tokio::time::sleep(pause).await;
        let job = Job::new(toolkit.job_id(), "crm", "upsert");
        let id = job.id;
        let event = Event::new(toolkit.event_id(), "shop", "order.paid").with_job(job);
        store.add_events(&toolkit, vec![event]).await?;
        writeln!(std::io::stdout(), "{id} {}", now().as_micros())?;
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "an example speaks to who runs it")]
async fn measure() -> Result {
    let mut arguments = std::env::args().skip(1);
    let adapter = arguments.next().unwrap_or_else(|| "sqlite".to_owned());
    let events: usize = arguments.next().as_deref().unwrap_or("1000").parse()?;
    let idle = Duration::from_secs(arguments.next().as_deref().unwrap_or("30").parse()?);

    let mut place = Place::of(&adapter)?;
    let target = place.fresh().await?;
    let (picked_up, all_done) =
        (Arc::<Mutex<HashMap<JobId, Duration>>>::default(), Arc::new(Notify::new()));
    let (noted, done) = (picked_up.clone(), all_done.clone());
    let upsert = each("upsert", move |delivery: Delivery| {
        let mut noted = noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        noted.insert(delivery.job.id, now());
        if noted.len() == events {
            done.notify_one();
        }
        async { Ok(()) }
    });
    let crm = Destination::new("crm").with_action(upsert);
    let scheduler = Scheduler::new(target.open().await?).with_destination(crm);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(scheduler.run(async {
        let _ = stopped.await;
    }));

    let (began, used) = (Instant::now(), processor_time());
    tokio::time::sleep(idle).await;
    if let (Some(before), Some(after)) = (used, processor_time()) {
        let share = after.saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64();
        println!("{adapter}: idle for {idle:?}, {:.2} % of a core", 100.0 * share);
    }

    let values = [&target.adapter, &target.connection, &target.schema, &events.to_string()];
    let mut producer = Command::new(std::env::current_exe()?);
    producer.envs(VARIABLES.iter().zip(values)).stdout(Stdio::piped());
    let producer = producer.spawn()?;
    let output = tokio::task::spawn_blocking(|| producer.wait_with_output()).await??;
    if !output.status.success() {
        return Err("the process that commits has failed".into());
    }
    all_done.notified().await;
    let _ = stop.send(());
    running.await??;

    let picked_up = picked_up.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut waits = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let (job, committed) = line.split_once(' ').ok_or("a line of another form")?;
        let picked_up = picked_up.get(&job.parse()?).ok_or("a job was never picked up")?;
        // Visible a moment before the one who commits is told: then it did not wait at all.
        let committed = Duration::from_micros(committed.parse()?);
        waits.push(1e3 * picked_up.saturating_sub(committed).as_secs_f64());
    }
    println!(
        "{adapter}: {} single events from another process, from commit to run: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        waits.len(),
        percentile(&mut waits, 50),
        percentile(&mut waits, 99),
        percentile(&mut waits, 100)
    );
    Ok(())
}
