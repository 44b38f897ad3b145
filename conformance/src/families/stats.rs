//! The counts of every destination and action, and since when the oldest waiting job is due.

use std::time::Duration;

use blacksmith_store_core::{
    Change, Counts, ExpireRequest, Job, Pause, PurgeRequest, QueueStats, Status, Timestamp,
    WhereEvents, WhereJobs,
};

use crate::{
    case::family,
    failure::{Failure, Outcome, expect_eq},
    world::{LEASE, WORKER, World, with},
};

family! {
    "stats";
    an_empty_store_has_none,
    every_status_is_counted,
    the_counts_follow_every_move,
    an_expired_claim_counts_as_unknown,
    destinations_and_actions_are_counted_apart_and_ascend,
    names_ascend_by_their_bytes,
    what_was_known_or_refused_is_not_counted,
    changes_are_counted,
    a_large_batch_is_counted_exactly,
    counts_stay_exact_however_often_they_are_added_up,
    the_earliest_due_is_the_least_place_of_the_waiting,
    a_job_is_due_from_its_run_at_on,
    a_run_at_in_the_past_counts_from_when_it_was_stored,
    executing_and_finished_jobs_are_not_due,
    pauses_change_nothing,
    a_queue_whose_jobs_are_all_gone_is_absent,
}

/// The only queue that has jobs.
async fn only(world: &World) -> Outcome<QueueStats> {
    let mut stats = world.store.stats().await?;
    match (stats.pop(), stats.len()) {
        (Some(queue), 0) => Ok(queue),
        (queue, others) => Err(Failure::new(format!(
            "one queue has jobs, and there are {others} beside {queue:?}"
        ))),
    }
}

/// Fails unless the only queue has these counts.
async fn expect_counts(world: &World, what: &str, expected: &[(Status, u64)]) -> Outcome {
    let mut counts = Counts::default();
    for (status, count) in expected {
        *counts.of_mut(*status) = *count;
    }
    expect_eq(what, only(world).await?.counts, counts)
}

/// Fails unless the only queue's earliest due instant is this one.
async fn expect_due(world: &World, what: &str, due: Option<Timestamp>) -> Outcome {
    expect_eq(format!("{what}: earliest_due"), only(world).await?.earliest_due, due)
}

async fn an_empty_store_has_none(world: &World) -> Outcome {
    expect_eq("the queues", world.store.stats().await?, vec![])?;
    world.store.add_events(vec![world.event()]).await?;
    expect_eq("with an event that has no jobs", world.store.stats().await?, vec![])
}

async fn every_status_is_counted(world: &World) -> Outcome {
    // Each in another number, so that no two can be mixed up.
    for (index, status) in Status::ALL.into_iter().enumerate() {
        let queue = status.as_str();
        let ids = world.stored_jobs(queue, index + 1).await?;
        let jobs = match status {
            Status::Acknowledged => vec![],
            Status::Awaiting => {
                let jobs = WhereJobs::default().with_destinations_in([queue]);
                world.store.find_jobs(WhereEvents::default().with_jobs(jobs)).await?.entries
            }
            _ => world.claim(queue, ids.len()).await?,
        };
        if status != Status::Executing {
            for job in jobs {
                world.moved(&job, status).await?;
            }
        }
    }
    for (index, status) in Status::ALL.into_iter().enumerate() {
        let stats = world.store.stats().await?;
        let queue = stats.iter().find(|queue| queue.destination == status.as_str());
        let counts = queue.map(|queue| queue.counts).unwrap_or_default();
        let expected = with(Counts::default(), |counts| *counts.of_mut(status) = index as u64 + 1);
        expect_eq(format!("the counts of a queue of {status} jobs"), counts, expected)?;
    }
    Ok(())
}

async fn the_counts_follow_every_move(world: &World) -> Outcome {
    use Status::{Acknowledged, Awaiting, Discarded, Executing, Failed, Succeeded, Unknown};
    const WAY: [Status; 14] = [
        Acknowledged,
        Executing,
        Failed,
        Executing,
        Unknown,
        Executing,
        Awaiting,
        Executing,
        Succeeded,
        Awaiting,
        Discarded,
        Awaiting,
        Awaiting,
        Discarded,
    ];
    // Beside it stays another job of the queue.
    world.stored_job_at("crm", world.now() + Duration::from_hours(1)).await?;
    let mut job = world.stored_job("crm").await?;
    for status in WAY {
        job = match status {
            Acknowledged => job,
            Executing => world.claim_one("crm").await?,
            status => world.moved(&job, status).await?,
        };
        let expected = match status {
            Acknowledged => vec![(Acknowledged, 2)],
            status => vec![(Acknowledged, 1), (status, 1)],
        };
        expect_counts(world, status.as_str(), &expected).await?;
    }
    Ok(())
}

async fn an_expired_claim_counts_as_unknown(world: &World) -> Outcome {
    world.stored_jobs("crm", 5).await?;
    world.claim("crm", 3).await?;
    expect_counts(world, "claimed", &[(Status::Acknowledged, 2), (Status::Executing, 3)]).await?;
    world.advance(LEASE);
    let expected = [(Status::Acknowledged, 2), (Status::Executing, 3)];
    expect_counts(world, "the lease ended", &expected).await?;
    world.store.expire_leases(ExpireRequest::new("sweeper", 2)).await?;
    let expected = [(Status::Acknowledged, 2), (Status::Executing, 1), (Status::Unknown, 2)];
    expect_counts(world, "two were given up", &expected).await
}

async fn destinations_and_actions_are_counted_apart_and_ascend(world: &World) -> Outcome {
    let queues = [("b", "x"), ("a", "y"), ("a", "x"), ("ab", "a"), ("a", "xy")];
    let mut jobs = Vec::new();
    for (index, (destination, action)) in queues.into_iter().enumerate() {
        for _ in 0..=index {
            jobs.push(Job::new(world.toolkit.job_id(), destination, action));
        }
    }
    world.store.add_events(vec![with(world.event(), |event| event.jobs = jobs)]).await?;
    let stats = world.store.stats().await?;
    let told: Vec<_> = stats
        .iter()
        .map(|queue| (queue.destination.as_str(), queue.action.as_str(), queue.counts.acknowledged))
        .collect();
    let expected =
        vec![("a", "x", 3), ("a", "xy", 5), ("a", "y", 2), ("ab", "a", 4), ("b", "x", 1)];
    expect_eq("the queues", told, expected)
}

/// In no language's order, and in no other case's.
async fn names_ascend_by_their_bytes(world: &World) -> Outcome {
    let names =
        ["B", "Z", "a", "a b", "a!", "a-b", "aB", "ab", "z", "\u{e4}", "\u{ff5e}", "\u{1f600}"];
    for name in names.iter().rev() {
        world.stored_job(name).await?;
    }
    let stats = world.store.stats().await?;
    let told: Vec<_> = stats.iter().map(|queue| queue.destination.as_str()).collect();
    let mut expected = names.to_vec();
    expected.sort_unstable();
    expect_eq("the destinations", told, expected)
}

async fn what_was_known_or_refused_is_not_counted(world: &World) -> Outcome {
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    world.store.add_events(vec![event.clone(), event.clone()]).await?;
    let other =
        with(event.clone(), |event| event.source = "other".into()).with_job(world.job("crm"));
    let refused =
        world.store.add_events(vec![world.event().with_job(world.job("crm")), other]).await;
    expect_eq("other content is refused", refused.is_err(), true)?;
    expect_counts(world, "added", &[(Status::Acknowledged, 1)]).await?;

    let claimed = world.claim_one("crm").await?;
    let done = world.next(&claimed, Status::Succeeded)?;
    world.append(done.clone()).await?;
    world.store.add_transitions(vec![done]).await?;
    let stale = world.next(&claimed, Status::Failed)?;
    expect_eq(
        "a stale one is refused",
        world.store.add_transitions(vec![stale]).await.is_err(),
        true,
    )?;
    expect_counts(world, "moved", &[(Status::Succeeded, 1)]).await
}

async fn changes_are_counted(world: &World) -> Outcome {
    let claimed = world.claimed_job("crm").await?;
    let event = claimed.event_id.ok_or_else(|| Failure::new("a stored job has its event"))?;
    let change = Change::new(world.next(&claimed, Status::Succeeded)?)
        .with_job(world.job("crm").with_event_id(event))
        .with_event(world.event().with_job(world.job("crm")));
    let stale = Change::new(with(world.next(&claimed, Status::Failed)?, |next| {
        next.job_id = Some(claimed.id);
    }))
    .with_job(world.job("crm").with_event_id(event));
    world.store.apply(vec![change.clone()]).await?;
    world.store.apply(vec![stale]).await?;
    world.store.apply(vec![change]).await?;
    let expected = [(Status::Succeeded, 1), (Status::Awaiting, 1), (Status::Acknowledged, 1)];
    expect_counts(world, "applied, stale, and sent again", &expected).await
}

async fn a_large_batch_is_counted_exactly(world: &World) -> Outcome {
    world.stored_jobs("crm", 2_500).await?;
    let claimed = world.claim("crm", 1_700).await?;
    let ends = claimed.iter().take(1_200).enumerate().map(|(index, job)| {
        let status = if index % 3 == 0 { Status::Failed } else { Status::Succeeded };
        world.next(job, status)
    });
    let ends = ends.collect::<Outcome<Vec<_>>>()?;
    world.store.add_transitions(ends).await?;
    let expected = [
        (Status::Acknowledged, 800),
        (Status::Executing, 500),
        (Status::Succeeded, 800),
        (Status::Failed, 400),
    ];
    expect_counts(world, "the counts", &expected).await
}

async fn counts_stay_exact_however_often_they_are_added_up(world: &World) -> Outcome {
    for round in 1..=20 {
        world.job_in("crm", Status::Succeeded).await?;
        world.job_in("crm", Status::Discarded).await?;
        if round % 3 == 0 {
            world.store.maintain().await?;
        }
        let expected = [(Status::Succeeded, round), (Status::Discarded, round)];
        expect_counts(world, &format!("round {round}"), &expected).await?;
    }
    world.advance(Duration::from_hours(2));
    let purged = world.store.purge(PurgeRequest::everything().with_max_events(15)).await?;
    expect_eq("events purged", purged.events, 15)?;
    expect_eq("jobs left", only(world).await?.counts.total(), 25)?;
    world.store.maintain().await?;
    expect_eq("jobs left, added up", only(world).await?.counts.total(), 25)
}

async fn the_earliest_due_is_the_least_place_of_the_waiting(world: &World) -> Outcome {
    let start = world.now();
    let seconds = Duration::from_secs;
    world.stored_job_at("crm", start + seconds(90)).await?;
    expect_due(world, "one in the future", None).await?;
    world.advance(seconds(10));
    world.stored_job_at("crm", start + seconds(30)).await?;
    world.advance(seconds(10));
    world.stored_job("crm").await?;
    expect_due(world, "one of now", Some(start + seconds(20))).await?;
    world.advance(seconds(40));
    world.stored_job("crm").await?;
    expect_due(world, "later ones do not hide it", Some(start + seconds(20))).await?;

    world.claim_one("crm").await?;
    expect_due(world, "the first is claimed", Some(start + seconds(30))).await?;
    world.claim_one("crm").await?;
    expect_due(world, "the second is claimed", Some(start + seconds(60))).await?;
    world.claim_one("crm").await?;
    expect_due(world, "one in the future is left", None).await
}

async fn a_job_is_due_from_its_run_at_on(world: &World) -> Outcome {
    let run_at = world.now() + Duration::from_mins(1);
    world.stored_job_at("crm", run_at).await?;
    world.set_clock(run_at - Duration::from_micros(1));
    expect_due(world, "a microsecond before", None).await?;
    world.set_clock(run_at);
    expect_due(world, "exactly then", Some(run_at)).await?;
    let claimed = world.claim_one("crm").await?;
    let again = run_at + Duration::from_secs(5);
    world.append(world.next(&claimed, Status::Failed)?.with_run_at(again)).await?;
    expect_due(world, "a retry in the future", None).await?;
    world.set_clock(again + Duration::from_secs(1));
    expect_due(world, "a retry that is due", Some(again)).await
}

async fn a_run_at_in_the_past_counts_from_when_it_was_stored(world: &World) -> Outcome {
    let stored_at = world.now();
    world.stored_job_at("crm", stored_at - Duration::from_hours(1_000)).await?;
    expect_due(world, "stored with an old run_at", Some(stored_at)).await?;
    world.advance(Duration::from_secs(7));
    let claimed = world.claim_one("crm").await?;
    let past = stored_at - Duration::from_hours(1);
    world.append(world.next(&claimed, Status::Failed)?.with_run_at(past)).await?;
    expect_due(world, "failed with an old run_at", Some(world.now())).await
}

async fn executing_and_finished_jobs_are_not_due(world: &World) -> Outcome {
    for status in [Status::Executing, Status::Succeeded, Status::Discarded] {
        world.job_in("crm", status).await?;
    }
    world.advance(Duration::from_secs(10));
    expect_due(world, "executing and finished ones", None).await?;
    for status in Status::ALL.into_iter().filter(|status| status.is_waiting()) {
        let stored_at = world.now();
        let job = world.job_in("crm", status).await?;
        expect_due(world, status.as_str(), Some(stored_at)).await?;
        world.moved(&job, Status::Discarded).await?;
        expect_due(world, "discarded", None).await?;
        world.advance(Duration::from_secs(1));
    }
    Ok(())
}

async fn pauses_change_nothing(world: &World) -> Outcome {
    world.stored_job("crm").await?;
    let before = world.store.stats().await?;
    let id = || world.toolkit.pause_id();
    world.store.pause(Pause::new(id(), "crm", WORKER)).await?;
    world.store.pause(Pause::new(id(), "crm", WORKER).with_action("upsert")).await?;
    world.store.pause(Pause::new(id(), "nowhere", WORKER)).await?;
    expect_eq("the queues", world.store.stats().await?, before)
}

async fn a_queue_whose_jobs_are_all_gone_is_absent(world: &World) -> Outcome {
    world.stored_job("erp").await?;
    world.job_in("crm", Status::Succeeded).await?;
    expect_eq("queues", world.store.stats().await?.len(), 2)?;
    world.store.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("the one that is left", only(world).await?.destination.as_str(), "erp")?;
    world.store.maintain().await?;
    expect_eq("also when added up", only(world).await?.destination.as_str(), "erp")?;
    world.stored_job("crm").await?;
    expect_eq("when it has jobs again", world.store.stats().await?.len(), 2)
}
