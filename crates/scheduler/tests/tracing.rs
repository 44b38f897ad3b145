//! What a scheduler says about its work: ids and counts, never a payload, never what an error says.

mod world;

use std::{
    collections::HashMap,
    fmt::{Debug, Write as _},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use blacksmith_scheduler::{Delivery, Destination, Failure, FollowUp, Then, batch, each};
use blacksmith_store::{Event, Job, JobId, Schedule, Status, Store as _};
use tracing::{
    Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use world::{World, start};

/// Stands in every payload, in every context, in every error and in every panic.
const SECRET: &str = "hunter2";

/// Writes every span and every event on a line of its own.
#[derive(Clone, Default)]
struct Lines(Arc<Inner>);

#[derive(Default)]
struct Inner {
    lines: Mutex<Vec<String>>,
    spans: AtomicU64,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Lines {
    fn push(&self, kind: &str, metadata: &Metadata<'_>, record: impl FnOnce(&mut Fields)) {
        let mut fields = Fields(format!("{kind} {} {}", metadata.level(), metadata.name()));
        record(&mut fields);
        self.0.lines.lock().expect("no panic while it writes").push(fields.0);
    }

    /// The lines that contain all of these.
    fn with(&self, parts: &[&str]) -> usize {
        let lines = self.0.lines.lock().expect("no panic while it writes");
        lines.iter().filter(|line| parts.iter().all(|part| line.contains(part))).count()
    }

    fn all(&self) -> String {
        self.0.lines.lock().expect("no panic while it writes").join("\n")
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.push("span", span.metadata(), |fields| span.record(fields));
        Id::from_u64(self.0.spans.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut fields = Fields("later".to_owned());
        values.record(&mut fields);
        self.0.lines.lock().expect("no panic while it writes").push(fields.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        self.push("event", event.metadata(), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Adds a job for each action, with the secret wherever a payload can be, and answers their ids.
async fn add(world: &World, actions: &[&'static str]) -> HashMap<&'static str, JobId> {
    let mut event = Event::new(world.toolkit.event_id(), "shop", "order.paid")
        .with_context(SECRET)
        .with_data(SECRET);
    let mut ids = HashMap::new();
    for action in actions {
        let id = world.toolkit.job_id();
        ids.insert(*action, id);
        event = event.with_job(Job::new(id, "crm", *action).with_data(SECRET).with_context(SECRET));
    }
    world.store.add_events(&world.toolkit, vec![event]).await.expect("an event is added");
    ids
}

fn crm() -> Destination {
    let retried = each("retried", async |delivery: Delivery| match delivery.attempt() {
        1 => Err(Failure::new(SECRET).with_status_code(503)),
        _ => Ok(()),
    });
    Destination::new("crm")
        .with_schedule(Schedule::new(true, "@every 10s", 2))
        .with_action(each("well", async |_| {
            let notify = FollowUp::new("followed").with_data(SECRET);
            Ok(Then::succeeded().on_succeeded(notify))
        }))
        .with_action(each("followed", async |_| Ok(())))
        .with_action(retried)
        .with_action(each("refused", async |_| -> Result<(), _> {
            Err(Failure::new(SECRET).with_status_code(410).discard())
        }))
        .with_action(each("panics", async |delivery: Delivery| -> Result<(), Failure> {
            panic!("{}: {:?}", delivery.attempt(), delivery.data());
        }))
        .with_action(batch("silent", async |_| Ok(())))
        .with_action(
            each("late", async |delivery: Delivery| -> Result<(), Failure> {
                if delivery.attempt() == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(())
            })
            .with_timeout(Duration::from_secs(3)),
        )
}

#[tokio::test(start_paused = true)]
async fn work_is_told_by_ids_and_counts_and_never_by_what_is_delivered() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let world = World::new().await;
    let actions = ["well", "retried", "refused", "panics", "silent", "late", "abandoned"];
    let jobs = add(&world, &actions).await;
    world.claim_and_die("crm", "abandoned", 1).await;
    let abandoned = each("abandoned", async |_| Ok(()));

    let scheduler = start(world.scheduler("worker").with_destination(crm().with_action(abandoned)));
    world.until_finished().await;
    scheduler.stop().await;

    let id = |action: &str| format!("job={}", jobs[action]);
    for parts in [
        // Claims.
        &["event DEBUG", "message=claimed", "actor=\"worker\"", "jobs="][..],
        &["event TRACE", "message=claimed a job", &id("well"), "action=\"well\"", "attempt=1"],
        &["span DEBUG store", "operation=\"claim\""],
        // Runs.
        &[
            "span DEBUG run",
            "destination=\"crm\"",
            "action=\"well\"",
            &id("well"),
            "attempt=1",
            "jobs=1",
        ],
        &["event ERROR", "message=an action panicked"],
        // Outcomes.
        &["event TRACE", "message=job ended", &id("well"), "status=succeeded"],
        &["event WARN", "message=job discarded", &id("refused"), "status_code=410"],
        &["event WARN", "message=job discarded", &id("panics"), "attempt=3"],
        &["event DEBUG", "message=stored outcomes", "outcomes="],
        // Retries.
        &[
            "event INFO",
            "message=job will be retried",
            &id("retried"),
            "status=failed",
            "status_code=503",
            "run_at=2026-",
        ],
        &[
            "event INFO",
            "message=job will be retried",
            &id("silent"),
            "status=unknown",
            "run_at=2026-",
        ],
        &[
            "event INFO",
            "message=job will be retried",
            &id("late"),
            "status=failed",
            "run_at=2026-",
        ],
        // A rescue.
        &["event WARN", "message=rescued jobs whose lease had ended", "jobs=1"],
        &["span DEBUG run", &id("abandoned"), "attempt=2"],
        // The scheduler itself.
        &["event INFO", "message=scheduler started"],
        &["event INFO", "message=scheduler stopped"],
    ] {
        assert!(lines.with(parts) > 0, "nothing says {parts:?}: {}", lines.all());
    }
    assert_eq!(lines.with(&[SECRET]), 0, "{}", lines.all());
    assert_eq!(world.status(jobs["abandoned"]).await, Status::Succeeded);
}

#[tokio::test]
async fn a_simulation_tells_the_same() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let world = World::new().await;
    let jobs = add(&world, &["well", "retried"]).await;
    world.claim_and_die("crm", "well", 1).await;

    let ahead = world.ahead(Duration::from_secs(31));
    let scheduler = world.scheduler("worker").with_toolkit(ahead).with_destination(crm());
    scheduler.simulate().expect("a simulation").run_due().await.expect("a step");

    for parts in [
        &["message=claimed", "jobs=2"][..],
        &["message=rescued jobs whose lease had ended", "jobs=1"],
        &["span DEBUG run", &format!("job={}", jobs["well"])],
        &["message=job will be retried", &format!("job={}", jobs["retried"])],
    ] {
        assert!(lines.with(parts) > 0, "nothing says {parts:?}: {}", lines.all());
    }
    assert_eq!(lines.with(&[SECRET]), 0, "{}", lines.all());
}
