//! Text that means something to a database, or looks like other text, is text like any other.

use std::collections::BTreeSet;

use blacksmith_store_core::{
    Change, ErrorKind, Event, ExpireRequest, ExtendRequest, JobError, MAX_ERROR_BYTES,
    MAX_NAME_BYTES, Pause, Status, Want, WhereEvents, WhereJobs,
};

use crate::{
    case::family,
    failure::{Failure, Outcome, expect_eq, expect_error},
    world::{LEASE, World, latest, with},
};

family! {
    "hostile_strings";
    names_come_back_as_they_went_in,
    a_filter_finds_exactly_the_name,
    a_filter_leaves_out_exactly_the_name,
    all_names_together_find_everything,
    a_want_takes_exactly_its_destination,
    a_want_takes_exactly_its_action,
    a_pause_stops_exactly_its_destination,
    stats_tell_every_name_apart,
    actors_are_told_apart,
    a_reason_comes_back_as_it_went_in,
    an_error_comes_back_as_it_went_in,
    the_largest_error_comes_back,
    a_difference_that_only_looks_like_none_is_other_content,
}

/// Names, each of them another one.
fn names() -> Vec<String> {
    let longest = "x".repeat(MAX_NAME_BYTES);
    let longest_but_one = "x".repeat(MAX_NAME_BYTES - 1);
    let wide = format!("{}!", "\u{e9}".repeat(127));
    let mut names: Vec<String> = [
        // What databases understand.
        "'",
        "''",
        "\"",
        "`",
        "\\",
        "\\\\",
        "\\'",
        "$1",
        "$$",
        "?",
        "?1",
        ":name",
        "@name",
        "--",
        "/*",
        ";",
        "'; DROP TABLE jobs; --",
        "') OR 1=1 --",
        "\" OR \"\"=\"",
        "E'\\x41'",
        "%s",
        "{}",
        "{a,b}",
        "(1,2)",
        "[1]",
        "NULL",
        "null",
        "Null",
        "true",
        "0",
        "00",
        "1",
        "1.0",
        "1e0",
        "-1",
        "0x31",
        "NaN",
        "infinity",
        "now()",
        // What patterns understand.
        "%",
        "_",
        "a_b",
        "axb",
        "a%b",
        "a%%b",
        "a*b",
        "a?b",
        "a\\_b",
        "a.b",
        "^a",
        "a$",
        // Cases and spaces.
        "a",
        "A",
        "b",
        "B",
        " a",
        "a ",
        " ",
        "  ",
        "a\t",
        "\t",
        "\n",
        "a\n",
        "\r\n",
        "a\u{a0}",
        "\u{3000}",
        "\u{2028}",
        // Unicode that looks alike, sorts alike, or is folded or normalised into each other.
        "\u{e9}",
        "e\u{301}",
        "e",
        "E",
        "\u{c9}",
        "\u{df}",
        "ss",
        "\u{1e9e}",
        "\u{fb01}",
        "fi",
        "i",
        "I",
        "\u{131}",
        "\u{130}",
        "\u{e5}",
        "a\u{30a}",
        "\u{212b}",
        "\u{3a9}",
        "\u{2126}",
        "\u{430}",
        "\u{ff41}",
        "\u{1d41a}",
        "\u{200b}a",
        "a\u{200d}",
        "\u{feff}a",
        "\u{1f600}",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "\u{1f44d}",
        "\u{1f44d}\u{1f3fd}",
        "\u{5d0}\u{5d1}",
        "\u{202e}abc",
        "\u{fffd}",
        "\u{fffe}",
        "\u{e000}",
        "\u{10ffff}",
        "\u{d7ff}",
        // Control characters; NUL alone is refused.
        "\u{1}",
        "\u{7}",
        "\u{8}",
        "\u{1a}",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{85}",
        "\u{9b}",
        // Lengths.
        &longest,
        &longest_but_one,
        &wide,
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    // Begun in the middle, so that ids ascend in another order than the kinds do.
    let half = names.split_off(names.len() / 2);
    names.extend(half);
    names
}

/// An event in which every name is this one.
fn named(world: &World, name: &str) -> Event {
    let first = world.first(Status::Acknowledged).with_actor(name);
    let job = with(world.job(name).with_version(name).with_transition(first), |job| {
        job.action = name.into();
    });
    with(world.event().with_version(name).with_job(job), |event| {
        event.source = name.into();
        event.trigger = name.into();
    })
}

/// Stores an event for each name.
async fn stored(world: &World) -> Outcome<Vec<Event>> {
    let events: Vec<Event> = names().iter().map(|name| named(world, name)).collect();
    world.store.add_events(events.clone()).await?;
    Ok(events)
}

/// Every list of names in a filter, set to this one name: what shall be in it, and what shall not.
type Lists = [(&'static str, fn(&str) -> WhereEvents); 6];

const IN: Lists = [
    ("sources_in", |name| WhereEvents::default().with_sources_in([name])),
    ("triggers_in", |name| WhereEvents::default().with_triggers_in([name])),
    ("versions_in", |name| WhereEvents::default().with_versions_in([name])),
    ("destinations_in", |name| of_jobs(WhereJobs::default().with_destinations_in([name]))),
    ("actions_in", |name| of_jobs(WhereJobs::default().with_actions_in([name]))),
    ("jobs.versions_in", |name| of_jobs(WhereJobs::default().with_versions_in([name]))),
];

const NOT_IN: Lists = [
    ("sources_notin", |name| WhereEvents::default().with_sources_notin([name])),
    ("triggers_notin", |name| WhereEvents::default().with_triggers_notin([name])),
    ("versions_notin", |name| WhereEvents::default().with_versions_notin([name])),
    ("destinations_notin", |name| of_jobs(WhereJobs::default().with_destinations_notin([name]))),
    ("actions_notin", |name| of_jobs(WhereJobs::default().with_actions_notin([name]))),
    ("jobs.versions_notin", |name| of_jobs(WhereJobs::default().with_versions_notin([name]))),
];

fn of_jobs(jobs: WhereJobs) -> WhereEvents {
    WhereEvents::default().with_jobs(jobs)
}

async fn names_come_back_as_they_went_in(world: &World) -> Outcome {
    for event in stored(world).await? {
        let found = world.store.find_event(event.id).await?;
        let job = &found.jobs[0];
        let name = event.source.as_str();
        let came_back = [
            Some(found.source.as_str()),
            Some(found.trigger.as_str()),
            found.version.as_deref(),
            Some(job.destination.as_str()),
            Some(job.action.as_str()),
            job.version.as_deref(),
            latest(job)?.actor.as_deref(),
        ];
        expect_eq("every name of the event and its job", came_back, [Some(name); 7])?;
    }
    Ok(())
}

async fn a_filter_finds_exactly_the_name(world: &World) -> Outcome {
    for event in stored(world).await? {
        for (member, filter) in IN {
            let what = format!("{member} {:?}", event.source);
            let page = world.store.find_events(filter(&event.source)).await?;
            let found: Vec<_> = page.entries.iter().map(|found| found.id).collect();
            expect_eq(
                format!("{what}: events"),
                (found, page.meta.count),
                (vec![event.id], Some(1)),
            )?;
            let page = world.store.find_jobs(filter(&event.source)).await?;
            let found: Vec<_> = page.entries.iter().map(|found| found.id).collect();
            expect_eq(format!("{what}: jobs"), found, vec![event.jobs[0].id])?;
        }
    }
    Ok(())
}

/// All but one are found, and the one is not.
async fn a_filter_leaves_out_exactly_the_name(world: &World) -> Outcome {
    let events = stored(world).await?;
    for event in &events {
        let name = event.source.as_str();
        for ((member, leave_out), (_, ask_for)) in NOT_IN.into_iter().zip(IN) {
            let what = format!("{member} {name:?}");
            let page = world.store.find_events(leave_out(name).with_limit(1)).await?;
            expect_eq(format!("{what}: others"), page.meta.count, Some(events.len() as u64 - 1))?;
            let contradiction = both(leave_out(name), ask_for(name));
            let page = world.store.find_events(contradiction).await?;
            expect_eq(format!("{what}: events of this name"), page.entries, vec![])?;
        }
    }
    Ok(())
}

/// A filter that leaves out what the first does, and asks for what the second does.
fn both(leave_out: WhereEvents, ask_for: WhereEvents) -> WhereEvents {
    with(ask_for, |filter| {
        filter.sources_notin = leave_out.sources_notin;
        filter.triggers_notin = leave_out.triggers_notin;
        filter.versions_notin = leave_out.versions_notin;
        if let Some((jobs, leave_out)) = filter.jobs.as_mut().zip(leave_out.jobs) {
            jobs.destinations_notin = leave_out.destinations_notin;
            jobs.actions_notin = leave_out.actions_notin;
            jobs.versions_notin = leave_out.versions_notin;
        }
    })
}

async fn all_names_together_find_everything(world: &World) -> Outcome {
    let events = stored(world).await?;
    let filter = WhereEvents::default()
        .with_sources_in(names())
        .with_triggers_in(names())
        .with_versions_in(names())
        .with_jobs(
            WhereJobs::default()
                .with_destinations_in(names())
                .with_actions_in(names())
                .with_versions_in(names()),
        )
        .with_limit(1_000);
    expect_eq("events", world.store.find_events(filter).await?.entries.len(), events.len())?;
    let none = WhereEvents::default().with_sources_notin(names());
    expect_eq("none of them", world.store.find_events(none).await?.entries, vec![])
}

async fn a_want_takes_exactly_its_destination(world: &World) -> Outcome {
    for event in stored(world).await? {
        let jobs = world.claim(&event.source, 10).await?;
        let claimed: Vec<_> = jobs.iter().map(|job| job.id).collect();
        expect_eq(format!("claimed of {:?}", event.source), claimed, vec![event.jobs[0].id])?;
    }
    Ok(())
}

async fn a_want_takes_exactly_its_action(world: &World) -> Outcome {
    let jobs = names().into_iter().map(|name| with(world.job("crm"), |job| job.action = name));
    let event = with(world.event(), |event| event.jobs = jobs.collect());
    world.store.add_events(vec![event.clone()]).await?;
    for job in event.jobs {
        let claimed = world.claim_as("worker", Want::action("crm", &job.action, 10)).await?;
        let claimed: Vec<_> = claimed.iter().map(|job| job.id).collect();
        expect_eq(format!("claimed of {:?}", job.action), claimed, vec![job.id])?;
    }
    Ok(())
}

async fn a_pause_stops_exactly_its_destination(world: &World) -> Outcome {
    let events = stored(world).await?;
    // Every second name is paused, so that each has neighbours that are not.
    let mut paused = BTreeSet::new();
    for event in events.iter().step_by(2) {
        let name = event.source.as_str();
        let pause = Pause::new(world.toolkit.pause_id(), name, name).with_action(name);
        world.store.pause(pause.clone()).await?;
        paused.insert(event.jobs[0].id);
        let found = world.store.pauses().await?.into_iter().find(|found| found.id == pause.id);
        let found = found.ok_or_else(|| Failure::new(format!("no pause of {name:?} is found")))?;
        let expected = with(pause, |pause| pause.created_at = Some(world.now()));
        expect_eq("the pause", found, expected)?;
    }
    let claimed = world.claim_as("worker", Want::any(1_000)).await?;
    let claimed: BTreeSet<_> = claimed.iter().map(|job| job.id).collect();
    let free = events.iter().map(|event| event.jobs[0].id).filter(|id| !paused.contains(id));
    expect_eq("what is not paused is claimed", claimed, free.collect())
}

async fn stats_tell_every_name_apart(world: &World) -> Outcome {
    stored(world).await?;
    let stats = world.store.stats().await?;
    let told: Vec<_> = stats
        .iter()
        .map(|queue| (queue.destination.clone(), queue.action.clone(), queue.counts.acknowledged))
        .collect();
    let mut expected: Vec<_> = names().into_iter().map(|name| (name.clone(), name, 1)).collect();
    expected.sort();
    expect_eq("the queues, in ascending order", told, expected)
}

/// Claims belong to exactly the actor that made them.
async fn actors_are_told_apart(world: &World) -> Outcome {
    world.stored_jobs("crm", names().len()).await?;
    let mut claims = Vec::new();
    for name in names() {
        let claimed = world.claim_as(&name, Want::any(1)).await?;
        let actor = latest(&claimed[0])?.actor.clone();
        expect_eq("the actor of the claim", actor.as_deref(), Some(name.as_str()))?;
        claims.push((name, claimed[0].id));
    }
    for (name, job) in claims {
        let held = world.store.extend_leases(ExtendRequest::new(&name, LEASE, [])).await?.others;
        let held: Vec<_> = held.jobs().map(|(_, job)| job.id).collect();
        expect_eq(format!("claims of {name:?}"), held, vec![job])?;
    }
    world.advance(LEASE);
    for name in names() {
        world.store.expire_leases(ExpireRequest::new(&name, 1)).await?;
    }
    let jobs = world.contents().await?.jobs;
    let actors = jobs.iter().map(|job| Ok(latest(job)?.actor.clone().unwrap_or_default()));
    let actors = actors.collect::<Outcome<BTreeSet<String>>>()?;
    expect_eq("who gave them up", actors, names().into_iter().collect())
}

async fn a_reason_comes_back_as_it_went_in(world: &World) -> Outcome {
    let mut reasons = names();
    reasons.push("\u{1f600}".repeat(256));
    for reason in reasons {
        let pause = Pause::new(world.toolkit.pause_id(), "crm", "operator").with_reason(&reason);
        world.store.pause(pause.clone()).await?;
        let pauses = world.store.pauses().await?;
        let found = pauses.iter().find(|found| found.id == pause.id);
        let found = found.and_then(|found| found.reason.as_deref());
        expect_eq("the reason", found, Some(reason.as_str()))?;
        world.store.resume(pause.id).await?;
    }
    Ok(())
}

async fn an_error_comes_back_as_it_went_in(world: &World) -> Outcome {
    let mut messages = names();
    messages.push("\0".into());
    messages.push("before\0behind".into());
    let event = world.event();
    world.store.add_events(vec![event.clone()]).await?;
    for message in messages {
        let job = world.claimed_job("crm").await?;
        let error = JobError::new(&message).with_meta(serde_json::json!({ &message: &message }));
        let next = world.next(&job, Status::Discarded)?.with_error(error.clone());
        world.store.apply(vec![Change::new(next.clone())]).await?;
        let found = world.store.find_transition(next.id).await?.error;
        expect_eq("the error", found.as_ref(), Some(&error))?;
        expect_eq("its message", found.map(|error| error.message()), Some(message))?;
    }
    Ok(())
}

async fn the_largest_error_comes_back(world: &World) -> Outcome {
    let frame = r#"{"message":""}"#.len();
    let text = |part: &str| {
        let room = MAX_ERROR_BYTES - frame;
        format!(
            r#"{{"message":"{}{}"}}"#,
            part.repeat(room / part.len()),
            "x".repeat(room % part.len())
        )
    };
    for part in ["x", "\u{1f600}", r"\u0000", r"\ud83d\ude00", r"\\"] {
        let text = text(part);
        expect_eq("bytes of the error", text.len(), MAX_ERROR_BYTES)?;
        let error = JobError::from_json(text)?;
        let job = world.claimed_job("crm").await?;
        let next = world.next(&job, Status::Discarded)?.with_error(error.clone());
        world.append(next.clone()).await?;
        let found = world.store.find_transition(next.id).await?.error;
        expect_eq("the error", found, Some(error))?;
    }
    Ok(())
}

/// Two names that a database may hold for the same, but that are not.
async fn a_difference_that_only_looks_like_none_is_other_content(world: &World) -> Outcome {
    let pairs = [
        ("a", "A"),
        ("a", "a "),
        ("\u{e9}", "e\u{301}"),
        ("\u{df}", "ss"),
        ("1", "1.0"),
        ("i", "\u{131}"),
    ];
    for (one, other) in pairs {
        let event = named(world, one);
        world.store.add_events(vec![event.clone()]).await?;
        let changes: [fn(&mut Event, String); 6] = [
            |event, name| event.source = name,
            |event, name| event.trigger = name,
            |event, name| event.version = Some(name),
            |event, name| event.jobs[0].destination = name,
            |event, name| event.jobs[0].action = name,
            |event, name| event.jobs[0].version = Some(name),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let other_content = with(event.clone(), |event| change(event, other.into()));
            let refused = world.store.add_events(vec![other_content]).await;
            let what = format!("{one:?} and {other:?} in member {index}");
            expect_error(what, refused, ErrorKind::Conflict)?;
        }
    }
    Ok(())
}
