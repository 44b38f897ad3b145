//! Many claimers at once: what they get is disjoint, and together complete.

use std::collections::HashMap;

use blacksmith_store_core::{ClaimRequest, JobId, Status, Toolkit, Want};
use futures_util::future::join_all;

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq},
    handle::Handle,
    world::{LEASE, World},
};

use super::SECOND;

family! {
    "claims";
    eight_concurrent_claimers_get_every_job_once,
    eight_concurrent_claimers_with_several_wants_get_every_job_once,
    claimers_get_every_job_that_is_added_meanwhile,
    claims_and_outcomes_at_once_lose_nothing,
    eight_claimers_of_one_job_leave_seven_without,
}

/// So many claims in a row that get nothing although something is said to be due mean that nobody will get it.
const PATIENCE: usize = 5_000;

/// Claims until nothing is due, and answers what it got.
async fn drain(store: Handle, actor: String, wants: Vec<Want>) -> Outcome<Vec<JobId>> {
    let mut taken = Vec::new();
    let mut in_vain = 0;
    while in_vain < PATIENCE {
        let request = ClaimRequest::new(&actor, LEASE, wants.clone());
        let claimed = store.claim(request).await?;
        let before = taken.len();
        for (_, job) in claimed.queue.jobs() {
            let holder = job.transition.as_ref().and_then(|latest| latest.actor.as_deref());
            ensure!(holder == Some(&actor), "{actor} got the job {} that {holder:?} holds", job.id);
            taken.push(job.id);
        }
        if taken.len() > before {
            in_vain = 0;
        } else if claimed.next_due.is_none() {
            return Ok(taken);
        } else {
            in_vain += 1;
        }
        tokio::task::yield_now().await;
    }
    Err(Failure::new(format!("{actor} claims in vain what is said to be due")))
}

/// Runs the tasks at once, and answers what each of them got.
async fn at_once<F>(tasks: impl IntoIterator<Item = F>) -> Outcome<Vec<Vec<JobId>>>
where
    F: Future<Output = Outcome<Vec<JobId>>> + Send + 'static,
{
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut all = Vec::new();
    for taken in join_all(tasks).await {
        all.push(taken.map_err(|error| Failure::new(format!("a worker ended: {error}")))??);
    }
    Ok(all)
}

/// Fails unless every job was taken by exactly one worker.
#[track_caller]
fn expect_each_once(taken: &[Vec<JobId>], jobs: &[JobId]) -> Outcome {
    let mut holders: HashMap<JobId, usize> = HashMap::new();
    for (worker, jobs) in taken.iter().enumerate() {
        for job in jobs {
            if let Some(other) = holders.insert(*job, worker) {
                return Err(Failure::new(format!("{job} went to worker {other} and to {worker}")));
            }
        }
    }
    let missing = jobs.iter().filter(|job| !holders.contains_key(job)).count();
    if missing > 0 {
        return Err(Failure::new(format!("{missing} of {} jobs went to nobody", jobs.len())));
    }
    if holders.len() != jobs.len() {
        return Err(Failure::new(format!("{} jobs were taken of {}", holders.len(), jobs.len())));
    }
    Ok(())
}

async fn eight_concurrent_claimers_get_every_job_once(world: &World) -> Outcome {
    let mut jobs = Vec::new();
    for _ in 0..10 {
        jobs.extend(world.stored_jobs("crm", 40).await?);
    }
    let workers = (0..8_usize).map(|worker| {
        drain(world.store.clone(), format!("worker-{worker}"), vec![Want::any(1 + worker)])
    });
    let taken = at_once(workers).await?;
    expect_each_once(&taken, &jobs)
}

async fn eight_concurrent_claimers_with_several_wants_get_every_job_once(world: &World) -> Outcome {
    let mut jobs = Vec::new();
    for destination in ["crm", "erp", "warehouse", "shop"] {
        jobs.extend(world.stored_jobs(destination, 80).await?);
    }
    let wants = [
        vec![Want::destination("crm", 3), Want::any(2)],
        vec![Want::destination("erp", 5), Want::destination("crm", 1), Want::any(1)],
        vec![Want::action("warehouse", "upsert", 4), Want::destination("shop", 4), Want::any(1)],
        vec![Want::any(7)],
    ];
    let workers = (0..8_usize).map(|worker| {
        drain(world.store.clone(), format!("worker-{worker}"), wants[worker % 4].clone())
    });
    let taken = at_once(workers).await?;
    expect_each_once(&taken, &jobs)
}

async fn claimers_get_every_job_that_is_added_meanwhile(world: &World) -> Outcome {
    let batches: Vec<_> = (0..40)
        .map(|_| {
            let event = world.event();
            (0..5).fold(event, |event, _| event.with_job(world.job("crm")))
        })
        .collect();
    let jobs: Vec<JobId> =
        batches.iter().flat_map(|event| event.jobs.iter().map(|job| job.id)).collect();
    let store = world.store.clone();
    let adding = tokio::spawn(async move {
        for event in batches {
            store.add_events(vec![event]).await?;
        }
        Outcome::Ok(())
    });
    let workers = (0..7)
        .map(|worker| drain(world.store.clone(), format!("worker-{worker}"), vec![Want::any(3)]));
    let mut taken = at_once(workers).await?;
    adding.await.map_err(|error| Failure::new(format!("adding ended: {error}")))??;
    // What was added after the last of them had seen an empty queue.
    taken.push(drain(world.store.clone(), "last".into(), vec![Want::any(100)]).await?);
    expect_each_once(&taken, &jobs)
}

/// Every worker fails each job once, and ends it when it gets it again.
async fn claims_and_outcomes_at_once_lose_nothing(world: &World) -> Outcome {
    async fn work(store: Handle, actor: String, toolkit: Toolkit) -> Outcome<Vec<JobId>> {
        let mut ended = Vec::new();
        let mut in_vain = 0;
        while in_vain < PATIENCE {
            let claimed = store.claim(ClaimRequest::new(&actor, LEASE, [Want::any(4)])).await?;
            let mut outcomes = Vec::new();
            for (_, job) in claimed.queue.jobs() {
                let attempt = job.transition.as_ref().map_or(0, |latest| latest.attempt);
                let end = if attempt < 2 { Status::Failed } else { Status::Succeeded };
                outcomes.push(job.next(toolkit.transition_id(), end)?);
                if end == Status::Succeeded {
                    ended.push(job.id);
                }
            }
            match (outcomes.is_empty(), claimed.next_due) {
                (true, None) => return Ok(ended),
                (true, Some(_)) => in_vain += 1,
                (false, _) => in_vain = 0,
            }
            store.add_transitions(outcomes).await?;
            tokio::task::yield_now().await;
        }
        Err(Failure::new(format!("{actor} claims in vain what is said to be due")))
    }
    let jobs = world.stored_jobs("crm", 120).await?;
    let workers = (0..8)
        .map(|worker| work(world.store.clone(), format!("worker-{worker}"), world.toolkit.clone()));
    let mut taken = at_once(workers).await?;
    // A worker may have seen an empty queue while others still held jobs that then failed.
    taken.push(work(world.store.clone(), "last".into(), world.toolkit.clone()).await?);
    expect_each_once(&taken, &jobs)?;
    for job in &jobs[..5] {
        expect_eq("the history of a job that failed once", world.history(*job).await?.len(), 5)?;
    }
    Ok(())
}

async fn eight_claimers_of_one_job_leave_seven_without(world: &World) -> Outcome {
    for _ in 0..20 {
        let job = world.stored_job("crm").await?;
        let calls = (0..8).map(|worker| {
            let store = world.store.clone();
            async move {
                let request = ClaimRequest::new(format!("worker-{worker}"), LEASE, [Want::any(1)]);
                let claimed = store.claim(request).await?;
                Ok(claimed.queue.jobs().map(|(_, job)| job.id).collect())
            }
        });
        expect_each_once(&at_once(calls).await?, &[job.id])?;
        world.advance(SECOND);
    }
    Ok(())
}
