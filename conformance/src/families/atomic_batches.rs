//! A call takes effect whole or not at all: one bad entry among many, wherever it stands, leaves nothing behind.

use blacksmith_store_core::{Change, ChangeOutcome, ErrorKind, Event, Job, Status, Transition};

use crate::{
    case::family,
    failure::{Outcome, expect_eq, expect_error, expect_names},
    world::{World, with},
};

family! {
    "atomic_batches";
    a_conflicting_event_among_new_ones,
    a_conflicting_job_among_new_ones,
    an_invalid_event_among_valid_ones,
    jobs_of_missing_events_among_others,
    a_conflicting_job_of_add_jobs_among_new_ones,
    a_stale_transition_among_fitting_ones,
    a_transition_of_a_missing_job_among_fitting_ones,
    an_illegal_transition_among_fitting_ones,
    a_change_that_falls_takes_no_other_with_it,
    a_refused_batch_goes_in_once_it_is_put_right,
    a_large_batch_goes_in_whole,
}

/// A batch of ten with one entry in front, in the middle, at the end.
fn around<T: Clone>(good: &[T], bad: &T) -> [Vec<T>; 3] {
    [0, good.len() / 2, good.len()]
        .map(|place| with(good.to_vec(), |all| all.insert(place, bad.clone())))
}

fn events(world: &World, count: usize) -> Vec<Event> {
    (0..count)
        .map(|_| world.event().with_job(world.job("crm")).with_job(world.job("erp")))
        .collect()
}

async fn a_conflicting_event_among_new_ones(world: &World) -> Outcome {
    let stored = world.event();
    world.store.add_events(vec![stored.clone()]).await?;
    let before = world.contents().await?;

    let bad = stored.clone().with_data("other").with_job(world.job("crm"));
    for batch in around(&events(world, 10), &bad) {
        let refused = world.store.add_events(batch).await;
        let error = expect_error("one conflict among ten", refused, ErrorKind::Conflict)?;
        expect_names(&error, [stored.id])?;
        world.expect_unchanged("the refused batch", &before).await?;
    }
    expect_eq("jobs of refused events are not due", world.claim("crm", 100).await?.len(), 0)
}

async fn a_conflicting_job_among_new_ones(world: &World) -> Outcome {
    let stored = world.stored_job("crm").await?;
    let before = world.contents().await?;

    let taken = with(world.job("erp"), |job| job.id = stored.id);
    for batch in around(&events(world, 10), &world.event().with_job(taken)) {
        let refused = world.store.add_events(batch).await;
        let error = expect_error("one conflict among ten", refused, ErrorKind::Conflict)?;
        expect_names(&error, [stored.id])?;
        world.expect_unchanged("the refused batch", &before).await?;
    }
    Ok(())
}

async fn an_invalid_event_among_valid_ones(world: &World) -> Outcome {
    let before = world.contents().await?;
    let bad = with(world.event(), |event| event.source.clear());
    for batch in around(&events(world, 10), &bad) {
        let refused = world.store.add_events(batch).await;
        expect_error("one without a source", refused, ErrorKind::InvalidInput)?;
        world.expect_unchanged("the refused batch", &before).await?;
    }
    Ok(())
}

async fn jobs_of_missing_events_among_others(world: &World) -> Outcome {
    let event = world.event();
    world.store.add_events(vec![event.clone()]).await?;
    let before = world.contents().await?;

    let good: Vec<Job> = (0..10).map(|_| world.job("crm").with_event_id(event.id)).collect();
    let missing = world.toolkit.event_id();
    for batch in around(&good, &world.job("crm").with_event_id(missing)) {
        let refused = world.store.add_jobs(batch).await;
        let error = expect_error("a job of a missing event", refused, ErrorKind::NotFound)?;
        expect_names(&error, [missing])?;
        world.expect_unchanged("the refused batch", &before).await?;
    }

    let other = world.toolkit.event_id();
    let mut batch = good;
    for id in [missing, other, missing] {
        batch.push(world.job("erp").with_event_id(id));
    }
    let refused = world.store.add_jobs(batch).await;
    let error = expect_error("jobs of two missing events", refused, ErrorKind::NotFound)?;
    expect_names(&error, [missing, other])?;
    world.expect_unchanged("the refused batch", &before).await
}

async fn a_conflicting_job_of_add_jobs_among_new_ones(world: &World) -> Outcome {
    let stored = world.stored_job("crm").await?;
    let before = world.contents().await?;

    let event = before.events[0].id;
    let good: Vec<Job> = (0..10).map(|_| world.job("crm").with_event_id(event)).collect();
    let bad = with(world.job("erp").with_event_id(event), |job| job.id = stored.id);
    for batch in around(&good, &bad) {
        let refused = world.store.add_jobs(batch).await;
        let error = expect_error("one conflict among ten", refused, ErrorKind::Conflict)?;
        expect_names(&error, [stored.id])?;
        world.expect_unchanged("the refused batch", &before).await?;
    }
    Ok(())
}

/// Ten claimed jobs, and the transitions that end them.
async fn ten_outcomes(world: &World) -> Outcome<Vec<Transition>> {
    world.stored_jobs("crm", 10).await?;
    let jobs = world.claim("crm", 10).await?;
    jobs.iter().map(|job| world.next(job, Status::Succeeded)).collect()
}

async fn a_stale_transition_among_fitting_ones(world: &World) -> Outcome {
    let good = ten_outcomes(world).await?;
    let other = world.claimed_job("erp").await?;
    let stale = world.next(&other, Status::Succeeded)?;
    world.moved(&other, Status::Failed).await?;
    let before = world.contents().await?;

    for batch in around(&good, &stale) {
        let refused = world.store.add_transitions(batch).await;
        expect_error("one stale among ten", refused, ErrorKind::Conflict)?;
        world.expect_unchanged("the refused batch", &before).await?;
    }
    let appended = world.store.add_transitions(good).await?;
    expect_eq("without it", (appended.new, appended.known), (10, 0))
}

async fn a_transition_of_a_missing_job_among_fitting_ones(world: &World) -> Outcome {
    let good = ten_outcomes(world).await?;
    let job = world.claimed_job("erp").await?;
    let gone = with(world.next(&job, Status::Succeeded)?, |transition| {
        transition.job_id = Some(world.toolkit.job_id());
        transition.event_id = None;
    });
    let before = world.contents().await?;

    for batch in around(&good, &gone) {
        let refused = world.store.add_transitions(batch).await;
        expect_error("one of a missing job among ten", refused, ErrorKind::NotFound)?;
        world.expect_unchanged("the refused batch", &before).await?;
    }
    Ok(())
}

async fn an_illegal_transition_among_fitting_ones(world: &World) -> Outcome {
    let good = ten_outcomes(world).await?;
    let job = world.claimed_job("erp").await?;
    let illegal = with(world.next(&job, Status::Succeeded)?, |transition| {
        transition.state_before = Some(Status::Acknowledged);
    });
    let before = world.contents().await?;

    for batch in around(&good, &illegal) {
        let refused = world.store.add_transitions(batch).await;
        let error = expect_error("one illegal among ten", refused, ErrorKind::InvalidInput)?;
        expect_names(&error, [illegal.id])?;
        world.expect_unchanged("the refused batch", &before).await?;
    }
    Ok(())
}

async fn a_change_that_falls_takes_no_other_with_it(world: &World) -> Outcome {
    let good = ten_outcomes(world).await?;
    let other = world.claimed_job("erp").await?;
    let stale = world.next(&other, Status::Succeeded)?;
    world.moved(&other, Status::Failed).await?;

    let [_, batch, _] = around(&good, &stale);
    let changes = batch
        .into_iter()
        .map(|transition| Change::new(transition).with_event(world.event()))
        .collect();
    let mut expected = vec![ChangeOutcome::Applied; 11];
    expected[5] = ChangeOutcome::Stale;
    expect_eq("what became of each", world.store.apply(changes).await?, expected)?;
    let events = world.contents().await?.events;
    expect_eq("events after ten of eleven changes", events.len(), 1 + 1 + 10)
}

async fn a_refused_batch_goes_in_once_it_is_put_right(world: &World) -> Outcome {
    let stored = world.event();
    world.store.add_events(vec![stored.clone()]).await?;
    let good = events(world, 10);
    let bad = stored.clone().with_data("other");
    for batch in around(&good, &bad) {
        let refused = world.store.add_events(batch).await;
        expect_error("one conflict among ten", refused, ErrorKind::Conflict)?;
    }
    let [batch, ..] = around(&good, &stored);
    let added = world.store.add_events(batch).await?;
    expect_eq("put right", (added.events, added.events_known, added.jobs), (10, 1, 20))
}

/// More rows than an adapter's statement or message may take at once.
async fn a_large_batch_goes_in_whole(world: &World) -> Outcome {
    let events = events(world, 2_000);
    let last = events[1_999].clone();
    let added = world.store.add_events(events.clone()).await?;
    expect_eq("added", (added.events, added.jobs), (2_000, 4_000))?;
    expect_eq("the last one's jobs", world.store.find_event(last.id).await?.jobs.len(), 2)?;

    let claimed = world.claim("crm", 2_000).await?;
    expect_eq("claimed", claimed.len(), 2_000)?;
    let outcomes = claimed
        .iter()
        .map(|job| world.next(job, Status::Succeeded))
        .collect::<Outcome<Vec<_>>>()?;
    let appended = world.store.add_transitions(outcomes.clone()).await?;
    expect_eq("appended", (appended.new, appended.known), (2_000, 0))?;
    let appended = world.store.add_transitions(outcomes).await?;
    expect_eq("appended again", (appended.new, appended.known), (0, 2_000))?;
    let added = world.store.add_events(events).await?;
    expect_eq("added again", (added.events_known, added.jobs_known), (2_000, 4_000))
}
