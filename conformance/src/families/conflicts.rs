//! An id that is stored with other content is refused, whatever member differs; what is not compared is no conflict.

use std::time::Duration;

use blacksmith_store_core::{ErrorKind, Event, Job, Status};
use bytes::Bytes;

use crate::{
    case::{Edit, family},
    failure::{Outcome, expect_eq, expect_error, expect_names},
    world::{World, instant, latest, with},
};

family! {
    "conflicts";
    an_event_that_differs_in_a_compared_member,
    an_event_that_differs_in_a_member_that_is_not_compared_is_known,
    a_job_in_its_event_that_differs_in_a_compared_member,
    a_job_alone_that_differs_in_a_compared_member,
    a_job_that_differs_in_a_member_that_is_not_compared_is_known,
    a_job_of_another_event,
    a_job_of_a_new_event_that_is_stored_with_another,
    two_different_events_of_one_id_in_one_call,
    two_different_jobs_of_one_id_in_one_call,
    a_first_transition_whose_id_is_stored_with_another_job,
    a_conflict_after_the_job_moved_on,
}

const EVENT_EDITS: &[Edit<Event>] = &[
    ("source", |event| event.source.push('x')),
    ("source, its case", |event| event.source = event.source.to_uppercase()),
    ("source, a space", |event| event.source.push(' ')),
    ("trigger", |event| event.trigger.push('x')),
    ("version", |event| event.version = Some("2027".into())),
    ("version, absent", |event| event.version = None),
    ("context", |event| event.context = Some(Bytes::from_static(b"context2"))),
    ("context, empty", |event| event.context = Some(Bytes::new())),
    ("context, absent", |event| event.context = None),
    ("data", |event| event.data = Some(Bytes::from_static(b"date"))),
    ("data, a NUL", |event| event.data = Some(Bytes::from_static(b"data\0"))),
    ("data, empty", |event| event.data = Some(Bytes::new())),
    ("data, absent", |event| event.data = None),
    ("sent_at", |event| event.sent_at = event.sent_at.map(|at| at + Duration::from_micros(1))),
    ("sent_at, absent", |event| event.sent_at = None),
    ("parent", |event| event.parent_event_id = Some(event.id)),
    ("parent, absent", |event| event.parent_event_id = None),
];

const JOB_EDITS: &[Edit<Job>] = &[
    ("destination", |job| job.destination.push('x')),
    ("destination, its case", |job| job.destination = job.destination.to_uppercase()),
    ("action", |job| job.action.push('x')),
    ("version", |job| job.version = Some("2027".into())),
    ("version, absent", |job| job.version = None),
    ("context", |job| job.context = Some(Bytes::from_static(b"context2"))),
    ("context, empty", |job| job.context = Some(Bytes::new())),
    ("context, absent", |job| job.context = None),
    ("data", |job| job.data = Some(Bytes::from_static(b"date"))),
    ("data, empty", |job| job.data = Some(Bytes::new())),
    ("data, absent", |job| job.data = None),
    ("parent", |job| job.parent_job_id = Some(job.id)),
    ("parent, absent", |job| job.parent_job_id = None),
];

/// An event in which every compared member is set.
fn event(world: &World) -> Event {
    let event = world.event().with_version("2026").with_context("context").with_data("data");
    with(event, |event| {
        event.sent_at = Some(instant("2026-02-01T00:00:00.5Z"));
        event.parent_event_id = Some(world.toolkit.event_id());
    })
}

/// A job in which every compared member is set.
fn job(world: &World) -> Job {
    let job = world.job("crm").with_version("2026").with_context("context").with_data("data");
    with(job, |job| job.parent_job_id = Some(world.toolkit.job_id()))
}

async fn an_event_that_differs_in_a_compared_member(world: &World) -> Outcome {
    let stored = event(world).with_job(job(world));
    world.store.add_events(vec![stored.clone()]).await?;
    let bare = world.event();
    world.store.add_events(vec![bare.clone()]).await?;
    let before = world.contents().await?;

    for (member, edit) in EVENT_EDITS {
        let differing = with(stored.clone(), edit);
        let refused = world.store.add_events(vec![differing]).await;
        let error = expect_error(format!("another {member}"), refused, ErrorKind::Conflict)?;
        expect_names(&error, [stored.id])?;
    }
    for given in [
        with(bare.clone(), |event| event.version = Some("2026".into())),
        with(bare.clone(), |event| event.context = Some(Bytes::new())),
        with(bare.clone(), |event| event.data = Some(Bytes::new())),
        with(bare.clone(), |event| event.sent_at = Some(world.now())),
        with(bare.clone(), |event| event.parent_event_id = Some(stored.id)),
    ] {
        let refused = world.store.add_events(vec![given]).await;
        expect_error("a member that was absent", refused, ErrorKind::Conflict)?;
    }
    world.expect_unchanged("refused events", &before).await
}

async fn an_event_that_differs_in_a_member_that_is_not_compared_is_known(world: &World) -> Outcome {
    let stored = event(world);
    world.store.add_events(vec![stored.clone()]).await?;
    let before = world.contents().await?;

    let edits: &[Edit<Event>] = &[
        ("received_at", |event| event.received_at = Some(instant("2020-01-01T00:00:00Z"))),
        ("ingested_at", |event| event.ingested_at = Some(instant("2020-01-01T00:00:00Z"))),
        ("sent_at, its nanoseconds", |event| {
            event.sent_at = event.sent_at.map(|at| at + Duration::from_nanos(999));
        }),
    ];
    for (member, edit) in edits {
        let added = world.store.add_events(vec![with(stored.clone(), edit)]).await?;
        expect_eq(format!("another {member}"), (added.events, added.events_known), (0, 1))?;
    }
    world.expect_unchanged("known events", &before).await
}

async fn a_job_in_its_event_that_differs_in_a_compared_member(world: &World) -> Outcome {
    let stored = job(world);
    let event = event(world).with_job(stored.clone());
    world.store.add_events(vec![event.clone()]).await?;
    let before = world.contents().await?;

    for (member, edit) in JOB_EDITS {
        let differing = with(event.clone(), |event| edit(&mut event.jobs[0]));
        let refused = world.store.add_events(vec![differing]).await;
        let error = expect_error(format!("another {member}"), refused, ErrorKind::Conflict)?;
        expect_names(&error, [stored.id])?;
    }
    world.expect_unchanged("refused jobs", &before).await
}

async fn a_job_alone_that_differs_in_a_compared_member(world: &World) -> Outcome {
    let event = event(world);
    world.store.add_events(vec![event.clone()]).await?;
    let stored = job(world).with_event_id(event.id);
    world.store.add_jobs(vec![stored.clone()]).await?;
    let before = world.contents().await?;

    for (member, edit) in JOB_EDITS {
        let refused = world.store.add_jobs(vec![with(stored.clone(), edit)]).await;
        let error = expect_error(format!("another {member}"), refused, ErrorKind::Conflict)?;
        expect_names(&error, [stored.id])?;
    }
    world.expect_unchanged("refused jobs", &before).await
}

async fn a_job_that_differs_in_a_member_that_is_not_compared_is_known(world: &World) -> Outcome {
    let event = event(world);
    world.store.add_events(vec![event.clone()]).await?;
    let stored = job(world).with_event_id(event.id);
    world.store.add_jobs(vec![stored.clone()]).await?;
    let before = world.contents().await?;

    let first = world.first(Status::Awaiting).with_actor("somebody");
    let others = [
        with(stored.clone(), |job| job.created_at = Some(instant("2020-01-01T00:00:00Z"))),
        stored.clone().with_transition(first),
    ];
    for other in others {
        let added = world.store.add_jobs(vec![other]).await?;
        expect_eq("another time or transition", (added.jobs, added.jobs_known), (0, 1))?;
    }
    world.expect_unchanged("known jobs", &before).await
}

async fn a_job_of_another_event(world: &World) -> Outcome {
    let (one, two) = (world.event(), world.event());
    world.store.add_events(vec![one.clone(), two.clone()]).await?;
    let job = job(world);
    world.store.add_jobs(vec![job.clone().with_event_id(one.id)]).await?;
    let before = world.contents().await?;

    let moved = job.clone().with_event_id(two.id);
    let refused = world.store.add_jobs(vec![moved]).await;
    let error = expect_error("the job of another event", refused, ErrorKind::Conflict)?;
    expect_names(&error, [job.id])?;
    let refused = world.store.add_events(vec![two.with_job(job.clone())]).await;
    let error = expect_error("inside another event", refused, ErrorKind::Conflict)?;
    expect_names(&error, [job.id])?;
    world.expect_unchanged("the refused job", &before).await
}

async fn a_job_of_a_new_event_that_is_stored_with_another(world: &World) -> Outcome {
    let stored = world.stored_job("crm").await?;
    let before = world.contents().await?;

    let taken = with(world.job("crm"), |job| job.id = stored.id);
    let refused = world.store.add_events(vec![world.event().with_job(taken)]).await;
    let error = expect_error("a job id that is taken", refused, ErrorKind::Conflict)?;
    expect_names(&error, [stored.id])?;
    world.expect_unchanged("the event of the refused job", &before).await
}

async fn two_different_events_of_one_id_in_one_call(world: &World) -> Outcome {
    let before = world.contents().await?;
    for (member, edit) in EVENT_EDITS {
        let event = event(world);
        let other = with(event.clone(), edit);
        let refused = world.store.add_events(vec![world.event(), event.clone(), other]).await;
        let error = expect_error(format!("another {member}"), refused, ErrorKind::Conflict)?;
        expect_names(&error, [event.id])?;
    }
    world.expect_unchanged("refused events", &before).await
}

async fn two_different_jobs_of_one_id_in_one_call(world: &World) -> Outcome {
    let stored = world.event();
    world.store.add_events(vec![stored.clone()]).await?;
    let before = world.contents().await?;

    for (member, edit) in JOB_EDITS {
        let job = job(world);
        let other = with(job.clone(), edit);
        let event = event(world).with_job(job.clone()).with_job(other.clone());
        let refused = world.store.add_events(vec![event]).await;
        let error = expect_error(format!("another {member}"), refused, ErrorKind::Conflict)?;
        expect_names(&error, [job.id])?;
        let alone = [job, other].map(|job| job.with_event_id(stored.id));
        let refused = world.store.add_jobs(alone.to_vec()).await;
        expect_error(format!("another {member}, alone"), refused, ErrorKind::Conflict)?;
    }
    // The same job in two events is of another event once.
    let job = job(world);
    let events = vec![event(world).with_job(job.clone()), event(world).with_job(job)];
    let refused = world.store.add_events(events).await;
    expect_error("one job in two events", refused, ErrorKind::Conflict)?;
    world.expect_unchanged("refused jobs", &before).await
}

/// A transition's id is looked up to tell a resend from a conflict, so two jobs cannot share it.
async fn a_first_transition_whose_id_is_stored_with_another_job(world: &World) -> Outcome {
    let stored = world.claimed_job("crm").await?;
    let chain = world.history(stored.id).await?;
    let before = world.contents().await?;

    for taken in chain {
        let first = with(world.first(Status::Acknowledged), |first| first.id = taken.id);
        let event = world.event().with_job(world.job("crm").with_transition(first));
        let refused = world.store.add_events(vec![event]).await;
        let what = format!("the id of a transition to {}", taken.state_after);
        expect_error(what, refused, ErrorKind::Conflict)?;
    }
    world.expect_unchanged("the event of the refused transition", &before).await
}

async fn a_conflict_after_the_job_moved_on(world: &World) -> Outcome {
    let job = job(world);
    let event = event(world).with_job(job.clone());
    world.store.add_events(vec![event.clone()]).await?;
    let claimed = world.claim_one("crm").await?;
    let done = world.moved(&claimed, Status::Succeeded).await?;

    let differing = with(event, |event| event.jobs[0].data = None);
    let refused = world.store.add_events(vec![differing]).await;
    expect_error("other data of a finished job", refused, ErrorKind::Conflict)?;
    world.expect_latest("its latest transition", job.id, latest(&done)?.id).await
}
