//! What the wrapper does for every method alike.

use std::time::{Duration, Instant};

use blacksmith_store_core::{
    Capabilities, ErrorKind, Event, Retry, Store as _, StoreError, Toolkit, admit,
};

use crate::recording::{METHODS, Recording, Wrapped};

type Result<T = ()> = blacksmith_store_core::Result<T>;

const READS: [&str; 9] = [
    "find_event",
    "find_job",
    "find_transition",
    "find_events",
    "find_jobs",
    "find_transitions",
    "pauses",
    "stats",
    "wakeups",
];

fn too_late() -> Toolkit {
    Toolkit::new().with_deadline(Instant::now())
}

/// The answer of an adapter whose batch repeated nothing is handed on as it is; of a `Claimed`, for example, the whole queue.
#[tokio::test]
async fn every_method_reaches_the_adapter_and_its_answer_comes_back() -> Result {
    for method in METHODS {
        let wrapped = Wrapped::new();
        assert_eq!(wrapped.call(method).await?, Wrapped::expected(method));
        assert_eq!(wrapped.calls(), [*method]);
    }
    Ok(())
}

#[tokio::test]
async fn every_error_carries_its_operation_and_keeps_its_kind() {
    for method in METHODS {
        for kind in [ErrorKind::Unavailable, ErrorKind::Corrupt, ErrorKind::Unsupported] {
            let wrapped = Wrapped::failing(kind, Retry::Never);
            let error = wrapped.call(method).await.expect_err(method);
            assert_eq!((error.operation(), error.kind()), (*method, kind));
            assert_eq!(error.to_string(), format!("{method}: {kind}: as it was told"));
        }
    }
}

#[tokio::test]
async fn the_outcome_of_a_read_is_never_unknown() {
    for method in METHODS {
        for told in [Retry::Never, Retry::Safe, Retry::OutcomeUnknown] {
            let wrapped = Wrapped::failing(ErrorKind::Unavailable, told);
            let error = wrapped.call(method).await.expect_err(method);
            let expected = match told {
                Retry::OutcomeUnknown if READS.contains(method) => Retry::Safe,
                told => told,
            };
            assert_eq!(error.retry(), expected, "{method} after {told:?}");
        }
    }
}

#[tokio::test]
async fn a_call_after_its_deadline_is_not_sent() {
    for method in METHODS {
        let wrapped = Wrapped::with(too_late());
        let error = wrapped.call(method).await.expect_err(method);
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Timeout, Retry::Safe), "{method}");
        assert_eq!(error.operation(), *method);
        assert_eq!(wrapped.calls(), [""; 0], "{method}");
    }
}

#[tokio::test]
async fn a_call_before_its_deadline_is_sent() -> Result {
    let toolkit = Toolkit::new().with_timeout(Duration::from_hours(1));
    let wrapped = Wrapped::with(toolkit);
    wrapped.call("stats").await?;
    assert_eq!(wrapped.calls(), ["stats"]);
    Ok(())
}

#[test]
fn what_an_adapter_says_of_itself_comes_through() {
    let wrapped = Wrapped::new();
    assert_eq!(wrapped.store.name(), "recording");
    assert_eq!(wrapped.store.options().from, "");
    assert_eq!(wrapped.store.capabilities(), Capabilities::NONE.with_durable());
    assert!(wrapped.store.as_any().is::<Recording>());
}

#[test]
fn an_operation_is_named_once() {
    let error = StoreError::corrupt("x").with_operation("open").with_operation("stats");
    assert_eq!(error.operation(), "open");
}

#[test]
fn events_for_a_callers_transaction_pass_the_same_checks() -> Result {
    let wrapped = Wrapped::new();
    let event = wrapped.event().with_version("").with_job(wrapped.job_of_no_event());

    assert!(admit::add_events(&wrapped.toolkit, Vec::new())?.is_none());

    let events = vec![event.clone(), event.clone()];
    let admitted = admit::add_events(&wrapped.toolkit, events)?.expect("a batch");
    assert_eq!(admitted.events.len(), 1);
    assert_eq!(admitted.events[0].version, None);
    assert_eq!(admitted.events[0].jobs[0].event_id, Some(event.id));
    let mut done = blacksmith_store_core::Added::default();
    (done.events, done.jobs) = (1, 1);
    let answer = admitted.answer(done);
    assert_eq!((answer.events, answer.events_known, answer.jobs, answer.jobs_known), (1, 1, 1, 1));

    let nameless = Event::new(wrapped.toolkit.event_id(), "", "t");
    let refused = admit::add_events(&wrapped.toolkit, vec![nameless]).err().expect("refused");
    assert_eq!((refused.kind(), refused.operation()), (ErrorKind::InvalidInput, "add_events"));
    let late = admit::add_events(&too_late(), vec![event]).err().expect("refused");
    assert_eq!((late.kind(), late.retry()), (ErrorKind::Timeout, Retry::Safe));
    Ok(())
}
