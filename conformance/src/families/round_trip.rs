//! Every field comes back as it went in.

use std::time::Duration;

use blacksmith_store_core::{
    Event, EventId, Job, JobError, JobId, Status, TransitionId, Validation, WhereEvents,
};
use bytes::Bytes;

use crate::{
    case::family,
    failure::{Outcome, ensure, expect_eq},
    world::{World, instant, latest, with},
};

family! {
    "round_trip";
    every_field_of_an_event,
    an_event_with_its_required_fields_alone,
    every_field_of_a_job,
    a_job_with_its_required_fields_alone,
    every_field_of_a_first_transition,
    every_field_of_a_following_transition,
    a_first_transition_is_made_when_none_is_given,
    jobs_of_add_jobs_come_back_like_those_of_add_events,
    an_empty_payload_is_not_the_same_as_none,
    an_empty_version_is_none,
    a_given_ingested_at_is_ignored,
    a_given_created_at_of_a_transition_is_ignored,
    a_job_created_in_the_future_or_long_ago_is_due_at_once,
    an_event_carries_its_jobs_in_ascending_id,
    finding_by_id_and_by_filter_give_the_same,
    an_error_that_is_any_json_is_kept_to_the_byte,
    foreign_ids_are_welcome,
    several_jobs_of_one_event_may_lead_to_one_destination,
}

/// An event in which no field is left out.
fn full_event(world: &World) -> Event {
    let event =
        world.event().with_version("2026-02").with_context("{\"ip\":1}").with_data("{\"a\":[]}");
    with(event, |event| {
        event.sent_at = Some(instant("2026-02-28T23:59:59.000001Z"));
        event.received_at = Some(instant("2026-03-01T00:00:00.999999Z"));
        event.parent_event_id = Some(world.toolkit.event_id());
    })
}

/// A job in which no field is left out.
fn full_job(world: &World) -> Job {
    let first = world
        .first(Status::Acknowledged)
        .with_run_at(instant("2026-03-01T13:00:00.000001Z"))
        .with_actor("gateway-1")
        .with_error(JobError::new("held back").with_status_code(202));
    let job = world
        .job("crm")
        .with_version("v3")
        .with_context("{\"tenant\":7}")
        .with_data("{\"b\":{}}")
        .with_transition(first);
    with(job, |job| {
        job.created_at = Some(instant("2026-02-28T23:59:59.000003Z"));
        job.parent_job_id = Some(world.toolkit.job_id());
    })
}

async fn every_field_of_an_event(world: &World) -> Outcome {
    let event = full_event(world);
    world.store.add_events(vec![event.clone()]).await?;

    let expected = with(event.clone(), |event| event.ingested_at = Some(world.now()));
    expect_eq("the event", world.store.find_event(event.id).await?, expected)
}

async fn an_event_with_its_required_fields_alone(world: &World) -> Outcome {
    let event = world.event();
    world.store.add_events(vec![event.clone()]).await?;

    let expected = with(event.clone(), |event| {
        event.received_at = Some(world.now());
        event.ingested_at = Some(world.now());
    });
    expect_eq("the event", world.store.find_event(event.id).await?, expected)
}

async fn every_field_of_a_job(world: &World) -> Outcome {
    let event = world.event();
    let job = full_job(world);
    world.store.add_events(vec![event.clone().with_job(job.clone())]).await?;

    let found = world.store.find_job(job.id).await?;
    let expected = with(job.with_event_id(event.id), |job| {
        job.transition.clone_from(&found.transition);
    });
    expect_eq("the job", &found, &expected)?;
    expect_eq("the job inside its event", world.store.find_event(event.id).await?.jobs, vec![found])
}

async fn a_job_with_its_required_fields_alone(world: &World) -> Outcome {
    let event = world.event();
    let job = world.job("crm");
    world.store.add_events(vec![event.clone().with_job(job.clone())]).await?;

    let found = world.store.find_job(job.id).await?;
    let expected = with(job.with_event_id(event.id), |job| {
        job.created_at = Some(world.now());
        job.transition.clone_from(&found.transition);
    });
    expect_eq("the job", found, expected)
}

async fn every_field_of_a_first_transition(world: &World) -> Outcome {
    let job = full_job(world);
    let given = latest(&job)?.clone();
    let stored = world.stored(job).await?;

    let first = latest(&stored)?;
    let mut expected = given;
    expected.sequence = Some(0);
    expected.job_id = Some(stored.id);
    expected.event_id = stored.event_id;
    expected.created_at = Some(world.now());
    expect_eq("the first transition", first, &expected)?;
    expect_eq("the same by its id", world.store.find_transition(expected.id).await?, expected)
}

async fn every_field_of_a_following_transition(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let error = JobError::new("quota exceeded")
        .with_status_code(429)
        .with_validations([Validation::new("too long", ["customer", "name"])])
        .with_meta(serde_json::json!({ "retry_after": 30, "none": null }));
    let failed = world
        .next(&job, Status::Failed)?
        .with_error(error)
        .with_run_at(instant("2026-03-01T12:34:56.123456Z"))
        .with_actor("worker-7");
    world.advance(Duration::from_micros(1));
    world.append(failed.clone()).await?;

    let mut expected = failed;
    expected.created_at = Some(world.now());
    expect_eq("by id", &world.store.find_transition(expected.id).await?, &expected)?;
    expect_eq("in the history", world.history(job.id).await?.last(), Some(&expected))?;
    expect_eq("with its job", latest(&world.store.find_job(job.id).await?)?, &expected)
}

async fn a_first_transition_is_made_when_none_is_given(world: &World) -> Outcome {
    let job = world.stored_job("crm").await?;
    let made = latest(&job)?;

    let mut expected = world.first(Status::Acknowledged);
    expected.id = made.id;
    expected.sequence = Some(0);
    expected.job_id = Some(job.id);
    expected.event_id = job.event_id;
    expected.created_at = Some(world.now());
    expect_eq("the first transition", made, &expected)?;
    expect_eq("its history", world.history(job.id).await?, vec![expected])
}

async fn jobs_of_add_jobs_come_back_like_those_of_add_events(world: &World) -> Outcome {
    let event = world.event();
    world.store.add_events(vec![event.clone()]).await?;
    let job = full_job(world).with_event_id(event.id);
    world.advance(Duration::from_secs(1));
    world.store.add_jobs(vec![job.clone()]).await?;

    let found = world.store.find_job(job.id).await?;
    let mut expected = job;
    if let Some(first) = &mut expected.transition {
        first.sequence = Some(0);
        first.job_id = Some(expected.id);
        first.event_id = Some(event.id);
        first.created_at = Some(world.now());
    }
    expect_eq("the job", &found, &expected)?;
    expect_eq("inside its event", world.store.find_event(event.id).await?.jobs, vec![expected])
}

async fn an_empty_payload_is_not_the_same_as_none(world: &World) -> Outcome {
    let payloads = [None, Some(Bytes::new()), Some(Bytes::from_static(b"x"))];
    for context in &payloads {
        for data in &payloads {
            let job = with(world.job("crm"), |job| {
                job.context.clone_from(data);
                job.data.clone_from(context);
            });
            let event = with(world.event().with_job(job), |event| {
                event.context.clone_from(context);
                event.data.clone_from(data);
            });
            world.store.add_events(vec![event.clone()]).await?;

            let found = world.store.find_event(event.id).await?;
            expect_eq("payloads of the event", (&found.context, &found.data), (context, data))?;
            let job = &found.jobs[0];
            expect_eq("payloads of the job", (&job.context, &job.data), (data, context))?;
        }
    }
    Ok(())
}

async fn an_empty_version_is_none(world: &World) -> Outcome {
    let job = world.job("crm").with_version("");
    let event = world.event().with_version("").with_job(job);
    world.store.add_events(vec![event.clone()]).await?;

    let found = world.store.find_event(event.id).await?;
    expect_eq("the event's version", found.version, None::<String>)?;
    expect_eq("the job's version", &found.jobs[0].version, &None)
}

async fn a_given_ingested_at_is_ignored(world: &World) -> Outcome {
    let given = Some(instant("2020-01-01T00:00:00Z"));
    let event = with(world.event(), |event| event.ingested_at = given);
    world.store.add_events(vec![event.clone()]).await?;

    let found = world.store.find_event(event.id).await?;
    expect_eq("ingested_at", found.ingested_at, Some(world.now()))
}

async fn a_given_created_at_of_a_transition_is_ignored(world: &World) -> Outcome {
    let given = Some(instant("2020-01-01T00:00:00Z"));
    let mut first = world.first(Status::Acknowledged);
    first.created_at = given;
    let job = world.stored(world.job("crm").with_transition(first)).await?;
    expect_eq("of the first transition", latest(&job)?.created_at, Some(world.now()))?;

    world.advance(Duration::from_secs(2));
    let claimed = world.claim_one("crm").await?;
    let mut done = world.next(&claimed, Status::Succeeded)?;
    done.created_at = given;
    world.append(done.clone()).await?;
    let found = world.store.find_transition(done.id).await?;
    expect_eq("of a following transition", found.created_at, Some(world.now()))
}

/// `created_at` of a job is what its maker says; when it is due, and its history, do not depend on it.
async fn a_job_created_in_the_future_or_long_ago_is_due_at_once(world: &World) -> Outcome {
    let week = Duration::from_hours(7 * 24);
    let ahead = with(world.job("crm"), |job| job.created_at = Some(world.now() + week));
    let usual = world.job("crm");
    let behind = with(world.job("crm"), |job| job.created_at = Some(world.now() - week));
    for job in [&ahead, &usual, &behind] {
        let stored = world.stored(job.clone()).await?;
        expect_eq("of its transition", latest(&stored)?.created_at, Some(world.now()))?;
    }
    let claimed = world.claim("crm", 10).await?;
    let ids: Vec<_> = claimed.iter().map(|job| job.id).collect();
    expect_eq("due at one instant, they come by id", ids, vec![ahead.id, usual.id, behind.id])
}

async fn an_event_carries_its_jobs_in_ascending_id(world: &World) -> Outcome {
    let mut jobs: Vec<Job> = ["a", "b", "c", "d"].map(|name| world.job(name)).to_vec();
    let ascending: Vec<_> = jobs.iter().map(|job| job.id).collect();
    let late = jobs.remove(1);
    jobs.reverse();
    let event = with(world.event(), |event| event.jobs = jobs);
    world.store.add_events(vec![event.clone()]).await?;
    world.store.add_jobs(vec![late.with_event_id(event.id)]).await?;

    let ids = |event: &Event| event.jobs.iter().map(|job| job.id).collect::<Vec<_>>();
    expect_eq("by id", ids(&world.store.find_event(event.id).await?), ascending.clone())?;
    let page = world.store.find_events(WhereEvents::default()).await?;
    expect_eq("by filter", page.entries.iter().map(ids).collect::<Vec<_>>(), vec![ascending])
}

async fn finding_by_id_and_by_filter_give_the_same(world: &World) -> Outcome {
    let event = full_event(world).with_job(full_job(world)).with_job(world.job("warehouse"));
    world.store.add_events(vec![event.clone(), world.event()]).await?;

    let by_id = world.store.find_event(event.id).await?;
    let page = world.store.find_events(WhereEvents::of_event(event.id)).await?;
    expect_eq("the event", &page.entries, &vec![by_id.clone()])?;
    for job in &by_id.jobs {
        expect_eq("the job by id", &world.store.find_job(job.id).await?, job)?;
        let page = world.store.find_jobs(WhereEvents::of_job(job.id)).await?;
        expect_eq("the job by filter", &page.entries, &vec![job.clone()])?;
        let transition = latest(job)?;
        let found = world.store.find_transition(transition.id).await?;
        expect_eq("the transition by id", &found, transition)?;
        expect_eq("by filter", &world.history(job.id).await?, &vec![found])?;
    }
    Ok(())
}

async fn an_error_that_is_any_json_is_kept_to_the_byte(world: &World) -> Outcome {
    let texts = [
        r#""only text""#,
        "0",
        "-1.50e+3",
        "[1, {}]",
        "{}",
        r#"{"b":1,  "a":2, "b":3}"#,
        r#"{"message":"a\u0000b","statusCode":"soon"}"#,
        "12345678901234567890123456789",
        "true",
    ];
    for text in texts {
        let job = world.claimed_job("crm").await?;
        let failed = world.next(&job, Status::Discarded)?.with_error(JobError::from_json(text)?);
        world.append(failed.clone()).await?;
        let found = world.store.find_transition(failed.id).await?;
        expect_eq("the error's text", found.error.as_ref().map(JobError::as_json), Some(text))?;
    }
    Ok(())
}

/// KSUIDs of other makers: the smallest, the largest, and any in between, in no order.
async fn foreign_ids_are_welcome(world: &World) -> Outcome {
    let fills = [0xff_u8, 0x00, 0x80, 0x7f, 0x01];
    for fill in fills {
        let mut first = world.first(Status::Acknowledged);
        first.id = TransitionId::from_bytes([fill; 20]);
        let job = Job::new(JobId::from_bytes([fill; 20]), "crm", "upsert").with_transition(first);
        let event = Event::new(EventId::from_bytes([fill; 20]), "foreign", "made").with_job(job);
        world.store.add_events(vec![event]).await?;
    }
    for fill in fills {
        let id = EventId::from_bytes([fill; 20]);
        let found = world.store.find_event(id).await?;
        expect_eq("its job", found.jobs[0].id.as_bytes(), &[fill; 20])?;
        expect_eq("its transition", latest(&found.jobs[0])?.id.as_bytes(), &[fill; 20])?;
    }
    let claimed = world.claim("crm", 10).await?;
    let mut ascending = fills;
    ascending.sort_unstable();
    let first_bytes: Vec<u8> = claimed.iter().map(|job| job.id.as_bytes()[0]).collect();
    expect_eq("due at one instant, they come by id", first_bytes, ascending.to_vec())
}

async fn several_jobs_of_one_event_may_lead_to_one_destination(world: &World) -> Outcome {
    let event = world.event().with_job(world.job("crm")).with_job(world.job("crm"));
    let added = world.store.add_events(vec![event.clone()]).await?;
    expect_eq("jobs added", added.jobs, 2)?;
    ensure!(
        world.store.find_event(event.id).await?.jobs.len() == 2,
        "the event carries both of its jobs"
    );
    Ok(())
}
