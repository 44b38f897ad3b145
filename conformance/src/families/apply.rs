//! Changes stand or fall each as a whole, in their order, and the answer tells what became of each.

use blacksmith_store_core::{
    Change, ChangeOutcome, ErrorKind, Event, EventId, Job, PurgeRequest, Status, Transition,
    WhereEvents,
};
use futures_util::future::join_all;

use crate::{
    case::family,
    failure::{Failure, Outcome, expect_eq, expect_error},
    world::{World, latest, with},
};

use ChangeOutcome::{Applied, Conflict, Gone, Known, Stale};

family! {
    "apply";
    an_outcome_and_its_follow_ups_are_stored_together,
    follow_ups_are_awaiting_and_jobs_of_events_acknowledged,
    a_follow_up_may_say_how_it_begins,
    follow_ups_are_due_and_keep_every_field,
    a_resent_change_is_known_and_adds_nothing,
    a_change_whose_transitions_are_known_adds_no_follow_up,
    a_resent_change_after_the_job_moved_on_is_known,
    a_change_without_transitions_is_known_when_all_its_ids_are,
    a_change_without_transitions_adds_what_is_missing,
    an_empty_change_is_known,
    a_stale_change_stores_nothing,
    a_change_of_a_missing_job_is_gone,
    a_follow_up_of_a_missing_event_is_gone,
    a_follow_up_of_an_event_that_the_change_adds_is_applied,
    an_id_with_other_content_is_a_conflict,
    a_known_change_is_known_whatever_else_is_wrong_with_it,
    gone_wins_over_conflict_and_stale,
    conflict_wins_over_stale,
    a_change_of_two_jobs_falls_with_one,
    what_is_known_of_a_change_is_not_stored_twice,
    the_answer_is_in_the_order_of_the_changes,
    a_change_sees_what_the_changes_before_it_stored,
    a_change_does_not_see_what_a_fallen_one_would_have_stored,
    a_job_that_a_change_adds_may_be_moved_by_it,
    one_event_in_two_changes,
    invalid_input_in_one_change_refuses_all,
    a_jobs_transitions_in_two_changes_are_invalid,
    another_event_than_the_jobs_is_invalid,
    one_change_sent_by_eight_at_once_is_applied_once,
}

async fn apply(world: &World, change: Change) -> Outcome<ChangeOutcome> {
    let outcomes = world.store.apply(vec![change]).await?;
    expect_eq("one outcome for one change", outcomes.len(), 1)?;
    Ok(outcomes[0])
}

/// A claimed job, and the transition by which it succeeds.
async fn outcome(world: &World, destination: &str) -> Outcome<(Job, Transition)> {
    let job = world.claimed_job(destination).await?;
    let end = world.next(&job, Status::Succeeded)?;
    Ok((job, end))
}

/// An outcome that no longer fits.
async fn stale_outcome(world: &World, destination: &str) -> Outcome<Transition> {
    let (job, end) = outcome(world, destination).await?;
    world.moved(&job, Status::Failed).await?;
    Ok(end)
}

/// An outcome of a job that is not stored.
async fn gone_outcome(world: &World, destination: &str) -> Outcome<Transition> {
    let (_, end) = outcome(world, destination).await?;
    Ok(with(end, |end| {
        end.id = world.toolkit.transition_id();
        end.job_id = Some(world.toolkit.job_id());
        end.event_id = None;
    }))
}

/// A job that follows from another one, of the same event.
fn follow_up(world: &World, of: &Job, destination: &str) -> Job {
    with(world.job(destination), |job| {
        job.event_id = of.event_id;
        job.parent_job_id = Some(of.id);
    })
}

async fn an_outcome_and_its_follow_ups_are_stored_together(world: &World) -> Outcome {
    let (job, end) = outcome(world, "crm").await?;
    let follow = follow_up(world, &job, "warehouse");
    let event = world.event().with_job(world.job("erp"));
    let change = Change::new(end.clone()).with_job(follow.clone()).with_event(event.clone());
    expect_eq("the change", apply(world, change).await?, Applied)?;

    world.expect_latest("the outcome", job.id, end.id).await?;
    expect_eq("its child", world.store.find_job(follow.id).await?.parent_job_id, Some(job.id))?;
    expect_eq("its event", world.store.find_event(event.id).await?.jobs.len(), 1)
}

async fn follow_ups_are_awaiting_and_jobs_of_events_acknowledged(world: &World) -> Outcome {
    let (job, end) = outcome(world, "crm").await?;
    let follow = follow_up(world, &job, "warehouse");
    let event = world.event().with_job(world.job("erp"));
    apply(world, Change::new(end).with_job(follow.clone()).with_event(event.clone())).await?;

    expect_eq("of the follow-up", world.states(follow.id).await?, vec![Status::Awaiting])?;
    let of_event = world.states(event.jobs[0].id).await?;
    expect_eq("of the event's job", of_event, vec![Status::Acknowledged])
}

async fn a_follow_up_may_say_how_it_begins(world: &World) -> Outcome {
    for status in Status::ALL {
        let (job, end) = outcome(world, "crm").await?;
        let follow = follow_up(world, &job, "erp").with_transition(world.first(status));
        let answer = world.store.apply(vec![Change::new(end).with_job(follow.clone())]).await;
        if matches!(status, Status::Acknowledged | Status::Awaiting) {
            expect_eq("the change", answer?, vec![Applied])?;
            expect_eq("its states", world.states(follow.id).await?, vec![status])?;
        } else {
            expect_error(format!("a first {status}"), answer, ErrorKind::InvalidInput)?;
        }
    }
    Ok(())
}

async fn follow_ups_are_due_and_keep_every_field(world: &World) -> Outcome {
    let (job, end) = outcome(world, "crm").await?;
    let follow = follow_up(world, &job, "warehouse")
        .with_version("v2")
        .with_context("context")
        .with_data("data");
    apply(world, Change::new(end).with_job(follow.clone())).await?;
    let claimed = world.claim_one("warehouse").await?;
    let expected = with(follow, |job| {
        job.created_at = Some(world.now());
        job.transition.clone_from(&claimed.transition);
    });
    expect_eq("the follow-up", claimed, expected)
}

async fn a_resent_change_is_known_and_adds_nothing(world: &World) -> Outcome {
    let (job, end) = outcome(world, "crm").await?;
    let change = Change::new(end)
        .with_job(follow_up(world, &job, "warehouse"))
        .with_event(world.event().with_job(world.job("erp")));
    expect_eq("first sent", apply(world, change.clone()).await?, Applied)?;
    let before = world.contents().await?;
    for _ in 0..3 {
        expect_eq("sent again", apply(world, change.clone()).await?, Known)?;
    }
    world.expect_unchanged("resends", &before).await
}

/// The outcome was stored without them, so whoever stored it decided that there are none.
async fn a_change_whose_transitions_are_known_adds_no_follow_up(world: &World) -> Outcome {
    let (job, end) = outcome(world, "crm").await?;
    world.append(end.clone()).await?;
    let before = world.contents().await?;
    let change = Change::new(end)
        .with_job(follow_up(world, &job, "warehouse"))
        .with_event(world.event().with_job(world.job("erp")));
    expect_eq("the change", apply(world, change).await?, Known)?;
    world.expect_unchanged("a known change", &before).await
}

async fn a_resent_change_after_the_job_moved_on_is_known(world: &World) -> Outcome {
    let job = world.claimed_job("crm").await?;
    let change = Change::new(world.next(&job, Status::Failed)?).with_job(follow_up(
        world,
        &job,
        "warehouse",
    ));
    apply(world, change.clone()).await?;
    let job = world.claim_one("crm").await?;
    world.moved(&job, Status::Succeeded).await?;
    let follow = world.claim_one("warehouse").await?;
    world.moved(&follow, Status::Discarded).await?;

    let before = world.contents().await?;
    expect_eq("sent again", apply(world, change).await?, Known)?;
    world.expect_unchanged("a late resend", &before).await
}

async fn a_change_without_transitions_is_known_when_all_its_ids_are(world: &World) -> Outcome {
    let stored = world.stored_job("crm").await?;
    let event = world.event().with_job(world.job("erp"));
    let change =
        Change::default().with_event(event).with_job(follow_up(world, &stored, "warehouse"));
    expect_eq("first sent", apply(world, change.clone()).await?, Applied)?;
    world.claim_one("warehouse").await?;
    let before = world.contents().await?;
    expect_eq("sent again", apply(world, change).await?, Known)?;
    world.expect_unchanged("a resend", &before).await
}

async fn a_change_without_transitions_adds_what_is_missing(world: &World) -> Outcome {
    let stored = world.stored_job("crm").await?;
    let (event, follow) = (world.event(), follow_up(world, &stored, "warehouse"));
    let change = Change::default().with_event(event.clone());
    expect_eq("an event", apply(world, change.clone()).await?, Applied)?;
    let change = change.with_job(follow.clone());
    expect_eq("with a job more", apply(world, change.clone()).await?, Applied)?;
    let bigger =
        Change::default().with_event(event.clone().with_job(world.job("erp"))).with_job(follow);
    expect_eq("with a job inside the event", apply(world, bigger.clone()).await?, Applied)?;
    expect_eq("the first again", apply(world, change).await?, Known)?;
    expect_eq("the last again", apply(world, bigger).await?, Known)?;
    expect_eq("the event's jobs", world.store.find_event(event.id).await?.jobs.len(), 1)
}

async fn an_empty_change_is_known(world: &World) -> Outcome {
    let (_, end) = outcome(world, "crm").await?;
    let changes = vec![Change::default(), Change::new(end), Change::default()];
    expect_eq("among others", world.store.apply(changes).await?, vec![Known, Applied, Known])?;
    expect_eq("alone", world.store.apply(vec![Change::default()]).await?, vec![Known])?;
    expect_eq("none at all", world.store.apply(vec![]).await?, vec![])
}

async fn a_stale_change_stores_nothing(world: &World) -> Outcome {
    let (job, end) = outcome(world, "crm").await?;
    world.moved(&job, Status::Failed).await?;
    let before = world.contents().await?;
    let change = Change::new(end)
        .with_job(follow_up(world, &job, "warehouse"))
        .with_event(world.event().with_job(world.job("erp")));
    expect_eq("the change", apply(world, change).await?, Stale)?;
    world.expect_unchanged("a stale change", &before).await
}

async fn a_change_of_a_missing_job_is_gone(world: &World) -> Outcome {
    let missing = gone_outcome(world, "crm").await?;
    let before = world.contents().await?;
    let change = Change::new(missing).with_event(world.event().with_job(world.job("erp")));
    expect_eq("the change", apply(world, change).await?, Gone)?;
    world.expect_unchanged("a change of a missing job", &before).await?;

    let (job, end) = outcome(world, "erp").await?;
    world.append(end.clone()).await?;
    world.store.purge(PurgeRequest::new(WhereEvents::of_job(job.id)).with_recent()).await?;
    expect_eq("a resend after the purge", apply(world, Change::new(end)).await?, Gone)
}

async fn a_follow_up_of_a_missing_event_is_gone(world: &World) -> Outcome {
    let (job, end) = outcome(world, "crm").await?;
    let orphan = world.job("warehouse").with_event_id(world.toolkit.event_id());
    let before = world.contents().await?;
    let change = Change::new(end)
        .with_job(follow_up(world, &job, "erp"))
        .with_job(orphan.clone())
        .with_event(world.event());
    expect_eq("with an outcome", apply(world, change).await?, Gone)?;
    expect_eq("alone", apply(world, Change::default().with_job(orphan)).await?, Gone)?;
    world.expect_unchanged("follow-ups of a missing event", &before).await
}

async fn a_follow_up_of_an_event_that_the_change_adds_is_applied(world: &World) -> Outcome {
    let (_, end) = outcome(world, "crm").await?;
    let event = world.event().with_job(world.job("erp"));
    let follow = world.job("warehouse").with_event_id(event.id);
    let change = Change::new(end).with_event(event.clone()).with_job(follow.clone());
    expect_eq("the change", apply(world, change).await?, Applied)?;
    let jobs = world.store.find_event(event.id).await?.jobs;
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    expect_eq("the event's jobs", ids, vec![event.jobs[0].id, follow.id])
}

async fn an_id_with_other_content_is_a_conflict(world: &World) -> Outcome {
    let stored = world.claimed_job("stored").await?;
    let sent = world.next(&stored, Status::Failed)?;
    world.append(sent.clone()).await?;
    let event = with(world.event(), |event| event.id = stored.event_id.unwrap_or(event.id));
    let other_event = event.with_data("other");
    let other_job = with(follow_up(world, &stored, "other"), |job| job.id = stored.id);
    let inside = with(other_job.clone(), |job| job.event_id = None);
    let other_transition = sent.with_actor("somebody");

    for change in [
        Change::default().with_event(other_event.clone()),
        Change::default().with_job(other_job.clone()),
        Change::default().with_event(world.event().with_job(inside)),
        Change::new(other_transition),
    ] {
        let before = world.contents().await?;
        expect_eq("alone", apply(world, change).await?, Conflict)?;
        world.expect_unchanged("a conflicting change", &before).await?;
    }
    for (destination, with_conflict) in [
        ("a", Change::default().with_event(other_event)),
        ("b", Change::default().with_job(other_job)),
    ] {
        let (_, end) = outcome(world, destination).await?;
        let change = with(with_conflict, |change| change.transitions.push(end));
        let before = world.contents().await?;
        expect_eq("with an outcome that fits", apply(world, change).await?, Conflict)?;
        world.expect_unchanged("a conflicting change", &before).await?;
    }
    Ok(())
}

async fn a_known_change_is_known_whatever_else_is_wrong_with_it(world: &World) -> Outcome {
    let (job, end) = outcome(world, "crm").await?;
    world.append(end.clone()).await?;
    let orphan = world.job("erp").with_event_id(world.toolkit.event_id());
    let conflicting = with(follow_up(world, &job, "erp"), |other| other.id = job.id);
    let before = world.contents().await?;
    for change in
        [Change::new(end.clone()).with_job(orphan), Change::new(end).with_job(conflicting)]
    {
        expect_eq("its only transition is known", apply(world, change).await?, Known)?;
    }
    world.expect_unchanged("known changes", &before).await
}

async fn gone_wins_over_conflict_and_stale(world: &World) -> Outcome {
    let stored = world.stored_job("stored").await?;
    let conflicting = with(follow_up(world, &stored, "other"), |job| job.id = stored.id);
    let orphan = world.job("erp").with_event_id(world.toolkit.event_id());
    let stale = stale_outcome(world, "stale").await?;
    let missing = gone_outcome(world, "missing").await?;
    let before = world.contents().await?;
    for change in [
        Change::new(stale.clone()).with_job(orphan.clone()),
        Change::default().with_job(conflicting.clone()).with_job(orphan),
        Change::new(missing.clone()).with_job(conflicting),
        with(Change::new(stale), |change| change.transitions.push(missing)),
    ] {
        expect_eq("something is missing", apply(world, change).await?, Gone)?;
    }
    world.expect_unchanged("fallen changes", &before).await
}

async fn conflict_wins_over_stale(world: &World) -> Outcome {
    let stored = world.claimed_job("stored").await?;
    let sent = world.next(&stored, Status::Failed)?;
    world.append(sent.clone()).await?;
    let conflicting = with(follow_up(world, &stored, "other"), |job| job.id = stored.id);
    let stale = stale_outcome(world, "stale").await?;
    let before = world.contents().await?;
    for change in [
        Change::new(stale.clone()).with_job(conflicting),
        with(Change::new(stale), |change| change.transitions.push(sent.with_actor("somebody"))),
    ] {
        expect_eq("an id has other content", apply(world, change).await?, Conflict)?;
    }
    world.expect_unchanged("fallen changes", &before).await
}

async fn a_change_of_two_jobs_falls_with_one(world: &World) -> Outcome {
    let (_, fits) = outcome(world, "fits").await?;
    let stale = stale_outcome(world, "stale").await?;
    let before = world.contents().await?;
    for transitions in [[fits.clone(), stale.clone()], [stale, fits.clone()]] {
        let change = with(Change::default(), |change| change.transitions = transitions.to_vec());
        expect_eq("one of two is stale", apply(world, change).await?, Stale)?;
        world.expect_unchanged("a stale change", &before).await?;
    }
    let (_, other) = outcome(world, "other").await?;
    let change = with(Change::new(fits), |change| change.transitions.push(other));
    expect_eq("both fit", apply(world, change).await?, Applied)
}

/// Of a change whose transitions are known only in part, the rest is stored; but it falls whole with a stale one.
async fn what_is_known_of_a_change_is_not_stored_twice(world: &World) -> Outcome {
    let (job, known) = outcome(world, "known").await?;
    let (_, fits) = outcome(world, "fits").await?;
    let stale = stale_outcome(world, "stale").await?;
    world.append(known.clone()).await?;

    let before = world.contents().await?;
    let change = with(Change::new(known.clone()), |change| change.transitions.push(stale));
    expect_eq("known and stale", apply(world, change).await?, Stale)?;
    world.expect_unchanged("a stale change", &before).await?;

    let change = with(Change::new(known), |change| change.transitions.push(fits.clone()))
        .with_job(follow_up(world, &job, "erp"));
    expect_eq("known and fitting", apply(world, change.clone()).await?, Applied)?;
    expect_eq("all of it known", apply(world, change).await?, Known)?;
    expect_eq("the known job's history", world.history(job.id).await?.len(), 3)?;
    let found = world.store.find_transition(fits.id).await?;
    expect_eq("the fitting one", found.state_after, Status::Succeeded)
}

async fn the_answer_is_in_the_order_of_the_changes(world: &World) -> Outcome {
    let (job, known) = outcome(world, "known").await?;
    world.append(known.clone()).await?;
    let mut expected = Vec::new();
    let mut changes = Vec::new();
    for round in 0..3 {
        let (done, fits) = outcome(world, &format!("fits-{round}")).await?;
        let conflicting = with(follow_up(world, &done, "erp"), |other| other.id = job.id);
        changes.extend([
            Change::new(stale_outcome(world, &format!("stale-{round}")).await?),
            Change::new(fits),
            Change::new(gone_outcome(world, &format!("gone-{round}")).await?),
            Change::default().with_job(conflicting),
            Change::default().with_event(world.event()),
        ]);
        expected.extend([Stale, Applied, Gone, Conflict, Applied]);
    }
    changes.push(Change::new(known));
    expected.push(Known);
    expect_eq("the outcomes", world.store.apply(changes).await?, expected)
}

async fn a_change_sees_what_the_changes_before_it_stored(world: &World) -> Outcome {
    let event = world.event();
    let job = world.job("crm").with_event_id(event.id);
    let cancel = cancel_of(world, &job);
    let changes = vec![
        Change::default().with_event(event.clone()),
        Change::default().with_job(job.clone()),
        Change::new(cancel.clone()),
        Change::default().with_event(event.clone()),
        Change::default().with_job(job.clone()),
    ];
    let expected = vec![Applied, Applied, Applied, Known, Known];
    expect_eq("in order", world.store.apply(changes).await?, expected)?;
    world.expect_latest("the job was cancelled", job.id, cancel.id).await?;

    let event = world.event();
    let job = world.job("crm").with_event_id(event.id);
    let changes = vec![
        Change::new(cancel_of(world, &job)),
        Change::default().with_job(job),
        Change::default().with_event(event),
    ];
    expect_eq("in reverse", world.store.apply(changes).await?, vec![Gone, Gone, Applied])
}

/// The transition that cancels a follow-up that was just added.
fn cancel_of(world: &World, job: &Job) -> Transition {
    with(world.first(Status::Discarded), |cancel| {
        cancel.state_before = Some(Status::Awaiting);
        cancel.sequence = Some(1);
        cancel.job_id = Some(job.id);
    })
}

async fn a_change_does_not_see_what_a_fallen_one_would_have_stored(world: &World) -> Outcome {
    let event = world.event();
    let stale = stale_outcome(world, "crm").await?;
    let job = world.job("erp").with_event_id(event.id);
    let changes = vec![
        Change::new(stale).with_event(event.clone()).with_job(job.clone()),
        Change::default().with_job(world.job("erp").with_event_id(event.id)),
        Change::new(cancel_of(world, &job)),
        Change::default().with_event(event.with_data("other than the fallen one's")),
    ];
    expect_eq("the outcomes", world.store.apply(changes).await?, vec![Stale, Gone, Gone, Applied])
}

async fn a_job_that_a_change_adds_may_be_moved_by_it(world: &World) -> Outcome {
    let event = world.event();
    let job = world.job("erp").with_event_id(event.id);
    let cancel = cancel_of(world, &job);
    let change = Change::new(cancel.clone()).with_event(event).with_job(job.clone());
    expect_eq("the change", apply(world, change.clone()).await?, Applied)?;
    let states = world.states(job.id).await?;
    expect_eq("its states", states, vec![Status::Awaiting, Status::Discarded])?;
    expect_eq("sent again", apply(world, change).await?, Known)
}

async fn one_event_in_two_changes(world: &World) -> Outcome {
    let event = world.event().with_data("x");
    let other = event.clone().with_data("y");
    let changes = vec![
        Change::default().with_event(event.clone()),
        Change::default().with_event(event.clone().with_job(world.job("crm"))),
        Change::default().with_event(event.clone()),
        Change::default().with_event(other),
    ];
    let expected = vec![Applied, Applied, Known, Conflict];
    expect_eq("the outcomes", world.store.apply(changes).await?, expected)?;
    expect_eq("its jobs", world.store.find_event(event.id).await?.jobs.len(), 1)
}

async fn invalid_input_in_one_change_refuses_all(world: &World) -> Outcome {
    let (job, fits) = outcome(world, "crm").await?;
    let illegal = with(fits.clone(), |illegal| {
        illegal.id = world.toolkit.transition_id();
        illegal.job_id = Some(world.toolkit.job_id());
        illegal.state_before = Some(Status::Succeeded);
    });
    let nameless: Event = with(world.event(), |event| event.trigger.clear());
    let eventless = with(follow_up(world, &job, "erp"), |job| job.event_id = None);
    let before = world.contents().await?;
    for bad in [
        Change::new(illegal),
        Change::default().with_event(nameless),
        Change::default().with_job(eventless),
    ] {
        for changes in
            [vec![Change::new(fits.clone()), bad.clone()], vec![bad, Change::new(fits.clone())]]
        {
            let refused = world.store.apply(changes).await;
            expect_error("one of two is invalid", refused, ErrorKind::InvalidInput)?;
            world.expect_unchanged("a refused call", &before).await?;
        }
    }
    Ok(())
}

async fn a_jobs_transitions_in_two_changes_are_invalid(world: &World) -> Outcome {
    let (job, end) = outcome(world, "crm").await?;
    let before = world.contents().await?;
    for second in [end.clone(), world.next(&job, Status::Failed)?] {
        let changes = vec![Change::new(end.clone()), Change::new(second)];
        let refused = world.store.apply(changes).await;
        expect_error("one job in two changes", refused, ErrorKind::InvalidInput)?;
    }
    world.expect_unchanged("refused calls", &before).await?;

    // Within one change the same transition twice counts once.
    let change = with(Change::new(end.clone()), |change| change.transitions.push(end.clone()));
    expect_eq("twice in one change", apply(world, change).await?, Applied)?;
    let found = world.store.find_job(job.id).await?;
    expect_eq("the sequence", latest(&found)?.sequence, end.sequence)
}

/// The adapter alone can know, and the whole call is refused.
async fn another_event_than_the_jobs_is_invalid(world: &World) -> Outcome {
    let (_, fits) = outcome(world, "crm").await?;
    let (_, end) = outcome(world, "erp").await?;
    let other: Option<EventId> = fits.event_id;
    let foreign = with(end, |end| end.event_id = other);
    let before = world.contents().await?;
    let changes = vec![Change::new(fits), Change::new(foreign)];
    let refused = world.store.apply(changes).await;
    expect_error("another event than the job's", refused, ErrorKind::InvalidInput)?;
    world.expect_unchanged("a refused call", &before).await
}

async fn one_change_sent_by_eight_at_once_is_applied_once(world: &World) -> Outcome {
    for round in 0..5 {
        let (job, end) = outcome(world, &format!("crm-{round}")).await?;
        let change = Change::new(end)
            .with_job(follow_up(world, &job, "warehouse"))
            .with_event(world.event().with_job(world.job("erp")));
        let calls = (0..8).map(|_| {
            let (store, change) = (world.store.clone(), change.clone());
            tokio::spawn(async move { store.apply(vec![change]).await })
        });
        let mut outcomes = Vec::new();
        for answer in join_all(calls).await {
            outcomes
                .extend(answer.map_err(|error| Failure::new(format!("a caller ended: {error}")))??);
        }
        outcomes.sort_by_key(|outcome| *outcome != Applied);
        let expected = [vec![Applied], vec![Known; 7]].concat();
        expect_eq("what became of it", outcomes, expected)?;
    }
    Ok(())
}
