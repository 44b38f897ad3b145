//! Calls that want to do different things with the same jobs at the same time: one of them does, and the others are told.
//!
//! Every race is run through one handle, through several, and through several processes. After each, the history of every job
//! is replayed, which has no place for a second end of a claim.

pub(super) mod purges;

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    Change, ChangeOutcome, ClaimRequest, ErrorKind, ExpireRequest, ExtendRequest, Job, JobId,
    Pause, Status, Timestamp, Token, Toolkit, Transition, TransitionId, Want,
};
use futures_util::{FutureExt as _, future::BoxFuture};

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq},
    handle::Handle,
    world::{LEASE, WORKER, World, latest, token},
};

/// What must come comes by then.
pub(super) const PATIENCE: Duration = Duration::from_secs(40);

/// How often a race for one job is run in the quick form.
const ROUNDS: usize = 9;

/// Through what the calls of a race are made.
#[derive(Clone, Copy)]
enum Through {
    OneHandle,
    Handles,
    Processes,
}

impl Through {
    /// The callers of a race; processes end with their handles.
    async fn callers(self, world: &World) -> Outcome<[Handle; 3]> {
        Ok(match self {
            Self::OneHandle => [(); 3].map(|()| world.store.clone()),
            Self::Handles => {
                [world.store.clone(), world.another_handle().await?, world.another_handle().await?]
            }
            Self::Processes => {
                let started =
                    || async { Outcome::Ok(world.handle_in(&world.another_process().await?)) };
                let (one, two, three) = tokio::try_join!(started(), started(), started())?;
                [one, two, three]
            }
        })
    }
}

/// The races of this file as cases of a family.
macro_rules! races {
    ($module:ident, $family:literal, $through:ident; $($([$needs:ident])? $case:ident,)*) => {
        pub(super) mod $module {
            use super::{Outcome, Through, World, family};

            family! { $family; $($([$needs])? $case,)* }

            $(async fn $case(world: &World) -> Outcome {
                super::$case(world, Through::$through).await
            })*
        }
    };
}

races! {
    of_one_handle, "races", OneHandle;
    a_late_outcome_or_an_expiry_ends_a_claim,
    a_lease_is_extended_or_its_claim_expires,
    one_of_two_outcomes_brings_its_follow_ups,
    a_worker_or_an_operator_moves_a_job,
    no_claim_that_begins_after_a_pause_gets_its_jobs,
}

races! {
    of_handles, "handles", Handles;
    [several_handles] a_late_outcome_or_an_expiry_ends_a_claim,
    [several_handles] a_lease_is_extended_or_its_claim_expires,
    [several_handles] one_of_two_outcomes_brings_its_follow_ups,
    [several_handles] a_worker_or_an_operator_moves_a_job,
    [several_handles] no_claim_that_begins_after_a_pause_gets_its_jobs,
    [several_handles] workers_run_every_job_to_its_end,
    [several_handles] jobs_are_claimed_or_purged_and_never_both,
    [several_handles] jobs_are_added_or_their_events_purged,
    [several_handles] jobs_are_retried_or_purged,
}

races! {
    of_processes, "processes", Processes;
    [several_processes] a_late_outcome_or_an_expiry_ends_a_claim,
    [several_processes] a_lease_is_extended_or_its_claim_expires,
    [several_processes] one_of_two_outcomes_brings_its_follow_ups,
    [several_processes] a_worker_or_an_operator_moves_a_job,
    [several_processes] no_claim_that_begins_after_a_pause_gets_its_jobs,
    [several_processes] workers_run_every_job_to_its_end,
    [several_processes] jobs_are_claimed_or_purged_and_never_both,
    [several_processes] jobs_are_added_or_their_events_purged,
    [several_processes] jobs_are_retried_or_purged,
}

pub(super) use of_one_handle::CASES;

/// When nothing of a case is due.
fn far(world: &World) -> Timestamp {
    world.now() + Duration::from_hours(9)
}

/// Runs calls at once, the first of them another one in each round, and answers in the order in which they are given.
pub(super) async fn at_once<T: Send + 'static>(
    round: usize,
    calls: impl IntoIterator<Item = BoxFuture<'static, Outcome<T>>>,
) -> Outcome<Vec<T>> {
    let mut calls: Vec<_> = calls.into_iter().collect();
    let count = calls.len();
    calls.rotate_left(round % count);
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::with_capacity(count);
    for task in tasks {
        answers
            .push(task.await.map_err(|error| Failure::new(format!("a caller ended: {error}")))??);
    }
    answers.rotate_right(round % count);
    Ok(answers)
}

/// The jobs that a claim of a destination gets.
async fn claimed(store: &Handle, actor: &str, destination: &str) -> Outcome<Vec<Job>> {
    let request = ClaimRequest::new(actor, LEASE, [Want::destination(destination, 10)]);
    let claimed = store.claim(request).await?;
    Ok(claimed.queue.jobs().map(|(_, job)| job.clone()).collect())
}

/// The ids of these transitions if the store took them, none if they came too late.
async fn appended(store: &Handle, transition: Transition) -> Outcome<Vec<TransitionId>> {
    let id = transition.id;
    match store.add_transitions(vec![transition]).await {
        Ok(appended) => {
            expect_eq("a new transition", (appended.new, appended.known), (1, 0))?;
            Ok(vec![id])
        }
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Fails unless the history of a job, from a place on, consists of exactly those transitions that were answered as stored.
async fn expect_history(
    world: &World,
    job: JobId,
    from: usize,
    answered: impl IntoIterator<Item = TransitionId>,
) -> Outcome<Vec<Status>> {
    let history = world.history(job).await?;
    let stored: BTreeSet<TransitionId> = history.iter().skip(from).map(|moved| moved.id).collect();
    let answered: BTreeSet<TransitionId> = answered.into_iter().collect();
    expect_eq("the transitions that are stored, and those that were answered", stored, answered)?;
    Ok(history.iter().skip(from).map(|moved| moved.state_after).collect())
}

async fn a_late_outcome_or_an_expiry_ends_a_claim(world: &World, through: Through) -> Outcome {
    let [holder, sweeper, claimer] = through.callers(world).await?;
    for round in 0..world.rounds(ROUNDS) {
        let destination = format!("crm-{round}");
        let job = world.claimed_job(&destination).await?;
        world.advance(LEASE);
        let status = [Status::Succeeded, Status::Failed, Status::Awaiting][round / 3 % 3];
        let late = world.next(&job, status)?;
        let outcome = late.id;
        let (holder, sweeper, claimer) = (holder.clone(), sweeper.clone(), claimer.clone());
        let answers = at_once(
            round,
            [
                async move { appended(&holder, late).await }.boxed(),
                async move {
                    let request = ExpireRequest::new("sweeper", 10);
                    let expired = sweeper.expire_leases(request).await?;
                    ensure!(expired <= 1, "{expired} claims expired of one");
                    // An expiry's transition is made by the store; its place in the history tells it.
                    Ok(vec![outcome; usize::try_from(expired).unwrap_or_default()])
                }
                .boxed(),
                async move {
                    let jobs = claimed(&claimer, "claimer", &destination).await?;
                    jobs.iter().map(token).collect()
                }
                .boxed(),
            ],
        )
        .await?;
        let [reported, expired, again] = &answers[..] else {
            return Err(Failure::new("three calls have three answers"));
        };
        expect_eq("ends: by its outcome, by its expiry", reported.len() + expired.len(), 1)?;
        let history = world.history(job.id).await?;
        expect_eq("its transitions", history.len(), 3 + again.len())?;
        let end = &history[2];
        if reported.is_empty() {
            expect_eq("the end of what expired", end.state_after, Status::Unknown)?;
        } else {
            expect_eq("the end that was reported", end.id, outcome)?;
        }
        for id in again {
            expect_eq("the claim that follows", history[3].id, *id)?;
            let next = world.store.find_job(job.id).await?;
            world.moved(&next, Status::Succeeded).await?;
        }
    }
    Ok(())
}

async fn a_lease_is_extended_or_its_claim_expires(world: &World, through: Through) -> Outcome {
    let [holder, sweeper, other] = through.callers(world).await?;
    for round in 0..world.rounds(ROUNDS) {
        let job = world.claimed_job("crm").await?;
        world.advance(LEASE);
        let request = ExtendRequest::new(WORKER, LEASE, [token(&job)?]);
        let store = holder.clone();
        let mut calls = vec![
            async move {
                let extended = store.extend_leases(request).await?;
                Ok(u64::from(extended.tokens == [Token::Kept]))
            }
            .boxed(),
        ];
        for sweeper in [&sweeper, &other] {
            let sweeper = sweeper.clone();
            calls.push(
                async move { Ok(sweeper.expire_leases(ExpireRequest::new("sweeper", 10)).await?) }
                    .boxed(),
            );
        }
        let answers = at_once(round, calls).await?;
        expect_eq("extended or expired", answers.iter().sum::<u64>(), 1)?;
        let kept = answers[0] == 1;
        let status = world.store.find_job(job.id).await?.status();
        let expected = if kept { Status::Executing } else { Status::Unknown };
        expect_eq("its state", status, Some(expected))?;
        let late = world.next(&job, Status::Succeeded)?;
        expect_eq("its outcome is taken", !appended(&holder, late).await?.is_empty(), kept)?;
        if !kept {
            let left = world.store.find_job(job.id).await?;
            world.moved(&left, Status::Discarded).await?;
        }
    }
    Ok(())
}

async fn one_of_two_outcomes_brings_its_follow_ups(world: &World, through: Through) -> Outcome {
    let [one, two, operator] = through.callers(world).await?;
    for round in 0..world.rounds(ROUNDS) {
        let job = world.claimed_job("crm").await?;
        let back = world.next(&job, Status::Awaiting)?.with_run_at(far(world));
        let mut follow_ups = Vec::new();
        let mut calls = vec![];
        for (store, status) in [(&one, Status::Succeeded), (&two, Status::Discarded)] {
            let follow_up = world.event().with_job(world.job("follow-up"));
            follow_ups.push(follow_up.id);
            let outcome = world.next(&job, status)?;
            let id = outcome.id;
            let change = Change::new(outcome).with_event(follow_up);
            let store = store.clone();
            calls.push(
                async move {
                    match store.apply(vec![change]).await?[..] {
                        [ChangeOutcome::Applied] => Ok(vec![id]),
                        [ChangeOutcome::Stale] => Ok(Vec::new()),
                        ref other => Err(Failure::new(format!("a change was answered: {other:?}"))),
                    }
                }
                .boxed(),
            );
        }
        let operator = operator.clone();
        calls.push(async move { appended(&operator, back).await }.boxed());
        let answers = at_once(round, calls).await?;
        let stored = expect_history(world, job.id, 2, answers.concat()).await?;
        expect_eq("ends of the claim", stored.len(), 1)?;
        for (event, answer) in follow_ups.into_iter().zip(&answers) {
            let is_there = match world.store.find_event(event).await {
                Ok(_) => true,
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                Err(error) => return Err(error.into()),
            };
            expect_eq("follow-ups come with their outcome", is_there, !answer.is_empty())?;
        }
    }
    Ok(())
}

/// A failed job is due again, when an operator gives it up and another one puts it off.
async fn a_worker_or_an_operator_moves_a_job(world: &World, through: Through) -> Outcome {
    let [worker, one, two] = through.callers(world).await?;
    for round in 0..world.rounds(ROUNDS) {
        let destination = format!("crm-{round}");
        let job = world.job_in(&destination, Status::Failed).await?;
        let given_up = world.next(&job, Status::Discarded)?;
        let put_off = world.next(&job, Status::Awaiting)?.with_run_at(far(world));
        let (worker, one, two) = (worker.clone(), one.clone(), two.clone());
        let answers = at_once(
            round,
            [
                async move {
                    let jobs = claimed(&worker, WORKER, &destination).await?;
                    jobs.iter().map(token).collect()
                }
                .boxed(),
                async move { appended(&one, given_up).await }.boxed(),
                async move { appended(&two, put_off).await }.boxed(),
            ],
        )
        .await?;
        let stored = expect_history(world, job.id, 3, answers.concat()).await?;
        expect_eq("moves of three that were tried", stored.len(), 1)?;
    }
    Ok(())
}

async fn no_claim_that_begins_after_a_pause_gets_its_jobs(
    world: &World,
    through: Through,
) -> Outcome {
    const JOBS: usize = 60;
    let [operator, one, two] = through.callers(world).await?;
    for round in 0..world.rounds(3) {
        let destination = format!("crm-{round}");
        let jobs = world.stored_jobs(&destination, JOBS).await?;
        let is_paused = Arc::new(AtomicBool::new(false));
        let mut calls = Vec::new();
        for store in [&one, &two] {
            let (store, is_paused) = (store.clone(), Arc::clone(&is_paused));
            let destination = destination.clone();
            calls.push(async move { until_paused(store, destination, &is_paused).await }.boxed());
        }
        let pause = Pause::new(world.toolkit.pause_id(), &destination, "operator");
        let (store, id) = (operator.clone(), pause.id);
        calls.push(
            async move {
                ensure!(store.pause(pause).await?, "the pause is new");
                is_paused.store(true, Ordering::SeqCst);
                Ok(Vec::new())
            }
            .boxed(),
        );
        let mut taken = at_once(round, calls).await?.concat();
        ensure!(operator.resume(id).await?, "the pause ends");
        let deadline = Instant::now() + PATIENCE;
        while taken.len() < JOBS {
            ensure!(Instant::now() < deadline, "{} jobs of {JOBS} are handed out", taken.len());
            let rest = claimed(&one, WORKER, &destination).await?;
            taken.extend(rest.iter().map(|job| job.id));
        }
        expect_eq("jobs handed out", taken.len(), JOBS)?;
        let taken: HashSet<JobId> = taken.into_iter().collect();
        expect_eq("each of them once", taken, jobs.into_iter().collect())?;
    }
    Ok(())
}

/// Claims one job after the other until the pause was answered, and once more.
async fn until_paused(
    store: Handle,
    destination: String,
    is_paused: &AtomicBool,
) -> Outcome<Vec<JobId>> {
    let mut taken = Vec::new();
    loop {
        let was_paused = is_paused.load(Ordering::SeqCst);
        let request = ClaimRequest::new(WORKER, LEASE, [Want::destination(&destination, 1)]);
        let claimed = store.claim(request).await?;
        taken.extend(claimed.queue.jobs().map(|(_, job)| job.id));
        if was_paused {
            let got = claimed.queue.jobs().count();
            expect_eq("jobs of a claim that began after the pause's answer", got, 0)?;
            return Ok(taken);
        }
        tokio::task::yield_now().await;
    }
}

/// Six workers, who fail each job once and end it when they get it again.
async fn workers_run_every_job_to_its_end(world: &World, through: Through) -> Outcome {
    const JOBS: usize = 90;
    let handles = through.callers(world).await?;
    let jobs: HashSet<JobId> = world.stored_jobs("crm", JOBS).await?.into_iter().collect();
    let left = Arc::new(AtomicUsize::new(JOBS));
    let workers = (0..6).map(|number| {
        let (store, toolkit) = (handles[number % 3].clone(), world.toolkit.clone());
        work(store, toolkit, format!("worker-{number}"), Arc::clone(&left)).boxed()
    });
    let ended = at_once(0, workers).await?.concat();
    expect_eq("jobs that were ended", ended.len(), JOBS)?;
    expect_eq("each of them once", ended.into_iter().collect::<HashSet<_>>(), jobs.clone())?;
    for job in world.contents().await?.jobs {
        let end = latest(&job)?;
        expect_eq("its last state", end.state_after, Status::Succeeded)?;
        expect_eq("runs that were begun", end.attempt, 2)?;
    }
    Ok(())
}

/// Claims and reports until no job is left, and answers the jobs that this worker ended.
async fn work(
    store: Handle,
    toolkit: Toolkit,
    actor: String,
    left: Arc<AtomicUsize>,
) -> Outcome<Vec<JobId>> {
    let mut ended = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while left.load(Ordering::SeqCst) > 0 {
        ensure!(Instant::now() < deadline, "{actor} waits in vain for what is left");
        let claimed = store.claim(ClaimRequest::new(&actor, LEASE, [Want::any(4)])).await?;
        let mut outcomes = Vec::new();
        for (_, job) in claimed.queue.jobs() {
            let claim = latest(job)?;
            expect_eq("the holder of a claimed job", claim.actor.as_deref(), Some(&actor[..]))?;
            let is_last = claim.attempt >= 2;
            let end = if is_last { Status::Succeeded } else { Status::Failed };
            outcomes.push(job.next(toolkit.transition_id(), end)?);
            if is_last {
                ended.push(job.id);
                left.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let count = outcomes.len() as u64;
        expect_eq("outcomes taken", store.add_transitions(outcomes).await?.new, count)?;
        tokio::task::yield_now().await;
    }
    Ok(ended)
}

async fn jobs_are_claimed_or_purged_and_never_both(world: &World, through: Through) -> Outcome {
    let [_, one, two] = through.callers(world).await?;
    purges::claims_beside_purges(world, &one, &two).await
}

async fn jobs_are_added_or_their_events_purged(world: &World, through: Through) -> Outcome {
    let [_, one, two] = through.callers(world).await?;
    purges::additions_beside_purges(world, &one, &two).await
}

async fn jobs_are_retried_or_purged(world: &World, through: Through) -> Outcome {
    let [_, one, two] = through.callers(world).await?;
    purges::retries_beside_purges(world, &one, &two).await
}
