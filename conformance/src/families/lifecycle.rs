//! Every move of a job that the table has is made, every other one is refused; the table is the suite's own copy.

use std::time::Duration;

use blacksmith_store_core::{
    Change, ChangeOutcome, ErrorKind, EventId, Job, JobId, Status, Transition,
};

use crate::{
    case::{Edit, family},
    failure::{Outcome, ensure, expect_eq, expect_error},
    life::{self, Move},
    world::{World, latest, token, with},
};

family! {
    "lifecycle";
    every_legal_move_is_made,
    every_legal_move_is_made_by_apply,
    every_illegal_move_is_refused,
    only_a_claim_leads_to_executing,
    every_move_with_another_attempt_is_stale,
    a_run_at_is_kept_where_the_table_has_one,
    a_run_at_is_refused_where_the_table_has_none,
    a_claim_counts_one_attempt_from_every_waiting_state,
    a_finished_job_is_never_claimed,
    a_given_back_claim_uses_no_attempt,
    an_operators_retry_keeps_the_attempt,
    a_long_life_is_kept_whole,
    a_job_of_an_event_begins_acknowledged_and_nothing_else,
    a_job_alone_begins_acknowledged_or_awaiting,
    a_first_transition_that_is_none_is_refused,
}

/// Every pair of states.
fn pairs() -> impl Iterator<Item = (Status, Status)> {
    Status::ALL.into_iter().flat_map(|from| Status::ALL.into_iter().map(move |to| (from, to)))
}

/// The transition that would take a job to `to`, whether the table has the move or not.
fn forced(world: &World, job: &Job, to: Status, attempt: i64) -> Outcome<Transition> {
    let latest = latest(job)?;
    Ok(with(world.first(to), |next| {
        next.state_before = Some(latest.state_after);
        next.attempt = u32::try_from(i64::from(latest.attempt) + attempt).unwrap_or(u32::MAX);
        next.sequence = latest.sequence.map(|sequence| sequence + 1);
        next.job_id = Some(job.id);
        next.event_id = job.event_id;
    }))
}

/// The legal moves but those to executing, which are made by `claim` alone.
fn moves() -> impl Iterator<Item = (Status, Status, Move)> {
    pairs()
        .filter(|(_, to)| *to != Status::Executing)
        .filter_map(|(from, to)| life::find(from, to).map(|step| (from, to, step)))
}

/// A queue of its own for each pair, so that no claim takes another pair's job.
fn queue(from: Status, to: Status) -> String {
    format!("{from}-{to}")
}

async fn every_legal_move_is_made(world: &World) -> Outcome {
    for (from, to, step) in moves() {
        let job = world.job_in(&queue(from, to), from).await?;
        let next = forced(world, &job, to, step.attempt)?;
        world.append(next.clone()).await?;
        let what = format!("from {from} to {to}");
        world.expect_latest(&what, job.id, next.id).await?;
        let found = world.store.find_transition(next.id).await?;
        ensure!(found.same_content(&next), "{what}: expected {next:?}, came back {found:?}");
    }
    Ok(())
}

async fn every_legal_move_is_made_by_apply(world: &World) -> Outcome {
    let mut changes = Vec::new();
    let mut expected = Vec::new();
    for (from, to, step) in moves() {
        let job = world.job_in(&queue(from, to), from).await?;
        let next = forced(world, &job, to, step.attempt)?;
        expected.push((job.id, next.id));
        changes.push(Change::new(next));
    }
    let outcomes = world.store.apply(changes).await?;
    expect_eq("outcomes", outcomes, vec![ChangeOutcome::Applied; expected.len()])?;
    for (job, transition) in expected {
        world.expect_latest("the latest transition", job, transition).await?;
    }
    Ok(())
}

async fn every_illegal_move_is_refused(world: &World) -> Outcome {
    for (from, to) in pairs() {
        if life::find(from, to).is_some() {
            continue;
        }
        let job = world.job_in(&queue(from, to), from).await?;
        for attempt in [-1, 0, 1] {
            if attempt < 0 && latest(&job)?.attempt == 0 {
                continue;
            }
            let illegal = forced(world, &job, to, attempt)?;
            let what = format!("from {from} to {to}");
            let refused = world.store.add_transitions(vec![illegal.clone()]).await;
            let error = expect_error(&what, refused, ErrorKind::InvalidInput)?;
            ensure!(
                error.ids().contains(&illegal.id.to_string()),
                "{what}: the error does not name {}: {error}",
                illegal.id
            );
            let refused = world.store.apply(vec![Change::new(illegal)]).await;
            expect_error(format!("{what}, by apply"), refused, ErrorKind::InvalidInput)?;
        }
        world.expect_latest("the job stays where it is", job.id, token(&job)?).await?;
    }
    Ok(())
}

async fn only_a_claim_leads_to_executing(world: &World) -> Outcome {
    for from in Status::ALL {
        let job = world.job_in(from.as_str(), from).await?;
        let forged = with(forced(world, &job, Status::Executing, 1)?, |forged| {
            forged.actor = Some("worker".into());
        });
        let refused = world.store.add_transitions(vec![forged]).await;
        expect_error(format!("from {from} to executing"), refused, ErrorKind::InvalidInput)?;
        world.expect_latest("the job stays where it is", job.id, token(&job)?).await?;
    }
    Ok(())
}

async fn every_move_with_another_attempt_is_stale(world: &World) -> Outcome {
    for (from, to, step) in moves() {
        let job = world.job_in(&queue(from, to), from).await?;
        for off in [-1, 1, 2] {
            let attempt = step.attempt + off;
            if i64::from(latest(&job)?.attempt) + attempt < 0 {
                continue;
            }
            let what = format!("from {from} to {to}, the attempt {off} off");
            let transition = forced(world, &job, to, attempt)?;
            let refused = world.store.add_transitions(vec![transition.clone()]).await;
            expect_error(&what, refused, ErrorKind::Conflict)?;
            let outcomes = world.store.apply(vec![Change::new(transition)]).await?;
            expect_eq(&what, outcomes, vec![ChangeOutcome::Stale])?;
        }
        world.expect_latest("the job stays where it is", job.id, token(&job)?).await?;
    }
    Ok(())
}

async fn a_run_at_is_kept_where_the_table_has_one(world: &World) -> Outcome {
    for (from, to) in pairs() {
        let Some(step) = life::find(from, to).filter(|step| step.may_wait) else { continue };
        let queue = queue(from, to);
        let job = world.job_in(&queue, from).await?;
        let run_at = world.now() + Duration::from_micros(1);
        world.append(forced(world, &job, to, step.attempt)?.with_run_at(run_at)).await?;

        let what = format!("from {from} to {to}");
        let found = world.store.find_job(job.id).await?;
        expect_eq(&what, latest(&found)?.run_at, Some(run_at))?;
        expect_eq(format!("{what}, too early"), world.claim(&queue, 1).await?.len(), 0)?;
        world.advance(Duration::from_micros(1));
        expect_eq(format!("{what}, in time"), world.claim(&queue, 1).await?.len(), 1)?;
    }
    Ok(())
}

async fn a_run_at_is_refused_where_the_table_has_none(world: &World) -> Outcome {
    for (from, to, step) in moves().filter(|(_, _, step)| !step.may_wait) {
        let job = world.job_in(&queue(from, to), from).await?;
        let late = forced(world, &job, to, step.attempt)?.with_run_at(world.now());
        let refused = world.store.add_transitions(vec![late]).await;
        expect_error(format!("from {from} to {to}"), refused, ErrorKind::InvalidInput)?;
        world.expect_latest("the job stays where it is", job.id, token(&job)?).await?;
    }
    Ok(())
}

async fn a_claim_counts_one_attempt_from_every_waiting_state(world: &World) -> Outcome {
    for from in Status::ALL.into_iter().filter(|status| status.is_waiting()) {
        let job = world.job_in(from.as_str(), from).await?;
        let claimed = world.claim_one(from.as_str()).await?;
        let (before, after) = (latest(&job)?, latest(&claimed)?);
        let what = format!("a claim of a job that is {from}");
        expect_eq(&what, claimed.id, job.id)?;
        expect_eq(&what, after.state_before, Some(from))?;
        expect_eq(&what, after.attempt, before.attempt + 1)?;
        expect_eq(&what, after.sequence, before.sequence.map(|sequence| sequence + 1))?;
    }
    Ok(())
}

async fn a_finished_job_is_never_claimed(world: &World) -> Outcome {
    for status in [Status::Succeeded, Status::Discarded] {
        let job = world.job_in("crm", status).await?;
        world.advance(Duration::from_hours(1_000));
        expect_eq(format!("{status} jobs due"), world.claim("crm", 10).await?.len(), 0)?;
        world.expect_latest("its latest transition", job.id, token(&job)?).await?;
    }
    let waiting = world.stored_job("erp").await?;
    world.moved(&waiting, Status::Discarded).await?;
    expect_eq("cancelled jobs due", world.claim("erp", 10).await?.len(), 0)
}

async fn a_given_back_claim_uses_no_attempt(world: &World) -> Outcome {
    let mut job = world.stored_job("crm").await?;
    for _ in 0..3 {
        let claimed = world.claim_one("crm").await?;
        expect_eq("the attempt of the claim", latest(&claimed)?.attempt, 1)?;
        job = world.moved(&claimed, Status::Awaiting).await?;
        expect_eq("the attempt after it was given back", latest(&job)?.attempt, 0)?;
    }
    let claimed = world.claim_one("crm").await?;
    let failed = world.moved(&claimed, Status::Failed).await?;
    expect_eq("the attempt after it failed", latest(&failed)?.attempt, 1)?;
    let claimed = world.claim_one("crm").await?;
    expect_eq("the attempt of the next claim", latest(&claimed)?.attempt, 2)?;
    let back = world.moved(&claimed, Status::Awaiting).await?;
    expect_eq("the attempt after it was given back", latest(&back)?.attempt, 1)?;
    expect_eq("the same job", back.id, job.id)
}

async fn an_operators_retry_keeps_the_attempt(world: &World) -> Outcome {
    for status in [Status::Failed, Status::Unknown, Status::Discarded, Status::Succeeded] {
        let job = world.job_in(status.as_str(), status).await?;
        let again = world.moved(&job, Status::Awaiting).await?;
        expect_eq(format!("asked for again when {status}"), latest(&again)?.attempt, 1)?;
        let claimed = world.claim_one(status.as_str()).await?;
        expect_eq("the attempt of the next claim", latest(&claimed)?.attempt, 2)?;
    }
    Ok(())
}

async fn a_long_life_is_kept_whole(world: &World) -> Outcome {
    let mut job = world.stored_job("crm").await?;
    let mut states = vec![Status::Acknowledged];
    for round in 0..40_usize {
        job = world.claim_one("crm").await?;
        let outcome =
            [Status::Failed, Status::Unknown, Status::Awaiting, Status::Succeeded][round % 4];
        job = world.moved(&job, outcome).await?;
        states.extend([Status::Executing, outcome]);
        if outcome == Status::Succeeded {
            job = world.moved(&job, Status::Awaiting).await?;
            states.push(Status::Awaiting);
        }
        world.advance(Duration::from_secs(1));
    }
    expect_eq("the states of a long life", world.states(job.id).await?, states)?;
    expect_eq("the runs that were begun", latest(&job)?.attempt, 30)
}

async fn a_job_of_an_event_begins_acknowledged_and_nothing_else(world: &World) -> Outcome {
    for status in Status::ALL {
        let job = world.job("crm").with_transition(world.first(status));
        let id = job.id;
        let added = world.store.add_events(vec![world.event().with_job(job)]).await;
        if status == Status::Acknowledged {
            added?;
            expect_eq("its states", world.states(id).await?, vec![status])?;
        } else {
            expect_error(format!("a first {status}"), added, ErrorKind::InvalidInput)?;
        }
    }
    Ok(())
}

async fn a_job_alone_begins_acknowledged_or_awaiting(world: &World) -> Outcome {
    let event = world.event();
    world.store.add_events(vec![event.clone()]).await?;
    for status in Status::ALL {
        let first = world.first(status);
        let job = world.job("crm").with_event_id(event.id).with_transition(first);
        let id = job.id;
        let added = world.store.add_jobs(vec![job]).await;
        if matches!(status, Status::Acknowledged | Status::Awaiting) {
            added?;
            expect_eq("its states", world.states(id).await?, vec![status])?;
        } else {
            expect_error(format!("a first {status}"), added, ErrorKind::InvalidInput)?;
        }
    }
    let job = world.job("crm").with_event_id(event.id);
    world.store.add_jobs(vec![job.clone()]).await?;
    expect_eq("the default", world.states(job.id).await?, vec![Status::Acknowledged])?;
    expect_eq("all three are due", world.claim("crm", 10).await?.len(), 3)
}

async fn a_first_transition_that_is_none_is_refused(world: &World) -> Outcome {
    let before = world.contents().await?;
    let edits: &[Edit<Transition>] = &[
        ("a state before", |first| first.state_before = Some(Status::Awaiting)),
        ("an attempt", |first| first.attempt = 1),
        ("a sequence", |first| first.sequence = Some(1)),
        ("another job", |first| first.job_id = Some(JobId::from_bytes([7; 20]))),
        ("another event", |first| first.event_id = Some(EventId::from_bytes([7; 20]))),
    ];
    for (what, edit) in edits {
        let first = with(world.first(Status::Acknowledged), edit);
        let event = world.event().with_job(world.job("crm").with_transition(first));
        let refused = world.store.add_events(vec![event]).await;
        expect_error(format!("a first transition with {what}"), refused, ErrorKind::InvalidInput)?;
    }
    world.expect_unchanged("refused events", &before).await?;

    // What it may say, it may say.
    let (event, job) = (world.event(), world.job("crm"));
    let first = with(world.first(Status::Acknowledged), |first| {
        first.sequence = Some(0);
        first.job_id = Some(job.id);
        first.event_id = Some(event.id);
    });
    let added = world.store.add_events(vec![event.with_job(job.with_transition(first))]).await?;
    expect_eq("jobs added", added.jobs, 1)
}
