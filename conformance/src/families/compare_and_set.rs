//! A transition is appended only to the chain that its sender saw; sent again, it is recognised wherever it stands.

use std::time::Duration;

use blacksmith_store_core::{
    ErrorKind, Job, JobError, PurgeRequest, Status, StoreError, Transition,
};
use futures_util::future::join_all;

use crate::{
    case::{Edit, family},
    failure::{Failure, Outcome, ensure, expect_eq, expect_error},
    world::{World, latest, token, with},
};

family! {
    "compare_and_set";
    a_sequence_that_is_taken_or_not_reached_yet_is_stale,
    another_state_before_is_stale,
    another_attempt_is_stale,
    a_second_end_of_one_claim_is_stale,
    a_resend_is_known,
    a_resend_deep_in_the_chain_is_known,
    a_resend_without_its_event_or_with_another_time_is_known,
    new_and_known_transitions_of_one_call_are_counted_apart,
    a_known_id_with_other_content_is_a_conflict,
    a_known_id_of_another_job_is_a_conflict,
    the_id_of_a_run_that_goes_on_is_a_conflict_for_other_jobs,
    an_id_that_the_store_made_is_known_too,
    a_missing_job_is_not_found,
    a_purged_job_is_not_found,
    two_transitions_of_one_job_are_invalid,
    the_same_transition_twice_counts_once,
    two_jobs_cannot_share_a_transition_id,
    another_event_than_the_jobs_is_invalid,
    invalid_input_comes_before_not_found_before_conflict,
    several_stale_transitions_are_all_named,
    one_of_eight_concurrent_ends_wins,
    the_same_end_sent_by_eight_at_once_is_stored_once,
}

/// The error names the transition, or its job.
#[track_caller]
fn expect_told(error: &StoreError, transition: &Transition) -> Outcome {
    let job = transition.job_id.map(|job| job.to_string());
    let is_told =
        error.ids().iter().any(|id| *id == transition.id.to_string() || Some(id) == job.as_ref());
    if is_told {
        return Ok(());
    }
    Err(Failure::new(format!("the error names neither {} nor its job: {error}", transition.id)))
}

async fn expect_stale(world: &World, what: &str, job: &Job, stale: Transition) -> Outcome {
    let refused = world.store.add_transitions(vec![stale.clone()]).await;
    let error = expect_error(what, refused, ErrorKind::Conflict)?;
    expect_told(&error, &stale)?;
    world.expect_latest(format!("{what}: the job stays"), job.id, token(job)?).await
}

async fn a_sequence_that_is_taken_or_not_reached_yet_is_stale(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let fits = world.next(&job, Status::Failed)?;
    for sequence in [1, 3, 4, 1_000, u64::try_from(i64::MAX).unwrap_or(0)] {
        let stale = with(fits.clone(), |stale| stale.sequence = Some(sequence));
        expect_stale(world, &format!("sequence {sequence} instead of 2"), &job, stale).await?;
    }
    let failed = world.moved(&job, Status::Failed).await?;
    let again = with(fits, |again| again.id = world.toolkit.transition_id());
    expect_stale(world, "the sequence that was right before", &failed, again).await
}

async fn another_state_before_is_stale(world: &World) -> Outcome {
    for (status, others) in [
        (Status::Acknowledged, &[Status::Awaiting, Status::Failed, Status::Unknown][..]),
        (Status::Failed, &[Status::Awaiting, Status::Acknowledged, Status::Unknown]),
        (Status::Executing, &[Status::Awaiting, Status::Failed, Status::Unknown]),
        (Status::Succeeded, &[Status::Awaiting, Status::Failed, Status::Acknowledged]),
        (Status::Discarded, &[Status::Awaiting, Status::Failed, Status::Acknowledged]),
    ] {
        let job = world.job_in(status.as_str(), status).await?;
        let latest = latest(&job)?;
        for other in others {
            // Discarding keeps the attempt from each of these states, so nothing else is wrong with it.
            let stale = with(world.first(Status::Discarded), |stale| {
                stale.state_before = Some(*other);
                stale.attempt = latest.attempt;
                stale.sequence = latest.sequence.map(|sequence| sequence + 1);
                stale.job_id = Some(job.id);
            });
            expect_stale(world, &format!("{other} instead of {status}"), &job, stale).await?;
        }
    }
    Ok(())
}

async fn another_attempt_is_stale(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    for attempt in [0, 2, u32::MAX] {
        let stale = with(world.next(&job, Status::Succeeded)?, |stale| stale.attempt = attempt);
        expect_stale(world, &format!("attempt {attempt} instead of 1"), &job, stale).await?;
    }
    Ok(())
}

async fn a_second_end_of_one_claim_is_stale(world: &World) -> Outcome {
    let claimed = world.claimed_job("crm").await?;
    let ends =
        [Status::Succeeded, Status::Discarded, Status::Failed, Status::Unknown, Status::Awaiting];
    for first in ends {
        let claimed = if first == Status::Succeeded {
            claimed.clone()
        } else {
            world.claimed_job(first.as_str()).await?
        };
        let late = ends.map(|end| world.next(&claimed, end));
        let ended = world.moved(&claimed, first).await?;
        for end in late {
            let end = end?;
            let what = format!("{} after {first}", end.state_after);
            expect_stale(world, &what, &ended, end).await?;
        }
    }
    Ok(())
}

async fn a_resend_is_known(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let error = JobError::new("quota").with_status_code(429);
    let failed = world
        .next(&job, Status::Failed)?
        .with_error(error)
        .with_run_at(world.now() + Duration::from_nanos(1_500))
        .with_actor("worker-1");
    world.append(failed.clone()).await?;
    let before = world.contents().await?;
    world.advance(Duration::from_mins(10));
    for _ in 0..3 {
        let appended = world.store.add_transitions(vec![failed.clone()]).await?;
        expect_eq("sent again", (appended.new, appended.known), (0, 1))?;
    }
    world.expect_unchanged("resends", &before).await
}

async fn a_resend_deep_in_the_chain_is_known(world: &World) -> Outcome {
    let mut job = world.claimed_job("crm").await?;
    let mut sent = Vec::new();
    for outcome in [Status::Failed, Status::Unknown, Status::Awaiting, Status::Discarded] {
        let end = world.next(&job, outcome)?;
        world.append(end.clone()).await?;
        sent.push(end);
        if outcome == Status::Discarded {
            let again = world.next(&world.store.find_job(job.id).await?, Status::Awaiting)?;
            world.append(again.clone()).await?;
            sent.push(again);
        }
        job = world.claim_one("crm").await?;
    }
    world.moved(&job, Status::Succeeded).await?;
    let before = world.contents().await?;
    for (place, transition) in sent.into_iter().enumerate() {
        let appended = world.store.add_transitions(vec![transition]).await?;
        expect_eq(format!("outcome {place}, resent late"), (appended.new, appended.known), (0, 1))?;
    }
    world.expect_unchanged("late resends", &before).await
}

async fn a_resend_without_its_event_or_with_another_time_is_known(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let sent = world.next(&job, Status::Succeeded)?;
    world.append(with(sent.clone(), |sent| sent.event_id = None)).await?;
    let stored = world.store.find_transition(sent.id).await?;
    expect_eq("the event of a transition that named none", stored.event_id, job.event_id)?;

    for resent in [
        sent.clone(),
        with(sent.clone(), |sent| sent.event_id = None),
        with(sent.clone(), |sent| sent.created_at = Some(world.now() - Duration::from_hours(1))),
        stored,
    ] {
        let appended = world.store.add_transitions(vec![resent]).await?;
        expect_eq("sent again", (appended.new, appended.known), (0, 1))?;
    }
    Ok(())
}

async fn new_and_known_transitions_of_one_call_are_counted_apart(world: &World) -> Outcome {
    world.stored_jobs("crm", 6).await?;
    let jobs = world.claim("crm", 6).await?;
    let ends =
        jobs.iter().map(|job| world.next(job, Status::Succeeded)).collect::<Outcome<Vec<_>>>()?;
    world.store.add_transitions(vec![ends[1].clone(), ends[4].clone()]).await?;
    let appended = world.store.add_transitions(ends.clone()).await?;
    expect_eq("two of six known", (appended.new, appended.known), (4, 2))?;
    let appended = world.store.add_transitions(ends).await?;
    expect_eq("all of them known", (appended.new, appended.known), (0, 6))
}

async fn a_known_id_with_other_content_is_a_conflict(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let sent = world
        .next(&job, Status::Failed)?
        .with_error(JobError::new("quota"))
        .with_run_at(world.now() + Duration::from_secs(1))
        .with_actor("worker-1");
    world.append(sent.clone()).await?;
    let before = world.contents().await?;

    let edits: &[Edit<Transition>] = &[
        ("error", |sent| sent.error = Some(JobError::new("quota exceeded"))),
        ("error, absent", |sent| sent.error = None),
        ("run_at", |sent| sent.run_at = sent.run_at.map(|at| at + Duration::from_micros(1))),
        ("run_at, absent", |sent| sent.run_at = None),
        ("actor", |sent| sent.actor = Some("worker-2".into())),
        ("actor, absent", |sent| sent.actor = None),
        ("state", |sent| sent.state_after = Status::Unknown),
        ("attempt", |sent| sent.attempt = 2),
        // It would fit now, but for its id.
        ("place", |sent| {
            sent.sequence = Some(3);
            sent.state_before = Some(Status::Failed);
            sent.state_after = Status::Awaiting;
        }),
    ];
    for (member, edit) in edits {
        let differing = with(sent.clone(), edit);
        let refused = world.store.add_transitions(vec![differing.clone()]).await;
        let error = expect_error(format!("another {member}"), refused, ErrorKind::Conflict)?;
        expect_told(&error, &differing)?;
    }
    world.expect_unchanged("refused transitions", &before).await
}

async fn a_known_id_of_another_job_is_a_conflict(world: &World) -> Outcome {
    let one = world.claimed_job("crm").await?;
    let two = world.claimed_job("erp").await?;
    let sent = world.next(&one, Status::Succeeded)?;
    world.append(sent.clone()).await?;

    // It fits the other job, but for its id.
    let stolen = with(world.next(&two, Status::Succeeded)?, |stolen| stolen.id = sent.id);
    expect_stale(world, "the id of another job's transition", &two, stolen).await?;
    let first = world.history(one.id).await?[0].id;
    let stolen = with(world.next(&two, Status::Succeeded)?, |stolen| stolen.id = first);
    expect_stale(world, "the id of another job's first transition", &two, stolen).await?;
    let claim = token(&one)?;
    let stolen = with(world.next(&two, Status::Succeeded)?, |stolen| stolen.id = claim);
    expect_stale(world, "the id of another job's claim", &two, stolen).await
}

/// A claim without an outcome is a transition like any other: its id is taken, from the claim on and for every outcome, be it
/// of its own call, of another one, alone or among outcomes that fit.
async fn the_id_of_a_run_that_goes_on_is_a_conflict_for_other_jobs(world: &World) -> Outcome {
    let mut of_one_call = Vec::new();
    for _ in 0..4 {
        of_one_call.push(world.stored_job("crm").await?.id);
    }
    let before = world.claimed_job("before").await?;
    let claimed = world.claim("crm", of_one_call.len()).await?;
    let after = world.claimed_job("after").await?;
    let (ending, running) = (&claimed[1], [&before, &claimed[0], &claimed[2], &claimed[3], &after]);

    for run in running {
        let claim = token(run)?;
        for status in [Status::Succeeded, Status::Failed] {
            let stolen = with(world.next(ending, status)?, |stolen| stolen.id = claim);
            let what = format!("{status} under the id of another run");
            expect_stale(world, &what, ending, stolen).await?;
        }
    }
    // Among others that fit, whose ids are drawn before and after.
    let fitting = [world.next(&before, Status::Succeeded)?, world.next(&after, Status::Succeeded)?];
    let stolen = with(world.next(ending, Status::Succeeded)?, |stolen| {
        stolen.id = token(&claimed[3]).unwrap_or(stolen.id);
    });
    let [first, last] = fitting;
    let refused = world.store.add_transitions(vec![first.clone(), stolen, last.clone()]).await;
    expect_error("among outcomes that fit", refused, ErrorKind::Conflict)?;
    for run in running {
        world.expect_latest("the run goes on", run.id, token(run)?).await?;
    }
    world.append(first).await?;
    world.append(last).await?;
    world.moved(ending, Status::Succeeded).await?;
    Ok(())
}

/// The ids of first transitions and of claims, which the store drew, are in the chain like any other.
async fn an_id_that_the_store_made_is_known_too(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    for made in world.history(job.id).await? {
        let taken = with(world.next(&job, Status::Succeeded)?, |taken| taken.id = made.id);
        expect_stale(
            world,
            &format!("the id of the transition to {}", made.state_after),
            &job,
            taken,
        )
        .await?;
    }
    Ok(())
}

async fn a_missing_job_is_not_found(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let missing = with(world.next(&job, Status::Succeeded)?, |missing| {
        missing.job_id = Some(world.toolkit.job_id());
        missing.event_id = None;
    });
    let refused = world.store.add_transitions(vec![missing.clone()]).await;
    let error = expect_error("a job that is not stored", refused, ErrorKind::NotFound)?;
    expect_told(&error, &missing)
}

async fn a_purged_job_is_not_found(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let sent = world.next(&job, Status::Succeeded)?;
    world.append(sent.clone()).await?;
    world.store.purge(PurgeRequest::everything().with_recent()).await?;

    let refused = world.store.add_transitions(vec![sent.clone()]).await;
    let error = expect_error("a resend after the purge", refused, ErrorKind::NotFound)?;
    expect_told(&error, &sent)
}

async fn two_transitions_of_one_job_are_invalid(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let failed = world.next(&job, Status::Failed)?;
    let then = with(world.first(Status::Awaiting), |then| {
        then.state_before = Some(Status::Failed);
        then.attempt = 1;
        then.sequence = Some(3);
        then.job_id = Some(job.id);
    });
    for second in [then, world.next(&job, Status::Succeeded)?] {
        let refused = world.store.add_transitions(vec![failed.clone(), second]).await;
        let error = expect_error("two of one job", refused, ErrorKind::InvalidInput)?;
        expect_told(&error, &failed)?;
    }
    world.expect_latest("the job stays", job.id, token(&job)?).await
}

async fn the_same_transition_twice_counts_once(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let sent = world.next(&job, Status::Succeeded)?;
    let twice = vec![sent.clone(), sent];
    let appended = world.store.add_transitions(twice.clone()).await?;
    expect_eq("new", (appended.new, appended.known), (1, 0))?;
    let appended = world.store.add_transitions(twice).await?;
    expect_eq("known", (appended.new, appended.known), (0, 1))
}

async fn two_jobs_cannot_share_a_transition_id(world: &World) -> Outcome {
    let one = world.claimed_job("crm").await?;
    let two = world.claimed_job("erp").await?;
    let before = world.contents().await?;
    let first = world.next(&one, Status::Succeeded)?;
    let second = with(world.next(&two, Status::Succeeded)?, |second| second.id = first.id);
    let refused = world.store.add_transitions(vec![first, second]).await;
    expect_error("one id for two jobs", refused, ErrorKind::Conflict)?;
    world.expect_unchanged("refused transitions", &before).await
}

async fn another_event_than_the_jobs_is_invalid(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let other = world.claimed_job("erp").await?;
    for event in [Some(world.toolkit.event_id()), other.event_id] {
        let foreign =
            with(world.next(&job, Status::Succeeded)?, |foreign| foreign.event_id = event);
        let refused = world.store.add_transitions(vec![foreign.clone()]).await;
        let error = expect_error("another event", refused, ErrorKind::InvalidInput)?;
        expect_told(&error, &foreign)?;
    }
    world.expect_latest("the job stays", job.id, token(&job)?).await
}

async fn invalid_input_comes_before_not_found_before_conflict(world: &World) -> Outcome {
    let fits = world.claimed_job("fits").await?;
    let fits = world.next(&fits, Status::Succeeded)?;
    let job = world.claimed_job("foreign").await?;
    let foreign = with(world.next(&job, Status::Succeeded)?, |foreign| {
        foreign.event_id = Some(world.toolkit.event_id());
    });
    let illegal = with(world.next(&job, Status::Succeeded)?, |illegal| {
        illegal.state_before = Some(Status::Succeeded);
    });
    let missing = with(world.next(&job, Status::Succeeded)?, |missing| {
        missing.id = world.toolkit.transition_id();
        missing.job_id = Some(world.toolkit.job_id());
        missing.event_id = None;
    });
    let job = world.claimed_job("stale").await?;
    let stale = world.next(&job, Status::Succeeded)?;
    world.moved(&job, Status::Failed).await?;
    let before = world.contents().await?;

    for (batch, kind) in [
        (vec![&stale, &missing, &foreign, &fits], ErrorKind::InvalidInput),
        (vec![&fits, &stale, &illegal, &missing], ErrorKind::InvalidInput),
        (vec![&stale, &foreign], ErrorKind::InvalidInput),
        (vec![&missing, &foreign], ErrorKind::InvalidInput),
        (vec![&stale, &missing, &fits], ErrorKind::NotFound),
        (vec![&missing, &stale], ErrorKind::NotFound),
        (vec![&fits, &stale], ErrorKind::Conflict),
    ] {
        let refused = world.store.add_transitions(batch.into_iter().cloned().collect()).await;
        expect_error("several kinds at once", refused, kind)?;
    }
    world.expect_unchanged("refused transitions", &before).await
}

async fn several_stale_transitions_are_all_named(world: &World) -> Outcome {
    world.stored_jobs("crm", 15).await?;
    let jobs = world.claim("crm", 15).await?;
    let ends =
        jobs.iter().map(|job| world.next(job, Status::Succeeded)).collect::<Outcome<Vec<_>>>()?;
    for job in &jobs[..12] {
        world.moved(job, Status::Failed).await?;
    }
    let refused = world.store.add_transitions(ends.clone()).await;
    let error = expect_error("twelve stale ones of fifteen", refused, ErrorKind::Conflict)?;
    for stale in &ends[..12] {
        expect_told(&error, stale)?;
    }
    expect_eq("ids named", error.ids().len(), 12)
}

async fn one_of_eight_concurrent_ends_wins(world: &World) -> Outcome {
    for round in 0..5 {
        let job = world.claimed_job(&format!("crm-{round}")).await?;
        let ends = (0..8_usize)
            .map(|place| {
                world.next(&job, [Status::Succeeded, Status::Failed, Status::Unknown][place % 3])
            })
            .collect::<Outcome<Vec<_>>>()?;
        let calls = ends.into_iter().map(|end| {
            let store = world.store.clone();
            tokio::spawn(async move { store.add_transitions(vec![end]).await })
        });
        let mut won = 0;
        for answer in join_all(calls).await {
            match answer.map_err(|error| Failure::new(format!("a caller ended: {error}")))? {
                Ok(appended) => won += appended.new,
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error.into()),
            }
        }
        expect_eq("ends that were stored", won, 1)?;
        ensure!(world.history(job.id).await?.len() == 3, "the job has one end");
    }
    Ok(())
}

async fn the_same_end_sent_by_eight_at_once_is_stored_once(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let end = world.next(&job, Status::Succeeded)?;
    let calls = (0..8).map(|_| {
        let (store, end) = (world.store.clone(), end.clone());
        tokio::spawn(async move { store.add_transitions(vec![end]).await })
    });
    let (mut new, mut known) = (0, 0);
    for answer in join_all(calls).await {
        let appended =
            answer.map_err(|error| Failure::new(format!("a caller ended: {error}")))??;
        new += appended.new;
        known += appended.known;
    }
    expect_eq("new and known", (new, known), (1, 7))
}
