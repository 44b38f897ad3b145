//! The instant at which the next job of a claim's wants will be due.

use std::time::Duration;

use blacksmith_store_core::{Pause, Status, Timestamp, Want};

use crate::{
    case::family,
    failure::{Outcome, ensure, expect_eq},
    world::{World, instant},
};

use super::{SECOND, claim, stored};

family! {
    "claims";
    next_due_is_none_when_nothing_waits,
    next_due_is_the_exact_instant_of_the_next_job,
    next_due_is_not_later_than_now_when_more_are_due,
    next_due_is_that_of_these_wants_alone,
    next_due_is_asked_for_by_a_limit_of_zero,
    next_due_leaves_out_paused_jobs,
    next_due_leaves_out_executing_and_finished_jobs,
    next_due_of_several_wants_is_the_earliest,
    next_due_counts_retries_and_follow_ups,
    next_due_reaches_to_the_end_of_time,
}

async fn next_due<const N: usize>(world: &World, wants: [Want; N]) -> Outcome<Option<Timestamp>> {
    Ok(claim(world, wants).await?.next_due)
}

#[track_caller]
fn expect_due_now(what: &str, world: &World, next_due: Option<Timestamp>) -> Outcome {
    ensure!(
        next_due.is_some_and(|due| due <= world.now()),
        "{what}: more are due, so next_due is at most {}, but came back as {next_due:?}",
        world.now()
    );
    Ok(())
}

async fn next_due_is_none_when_nothing_waits(world: &World) -> Outcome {
    expect_eq("an empty store", next_due(world, [Want::any(1)]).await?, None)?;
    world.stored_jobs("crm", 2).await?;
    expect_eq("all of them claimed", next_due(world, [Want::any(2)]).await?, None)?;
    expect_eq("all of them executing", next_due(world, [Want::any(2)]).await?, None)
}

async fn next_due_is_the_exact_instant_of_the_next_job(world: &World) -> Outcome {
    let start = world.now();
    let first = start + Duration::from_micros(1);
    let second = start + Duration::from_hours(30) + Duration::from_micros(7);
    world.stored_job_at("crm", second).await?;
    expect_eq("the only one", next_due(world, [Want::any(5)]).await?, Some(second))?;
    world.stored_job_at("crm", first).await?;
    expect_eq("the earlier one", next_due(world, [Want::any(5)]).await?, Some(first))?;
    world.set_clock(first);
    expect_eq("behind the claimed one", next_due(world, [Want::any(5)]).await?, Some(second))?;
    world.set_clock(second - Duration::from_micros(1));
    expect_eq("just before", next_due(world, [Want::any(5)]).await?, Some(second))?;
    world.set_clock(second);
    expect_eq("nothing is left", next_due(world, [Want::any(5)]).await?, None)
}

async fn next_due_is_not_later_than_now_when_more_are_due(world: &World) -> Outcome {
    world.stored_jobs("crm", 3).await?;
    world.stored_job_at("crm", world.now() + SECOND).await?;
    let due = next_due(world, [Want::destination("crm", 1)]).await?;
    expect_due_now("one of three claimed", world, due)?;
    let due = next_due(world, [Want::destination("crm", 1)]).await?;
    expect_due_now("two of three claimed", world, due)?;
    let due = next_due(world, [Want::destination("crm", 1)]).await?;
    expect_eq("three of three claimed", due, Some(world.now() + SECOND))
}

async fn next_due_is_that_of_these_wants_alone(world: &World) -> Outcome {
    let start = world.now();
    world.stored_job("crm").await?;
    world.stored_job_at("erp", start + SECOND).await?;
    world.stored_job_at("warehouse", start + 2 * SECOND).await?;
    let due = next_due(world, [Want::destination("warehouse", 1)]).await?;
    expect_eq("of one destination", due, Some(start + 2 * SECOND))?;
    let due = next_due(world, [Want::action("warehouse", "append", 1)]).await?;
    expect_eq("of an action without jobs", due, None)?;
    let due = next_due(world, [Want::action("erp", "upsert", 1)]).await?;
    expect_eq("of an action", due, Some(start + SECOND))?;
    let due = next_due(world, [Want::destination("nobody", 1)]).await?;
    expect_eq("of a destination without jobs", due, None)
}

async fn next_due_is_asked_for_by_a_limit_of_zero(world: &World) -> Outcome {
    let later = world.now() + SECOND;
    world.stored_job_at("crm", later).await?;
    expect_eq("later", next_due(world, [Want::any(0)]).await?, Some(later))?;
    let due = next_due(world, [Want::destination("crm", 0)]).await?;
    expect_eq("later, of its destination", due, Some(later))?;
    world.stored_job("crm").await?;
    expect_due_now("now", world, next_due(world, [Want::any(0)]).await?)?;
    // A want that takes nothing asks, whatever the others take.
    let wants = [Want::destination("erp", 1), Want::destination("crm", 0)];
    expect_due_now("beside another want", world, next_due(world, wants).await?)
}

async fn next_due_leaves_out_paused_jobs(world: &World) -> Outcome {
    let start = world.now();
    world.stored_job("crm").await?;
    stored(world, "erp", "delete").await?;
    world.stored_job_at("erp", start + 5 * SECOND).await?;
    let crm = Pause::new(world.toolkit.pause_id(), "crm", "operator");
    let delete = Pause::new(world.toolkit.pause_id(), "erp", "operator").with_action("delete");
    world.store.pause(crm.clone()).await?;
    world.store.pause(delete.clone()).await?;

    expect_eq(
        "of a paused destination",
        next_due(world, [Want::destination("crm", 9)]).await?,
        None,
    )?;
    let due = next_due(world, [Want::action("erp", "delete", 9)]).await?;
    expect_eq("of a paused action", due, None)?;
    let due = next_due(world, [Want::any(9)]).await?;
    expect_eq("of what is left", due, Some(start + 5 * SECOND))?;
    world.store.resume(delete.id).await?;
    expect_due_now("when it goes on", world, next_due(world, [Want::any(0)]).await?)
}

async fn next_due_leaves_out_executing_and_finished_jobs(world: &World) -> Outcome {
    for status in [Status::Executing, Status::Succeeded, Status::Discarded] {
        world.job_in("crm", status).await?;
    }
    expect_eq("nothing waits", next_due(world, [Want::any(9)]).await?, None)?;
    world.advance(Duration::from_hours(5));
    expect_eq("nor long after", next_due(world, [Want::any(9)]).await?, None)
}

async fn next_due_of_several_wants_is_the_earliest(world: &World) -> Outcome {
    let start = world.now();
    world.stored_job_at("crm", start + 9 * SECOND).await?;
    world.stored_job_at("erp", start + 3 * SECOND).await?;
    world.stored_job_at("warehouse", start + SECOND).await?;
    for wants in [["crm", "erp"], ["erp", "crm"]] {
        let wants = wants.map(|destination| Want::destination(destination, 5));
        expect_eq("of two", next_due(world, wants).await?, Some(start + 3 * SECOND))?;
    }
    let wants = [Want::destination("crm", 0), Want::any(1)];
    expect_eq("of any beside another", next_due(world, wants).await?, Some(start + SECOND))
}

async fn next_due_counts_retries_and_follow_ups(world: &World) -> Outcome {
    let start = world.now();
    let job = world.claimed_job("crm").await?;
    let retry = world.next(&job, Status::Failed)?.with_run_at(start + 7 * SECOND);
    world.append(retry).await?;
    expect_eq("a retry", next_due(world, [Want::any(9)]).await?, Some(start + 7 * SECOND))?;

    let job = world.claimed_job("erp").await?;
    let back = world.next(&job, Status::Awaiting)?.with_run_at(start + 6 * SECOND);
    world.append(back).await?;
    expect_eq("given back", next_due(world, [Want::any(9)]).await?, Some(start + 6 * SECOND))?;

    let job = world.claimed_job("warehouse").await?;
    let unknown = world.next(&job, Status::Unknown)?.with_run_at(start + 5 * SECOND);
    world.append(unknown).await?;
    expect_eq("unknown", next_due(world, [Want::any(9)]).await?, Some(start + 5 * SECOND))?;

    let asked = world.stored_job("shop").await?;
    let asked = world.next(&asked, Status::Awaiting)?.with_run_at(start + 4 * SECOND);
    world.append(asked).await?;
    expect_eq("asked for", next_due(world, [Want::any(9)]).await?, Some(start + 4 * SECOND))
}

async fn next_due_reaches_to_the_end_of_time(world: &World) -> Outcome {
    let end = instant("9999-12-31T23:59:59.999999Z");
    world.stored_job_at("crm", end).await?;
    expect_eq("the last instant", next_due(world, [Want::any(1)]).await?, Some(end))
}
