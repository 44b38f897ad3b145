//! What is purged, what is left alone, and what stays behind.

pub(super) mod volume;

use std::time::Duration;

use blacksmith_store_core::{
    Change, ChangeOutcome, ErrorKind, Event, EventId, ExpireRequest, ExtendRequest, JobId,
    PURGE_SPARES, PurgeRequest, Purged, Status, Token, WhereEvents, WhereJobs, WhereTransitions,
    never,
};

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq, expect_error, expect_names},
    world::{LEASE, WORKER, World, instant, latest, token, with},
};

family! {
    "purge";
    an_event_is_gone_with_its_jobs_and_transitions,
    only_what_matches_goes,
    an_event_without_jobs_goes,
    unfinished_events_are_left_and_counted,
    included_unfinished_events_go_unless_a_job_executes,
    one_unfinished_job_among_finished_ones_is_enough,
    recent_events_are_left_and_counted,
    an_event_of_an_hour_ago_is_not_recent,
    an_event_from_the_future_is_recent,
    an_event_that_is_unfinished_and_recent_counts_as_unfinished,
    including_one_reason_does_not_include_the_other,
    everything_must_be_asked_for,
    an_id_beside_other_constraints_is_refused,
    an_event_is_purged_by_its_id,
    an_event_is_purged_by_the_id_of_its_job,
    both_ids_must_belong_together,
    one_failed_job_spares_its_event_from_a_negative,
    one_matching_job_takes_its_whole_event_along,
    only_a_jobs_latest_state_counts,
    older_than_compares_the_instant_of_ingestion,
    older_than_needs_no_other_constraint,
    older_than_time_itself_is_nothing,
    at_most_so_many_events_go,
    an_offset_and_a_limit_do_not_apply,
    children_stay_and_dangle,
    what_is_gone_takes_no_outcome,
    a_purged_job_is_never_claimed,
    live_claims_stay_live,
    stats_lose_what_is_gone,
    a_purged_event_may_be_added_again,
    a_second_purge_finds_nothing,
}

/// What went: events, jobs, transitions.
fn gone(purged: Purged) -> (u64, u64, u64) {
    (purged.events, purged.jobs, purged.transitions)
}

/// What was left: unfinished, recent.
fn left(purged: Purged) -> (u64, u64) {
    (purged.left_unfinished, purged.left_recent)
}

/// A request for what comes from a source, recent events included.
fn of_source(source: &str) -> PurgeRequest {
    PurgeRequest::new(WhereEvents::default().with_sources_in([source])).with_recent()
}

/// A request for events whose jobs have such latest transitions, recent events included.
fn of_status(filter: WhereTransitions) -> PurgeRequest {
    let jobs = WhereJobs::default().with_transitions(filter);
    PurgeRequest::new(WhereEvents::default().with_jobs(jobs)).with_recent()
}

/// Stores an event all of whose jobs are discarded at once.
async fn finished(world: &World, event: Event) -> Outcome<EventId> {
    let id = event.id;
    world.store.add_events(vec![event]).await?;
    for job in world.store.find_event(id).await?.jobs {
        world.moved(&job, Status::Discarded).await?;
    }
    Ok(id)
}

/// Fails unless the event is not stored any more.
async fn expect_gone(world: &World, id: EventId) -> Outcome {
    let error =
        expect_error("a purged event", world.store.find_event(id).await, ErrorKind::NotFound)?;
    expect_names(&error, [id])
}

/// Fails unless exactly these events are stored.
async fn expect_stored(world: &World, what: &str, mut ids: Vec<EventId>) -> Outcome {
    let stored = world.contents().await?.events.iter().map(|event| event.id).collect::<Vec<_>>();
    ids.sort_unstable();
    expect_eq(format!("{what}: the events that are left"), stored, ids)
}

async fn an_event_is_gone_with_its_jobs_and_transitions(world: &World) -> Outcome {
    let job = world.job_in("crm", Status::Succeeded).await?;
    let event = job.event_id.ok_or_else(|| Failure::new("a stored job has its event"))?;
    let history = world.history(job.id).await?;
    world.store.add_jobs(vec![world.job("erp").with_event_id(event)]).await?;
    let erp = world.claim_one("erp").await?;
    world.moved(&erp, Status::Discarded).await?;

    let purged = world.store.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("counts", gone(purged), (1, 2, 6))?;
    expect_eq("left", (left(purged), purged.more), ((0, 0), false))?;
    expect_gone(world, event).await?;
    for id in [job.id, erp.id] {
        let error = expect_error("its job", world.store.find_job(id).await, ErrorKind::NotFound)?;
        expect_names(&error, [id])?;
    }
    for transition in history {
        let found = world.store.find_transition(transition.id).await;
        let error = expect_error("its job's transition", found, ErrorKind::NotFound)?;
        expect_names(&error, [transition.id])?;
    }
    for filter in
        [WhereEvents::default(), WhereEvents::of_event(event), WhereEvents::of_job(job.id)]
    {
        let events = world.store.find_events(filter.clone()).await?;
        expect_eq("events", (events.entries, events.meta.count), (vec![], Some(0)))?;
        let jobs = world.store.find_jobs(filter.clone()).await?;
        expect_eq("jobs", (jobs.entries, jobs.meta.count), (vec![], Some(0)))?;
        let transitions = world.store.find_transitions(filter).await?;
        expect_eq("transitions", (transitions.entries, transitions.meta.count), (vec![], Some(0)))?;
    }
    Ok(())
}

async fn only_what_matches_goes(world: &World) -> Outcome {
    let from = |source: &str| {
        with(world.event().with_job(world.job("crm")), |event| event.source = source.into())
    };
    let spared = finished(world, from("shop")).await?;
    let matching = finished(world, from("github")).await?;
    let also_spared = finished(world, from("shop")).await?;

    let purged = world.store.purge(of_source("github")).await?;
    expect_eq("what went", gone(purged), (1, 1, 2))?;
    expect_eq("what does not match is not counted as left", left(purged), (0, 0))?;
    expect_gone(world, matching).await?;
    expect_stored(world, "the others", vec![spared, also_spared]).await
}

async fn an_event_without_jobs_goes(world: &World) -> Outcome {
    world.store.add_events(vec![world.event()]).await?;
    let purged = world.store.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("what went", (gone(purged), left(purged)), ((1, 0, 0), (0, 0)))
}

async fn unfinished_events_are_left_and_counted(world: &World) -> Outcome {
    let mut unfinished = Vec::new();
    for status in Status::ALL {
        let job = world.job_in(status.as_str(), status).await?;
        if !status.is_finished() {
            unfinished.extend(job.event_id);
        }
    }
    let purged = world.store.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("succeeded and discarded ones went", gone(purged), (2, 2, 6))?;
    expect_eq("the others are left", left(purged), (5, 0))?;
    ensure!(!purged.more, "everything was looked at, and yet there is said to be more");
    expect_stored(world, "the unfinished", unfinished).await
}

async fn included_unfinished_events_go_unless_a_job_executes(world: &World) -> Outcome {
    let mut executing = Vec::new();
    for status in Status::ALL {
        let job = world.job_in(status.as_str(), status).await?;
        if status == Status::Executing {
            executing.extend(job.event_id);
        }
    }
    let request = PurgeRequest::everything().with_recent().with_unfinished();
    let purged = world.store.purge(request).await?;
    expect_eq("events and jobs that went", (purged.events, purged.jobs), (6, 6))?;
    expect_eq("the executing one is left", left(purged), (1, 0))?;
    expect_stored(world, "the executing one", executing).await
}

async fn one_unfinished_job_among_finished_ones_is_enough(world: &World) -> Outcome {
    let event =
        finished(world, world.event().with_job(world.job("crm")).with_job(world.job("erp")))
            .await?;
    world.store.add_jobs(vec![world.job("late").with_event_id(event)]).await?;
    let request = PurgeRequest::everything().with_recent();
    let purged = world.store.purge(request.clone()).await?;
    expect_eq("with a waiting job", (gone(purged), left(purged)), ((0, 0, 0), (1, 0)))?;

    let late = world.claim_one("late").await?;
    let purged = world.store.purge(request.clone().with_unfinished()).await?;
    expect_eq("with an executing job", (gone(purged), left(purged)), ((0, 0, 0), (1, 0)))?;

    world.moved(&late, Status::Succeeded).await?;
    expect_eq("finished", gone(world.store.purge(request).await?), (1, 3, 7))
}

async fn recent_events_are_left_and_counted(world: &World) -> Outcome {
    let old = finished(world, world.event().with_job(world.job("crm"))).await?;
    world.advance(PURGE_SPARES);
    let recent = finished(world, world.event().with_job(world.job("crm"))).await?;

    let purged = world.store.purge(PurgeRequest::everything()).await?;
    expect_eq("what went and what is left", (gone(purged), left(purged)), ((1, 1, 2), (0, 1)))?;
    expect_gone(world, old).await?;
    expect_stored(world, "the recent one", vec![recent]).await?;
    let purged = world.store.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("with recent ones", (gone(purged), left(purged)), ((1, 1, 2), (0, 0)))
}

/// The instant of ingestion counts, whatever the event's other times say.
async fn an_event_of_an_hour_ago_is_not_recent(world: &World) -> Outcome {
    let event = with(world.event(), |event| {
        event.received_at = Some(instant("2020-01-01T00:00:00Z"));
        event.sent_at = event.received_at;
    });
    world.store.add_events(vec![event]).await?;
    world.advance_almost(PURGE_SPARES);
    let purged = world.store.purge(PurgeRequest::everything()).await?;
    expect_eq("a microsecond before", (gone(purged), left(purged)), ((0, 0, 0), (0, 1)))?;
    world.advance(Duration::from_micros(1));
    let purged = world.store.purge(PurgeRequest::everything()).await?;
    expect_eq("after an hour", (gone(purged), left(purged)), ((1, 0, 0), (0, 0)))
}

async fn an_event_from_the_future_is_recent(world: &World) -> Outcome {
    world.store.add_events(vec![world.event()]).await?;
    world.set_clock(world.now() - Duration::from_hours(2));
    let purged = world.store.purge(PurgeRequest::everything()).await?;
    expect_eq("when the clock went back", (gone(purged), left(purged)), ((0, 0, 0), (0, 1)))?;
    let request = PurgeRequest::everything().with_older_than(Duration::from_micros(1));
    let purged = world.store.purge(request.with_recent()).await?;
    expect_eq("no age is negative", (gone(purged), left(purged)), ((0, 0, 0), (0, 0)))
}

async fn an_event_that_is_unfinished_and_recent_counts_as_unfinished(world: &World) -> Outcome {
    world.stored_job("crm").await?;
    let purged = world.store.purge(PurgeRequest::everything()).await?;
    expect_eq("what is left", (gone(purged), left(purged)), ((0, 0, 0), (1, 0)))
}

async fn including_one_reason_does_not_include_the_other(world: &World) -> Outcome {
    world.stored_job("crm").await?;
    world.claimed_job("erp").await?;
    finished(world, world.event()).await?;
    let purged = world.store.purge(PurgeRequest::everything().with_unfinished()).await?;
    expect_eq("recent ones are left", (gone(purged), left(purged)), ((0, 0, 0), (1, 2)))?;
    world.advance(PURGE_SPARES);
    let purged = world.store.purge(PurgeRequest::everything()).await?;
    expect_eq("unfinished ones are left", (gone(purged), left(purged)), ((1, 0, 0), (2, 0)))
}

async fn everything_must_be_asked_for(world: &World) -> Outcome {
    finished(world, world.event()).await?;
    let nothing = WhereEvents::default;
    let filters = [
        nothing(),
        nothing().with_limit(5).with_offset(1),
        nothing().with_jobs(WhereJobs::default()),
        nothing().with_jobs(WhereJobs::default().with_transitions(WhereTransitions::default())),
        with(nothing(), |filter| filter.created_after = Some(never())),
    ];
    for filter in filters {
        let what = format!("a purge with {filter:?}");
        let request = PurgeRequest::new(filter).with_recent().with_unfinished().with_max_events(1);
        expect_error(what, world.store.purge(request).await, ErrorKind::InvalidInput)?;
    }
    expect_eq("events", world.contents().await?.events.len(), 1)?;
    let purged = world.store.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("asked for", gone(purged), (1, 0, 0))
}

async fn an_id_beside_other_constraints_is_refused(world: &World) -> Outcome {
    let event = finished(world, world.event().with_job(world.job("crm"))).await?;
    let job = world.store.find_event(event).await?.jobs[0].id;
    for by_id in [WhereEvents::of_event(event), WhereEvents::of_job(job)] {
        let beside_jobs = |set: fn(&mut WhereJobs)| {
            with(by_id.clone(), |filter| filter.jobs.iter_mut().for_each(set))
        };
        let requests = [
            PurgeRequest::new(by_id.clone().with_sources_in(["github"])),
            PurgeRequest::new(beside_jobs(|jobs| jobs.destinations_notin = vec!["erp".into()])),
            PurgeRequest::new(beside_jobs(|jobs| {
                let transitions = jobs.transitions.clone().unwrap_or_default();
                jobs.transitions = Some(transitions.with_max_attempts(0));
            })),
            PurgeRequest::new(by_id.clone()).with_older_than(Duration::from_secs(1)),
        ];
        for request in requests {
            let what = format!("a purge with {request:?}");
            let purged = world.store.purge(request.with_recent()).await;
            expect_error(what, purged, ErrorKind::InvalidInput)?;
        }
    }
    expect_stored(world, "nothing went", vec![event]).await
}

async fn an_event_is_purged_by_its_id(world: &World) -> Outcome {
    let spared = finished(world, world.event().with_job(world.job("crm"))).await?;
    let event = finished(world, world.event().with_job(world.job("crm"))).await?;
    let request = PurgeRequest::new(WhereEvents::of_event(event));
    let purged = world.store.purge(request.clone()).await?;
    expect_eq("recent", (gone(purged), left(purged)), ((0, 0, 0), (0, 1)))?;
    let purged = world.store.purge(request.clone().with_recent()).await?;
    expect_eq("with recent ones", (gone(purged), left(purged)), ((1, 1, 2), (0, 0)))?;
    expect_stored(world, "the other one", vec![spared]).await?;
    let purged = world.store.purge(request.with_recent()).await?;
    expect_eq("an id that is not stored", (gone(purged), left(purged)), ((0, 0, 0), (0, 0)))
}

async fn an_event_is_purged_by_the_id_of_its_job(world: &World) -> Outcome {
    let spared = finished(world, world.event().with_job(world.job("crm"))).await?;
    let event = world.event().with_job(world.job("crm")).with_job(world.job("erp"));
    let request = |job| PurgeRequest::new(WhereEvents::of_job(job)).with_recent();
    finished(world, event.clone()).await?;

    let purged = world.store.purge(request(event.jobs[1].id)).await?;
    expect_eq("the event with all its jobs", (gone(purged), left(purged)), ((1, 2, 4), (0, 0)))?;
    expect_stored(world, "the other one", vec![spared]).await?;
    let purged = world.store.purge(request(world.toolkit.job_id())).await?;
    expect_eq("an id that is not stored", (gone(purged), left(purged)), ((0, 0, 0), (0, 0)))
}

async fn both_ids_must_belong_together(world: &World) -> Outcome {
    let event = finished(world, world.event().with_job(world.job("crm"))).await?;
    let other = finished(world, world.event().with_job(world.job("crm"))).await?;
    let job = world.store.find_event(event).await?.jobs[0].id;
    let request = |event: EventId, job: JobId| {
        let filter = with(WhereEvents::of_job(job), |filter| {
            filter.jobs.iter_mut().for_each(|jobs| jobs.event_id = Some(event));
        });
        PurgeRequest::new(filter).with_recent()
    };
    let purged = world.store.purge(request(other, job)).await?;
    expect_eq("of another event", (gone(purged), left(purged)), ((0, 0, 0), (0, 0)))?;
    let purged = world.store.purge(request(event, job)).await?;
    expect_eq("of this event", gone(purged), (1, 1, 2))?;
    expect_stored(world, "the other one", vec![other]).await
}

/// That is what makes policies safe: an event goes when NO job of it is what the policy spares.
async fn one_failed_job_spares_its_event_from_a_negative(world: &World) -> Outcome {
    let mixed = world.event().with_job(world.job("fails")).with_job(world.job("works"));
    let clean = world.event().with_job(world.job("works"));
    let empty = world.event();
    world.store.add_events(vec![mixed.clone(), clean.clone(), empty.clone()]).await?;
    let failing = world.claim_one("fails").await?;
    world.moved(&failing, Status::Failed).await?;
    for job in world.claim("works", 10).await? {
        world.moved(&job, Status::Succeeded).await?;
    }
    let filter = WhereTransitions::default().with_status_notin([Status::Failed]);
    let purged = world.store.purge(of_status(filter).with_unfinished()).await?;
    expect_eq("what went", (gone(purged), left(purged)), ((2, 1, 3), (0, 0)))?;
    expect_stored(world, "the one that failed somewhere", vec![mixed.id]).await
}

async fn one_matching_job_takes_its_whole_event_along(world: &World) -> Outcome {
    let event =
        finished(world, world.event().with_job(world.job("crm")).with_job(world.job("erp")))
            .await?;
    let spared = finished(world, world.event().with_job(world.job("erp"))).await?;
    let jobs = WhereJobs::default().with_destinations_in(["crm"]);
    let request = PurgeRequest::new(WhereEvents::default().with_jobs(jobs)).with_recent();
    expect_eq("what went", gone(world.store.purge(request).await?), (1, 2, 4))?;
    expect_gone(world, event).await?;
    expect_stored(world, "the event without such a job", vec![spared]).await
}

async fn only_a_jobs_latest_state_counts(world: &World) -> Outcome {
    let failed = world.job_in("crm", Status::Failed).await?;
    let again = world.claim_one("crm").await?;
    expect_eq("the failed job is claimed again", again.id, failed.id)?;
    let done = world.moved(&again, Status::Succeeded).await?;

    for status in [Status::Acknowledged, Status::Executing, Status::Failed] {
        let filter = WhereTransitions::default().with_status_in([status]);
        let purged = world.store.purge(of_status(filter)).await?;
        let what = format!("a job that was once {status}");
        expect_eq(what, (gone(purged), left(purged)), ((0, 0, 0), (0, 0)))?;
    }
    let filter =
        WhereTransitions::default().with_status_notin([Status::Failed]).with_min_attempts(2);
    let purged = world.store.purge(of_status(filter)).await?;
    expect_eq("what went", gone(purged), (1, 1, latest(&done)?.sequence.unwrap_or(0) + 1))
}

async fn older_than_compares_the_instant_of_ingestion(world: &World) -> Outcome {
    const AGE: Duration = Duration::from_hours(48);
    let old = with(world.event(), |event| event.received_at = Some(world.now() + AGE));
    world.store.add_events(vec![old.clone()]).await?;
    world.advance(Duration::from_micros(1));
    let young = with(world.event(), |event| event.received_at = Some(world.now() - AGE));
    world.store.add_events(vec![young.clone()]).await?;

    world.set_clock(world.now() + AGE - Duration::from_micros(2));
    let request =
        PurgeRequest::new(WhereEvents::default().with_sources_in(["github"])).with_older_than(AGE);
    let purged = world.store.purge(request.clone()).await?;
    expect_eq("just before", (gone(purged), left(purged)), ((0, 0, 0), (0, 0)))?;
    world.advance(Duration::from_micros(1));
    let purged = world.store.purge(request).await?;
    expect_eq("exactly that old", (gone(purged), left(purged)), ((1, 0, 0), (0, 0)))?;
    expect_stored(world, "the younger one", vec![young.id]).await
}

async fn older_than_needs_no_other_constraint(world: &World) -> Outcome {
    finished(world, world.event()).await?;
    world.advance(Duration::from_hours(3));
    finished(world, world.event()).await?;
    let request =
        PurgeRequest::new(WhereEvents::default()).with_older_than(Duration::from_hours(2));
    let purged = world.store.purge(request).await?;
    expect_eq("what went", (gone(purged), left(purged)), ((1, 0, 0), (0, 0)))
}

async fn older_than_time_itself_is_nothing(world: &World) -> Outcome {
    finished(world, world.event()).await?;
    for age in [Duration::from_hours(24 * 366 * 3_000), Duration::MAX] {
        let request = PurgeRequest::everything().with_recent().with_older_than(age);
        let purged = world.store.purge(request).await?;
        expect_eq("what went", (gone(purged), left(purged)), ((0, 0, 0), (0, 0)))?;
    }
    Ok(())
}

async fn at_most_so_many_events_go(world: &World) -> Outcome {
    for _ in 0..7 {
        finished(world, world.event().with_job(world.job("crm"))).await?;
    }
    let at_most = |max| PurgeRequest::everything().with_recent().with_max_events(max);
    for (max, goes, more) in
        [(0, 0, true), (3, 3, true), (2, 2, true), (5, 2, false), (5, 0, false)]
    {
        let purged = world.store.purge(at_most(max)).await?;
        let answer = (gone(purged), purged.more);
        expect_eq(format!("at most {max}"), answer, ((goes, goes, 2 * goes), more))?;
    }
    Ok(())
}

async fn an_offset_and_a_limit_do_not_apply(world: &World) -> Outcome {
    let events = (0..5).map(|_| world.event()).collect();
    world.store.add_events(events).await?;
    let filter = WhereEvents::default().with_sources_in(["github"]).with_limit(1).with_offset(3);
    let purged = world.store.purge(PurgeRequest::new(filter).with_recent()).await?;
    expect_eq("what went", (gone(purged), purged.more), ((5, 0, 0), false))
}

async fn children_stay_and_dangle(world: &World) -> Outcome {
    let parent = finished(world, world.event().with_job(world.job("crm"))).await?;
    let parent_job = world.store.find_event(parent).await?.jobs[0].id;
    let job = with(world.job("erp"), |job| job.parent_job_id = Some(parent_job));
    let child = with(world.event().with_job(job), |event| {
        event.parent_event_id = Some(parent);
        event.source = "child".into();
    });
    finished(world, child.clone()).await?;

    let before = world.store.find_event(child.id).await?;
    expect_eq("what went", gone(world.store.purge(of_source("github")).await?), (1, 1, 2))?;
    let after = world.store.find_event(child.id).await?;
    expect_eq("the child", &after, &before)?;
    expect_eq("its parent", after.parent_event_id, Some(parent))?;
    expect_eq("its job's parent", after.jobs[0].parent_job_id, Some(parent_job))
}

async fn what_is_gone_takes_no_outcome(world: &World) -> Outcome {
    let job = world.stored_job("crm").await?;
    let event = job.event_id.ok_or_else(|| Failure::new("a stored job has its event"))?;
    let request = PurgeRequest::everything().with_recent().with_unfinished();
    world.store.purge(request).await?;

    let late = world.next(&job, Status::Discarded)?;
    let refused = world.store.add_transitions(vec![late.clone()]).await;
    let error = expect_error("a transition", refused, ErrorKind::NotFound)?;
    expect_names(&error, [job.id])?;
    let outcomes = world.store.apply(vec![Change::new(late)]).await?;
    expect_eq("a change", outcomes, vec![ChangeOutcome::Gone])?;
    let refused = world.store.add_jobs(vec![world.job("crm").with_event_id(event)]).await;
    let error = expect_error("a job more", refused, ErrorKind::NotFound)?;
    expect_names(&error, [event])
}

async fn a_purged_job_is_never_claimed(world: &World) -> Outcome {
    world.stored_job("crm").await?;
    world.stored_job_at("crm", world.now() + Duration::from_mins(1)).await?;
    world.store.purge(PurgeRequest::everything().with_recent().with_unfinished()).await?;
    world.advance(Duration::from_mins(1));
    expect_eq("jobs claimed", world.claim("crm", 10).await?.len(), 0)?;
    let stored = world.stored_job("crm").await?;
    let claimed = world.claim("crm", 10).await?;
    let claimed: Vec<_> = claimed.iter().map(|job| job.id).collect();
    expect_eq("a job that came later", claimed, vec![stored.id])
}

async fn live_claims_stay_live(world: &World) -> Outcome {
    let kept = world.claimed_job("crm").await?;
    for _ in 0..3 {
        world.job_in("crm", Status::Succeeded).await?;
    }
    let purged =
        world.store.purge(PurgeRequest::everything().with_recent().with_unfinished()).await?;
    expect_eq("what went and what is left", (gone(purged), left(purged)), ((3, 3, 9), (1, 0)))?;

    let request = ExtendRequest::new(WORKER, LEASE, [token(&kept)?]);
    let extended = world.store.extend_leases(request).await?;
    expect_eq("the token", extended.tokens, vec![Token::Kept])?;
    expect_eq("other claims", extended.others.events, vec![])?;
    world.advance(LEASE);
    let expired = world.store.expire_leases(ExpireRequest::new("sweeper", 10)).await?;
    expect_eq("claims that ended", expired, 1)?;
    expect_eq("its state", world.store.find_job(kept.id).await?.status(), Some(Status::Unknown))
}

async fn stats_lose_what_is_gone(world: &World) -> Outcome {
    for status in [Status::Succeeded, Status::Discarded, Status::Failed] {
        world.job_in("crm", status).await?;
    }
    world.job_in("erp", Status::Succeeded).await?;
    world.store.purge(PurgeRequest::everything().with_recent()).await?;
    let stats = world.store.stats().await?;
    expect_eq("a queue without jobs is none", stats.len(), 1)?;
    let counts = stats[0].counts;
    expect_eq("what is left", (counts.failed, counts.total()), (1, 1))
}

async fn a_purged_event_may_be_added_again(world: &World) -> Outcome {
    let job =
        with(world.job("crm"), |job| job.transition = Some(world.first(Status::Acknowledged)));
    let event = world.event().with_data("first").with_job(job.clone());
    finished(world, event.clone()).await?;
    world.store.purge(PurgeRequest::everything().with_recent()).await?;

    // Also with other content: nothing of the first one is remembered.
    let again = event.with_data("second");
    let added = world.store.add_events(vec![again.clone()]).await?;
    expect_eq(
        "counts",
        (added.events, added.jobs, added.events_known, added.jobs_known),
        (1, 1, 0, 0),
    )?;
    expect_eq("its data", world.store.find_event(again.id).await?.data, again.data)?;
    expect_eq("its history", world.states(job.id).await?, vec![Status::Acknowledged])?;
    expect_eq("its job is due", world.claim_one("crm").await?.id, job.id)
}

async fn a_second_purge_finds_nothing(world: &World) -> Outcome {
    finished(world, world.event().with_job(world.job("crm"))).await?;
    let request = PurgeRequest::everything().with_recent();
    expect_eq("the first", gone(world.store.purge(request.clone()).await?), (1, 1, 2))?;
    expect_eq("the second", world.store.purge(request).await?, Purged::default())
}
