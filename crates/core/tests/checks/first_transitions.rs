//! The first transition of a job, given or made.

use blacksmith_store_core::{Change, Event, Job, Result, Status, Store as _, Transition};

use crate::recording::Wrapped;

/// The three ways in which a job is added.
#[derive(Clone, Copy, Debug)]
enum Way {
    InEvent,
    Alone,
    InChange,
}

const WAYS: [Way; 3] = [Way::InEvent, Way::Alone, Way::InChange];

/// Adds a job that stands inside or names an event; answers the job as it reached the adapter.
async fn add(wrapped: &Wrapped, way: Way, job: Job) -> Result<Job> {
    let (store, toolkit) = (&wrapped.store, &wrapped.toolkit);
    Ok(match way {
        Way::InEvent => {
            let mut event = wrapped.event();
            event.id = job.event_id.expect("an event");
            store.add_events(toolkit, vec![event.with_job(job)]).await?;
            wrapped.received::<Vec<Event>>().remove(0).jobs.remove(0)
        }
        Way::Alone => {
            store.add_jobs(toolkit, vec![job]).await?;
            wrapped.received::<Vec<Job>>().remove(0)
        }
        Way::InChange => {
            store.apply(toolkit, vec![Change::default().with_job(job)]).await?;
            wrapped.received::<Vec<Change>>().remove(0).jobs.remove(0)
        }
    })
}

#[tokio::test]
async fn a_job_without_one_gets_the_default_of_its_way() -> Result<()> {
    for (way, default) in [
        (Way::InEvent, Status::Acknowledged),
        (Way::Alone, Status::Acknowledged),
        (Way::InChange, Status::Awaiting),
    ] {
        let wrapped = Wrapped::new();
        let job = add(&wrapped, way, wrapped.job()).await?;
        let made = job.transition.as_ref().expect("a first transition");
        let mut expected = Transition::first(made.id, default);
        (expected.sequence, expected.job_id, expected.event_id) =
            (Some(0), Some(job.id), job.event_id);
        assert_eq!(made, &expected, "{way:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_jobs_of_a_changes_event_are_acknowledged() -> Result<()> {
    let wrapped = Wrapped::new();
    let event = wrapped.event().with_job(wrapped.job_of_no_event());
    let change = Change::default().with_event(event);
    wrapped.store.apply(&wrapped.toolkit, vec![change.clone()]).await?;
    let received = wrapped.received::<Vec<Change>>();
    assert_eq!(received[0].events[0].jobs[0].status(), Some(Status::Acknowledged));

    let mut awaiting = change;
    awaiting.events[0].jobs[0].transition = Some(wrapped.first(Status::Awaiting));
    let wrapped = Wrapped::new();
    let refused = wrapped.store.apply(&wrapped.toolkit, vec![awaiting]).await;
    wrapped.invalid(refused, "is awaiting instead of acknowledged");
    Ok(())
}

#[tokio::test]
async fn a_given_one_has_a_state_that_its_way_allows() -> Result<()> {
    for way in WAYS {
        for status in Status::ALL {
            let wrapped = Wrapped::new();
            let added =
                add(&wrapped, way, wrapped.job().with_transition(wrapped.first(status))).await;
            let allowed = match status {
                Status::Acknowledged => true,
                Status::Awaiting => !matches!(way, Way::InEvent),
                _ => false,
            };
            if allowed {
                assert_eq!(added?.status(), Some(status), "{way:?}");
            } else {
                wrapped.invalid(added, &format!("is {status} instead of"));
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_given_one_keeps_its_content_and_gets_its_ids() -> Result<()> {
    for way in WAYS {
        for ids_given in [false, true] {
            let wrapped = Wrapped::new();
            let job = wrapped.job();
            let mut first = wrapped
                .first(Status::Acknowledged)
                .with_actor("ana")
                .with_run_at("2030-01-01T00:00:00Z".parse().expect("an instant"));
            if ids_given {
                (first.sequence, first.job_id, first.event_id) =
                    (Some(0), Some(job.id), job.event_id);
            }
            let added = add(&wrapped, way, job.clone().with_transition(first.clone())).await?;
            (first.sequence, first.job_id, first.event_id) = (Some(0), Some(job.id), job.event_id);
            assert_eq!(added.transition, Some(first), "{way:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn one_that_is_not_a_first_transition_is_refused() {
    type Spoil = fn(&mut Transition, &Wrapped);
    let spoils: [(&str, Spoil); 5] = [
        ("has a state before", |first, _| first.state_before = Some(Status::Acknowledged)),
        ("has an attempt other than 0", |first, _| first.attempt = 1),
        ("has a sequence other than 0", |first, _| first.sequence = Some(1)),
        ("names another job", |first, wrapped| first.job_id = Some(wrapped.toolkit.job_id())),
        ("names another event", |first, wrapped| first.event_id = Some(wrapped.toolkit.event_id())),
    ];
    for way in WAYS {
        for (words, spoil) in spoils {
            let wrapped = Wrapped::new();
            let mut first = wrapped.first(Status::Acknowledged);
            spoil(&mut first, &wrapped);
            let job = wrapped.job().with_transition(first);
            wrapped.invalid(add(&wrapped, way, job).await, words);
        }
    }
}
