//! Several handles on the same data are one store.

use std::{collections::HashSet, time::Duration};

use blacksmith_store_core::{
    Change, ChangeOutcome, ClaimRequest, ErrorKind, ExpireRequest, ExtendRequest, Job, JobId,
    Pause, PurgeRequest, Status, Token, Want, WhereEvents,
};
use futures_util::{StreamExt as _, future::try_join_all};

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq, expect_error},
    handle::Handle,
    world::{LEASE, WORKER, World, token, with},
};

family! {
    "handles";
    [several_handles] what_one_writes_the_other_sees,
    [several_handles] what_one_added_the_other_knows,
    [several_handles] a_job_is_claimed_through_one_handle_alone,
    [several_handles] claims_through_many_handles_are_disjoint_and_complete,
    [several_handles] work_of_one_handle_is_due_at_the_other,
    [several_handles] an_outcome_may_come_through_another_handle,
    [several_handles] of_two_outcomes_through_two_handles_one_is_stored,
    [several_handles] a_lease_is_extended_through_another_handle,
    [several_handles] a_lost_answer_is_told_through_another_handle,
    [several_handles] a_claim_expires_through_another_handle,
    [several_handles] pauses_hold_for_every_handle,
    [several_handles] what_one_purges_is_gone_for_the_other,
    [several_handles] stats_count_what_all_handles_do,
    [several_handles] maintenance_through_two_handles_changes_nothing,
    [several_handles] a_cursor_leads_on_at_another_handle,
    [several_handles] the_same_events_added_through_two_handles_are_stored_once,
    [several_handles] changes_through_two_handles_are_applied_once,
    [several_handles] a_closed_handle_takes_nothing_along,
    [several_handles] work_added_through_one_handle_wakes_the_other,
}

/// Jobs that are handed out late come by then.
const PATIENCE: Duration = Duration::from_secs(40);

/// Claims through a handle, and answers the jobs.
async fn claim(store: &Handle, actor: &str, limit: usize) -> Outcome<Vec<Job>> {
    let claimed = store.claim(ClaimRequest::new(actor, LEASE, [Want::any(limit)])).await?;
    Ok(claimed.queue.jobs().map(|(_, job)| job.clone()).collect())
}

/// Claims through a handle until a job comes: one that was written through another handle may come late.
async fn claim_some(store: &Handle, actor: &str, limit: usize) -> Outcome<Vec<Job>> {
    let patience = async {
        loop {
            let jobs = claim(store, actor, limit).await?;
            if !jobs.is_empty() {
                return Ok(jobs);
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, patience)
        .await
        .unwrap_or_else(|_| Err(Failure::new(format!("nothing was claimed within {PATIENCE:?}"))))
}

/// Runs tasks at once, and answers what each of them got.
async fn at_once<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = Outcome<T>> + Send + 'static>,
) -> Outcome<Vec<T>> {
    let tasks = tasks.into_iter().map(tokio::spawn).collect::<Vec<_>>();
    let mut answers = Vec::new();
    for task in tasks {
        let answer = task.await.map_err(|error| Failure::new(format!("a task ended: {error}")))?;
        answers.push(answer?);
    }
    Ok(answers)
}

async fn what_one_writes_the_other_sees(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    let found = other.find_event(event.id).await?;
    expect_eq("the event", &found, &world.store.find_event(event.id).await?)?;

    let discarded = world.next(&found.jobs[0], Status::Discarded)?;
    other.add_transitions(vec![discarded.clone()]).await?;
    world.expect_latest("the other way round", found.jobs[0].id, discarded.id).await?;
    let seen = |page: blacksmith_store_core::Page<Job>| page.entries[0].status();
    for store in [&world.store, &other] {
        let page = store.find_jobs(WhereEvents::default()).await?;
        expect_eq("in a search", seen(page), Some(Status::Discarded))?;
    }
    Ok(())
}

async fn what_one_added_the_other_knows(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    let event = world.event().with_data("x").with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    let added = other.add_events(vec![event.clone()]).await?;
    expect_eq("the event", (added.events_known, added.jobs_known), (1, 1))?;
    let refused = other.add_events(vec![event.with_data("y")]).await;
    expect_error("with other data", refused, ErrorKind::Conflict)?;
    Ok(())
}

async fn a_job_is_claimed_through_one_handle_alone(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    let job = world.stored_job("crm").await?;
    let claimed = claim_some(&other, "other", 10).await?;
    expect_eq("the claimed job", claimed[0].id, job.id)?;
    expect_eq("claimed again", claim(&world.store, WORKER, 10).await?.len(), 0)?;
    expect_eq("claimed by the same", claim(&other, "other", 10).await?.len(), 0)
}

async fn claims_through_many_handles_are_disjoint_and_complete(world: &World) -> Outcome {
    const JOBS: usize = 400;
    let jobs: HashSet<JobId> = world.stored_jobs("crm", JOBS).await?.into_iter().collect();
    let mut handles = vec![world.store.clone()];
    for _ in 0..3 {
        handles.push(world.another_handle().await?);
    }
    let drain = |(index, store): (usize, Handle)| async move {
        let actor = format!("worker-{index}");
        let mut taken = Vec::new();
        loop {
            let request = ClaimRequest::new(&actor, LEASE, [Want::any(7)]);
            let claimed = store.claim(request).await?;
            taken.extend(claimed.queue.jobs().map(|(_, job)| job.id));
            if claimed.next_due.is_none() {
                return Ok(taken);
            }
            tokio::task::yield_now().await;
        }
    };
    let taken = at_once(handles.into_iter().enumerate().map(drain)).await?;
    let all: Vec<JobId> = taken.into_iter().flatten().collect();
    expect_eq("jobs claimed", all.len(), JOBS)?;
    expect_eq("each of them once", all.into_iter().collect::<HashSet<_>>(), jobs)
}

async fn work_of_one_handle_is_due_at_the_other(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    // The other one has seen that nothing is due, which it must not believe for ever.
    for round in 1..=5 {
        expect_eq("before", claim(&other, "other", 10).await?.len(), 0)?;
        let job = world.stored_job("crm").await?;
        let claimed = claim_some(&other, "other", 10).await?;
        let claimed: Vec<_> = claimed.iter().map(|job| job.id).collect();
        expect_eq(format!("round {round}"), claimed, vec![job.id])?;
        world.advance(Duration::from_millis(1));
    }
    Ok(())
}

async fn an_outcome_may_come_through_another_handle(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    let job = world.claimed_job("crm").await?;
    let change = Change::new(world.next(&job, Status::Failed)?).with_event(world.event());
    let outcomes = other.apply(vec![change.clone()]).await?;
    expect_eq("the outcome", outcomes, vec![ChangeOutcome::Applied])?;
    let outcomes = world.store.apply(vec![change]).await?;
    expect_eq("the same again", outcomes, vec![ChangeOutcome::Known])?;
    let again = claim_some(&world.store, WORKER, 10).await?;
    expect_eq("the job is due again", again[0].id, job.id)
}

async fn of_two_outcomes_through_two_handles_one_is_stored(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    for _ in 0..20 {
        let job = world.claimed_job("crm").await?;
        let done = world.next(&job, Status::Succeeded)?;
        let discarded = world.next(&job, Status::Discarded)?;
        let (one, two) = tokio::join!(
            world.store.add_transitions(vec![done]),
            other.add_transitions(vec![discarded]),
        );
        let lost = match (one, two) {
            (Ok(_), Err(error)) | (Err(error), Ok(_)) => error,
            (one, two) => {
                return Err(Failure::new(format!(
                    "one outcome of two is stored: {one:?}, {two:?}"
                )));
            }
        };
        expect_eq("the other one", lost.kind(), ErrorKind::Conflict)?;
        expect_eq("transitions", world.history(job.id).await?.len(), 3)?;
    }
    Ok(())
}

async fn a_lease_is_extended_through_another_handle(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    let job = world.claimed_job("crm").await?;
    world.advance(LEASE / 2);
    let request = |actor: &str| Ok::<_, Failure>(ExtendRequest::new(actor, LEASE, [token(&job)?]));
    let extended = other.extend_leases(request("somebody")?).await?;
    expect_eq("by somebody else", extended.tokens, vec![Token::Lost])?;
    let extended = other.extend_leases(request(WORKER)?).await?;
    expect_eq("by its holder", extended.tokens, vec![Token::Kept])?;
    world.advance(LEASE / 2);
    for store in [&world.store, &other] {
        let expired = store.expire_leases(ExpireRequest::new("sweeper", 10)).await?;
        expect_eq("when the first lease would have ended", expired, 0)?;
    }
    Ok(())
}

async fn a_lost_answer_is_told_through_another_handle(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    let jobs: Vec<JobId> = world.stored_jobs("crm", 3).await?;
    world.claim("crm", 10).await?;
    let others = other.extend_leases(ExtendRequest::new(WORKER, LEASE, [])).await?.others;
    let told: Vec<_> = others.jobs().map(|(_, job)| job.id).collect();
    expect_eq("jobs that the worker holds", told, jobs)
}

async fn a_claim_expires_through_another_handle(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    let job = world.claimed_job("crm").await?;
    world.advance(LEASE);
    let request = || ExpireRequest::new("sweeper", 10);
    let (one, two) =
        tokio::join!(world.store.expire_leases(request()), other.expire_leases(request()));
    expect_eq("claims that expired, once", one? + two?, 1)?;
    let request = ExtendRequest::new(WORKER, LEASE, [token(&job)?]);
    let extended = world.store.extend_leases(request).await?;
    expect_eq("its token", extended.tokens, vec![Token::Lost])?;
    let stale = world.next(&job, Status::Succeeded)?;
    let refused = world.store.add_transitions(vec![stale]).await;
    expect_error("its late outcome", refused, ErrorKind::Conflict)?;
    Ok(())
}

async fn pauses_hold_for_every_handle(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    for _ in 0..3 {
        let job = world.stored_job("crm").await?;
        let pause = Pause::new(world.toolkit.pause_id(), "crm", "operator");
        ensure!(world.store.pause(pause.clone()).await?, "the pause is new");
        // From the answer on, no claim that begins gets a job of it.
        expect_eq("claimed while it is paused", claim(&other, "other", 10).await?.len(), 0)?;
        ensure!(!other.pause(pause.clone()).await?, "the other handle knows the pause");
        expect_eq("pauses", other.pauses().await?, world.store.pauses().await?)?;
        ensure!(other.resume(pause.id).await?, "the other handle ends it");
        ensure!(!world.store.resume(pause.id).await?, "it has ended");
        let claimed = claim_some(&world.store, WORKER, 10).await?;
        expect_eq("the job that was paused", claimed[0].id, job.id)?;
    }
    Ok(())
}

async fn what_one_purges_is_gone_for_the_other(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    let job = world.job_in("crm", Status::Succeeded).await?;
    let event = other.find_job(job.id).await?.event_id;
    let event = event.ok_or_else(|| Failure::new("a stored job has its event"))?;
    let purged = other.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("events purged", purged.events, 1)?;
    expect_error("the event", world.store.find_event(event).await, ErrorKind::NotFound)?;
    let late = world.next(&job, Status::Awaiting)?;
    let outcomes = world.store.apply(vec![Change::new(late)]).await?;
    expect_eq("a move of its job", outcomes, vec![ChangeOutcome::Gone])?;
    let added = world.store.add_events(vec![with(world.event(), |new| new.id = event)]).await?;
    expect_eq("added again", added.events, 1)
}

async fn stats_count_what_all_handles_do(world: &World) -> Outcome {
    stats_count_what_is_added_beside(world, &world.another_handle().await?, 10).await
}

/// Both add, ask for the stats and keep house, in so many rounds.
pub(super) async fn stats_count_what_is_added_beside(
    world: &World,
    other: &Handle,
    rounds: u64,
) -> Outcome {
    for round in 1..=rounds {
        for store in [&world.store, other] {
            store.add_events(vec![world.event().with_job(world.job("crm"))]).await?;
        }
        let stats = [world.store.stats().await?, other.stats().await?];
        for stats in stats {
            expect_eq("jobs counted", stats[0].counts.acknowledged, 2 * round)?;
        }
        if round % 2 == 0 {
            tokio::try_join!(world.store.maintain(), other.maintain())?;
        }
    }
    Ok(())
}

/// The check that follows each case compares stats with the histories.
async fn maintenance_through_two_handles_changes_nothing(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    for status in Status::ALL {
        world.job_in(status.as_str(), status).await?;
    }
    let before = world.contents().await?;
    let stats = world.store.stats().await?;
    for _ in 0..5 {
        try_join_all([world.store.maintain(), other.maintain(), world.store.maintain()]).await?;
    }
    world.expect_unchanged("housekeeping", &before).await?;
    expect_eq("stats", other.stats().await?, stats)
}

async fn a_cursor_leads_on_at_another_handle(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    world.stored_jobs("crm", 5).await?;
    let pages = WhereEvents::default().with_limit(3);
    let first = world.store.find_jobs(pages.clone()).await?;
    let cursor = first.meta.next_cursor.ok_or_else(|| Failure::new("there is a second page"))?;
    let second = other.find_jobs(pages.with_cursor(cursor)).await?;
    let ids = first.entries.iter().chain(&second.entries).map(|job| job.id);
    expect_eq("jobs of both pages", ids.collect::<HashSet<_>>().len(), 5)
}

async fn the_same_events_added_through_two_handles_are_stored_once(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    for _ in 0..20 {
        let event = || world.event().with_job(world.job("crm")).with_job(world.job("crm"));
        let events: Vec<_> = (0..5).map(|_| event()).collect();
        let backwards: Vec<_> = events.iter().rev().cloned().collect();
        let (one, two) = tokio::join!(world.store.add_events(events), other.add_events(backwards));
        let (one, two) = (one?, two?);
        let new = (one.events + two.events, one.jobs + two.jobs);
        let known = (one.events_known + two.events_known, one.jobs_known + two.jobs_known);
        expect_eq("events and jobs: new, known", (new, known), ((5, 10), (5, 10)))?;
    }
    Ok(())
}

async fn changes_through_two_handles_are_applied_once(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    for _ in 0..20 {
        let job = world.claimed_job("crm").await?;
        let child = world.event().with_job(world.job("child"));
        let change = Change::new(world.next(&job, Status::Succeeded)?).with_event(child.clone());
        let (one, two) =
            tokio::join!(world.store.apply(vec![change.clone()]), other.apply(vec![change]));
        let mut outcomes = [one?[0], two?[0]];
        outcomes.sort_by_key(|outcome| *outcome != ChangeOutcome::Applied);
        expect_eq("both", outcomes, [ChangeOutcome::Applied, ChangeOutcome::Known])?;
        expect_eq("its child", other.find_event(child.id).await?.jobs.len(), 1)?;
    }
    Ok(())
}

async fn a_closed_handle_takes_nothing_along(world: &World) -> Outcome {
    let mut other = world.another_handle().await?;
    world.stored_jobs("crm", 4).await?;
    let held = claim_some(&other, "other", 2).await?;
    other.close();
    drop(other);
    let claimed = world.claim("crm", 10).await?;
    expect_eq("jobs that are left", claimed.len() + held.len(), 4)?;
    let third = world.another_handle().await?;
    let tokens = held.iter().map(token).collect::<Outcome<Vec<_>>>()?;
    let count = tokens.len();
    let extended = third.extend_leases(ExtendRequest::new("other", LEASE, tokens)).await?;
    expect_eq("the claims of a closed handle", extended.tokens, vec![Token::Kept; count])
}

/// For adapters that have wake-ups.
async fn work_added_through_one_handle_wakes_the_other(world: &World) -> Outcome {
    if !world.store.capabilities().wakeups {
        return Ok(());
    }
    let other = world.another_handle().await?;
    let mut wakeups = other.wakeups().await?;
    for round in 1..=3 {
        world.stored_job("crm").await?;
        match tokio::time::timeout(Duration::from_secs(10), wakeups.next()).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Failure::new("the stream ended while its store is open")),
            Err(_) => return Err(Failure::new(format!("round {round}: the stream does not fire"))),
        }
    }
    Ok(())
}
