//! Transitions on their way in: the table of a job's life, and what may stand together in a call.

use blacksmith_store_core::{
    ChainEnd, Change, ErrorKind, Job, Result, Status, Store as _, Transition, is_legal,
    next_attempt,
};

use crate::recording::{Wrapped, but};

/// The table of a job's life, written down a second time. Rows: the state before; columns: the state after. `=`, `+`, `-`:
/// what becomes of the attempt; `r`: a `run_at` may be given.
const LIFE: [(Status, [&str; 7]); 7] = [
    //                     ackn. await. exec. succ. fail. disc. unkn.
    (Status::Acknowledged, ["", "=r", "+", "", "", "=", ""]),
    (Status::Awaiting, ["", "=r", "+", "", "", "=", ""]),
    (Status::Executing, ["", "-r", "", "=", "=r", "=", "=r"]),
    (Status::Succeeded, ["", "=r", "", "", "", "", ""]),
    (Status::Failed, ["", "=r", "+", "", "", "=", ""]),
    (Status::Discarded, ["", "=r", "", "", "", "", ""]),
    (Status::Unknown, ["", "=r", "+", "", "", "=", ""]),
];

fn moves() -> impl Iterator<Item = (Status, Status, &'static str)> {
    LIFE.into_iter().flat_map(|(before, row)| {
        Status::ALL.into_iter().zip(row).map(move |(after, cell)| (before, after, cell))
    })
}

fn attempt_after(cell: &str, attempt: u32) -> Option<u32> {
    match cell.chars().next()? {
        '+' => Some(attempt + 1),
        '-' => Some(attempt - 1),
        _ => Some(attempt),
    }
}

async fn append(wrapped: &Wrapped, transitions: Vec<Transition>) -> Result<()> {
    wrapped.store.add_transitions(&wrapped.toolkit, transitions).await.map(drop)
}

async fn apply(wrapped: &Wrapped, changes: Vec<Change>) -> Result<()> {
    wrapped.store.apply(&wrapped.toolkit, changes).await.map(drop)
}

#[test]
fn the_rows_of_the_table_are_in_the_order_of_the_statuses() {
    assert_eq!(LIFE.map(|(before, _)| before), Status::ALL);
}

#[tokio::test]
async fn what_the_table_has_reaches_the_adapter_and_nothing_else_does() -> Result<()> {
    for (before, after, cell) in moves() {
        assert_eq!(is_legal(before, after), !cell.is_empty(), "{before} to {after}");
        let wrapped = Wrapped::new();
        let mut transition = wrapped.outcome(after);
        transition.state_before = Some(before);
        let change = Change::new(transition.clone());
        if after == Status::Executing {
            let words = "only a claim leads to executing";
            wrapped.invalid(append(&wrapped, vec![transition]).await, words);
            wrapped.invalid(apply(&wrapped, vec![change]).await, words);
        } else if cell.is_empty() {
            let words = format!("a job cannot go from {before} to {after}");
            wrapped.invalid(append(&wrapped, vec![transition]).await, &words);
            wrapped.invalid(apply(&wrapped, vec![change]).await, &words);
        } else {
            append(&wrapped, vec![transition.clone()]).await?;
            assert_eq!(wrapped.received::<Vec<Transition>>(), [transition]);
            apply(&wrapped, vec![change.clone()]).await?;
            assert_eq!(wrapped.received::<Vec<Change>>(), [change]);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_run_at_stands_only_where_the_table_has_one() -> Result<()> {
    for (before, after, cell) in moves() {
        if cell.is_empty() || after == Status::Executing {
            continue;
        }
        let wrapped = Wrapped::new();
        let run_at = "2030-01-01T00:00:00Z".parse().expect("an instant");
        let mut transition = wrapped.outcome(after).with_run_at(run_at);
        transition.state_before = Some(before);
        let appended = append(&wrapped, vec![transition]).await;
        if cell.contains('r') {
            appended?;
        } else {
            wrapped.invalid(appended, &format!("a run_at makes no sense from {before} to {after}"));
        }
    }
    Ok(())
}

#[test]
fn a_jobs_next_transition_fits_its_chain_and_no_other_does() -> Result<()> {
    for (before, after, cell) in moves() {
        let wrapped = Wrapped::new();
        let mut latest = wrapped.outcome(before);
        (latest.attempt, latest.sequence) = (3, Some(6));
        let end = latest.chain_end();
        assert_eq!(end, ChainEnd { sequence: 6, status: before, attempt: 3 });

        let attempt = attempt_after(cell, 3);
        assert_eq!(next_attempt(before, 3, after), attempt, "{before} to {after}");
        let job = wrapped.job().with_transition(latest);
        let next = job.next(wrapped.toolkit.transition_id(), after);
        let Some(attempt) = attempt else {
            let error = next.expect_err("not in the table");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            continue;
        };
        let next = next?;
        assert_eq!((next.state_before, next.state_after), (Some(before), after));
        assert_eq!((next.attempt, next.sequence), (attempt, Some(7)));
        assert_eq!((next.job_id, next.event_id), (Some(job.id), job.event_id));
        assert!(end.accepts(&next));
        for other in [
            but(&next, |next| next.sequence = Some(6)),
            but(&next, |next| next.sequence = Some(8)),
            but(&next, |next| next.sequence = None),
            but(&next, |next| next.attempt = attempt + 1),
            but(&next, |next| next.state_before = None),
        ] {
            assert!(!end.accepts(&other), "{other:?}");
        }
    }
    Ok(())
}

#[test]
fn a_job_that_was_not_read_from_a_store_has_no_next_transition() {
    let wrapped = Wrapped::new();
    let unstored = wrapped.job();
    let without_sequence = unstored.clone().with_transition(wrapped.first(Status::Acknowledged));
    for job in [unstored, without_sequence] {
        let error =
            job.next(wrapped.toolkit.transition_id(), Status::Discarded).expect_err("no chain");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_transition_that_can_follow_in_no_chain_is_refused() {
    type Spoil = fn(&mut Transition);
    let spoils: [(&str, Spoil); 5] = [
        ("no state before; a job's first transition comes with the job", |one| {
            one.state_before = None;
        }),
        ("no sequence", |one| one.sequence = None),
        ("its sequence is 0", |one| one.sequence = Some(0)),
        ("its sequence is above 2^63-1", |one| one.sequence = Some(1 << 63)),
        ("no job is named by transition", |one| one.job_id = None),
    ];
    for (words, spoil) in spoils {
        let wrapped = Wrapped::new();
        let mut transition = wrapped.outcome(Status::Succeeded);
        spoil(&mut transition);
        let refused = append(&wrapped, vec![transition.clone()]).await;
        assert_eq!(refused.as_ref().expect_err(words).ids(), [transition.id.to_string()]);
        wrapped.invalid(refused, words);
        wrapped.invalid(apply(&wrapped, vec![Change::new(transition)]).await, words);
    }
}

#[tokio::test]
async fn the_largest_sequence_that_a_database_keeps_reaches_the_adapter() -> Result<()> {
    let wrapped = Wrapped::new();
    let largest =
        but(&wrapped.outcome(Status::Succeeded), |one| one.sequence = Some((1 << 63) - 1));
    append(&wrapped, vec![largest]).await
}

#[tokio::test]
async fn the_same_transition_twice_in_a_call_arrives_once() -> Result<()> {
    let wrapped = Wrapped::new();
    let outcome = wrapped.outcome(Status::Succeeded);
    append(&wrapped, vec![outcome.clone(), wrapped.outcome(Status::Failed), outcome.clone()])
        .await?;
    let received = wrapped.received::<Vec<Transition>>();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0], outcome);
    Ok(())
}

#[tokio::test]
async fn two_transitions_of_a_job_in_a_call_are_refused() {
    let wrapped = Wrapped::new();
    let outcome = wrapped.outcome(Status::Succeeded);
    let next = but(&outcome, |other| other.id = wrapped.toolkit.transition_id());
    let other_content = outcome.clone().with_actor("ana");
    let words = format!("there are two of {}", outcome.job_id.expect("a job"));
    for second in [next, other_content] {
        wrapped.invalid(append(&wrapped, vec![outcome.clone(), second.clone()]).await, &words);
        let mut one = Change::new(outcome.clone());
        one.transitions.push(second.clone());
        wrapped.invalid(apply(&wrapped, vec![one]).await, &words);
        let two = vec![Change::new(outcome.clone()), Change::new(second)];
        wrapped.invalid(apply(&wrapped, two).await, &words);
    }
    // In two changes even the same one: which of them would have added it?
    let two = vec![Change::new(outcome.clone()), Change::new(outcome)];
    wrapped.invalid(apply(&wrapped, two).await, &words);
}

#[tokio::test]
async fn one_transition_id_for_two_jobs_of_a_call_is_a_conflict() {
    let wrapped = Wrapped::new();
    let one = wrapped.outcome(Status::Succeeded);
    let other = but(&one, |other| other.job_id = Some(wrapped.toolkit.job_id()));
    let refused = append(&wrapped, vec![one, other]).await;
    wrapped.refused(refused, ErrorKind::Conflict, "two different transitions with the id");
}

#[tokio::test]
async fn one_bad_change_refuses_the_call() {
    let wrapped = Wrapped::new();
    let good = Change::new(wrapped.outcome(Status::Succeeded));
    let bad = Change::default().with_job(
        Job::new(wrapped.toolkit.job_id(), "", "a").with_event_id(wrapped.toolkit.event_id()),
    );
    wrapped.invalid(apply(&wrapped, vec![good, bad]).await, "destination of job");
}

#[tokio::test]
async fn a_call_keeps_the_order_and_the_shape_of_its_changes() -> Result<()> {
    let wrapped = Wrapped::new();
    let event = wrapped.event();
    let changes = vec![
        Change::new(wrapped.outcome(Status::Succeeded)).with_job(wrapped.job()),
        Change::default(),
        // The event of an earlier change, again: which of them stands is for the adapter to find out.
        Change::default().with_event(event.clone()),
        Change::default().with_event(event),
    ];
    apply(&wrapped, changes).await?;
    let shape = wrapped
        .received::<Vec<Change>>()
        .iter()
        .map(|change| (change.transitions.len(), change.events.len(), change.jobs.len()))
        .collect::<Vec<_>>();
    assert_eq!(shape, [(1, 0, 1), (0, 0, 0), (0, 1, 0), (0, 1, 0)]);
    Ok(())
}
