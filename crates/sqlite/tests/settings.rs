//! What the settings change: stores in memory, without threads, durable or not; and space that comes back.

mod support;

use std::{fs, time::Duration};

use blacksmith_store_core::{
    Adapter as _, Capabilities, Clock, Options, PurgeRequest, Result, SetClock, Status, Store,
    Toolkit, WhereEvents,
};
use support::{Folder, claim, events, next, open, run, succeeded};

/// Adds, claims, reports, finds.
async fn lives(store: &dyn Store) -> Result<()> {
    let toolkit = Toolkit::new();
    store.add_events(&toolkit, events(&toolkit, 5)).await?;
    let claimed = store.claim(&toolkit, claim("worker", 3)).await?;
    store.add_transitions(&toolkit, succeeded(&toolkit, &claimed)?).await?;
    let stats = store.stats(&toolkit).await?;
    assert_eq!((stats[0].counts.acknowledged, stats[0].counts.succeeded), (2, 3));
    let page = store.find_jobs(&toolkit, WhereEvents::default()).await?;
    assert_eq!(page.meta.count, Some(5));
    assert!(store.maintain(&toolkit).await.is_ok());
    Ok(())
}

#[test]
fn only_a_file_that_is_surely_not_there_is_absent() -> Result<()> {
    let (folder, adapter) = (Folder::new(), blacksmith_store_sqlite::adapter());
    let options = folder.options();
    assert!(adapter.is_absent(&options));
    assert!(!folder.file("store.db").exists());
    for cannot_be_told in [
        Options::new("sqlite").with_connection(":memory:"),
        options.clone().with_context("vfs", "another"),
        options.clone().with_context("no such setting", "1"),
        Options::new("sqlite"),
    ] {
        assert!(!adapter.is_absent(&cannot_be_told), "{cannot_be_told:?}");
    }
    drop(run(folder.open())?);
    assert!(!adapter.is_absent(&options));
    Ok(())
}

/// SQLite moves the log into the file when the last connection closes; of several that closed at once, none was the last.
#[test]
fn a_closed_store_is_one_file() -> Result<()> {
    run(async {
        let toolkit = Toolkit::new();
        for _ in 0..50 {
            let folder = Folder::new();
            let store = folder.open().await?;
            store.add_events(&toolkit, events(&toolkit, 1)).await?;
            drop(store);
            let files = fs::read_dir(folder.file("")).expect("the folder");
            let names: Vec<_> = files.map(|file| file.expect("a file").file_name()).collect();
            assert_eq!(names, ["store.db"]);
        }
        Ok(())
    })
}

#[test]
fn a_store_in_memory_is_private_and_ends_with_its_handle() -> Result<()> {
    run(async {
        let options = Options::new("sqlite").with_connection(":memory:");
        let store = open(options.clone()).await?;
        assert_eq!(store.capabilities(), Capabilities::NONE.with_wakeups());
        lives(store.as_ref()).await?;
        let other = open(options).await?;
        assert_eq!(other.stats(&Toolkit::new()).await?, []);
        Ok(())
    })
}

#[test]
fn a_store_without_threads_lives() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let inline = |options: Options| options.with_context("writer", "inline");
        lives(open(inline(folder.options())).await?.as_ref()).await?;
        let memory = Options::new("sqlite").with_connection(":memory:");
        lives(open(inline(memory)).await?.as_ref()).await
    })
}

/// With a set clock and a seed, what is stored repeats itself to the byte.
#[test]
fn a_run_without_threads_repeats_itself() -> Result<()> {
    run(async {
        let mut runs = Vec::new();
        for _ in 0..2 {
            let folder = Folder::new();
            let store = open(folder.options().with_context("writer", "inline")).await?;
            let clock = SetClock::at("2026-01-01T00:00:00Z".parse().expect("an instant"));
            let toolkit = Toolkit::new().with_clock(Clock::Set(clock.clone())).with_seed(7);
            store.add_events(&toolkit, events(&toolkit, 20)).await?;
            clock.advance(Duration::from_secs(1));
            let claimed = store.claim(&toolkit, claim("worker", 10)).await?;
            store.add_transitions(&toolkit, succeeded(&toolkit, &claimed)?).await?;
            let filter = WhereEvents::default().with_limit(100);
            let page = store.find_transitions(&toolkit, filter).await?;
            runs.push(serde_json::to_string(&page.entries).expect("JSON"));
        }
        assert_eq!(runs[0], runs[1]);
        Ok(())
    })
}

#[test]
fn every_way_to_sync_lives() -> Result<()> {
    run(async {
        for synchronous in ["off", "normal", "full", "extra"] {
            let folder = Folder::new();
            let options = folder.options().with_context("synchronous", synchronous);
            lives(open(options).await?.as_ref()).await?;
        }
        Ok(())
    })
}

#[test]
fn a_url_is_a_connection_too() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let url = format!("sqlite://{}", folder.file("store.db").display());
        lives(open(Options::new("sqlite").with_connection(url)).await?.as_ref()).await?;
        assert!(folder.file("store.db").exists());
        Ok(())
    })
}

/// `auto_vacuum` that is set after the first table does nothing: the file would keep its size.
#[test]
fn space_comes_back_after_a_purge() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        let fill = "x".repeat(2_000);
        for _ in 0..10 {
            let batch = events(&toolkit, 500).into_iter();
            let batch = batch.map(|event| event.with_data(fill.clone())).collect();
            store.add_events(&toolkit, batch).await?;
        }
        let claimed = store.claim(&toolkit, claim("worker", 5_000)).await?;
        store.add_transitions(&toolkit, succeeded(&toolkit, &claimed)?).await?;
        let purged = store.purge(&toolkit, PurgeRequest::everything().with_recent()).await?;
        assert_eq!((purged.events, purged.transitions), (5_000, 15_000));
        while store.maintain(&toolkit).await?.more {}
        let maintained = store.maintain(&toolkit).await?;
        assert_eq!(maintained.rows, 0, "nothing is left to give back");
        drop(store);
        let size = fs::metadata(folder.file("store.db")).expect("the file").len();
        assert!(size < 1 << 20, "{size} bytes are left of 10 MB");
        Ok(())
    })
}

#[test]
fn pauses_end_for_every_handle_and_wake_who_waits() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let (one, other) = (folder.open().await?, folder.open().await?);
        let toolkit = Toolkit::new();
        one.add_events(&toolkit, events(&toolkit, 1)).await?;
        let pause = blacksmith_store_core::Pause::new(toolkit.pause_id(), "crm", "someone");
        one.pause(&toolkit, pause.clone()).await?;
        assert_eq!(other.claim(&toolkit, claim("worker", 1)).await?.queue.events, []);
        let mut wakeups = other.wakeups(&toolkit).await?;
        one.resume(&toolkit, pause.id).await?;
        assert!(next(&mut wakeups).await.is_some());
        assert_eq!(other.claim(&toolkit, claim("worker", 1)).await?.queue.events.len(), 1);
        Ok(())
    })
}

/// Few jobs are looked for one by one and many in their order; both find the same.
#[test]
fn events_of_few_and_of_many_jobs_are_found_alike() -> Result<()> {
    use blacksmith_store_core::{WhereJobs, WhereTransitions};

    run(async {
        let folder = Folder::new();
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        for _ in 0..3 {
            store.add_events(&toolkit, events(&toolkit, 5_000)).await?;
        }
        let claimed = store.claim(&toolkit, claim("worker", 30)).await?;
        let ended = succeeded(&toolkit, &claimed)?[..10].to_vec();
        store.add_transitions(&toolkit, ended).await?;
        for (status, count) in [
            (Status::Acknowledged, 14_970),
            (Status::Executing, 20),
            (Status::Succeeded, 10),
            (Status::Failed, 0),
        ] {
            let transitions = WhereTransitions::default().with_status_in([status]);
            let jobs = WhereJobs::default().with_transitions(transitions);
            let filter = WhereEvents::default().with_jobs(jobs).with_limit(5);
            let found = store.find_events(&toolkit, filter.clone()).await?;
            assert_eq!(found.meta.count, Some(count), "{status}");
            assert!(found.entries.iter().all(|event| event.jobs[0].status() == Some(status)));
            let jobs = store.find_jobs(&toolkit, filter).await?;
            assert_eq!(jobs.meta.count, Some(count), "{status}");
            assert!(jobs.entries.iter().all(|job| job.status() == Some(status)));
            let ids = |events: &[blacksmith_store_core::Event]| -> Vec<_> {
                events.iter().flat_map(|event| &event.jobs).map(|job| job.id).collect()
            };
            let mut of_events = ids(&found.entries);
            of_events.sort_unstable();
            let mut of_jobs: Vec<_> = jobs.entries.iter().map(|job| job.id).collect();
            of_jobs.sort_unstable();
            assert_eq!(of_events, of_jobs, "{status}: the newest five");
        }
        Ok(())
    })
}
