//! What is at a limit is accepted; what is above it is refused, named, and changes nothing.

use std::time::Duration;

use blacksmith_store_core::{
    Added, Appended, Change, ChangeOutcome, ClaimRequest, Claimed, ErrorKind, Event, ExpireRequest,
    ExtendRequest, Job, JobError, MAX_CALL_ENTRIES, MAX_CALL_PAYLOAD_BYTES, MAX_ERROR_BYTES,
    MAX_LEASE, MAX_NAME_BYTES, MAX_PAYLOAD_BYTES, MAX_REASON_BYTES, Pause, Result, Status,
    Transition, Want, WhereEvents, WhereJobs,
};
use bytes::Bytes;

use crate::{
    case::{Setter, family},
    failure::{Failure, Outcome, ensure, expect_eq, expect_error},
    oracle::Contents,
    world::{LEASE, WORKER, World, latest, token, with},
};

family! {
    "limits";
    empty_batches_succeed_with_zeros,
    an_empty_batch_leaves_nothing_behind,
    a_name_has_1_to_255_bytes,
    a_version_or_actor_has_at_most_255_bytes,
    the_names_of_a_claim_are_names,
    the_names_of_a_pause_are_names,
    a_value_of_a_filter_is_a_name,
    a_reason_has_at_most_1024_bytes,
    a_payload_of_16_mebibytes_is_kept,
    a_larger_payload_is_refused,
    a_call_has_at_most_256_mebibytes_of_payload,
    an_error_has_at_most_64_kibibytes,
    a_lease_lasts_a_microsecond_to_a_day,
    ten_thousand_entries_go_through_a_whole_life,
    ten_thousand_changes_are_applied,
    more_than_ten_thousand_entries_are_refused,
    more_than_ten_thousand_transitions_are_refused,
    a_claim_takes_at_most_ten_thousand_jobs,
    at_most_ten_thousand_tokens_are_extended,
    at_most_ten_thousand_claims_expire,
    a_filter_has_at_most_ten_thousand_values,
    an_offset_fits_a_database,
    one_wrong_entry_refuses_the_whole_call,
}

/// Fails unless the call was refused as invalid, in a text that holds all of `words`.
#[track_caller]
fn expect_refused<T: std::fmt::Debug>(what: &str, result: Result<T>, words: &[&str]) -> Outcome {
    let error = expect_error(what, result, ErrorKind::InvalidInput)?;
    match words.iter().find(|word| !error.message().contains(**word)) {
        None => Ok(()),
        Some(word) => Err(Failure::new(format!("{what}: the error does not name {word}: {error}"))),
    }
}

/// What no name may be: empty, too long, too long in bytes though not in characters, with a NUL.
fn no_names() -> [String; 5] {
    [
        String::new(),
        "x".repeat(MAX_NAME_BYTES + 1),
        "\u{e9}".repeat(MAX_NAME_BYTES / 2 + 1),
        "\0".into(),
        "before\0behind".into(),
    ]
}

async fn empty_batches_succeed_with_zeros(world: &World) -> Outcome {
    let store = &world.store;
    expect_eq("events", store.add_events(vec![]).await?, Added::default())?;
    expect_eq("jobs", store.add_jobs(vec![]).await?, Added::default())?;
    expect_eq("transitions", store.add_transitions(vec![]).await?, Appended::default())?;
    expect_eq("changes", store.apply(vec![]).await?, vec![])?;
    let empty = vec![Change::default(), Change::default()];
    expect_eq("empty changes", store.apply(empty).await?, vec![ChangeOutcome::Known; 2])?;
    let claimed = store.claim(ClaimRequest::new(WORKER, LEASE, [])).await?;
    expect_eq("no wants", claimed, Claimed::default())?;
    let extended = store.extend_leases(ExtendRequest::new(WORKER, LEASE, [])).await?;
    expect_eq("no tokens", (extended.tokens, extended.others.events), (vec![], vec![]))?;
    expect_eq("no claims", store.expire_leases(ExpireRequest::new(WORKER, 0)).await?, 0)
}

async fn an_empty_batch_leaves_nothing_behind(world: &World) -> Outcome {
    world.stored_job("waiting").await?;
    world.claimed_job("crm").await?;
    world.advance(LEASE);
    let before = world.contents().await?;
    empty_calls(world).await?;
    world.expect_unchanged("empty batches", &before).await
}

/// Empty calls on a store that holds a waiting job and a claim whose lease has ended.
async fn empty_calls(world: &World) -> Outcome {
    let store = &world.store;
    store.add_events(vec![]).await?;
    store.add_jobs(vec![]).await?;
    store.add_transitions(vec![]).await?;
    store.apply(vec![Change::default()]).await?;
    let claimed = store.claim(ClaimRequest::new(WORKER, LEASE, [])).await?;
    expect_eq("no wants", claimed, Claimed::default())?;
    let claimed = store.claim(ClaimRequest::new(WORKER, LEASE, [Want::any(0)])).await?;
    expect_eq("a want of no job", claimed.queue.events.len(), 0)?;
    ensure!(claimed.next_due.is_some(), "a want of no job asks when the next one is due");
    expect_eq("no claims", store.expire_leases(ExpireRequest::new(WORKER, 0)).await?, 0)
}

/// Names of events and jobs, by member.
const NAMES: [Setter<Event, String>; 4] = [
    ("source", |event, name| event.source = name),
    ("trigger", |event, name| event.trigger = name),
    ("destination", |event, name| event.jobs[0].destination = name),
    ("action", |event, name| event.jobs[0].action = name),
];

/// Tries an event, and its job alone and in a change, none of which may be stored.
async fn expect_event_refused(world: &World, what: &str, event: Event, words: &[&str]) -> Outcome {
    let refused = world.store.add_events(vec![world.event(), event.clone()]).await;
    expect_refused(what, refused, words)?;
    let change = Change::default().with_event(event.clone());
    let refused =
        world.store.apply(vec![Change::default().with_event(world.event()), change]).await;
    expect_refused(&format!("{what}, in a change"), refused, words)
}

async fn a_name_has_1_to_255_bytes(world: &World) -> Outcome {
    let known = world.event();
    world.store.add_events(vec![known.clone()]).await?;
    let before = world.contents().await?;
    for (member, set) in NAMES {
        for name in no_names() {
            let what = format!("{member} {name:?}");
            let event = with(world.event().with_job(world.job("crm")), |event| set(event, name));
            let words = [member];
            expect_event_refused(world, &what, event.clone(), &words).await?;
            if matches!(member, "destination" | "action") {
                let job = event.jobs[0].clone().with_event_id(known.id);
                let refused = world.store.add_jobs(vec![job]).await;
                expect_refused(&format!("{what}, alone"), refused, &words)?;
            }
        }
    }
    world.expect_unchanged("what is no name", &before).await?;

    let longest = "\u{e9}".repeat(MAX_NAME_BYTES / 2) + "x";
    for (member, set) in NAMES {
        let event = with(world.event().with_job(world.job("crm")), |event| {
            set(event, longest.clone());
        });
        world.store.add_events(vec![event.clone()]).await?;
        let found = world.store.find_event(event.id).await?;
        let kept = with(found.clone(), |found| set(found, longest.clone()));
        expect_eq(format!("the longest {member}"), found, kept)?;
    }
    Ok(())
}

/// An empty one is none; what is set is a name.
async fn a_version_or_actor_has_at_most_255_bytes(world: &World) -> Outcome {
    let stored = world.stored_job("crm").await?;
    let before = world.contents().await?;
    for name in no_names().into_iter().filter(|name| !name.is_empty()) {
        let what = format!("{name:?}");
        let event = world.event().with_version(name.clone());
        expect_event_refused(world, &what, event, &["version"]).await?;
        let job = world.job("crm").with_version(name.clone());
        expect_event_refused(world, &what, world.event().with_job(job), &["version"]).await?;
        let first = world.first(Status::Acknowledged).with_actor(name.clone());
        let job = world.job("crm").with_transition(first);
        expect_event_refused(world, &what, world.event().with_job(job), &["actor"]).await?;
        let next = world.next(&stored, Status::Discarded)?.with_actor(name);
        let refused = world.store.add_transitions(vec![next]).await;
        expect_refused(&what, refused, &["actor"])?;
    }
    world.expect_unchanged("what is no name", &before).await?;

    let first = world.first(Status::Acknowledged).with_actor("");
    let job = world.stored(world.job("erp").with_version("").with_transition(first)).await?;
    expect_eq("an empty version", &job.version, &None)?;
    expect_eq("an empty actor", &latest(&job)?.actor, &None)
}

async fn the_names_of_a_claim_are_names(world: &World) -> Outcome {
    let job = world.stored_job("crm").await?;
    let before = world.contents().await?;
    for name in no_names() {
        let store = &world.store;
        let any = || [Want::any(1)];
        let what = format!("{name:?}");
        let refused = store.claim(ClaimRequest::new(&name, LEASE, any())).await;
        expect_refused(&what, refused, &["actor"])?;
        let refused = store.extend_leases(ExtendRequest::new(&name, LEASE, [])).await;
        expect_refused(&what, refused, &["actor"])?;
        let refused = store.expire_leases(ExpireRequest::new(&name, 1)).await;
        expect_refused(&what, refused, &["actor"])?;
        let want = Want::destination(&name, 1);
        let refused = store.claim(ClaimRequest::new(WORKER, LEASE, [Want::any(1), want])).await;
        expect_refused(&what, refused, &["destination"])?;
        let refused =
            store.claim(ClaimRequest::new(WORKER, LEASE, [Want::action("crm", &name, 1)])).await;
        expect_refused(&what, refused, &["action"])?;
    }
    let alone = with(Want::any(1), |want| want.action = Some("upsert".into()));
    let refused = world.store.claim(ClaimRequest::new(WORKER, LEASE, [alone])).await;
    expect_refused("an action without a destination", refused, &["action", "destination"])?;
    world.expect_unchanged("refused claims", &before).await?;

    let longest = "x".repeat(MAX_NAME_BYTES);
    let claimed = world.claim_as(&longest, Want::any(1)).await?;
    expect_eq("the longest actor's claim", claimed[0].id, job.id)
}

async fn the_names_of_a_pause_are_names(world: &World) -> Outcome {
    let pause = || Pause::new(world.toolkit.pause_id(), "crm", WORKER);
    for name in no_names() {
        let pauses = [
            ("destination", with(pause(), |pause| pause.destination.clone_from(&name))),
            ("action", pause().with_action(&name)),
            ("actor", with(pause(), |pause| pause.actor.clone_from(&name))),
        ];
        for (member, pause) in pauses {
            let refused = world.store.pause(pause).await;
            expect_refused(&format!("{member} {name:?}"), refused, &[member])?;
        }
    }
    expect_eq("pauses", world.store.pauses().await?, vec![])
}

async fn a_value_of_a_filter_is_a_name(world: &World) -> Outcome {
    type Set = fn(&mut WhereEvents, &str);
    let lists: [(&str, Set); 6] = [
        ("sources_in", |filter, name| filter.sources_in = vec!["a".into(), name.into()]),
        ("sources_notin", |filter, name| filter.sources_notin = vec![name.into()]),
        ("triggers_in", |filter, name| filter.triggers_in = vec![name.into()]),
        ("triggers_notin", |filter, name| filter.triggers_notin = vec![name.into()]),
        ("destinations_in", |filter, name| {
            filter.jobs = Some(WhereJobs::default().with_destinations_in([name]));
        }),
        ("actions_notin", |filter, name| {
            filter.jobs = Some(WhereJobs::default().with_actions_notin([name]));
        }),
    ];
    for name in no_names() {
        for (member, set) in lists {
            let filter = with(WhereEvents::default(), |filter| set(filter, &name));
            let what = format!("{member} {name:?}");
            expect_refused(&what, world.store.find_events(filter.clone()).await, &[member])?;
            expect_refused(&what, world.store.find_jobs(filter.clone()).await, &[member])?;
            expect_refused(&what, world.store.find_transitions(filter).await, &[member])?;
        }
    }
    // An absent version counts as empty, so an empty one can be asked for.
    world.store.add_events(vec![world.event()]).await?;
    let filter = WhereEvents::default().with_versions_in([""]);
    expect_eq("events without a version", world.store.find_events(filter).await?.entries.len(), 1)
}

async fn a_reason_has_at_most_1024_bytes(world: &World) -> Outcome {
    let pause = |reason: String| {
        world.store.pause(Pause::new(world.toolkit.pause_id(), "crm", WORKER).with_reason(reason))
    };
    ensure!(pause("x".repeat(MAX_REASON_BYTES)).await?, "the longest reason is accepted");
    let refused = [
        "x".repeat(MAX_REASON_BYTES + 1),
        "\u{e9}".repeat(MAX_REASON_BYTES / 2 + 1),
        "because\0".into(),
    ];
    for reason in refused {
        expect_refused("a reason", pause(reason).await, &["reason"])?;
    }
    expect_eq("pauses", world.store.pauses().await?.len(), 1)
}

async fn a_payload_of_16_mebibytes_is_kept(world: &World) -> Outcome {
    let largest = Bytes::from(vec![0xa5; MAX_PAYLOAD_BYTES]);
    let event = world.event().with_data(largest.clone());
    world.store.add_events(vec![event.clone()]).await?;
    let found = world.store.find_event(event.id).await?.data;
    ensure!(found == Some(largest), "the largest payload came back changed");
    Ok(())
}

async fn a_larger_payload_is_refused(world: &World) -> Outcome {
    let too_large = Bytes::from(vec![0; MAX_PAYLOAD_BYTES + 1]);
    let payloads: [Setter<Event, Bytes>; 4] = [
        ("context of event", |event, payload| event.context = Some(payload)),
        ("data of event", |event, payload| event.data = Some(payload)),
        ("context of job", |event, payload| event.jobs[0].context = Some(payload)),
        ("data of job", |event, payload| event.jobs[0].data = Some(payload)),
    ];
    for (member, set) in payloads {
        let event = with(world.event().with_job(world.job("crm")), |event| {
            set(event, too_large.clone());
        });
        expect_event_refused(world, member, event, &[member]).await?;
    }
    expect_eq("events", world.contents().await?.events, vec![])
}

/// One payload after the other is small enough; all of them together are not.
async fn a_call_has_at_most_256_mebibytes_of_payload(world: &World) -> Outcome {
    let largest = Bytes::from(vec![0; MAX_PAYLOAD_BYTES]);
    let mut events: Vec<Event> = (0..MAX_CALL_PAYLOAD_BYTES / MAX_PAYLOAD_BYTES)
        .map(|_| world.event().with_data(largest.clone()))
        .collect();
    events.push(world.event().with_context("x"));
    let refused = world.store.add_events(events).await;
    expect_refused("one byte too many", refused, &[&MAX_CALL_PAYLOAD_BYTES.to_string()])?;
    expect_eq("events", world.contents().await?.events, vec![])
}

async fn an_error_has_at_most_64_kibibytes(world: &World) -> Outcome {
    let error = |bytes: usize| JobError::from_json(format!("\"{}\"", "x".repeat(bytes - 2)));
    let job = world.claimed_job("crm").await?;
    let failed = world.next(&job, Status::Failed)?;
    let before = world.contents().await?;
    let too_large = failed.clone().with_error(error(MAX_ERROR_BYTES + 1)?);
    let refused = world.store.add_transitions(vec![too_large.clone()]).await;
    expect_refused("one byte too many", refused, &["error", &MAX_ERROR_BYTES.to_string()])?;
    let refused = world.store.apply(vec![Change::new(too_large)]).await;
    expect_refused("the same in a change", refused, &["error"])?;
    let first = world.first(Status::Acknowledged).with_error(error(MAX_ERROR_BYTES + 1)?);
    let event = world.event().with_job(world.job("crm").with_transition(first));
    expect_event_refused(world, "with a job", event, &["error"]).await?;
    world.expect_unchanged("refused errors", &before).await?;
    world.append(failed.with_error(error(MAX_ERROR_BYTES)?)).await
}

async fn a_lease_lasts_a_microsecond_to_a_day(world: &World) -> Outcome {
    let microsecond = Duration::from_micros(1);
    let refused =
        [Duration::ZERO, Duration::from_nanos(999), MAX_LEASE + microsecond, Duration::MAX];
    world.stored_job("crm").await?;
    let before = world.contents().await?;
    for lease in refused {
        let what = format!("a lease of {lease:?}");
        let claimed = world.store.claim(ClaimRequest::new(WORKER, lease, [Want::any(1)])).await;
        expect_refused(&what, claimed, &["lease"])?;
        let extended = world.store.extend_leases(ExtendRequest::new(WORKER, lease, [])).await;
        expect_refused(&what, extended, &["lease"])?;
    }
    world.expect_unchanged("refused leases", &before).await?;

    for lease in [microsecond, MAX_LEASE] {
        let request = ClaimRequest::new(WORKER, lease, [Want::any(1)]);
        let claimed = world.store.claim(request).await?;
        expect_eq(format!("claims of {lease:?}"), claimed.queue.jobs().count(), 1)?;
        let expire = || world.store.expire_leases(ExpireRequest::new("sweeper", 10));
        world.advance_almost(lease);
        expect_eq("before its end", expire().await?, 0)?;
        world.advance(microsecond);
        expect_eq(format!("{lease:?} later"), expire().await?, 1)?;
    }
    Ok(())
}

/// An event with as many jobs as a call may have beside it.
fn largest_event(world: &World) -> Event {
    let jobs = (1..MAX_CALL_ENTRIES).map(|_| world.job("crm")).collect();
    with(world.event(), |event| event.jobs = jobs)
}

async fn ten_thousand_entries_go_through_a_whole_life(world: &World) -> Outcome {
    const JOBS: u64 = MAX_CALL_ENTRIES as u64 - 1;
    let event = largest_event(world);
    let added = world.store.add_events(vec![event.clone()]).await?;
    expect_eq("jobs added", added.jobs, JOBS)?;
    let added = world.store.add_events(vec![event.clone()]).await?;
    expect_eq("jobs known", (added.jobs, added.jobs_known), (0, JOBS))?;
    let late = world.job("crm").with_event_id(event.id);
    world.store.add_jobs(vec![late]).await?;

    let claimed = world.claim("crm", MAX_CALL_ENTRIES).await?;
    expect_eq("jobs claimed", claimed.len(), MAX_CALL_ENTRIES)?;
    let tokens = claimed.iter().map(token).collect::<Outcome<Vec<_>>>()?;
    let extended = world.store.extend_leases(ExtendRequest::new(WORKER, LEASE, tokens)).await?;
    expect_eq("tokens told of", extended.tokens.len(), MAX_CALL_ENTRIES)?;

    let ends = claimed.iter().skip(1).map(|job| world.next(job, Status::Failed));
    let ends = ends.collect::<Outcome<Vec<Transition>>>()?;
    let appended = world.store.add_transitions(ends.clone()).await?;
    expect_eq("outcomes", (appended.new, appended.known), (JOBS, 0))?;
    let appended = world.store.add_transitions(ends).await?;
    expect_eq("outcomes sent again", (appended.new, appended.known), (0, JOBS))?;

    let claimed = world.claim("crm", MAX_CALL_ENTRIES).await?;
    expect_eq("jobs claimed again", claimed.len() as u64, JOBS)?;
    world.advance(LEASE);
    let request = ExpireRequest::new("sweeper", MAX_CALL_ENTRIES);
    let expired = world.store.expire_leases(request).await?;
    expect_eq("claims that expired", expired, MAX_CALL_ENTRIES as u64)
}

async fn ten_thousand_changes_are_applied(world: &World) -> Outcome {
    world.store.add_events(vec![largest_event(world)]).await?;
    let jobs = world.contents().await?.jobs;
    let changes = jobs.iter().map(|job| Ok(Change::new(world.next(job, Status::Discarded)?)));
    let changes = changes.collect::<Outcome<Vec<_>>>()?;
    for expected in [ChangeOutcome::Applied, ChangeOutcome::Known] {
        let outcomes = world.store.apply(changes.clone()).await?;
        expect_eq("answers", outcomes.len(), changes.len())?;
        let others = outcomes.iter().filter(|outcome| **outcome != expected).count();
        expect_eq(format!("changes that are not {expected:?}"), others, 0)?;
    }
    Ok(())
}

async fn more_than_ten_thousand_entries_are_refused(world: &World) -> Outcome {
    const LIMIT: &str = "10000";
    let full = largest_event(world);
    let one_more = full.clone().with_job(world.job("crm"));
    expect_too_many(world, "a job more", vec![one_more]).await?;
    expect_too_many(world, "an event more", vec![full.clone(), world.event()]).await?;
    // A first transition that the caller gives is an entry too.
    let first = world.first(Status::Acknowledged);
    let given = with(full.clone(), |event| event.jobs[7].transition = Some(first));
    expect_too_many(world, "a transition more", vec![given]).await?;

    let jobs = |event: &Event| -> Vec<Job> {
        event.jobs.iter().map(|job| job.clone().with_event_id(event.id)).collect()
    };
    let mut too_many = jobs(&full);
    too_many.extend((0..2).map(|_| world.job("crm").with_event_id(full.id)));
    expect_refused("jobs", world.store.add_jobs(too_many).await, &[LIMIT])?;
    // The entries of all changes of a call are counted together.
    let changes =
        vec![Change::default().with_event(full), Change::default().with_event(world.event())];
    expect_refused("changes", world.store.apply(changes).await, &[LIMIT])?;
    expect_eq("events", world.contents().await?.events, vec![])
}

async fn expect_too_many(world: &World, what: &str, events: Vec<Event>) -> Outcome {
    expect_refused(what, world.store.add_events(events).await, &["10000"])
}

async fn more_than_ten_thousand_transitions_are_refused(world: &World) -> Outcome {
    let job = world.stored_job("crm").await?;
    let before = world.contents().await?;
    let transitions = (0..=MAX_CALL_ENTRIES).map(|_| {
        let next = world.next(&job, Status::Discarded)?;
        Ok(with(next, |next| next.job_id = Some(world.toolkit.job_id())))
    });
    let transitions = transitions.collect::<Outcome<Vec<_>>>()?;
    let refused = world.store.add_transitions(transitions.clone()).await;
    expect_refused("transitions", refused, &["10000"])?;
    let changes = transitions.into_iter().map(Change::new).collect();
    expect_refused("changes", world.store.apply(changes).await, &["10000"])?;
    world.expect_unchanged("refused transitions", &before).await
}

async fn a_claim_takes_at_most_ten_thousand_jobs(world: &World) -> Outcome {
    let stored = world.stored_jobs("crm", 3).await?;
    let before: Contents = world.contents().await?;
    let too_many = [
        vec![Want::any(MAX_CALL_ENTRIES + 1)],
        vec![Want::any(usize::MAX), Want::any(2)],
        vec![Want::destination("crm", MAX_CALL_ENTRIES), Want::any(1)],
        vec![Want::any(0); MAX_CALL_ENTRIES + 1],
    ];
    for wants in too_many {
        let refused = world.store.claim(ClaimRequest::new(WORKER, LEASE, wants)).await;
        expect_refused("a claim", refused, &["10000"])?;
    }
    world.expect_unchanged("refused claims", &before).await?;
    let wants = vec![Want::destination("crm", 1); MAX_CALL_ENTRIES];
    let claimed = world.store.claim(ClaimRequest::new(WORKER, LEASE, wants)).await?;
    expect_eq("jobs claimed by as many wants", claimed.queue.jobs().count(), stored.len())
}

async fn at_most_ten_thousand_tokens_are_extended(world: &World) -> Outcome {
    let mut tokens = world.toolkit.transition_ids(MAX_CALL_ENTRIES);
    let request = ExtendRequest::new(WORKER, LEASE, tokens.clone());
    let extended = world.store.extend_leases(request).await?;
    expect_eq("tokens told of", extended.tokens.len(), MAX_CALL_ENTRIES)?;
    tokens.push(world.toolkit.transition_id());
    let refused = world.store.extend_leases(ExtendRequest::new(WORKER, LEASE, tokens)).await;
    expect_refused("one token more", refused, &["10000", "tokens"])
}

async fn at_most_ten_thousand_claims_expire(world: &World) -> Outcome {
    let expire = |limit| world.store.expire_leases(ExpireRequest::new(WORKER, limit));
    expect_eq("claims that expired", expire(MAX_CALL_ENTRIES).await?, 0)?;
    expect_refused("one more", expire(MAX_CALL_ENTRIES + 1).await, &["10000"])
}

async fn a_filter_has_at_most_ten_thousand_values(world: &World) -> Outcome {
    world.store.add_events(vec![world.event().with_job(world.job("crm"))]).await?;
    let names = |count: usize| (0..count).map(|index| format!("name-{index}"));
    // All lists are counted together.
    let filter = |count| {
        WhereEvents::default()
            .with_sources_in(["github"])
            .with_triggers_notin(names(count / 2))
            .with_jobs(WhereJobs::default().with_destinations_notin(names(count - count / 2 - 1)))
    };
    let page = world.store.find_events(filter(MAX_CALL_ENTRIES)).await?;
    expect_eq("events", page.entries.len(), 1)?;
    expect_eq("jobs", world.store.find_jobs(filter(MAX_CALL_ENTRIES)).await?.entries.len(), 1)?;
    let refused = world.store.find_events(filter(MAX_CALL_ENTRIES + 1)).await;
    expect_refused("one value more", refused, &["10000"])?;
    let only = WhereEvents::default().with_sources_in(names(MAX_CALL_ENTRIES));
    expect_eq("of other sources", world.store.find_events(only).await?.entries, vec![])
}

async fn an_offset_fits_a_database(world: &World) -> Outcome {
    const LARGEST: u64 = i64::MAX as u64;
    world.store.add_events(vec![world.event()]).await?;
    let page = world.store.find_events(WhereEvents::default().with_offset(LARGEST)).await?;
    expect_eq("entries behind the largest", (page.entries, page.meta.count), (vec![], Some(1)))?;
    let refused = world.store.find_events(WhereEvents::default().with_offset(LARGEST + 1)).await;
    expect_refused("one more", refused, &["offset"])
}

async fn one_wrong_entry_refuses_the_whole_call(world: &World) -> Outcome {
    let mut jobs = Vec::new();
    for name in ["a", "b", "c"] {
        jobs.push(world.stored_job(name).await?);
    }
    let before = world.contents().await?;
    let wrong = with(world.event(), |event| event.trigger.clear());
    let events = vec![world.event(), wrong, world.event()];
    let refused = world.store.add_events(events.clone()).await;
    expect_refused("events", refused, &["trigger", &events[1].id.to_string()])?;

    let mut nexts = Vec::new();
    for job in &jobs {
        nexts.push(world.next(job, Status::Discarded)?);
    }
    nexts[1].actor = Some("\0".into());
    let refused = world.store.add_transitions(nexts.clone()).await;
    expect_refused("transitions", refused, &["actor", &nexts[1].id.to_string()])?;
    let changes = nexts.into_iter().map(Change::new).collect();
    expect_refused("changes", world.store.apply(changes).await, &["actor"])?;
    world.expect_unchanged("refused calls", &before).await
}
