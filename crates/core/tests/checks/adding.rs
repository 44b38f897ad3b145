//! Events and jobs on their way in: what is made uniform, the limits, and ids that stand twice in a call.

use blacksmith_store_core::{
    Added, Bytes, Change, ChangeOutcome, ErrorKind, Event, Job, JobError, MAX_CALL_ENTRIES,
    MAX_CALL_PAYLOAD_BYTES, MAX_ERROR_BYTES, MAX_NAME_BYTES, MAX_PAYLOAD_BYTES, Result, Status,
    Store as _, Timestamp, never,
};

use crate::recording::{Wrapped, but};

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn known(added: Added) -> (u64, u64) {
    let adapter = (20, 40);
    (added.events_known - adapter.0, added.jobs_known - adapter.1)
}

async fn add(wrapped: &Wrapped, events: Vec<Event>) -> Result<Added> {
    wrapped.store.add_events(&wrapped.toolkit, events).await
}

async fn add_jobs(wrapped: &Wrapped, jobs: Vec<Job>) -> Result<Added> {
    wrapped.store.add_jobs(&wrapped.toolkit, jobs).await
}

async fn apply(wrapped: &Wrapped, changes: Vec<Change>) -> Result<Vec<ChangeOutcome>> {
    wrapped.store.apply(&wrapped.toolkit, changes).await
}

#[tokio::test]
async fn instants_are_cut_down_to_the_microsecond() -> Result<()> {
    let wrapped = Wrapped::new();
    let mut event = wrapped.event();
    event.sent_at = Some(instant("2020-12-31T23:59:59.999999999Z"));
    event.received_at = Some(instant("1969-12-31T23:59:59.0000009Z"));
    let mut job = wrapped.job_of_no_event();
    job.created_at = Some(instant("0001-01-01T00:00:00.000001999Z"));
    let run_at = instant("9999-12-31T23:59:59.999999999Z");
    event.jobs = vec![job.with_transition(wrapped.first(Status::Acknowledged).with_run_at(run_at))];
    add(&wrapped, vec![event]).await?;

    let [event] = wrapped.received::<Vec<Event>>().try_into().expect("one event");
    assert_eq!(event.sent_at, Some(instant("2020-12-31T23:59:59.999999Z")));
    assert_eq!(event.received_at, Some(instant("1969-12-31T23:59:59Z")));
    assert_eq!(event.jobs[0].created_at, Some(instant("0001-01-01T00:00:00.000001Z")));
    let first = event.jobs[0].transition.as_ref().expect("a first transition");
    assert_eq!(first.run_at, Some(instant("9999-12-31T23:59:59.999999Z")));
    Ok(())
}

/// RFC 3339 knows the second 60, which chrono keeps as more than a second of fraction; no database does.
#[tokio::test]
async fn a_leap_second_is_the_second_after_it() -> Result<()> {
    let wrapped = Wrapped::new();
    let mut event = wrapped.event();
    event.sent_at = Some(instant("2016-12-31T23:59:60.5Z"));
    add(&wrapped, vec![event.clone()]).await?;
    let received = wrapped.received::<Vec<Event>>()[0].sent_at;
    assert_eq!(received, Some(instant("2017-01-01T00:00:00.5Z")));

    let wrapped = Wrapped::new();
    event.sent_at = Some(instant("9999-12-31T23:59:60Z"));
    wrapped.invalid(add(&wrapped, vec![event]).await, "an instant lies in the years 1 to 9999");
    Ok(())
}

#[tokio::test]
async fn what_the_store_sets_and_what_means_none_does_not_arrive() -> Result<()> {
    let wrapped = Wrapped::new();
    let mut event = wrapped.event().with_version("");
    event.sent_at = Some(never());
    event.received_at = Some(never());
    event.ingested_at = Some(instant("2020-01-01T00:00:00Z"));
    let mut first = wrapped.first(Status::Acknowledged).with_run_at(never()).with_actor("");
    first.created_at = Some(instant("2020-01-01T00:00:00Z"));
    let mut job = wrapped.job_of_no_event().with_version("").with_transition(first);
    job.created_at = Some(never());
    event.jobs = vec![job];
    add(&wrapped, vec![event]).await?;

    let [event] = wrapped.received::<Vec<Event>>().try_into().expect("one event");
    assert_eq!((event.version, event.sent_at), (None, None));
    assert_eq!((event.received_at, event.ingested_at), (None, None));
    let job = &event.jobs[0];
    assert_eq!((job.version.as_ref(), job.created_at), (None, None));
    let first = job.transition.as_ref().expect("a first transition");
    assert_eq!((first.run_at, first.actor.as_ref(), first.created_at), (None, None, None));
    Ok(())
}

#[tokio::test]
async fn empty_batches_are_answered_with_zeros_and_touch_nothing() -> Result<()> {
    let wrapped = Wrapped::new();
    assert_eq!(add(&wrapped, Vec::new()).await?, Added::default());
    assert_eq!(add_jobs(&wrapped, Vec::new()).await?, Added::default());
    let appended = wrapped.store.add_transitions(&wrapped.toolkit, Vec::new()).await?;
    assert_eq!((appended.new, appended.known), (0, 0));
    assert_eq!(apply(&wrapped, Vec::new()).await?, []);
    let nothing = vec![Change::default(), Change::default()];
    assert_eq!(apply(&wrapped, nothing).await?, [ChangeOutcome::Known; 2]);
    assert_eq!(wrapped.calls(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn names_have_1_to_255_bytes_and_no_nul() -> Result<()> {
    type Setter = fn(&mut Event, String);
    let members: [(&str, Setter); 7] = [
        ("source of event", |event, name| event.source = name),
        ("trigger of event", |event, name| event.trigger = name),
        ("version of event", |event, name| event.version = Some(name)),
        ("destination of job", |event, name| event.jobs[0].destination = name),
        ("action of job", |event, name| event.jobs[0].action = name),
        ("version of job", |event, name| event.jobs[0].version = Some(name)),
        ("actor of transition", |event, name| {
            event.jobs[0].transition.as_mut().expect("a first transition").actor = Some(name);
        }),
    ];
    let longest = "é".repeat(MAX_NAME_BYTES / 2) + "x";
    let too_long = "é".repeat(MAX_NAME_BYTES / 2 + 1);
    for (member, set) in members {
        let wrapped = Wrapped::new();
        let mut event = wrapped.event().with_job(
            wrapped.job_of_no_event().with_transition(wrapped.first(Status::Acknowledged)),
        );
        set(&mut event, too_long.clone());
        wrapped.invalid(add(&wrapped, vec![event.clone()]).await, &format!("{member} "));
        set(&mut event, too_long.clone());
        wrapped
            .invalid(add(&wrapped, vec![event.clone()]).await, "has 256 bytes; the limit is 255");
        set(&mut event, "a\0b".to_owned());
        wrapped.invalid(add(&wrapped, vec![event.clone()]).await, "contains a NUL byte");
        if !member.contains("version") && !member.contains("actor") {
            set(&mut event, String::new());
            wrapped.invalid(add(&wrapped, vec![event.clone()]).await, "is empty");
        }
        for name in [&longest, "x", "\u{1}\u{7f}\u{2028} ' \" \\ %_"] {
            set(&mut event, name.to_owned());
            add(&wrapped, vec![event.clone()]).await?;
        }
        assert_eq!(wrapped.calls().len(), 3);
    }
    Ok(())
}

#[tokio::test]
async fn instants_lie_in_the_years_1_to_9999() {
    type Setter = fn(&mut Event, Timestamp);
    let year_zero = instant("0001-01-01T00:00:00Z") - chrono::TimeDelta::nanoseconds(1);
    let year_10000 = instant("9999-12-31T23:59:59.999999999Z") + chrono::TimeDelta::nanoseconds(1);
    let members: [(&str, Setter); 4] = [
        ("sent_at of event", |event, instant| event.sent_at = Some(instant)),
        ("received_at of event", |event, instant| event.received_at = Some(instant)),
        ("created_at of job", |event, instant| event.jobs[0].created_at = Some(instant)),
        ("run_at of transition", |event, instant| {
            event.jobs[0].transition.as_mut().expect("a first transition").run_at = Some(instant);
        }),
    ];
    for (member, set) in members {
        for out_of_range in [year_zero, year_10000] {
            let wrapped = Wrapped::new();
            let mut event = wrapped.event().with_job(
                wrapped.job_of_no_event().with_transition(wrapped.first(Status::Acknowledged)),
            );
            set(&mut event, out_of_range);
            wrapped.invalid(add(&wrapped, vec![event]).await, member);
        }
    }
}

#[tokio::test]
async fn a_payload_has_at_most_16_mib_and_a_call_256() -> Result<()> {
    let largest = Bytes::from(vec![0; MAX_PAYLOAD_BYTES]);
    let too_large = Bytes::from(vec![0; MAX_PAYLOAD_BYTES + 1]);
    let wrapped = Wrapped::new();
    for (event, member) in [
        (wrapped.event().with_data(too_large.clone()), "data of event"),
        (wrapped.event().with_context(too_large.clone()), "context of event"),
        (
            wrapped.event().with_job(wrapped.job_of_no_event().with_data(too_large.clone())),
            "data of job",
        ),
        (
            wrapped.event().with_job(wrapped.job_of_no_event().with_context(too_large)),
            "context of job",
        ),
    ] {
        wrapped.invalid(add(&wrapped, vec![event]).await, member);
    }

    let full = |wrapped: &Wrapped| -> Vec<Event> {
        (0..MAX_CALL_PAYLOAD_BYTES / MAX_PAYLOAD_BYTES / 2)
            .map(|_| wrapped.event().with_data(largest.clone()).with_context(largest.clone()))
            .collect()
    };
    let mut above = full(&wrapped);
    above.push(wrapped.event().with_job(wrapped.job_of_no_event().with_data("x")));
    wrapped.invalid(add(&wrapped, above).await, "more than 268435456 bytes of payload");

    add(&wrapped, full(&wrapped)).await?;
    Ok(())
}

#[tokio::test]
async fn a_call_has_at_most_10_000_events_jobs_and_transitions() -> Result<()> {
    let wrapped = Wrapped::new();
    let full = |wrapped: &Wrapped| -> Vec<Event> {
        let first = || wrapped.first(Status::Acknowledged);
        let with_job =
            || wrapped.event().with_job(wrapped.job_of_no_event().with_transition(first()));
        std::iter::repeat_with(with_job).take(3_333).chain([wrapped.event()]).collect()
    };
    let mut above = full(&wrapped);
    above.push(wrapped.event());
    wrapped.invalid(add(&wrapped, above).await, "more than 10000 events, jobs and transitions");

    let outcomes = |count: usize| {
        std::iter::repeat_with(|| wrapped.outcome(Status::Failed)).take(count).collect::<Vec<_>>()
    };
    let above = outcomes(MAX_CALL_ENTRIES + 1);
    let refused = wrapped.store.add_transitions(&wrapped.toolkit, above.clone()).await;
    wrapped.invalid(refused, "more than 10000");
    let above = above.into_iter().map(Change::new).collect();
    wrapped.invalid(apply(&wrapped, above).await, "more than 10000");

    add(&wrapped, full(&wrapped)).await?;
    wrapped.store.add_transitions(&wrapped.toolkit, outcomes(MAX_CALL_ENTRIES)).await?;
    apply(&wrapped, outcomes(MAX_CALL_ENTRIES).into_iter().map(Change::new).collect()).await?;
    assert_eq!(wrapped.calls(), ["add_events", "add_transitions", "apply"]);
    Ok(())
}

#[tokio::test]
async fn an_error_has_at_most_64_kib_of_json() -> Result<()> {
    let of_length = |len: usize| JobError::from_json(format!("\"{}\"", "x".repeat(len - 2)));
    let wrapped = Wrapped::new();
    let outcome = wrapped.outcome(Status::Failed);
    let above = outcome.clone().with_error(of_length(MAX_ERROR_BYTES + 1)?);
    let refused = wrapped.store.add_transitions(&wrapped.toolkit, vec![above]).await;
    wrapped.invalid(refused, &format!("error of transition {} has 65537 bytes", outcome.id));

    let largest = outcome.with_error(of_length(MAX_ERROR_BYTES)?);
    wrapped.store.add_transitions(&wrapped.toolkit, vec![largest]).await?;
    Ok(())
}

#[tokio::test]
async fn the_same_entry_twice_arrives_once_and_counts_as_known() -> Result<()> {
    let wrapped = Wrapped::new();
    let first_job = wrapped.job_of_no_event();
    let second_job = wrapped.job_of_no_event();
    let event = wrapped.event().with_version("v1").with_job(first_job.clone());
    let again = but(&event, |event| event.jobs = vec![first_job, second_job]);
    // Of an event that is known, the jobs that are not are added.
    let added = add(&wrapped, vec![event.clone(), again, event.clone()]).await?;
    assert_eq!(known(added), (2, 2));
    let [received] = wrapped.received::<Vec<Event>>().try_into().expect("one event");
    assert_eq!(received.jobs.len(), 2);

    let job = wrapped.job();
    assert_eq!(known(add_jobs(&wrapped, vec![job.clone(), job.clone()]).await?), (0, 1));
    assert_eq!(wrapped.received::<Vec<Job>>().len(), 1);
    Ok(())
}

#[tokio::test]
async fn times_that_the_store_sets_make_no_difference_between_two_of_one_id() -> Result<()> {
    let wrapped = Wrapped::new();
    let event = wrapped.event().with_job(wrapped.job_of_no_event());
    let mut later = event.clone();
    later.received_at = Some(instant("2020-01-01T00:00:00Z"));
    later.jobs[0].created_at = Some(instant("2020-01-01T00:00:00Z"));
    let run_at = instant("2030-01-01T00:00:00Z");
    later.jobs[0].transition = Some(wrapped.first(Status::Acknowledged).with_run_at(run_at));
    assert_eq!(known(add(&wrapped, vec![event, later]).await?), (1, 1));
    Ok(())
}

#[tokio::test]
async fn one_id_with_two_contents_in_a_call_is_a_conflict() {
    type Changer = fn(&mut Event, &Wrapped);
    let wrapped = Wrapped::new();
    let event = wrapped.event().with_job(wrapped.job_of_no_event());
    let changes: [(&str, Changer); 14] = [
        ("events", |event, _| event.source = "other".into()),
        ("events", |event, _| event.trigger = "other".into()),
        ("events", |event, _| event.version = Some("v2".into())),
        ("events", |event, _| event.context = Some(Bytes::new())),
        ("events", |event, _| event.data = Some(Bytes::new())),
        ("events", |event, _| event.sent_at = Some(Timestamp::default())),
        ("events", |event, wrapped| event.parent_event_id = Some(wrapped.toolkit.event_id())),
        ("jobs", |event, _| event.jobs[0].destination = "other".into()),
        ("jobs", |event, _| event.jobs[0].action = "other".into()),
        ("jobs", |event, _| event.jobs[0].version = Some("v2".into())),
        ("jobs", |event, _| event.jobs[0].context = Some(Bytes::new())),
        ("jobs", |event, _| event.jobs[0].data = Some(Bytes::new())),
        ("jobs", |event, wrapped| event.jobs[0].parent_job_id = Some(wrapped.toolkit.job_id())),
        ("jobs", |event, wrapped| event.id = wrapped.toolkit.event_id()),
    ];
    for (what, change) in changes {
        let mut other = event.clone();
        change(&mut other, &wrapped);
        let words = format!("two different {what} with the id");
        wrapped.refused(
            add(&wrapped, vec![event.clone(), other]).await,
            ErrorKind::Conflict,
            &words,
        );
    }

    let job = wrapped.job();
    let elsewhere = job.clone().with_event_id(wrapped.toolkit.event_id());
    let refused = add_jobs(&wrapped, vec![job, elsewhere]).await;
    wrapped.refused(refused, ErrorKind::Conflict, "two different jobs with the id");
}

#[tokio::test]
async fn one_transition_id_for_two_jobs_is_a_conflict() {
    let wrapped = Wrapped::new();
    let first = wrapped.first(Status::Acknowledged);
    let jobs = [(); 2].map(|()| wrapped.job().with_transition(first.clone()));
    let refused = add_jobs(&wrapped, jobs.to_vec()).await;
    wrapped.refused(refused, ErrorKind::Conflict, "two different transitions with the id");

    let mut outcome = wrapped.outcome(Status::Succeeded);
    outcome.id = first.id;
    let change = Change::new(outcome).with_job(wrapped.job().with_transition(first));
    let refused = apply(&wrapped, vec![change]).await;
    wrapped.refused(refused, ErrorKind::Conflict, "two different transitions with the id");
}

#[tokio::test]
async fn a_conflict_names_its_id() {
    let wrapped = Wrapped::new();
    let event = wrapped.event();
    let other = but(&event, |event| event.source = "other".into());
    let error = add(&wrapped, vec![event.clone(), other]).await.expect_err("two contents");
    assert_eq!(error.ids(), [event.id.to_string()]);
}

#[tokio::test]
async fn a_job_inside_an_event_is_the_events() -> Result<()> {
    let wrapped = Wrapped::new();
    let job = wrapped.job();
    let refused = add(&wrapped, vec![wrapped.event().with_job(job.clone())]).await;
    wrapped.invalid(refused, &format!("a job that names another event: {}", job.id));

    let event = wrapped.event();
    let named = job.with_event_id(event.id);
    let unnamed = wrapped.job_of_no_event();
    add(&wrapped, vec![event.clone().with_job(named).with_job(unnamed)]).await?;
    let received = wrapped.received::<Vec<Event>>();
    assert!(received[0].jobs.iter().all(|job| job.event_id == Some(event.id)));
    Ok(())
}

#[tokio::test]
async fn a_job_outside_an_event_names_its_event() {
    let wrapped = Wrapped::new();
    let job = wrapped.job_of_no_event();
    let words = format!("no event is named by job {}", job.id);
    wrapped.invalid(add_jobs(&wrapped, vec![job.clone()]).await, &words);
    wrapped.invalid(apply(&wrapped, vec![Change::default().with_job(job)]).await, &words);
}
