//! Instants: cut to the microsecond, years 1 to 9999, and the caller's clock.

use std::time::Duration;

use blacksmith_store_core::{
    Change, ClaimRequest, ErrorKind, Event, ExpireRequest, Job, Pause, Status, Timestamp,
    Transition, Want, WhereEvents, WhereJobs, due_after_expiry, floor_to_micros, never,
};

use crate::{
    case::{Setter, family},
    failure::{Outcome, ensure, expect_eq, expect_error},
    world::{LEASE, WORKER, World, instant, latest, with},
};

family! {
    "timestamps";
    instants_are_cut_down_to_the_microsecond,
    the_edges_of_the_calendar_are_kept,
    a_year_that_is_none_is_refused,
    a_bound_of_a_filter_in_such_a_year_is_refused,
    gos_zero_time_is_not_set,
    gos_zero_time_bounds_nothing,
    bounds_are_exact_to_the_microsecond,
    the_set_clock_tells_every_instant_of_a_life,
    the_set_clock_counts_microseconds,
    a_life_before_1970,
    no_transition_is_older_than_the_one_before,
    a_job_of_the_far_past_is_due,
    a_job_of_the_far_future_waits,
    a_retry_at_the_end_of_time_waits,
}

/// Instants as they are given and as they are kept.
const CUT: [(&str, &str); 9] = [
    ("2026-01-01T00:00:00.999999999Z", "2026-01-01T00:00:00.999999Z"),
    ("2025-12-31T23:59:59.999999999Z", "2025-12-31T23:59:59.999999Z"),
    ("2026-01-01T00:00:00.000000999Z", "2026-01-01T00:00:00Z"),
    ("2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.000001Z"),
    ("2026-01-01T00:00:00.1234565Z", "2026-01-01T00:00:00.123456Z"),
    ("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999Z"),
    ("1969-12-31T23:59:59.000000001Z", "1969-12-31T23:59:59Z"),
    ("1970-01-01T00:00:00.000000001Z", "1970-01-01T00:00:00Z"),
    ("1066-10-14T09:00:00.000001999Z", "1066-10-14T09:00:00.000001Z"),
];

/// The first and the last instants there are, and days on which calendars differ.
const EDGES: [&str; 10] = [
    "0001-01-01T00:00:00.000001Z",
    "0001-01-01T00:00:01Z",
    "0001-12-31T23:59:59.999999Z",
    "0004-02-29T12:00:00Z",
    "1582-10-10T00:00:00Z",
    "1900-02-28T23:59:59.999999Z",
    "2000-02-29T00:00:00Z",
    "2038-01-19T03:14:08Z",
    "2262-04-11T23:47:16.854776Z",
    "9999-12-31T23:59:59.999999Z",
];

/// Instants just outside of the years 1 to 9999.
fn outside() -> [Timestamp; 3] {
    let microsecond = Duration::from_micros(1);
    [
        never() - microsecond,
        instant("9999-12-31T23:59:59.999999Z") + microsecond,
        Timestamp::MAX_UTC,
    ]
}

/// An event in which every instant that a caller may give is this one.
fn event_at(world: &World, at: Timestamp) -> Event {
    let first = world.first(Status::Acknowledged).with_run_at(at);
    let job = with(world.job("crm").with_transition(first), |job| job.created_at = Some(at));
    with(world.event().with_job(job), |event| {
        event.sent_at = Some(at);
        event.received_at = Some(at);
    })
}

/// Fails unless every instant that was given for [`event_at`] came back as `kept`.
fn expect_event_at(what: &str, event: &Event, kept: Option<Timestamp>) -> Outcome {
    let job = &event.jobs[0];
    let came_back = [event.sent_at, event.received_at, job.created_at, latest(job)?.run_at];
    expect_eq(format!("{what}: sent_at, received_at, created_at, run_at"), came_back, [kept; 4])
}

async fn expect_kept(world: &World, given: Timestamp, kept: Timestamp) -> Outcome {
    let event = event_at(world, given);
    world.store.add_events(vec![event.clone()]).await?;
    let found = world.store.find_event(event.id).await?;
    expect_event_at(&given.to_rfc3339(), &found, Some(kept))?;
    let retry = world.next(&found.jobs[0], Status::Awaiting)?.with_run_at(given);
    world.append(retry.clone()).await?;
    let found = world.store.find_transition(retry.id).await?;
    expect_eq(format!("{given}: run_at of a following transition"), found.run_at, Some(kept))
}

async fn instants_are_cut_down_to_the_microsecond(world: &World) -> Outcome {
    for (given, kept) in CUT {
        expect_kept(world, instant(given), instant(kept)).await?;
    }
    Ok(())
}

async fn the_edges_of_the_calendar_are_kept(world: &World) -> Outcome {
    for edge in EDGES {
        expect_kept(world, instant(edge), instant(edge)).await?;
    }
    let last = instant("9999-12-31T23:59:59.999999999Z");
    expect_kept(world, last, floor_to_micros(last)).await
}

async fn a_year_that_is_none_is_refused(world: &World) -> Outcome {
    let job = world.stored_job("crm").await?;
    let before = world.contents().await?;
    for at in outside() {
        let event = |set: fn(&mut Event, Timestamp)| with(world.event(), |event| set(event, at));
        let created = with(world.job("crm"), |job| job.created_at = Some(at));
        let first = world.first(Status::Acknowledged).with_run_at(at);
        let scheduled = world.job("crm").with_transition(first);
        let additions = [
            ("sent_at", event(|event, at| event.sent_at = Some(at))),
            ("received_at", event(|event, at| event.received_at = Some(at))),
            ("created_at", world.event().with_job(created)),
            ("run_at", world.event().with_job(scheduled)),
        ];
        for (member, event) in additions {
            let what = format!("{member} {at}");
            let refused = world.store.add_events(vec![world.event(), event]).await;
            let error = expect_error(what, refused, ErrorKind::InvalidInput)?;
            ensure!(error.message().contains(member), "the error does not name {member}: {error}");
        }
        let retry = world.next(&job, Status::Awaiting)?.with_run_at(at);
        let refused = world.store.add_transitions(vec![retry.clone()]).await;
        let error = expect_error(format!("run_at {at}"), refused, ErrorKind::InvalidInput)?;
        ensure!(error.message().contains("run_at"), "the error does not name run_at: {error}");
        let refused = world.store.apply(vec![Change::new(retry)]).await;
        expect_error(format!("run_at {at} in a change"), refused, ErrorKind::InvalidInput)?;
    }
    world.expect_unchanged("refused instants", &before).await
}

async fn a_bound_of_a_filter_in_such_a_year_is_refused(world: &World) -> Outcome {
    for at in outside() {
        let bounds: [Setter<WhereEvents, Timestamp>; 5] = [
            ("created_before", |filter, at| filter.created_before = Some(at)),
            ("created_after", |filter, at| filter.created_after = Some(at)),
            ("received_before", |filter, at| filter.received_before = Some(at)),
            ("received_after", |filter, at| filter.received_after = Some(at)),
            ("jobs.created_after", |filter, at| {
                filter.jobs =
                    Some(with(WhereJobs::default(), |jobs| jobs.created_after = Some(at)));
            }),
        ];
        for (member, set) in bounds {
            let filter = with(WhereEvents::default(), |filter| set(filter, at));
            let refused = world.store.find_events(filter).await;
            let error = expect_error(format!("{member} {at}"), refused, ErrorKind::InvalidInput)?;
            ensure!(error.message().contains(member), "the error does not name {member}: {error}");
        }
    }
    Ok(())
}

async fn gos_zero_time_is_not_set(world: &World) -> Outcome {
    let event = event_at(world, never());
    world.store.add_events(vec![event.clone()]).await?;
    let found = world.store.find_event(event.id).await?;
    expect_eq("sent_at", found.sent_at, None)?;
    expect_eq("received_at", found.received_at, Some(world.now()))?;
    expect_eq("created_at of the job", found.jobs[0].created_at, Some(world.now()))?;
    expect_eq("run_at", latest(&found.jobs[0])?.run_at, None)?;
    let again = with(event, |event| event.sent_at = None);
    let added = world.store.add_events(vec![again]).await?;
    expect_eq("without it, it is known", (added.events_known, added.jobs_known), (1, 1))?;

    let claimed = world.claim_one("crm").await?;
    let failed = world.next(&claimed, Status::Failed)?.with_run_at(never());
    world.append(failed.clone()).await?;
    expect_eq("run_at of a retry", world.store.find_transition(failed.id).await?.run_at, None)
}

async fn gos_zero_time_bounds_nothing(world: &World) -> Outcome {
    world.store.add_events(vec![world.event()]).await?;
    let filter = with(WhereEvents::default(), |filter| filter.created_before = Some(never()));
    let page = world.store.find_events(filter).await?;
    expect_eq("events", page.entries.len(), 1)?;
    let applied = page.meta.constraints.map(|applied| applied.created_before);
    expect_eq("the bound that was applied", applied, Some(None))
}

async fn bounds_are_exact_to_the_microsecond(world: &World) -> Outcome {
    for edge in ["1969-12-31T23:59:59.999999Z", "2026-05-05T05:05:05.000001Z"] {
        let at = instant(edge);
        let microsecond = Duration::from_micros(1);
        let event = with(world.event(), |event| {
            event.received_at = Some(at);
            event.source = edge.into();
        });
        world.store.add_events(vec![event]).await?;
        let of_source = WhereEvents::default().with_sources_in([edge]);
        let after = [(at - microsecond, 1), (at, 0), (at + microsecond, 0)];
        for (bound, expected) in after {
            let filter = with(of_source.clone(), |filter| filter.received_after = Some(bound));
            let found = world.store.find_events(filter).await?.entries.len();
            expect_eq(format!("received {at}, after {bound}"), found, expected)?;
        }
        let before = [(at - microsecond, 0), (at, 0), (at + microsecond, 1)];
        for (bound, expected) in before {
            let filter = with(of_source.clone(), |filter| filter.received_before = Some(bound));
            let found = world.store.find_events(filter).await?.entries.len();
            expect_eq(format!("received {at}, before {bound}"), found, expected)?;
        }
    }
    Ok(())
}

/// Every instant that a store sets is the clock's.
async fn expect_life_by_the_clock(world: &World) -> Outcome {
    let step = Duration::from_micros(1_500_001);
    let event = world.event().with_job(world.job("crm"));
    world.store.add_events(vec![event.clone()]).await?;
    let found = world.store.find_event(event.id).await?;
    let job = &found.jobs[0];
    let set = [found.ingested_at, found.received_at, job.created_at, latest(job)?.created_at];
    expect_eq("of add_events", set, [Some(world.now()); 4])?;

    world.advance(step);
    let added = world.job("late").with_event_id(event.id);
    world.store.add_jobs(vec![added.clone()]).await?;
    let found = world.store.find_job(added.id).await?;
    let set = [found.created_at, latest(&found)?.created_at];
    expect_eq("of add_jobs", set, [Some(world.now()); 2])?;

    world.advance(step);
    let claimed = world.claim_one("crm").await?;
    expect_eq("of claim", latest(&claimed)?.created_at, Some(world.now()))?;

    world.advance(step);
    let child = world.event().with_job(world.job("child"));
    let change = Change::new(world.next(&claimed, Status::Failed)?).with_event(child.clone());
    world.store.apply(vec![change]).await?;
    let failed = world.store.find_job(claimed.id).await?;
    let found = world.store.find_event(child.id).await?;
    let set = [latest(&failed)?.created_at, found.ingested_at, found.jobs[0].created_at];
    expect_eq("of apply", set, [Some(world.now()); 3])?;

    world.advance(step);
    let again = world.claim_one("crm").await?;
    world.advance(LEASE);
    world.store.expire_leases(ExpireRequest::new("sweeper", 10)).await?;
    let found = world.store.find_job(again.id).await?;
    let given_up = latest(&found)?;
    let due = due_after_expiry(world.now(), given_up.attempt);
    expect_eq("of expire_leases", given_up.created_at, Some(world.now()))?;
    expect_eq("when it is due again", given_up.run_at, Some(due))?;

    world.advance(step);
    let discarded = world.moved(&found, Status::Discarded).await?;
    expect_eq("of add_transitions", latest(&discarded)?.created_at, Some(world.now()))?;
    let pause = Pause::new(world.toolkit.pause_id(), "crm", WORKER);
    world.store.pause(pause.clone()).await?;
    let pauses = world.store.pauses().await?;
    expect_eq("of pause", pauses[0].created_at, Some(world.now()))
}

async fn the_set_clock_tells_every_instant_of_a_life(world: &World) -> Outcome {
    world.set_clock(instant("2031-08-05T06:07:08.901234Z"));
    expect_life_by_the_clock(world).await
}

async fn a_life_before_1970(world: &World) -> Outcome {
    world.set_clock(instant("1969-12-31T23:59:30.999999Z"));
    expect_life_by_the_clock(world).await
}

async fn the_set_clock_counts_microseconds(world: &World) -> Outcome {
    let run_at = world.now() + Duration::from_micros(3);
    let job = world.stored_job_at("crm", run_at).await?;
    for _ in 0..3 {
        expect_eq("before its time", world.claim("crm", 1).await?.len(), 0)?;
        world.advance(Duration::from_micros(1));
    }
    expect_eq("at its time", world.claim_one("crm").await?.id, job.id)
}

/// A clock that goes back does not turn a history around.
async fn no_transition_is_older_than_the_one_before(world: &World) -> Outcome {
    let start = world.now();
    let expect_at_start = |what: &'static str, transition: &Transition| {
        expect_eq(what, transition.created_at, Some(start))
    };
    let waiting = world.stored_job("waiting").await?;
    let executing = world.claimed_job("executing").await?;
    let changed = world.claimed_job("changed").await?;

    world.set_clock(start - Duration::from_hours(1));
    let waiting = world.moved(&waiting, Status::Discarded).await?;
    expect_at_start("a discarded job", latest(&waiting)?)?;
    let waiting = world.moved(&waiting, Status::Awaiting).await?;
    expect_at_start("the same, asked for again", latest(&waiting)?)?;
    let executing = world.moved(&executing, Status::Failed).await?;
    expect_at_start("an outcome", latest(&executing)?)?;
    world.store.apply(vec![Change::new(world.next(&changed, Status::Succeeded)?)]).await?;
    expect_at_start("a change", latest(&world.store.find_job(changed.id).await?)?)?;

    world.set_clock(start + Duration::from_secs(1));
    let later = world.moved(&waiting, Status::Discarded).await?;
    expect_eq("when it caught up", latest(&later)?.created_at, Some(world.now()))
}

async fn a_job_of_the_far_past_is_due(world: &World) -> Outcome {
    let mut stored: Vec<Job> = Vec::new();
    for edge in EDGES.into_iter().map(instant).filter(|edge| *edge < world.now()) {
        stored.push(world.stored_job_at("crm", edge).await?);
    }
    stored.push(world.stored_job("crm").await?);
    // None of them was due before it was stored: the order is that of their ids.
    let claimed: Vec<_> = world.claim("crm", 100).await?.iter().map(|job| job.id).collect();
    let stored: Vec<_> = stored.iter().map(|job| job.id).collect();
    expect_eq("jobs claimed", claimed, stored)
}

async fn a_job_of_the_far_future_waits(world: &World) -> Outcome {
    let future = EDGES.into_iter().map(instant).filter(|edge| *edge > world.now());
    for edge in future.collect::<Vec<_>>().into_iter().rev() {
        world.stored_job_at("crm", edge).await?;
        let request = ClaimRequest::new(WORKER, LEASE, [Want::destination("crm", 10)]);
        let claimed = world.store.claim(request).await?;
        expect_eq("events claimed", claimed.queue.events.len(), 0)?;
        expect_eq("the next is due", claimed.next_due, Some(edge))?;
    }
    world.set_clock(instant(EDGES[7]));
    expect_eq("jobs claimed in 2038", world.claim("crm", 10).await?.len(), 1)
}

async fn a_retry_at_the_end_of_time_waits(world: &World) -> Outcome {
    let end = instant(EDGES[9]);
    let job = world.claimed_job("crm").await?;
    world.append(world.next(&job, Status::Failed)?.with_run_at(end)).await?;
    let request = ClaimRequest::new(WORKER, LEASE, [Want::any(10)]);
    let claimed = world.store.claim(request).await?;
    expect_eq("events claimed", claimed.queue.events.len(), 0)?;
    expect_eq("the next is due", claimed.next_due, Some(end))
}
