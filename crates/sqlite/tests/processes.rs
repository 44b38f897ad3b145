//! Several processes on one file, and processes that are killed. Each test starts this program again, with that one test and a
//! variable that says what the process is to do.

mod support;

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    Event, EventId, Job, JobId, Options, Result, Status, Store, Toolkit, WhereEvents,
};
use support::{Folder, claim, events, open, run, succeeded};

/// What a process of these tests does, and on which file.
const ROLE: &str = "BLACKSMITH_TEST_ROLE";
const FILE: &str = "BLACKSMITH_TEST_FILE";

/// Batches of each of the two that ingest, and events of a batch.
const BATCHES: usize = 60;
const BATCH: usize = 20;

fn start(test: &str, role: &str, file: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(ROLE, role)
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process")
}

/// What this process is to do, if it was started by a test.
fn role() -> Option<(String, Options)> {
    let role = std::env::var(ROLE).ok()?;
    let file = std::env::var(FILE).ok()?;
    Some((role, Options::new("sqlite").with_connection(file)))
}

#[test]
fn two_processes_ingest_while_a_third_claims_and_reports() -> Result<()> {
    if let Some((role, options)) = role() {
        return run(async {
            let store = open(options).await?;
            match role.as_str() {
                "ingest" => ingest(store.as_ref()).await,
                _ => work(store.as_ref(), 2 * BATCHES * BATCH).await,
            }
        });
    }
    let folder = Folder::new();
    let file = folder.file("store.db");
    let roles = ["ingest", "ingest", "work"];
    let test = "two_processes_ingest_while_a_third_claims_and_reports";
    let children: Vec<Child> = roles.iter().map(|role| start(test, role, &file)).collect();
    for (child, role) in children.into_iter().zip(roles) {
        // An error that reaches a caller ends its process with a failure.
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{role}: {}", String::from_utf8_lossy(&output.stdout));
    }
    run(async {
        let store = folder.open().await?;
        let stats = store.stats(&Toolkit::new()).await?;
        assert_eq!(stats.len(), 1);
        assert_eq!(stats[0].counts.succeeded, (2 * BATCHES * BATCH) as u64, "{stats:?}");
        assert_eq!(stats[0].counts.total(), stats[0].counts.succeeded);
        Ok(())
    })
}

async fn ingest(store: &dyn Store) -> Result<()> {
    let toolkit = Toolkit::new();
    for _ in 0..BATCHES {
        store.add_events(&toolkit, events(&toolkit, BATCH)).await?;
    }
    Ok(())
}

async fn work(store: &dyn Store, jobs: usize) -> Result<()> {
    let toolkit = Toolkit::new();
    let deadline = Instant::now() + Duration::from_mins(5);
    let mut reported = 0;
    while reported < jobs {
        assert!(Instant::now() < deadline, "{reported} of {jobs} jobs came");
        let claimed = store.claim(&toolkit, claim("worker", 50)).await?;
        let outcomes = succeeded(&toolkit, &claimed)?;
        if outcomes.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        reported +=
            usize::try_from(store.add_transitions(&toolkit, outcomes).await?.new).expect("few");
    }
    Ok(())
}

/// SQLite's lock has no queue: whoever always has something to write must let others in.
#[test]
fn one_that_never_rests_lets_the_other_write() -> Result<()> {
    run(async {
        let folder = Folder::new();
        // Without syncs there is hardly a moment in which the lock is free.
        let restless = open(folder.options().with_context("synchronous", "off")).await?;
        let other = open(folder.options().with_context("busy_timeout", "20s")).await?;
        let toolkit = Toolkit::new();
        let done = Arc::new(AtomicBool::new(false));
        let mut tasks: Vec<tokio::task::JoinHandle<Result<()>>> = Vec::new();
        for _ in 0..8 {
            let (store, toolkit, done) =
                (Arc::clone(&restless), toolkit.clone(), Arc::clone(&done));
            tasks.push(tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    store.add_events(&toolkit, events(&toolkit, 3)).await?;
                }
                Ok(())
            }));
        }
        for _ in 0..20 {
            other.add_events(&toolkit, events(&toolkit, 1)).await?;
        }
        done.store(true, Ordering::SeqCst);
        for task in tasks {
            task.await.expect("no panic")?;
        }
        Ok(())
    })
}

#[test]
fn two_processes_never_claim_the_same_job() -> Result<()> {
    const JOBS: usize = 2_000;
    let test = "two_processes_never_claim_the_same_job";
    if let Some((_, options)) = role() {
        return run(async {
            let store = open(options).await?;
            let toolkit = Toolkit::new();
            let mut told = std::io::stdout().lock();
            loop {
                let claimed = store
                    .claim(&toolkit, claim(&format!("worker {}", std::process::id()), 7))
                    .await?;
                if claimed.queue.events.is_empty() {
                    return Ok(());
                }
                for (_, job) in claimed.queue.jobs() {
                    writeln!(told, "job {}", job.id).expect("a pipe");
                }
            }
        });
    }
    let folder = Folder::new();
    run(async {
        let toolkit = Toolkit::new();
        folder.open().await?.add_events(&toolkit, events(&toolkit, JOBS)).await
    })?;
    let file = folder.file("store.db");
    let children =
        [start(test, "work", &file), start(test, "work", &file), start(test, "work", &file)];
    let mut claimed = Vec::new();
    for child in children {
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success());
        let told = String::from_utf8(output.stdout).expect("text");
        claimed.extend(told.lines().filter(|line| line.starts_with("job ")).map(str::to_owned));
    }
    let distinct: HashSet<&String> = claimed.iter().collect();
    assert_eq!((claimed.len(), distinct.len()), (JOBS, JOBS));
    Ok(())
}

#[test]
fn what_was_acknowledged_survives_the_kill_of_the_process_that_wrote_it() -> Result<()> {
    let test = "what_was_acknowledged_survives_the_kill_of_the_process_that_wrote_it";
    if let Some((_, options)) = role() {
        return run(async {
            let store = open(options).await?;
            let toolkit = Toolkit::new();
            let mut told = std::io::stdout();
            loop {
                let batch = events(&toolkit, 5);
                let added: Vec<String> = batch.iter().map(|event| event.id.to_string()).collect();
                store.add_events(&toolkit, batch).await?;
                // Perhaps those of a process that was killed, which are due before its own.
                let claimed = store.claim(&toolkit, claim("worker", 5)).await?;
                store.add_transitions(&toolkit, succeeded(&toolkit, &claimed)?).await?;
                let ended = claimed.queue.jobs().map(|(_, job)| job.id.to_string());
                let ended: Vec<String> = ended.collect();
                writeln!(told, "stored {} {}", added.join(","), ended.join(",")).expect("a pipe");
                told.flush().expect("a pipe");
            }
        });
    }
    let folder = Folder::new();
    for round in 1..=3 {
        let mut child = start(test, "write", &folder.file("store.db"));
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (mut added, mut ended) = (Vec::new(), Vec::new());
        let stored = lines.map_while(std::io::Result::ok);
        let stored = stored.filter(|line| line.starts_with("stored "));
        for (number, line) in stored.enumerate() {
            let lists: Vec<&str> = line.split(' ').collect();
            added.extend(lists[1].split(',').map(|id| id.parse::<EventId>().expect("an id")));
            ended.extend(lists[2].split(',').map(|id| id.parse::<JobId>().expect("an id")));
            if number == 20 * round {
                // In the middle of what it does next.
                child.kill().expect("our own child");
            }
        }
        child.wait().expect("an end");
        assert!(added.len() >= 100);
        run(async {
            let store = folder.open().await?;
            let toolkit = Toolkit::new();
            for id in added {
                store.find_event(&toolkit, id).await?;
            }
            for id in ended {
                let job = store.find_job(&toolkit, id).await?;
                assert_eq!(job.status(), Some(Status::Succeeded), "{id}");
            }
            whole(store.as_ref(), &toolkit).await
        })?;
    }
    Ok(())
}

/// Every event has its job, and the counters say what the jobs say.
async fn whole(store: &dyn Store, toolkit: &Toolkit) -> Result<()> {
    let mut filter = WhereEvents::default().with_limit(1_000);
    let mut jobs: Vec<Job> = Vec::new();
    loop {
        let page = store.find_events(toolkit, filter.clone()).await?;
        let whole = |event: &Event| event.jobs.len() == 1;
        assert!(page.entries.iter().all(whole));
        jobs.extend(page.entries.into_iter().flat_map(|event| event.jobs));
        match page.meta.next_cursor {
            Some(cursor) => filter = filter.with_cursor(cursor),
            None => break,
        }
    }
    let stats = store.stats(toolkit).await?;
    for status in Status::ALL {
        let counted = jobs.iter().filter(|job| job.status() == Some(status)).count() as u64;
        assert_eq!(stats[0].counts.of(status), counted, "{status}");
    }
    Ok(())
}
