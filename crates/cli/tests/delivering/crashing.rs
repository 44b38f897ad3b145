//! Processes that are killed, and a server that goes away.

use std::time::Duration;

use blacksmith_testing_receiver::Behaviour;

use crate::{
    checks::Seen,
    webhooks::Webhooks,
    workshop::{Kind, Workshop},
};

/// Of three processes one is killed in the middle, twice, and is replaced; a server is stopped with `-m immediate` and started
/// again. All jobs end.
fn whatever_is_killed_every_job_ends(kind: Kind, webhooks: &Webhooks, patience: Duration) {
    let workshop = Workshop::new(kind, Behaviour::flaky(2));
    let expected = workshop.ingest(webhooks);
    let jobs = workshop.counts().unwrap().total();
    let mut processes: Vec<_> = (0..3).map(|_| workshop.run()).collect();

    for sixth in [1, 2] {
        workshop.until_have_ended(jobs * sixth / 6, patience);
        processes.remove(0).kill();
        processes.push(workshop.run());
    }
    if let Some(server) = &workshop.server {
        workshop.until_have_ended(jobs / 2, patience);
        server.stop_immediately().unwrap();
        // Long enough for every call that was on its way to fail.
        std::thread::sleep(Duration::from_secs(3));
        server.restart().unwrap();
    }
    workshop.until_all_have_ended(patience);
    for mut process in processes {
        assert!(process.is_running(), "{}", workshop.log());
        process.stop(Duration::from_secs(30));
    }

    let seen = Seen::by(&workshop);
    seen.every_job_has_ended(&expected);
    seen.every_payload_came(&expected);
    let again = seen.only_cut_jobs_came_again();
    assert!(seen.cuts() > 0, "two processes were killed for nothing");
    eprintln!("{kind:?}: {seen}; {again} came again after they had been accepted");
}

#[test]
fn whatever_is_killed_every_job_ends_on_sqlite() {
    whatever_is_killed_every_job_ends(Kind::Sqlite, &Webhooks::few(), Duration::from_mins(3));
}

#[test]
fn whatever_is_killed_every_job_ends_on_postgres() {
    whatever_is_killed_every_job_ends(Kind::Postgres, &Webhooks::few(), Duration::from_mins(3));
}

#[test]
#[ignore = "takes minutes"]
fn whatever_is_killed_all_jobs_end_on_sqlite() {
    whatever_is_killed_every_job_ends(Kind::Sqlite, &Webhooks::all(), Duration::from_mins(30));
}

#[test]
#[ignore = "takes minutes"]
fn whatever_is_killed_all_jobs_end_on_postgres() {
    whatever_is_killed_every_job_ends(Kind::Postgres, &Webhooks::all(), Duration::from_mins(30));
}
