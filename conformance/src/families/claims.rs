//! Due jobs go to exactly one worker, oldest first, want by want.

pub(super) mod concurrent;
pub(super) mod next_due;

use std::time::Duration;

use blacksmith_store_core::{
    ClaimRequest, Claimed, Event, Job, JobId, MAX_LEASE, Status, Want, WhereEvents,
};

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq},
    world::{LEASE, WORKER, World, latest, with},
};

family! {
    "claims";
    a_job_is_due_from_its_run_at_on,
    oldest_first_by_place_then_id,
    ties_go_by_id_whatever_the_order_of_arrival,
    a_retry_takes_its_place_by_its_latest_transition,
    a_run_at_that_has_passed_gives_no_better_place,
    an_operator_moves_a_job_earlier_or_later,
    a_want_takes_its_destination_or_action_alone,
    names_of_wants_are_compared_byte_by_byte,
    wants_are_served_in_their_order,
    a_job_goes_to_the_first_want_with_room,
    the_same_want_twice_has_room_twice,
    the_answer_is_in_the_order_of_turns_and_not_of_wants,
    any_takes_from_every_destination_oldest_first,
    limits_are_exact,
    no_wants_claim_nothing,
    the_claim_is_written_into_the_history,
    the_queue_holds_claimed_jobs_alone,
    events_come_in_the_order_of_their_first_due_job,
    claimed_jobs_come_with_every_field,
    what_is_claimed_is_claimed_once,
    a_given_back_job_is_due_at_once,
    the_backlog_of_another_destination_is_passed_over,
    leases_of_any_legal_length,
    one_actor_may_hold_many_claims,
    jobs_of_one_event_go_to_several_workers,
    a_job_that_came_late_is_handed_out_nevertheless,
}

/// A second of the case's clock.
const SECOND: Duration = Duration::from_secs(1);

async fn claim<const N: usize>(world: &World, wants: [Want; N]) -> Outcome<Claimed> {
    Ok(world.store.claim(ClaimRequest::new(WORKER, LEASE, wants)).await?)
}

fn ids(claimed: &Claimed) -> Vec<JobId> {
    claimed.queue.jobs().map(|(_, job)| job.id).collect()
}

fn ids_of(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

/// A job of a destination and action, alone in its event.
async fn stored(world: &World, destination: &str, action: &str) -> Outcome<JobId> {
    let job = with(world.job(destination), |job| action.clone_into(&mut job.action));
    Ok(world.stored(job).await?.id)
}

async fn a_job_is_due_from_its_run_at_on(world: &World) -> Outcome {
    let run_at = world.now() + Duration::from_hours(1);
    let job = world.stored_job_at("crm", run_at).await?;
    let nothing: Vec<JobId> = Vec::new();
    expect_eq("an hour before", ids_of(&world.claim("crm", 10).await?), nothing.clone())?;
    world.set_clock(run_at - Duration::from_micros(1));
    expect_eq("a microsecond before", ids_of(&world.claim("crm", 10).await?), nothing)?;
    world.set_clock(run_at);
    expect_eq("at the instant", ids_of(&world.claim("crm", 10).await?), vec![job.id])
}

async fn oldest_first_by_place_then_id(world: &World) -> Outcome {
    let start = world.now();
    let fourth = world.stored_job_at("crm", start + 30 * SECOND).await?;
    let first = world.stored_job("crm").await?;
    world.advance(10 * SECOND);
    let second = world.stored_job("crm").await?;
    let third = world.stored_job_at("crm", start + 20 * SECOND).await?;
    let last = world.stored_job_at("crm", start + 30 * SECOND).await?;
    world.advance(20 * SECOND);

    let expected = ids_of(&[first, second, third, fourth, last]);
    expect_eq("by place, then by id", ids_of(&world.claim("crm", 10).await?), expected)
}

async fn ties_go_by_id_whatever_the_order_of_arrival(world: &World) -> Outcome {
    let mut jobs: Vec<Job> = (0..12).map(|_| world.job("crm")).collect();
    let ascending = ids_of(&jobs);
    jobs.reverse();
    let late = jobs.split_off(8);
    // Some in one event, some alone, all at one instant.
    let event = with(world.event(), |event| event.jobs = jobs);
    world.store.add_events(vec![event]).await?;
    for job in late {
        world.stored(job).await?;
    }
    for (place, expected) in ascending.chunks(5).enumerate() {
        let claimed = world.claim("crm", 5).await?;
        expect_eq(format!("claim {place}"), ids_of(&claimed), expected.to_vec())?;
    }
    Ok(())
}

async fn a_retry_takes_its_place_by_its_latest_transition(world: &World) -> Outcome {
    let retried = world.claimed_job("crm").await?;
    world.advance(SECOND);
    let before = world.stored_job("crm").await?;
    world.advance(SECOND);
    world.moved(&retried, Status::Failed).await?;
    world.advance(SECOND);
    let after = world.stored_job("crm").await?;
    let expected = ids_of(&[before, retried, after]);
    expect_eq("a retry without run_at", ids_of(&world.claim("crm", 10).await?), expected)
}

/// Otherwise whoever names an early instant would go before all who wait.
async fn a_run_at_that_has_passed_gives_no_better_place(world: &World) -> Outcome {
    let waiting = world.stored_job("crm").await?;
    world.advance(SECOND);
    let pushy = world.stored_job_at("crm", world.now() - Duration::from_hours(9)).await?;
    let retried = world.claimed_job("erp").await?;
    let failed = world.next(&retried, Status::Failed)?.with_run_at(world.now() - SECOND);
    world.append(failed).await?;
    world.advance(SECOND);
    let last = world.stored_job("crm").await?;

    let claimed = claim(world, [Want::any(10)]).await?;
    // The last two but one have the same place; the ids decide.
    let expected = ids_of(&[waiting, pushy, retried, last]);
    expect_eq("by the later of both instants", ids(&claimed), expected)
}

async fn an_operator_moves_a_job_earlier_or_later(world: &World) -> Outcome {
    let far = world.now() + Duration::from_hours(5);
    let job = world.stored_job_at("crm", far).await?;
    let now = world.moved(&job, Status::Awaiting).await?;
    let claimed = world.claim_one("crm").await?;
    expect_eq("asked for now", claimed.id, now.id)?;

    let job = world.stored_job("erp").await?;
    let later = world.next(&job, Status::Awaiting)?.with_run_at(far);
    world.append(later).await?;
    expect_eq("asked for later", world.claim("erp", 10).await?.len(), 0)?;
    world.set_clock(far);
    expect_eq("when it has come", ids_of(&world.claim("erp", 10).await?), vec![job.id])
}

async fn a_want_takes_its_destination_or_action_alone(world: &World) -> Outcome {
    let crm_upsert = stored(world, "crm", "upsert").await?;
    let crm_delete = stored(world, "crm", "delete").await?;
    let erp_upsert = stored(world, "erp", "upsert").await?;
    let erp_delete = stored(world, "erp", "delete").await?;

    let claimed = claim(world, [Want::action("crm", "delete", 10)]).await?;
    expect_eq("an action", ids(&claimed), vec![crm_delete])?;
    let claimed = claim(world, [Want::destination("crm", 10)]).await?;
    expect_eq("a destination", ids(&claimed), vec![crm_upsert])?;
    let claimed = claim(world, [Want::destination("warehouse", 10)]).await?;
    expect_eq("a destination without jobs", ids(&claimed), vec![])?;
    let claimed = claim(world, [Want::action("erp", "append", 10)]).await?;
    expect_eq("an action without jobs", ids(&claimed), vec![])?;
    let claimed = claim(world, [Want::any(10)]).await?;
    expect_eq("any", ids(&claimed), vec![erp_upsert, erp_delete])
}

async fn names_of_wants_are_compared_byte_by_byte(world: &World) -> Outcome {
    let job = stored(world, "crm", "upsert").await?;
    for (destination, action) in [
        ("CRM", None),
        ("crm ", None),
        ("cr%", None),
        ("cr", None),
        ("crm", Some("Upsert")),
        ("crm", Some("upser_")),
        ("crmu", Some("psert")),
    ] {
        let want = match action {
            None => Want::destination(destination, 10),
            Some(action) => Want::action(destination, action, 10),
        };
        let claimed = claim(world, [want]).await?;
        expect_eq(format!("{destination:?} {action:?}"), ids(&claimed), vec![])?;
    }
    expect_eq("its own name", ids(&claim(world, [Want::destination("crm", 10)]).await?), vec![job])
}

/// The first want takes the oldest, even what a later want alone could use.
async fn wants_are_served_in_their_order(world: &World) -> Outcome {
    for (destination, any_first) in [("a", true), ("b", false)] {
        let delete = stored(world, destination, "delete").await?;
        world.advance(SECOND);
        let upsert = stored(world, destination, "upsert").await?;
        world.advance(SECOND);
        let last = stored(world, destination, "delete").await?;

        let any = Want::destination(destination, 1);
        let deletes = Want::action(destination, "delete", 1);
        let (claimed, expected, left) = if any_first {
            (claim(world, [any, deletes]).await?, [delete, last], upsert)
        } else {
            (claim(world, [deletes, any]).await?, [delete, upsert], last)
        };
        let what = if any_first { "the broad want first" } else { "the narrow want first" };
        expect_eq(what, ids(&claimed), expected.to_vec())?;
        let rest = claim(world, [Want::destination(destination, 10)]).await?;
        expect_eq("what is left", ids(&rest), vec![left])?;
    }
    Ok(())
}

async fn a_job_goes_to_the_first_want_with_room(world: &World) -> Outcome {
    let crm = world.stored_jobs("crm", 5).await?;
    world.advance(SECOND);
    let erp = world.stored_jobs("erp", 5).await?;

    let wants = [Want::destination("crm", 2), Want::destination("erp", 1), Want::any(4)];
    let claimed = claim(world, wants).await?;
    // `any` goes on where the others were full: the three older ones of crm, then one of erp.
    let expected = [&crm[..], &erp[..2]].concat();
    expect_eq("two, one, and four of any", ids(&claimed), expected)
}

async fn the_same_want_twice_has_room_twice(world: &World) -> Outcome {
    let jobs = world.stored_jobs("crm", 5).await?;
    let claimed = claim(world, [Want::destination("crm", 2), Want::destination("crm", 1)]).await?;
    expect_eq("two and one", ids(&claimed), jobs[..3].to_vec())
}

async fn the_answer_is_in_the_order_of_turns_and_not_of_wants(world: &World) -> Outcome {
    let mut expected = Vec::new();
    for destination in ["crm", "erp", "warehouse", "erp", "crm"] {
        expected.push(stored(world, destination, "upsert").await?);
        world.advance(SECOND);
    }
    let wants = ["warehouse", "erp", "crm"].map(|destination| Want::destination(destination, 2));
    expect_eq("three wants", ids(&claim(world, wants).await?), expected)
}

async fn any_takes_from_every_destination_oldest_first(world: &World) -> Outcome {
    let mut expected = Vec::new();
    for number in 0..15 {
        expected.push(stored(world, ["crm", "erp", "warehouse"][number % 3], "upsert").await?);
        world.advance(SECOND);
    }
    let claimed = claim(world, [Want::any(10)]).await?;
    expect_eq("the ten oldest", ids(&claimed), expected[..10].to_vec())?;
    let claimed = claim(world, [Want::any(10)]).await?;
    expect_eq("the rest", ids(&claimed), expected[10..].to_vec())
}

async fn limits_are_exact(world: &World) -> Outcome {
    let jobs = world.stored_jobs("crm", 10).await?;
    let mut taken = 0;
    for limit in [0, 1, 2, 3, 0, 4, 1] {
        let claimed = claim(world, [Want::destination("crm", limit)]).await?;
        let expected = jobs[taken..(taken + limit).min(10)].to_vec();
        taken = (taken + limit).min(10);
        expect_eq(format!("at most {limit}"), ids(&claimed), expected)?;
    }
    Ok(())
}

async fn no_wants_claim_nothing(world: &World) -> Outcome {
    world.stored_job("crm").await?;
    let before = world.contents().await?;
    expect_eq("no wants", claim(world, []).await?, Claimed::default())?;
    let claimed = claim(world, [Want::any(0)]).await?;
    expect_eq("a want of none", ids(&claimed), vec![])?;
    world.expect_unchanged("claims of nothing", &before).await
}

async fn the_claim_is_written_into_the_history(world: &World) -> Outcome {
    let job = world.stored_job("crm").await?;
    world.advance(SECOND);
    let request = ClaimRequest::new("worker-7 of host-3", LEASE, [Want::any(1)]);
    let claimed = world.store.claim(request).await?;
    let [event] = &claimed.queue.events[..] else {
        return Err(Failure::new("one event holds the one claimed job"));
    };
    let executing = latest(&event.jobs[0])?;

    let expected = with(world.first(Status::Executing), |expected| {
        expected.id = executing.id;
        expected.attempt = 1;
        expected.state_before = Some(Status::Acknowledged);
        expected.sequence = Some(1);
        expected.created_at = Some(world.now());
        expected.event_id = job.event_id;
        expected.job_id = Some(job.id);
        expected.actor = Some("worker-7 of host-3".into());
    });
    expect_eq("the transition in the answer", executing, &expected)?;
    expect_eq("by its id", &world.store.find_transition(executing.id).await?, &expected)?;
    expect_eq("with its job", &world.store.find_job(job.id).await?, &event.jobs[0])?;
    expect_eq("in the history", world.history(job.id).await?.last(), Some(&expected))
}

async fn the_queue_holds_claimed_jobs_alone(world: &World) -> Outcome {
    let event = world
        .event()
        .with_job(world.job("crm"))
        .with_job(world.job("erp"))
        .with_job(world.job("crm"));
    world.store.add_events(vec![event.clone(), world.event().with_job(world.job("erp"))]).await?;

    let claimed = claim(world, [Want::destination("crm", 1)]).await?;
    expect_eq("events", claimed.queue.events.len(), 1)?;
    expect_eq("one of three jobs", ids(&claimed), vec![event.jobs[0].id])?;
    let claimed = claim(world, [Want::destination("erp", 1)]).await?;
    expect_eq("another of the same event", ids(&claimed), vec![event.jobs[1].id])?;
    let found = world.store.find_event(event.id).await?;
    expect_eq("the event itself has all of them", found.jobs.len(), 3)
}

async fn events_come_in_the_order_of_their_first_due_job(world: &World) -> Outcome {
    let start = world.now();
    let waits = |seconds: u32| {
        let first = world.first(Status::Acknowledged).with_run_at(start + seconds * SECOND);
        world.job("crm").with_transition(first)
    };
    let one = world.event().with_job(waits(50)).with_job(waits(20));
    let two = world.event().with_job(waits(30)).with_job(waits(10));
    let three = world.event().with_job(waits(25));
    world.store.add_events(vec![one.clone(), two.clone(), three.clone()]).await?;
    world.advance(60 * SECOND);

    let claimed = claim(world, [Want::any(10)]).await?;
    let events: Vec<_> = claimed.queue.events.iter().map(|event| event.id).collect();
    expect_eq("the events", events, vec![two.id, one.id, three.id])?;
    let expected = [&two.jobs[1], &two.jobs[0], &one.jobs[1], &one.jobs[0], &three.jobs[0]];
    expect_eq("their jobs", ids(&claimed), expected.map(|job| job.id).to_vec())
}

async fn claimed_jobs_come_with_every_field(world: &World) -> Outcome {
    let job = world.job("crm").with_version("v").with_context("job context").with_data("job data");
    let job = with(job, |job| job.parent_job_id = Some(world.toolkit.job_id()));
    let event = world.event().with_version("e").with_context("event context").with_data("data");
    let event = with(event.with_job(job), |event| {
        event.parent_event_id = Some(world.toolkit.event_id());
        event.sent_at = Some(world.now() - SECOND);
    });
    world.store.add_events(vec![event.clone()]).await?;

    let claimed = claim(world, [Want::any(1)]).await?;
    let found = world.store.find_event(event.id).await?;
    expect_eq(
        "the claimed event, and the one that is found",
        claimed.queue.events,
        vec![found.clone()],
    )?;
    expect_eq("its payload", found.data.as_deref(), Some(&b"data"[..]))
}

async fn what_is_claimed_is_claimed_once(world: &World) -> Outcome {
    let jobs = world.stored_jobs("crm", 30).await?;
    let mut taken = Vec::new();
    for round in 0..12 {
        let actor = format!("worker-{}", round % 3);
        taken.extend(ids_of(&world.claim_as(&actor, Want::any(4)).await?));
        world.advance(SECOND);
    }
    expect_eq("every job once, in order", taken, jobs.clone())?;
    // A lease that has ended is no reason to hand a job out: only `expire_leases` ends a claim.
    world.advance(Duration::from_hours(2));
    expect_eq("long after the leases ended", world.claim("crm", 100).await?.len(), 0)?;
    let history = world.store.find_transitions(WhereEvents::default()).await?;
    expect_eq("transitions", history.meta.count, Some(60))
}

async fn a_given_back_job_is_due_at_once(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    world.advance(SECOND);
    let other = world.stored_job("crm").await?;
    world.advance(SECOND);
    world.moved(&job, Status::Awaiting).await?;
    let claimed = world.claim_as("another worker", Want::destination("crm", 10)).await?;
    expect_eq("behind what was due before", ids_of(&claimed), vec![other.id, job.id])
}

async fn the_backlog_of_another_destination_is_passed_over(world: &World) -> Outcome {
    world.stored_jobs("crm", 3_000).await?;
    world.advance(SECOND);
    let erp = world.stored_jobs("erp", 5).await?;
    world.advance(SECOND);
    let claimed = claim(world, [Want::destination("erp", 10)]).await?;
    expect_eq("behind 3,000 older ones", ids(&claimed), erp)?;
    let claimed = claim(world, [Want::any(1_000)]).await?;
    ensure!(
        claimed.queue.jobs().all(|(_, job)| job.destination == "crm"),
        "the older ones come first when anything is wanted"
    );
    expect_eq("a thousand of them", ids(&claimed).len(), 1_000)
}

async fn leases_of_any_legal_length(world: &World) -> Outcome {
    for lease in [Duration::from_micros(1), Duration::from_millis(1), MAX_LEASE] {
        let job = world.stored_job("crm").await?;
        let request = ClaimRequest::new(WORKER, lease, [Want::any(1)]);
        let claimed = world.store.claim(request).await?;
        expect_eq(format!("a lease of {lease:?}"), ids(&claimed), vec![job.id])?;
    }
    Ok(())
}

async fn one_actor_may_hold_many_claims(world: &World) -> Outcome {
    let jobs = world.stored_jobs("crm", 20).await?;
    let mut claimed = Vec::new();
    for _ in 0..20 {
        claimed.push(world.claim_one("crm").await?);
    }
    expect_eq("in order", ids_of(&claimed), jobs)?;
    for job in claimed.iter().rev() {
        world.moved(job, Status::Succeeded).await?;
    }
    Ok(())
}

async fn jobs_of_one_event_go_to_several_workers(world: &World) -> Outcome {
    let jobs = world.stored_jobs("crm", 6).await?;
    let mut taken = Vec::new();
    for actor in ["one", "two", "three"] {
        let claimed = world.claim_as(actor, Want::any(2)).await?;
        for job in &claimed {
            expect_eq("the holder", latest(job)?.actor.as_deref(), Some(actor))?;
        }
        taken.extend(ids_of(&claimed));
    }
    expect_eq("all of them, in order", taken, jobs)?;
    let event: Event = world.contents().await?.events.remove(0);
    ensure!(
        event.jobs.iter().all(|job| job.status() == Some(Status::Executing)),
        "every job of the event executes"
    );
    Ok(())
}

/// From a caller whose clock is behind: its place lies before what was claimed already. It may wait, but for at most
/// thirty seconds.
async fn a_job_that_came_late_is_handed_out_nevertheless(world: &World) -> Outcome {
    world.stored_job("crm").await?;
    world.advance(20 * SECOND);
    world.stored_job("crm").await?;
    expect_eq("claimed", world.claim("crm", 10).await?.len(), 2)?;
    expect_eq("nothing is left", world.claim("crm", 10).await?.len(), 0)?;

    let now = world.now();
    world.set_clock(now - 10 * SECOND);
    let late = world.stored_job("crm").await?;
    world.set_clock(now);
    for _ in 0..30 {
        let claimed = world.claim("crm", 10).await?;
        if !claimed.is_empty() {
            return expect_eq("the late job", ids_of(&claimed), vec![late.id]);
        }
        world.advance(SECOND);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Failure::new("a job that came late was not handed out within 30 seconds"))
}
