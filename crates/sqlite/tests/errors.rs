//! Every kind of failure that SQLite can be made to have: the right kind of error, a sentence that helps, nothing changed, and
//! neither the path nor a payload in its text.

mod support;

use std::{
    error::Error as _,
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    time::Duration,
};

use blacksmith_store_core::{
    ErrorKind, Event, Job, Options, Result, Retry, StoreError, Toolkit, WhereEvents,
};
use support::{Folder, events, open, run};

/// A word in every path and payload, which no error may repeat.
const SECRET: &str = "hunter2";

#[track_caller]
fn is(error: &StoreError, kind: ErrorKind, words: &str) {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    assert_eq!(error.kind(), kind, "{told}");
    assert!(told.contains(words), "{words:?} is not in: {told}");
    assert!(!format!("{told} {error:?}").contains(SECRET), "a secret is in: {told} {error:?}");
}

fn at(path: &Path) -> Options {
    Options::new("sqlite").with_connection(path.to_string_lossy())
}

fn secret_events(toolkit: &Toolkit, count: usize, bytes: usize) -> Vec<Event> {
    let data = SECRET.repeat(bytes / SECRET.len() + 1);
    let add = |event: Event| event.with_data(data.clone());
    events(toolkit, count).into_iter().map(add).collect()
}

/// Says so even though the test passes, whose printing the harness keeps to itself.
fn not_tested(why: &str) {
    writeln!(std::io::stderr(), "NOT TESTED: {why}").expect("standard error");
}

async fn opening_fails(options: Options) -> StoreError {
    match open(options).await {
        Ok(_) => panic!("the store opened"),
        Err(error) => error,
    }
}

#[test]
fn a_file_that_is_no_database_is_a_configuration_error_and_stays_as_it_is() {
    run(async {
        let folder = Folder::new();
        let path = folder.file("hunter2.txt");
        let text = "Dear diary, this is not a database.\n".repeat(200);
        fs::write(&path, &text).expect("a file");

        let error = opening_fails(at(&path)).await;

        is(&error, ErrorKind::Config, "not an SQLite database");
        assert_eq!(error.operation(), "open");
        assert_eq!(fs::read_to_string(&path).expect("the file"), text);
    });
}

#[test]
fn a_folder_that_does_not_exist_is_a_configuration_error() {
    run(async {
        let folder = Folder::new();
        let error = opening_fails(at(&folder.file("hunter2").join("store.db"))).await;
        is(&error, ErrorKind::Config, "does its folder exist");
        assert!(!folder.file("hunter2").exists());
    });
}

#[test]
fn a_folder_in_place_of_a_file_is_a_configuration_error() {
    run(async {
        let folder = Folder::new();
        let path = folder.file("hunter2");
        fs::create_dir(&path).expect("a folder");
        is(&opening_fails(at(&path)).await, ErrorKind::Config, "cannot be opened");
    });
}

#[test]
fn a_file_that_must_exist_is_not_made() {
    run(async {
        let folder = Folder::new();
        let path = folder.file("hunter2.db");
        let error = opening_fails(at(&path).with_context("create", "false")).await;
        is(&error, ErrorKind::Config, "cannot be opened");
        assert!(!path.exists());
    });
}

#[test]
fn an_unknown_file_system_is_a_configuration_error() {
    run(async {
        let folder = Folder::new();
        let options = folder.options().with_context("vfs", "no such vfs");
        let error = opening_fails(options).await;
        is(&error, ErrorKind::Config, "VFS");
    });
}

#[test]
fn a_damaged_file_is_corrupt() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let toolkit = Toolkit::new();
        let store = folder.open().await?;
        store.add_events(&toolkit, secret_events(&toolkit, 500, 300)).await?;
        drop(store);
        // Everything but the first page, which says that it is a database.
        let path = folder.file("store.db");
        let length = fs::metadata(&path).expect("the file").len();
        let mut file = fs::OpenOptions::new().write(true).open(&path).expect("the file");
        file.seek(SeekFrom::Start(4_096)).expect("the second page");
        let rest = usize::try_from(length).expect("a small file") - 4_096;
        file.write_all(&vec![0xA5; rest]).expect("the file");
        drop(file);

        let error = match open(at(&path)).await {
            Err(error) => error,
            Ok(store) => {
                store.find_events(&toolkit, WhereEvents::default()).await.expect_err("damage")
            }
        };

        is(&error, ErrorKind::Corrupt, "damaged");
        assert_eq!(error.retry(), Retry::Never);
        Ok(())
    })
}

#[test]
fn a_damaged_row_is_corrupt() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let toolkit = Toolkit::new();
        let store = folder.open().await?;
        let event = secret_events(&toolkit, 1, 10).remove(0);
        let (id, job) = (event.id, event.jobs[0].id);
        store.add_events(&toolkit, vec![event]).await?;
        let other = rusqlite(&folder);
        for damage in [
            "UPDATE blacksmith_states SET status = 17",
            "UPDATE blacksmith_states SET status = 0, sequence = -1",
            "UPDATE blacksmith_states SET sequence = 5",
            "UPDATE blacksmith_states SET sequence = 0, attempt = -1",
            "UPDATE blacksmith_states SET attempt = 0; UPDATE blacksmith_jobs SET first_error = 'not JSON'",
            "UPDATE blacksmith_jobs SET first_error = NULL, first_id = x'00'",
        ] {
            other.execute_batch(damage).expect(damage);
            let error = store.find_job(&toolkit, job).await.expect_err(damage);
            is(&error, ErrorKind::Corrupt, "");
        }
        other
            .execute_batch("UPDATE blacksmith_events SET ingested_at = 9223372036854775807")
            .expect("damage");
        is(
            &store.find_event(&toolkit, id).await.expect_err("damage"),
            ErrorKind::Corrupt,
            "instant",
        );
        Ok(())
    })
}

#[test]
fn a_store_that_is_opened_for_reading_refuses_to_write() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let toolkit = Toolkit::new();
        let store = folder.open().await?;
        store.add_events(&toolkit, events(&toolkit, 3)).await?;

        let reader = open(folder.options().with_context("read_only", "true")).await?;
        let page = reader.find_events(&toolkit, WhereEvents::default()).await?;
        assert_eq!(page.entries.len(), 3);

        let error = reader.add_events(&toolkit, events(&toolkit, 1)).await.expect_err("read-only");
        is(&error, ErrorKind::Config, "read-only");
        assert_eq!(error.operation(), "add_events");
        let page = store.find_events(&toolkit, WhereEvents::default()).await?;
        assert_eq!(page.meta.count, Some(3), "nothing changed");
        Ok(())
    })
}

#[test]
fn a_store_that_does_not_exist_cannot_be_opened_for_reading() {
    run(async {
        let folder = Folder::new();
        let error = opening_fails(folder.options().with_context("read_only", "true")).await;
        is(&error, ErrorKind::Config, "cannot be opened");
    });
}

/// A folder whose contents nobody may change, the superuser included, until it is dropped.
struct Locked<'a>(&'a Path);

impl<'a> Locked<'a> {
    /// `None` where the environment has no means to lock it.
    #[cfg(unix)]
    fn new(folder: &'a Path) -> Option<Self> {
        use std::os::unix::fs::PermissionsExt as _;

        fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).expect("our own folder");
        if fs::write(folder.join("probe"), "").is_err() {
            return Some(Self(folder));
        }
        // Permissions do not bind the superuser; the attribute does, where the file system has it.
        fs::remove_file(folder.join("probe")).expect("our own file");
        let locked = std::process::Command::new("chattr").arg("+i").arg(folder).status();
        let lock = Self(folder);
        (locked.is_ok_and(|status| status.success())
            && fs::write(folder.join("probe"), "").is_err())
        .then_some(lock)
    }
}

#[cfg(unix)]
impl Drop for Locked<'_> {
    fn drop(&mut self) {
        use std::os::unix::fs::PermissionsExt as _;

        // Only one of the two was needed, and the other then fails.
        let _ = std::process::Command::new("chattr").arg("-i").arg(self.0).output();
        let _ = fs::set_permissions(self.0, fs::Permissions::from_mode(0o755));
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_a_configuration_error() {
    run(async {
        let folder = Folder::new();
        let path = folder.file("hunter2");
        fs::create_dir(&path).expect("a folder");
        let Some(_locked) = Locked::new(&path) else {
            not_tested("this environment cannot make a folder read-only for the superuser");
            return;
        };
        let error = opening_fails(at(&path.join("store.db"))).await;
        is(&error, ErrorKind::Config, "cannot be opened");
    });
}

/// The largest file that the settings allow is a full disk for SQLite, whatever the environment can mount.
#[test]
fn a_file_that_may_not_grow_is_a_full_disk_and_nothing_changes() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = open(folder.options().with_context("max_page_count", "120")).await?;
        let toolkit = Toolkit::new();
        store.add_events(&toolkit, events(&toolkit, 10)).await?;

        let error = store
            .add_events(&toolkit, secret_events(&toolkit, 50, 100_000))
            .await
            .expect_err("full");

        is(&error, ErrorKind::Unavailable, "full");
        assert_eq!(error.retry(), Retry::Safe);
        let page = store.find_events(&toolkit, WhereEvents::default()).await?;
        assert_eq!(page.meta.count, Some(10), "nothing changed");
        store.add_events(&toolkit, events(&toolkit, 1)).await?;
        Ok(())
    })
}

/// A small file system in memory, unmounted when it is dropped.
#[cfg(target_os = "linux")]
struct SmallDisk<'a>(&'a Path);

#[cfg(target_os = "linux")]
impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at)
            .output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount").arg(self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "the small disk stays mounted");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_unavailable_and_nothing_changes() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let path = folder.file("hunter2");
        fs::create_dir(&path).expect("a folder");
        let Some(_disk) = SmallDisk::mount(&path, "4m") else {
            not_tested("this environment cannot mount a small disk");
            return Ok(());
        };
        let options = at(&path.join("store.db"));
        let store = open(options.clone()).await?;
        let toolkit = Toolkit::new();
        store.add_events(&toolkit, events(&toolkit, 10)).await?;

        let error = store
            .add_events(&toolkit, secret_events(&toolkit, 50, 200_000))
            .await
            .expect_err("full");

        is(&error, ErrorKind::Unavailable, "disk");
        assert_eq!(error.retry(), Retry::Safe);
        let page = store.find_events(&toolkit, WhereEvents::default()).await?;
        assert_eq!(page.meta.count, Some(10), "nothing changed");
        drop(store);

        let again = open(options).await?;
        let page = again.find_events(&toolkit, WhereEvents::default()).await?;
        assert_eq!(page.meta.count, Some(10), "nothing changed");
        Ok(())
    })
}

#[cfg(target_os = "linux")]
#[test]
fn a_store_cannot_be_made_on_a_full_disk() {
    run(async {
        let folder = Folder::new();
        let path = folder.file("hunter2");
        fs::create_dir(&path).expect("a folder");
        let Some(_disk) = SmallDisk::mount(&path, "64k") else {
            not_tested("this environment cannot mount a small disk");
            return;
        };
        fs::write(path.join("rest"), vec![0; 64 << 10]).expect("the rest of the disk");
        is(&opening_fails(at(&path.join("store.db"))).await, ErrorKind::Unavailable, "disk");
    });
}

#[test]
fn a_lock_that_another_process_holds_is_waited_for_until_the_deadline() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        let lock = rusqlite(&folder);
        lock.execute_batch("BEGIN IMMEDIATE").expect("the lock");

        let hasty = toolkit.clone().with_timeout(Duration::from_millis(50));
        let error =
            store.add_events(&hasty, secret_events(&toolkit, 1, 10)).await.expect_err("late");
        is(&error, ErrorKind::Timeout, "deadline");
        assert_eq!(error.retry(), Retry::Safe, "it was never begun");

        lock.execute_batch("ROLLBACK").expect("the lock");
        let page = store.find_events(&toolkit, WhereEvents::default()).await?;
        assert_eq!(page.meta.count, Some(0), "and never is");
        store.add_events(&toolkit, events(&toolkit, 1)).await?;
        Ok(())
    })
}

#[test]
fn a_lock_that_is_held_for_too_long_is_unavailable() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = open(folder.options().with_context("busy_timeout", "100ms")).await?;
        let toolkit = Toolkit::new();
        let lock = rusqlite(&folder);
        lock.execute_batch("BEGIN IMMEDIATE").expect("the lock");

        let error = store.add_events(&toolkit, events(&toolkit, 1)).await.expect_err("busy");

        is(&error, ErrorKind::Unavailable, "busy");
        assert_eq!(error.retry(), Retry::Safe);
        Ok(())
    })
}

#[test]
fn reads_do_not_wait_for_those_who_write() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        store.add_events(&toolkit, events(&toolkit, 2)).await?;
        let lock = rusqlite(&folder);
        lock.execute_batch("BEGIN IMMEDIATE; DELETE FROM blacksmith_jobs").expect("the lock");
        let page = store.find_jobs(&toolkit, WhereEvents::default()).await?;
        assert_eq!(page.entries.len(), 2);
        Ok(())
    })
}

#[test]
fn a_table_that_somebody_dropped_is_a_configuration_error() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        rusqlite(&folder).execute_batch("DROP TABLE blacksmith_pauses").expect("the table");
        let error = store.pauses(&toolkit).await.expect_err("no table");
        is(&error, ErrorKind::Config, "lacks a table");
        Ok(())
    })
}

#[test]
fn a_constraint_that_somebody_added_is_no_conflict() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        rusqlite(&folder)
            .execute_batch(
                "CREATE TRIGGER strange BEFORE INSERT ON blacksmith_events
                 BEGIN SELECT raise(ABORT, 'no events on Sundays'); END",
            )
            .expect("a trigger");
        let error = store.add_events(&toolkit, events(&toolkit, 1)).await.expect_err("refused");
        is(&error, ErrorKind::Internal, "constraint");
        Ok(())
    })
}

#[test]
fn a_search_ends_at_its_deadline() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = open(folder.options().with_context("readers", "1")).await?;
        let toolkit = Toolkit::new();
        for _ in 0..4 {
            store.add_events(&toolkit, events(&toolkit, 5_000)).await?;
        }
        // Looks at every event, and at every job of it.
        let jobs = blacksmith_store_core::WhereJobs::default().with_versions_in(["none"]);
        let filter = WhereEvents::default().with_jobs(jobs);
        let hasty = toolkit.clone().with_timeout(Duration::from_micros(500));

        let error = store.find_events(&hasty, filter.clone()).await.expect_err("late");

        is(&error, ErrorKind::Timeout, "deadline");
        assert_eq!(error.retry(), Retry::Safe);
        // The one reader is free again.
        assert_eq!(store.find_events(&toolkit, filter).await?.meta.count, Some(0));
        Ok(())
    })
}

#[test]
fn a_wrong_setting_is_told_before_anything_is_made() {
    run(async {
        let folder = Folder::new();
        let error = opening_fails(folder.options().with_context("sinchronous", "off")).await;
        is(&error, ErrorKind::Config, "sinchronous");
        assert!(!folder.file("store.db").exists());
    });
}

#[test]
fn a_payload_never_stands_in_a_conflict() -> Result<()> {
    run(async {
        let folder = Folder::new();
        let store = folder.open().await?;
        let toolkit = Toolkit::new();
        let job = Job::new(toolkit.job_id(), "crm", "upsert");
        let event =
            Event::new(toolkit.event_id(), "github", "push").with_data(SECRET).with_job(job);
        store.add_events(&toolkit, vec![event.clone()]).await?;
        let mut other = event;
        other.source = "gitlab".into();
        let error = store.add_events(&toolkit, vec![other]).await.expect_err("a conflict");
        is(&error, ErrorKind::Conflict, "other content");
        Ok(())
    })
}

/// A connection to the store's file that goes round the store.
fn rusqlite(folder: &Folder) -> blacksmith_store_sqlite::rusqlite::Connection {
    blacksmith_store_sqlite::rusqlite::Connection::open(folder.file("store.db")).expect("the file")
}
