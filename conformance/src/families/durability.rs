//! What was answered is there when the store is opened again.

use std::time::Duration;

use blacksmith_store_core::{
    Change, ChangeOutcome, ClaimRequest, ErrorKind, Event, ExpireRequest, ExtendRequest, JobError,
    Order, PAUSE_MEMORY, Pause, PurgeRequest, Status, Token, Want, WhereEvents,
};

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq, expect_error},
    world::{LEASE, WORKER, World, latest, token, with},
};

family! {
    "durability";
    [durable] an_empty_store_opens_again,
    [durable] a_place_that_holds_a_store_is_not_absent,
    [durable] everything_stored_is_found_again,
    [durable] every_call_that_was_answered_is_kept,
    [durable] payloads_and_errors_are_found_again,
    [durable] what_is_sent_again_is_known,
    [durable] what_waits_is_claimed_in_its_order,
    [durable] a_claim_and_its_lease_last,
    [durable] an_extended_lease_lasts,
    [durable] a_lost_answer_is_told_after_a_restart,
    [durable] an_outcome_is_accepted_after_a_restart,
    [durable] pauses_last,
    [durable] ended_pauses_are_remembered,
    [durable] stats_are_exact_after_a_restart,
    [durable] cursors_lead_on,
    [durable] what_was_purged_stays_away,
    [durable] a_store_that_was_maintained_opens_again,
    [durable] a_life_with_a_restart_at_every_step,
}

async fn an_empty_store_opens_again(world: &mut World) -> Outcome {
    for _ in 0..3 {
        world.reopen().await?;
        expect_eq("queues", world.store.stats().await?, vec![])?;
    }
    Ok(())
}

/// Who only wants to read opens nothing where a store is absent.
async fn a_place_that_holds_a_store_is_not_absent(world: &mut World) -> Outcome {
    for _ in 0..2 {
        expect_not_absent(world, "while the store is open")?;
        world.close();
        expect_not_absent(world, "when the store was closed")?;
        world.open_again().await?;
    }
    Ok(())
}

fn expect_not_absent(world: &World, when: &str) -> Outcome {
    let adapter = world.adapters.select(&world.options)?;
    expect_eq(format!("absent {when}"), adapter.is_absent(&world.options), false)
}

async fn everything_stored_is_found_again(world: &mut World) -> Outcome {
    for status in Status::ALL {
        world.job_in(status.as_str(), status).await?;
    }
    let before = world.contents().await?;
    let stats = world.store.stats().await?;
    world.reopen().await?;
    world.expect_unchanged("a restart", &before).await?;
    expect_eq("stats", world.store.stats().await?, stats)
}

/// Closed right after the answer, with nothing in between that could write it out.
async fn every_call_that_was_answered_is_kept(world: &mut World) -> Outcome {
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    world.reopen().await?;
    expect_eq("add_events", world.store.find_event(event.id).await?.jobs.len(), 1)?;

    let late = world.job("erp").with_event_id(event.id);
    world.store.add_jobs(vec![late.clone()]).await?;
    world.reopen().await?;
    expect_eq("add_jobs", world.store.find_job(late.id).await?.event_id, Some(event.id))?;

    let claimed = world.claim_one("crm").await?;
    world.reopen().await?;
    world.expect_latest("claim", claimed.id, token(&claimed)?).await?;

    let failed = world.next(&claimed, Status::Failed)?;
    world.store.add_transitions(vec![failed.clone()]).await?;
    world.reopen().await?;
    world.expect_latest("add_transitions", claimed.id, failed.id).await?;

    let job = world.store.find_job(claimed.id).await?;
    let discarded = world.next(&job, Status::Discarded)?;
    let child = world.event();
    let change = Change::new(discarded.clone()).with_event(child.clone());
    world.store.apply(vec![change]).await?;
    world.reopen().await?;
    world.expect_latest("apply", job.id, discarded.id).await?;
    expect_eq("apply: the new event", world.store.find_event(child.id).await?.id, child.id)?;

    let other = world.claim_one("erp").await?;
    world.advance(LEASE);
    world.store.expire_leases(ExpireRequest::new("sweeper", 10)).await?;
    world.reopen().await?;
    let status = world.store.find_job(other.id).await?.status();
    expect_eq("expire_leases", status, Some(Status::Unknown))
}

async fn payloads_and_errors_are_found_again(world: &mut World) -> Outcome {
    let all: Vec<u8> = (0..=255).collect();
    let job = world.job("crm").with_context("").with_data(all.clone());
    let event = world.event().with_data("").with_context(all).with_job(job);
    world.store.add_events(vec![event.clone()]).await?;
    let claimed = world.claim_one("crm").await?;
    let error = JobError::from_json(r#"{"message":"a\u0000b", "b":1.0,"a":[]}"#)?;
    let failed = world.next(&claimed, Status::Failed)?.with_error(error);
    world.append(failed.with_run_at(world.now() + Duration::from_micros(1_500_001))).await?;
    let before = world.contents().await?;
    world.reopen().await?;
    world.expect_unchanged("a restart", &before).await?;
    let found = world.store.find_event(event.id).await?;
    ensure!(found.data == event.data && found.context == event.context, "payloads have changed");
    Ok(())
}

async fn what_is_sent_again_is_known(world: &mut World) -> Outcome {
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    let claimed = world.claim_one("crm").await?;
    let done = world.next(&claimed, Status::Succeeded)?;
    let child = world.event().with_job(world.job("child"));
    let change = Change::new(done.clone()).with_event(child);
    world.store.apply(vec![change.clone()]).await?;
    world.reopen().await?;

    let added = world.store.add_events(vec![event.clone()]).await?;
    expect_eq("the event", (added.events_known, added.jobs_known), (1, 1))?;
    let appended = world.store.add_transitions(vec![done]).await?;
    expect_eq("the outcome", (appended.new, appended.known), (0, 1))?;
    expect_eq("the change", world.store.apply(vec![change]).await?, vec![ChangeOutcome::Known])?;
    let other = with(event, |event| event.source = "other".into());
    let refused = world.store.add_events(vec![other]).await;
    expect_error("other content", refused, ErrorKind::Conflict)?;
    Ok(())
}

async fn what_waits_is_claimed_in_its_order(world: &mut World) -> Outcome {
    let now = world.now();
    let third = world.stored_job_at("crm", now + Duration::from_secs(20)).await?;
    let second = world.stored_job_at("crm", now + Duration::from_secs(10)).await?;
    let first = world.stored_job("crm").await?;
    let far = now + Duration::from_hours(9);
    world.stored_job_at("crm", far).await?;
    world.reopen().await?;
    world.advance(Duration::from_secs(20));

    let request = ClaimRequest::new(WORKER, LEASE, [Want::destination("crm", 10)]);
    let claimed = world.store.claim(request).await?;
    let ids: Vec<_> = claimed.queue.jobs().map(|(_, job)| job.id).collect();
    expect_eq("the order", ids, vec![first.id, second.id, third.id])?;
    expect_eq("when the next is due", claimed.next_due, Some(far))?;
    world.reopen().await?;
    expect_eq("jobs claimed twice", world.claim("crm", 10).await?.len(), 0)
}

async fn a_claim_and_its_lease_last(world: &mut World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    world.advance_almost(LEASE);
    world.reopen().await?;
    let expire = || ExpireRequest::new("sweeper", 10);
    expect_eq("just before its end", world.store.expire_leases(expire()).await?, 0)?;
    expect_eq("jobs claimed", world.claim("crm", 10).await?.len(), 0)?;
    world.advance(Duration::from_micros(1));
    expect_eq("at its end", world.store.expire_leases(expire()).await?, 1)?;
    expect_eq("its state", world.store.find_job(job.id).await?.status(), Some(Status::Unknown))
}

async fn an_extended_lease_lasts(world: &mut World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    world.advance(LEASE / 2);
    let request = ExtendRequest::new(WORKER, LEASE, [token(&job)?]);
    world.store.extend_leases(request.clone()).await?;
    world.reopen().await?;
    world.advance(LEASE / 2);
    let expired = world.store.expire_leases(ExpireRequest::new("sweeper", 10)).await?;
    expect_eq("when the first lease would have ended", expired, 0)?;
    let extended = world.store.extend_leases(request).await?;
    expect_eq("the token", extended.tokens, vec![Token::Kept])
}

async fn a_lost_answer_is_told_after_a_restart(world: &mut World) -> Outcome {
    let stored = world.stored_jobs("crm", 3).await?;
    world.claim("crm", 10).await?;
    world.reopen().await?;
    let request = |actor: &str| ExtendRequest::new(actor, LEASE, []);
    let others = world.store.extend_leases(request(WORKER)).await?.others;
    let told: Vec<_> = others.jobs().map(|(_, job)| job.id).collect();
    expect_eq("jobs that the worker holds", told, stored)?;
    let others = world.store.extend_leases(request("somebody")).await?.others;
    expect_eq("events that somebody else holds", others.events, vec![])
}

async fn an_outcome_is_accepted_after_a_restart(world: &mut World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let other = world.claimed_job("erp").await?;
    world.reopen().await?;
    let done = world.moved(&job, Status::Succeeded).await?;
    expect_eq("its sequence", latest(&done)?.sequence, Some(2))?;
    let stale = world.next(&job, Status::Failed)?;
    let refused = world.store.add_transitions(vec![stale]).await;
    expect_error("another outcome", refused, ErrorKind::Conflict)?;
    // A call's leases are kept apart from another call's.
    let request = ExtendRequest::new(WORKER, LEASE, [token(&job)?, token(&other)?]);
    let extended = world.store.extend_leases(request).await?;
    expect_eq("the tokens", extended.tokens, vec![Token::Lost, Token::Kept])
}

async fn pauses_last(world: &mut World) -> Outcome {
    let id = || world.toolkit.pause_id();
    let whole = Pause::new(id(), "crm", "operator").with_reason("an outage");
    let action = Pause::new(id(), "erp", "operator").with_action("upsert");
    world.store.pause(whole.clone()).await?;
    world.store.pause(action.clone()).await?;
    let before = world.store.pauses().await?;
    for destination in ["crm", "erp", "free"] {
        world.stored_job(destination).await?;
    }
    world.reopen().await?;
    expect_eq("the pauses", world.store.pauses().await?, before)?;
    let claimed = world.claim_as(WORKER, Want::any(10)).await?;
    let destinations: Vec<_> = claimed.iter().map(|job| job.destination.as_str()).collect();
    expect_eq("what is claimed", destinations, vec!["free"])?;
    ensure!(!world.store.pause(whole.clone()).await?, "a pause that lasts is not new");
    ensure!(world.store.resume(whole.id).await?, "the pause ends");
    world.reopen().await?;
    expect_eq("jobs claimed", world.claim_as(WORKER, Want::any(10)).await?.len(), 1)
}

async fn ended_pauses_are_remembered(world: &mut World) -> Outcome {
    let pause = Pause::new(world.toolkit.pause_id(), "crm", WORKER);
    world.store.pause(pause.clone()).await?;
    world.store.resume(pause.id).await?;
    world.reopen().await?;
    ensure!(!world.store.resume(pause.id).await?, "what has ended does not end again");
    ensure!(!world.store.pause(pause.clone()).await?, "a late copy is not new");
    expect_eq("pauses", world.store.pauses().await?, vec![])?;
    let other = pause.clone().with_reason("another one");
    expect_error("other content", world.store.pause(other).await, ErrorKind::Conflict)?;

    world.advance(PAUSE_MEMORY + Duration::from_micros(1));
    world.store.maintain().await?;
    world.reopen().await?;
    ensure!(world.store.pause(pause).await?, "a pause that was forgotten is new");
    Ok(())
}

/// The check that follows each case compares them with the histories, too.
async fn stats_are_exact_after_a_restart(world: &mut World) -> Outcome {
    for round in 1..=4 {
        world.stored_jobs("crm", 5).await?;
        for job in world.claim("crm", 3).await? {
            world.moved(&job, Status::Succeeded).await?;
        }
        if round % 2 == 0 {
            world.store.maintain().await?;
        }
        world.reopen().await?;
        let stats = world.store.stats().await?;
        let counts = (stats[0].counts.acknowledged, stats[0].counts.succeeded);
        expect_eq(format!("restart {round}"), counts, (2 * round, 3 * round))?;
    }
    Ok(())
}

async fn cursors_lead_on(world: &mut World) -> Outcome {
    let events: Vec<Event> = (0..7).map(|_| world.event()).collect();
    let mut expected: Vec<_> = events.iter().map(|event| event.id).collect();
    world.store.add_events(events).await?;
    for order in [Order::Oldest, Order::Newest] {
        let pages = WhereEvents::default().with_order(order).with_limit(2);
        let mut filter = pages.clone();
        let mut found = Vec::new();
        loop {
            let page = world.store.find_events(filter).await?;
            found.extend(page.entries.iter().map(|event| event.id));
            let Some(cursor) = page.meta.next_cursor else { break };
            filter = pages.clone().with_cursor(cursor);
            world.reopen().await?;
        }
        expect_eq(format!("events, {order:?} first"), &found, &expected)?;
        expected.reverse();
    }
    Ok(())
}

async fn what_was_purged_stays_away(world: &mut World) -> Outcome {
    let gone = world.job_in("crm", Status::Succeeded).await?;
    let kept = world.stored_job("crm").await?;
    world.store.purge(PurgeRequest::everything().with_recent()).await?;
    world.reopen().await?;
    expect_error("what was purged", world.store.find_job(gone.id).await, ErrorKind::NotFound)?;
    expect_eq("what was kept", world.store.find_job(kept.id).await?, kept)?;
    expect_eq("jobs counted", world.store.stats().await?[0].counts.total(), 1)?;
    expect_eq("jobs claimed", world.claim("crm", 10).await?.len(), 1)
}

async fn a_store_that_was_maintained_opens_again(world: &mut World) -> Outcome {
    for status in Status::ALL {
        world.job_in(status.as_str(), status).await?;
    }
    let before = world.contents().await?;
    for _ in 0..3 {
        world.store.maintain().await?;
        world.reopen().await?;
        world.store.maintain().await?;
    }
    world.expect_unchanged("restarts and housekeeping", &before).await
}

async fn a_life_with_a_restart_at_every_step(world: &mut World) -> Outcome {
    use Status::{Acknowledged, Awaiting, Executing, Failed, Succeeded, Unknown};
    let id = world.stored_job("crm").await?.id;
    let way = [Executing, Failed, Executing, Unknown, Executing, Awaiting, Executing, Succeeded];
    for status in way {
        world.reopen().await?;
        let job = world.store.find_job(id).await?;
        let moved = match status {
            Executing => world.claim_one("crm").await?,
            status => world.moved(&job, status).await?,
        };
        expect_eq("its state", moved.status(), Some(status))?;
    }
    world.reopen().await?;
    let mut expected = vec![Acknowledged];
    expected.extend(way);
    expect_eq("its history", world.states(id).await?, expected)?;
    let done = world.store.find_job(id).await?;
    let attempts = done.transition.ok_or_else(|| Failure::new("no latest transition"))?.attempt;
    expect_eq("runs that were begun", attempts, 3)
}
