//! Errors of every kind say what was done, what is wrong with it, and give nothing away.

use blacksmith_store_core::{
    ErrorKind, EventId, JobId, Retry, Status, StoreError, TransitionId, WhereEvents,
};

use crate::{
    case::family,
    failure::{Outcome, ensure, expect_eq, expect_error, expect_names},
    world::{World, token, with},
};

family! {
    "errors";
    an_event_that_is_not_stored_is_named,
    a_job_that_is_not_stored_is_named,
    a_transition_that_is_not_stored_is_named,
    an_id_of_another_kind_of_entry_is_not_found,
    an_error_tells_the_operation_and_that_a_retry_does_not_help,
    no_error_shows_a_payload,
    the_store_is_usable_after_every_refusal,
}

/// An error of a call that names exactly one id.
fn expect_named(error: &StoreError, operation: &str, id: impl ToString) -> Outcome {
    expect_names(error, [id])?;
    expect_eq("the operation", error.operation(), operation)?;
    expect_eq("whether a retry helps", error.retry(), Retry::Never)?;
    let text = error.to_string();
    ensure!(text.contains(operation), "the text lacks the operation: {text}");
    ensure!(text.contains(error.kind().as_str()), "the text lacks the kind: {text}");
    Ok(())
}

async fn an_event_that_is_not_stored_is_named(world: &World) -> Outcome {
    world.stored_job("crm").await?;
    for id in
        [world.toolkit.event_id(), EventId::from_bytes([0; 20]), EventId::from_bytes([255; 20])]
    {
        let missing = world.store.find_event(id).await;
        let error = expect_error("an event that is not stored", missing, ErrorKind::NotFound)?;
        expect_named(&error, "find_event", id)?;
    }
    Ok(())
}

async fn a_job_that_is_not_stored_is_named(world: &World) -> Outcome {
    world.stored_job("crm").await?;
    for id in [world.toolkit.job_id(), JobId::from_bytes([0; 20]), JobId::from_bytes([255; 20])] {
        let missing = world.store.find_job(id).await;
        let error = expect_error("a job that is not stored", missing, ErrorKind::NotFound)?;
        expect_named(&error, "find_job", id)?;
    }
    Ok(())
}

async fn a_transition_that_is_not_stored_is_named(world: &World) -> Outcome {
    world.stored_job("crm").await?;
    for id in [
        world.toolkit.transition_id(),
        TransitionId::from_bytes([0; 20]),
        TransitionId::from_bytes([255; 20]),
    ] {
        let missing = world.store.find_transition(id).await;
        let error = expect_error("a transition that is not stored", missing, ErrorKind::NotFound)?;
        expect_named(&error, "find_transition", id)?;
    }
    Ok(())
}

async fn an_id_of_another_kind_of_entry_is_not_found(world: &World) -> Outcome {
    let job = world.stored_job("crm").await?;
    let event = job.event_id.unwrap_or(EventId::from_bytes([0; 20]));
    let first = token(&job)?;
    let as_event = EventId::from_bytes(*job.id.as_bytes());
    expect_error("a job's id", world.store.find_event(as_event).await, ErrorKind::NotFound)?;
    let as_job = JobId::from_bytes(*event.as_bytes());
    expect_error("an event's id", world.store.find_job(as_job).await, ErrorKind::NotFound)?;
    let as_job = JobId::from_bytes(*first.as_bytes());
    expect_error("a transition's id", world.store.find_job(as_job).await, ErrorKind::NotFound)?;
    let as_transition = TransitionId::from_bytes(*job.id.as_bytes());
    let missing = world.store.find_transition(as_transition).await;
    expect_error("a job's id", missing, ErrorKind::NotFound)?;
    Ok(())
}

async fn an_error_tells_the_operation_and_that_a_retry_does_not_help(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let event = world.contents().await?.events.remove(0);
    let conflicting = with(event.clone(), |event| {
        event.source.push('x');
        event.jobs.clear();
    });
    let refused = world.store.add_events(vec![conflicting]).await;
    let error = expect_error("an event with other content", refused, ErrorKind::Conflict)?;
    expect_named(&error, "add_events", event.id)?;

    let orphan = world.job("crm").with_event_id(world.toolkit.event_id());
    let refused = world.store.add_jobs(vec![orphan.clone()]).await;
    let error = expect_error("a job without its event", refused, ErrorKind::NotFound)?;
    expect_named(&error, "add_jobs", orphan.event_id.unwrap_or(event.id))?;

    let end = world.next(&job, Status::Succeeded)?;
    world.moved(&job, Status::Failed).await?;
    let refused = world.store.add_transitions(vec![end]).await;
    let error = expect_error("a stale end", refused, ErrorKind::Conflict)?;
    expect_eq("the operation", error.operation(), "add_transitions")?;
    expect_eq("whether a retry helps", error.retry(), Retry::Never)
}

async fn no_error_shows_a_payload(world: &World) -> Outcome {
    let secret = "hunter2-the-payload";
    let job = world.job("crm").with_data(secret).with_context(secret);
    let event = world.event().with_data(secret).with_context(secret).with_job(job);
    world.store.add_events(vec![event.clone()]).await?;
    let other_event = with(event.clone(), |event| event.source.push('x'));
    let other_job = with(event.clone(), |event| event.jobs[0].action.push('x'));
    for other in [other_event, other_job, event.with_data("hunter2-the-payload, changed")] {
        let refused = world.store.add_events(vec![other]).await;
        let error = expect_error("other content", refused, ErrorKind::Conflict)?;
        let texts = [error.to_string(), format!("{error:?}")];
        ensure!(texts.iter().all(|text| !text.contains(secret)), "the error shows a payload");
    }
    Ok(())
}

async fn the_store_is_usable_after_every_refusal(world: &World) -> Outcome {
    for round in 0..20 {
        let missing = world.store.find_job(world.toolkit.job_id()).await;
        expect_error("a job that is not stored", missing, ErrorKind::NotFound)?;
        let orphan = world.job("crm").with_event_id(world.toolkit.event_id());
        let refused = world.store.add_jobs(vec![orphan]).await;
        expect_error("a job without its event", refused, ErrorKind::NotFound)?;
        let job = world.claimed_job("crm").await?;
        let end = world.next(&job, Status::Succeeded)?;
        world.append(end.clone()).await?;
        let stale = with(end, |stale| stale.id = world.toolkit.transition_id());
        let refused = world.store.add_transitions(vec![stale]).await;
        expect_error("a second end", refused, ErrorKind::Conflict)?;
        let page = world.store.find_jobs(WhereEvents::default()).await?;
        expect_eq("jobs stored", page.meta.count, Some(round + 1))?;
    }
    Ok(())
}
