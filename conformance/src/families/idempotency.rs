//! What is sent again takes effect once, and is counted as known.

use std::time::Duration;

use blacksmith_store_core::{Added, Event, Result, Status, WhereEvents};
use futures_util::future::join_all;

use crate::{
    case::family,
    failure::{Failure, Outcome, expect_eq},
    world::{World, instant, latest, with},
};

family! {
    "idempotency";
    a_resent_event_is_known_and_changes_nothing,
    an_event_twice_in_one_call_is_stored_once,
    a_job_twice_in_one_call_is_stored_once,
    new_and_known_entries_of_one_call_are_counted_apart,
    a_known_event_may_bring_a_new_job,
    a_known_event_without_its_jobs_leaves_them_alone,
    a_resend_after_the_job_moved_on_is_known,
    a_resend_with_other_times_or_transitions_is_known,
    a_resend_before_an_instant_is_cut_is_known,
    a_resent_job_of_add_jobs_is_known,
    a_job_of_add_events_is_known_to_add_jobs_and_the_other_way_round,
    a_resend_a_day_later_is_known,
    jobs_known_are_not_claimed_again,
    one_batch_added_by_eight_at_once_is_stored_once,
    overlapping_batches_in_any_order_are_stored_once,
    overlapping_outcomes_in_any_order_are_stored_once,
}

/// The counts of an answer: events, known, jobs, known.
fn counts(added: Added) -> (u64, u64, u64, u64) {
    (added.events, added.events_known, added.jobs, added.jobs_known)
}

async fn a_resent_event_is_known_and_changes_nothing(world: &World) -> Outcome {
    let event = world.event().with_data("x").with_job(world.job("crm")).with_job(world.job("erp"));
    let added = world.store.add_events(vec![event.clone()]).await?;
    expect_eq("first sent", counts(added), (1, 0, 2, 0))?;
    let before = world.store.find_event(event.id).await?;

    world.advance(Duration::from_secs(5));
    let added = world.store.add_events(vec![event.clone()]).await?;
    expect_eq("sent again", counts(added), (0, 1, 0, 2))?;
    expect_eq("the event", world.store.find_event(event.id).await?, before)
}

async fn an_event_twice_in_one_call_is_stored_once(world: &World) -> Outcome {
    let event = world.event().with_job(world.job("crm"));
    let added = world.store.add_events(vec![event.clone(), world.event(), event.clone()]).await?;
    expect_eq("the counts", counts(added), (2, 1, 1, 1))?;
    expect_eq("its jobs", world.store.find_event(event.id).await?.jobs.len(), 1)
}

async fn a_job_twice_in_one_call_is_stored_once(world: &World) -> Outcome {
    let job = world.job("crm");
    let event = world.event().with_job(job.clone()).with_job(job.clone());
    let added = world.store.add_events(vec![event.clone()]).await?;
    expect_eq("within an event", counts(added), (1, 0, 1, 1))?;

    let other = world.job("crm").with_event_id(event.id);
    let added = world.store.add_jobs(vec![other.clone(), other.clone(), other]).await?;
    expect_eq("alone", counts(added), (0, 0, 1, 2))?;
    expect_eq("all of them", world.store.find_jobs(WhereEvents::default()).await?.entries.len(), 2)
}

async fn new_and_known_entries_of_one_call_are_counted_apart(world: &World) -> Outcome {
    let known: Vec<Event> = (0..3).map(|_| world.event().with_job(world.job("crm"))).collect();
    world.store.add_events(known.clone()).await?;

    // Known ones first, last and in between.
    let mut batch = Vec::new();
    for event in known {
        batch.push(event);
        batch.push(world.event().with_job(world.job("crm")).with_job(world.job("erp")));
    }
    batch.swap(0, 1);
    let added = world.store.add_events(batch.clone()).await?;
    expect_eq("the counts", counts(added), (3, 3, 6, 3))?;
    for event in batch {
        let found = world.store.find_event(event.id).await?;
        expect_eq("the event's jobs", found.jobs.len(), event.jobs.len())?;
    }
    Ok(())
}

async fn a_known_event_may_bring_a_new_job(world: &World) -> Outcome {
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    let resent = event.clone().with_job(world.job("erp"));
    let added = world.store.add_events(vec![resent]).await?;
    expect_eq("the counts", counts(added), (0, 1, 1, 1))?;
    let jobs = world.store.find_event(event.id).await?.jobs;
    let destinations: Vec<_> = jobs.iter().map(|job| job.destination.as_str()).collect();
    expect_eq("the event's jobs", destinations, vec!["crm", "erp"])?;
    expect_eq("the new one is due", world.claim("erp", 10).await?.len(), 1)
}

async fn a_known_event_without_its_jobs_leaves_them_alone(world: &World) -> Outcome {
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    let added =
        world.store.add_events(vec![with(event.clone(), |event| event.jobs.clear())]).await?;
    expect_eq("the counts", counts(added), (0, 1, 0, 0))?;
    expect_eq("its jobs", world.store.find_event(event.id).await?.jobs.len(), 1)
}

async fn a_resend_after_the_job_moved_on_is_known(world: &World) -> Outcome {
    for status in Status::ALL {
        let job = world.job(status.as_str());
        let event = world.event().with_job(job.clone());
        world.store.add_events(vec![event.clone()]).await?;
        let mut moved = world.store.find_job(job.id).await?;
        if status != Status::Acknowledged {
            moved = match status {
                Status::Awaiting => world.moved(&moved, status).await?,
                _ => world.claim_one(status.as_str()).await?,
            };
            if !matches!(status, Status::Awaiting | Status::Executing) {
                moved = world.moved(&moved, status).await?;
            }
        }

        let added = world.store.add_events(vec![event.clone()]).await?;
        expect_eq(format!("the event of a job that is {status}"), counts(added), (0, 1, 0, 1))?;
        let alone = job.with_event_id(event.id);
        let added = world.store.add_jobs(vec![alone]).await?;
        expect_eq(format!("a job that is {status}"), counts(added), (0, 0, 0, 1))?;
        expect_eq("the job", world.store.find_job(moved.id).await?, moved)?;
    }
    Ok(())
}

/// Times that a store would set, and transitions, are not compared.
async fn a_resend_with_other_times_or_transitions_is_known(world: &World) -> Outcome {
    let job = world.job("crm");
    let event = world.event().with_job(job.clone());
    world.store.add_events(vec![event.clone()]).await?;
    let before = world.store.find_event(event.id).await?;

    let other = Some(instant("2021-01-01T00:00:00Z"));
    let first = world.first(Status::Acknowledged).with_actor("somebody").with_run_at(world.now());
    let job = with(job.with_transition(first), |job| job.created_at = other);
    let resent = with(event.clone(), |event| {
        event.received_at = other;
        event.ingested_at = other;
        event.jobs = vec![job];
    });
    let added = world.store.add_events(vec![resent]).await?;
    expect_eq("the counts", counts(added), (0, 1, 0, 1))?;
    expect_eq("the event", world.store.find_event(event.id).await?, before)
}

/// `sent_at` is compared, but as it is stored: cut to the microsecond.
async fn a_resend_before_an_instant_is_cut_is_known(world: &World) -> Outcome {
    let sent_at = instant("2026-01-01T00:00:00.123456789Z");
    let event = with(world.event(), |event| event.sent_at = Some(sent_at));
    world.store.add_events(vec![event.clone()]).await?;
    let added = world.store.add_events(vec![event]).await?;
    expect_eq("the counts", counts(added), (0, 1, 0, 0))
}

async fn a_resent_job_of_add_jobs_is_known(world: &World) -> Outcome {
    let event = world.event();
    world.store.add_events(vec![event.clone()]).await?;
    let job = world.job("crm").with_event_id(event.id).with_data("x");
    let added = world.store.add_jobs(vec![job.clone()]).await?;
    expect_eq("first sent", counts(added), (0, 0, 1, 0))?;
    let new = world.job("erp").with_event_id(event.id);
    let added = world.store.add_jobs(vec![job.clone(), new]).await?;
    expect_eq("sent again with a new one", counts(added), (0, 0, 1, 1))?;
    expect_eq("its history", world.states(job.id).await?, vec![Status::Acknowledged])
}

async fn a_job_of_add_events_is_known_to_add_jobs_and_the_other_way_round(
    world: &World,
) -> Outcome {
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    let same = event.jobs[0].clone().with_event_id(event.id);
    let added = world.store.add_jobs(vec![same]).await?;
    expect_eq("added with its event", counts(added), (0, 0, 0, 1))?;

    let late = world.job("erp");
    world.store.add_jobs(vec![late.clone().with_event_id(event.id)]).await?;
    let added = world.store.add_events(vec![event.with_job(late)]).await?;
    expect_eq("added alone", counts(added), (0, 1, 0, 2))
}

/// Nothing is forgotten because it is old.
async fn a_resend_a_day_later_is_known(world: &World) -> Outcome {
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    let claimed = world.claim_one("crm").await?;
    world.moved(&claimed, Status::Succeeded).await?;

    world.advance(Duration::from_hours(25));
    world.store.maintain().await?;
    let added = world.store.add_events(vec![event]).await?;
    expect_eq("the counts", counts(added), (0, 1, 0, 1))
}

async fn jobs_known_are_not_claimed_again(world: &World) -> Outcome {
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    let claimed = world.claim_one("crm").await?;
    world.store.add_events(vec![event.clone()]).await?;
    expect_eq("due while it executes", world.claim("crm", 10).await?.len(), 0)?;

    let done = world.moved(&claimed, Status::Succeeded).await?;
    world.store.add_events(vec![event]).await?;
    expect_eq("due after it succeeded", world.claim("crm", 10).await?.len(), 0)?;
    world.expect_latest("its latest transition", done.id, latest(&done)?.id).await
}

/// Runs the calls at once, each in a task of its own, and answers what each of them answered.
async fn at_once<T: Send + 'static>(
    calls: impl IntoIterator<Item = impl Future<Output = Result<T>> + Send + 'static>,
) -> Outcome<Vec<T>> {
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for answer in join_all(tasks).await {
        answers.push(answer.map_err(|error| Failure::new(format!("a caller ended: {error}")))??);
    }
    Ok(answers)
}

async fn one_batch_added_by_eight_at_once_is_stored_once(world: &World) -> Outcome {
    for _ in 0..5 {
        let batch: Vec<Event> = (0..20)
            .map(|_| world.event().with_job(world.job("crm")).with_job(world.job("erp")))
            .collect();
        let calls = (0..8).map(|_| {
            let (store, batch) = (world.store.clone(), batch.clone());
            async move { store.add_events(batch).await }
        });
        let mut sums = (0, 0, 0, 0);
        for added in at_once(calls).await? {
            let (events, events_known, jobs, jobs_known) = counts(added);
            expect_eq("each caller's events", events + events_known, 20)?;
            expect_eq("each caller's jobs", jobs + jobs_known, 40)?;
            sums = (sums.0 + events, sums.1 + events_known, sums.2 + jobs, sums.3 + jobs_known);
        }
        expect_eq("all callers together", sums, (20, 140, 40, 280))?;
    }
    Ok(())
}

/// Each caller has half of the events, in an order of its own: whoever waits for another must not be waited for.
async fn overlapping_batches_in_any_order_are_stored_once(world: &World) -> Outcome {
    for _ in 0..5 {
        let all: Vec<Event> = (0..40).map(|_| world.event().with_job(world.job("crm"))).collect();
        let calls = (0..8_usize).map(|caller| {
            let mut batch: Vec<Event> = all.iter().skip(caller * 3).take(20).cloned().collect();
            if caller % 2 == 1 {
                batch.reverse();
            }
            batch.rotate_left(caller);
            let store = world.store.clone();
            async move { store.add_events(batch).await }
        });
        let added = at_once(calls).await?;
        let new: u64 = added.iter().map(|added| added.events).sum();
        let known: u64 = added.iter().map(|added| added.events_known).sum();
        // The last caller begins with the 22nd, and there are no more than 40.
        expect_eq("all callers together", (new, new + known), (40, 7 * 20 + 19))?;
    }
    Ok(())
}

async fn overlapping_outcomes_in_any_order_are_stored_once(world: &World) -> Outcome {
    for round in 0..5 {
        let destination = format!("crm-{round}");
        world.stored_jobs(&destination, 30).await?;
        let ends = world
            .claim(&destination, 30)
            .await?
            .iter()
            .map(|job| world.next(job, Status::Succeeded))
            .collect::<Outcome<Vec<_>>>()?;
        let calls = (0..8_usize).map(|caller| {
            let mut batch = ends.clone();
            if caller % 2 == 1 {
                batch.reverse();
            }
            batch.rotate_left(caller * 3);
            let store = world.store.clone();
            async move { store.add_transitions(batch).await }
        });
        let appended = at_once(calls).await?;
        let new: u64 = appended.iter().map(|appended| appended.new).sum();
        let known: u64 = appended.iter().map(|appended| appended.known).sum();
        expect_eq("all callers together", (new, known), (30, 210))?;
    }
    Ok(())
}
