//! A paused destination or action is passed over by claims, and by nothing else, until its last pause is resumed.

use std::time::Duration;

use blacksmith_store_core::{
    Change, ChangeOutcome, ErrorKind, ExtendRequest, PAUSE_MEMORY, Pause, PauseId, Status, Token,
    Want,
};

use crate::{
    case::family,
    failure::{Outcome, ensure, expect_eq, expect_error, expect_names},
    world::{LEASE, WORKER, World, token, with},
};

family! {
    "pauses";
    a_paused_destination_is_passed_over,
    a_paused_action_is_passed_over,
    a_pause_of_any_other_name_changes_nothing,
    a_resumed_destination_goes_on_in_its_order,
    a_pause_is_kept_as_it_was_given,
    pauses_come_in_ascending_id,
    a_destination_is_paused_until_its_last_pause_is_resumed,
    a_destination_and_its_action_are_paused_apart,
    resume_ends_exactly_the_pause_that_it_names,
    an_unknown_pause_is_not_resumed,
    a_pause_is_resumed_once,
    a_resent_pause_changes_nothing,
    a_resent_pause_that_has_ended_does_not_pause_again,
    a_known_pause_with_other_content_is_a_conflict,
    what_executes_goes_on,
    jobs_are_added_and_moved_as_ever,
    a_pause_before_the_first_job_holds,
    stats_do_not_know_of_pauses,
    a_big_paused_backlog_stands_in_nobodys_way,
}

fn pause(world: &World, destination: &str) -> Pause {
    Pause::new(world.toolkit.pause_id(), destination, "operator")
}

/// The destinations and actions of what a claim of anything gets.
async fn claimable(world: &World) -> Outcome<Vec<String>> {
    let claimed = world.claim_as(WORKER, Want::any(100)).await?;
    let mut names: Vec<String> =
        claimed.iter().map(|job| format!("{}/{}", job.destination, job.action)).collect();
    names.sort();
    Ok(names)
}

/// A due job of each destination and action.
async fn stored<const N: usize>(world: &World, names: [&str; N]) -> Outcome {
    for name in names {
        let (destination, action) = name.split_once('/').unwrap_or((name, "upsert"));
        let job = with(world.job(destination), |job| action.clone_into(&mut job.action));
        world.stored(job).await?;
    }
    Ok(())
}

async fn a_paused_destination_is_passed_over(world: &World) -> Outcome {
    stored(world, ["crm/upsert", "crm/delete", "erp/upsert"]).await?;
    ensure!(world.store.pause(pause(world, "crm")).await?, "the pause is new");
    for want in [
        Want::destination("crm", 10),
        Want::action("crm", "upsert", 10),
        Want::action("crm", "delete", 10),
    ] {
        let claimed = world.claim_as(WORKER, want.clone()).await?;
        expect_eq(format!("claimed by {want:?}"), claimed.len(), 0)?;
    }
    expect_eq("anything", claimable(world).await?, vec!["erp/upsert"])
}

async fn a_paused_action_is_passed_over(world: &World) -> Outcome {
    stored(world, ["crm/upsert", "crm/delete", "erp/upsert", "erp/delete"]).await?;
    world.store.pause(pause(world, "crm").with_action("delete")).await?;
    let claimed = world.claim_as(WORKER, Want::action("crm", "delete", 10)).await?;
    expect_eq("the paused action", claimed.len(), 0)?;
    expect_eq("anything", claimable(world).await?, vec!["crm/upsert", "erp/delete", "erp/upsert"])
}

async fn a_pause_of_any_other_name_changes_nothing(world: &World) -> Outcome {
    stored(world, ["crm/upsert"]).await?;
    for name in ["CRM", "crm ", "cr", "crm%", "cr_", "upsert", "crmx"] {
        world.store.pause(pause(world, name)).await?;
    }
    for action in ["Upsert", "upsert ", "upser", "upser_", "crm"] {
        world.store.pause(pause(world, "crm").with_action(action)).await?;
    }
    world.store.pause(pause(world, "erp").with_action("upsert")).await?;
    expect_eq("anything", claimable(world).await?, vec!["crm/upsert"])
}

async fn a_resumed_destination_goes_on_in_its_order(world: &World) -> Outcome {
    let jobs = world.stored_jobs("crm", 5).await?;
    let paused = pause(world, "crm");
    world.store.pause(paused.clone()).await?;
    world.advance(Duration::from_secs(1));
    let late = world.stored_jobs("crm", 3).await?;
    expect_eq("while it is paused", world.claim("crm", 100).await?.len(), 0)?;
    ensure!(world.store.resume(paused.id).await?, "the pause ends");
    let claimed = world.claim("crm", 100).await?;
    let ids: Vec<_> = claimed.iter().map(|job| job.id).collect();
    expect_eq("what waited, then what came meanwhile", ids, [jobs, late].concat())
}

async fn a_pause_is_kept_as_it_was_given(world: &World) -> Outcome {
    let whole = pause(world, "crm");
    let action = pause(world, "erp").with_action("delete").with_reason("they migrate until 5 pm");
    world.store.pause(whole.clone()).await?;
    world.advance(Duration::from_secs(9));
    let given = with(action.clone(), |pause| pause.created_at = Some(world.now() - PAUSE_MEMORY));
    world.store.pause(given).await?;

    let second = Some(world.now());
    let expected = vec![
        with(whole, |pause| pause.created_at = second.map(|now| now - Duration::from_secs(9))),
        with(action, |pause| pause.created_at = second),
    ];
    expect_eq("the pauses", world.store.pauses().await?, expected)
}

async fn pauses_come_in_ascending_id(world: &World) -> Outcome {
    let mut ids: Vec<PauseId> =
        [9, 200, 0, 255, 77].map(|fill| PauseId::from_bytes([fill; 20])).to_vec();
    for id in &ids {
        world.store.pause(Pause::new(*id, "crm", "operator")).await?;
    }
    ids.sort_unstable();
    let found: Vec<PauseId> = world.store.pauses().await?.iter().map(|pause| pause.id).collect();
    expect_eq("the pauses", found, ids)
}

async fn a_destination_is_paused_until_its_last_pause_is_resumed(world: &World) -> Outcome {
    stored(world, ["crm/upsert"]).await?;
    let pauses = [pause(world, "crm"), pause(world, "crm"), pause(world, "crm")];
    for pause in &pauses {
        world.store.pause(pause.clone()).await?;
    }
    for ended in [1, 0] {
        world.store.resume(pauses[ended].id).await?;
        expect_eq("while others last", world.claim("crm", 1).await?.len(), 0)?;
    }
    let left: Vec<_> = world.store.pauses().await?.iter().map(|pause| pause.id).collect();
    expect_eq("the last one", left, vec![pauses[2].id])?;
    world.store.resume(pauses[2].id).await?;
    expect_eq("when the last has ended", world.claim("crm", 1).await?.len(), 1)
}

async fn a_destination_and_its_action_are_paused_apart(world: &World) -> Outcome {
    stored(world, ["crm/upsert", "crm/delete"]).await?;
    let whole = pause(world, "crm");
    let action = pause(world, "crm").with_action("delete");
    world.store.pause(whole.clone()).await?;
    world.store.pause(action.clone()).await?;
    world.store.resume(whole.id).await?;
    expect_eq("the action is still paused", claimable(world).await?, vec!["crm/upsert"])?;

    let whole = pause(world, "crm");
    world.store.pause(whole.clone()).await?;
    world.store.resume(action.id).await?;
    expect_eq("the destination is still paused", claimable(world).await?, Vec::<String>::new())?;
    world.store.resume(whole.id).await?;
    expect_eq("neither is", claimable(world).await?, vec!["crm/delete"])
}

async fn resume_ends_exactly_the_pause_that_it_names(world: &World) -> Outcome {
    let pauses = [
        pause(world, "crm"),
        pause(world, "crm"),
        pause(world, "crm").with_action("upsert"),
        pause(world, "erp"),
    ];
    for pause in &pauses {
        world.store.pause(pause.clone()).await?;
    }
    world.store.resume(pauses[1].id).await?;
    let left: Vec<_> = world.store.pauses().await?.iter().map(|pause| pause.id).collect();
    expect_eq("the others", left, vec![pauses[0].id, pauses[2].id, pauses[3].id])
}

async fn an_unknown_pause_is_not_resumed(world: &World) -> Outcome {
    stored(world, ["crm/upsert"]).await?;
    ensure!(!world.store.resume(world.toolkit.pause_id()).await?, "there is no pause at all");
    world.store.pause(pause(world, "crm")).await?;
    ensure!(!world.store.resume(world.toolkit.pause_id()).await?, "there is no pause of this id");
    expect_eq("pauses left", world.store.pauses().await?.len(), 1)?;
    expect_eq("what is paused", world.claim("crm", 1).await?.len(), 0)
}

async fn a_pause_is_resumed_once(world: &World) -> Outcome {
    let ended = pause(world, "crm");
    world.store.pause(ended.clone()).await?;
    ensure!(world.store.resume(ended.id).await?, "it lasts, so it is ended");
    ensure!(!world.store.resume(ended.id).await?, "it has ended already");
    // A late copy of the resume must not end what somebody paused meanwhile.
    let other = pause(world, "crm");
    world.store.pause(other.clone()).await?;
    ensure!(!world.store.resume(ended.id).await?, "it has ended already");
    expect_eq("pauses left", world.store.pauses().await?.len(), 1)
}

async fn a_resent_pause_changes_nothing(world: &World) -> Outcome {
    let sent = pause(world, "crm").with_reason("why");
    ensure!(world.store.pause(sent.clone()).await?, "the pause is new");
    let before = world.store.pauses().await?;
    world.advance(Duration::from_mins(5));
    for _ in 0..3 {
        ensure!(!world.store.pause(sent.clone()).await?, "the pause is known");
    }
    expect_eq("the pauses", world.store.pauses().await?, before)?;
    ensure!(world.store.resume(sent.id).await?, "one resume ends it");
    expect_eq("the pauses", world.store.pauses().await?, vec![])
}

async fn a_resent_pause_that_has_ended_does_not_pause_again(world: &World) -> Outcome {
    stored(world, ["crm/upsert"]).await?;
    let sent = pause(world, "crm");
    world.store.pause(sent.clone()).await?;
    world.advance(Duration::from_hours(100));
    world.store.resume(sent.id).await?;
    for wait in [Duration::ZERO, Duration::from_mins(30), Duration::from_secs(30 * 60 - 1)] {
        world.advance(wait);
        world.store.maintain().await?;
        ensure!(!world.store.pause(sent.clone()).await?, "a late copy is no new pause");
        expect_eq("the pauses", world.store.pauses().await?, vec![])?;
    }
    expect_eq("what is paused", world.claim("crm", 1).await?.len(), 1)
}

async fn a_known_pause_with_other_content_is_a_conflict(world: &World) -> Outcome {
    let sent = pause(world, "crm").with_action("upsert").with_reason("why");
    world.store.pause(sent.clone()).await?;
    let before = world.store.pauses().await?;
    let others = [
        with(sent.clone(), |pause| pause.destination.push('x')),
        with(sent.clone(), |pause| pause.action = Some("delete".into())),
        with(sent.clone(), |pause| pause.action = None),
        with(sent.clone(), |pause| pause.actor.push('x')),
        with(sent.clone(), |pause| pause.reason = Some("why not".into())),
        with(sent.clone(), |pause| pause.reason = None),
    ];
    for other in &others {
        let refused = world.store.pause(other.clone()).await;
        let error = expect_error("while it lasts", refused, ErrorKind::Conflict)?;
        expect_names(&error, [sent.id])?;
    }
    expect_eq("the pauses", world.store.pauses().await?, before)?;
    world.store.resume(sent.id).await?;
    for other in others {
        let refused = world.store.pause(other).await;
        expect_error("when it has ended", refused, ErrorKind::Conflict)?;
    }
    expect_eq("the pauses", world.store.pauses().await?, vec![])
}

async fn what_executes_goes_on(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let other = world.claimed_job("crm").await?;
    world.store.pause(pause(world, "crm")).await?;
    world.advance(Duration::from_secs(20));
    let request = ExtendRequest::new(WORKER, LEASE, [token(&job)?, token(&other)?]);
    let extended = world.store.extend_leases(request).await?;
    expect_eq("the tokens", extended.tokens, vec![Token::Kept, Token::Kept])?;
    world.moved(&job, Status::Succeeded).await?;
    world.moved(&other, Status::Awaiting).await?;
    expect_eq("given back, it waits", world.claim("crm", 10).await?.len(), 0)
}

async fn jobs_are_added_and_moved_as_ever(world: &World) -> Outcome {
    let paused = pause(world, "crm");
    world.store.pause(paused.clone()).await?;
    let job = world.stored_job("crm").await?;
    let again = world.moved(&job, Status::Awaiting).await?;
    let discard = world.next(&again, Status::Discarded)?;
    let follow = with(world.job("crm"), |follow| follow.event_id = job.event_id);
    let change = Change::new(discard).with_job(follow.clone());
    expect_eq("a change", world.store.apply(vec![change]).await?, vec![ChangeOutcome::Applied])?;
    expect_eq("what is paused", world.claim("crm", 10).await?.len(), 0)?;
    world.store.resume(paused.id).await?;
    let claimed = world.claim_one("crm").await?;
    expect_eq("what is left of it", claimed.id, follow.id)
}

async fn a_pause_before_the_first_job_holds(world: &World) -> Outcome {
    world.store.pause(pause(world, "crm")).await?;
    world.store.pause(pause(world, "erp").with_action("delete")).await?;
    stored(world, ["crm/upsert", "erp/delete", "erp/upsert"]).await?;
    expect_eq("anything", claimable(world).await?, vec!["erp/upsert"])
}

async fn stats_do_not_know_of_pauses(world: &World) -> Outcome {
    for status in Status::ALL {
        world.job_in(status.as_str(), status).await?;
    }
    let before = world.store.stats().await?;
    let pauses = Status::ALL.map(|status| pause(world, status.as_str()));
    for pause in &pauses {
        world.store.pause(pause.clone()).await?;
    }
    world.store.pause(pause(world, "never seen")).await?;
    expect_eq("while all is paused", world.store.stats().await?, before.clone())?;
    for pause in pauses {
        world.store.resume(pause.id).await?;
    }
    expect_eq("when it goes on", world.store.stats().await?, before)
}

async fn a_big_paused_backlog_stands_in_nobodys_way(world: &World) -> Outcome {
    world.stored_jobs("crm", 3_000).await?;
    let paused = pause(world, "crm");
    world.store.pause(paused.clone()).await?;
    world.advance(Duration::from_secs(1));
    let erp = world.stored_jobs("erp", 7).await?;
    let claimed = world.claim_as(WORKER, Want::any(100)).await?;
    let ids: Vec<_> = claimed.iter().map(|job| job.id).collect();
    expect_eq("behind 3,000 paused ones", ids, erp)?;
    world.store.resume(paused.id).await?;
    let claimed = world.claim_as(WORKER, Want::any(4_000)).await?;
    expect_eq("when it goes on", claimed.len(), 3_000)
}
