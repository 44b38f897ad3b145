//! A process that is killed while it writes takes along nothing that was acknowledged, and leaves nothing half done.
//!
//! A child process writes for several callers at once until it is killed, at a point that is drawn from the seed and differs
//! in each round; its callers know what was answered, and which call was not. The store is closed meanwhile, for adapters
//! whose data cannot be opened twice.

mod killing;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use blacksmith_store_core::{
    Change, ChangeOutcome, ClaimRequest, Event, ExpireRequest, Job, Pause, PauseId, PurgeRequest,
    Result, Status, Want, WhereEvents,
};

use self::killing::{Killing, Sent};
use crate::{
    case::family,
    failure::{Outcome, ensure, expect_eq},
    handle::Handle,
    processes::Process,
    world::{LEASE, World, expect_once, token, with},
};

family! {
    "crashes";
    [durable_when_killed] acknowledged_events_and_jobs_are_there_and_none_is_there_in_part,
    [durable_when_killed] acknowledged_outcomes_are_there_with_their_follow_ups,
    [durable_when_killed] claims_of_the_dead_expire_and_their_jobs_are_done_by_others,
    [durable_when_killed] acknowledged_pauses_and_resumes_hold,
    [durable_when_killed] a_purge_that_is_killed_leaves_whole_events,
    [durable_when_killed] a_store_whose_process_is_killed_while_it_opens_opens_again,
}

/// How often a process is killed in a case of the quick form.
const ROUNDS: usize = 4;

/// What must come comes by then: a server may still be at work for a client that is dead.
const PATIENCE: Duration = Duration::from_secs(40);

/// Three events of two jobs each, under a source of their own.
fn batch(world: &World) -> Vec<Event> {
    let source = format!("batch-{}", world.toolkit.random());
    let event = || {
        let event = world.event().with_job(world.job("crm")).with_job(world.job("crm"));
        with(event, |event| event.source.clone_from(&source))
    };
    (0..3).map(|_| event()).collect()
}

async fn acknowledged_events_and_jobs_are_there_and_none_is_there_in_part(
    world: &mut World,
) -> Outcome {
    for _ in 0..world.rounds(ROUNDS) {
        let parent = world.event();
        world.store.add_events(vec![parent.clone()]).await?;
        let killing = Killing::begin(world).await?;
        let jobs =
            || -> Vec<Job> { (0..4).map(|_| world.job("crm").with_event_id(parent.id)).collect() };
        let store = &killing.store;
        let callers = async {
            tokio::try_join!(
                killing.send(|| batch(world), |events| store.add_events(events)),
                killing.send(|| batch(world), |events| store.add_events(events)),
                killing.send(jobs, |jobs| store.add_jobs(jobs)),
            )
        };
        let (one, two, jobs) = killing.run(callers).await?;
        drop(killing);
        world.open_again().await?;

        for Sent { acknowledged, unanswered } in [one, two] {
            for event in acknowledged.iter().flatten() {
                let found = world.store.find_event(event.id).await?;
                expect_eq("jobs of an acknowledged event", found.jobs.len(), 2)?;
            }
            let filter = WhereEvents::default().with_sources_in([unanswered[0].source.clone()]);
            let there = world.store.find_events(filter).await?.entries;
            let whole = there.iter().filter(|event| event.jobs.len() == 2).count();
            ensure!(
                there.len() == whole && [0, 3].contains(&whole),
                "of an unanswered call with 3 events of 2 jobs there is: {there:?}"
            );
            expect_once(
                "the call that was not answered",
                world.store.add_events(unanswered).await?,
                3,
                6,
            )?;
        }
        for job in jobs.acknowledged.iter().flatten() {
            let found = world.store.find_job(job.id).await?;
            expect_eq("the event of an acknowledged job", found.event_id, Some(parent.id))?;
        }
        let there = world.store.find_event(parent.id).await?.jobs;
        let is_there = |job: &&Job| there.iter().any(|found| found.id == job.id);
        let there = jobs.unanswered.iter().filter(is_there).count();
        ensure!([0, 4].contains(&there), "of an unanswered call with 4 jobs {there} are there");
        expect_once(
            "the call that was not answered",
            world.store.add_jobs(jobs.unanswered).await?,
            0,
            4,
        )?;
    }
    Ok(())
}

/// What a worker reported until its process was killed.
#[derive(Default)]
struct Reported {
    acknowledged: Vec<Change>,
    /// The call that was not answered; none if that was a claim.
    unanswered: Vec<Change>,
}

/// Claims and reports, each outcome with a follow-up.
async fn work(world: &World, killing: &Killing, actor: &str) -> Outcome<Reported> {
    let mut reported = Reported::default();
    loop {
        let request = ClaimRequest::new(actor, LEASE, [Want::destination("crm", 2)]);
        let Some(claimed) = killing.answer(killing.store.claim(request).await)? else {
            return Ok(reported);
        };
        let changes = claimed.queue.jobs().map(|(_, job)| {
            let follow_up = world.event().with_job(world.job("follow-up"));
            Ok(Change::new(world.next(job, Status::Succeeded)?).with_event(follow_up))
        });
        let changes = changes.collect::<Outcome<Vec<_>>>()?;
        match killing.answer(killing.store.apply(changes.clone()).await)? {
            Some(outcomes) => {
                let are_applied = outcomes.iter().all(|outcome| *outcome == ChangeOutcome::Applied);
                ensure!(are_applied, "outcomes of live claims are answered: {outcomes:?}");
                reported.acknowledged.extend(changes);
            }
            None => return Ok(Reported { unanswered: changes, ..reported }),
        }
    }
}

async fn acknowledged_outcomes_are_there_with_their_follow_ups(world: &mut World) -> Outcome {
    for round in 0..world.rounds(ROUNDS) {
        world.stored_jobs("crm", 60).await?;
        let actors = [format!("one-{round}"), format!("two-{round}")];
        let killing = Killing::begin(world).await?;
        let callers = async {
            tokio::try_join!(
                work(world, &killing, &actors[0]),
                work(world, &killing, &actors[1]),
                killing.send(|| (), |()| killing.store.maintain()),
            )
        };
        let (one, two, _) = killing.run(callers).await?;
        drop(killing);
        world.open_again().await?;

        for Reported { acknowledged, unanswered } in [one, two] {
            if !unanswered.is_empty() {
                let settled = world.store.apply(unanswered.clone()).await?;
                let is = |wanted| settled.iter().all(|outcome| *outcome == wanted);
                ensure!(
                    is(ChangeOutcome::Applied) || is(ChangeOutcome::Known),
                    "the call that was not answered, sent again, is neither new nor known as a whole: {settled:?}"
                );
            }
            for change in acknowledged.iter().chain(&unanswered) {
                let outcome = &change.transitions[0];
                let found = world.store.find_transition(outcome.id).await?;
                expect_eq("an outcome", found.state_after, outcome.state_after)?;
                let follow_up = world.store.find_event(change.events[0].id).await?;
                expect_eq("jobs of its follow-up", follow_up.jobs.len(), 1)?;
            }
        }
    }
    Ok(())
}

/// Claims without ever reporting, and answers the jobs that it got.
async fn claim_on(killing: &Killing, actor: &str) -> Outcome<Vec<Job>> {
    let mut claimed = Vec::new();
    loop {
        let request = ClaimRequest::new(actor, LEASE, [Want::any(2)]);
        match killing.answer(killing.store.claim(request).await)? {
            Some(answer) => claimed.extend(answer.queue.jobs().map(|(_, job)| job.clone())),
            None => return Ok(claimed),
        }
    }
}

async fn claims_of_the_dead_expire_and_their_jobs_are_done_by_others(world: &mut World) -> Outcome {
    const JOBS: usize = 120;
    let mut all = BTreeSet::new();
    for _ in 0..world.rounds(ROUNDS) {
        all.extend(world.stored_jobs("crm", JOBS).await?);
        let killing = Killing::begin(world).await?;
        let callers =
            async { tokio::try_join!(claim_on(&killing, "dead-1"), claim_on(&killing, "dead-2")) };
        let (one, two) = killing.run(callers).await?;
        drop(killing);
        world.open_again().await?;

        let held = [one, two].concat();
        for job in &held {
            world.expect_latest("an acknowledged claim", job.id, token(job)?).await?;
        }
        world.advance(LEASE);
        let deadline = Instant::now() + PATIENCE;
        while !all.is_empty() {
            ensure!(Instant::now() < deadline, "{} jobs are not handed out again", all.len());
            world.store.expire_leases(ExpireRequest::new("sweeper", 1_000)).await?;
            // What a dead one has tried once is due again at once.
            let mut outcomes = Vec::new();
            for job in world.claim("crm", 1_000).await? {
                ensure!(all.remove(&job.id), "the job {} is handed out twice", job.id);
                outcomes.push(world.next(&job, Status::Succeeded)?);
            }
            world.store.add_transitions(outcomes).await?;
        }
        if let Some(job) = held.first() {
            expect_eq(
                "runs of a job whose worker died",
                world.states(job.id).await?,
                vec![
                    Status::Acknowledged,
                    Status::Executing,
                    Status::Unknown,
                    Status::Executing,
                    Status::Succeeded,
                ],
            )?;
            let late = world.next(job, Status::Succeeded)?;
            let outcomes = world.store.apply(vec![Change::new(late)]).await?;
            expect_eq("a late outcome of the dead", outcomes, vec![ChangeOutcome::Stale])?;
        }
    }
    Ok(())
}

/// A pause, or the end of one.
#[derive(Clone)]
enum Decision {
    Pause(Pause),
    Resume(PauseId),
}

async fn decide(store: &Handle, decision: Decision) -> Result<bool> {
    match decision {
        Decision::Pause(pause) => store.pause(pause).await,
        Decision::Resume(id) => store.resume(id).await,
    }
}

async fn acknowledged_pauses_and_resumes_hold(world: &mut World) -> Outcome {
    let mut paused = Vec::new();
    for _ in 0..world.rounds(ROUNDS) {
        let killing = Killing::begin(world).await?;
        // Up to three pauses, of which the oldest ends when there would be a fourth.
        let mut lasting = paused.clone();
        let decisions = || {
            if lasting.len() > 2 {
                return Decision::Resume(lasting.remove(0));
            }
            let pause = Pause::new(world.toolkit.pause_id(), "crm", "operator");
            lasting.push(pause.id);
            Decision::Pause(pause)
        };
        let callers = killing.send(decisions, |decision| decide(&killing.store, decision));
        let Sent { acknowledged, unanswered } = killing.run(callers).await?;
        drop(killing);
        world.open_again().await?;

        decide(&world.store, unanswered.clone()).await?;
        for decision in acknowledged.into_iter().chain([unanswered]) {
            match decision {
                Decision::Pause(pause) => paused.push(pause.id),
                Decision::Resume(id) => paused.retain(|pause| *pause != id),
            }
        }
        let there = world.store.pauses().await?;
        let there: BTreeSet<_> = there.iter().map(|pause| pause.id).collect();
        expect_eq("pauses", there, paused.iter().copied().collect::<BTreeSet<_>>())?;
    }
    Ok(())
}

async fn a_purge_that_is_killed_leaves_whole_events(world: &mut World) -> Outcome {
    const EVENTS: u64 = 200;
    const AT_MOST: u64 = 7;
    let github = || WhereEvents::default().with_sources_in(["github"]).with_limit(1_000);
    let purge = || PurgeRequest::new(github().with_limit(0)).with_recent().with_unfinished();
    for _ in 0..world.rounds(ROUNDS) {
        let event = || world.event().with_job(world.job("crm")).with_job(world.job("erp"));
        world.store.add_events((0..EVENTS).map(|_| event()).collect()).await?;
        let killing = Killing::begin(world).await?;
        let purges = async {
            let mut gone = 0;
            loop {
                let request = purge().with_max_events(AT_MOST);
                match killing.answer(killing.store.purge(request).await)? {
                    Some(purged) => gone += purged.events,
                    None => return Outcome::Ok(gone),
                }
            }
        };
        let store = &killing.store;
        let adds = killing.send(|| batch(world), |events| store.add_events(events));
        let (gone, added) = killing.run(async { tokio::try_join!(purges, adds) }).await?;
        drop(killing);
        world.open_again().await?;

        for event in added.acknowledged.iter().flatten() {
            let found = world.store.find_event(event.id).await?;
            expect_eq("jobs of an event beside the purge", found.jobs.len(), 2)?;
        }
        let left = world.store.find_events(github()).await?.entries;
        let halves = left.iter().filter(|event| event.jobs.len() != 2).count();
        expect_eq("events without all of their jobs", halves, 0)?;
        let left = left.len() as u64;
        let expected = EVENTS.saturating_sub(gone + AT_MOST)..=EVENTS - gone;
        ensure!(expected.contains(&left), "{gone} of {EVENTS} went, and {left} are left");
        let deadline = Instant::now() + PATIENCE;
        while !world.store.find_events(github()).await?.entries.is_empty() {
            ensure!(Instant::now() < deadline, "a purge does not come to its end");
            world.store.purge(purge()).await?;
        }
    }
    Ok(())
}

async fn a_store_whose_process_is_killed_while_it_opens_opens_again(world: &mut World) -> Outcome {
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    for _ in 0..world.rounds(2 * ROUNDS) {
        world.close();
        let delay = world.toolkit.random_duration(Duration::from_millis(30));
        let process = Process::about_to_open(&world.options, world.toolkit.random())?;
        tokio::time::sleep(delay).await;
        process.kill()?;
        world.open_again().await?;
        expect_eq("what was stored", world.store.find_event(event.id).await?.jobs.len(), 1)?;
        world.store.add_events(vec![world.event()]).await?;
    }
    Ok(())
}
