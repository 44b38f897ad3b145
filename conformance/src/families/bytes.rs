//! Payloads come back byte for byte, whatever the bytes are.

use blacksmith_store_core::{Change, ClaimRequest, Event, Job, Want, WhereEvents};
use bytes::Bytes;

use crate::{
    case::family,
    failure::{Outcome, ensure},
    world::{LEASE, WORKER, World, with},
};

family! {
    "bytes";
    every_payload_of_an_event_and_its_jobs_is_kept,
    every_payload_of_jobs_that_come_alone_is_kept,
    every_payload_of_a_change_is_kept,
    a_mebibyte_is_kept,
    payloads_are_left_out_on_request_alone,
    payloads_that_differ_in_the_last_byte_are_other_content,
}

/// Bytes that something on the way could cut, decode, trim or take for the end.
fn payloads() -> Vec<Option<Bytes>> {
    let mut payloads: Vec<Option<Bytes>> = [
        &b""[..],
        b"\0",
        b"\0\0\0",
        b"before\0behind",
        b"behind\0",
        b"\xff\xfe\xfd",
        b"\xc3\x28 is no UTF-8",
        b"\xed\xa0\x80 is a surrogate",
        b"\xef\xbb\xbfafter a byte order mark",
        b" \t\r\n spaces \r\n",
        b"\\x414243",
        b"\\000",
        b"X'00'",
        b"null",
        b"{\"a\": \"\\u0000\", \"a\":1.0}",
        b"'; DROP TABLE events; --",
        b"\x1a\x1b\x7f",
        b"\x1f\x8b\x08 looks compressed",
    ]
    .into_iter()
    .map(|payload| Some(Bytes::from_static(payload)))
    .collect();
    payloads.push(Some((0..=255).collect()));
    payloads.push(Some((0..=255).rev().cycle().take(10_000).collect()));
    payloads.push(None);
    payloads
}

/// Fails unless both have the same payloads, jobs included; says which, for bytes are long.
fn expect_same_event(what: &str, came_back: &Event, sent: &Event) -> Outcome {
    ensure!(
        came_back.context == sent.context && came_back.data == sent.data,
        "{what}: the event's payloads came back as {:?}, {:?} instead of {:?}, {:?}",
        came_back.context,
        came_back.data,
        sent.context,
        sent.data
    );
    ensure!(
        came_back.jobs.len() == sent.jobs.len(),
        "{what}: {} jobs came back instead of {}",
        came_back.jobs.len(),
        sent.jobs.len()
    );
    let pairs = came_back.jobs.iter().zip(&sent.jobs);
    pairs.into_iter().try_for_each(|(came_back, sent)| expect_same_job(what, came_back, sent))
}

fn expect_same_job(what: &str, came_back: &Job, sent: &Job) -> Outcome {
    ensure!(
        came_back.id == sent.id && came_back.context == sent.context && came_back.data == sent.data,
        "{what}: the job's payloads came back as {:?}, {:?} instead of {:?}, {:?}",
        came_back.context,
        came_back.data,
        sent.context,
        sent.data
    );
    Ok(())
}

/// An event for each payload, and in it a job; each has another one of the payloads as its context.
fn events(world: &World) -> Vec<Event> {
    let data = payloads();
    let context = data.iter().skip(1).chain(&data);
    let pairs = data.iter().zip(context);
    pairs
        .map(|(data, context)| {
            let job = with(world.job("crm"), |job| {
                job.data.clone_from(context);
                job.context.clone_from(data);
            });
            with(world.event().with_job(job), |event| {
                event.data.clone_from(data);
                event.context.clone_from(context);
            })
        })
        .collect()
}

/// Fails unless events and jobs come back the same in every way in which they can be read.
async fn expect_kept(world: &World, sent: &[Event]) -> Outcome {
    for event in sent {
        let found = world.store.find_event(event.id).await?;
        expect_same_event("find_event", &found, event)?;
        for job in &event.jobs {
            expect_same_job("find_job", &world.store.find_job(job.id).await?, job)?;
        }
    }
    let page = world.store.find_events(WhereEvents::default().with_limit(1_000)).await?;
    for found in &page.entries {
        if let Some(event) = sent.iter().find(|event| event.id == found.id) {
            expect_same_event("find_events", found, event)?;
        }
    }
    let sent_jobs = || sent.iter().flat_map(|event| &event.jobs);
    let page = world.store.find_jobs(WhereEvents::default().with_limit(1_000)).await?;
    for found in &page.entries {
        if let Some(job) = sent_jobs().find(|job| job.id == found.id) {
            expect_same_job("find_jobs", found, job)?;
        }
    }
    let request = ClaimRequest::new(WORKER, LEASE, [Want::any(1_000)]);
    let claimed = world.store.claim(request).await?;
    ensure!(
        claimed.queue.jobs().count() == sent_jobs().count(),
        "{} jobs were claimed instead of {}",
        claimed.queue.jobs().count(),
        sent_jobs().count()
    );
    for found in &claimed.queue.events {
        if let Some(event) = sent.iter().find(|event| event.id == found.id) {
            expect_same_event("claim", found, event)?;
        }
    }
    Ok(())
}

async fn every_payload_of_an_event_and_its_jobs_is_kept(world: &World) -> Outcome {
    let sent = events(world);
    world.store.add_events(sent.clone()).await?;
    expect_kept(world, &sent).await
}

async fn every_payload_of_jobs_that_come_alone_is_kept(world: &World) -> Outcome {
    let sent = events(world);
    let mut jobs = Vec::new();
    let bare = sent.clone().into_iter().map(|mut event| {
        let alone = event.jobs.drain(..);
        jobs.extend(alone.map(|job| job.with_event_id(event.id)));
        event
    });
    let bare = bare.collect();
    world.store.add_events(bare).await?;
    world.store.add_jobs(jobs).await?;
    expect_kept(world, &sent).await
}

async fn every_payload_of_a_change_is_kept(world: &World) -> Outcome {
    let mut sent = events(world);
    let parent = world.event();
    world.store.add_events(vec![parent.clone()]).await?;
    let changes = sent.iter().cloned().map(|mut event| {
        let jobs = std::mem::take(&mut event.jobs);
        let jobs = jobs.into_iter().map(|job| job.with_event_id(event.id));
        with(Change::default().with_event(event.clone()), |change| change.jobs = jobs.collect())
    });
    let changes = changes.collect();
    world.store.apply(changes).await?;
    sent.push(parent);
    expect_kept(world, &sent).await
}

async fn a_mebibyte_is_kept(world: &World) -> Outcome {
    // No two blocks of it are alike, so that none can stand in for another.
    let large: Bytes =
        (0_u32..1 << 18).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let job = world.job("crm").with_context(large.slice(1..)).with_data(large.slice(2..));
    let event = world.event().with_context(large.slice(3..)).with_data(large).with_job(job);
    world.store.add_events(vec![event.clone()]).await?;
    let found = world.store.find_event(event.id).await?;
    ensure!(
        found.context == event.context && found.data == event.data,
        "the event's payloads came back changed"
    );
    for job in [found.jobs[0].clone(), world.claim_one("crm").await?] {
        ensure!(
            job.context == event.jobs[0].context && job.data == event.jobs[0].data,
            "the job's payloads came back changed"
        );
    }
    Ok(())
}

async fn payloads_are_left_out_on_request_alone(world: &World) -> Outcome {
    let sent = events(world);
    world.store.add_events(sent.clone()).await?;
    let without =
        with(WhereEvents::default().with_limit(1_000), |filter| filter.without_payloads = true);
    let page = world.store.find_events(without.clone()).await?;
    ensure!(page.entries.len() == sent.len(), "{} events were found", page.entries.len());
    for event in &page.entries {
        let payloads = [&event.context, &event.data, &event.jobs[0].context, &event.jobs[0].data];
        ensure!(payloads.iter().all(|payload| payload.is_none()), "a payload was found: {event:?}");
    }
    let page = world.store.find_jobs(without).await?;
    ensure!(page.entries.len() == sent.len(), "{} jobs were found", page.entries.len());
    for job in &page.entries {
        ensure!(job.context.is_none() && job.data.is_none(), "a payload was found: {job:?}");
    }
    expect_kept(world, &sent).await
}

async fn payloads_that_differ_in_the_last_byte_are_other_content(world: &World) -> Outcome {
    for payload in payloads().into_iter().flatten() {
        let job = world.job("crm").with_data(payload.clone());
        let event = world.event().with_data(payload.clone()).with_job(job);
        world.store.add_events(vec![event.clone()]).await?;
        let known = world.store.add_events(vec![event.clone()]).await?;
        ensure!((known.events_known, known.jobs_known) == (1, 1), "not known again: {payload:?}");

        let longer: Bytes = payload.iter().copied().chain([0]).collect();
        let other = with(event.clone(), |event| event.data = Some(longer.clone()));
        let refused = world.store.add_events(vec![other]).await;
        ensure!(refused.is_err(), "with a NUL more, an event is known: {payload:?}");
        let other = with(event, |event| event.jobs[0].data = Some(longer));
        let refused = world.store.add_events(vec![other]).await;
        ensure!(refused.is_err(), "with a NUL more, a job is known: {payload:?}");
    }
    Ok(())
}
