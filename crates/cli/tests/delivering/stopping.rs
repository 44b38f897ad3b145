//! SIGTERM under load.

use std::time::Duration;

use blacksmith_testing_receiver::Behaviour;

use crate::{
    webhooks::Webhooks,
    workshop::{Kind, Workshop},
};

/// The deadline of a shutdown, and a little for the process to end.
const DEADLINE: Duration = Duration::from_secs(32);

fn sigterm_leaves_no_job_executing(kind: Kind, webhooks: &Webhooks) {
    let workshop = Workshop::new(kind, Behaviour::flaky(3));
    workshop.ingest(webhooks);
    let jobs = workshop.counts().unwrap().total();
    for _ in 0..3 {
        let before = workshop.counts().unwrap();
        let process = workshop.run();
        // In the middle of it: this process has delivered some, and there are more.
        let ended = before.succeeded + before.discarded + jobs / 8;
        workshop.until_have_ended(ended, Duration::from_mins(2));
        let took = process.stop(DEADLINE);
        let counts = workshop.counts().unwrap();
        assert_eq!(counts.executing, 0, "{counts:?}");
        assert!(counts.succeeded + counts.discarded < jobs, "there was nothing left to stop");
        eprintln!("{kind:?}: stopped within {took:?}: {counts:?}");
    }
}

#[test]
fn sigterm_leaves_no_job_executing_on_sqlite() {
    sigterm_leaves_no_job_executing(Kind::Sqlite, &Webhooks::few());
}

#[test]
fn sigterm_leaves_no_job_executing_on_postgres() {
    sigterm_leaves_no_job_executing(Kind::Postgres, &Webhooks::few());
}
