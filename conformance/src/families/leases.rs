//! A lease belongs to a claim call: extended as one, given up job by job, and never to be mistaken for a successor's.

pub(super) mod expiry;

use std::time::Duration;

use blacksmith_store_core::{
    ClaimRequest, ExpireRequest, ExtendRequest, Extended, Job, JobId, Status, Token, TransitionId,
    Want,
};

use crate::{
    case::family,
    failure::{Outcome, ensure, expect_eq, expect_error},
    world::{LEASE, WORKER, World, token, with},
};

family! {
    "leases";
    a_live_token_is_kept,
    an_extension_lasts_from_now_on,
    one_token_extends_the_whole_call,
    an_extension_of_one_call_leaves_the_others,
    tokens_are_answered_in_the_order_asked,
    an_unknown_token_is_lost,
    a_token_of_another_actor_is_lost_and_not_extended,
    a_token_of_an_ended_claim_is_lost,
    a_token_that_was_expired_is_lost,
    an_ended_token_extends_what_its_call_still_holds,
    a_lease_that_ended_but_was_not_expired_is_extended,
    an_old_token_extends_no_successor,
    a_partly_finished_call_is_extended_for_what_is_left,
    others_are_the_claims_of_calls_that_no_token_names,
    others_are_not_extended,
    others_come_with_every_field,
    others_are_this_actors_alone,
    others_leave_out_what_has_ended,
    an_extension_writes_no_history,
    a_late_outcome_is_accepted_until_the_claim_is_expired,
    a_late_outcome_after_a_give_back_is_stale,
    a_give_back_of_one_of_many_leaves_the_rest_leased,
    an_operator_may_end_a_claim,
}

/// A second of the case's clock.
const SECOND: Duration = Duration::from_secs(1);

async fn extend<const N: usize>(
    world: &World,
    actor: &str,
    lease: Duration,
    tokens: [TransitionId; N],
) -> Outcome<Extended> {
    Ok(world.store.extend_leases(ExtendRequest::new(actor, lease, tokens)).await?)
}

async fn expire(world: &World) -> Outcome<u64> {
    Ok(world.store.expire_leases(ExpireRequest::new("rescuer", 10_000)).await?)
}

/// Two stored jobs or more, claimed in one call.
async fn claimed_together(world: &World, destination: &str, count: usize) -> Outcome<Vec<Job>> {
    world.stored_jobs(destination, count).await?;
    let jobs = world.claim(destination, count).await?;
    expect_eq("claimed together", jobs.len(), count)?;
    Ok(jobs)
}

fn others(extended: &Extended) -> Vec<JobId> {
    extended.others.jobs().map(|(_, job)| job.id).collect()
}

fn sorted(jobs: &[Job]) -> Vec<JobId> {
    let mut ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    ids.sort_unstable();
    ids
}

async fn a_live_token_is_kept(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    for _ in 0..5 {
        world.advance(20 * SECOND);
        let extended = extend(world, WORKER, LEASE, [token(&job)?]).await?;
        expect_eq("the token", &extended.tokens, &vec![Token::Kept])?;
        expect_eq("other claims", others(&extended), vec![])?;
        expect_eq("expired meanwhile", expire(world).await?, 0)?;
    }
    Ok(())
}

/// Not from the end of the old lease, and to the microsecond.
async fn an_extension_lasts_from_now_on(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    world.advance(10 * SECOND);
    let lease = Duration::from_micros(45_000_007);
    extend(world, WORKER, lease, [token(&job)?]).await?;
    let end = world.now() + lease;
    world.set_clock(end - Duration::from_micros(1));
    expect_eq("a microsecond before its end", expire(world).await?, 0)?;
    world.set_clock(end);
    expect_eq("at its end", expire(world).await?, 1)
}

async fn one_token_extends_the_whole_call(world: &World) -> Outcome {
    let jobs = claimed_together(world, "crm", 4).await?;
    world.advance(20 * SECOND);
    let extended = extend(world, WORKER, LEASE, [token(&jobs[2])?]).await?;
    expect_eq("the token", &extended.tokens, &vec![Token::Kept])?;
    expect_eq("other claims", others(&extended), vec![])?;
    world.advance(20 * SECOND);
    expect_eq("expired behind the first end", expire(world).await?, 0)?;
    world.advance(10 * SECOND);
    expect_eq("expired at the new end", expire(world).await?, 4)
}

async fn an_extension_of_one_call_leaves_the_others(world: &World) -> Outcome {
    let one = claimed_together(world, "crm", 2).await?;
    let two = claimed_together(world, "erp", 3).await?;
    world.advance(20 * SECOND);
    extend(world, WORKER, LEASE, [token(&one[0])?]).await?;
    world.advance(15 * SECOND);
    expect_eq("expired of the other call", expire(world).await?, 3)?;
    for job in &two {
        let states = world.states(job.id).await?;
        expect_eq("of the other call", states.last(), Some(&Status::Unknown))?;
    }
    for job in &one {
        let states = world.states(job.id).await?;
        expect_eq("of the extended call", states.last(), Some(&Status::Executing))?;
    }
    Ok(())
}

async fn tokens_are_answered_in_the_order_asked(world: &World) -> Outcome {
    let jobs = claimed_together(world, "crm", 3).await?;
    let other = world.claimed_job("erp").await?;
    world.moved(&jobs[1], Status::Succeeded).await?;
    let unknown = world.toolkit.transition_id();
    let tokens = [
        unknown,
        token(&other)?,
        token(&jobs[1])?,
        token(&jobs[0])?,
        token(&jobs[0])?,
        unknown,
        token(&jobs[2])?,
    ];
    let extended = extend(world, WORKER, LEASE, tokens).await?;
    let (kept, lost) = (Token::Kept, Token::Lost);
    expect_eq("the tokens", extended.tokens, vec![lost, kept, lost, kept, kept, lost, kept])
}

async fn an_unknown_token_is_lost(world: &World) -> Outcome {
    let extended = extend(world, WORKER, LEASE, [world.toolkit.transition_id()]).await?;
    expect_eq("of an empty store", extended.tokens, vec![Token::Lost])?;
    let job = world.claimed_job("crm").await?;
    let first = world.history(job.id).await?[0].id;
    let extended = extend(world, WORKER, LEASE, [first]).await?;
    expect_eq("a first transition's id", extended.tokens, vec![Token::Lost])
}

async fn a_token_of_another_actor_is_lost_and_not_extended(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    world.advance(20 * SECOND);
    for thief in ["thief", "WORKER", "worker ", "worker2"] {
        let extended = extend(world, thief, LEASE, [token(&job)?]).await?;
        expect_eq(format!("asked by {thief:?}"), &extended.tokens, &vec![Token::Lost])?;
        expect_eq("its other claims", others(&extended), vec![])?;
    }
    world.advance(10 * SECOND);
    expect_eq("expired at its own end", expire(world).await?, 1)
}

async fn a_token_of_an_ended_claim_is_lost(world: &World) -> Outcome {
    for end in
        [Status::Succeeded, Status::Failed, Status::Discarded, Status::Unknown, Status::Awaiting]
    {
        let job = world.claimed_job(end.as_str()).await?;
        world.moved(&job, end).await?;
        let extended = extend(world, WORKER, LEASE, [token(&job)?]).await?;
        expect_eq(format!("after {end}"), &extended.tokens, &vec![Token::Lost])?;
        expect_eq("other claims", others(&extended), vec![])?;
    }
    Ok(())
}

async fn a_token_that_was_expired_is_lost(world: &World) -> Outcome {
    let jobs = claimed_together(world, "crm", 2).await?;
    world.advance(LEASE);
    let request = ExpireRequest::new("rescuer", 1);
    expect_eq("one is expired", world.store.expire_leases(request).await?, 1)?;
    let mut tokens = Vec::new();
    for job in &jobs {
        let is_rescued = world.store.find_job(job.id).await?.status() == Some(Status::Unknown);
        tokens.push(if is_rescued { Token::Lost } else { Token::Kept });
    }
    let extended = extend(world, WORKER, LEASE, [token(&jobs[0])?, token(&jobs[1])?]).await?;
    expect_eq("one lost, one kept", extended.tokens, tokens)?;
    expect_eq("expired after that", expire(world).await?, 0)
}

/// An outcome and an extension of a worker may pass each other, so any token names its call, whatever has become of its run.
async fn an_ended_token_extends_what_its_call_still_holds(world: &World) -> Outcome {
    // The only job of its destination, so that nothing of the call is left there.
    world.stored_jobs("crm", 1).await?;
    world.stored_jobs("erp", 2).await?;
    let wants = [Want::destination("crm", 1), Want::destination("erp", 2)];
    let claimed = world.store.claim(ClaimRequest::new(WORKER, LEASE, wants)).await?;
    let claimed: Vec<Job> = claimed.queue.jobs().map(|(_, job)| job.clone()).collect();
    let (alone, rest): (Vec<Job>, Vec<Job>) =
        claimed.into_iter().partition(|job| job.destination == "crm");
    expect_eq("claimed in one call", (alone.len(), rest.len()), (1, 2))?;
    world.moved(&alone[0], Status::Succeeded).await?;

    world.advance(20 * SECOND);
    let extended = extend(world, WORKER, LEASE, [token(&alone[0])?]).await?;
    expect_eq("the ended token", &extended.tokens, &vec![Token::Lost])?;
    expect_eq("other claims", others(&extended), vec![])?;
    world.advance(10 * SECOND);
    expect_eq("expired at the first end", expire(world).await?, 0)?;

    // The same where a run was given up.
    world.advance(20 * SECOND);
    let request = ExpireRequest::new("rescuer", 1);
    expect_eq("one is expired", world.store.expire_leases(request).await?, 1)?;
    let mut given_up = Vec::new();
    for job in &rest {
        if world.store.find_job(job.id).await?.status() == Some(Status::Unknown) {
            given_up.push(token(job)?);
        }
    }
    ensure!(given_up.len() == 1, "{} of two runs were given up", given_up.len());
    let extended = extend(world, WORKER, LEASE, [given_up[0]]).await?;
    expect_eq("the token that was given up", &extended.tokens, &vec![Token::Lost])?;
    expect_eq("other claims", others(&extended), vec![])?;
    expect_eq("expired after that", expire(world).await?, 0)
}

async fn a_lease_that_ended_but_was_not_expired_is_extended(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    world.advance(Duration::from_hours(3));
    let extended = extend(world, WORKER, LEASE, [token(&job)?]).await?;
    expect_eq("the token", extended.tokens, vec![Token::Kept])?;
    expect_eq("expired after that", expire(world).await?, 0)?;
    world.advance(LEASE);
    expect_eq("expired when it ended again", expire(world).await?, 1)
}

/// A heartbeat that was sent before the give-back, and arrives after the next claim of the same job.
async fn an_old_token_extends_no_successor(world: &World) -> Outcome {
    for successor in [WORKER, "another worker"] {
        let job = world.claimed_job(successor).await?;
        world.moved(&job, Status::Awaiting).await?;
        let claimed = world.claim_as(successor, Want::destination(successor, 1)).await?;
        expect_eq("claimed again", claimed[0].id, job.id)?;
        world.advance(20 * SECOND);

        let extended = extend(world, WORKER, LEASE, [token(&job)?]).await?;
        expect_eq(format!("claimed by {successor}"), &extended.tokens, &vec![Token::Lost])?;
        let mine = if successor == WORKER { vec![job.id] } else { vec![] };
        expect_eq("this actor's other claims", others(&extended), mine)?;
        world.advance(10 * SECOND);
        expect_eq("expired at the successor's own end", expire(world).await?, 1)?;
        world
            .expect_latest("the rescued job", job.id, {
                let latest = world.history(job.id).await?;
                latest[latest.len() - 1].id
            })
            .await?;
        let rescued = world.claim_as("end", Want::destination(successor, 1)).await?;
        world.moved(&rescued[0], Status::Succeeded).await?;
    }
    Ok(())
}

async fn a_partly_finished_call_is_extended_for_what_is_left(world: &World) -> Outcome {
    let jobs = claimed_together(world, "crm", 4).await?;
    world.moved(&jobs[0], Status::Succeeded).await?;
    world.moved(&jobs[3], Status::Failed).await?;
    world.advance(20 * SECOND);
    let extended = extend(world, WORKER, LEASE, [token(&jobs[1])?]).await?;
    expect_eq("the token", extended.tokens, vec![Token::Kept])?;
    world.advance(20 * SECOND);
    expect_eq("expired behind the first end", expire(world).await?, 0)?;
    world.advance(10 * SECOND);
    expect_eq("expired of four, two of them ended", expire(world).await?, 2)?;
    expect_eq("of an ended one", world.states(jobs[0].id).await?.last(), Some(&Status::Succeeded))
}

async fn others_are_the_claims_of_calls_that_no_token_names(world: &World) -> Outcome {
    let one = claimed_together(world, "crm", 2).await?;
    let two = claimed_together(world, "erp", 2).await?;
    let three = claimed_together(world, "warehouse", 1).await?;

    let extended = extend(world, WORKER, LEASE, [token(&one[0])?]).await?;
    let expected = [&two[..], &three[..]].concat();
    expect_eq("beside one call", sorted_ids(&extended), sorted(&expected))?;
    let extended = extend(world, WORKER, LEASE, [token(&three[0])?, token(&one[1])?]).await?;
    expect_eq("beside two calls", sorted_ids(&extended), sorted(&two))?;
    let extended = extend(world, WORKER, LEASE, []).await?;
    let expected = [&one[..], &two[..], &three[..]].concat();
    expect_eq("when none is named", sorted_ids(&extended), sorted(&expected))?;
    let all = [token(&one[0])?, token(&two[1])?, token(&three[0])?];
    let extended = extend(world, WORKER, LEASE, all).await?;
    expect_eq("when all are named", sorted_ids(&extended), vec![])
}

fn sorted_ids(extended: &Extended) -> Vec<JobId> {
    let mut ids = others(extended);
    ids.sort_unstable();
    ids
}

async fn others_are_not_extended(world: &World) -> Outcome {
    let named = world.claimed_job("crm").await?;
    let other = world.claimed_job("erp").await?;
    world.advance(20 * SECOND);
    let extended = extend(world, WORKER, LEASE, [token(&named)?]).await?;
    expect_eq("the other claim", others(&extended), vec![other.id])?;
    extend(world, WORKER, LEASE, []).await?;
    world.advance(10 * SECOND);
    expect_eq("expired at its own end", expire(world).await?, 1)?;
    expect_eq("of the other", world.states(other.id).await?.last(), Some(&Status::Unknown))
}

async fn others_come_with_every_field(world: &World) -> Outcome {
    let crm = world.job("crm").with_version("v").with_context("c").with_data("d");
    let event = world.event().with_context("e").with_data("f").with_job(crm);
    let event = with(event.with_job(world.job("erp")), |event| event.sent_at = Some(world.now()));
    world.store.add_events(vec![event]).await?;
    let request = ClaimRequest::new(WORKER, LEASE, [Want::destination("crm", 1)]);
    let claimed = world.store.claim(request).await?;

    let extended = extend(world, WORKER, LEASE, []).await?;
    expect_eq("what the claim answered", extended.others, claimed.queue)
}

async fn others_are_this_actors_alone(world: &World) -> Outcome {
    let mine = world.claimed_job("crm").await?;
    world.stored_job("erp").await?;
    let theirs = world.claim_as("another worker", Want::any(1)).await?;
    let extended = extend(world, WORKER, LEASE, []).await?;
    expect_eq("mine", others(&extended), vec![mine.id])?;
    let extended = extend(world, "another worker", LEASE, []).await?;
    expect_eq("theirs", others(&extended), vec![theirs[0].id])?;
    let extended = extend(world, "a third", LEASE, []).await?;
    expect_eq("nobody's", others(&extended), vec![])
}

async fn others_leave_out_what_has_ended(world: &World) -> Outcome {
    let jobs = claimed_together(world, "crm", 3).await?;
    world.moved(&jobs[1], Status::Succeeded).await?;
    let extended = extend(world, WORKER, LEASE, []).await?;
    expect_eq("two of three", sorted_ids(&extended), sorted(&[jobs[0].clone(), jobs[2].clone()]))?;
    world.advance(LEASE);
    let extended = extend(world, WORKER, LEASE, []).await?;
    expect_eq("ended leases that nobody expired", sorted_ids(&extended).len(), 2)?;
    expire(world).await?;
    let extended = extend(world, WORKER, LEASE, []).await?;
    expect_eq("expired ones", others(&extended), vec![])
}

async fn an_extension_writes_no_history(world: &World) -> Outcome {
    let jobs = claimed_together(world, "crm", 3).await?;
    let before = world.contents().await?;
    world.advance(SECOND);
    extend(world, WORKER, LEASE, [token(&jobs[0])?]).await?;
    extend(world, WORKER, LEASE, []).await?;
    world.expect_unchanged("extensions", &before).await
}

async fn a_late_outcome_is_accepted_until_the_claim_is_expired(world: &World) -> Outcome {
    let on_time = world.claimed_job("crm").await?;
    world.advance(Duration::from_hours(48));
    world.moved(&on_time, Status::Succeeded).await?;
    expect_eq("expired although it ended", expire(world).await?, 0)?;

    for end in
        [Status::Succeeded, Status::Failed, Status::Discarded, Status::Unknown, Status::Awaiting]
    {
        let job = world.claimed_job(end.as_str()).await?;
        let late = world.next(&job, end)?;
        world.advance(LEASE);
        expect_eq("expired", expire(world).await?, 1)?;
        let refused = world.store.add_transitions(vec![late]).await;
        let kind = blacksmith_store_core::ErrorKind::Conflict;
        expect_error(format!("{end} after the rescue"), refused, kind)?;
        let states = world.states(job.id).await?;
        expect_eq("its states", states.last(), Some(&Status::Unknown))?;
    }
    Ok(())
}

async fn a_late_outcome_after_a_give_back_is_stale(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let late = world.next(&job, Status::Succeeded)?;
    world.moved(&job, Status::Awaiting).await?;
    let refused = world.store.add_transitions(vec![late.clone()]).await;
    let kind = blacksmith_store_core::ErrorKind::Conflict;
    expect_error("after the give-back", refused, kind)?;

    let successor = world.claim_as("another worker", Want::any(1)).await?;
    let refused = world.store.add_transitions(vec![late]).await;
    expect_error("while another one holds it", refused, kind)?;
    world.expect_latest("the successor's claim", job.id, token(&successor[0])?).await
}

async fn a_give_back_of_one_of_many_leaves_the_rest_leased(world: &World) -> Outcome {
    let jobs = claimed_together(world, "crm", 3).await?;
    world.moved(&jobs[1], Status::Awaiting).await?;
    let again = world.claim_as("another worker", Want::any(10)).await?;
    expect_eq("claimed by another", sorted(&again), vec![jobs[1].id])?;
    world.advance(20 * SECOND);
    extend(world, WORKER, LEASE, [token(&jobs[0])?]).await?;
    world.advance(10 * SECOND);
    expect_eq("expired of the other's claim", expire(world).await?, 1)?;
    for job in [&jobs[0], &jobs[2]] {
        world.moved(job, Status::Succeeded).await?;
    }
    Ok(())
}

async fn an_operator_may_end_a_claim(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let discard = world.next(&job, Status::Discarded)?.with_actor("operator");
    world.append(discard.clone()).await?;
    let extended = extend(world, WORKER, LEASE, [token(&job)?]).await?;
    expect_eq("the token", extended.tokens, vec![Token::Lost])?;
    world.advance(LEASE);
    ensure!(expire(world).await? == 0, "a claim that an operator ended is not expired");
    world.expect_latest("the operator's decision", job.id, discard.id).await
}
