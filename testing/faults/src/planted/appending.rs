//! Faults in how a job's chain grows: compare-and-set, resends, changes. Several are configurations of the protocol's model that
//! did not hold; their letter and number stand in the story.

use std::sync::Arc;

use blacksmith_store_core::{
    Appended, Change, ChangeOutcome, ErrorKind, JobError, Result, Status, Store, StoreError,
    Toolkit, Transition, async_trait,
};

use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::new(
        "compares state and attempt, not the sequence: it accepts a stale end after a give-back (C2)",
        &["leases::a_late_outcome_after_a_give_back_is_stale"],
        || Arc::new(ComparesNoSequence),
    ),
    Planted::new(
        "compares nothing at all",
        &[
            "compare_and_set::a_sequence_that_is_taken_or_not_reached_yet_is_stale",
            "compare_and_set::another_attempt_is_stale",
        ],
        || Arc::new(ComparesNothing),
    ),
    Planted::new(
        "answers a resent outcome as stale (C4)",
        &["compare_and_set::a_resend_is_known"],
        || Arc::new(ForgetsIds { deep_alone: false }),
    ),
    Planted::new(
        "knows the id of a job's latest transition alone (C4c)",
        &["compare_and_set::a_resend_deep_in_the_chain_is_known"],
        || Arc::new(ForgetsIds { deep_alone: true }),
    ),
    Planted::new(
        "does a resent decision of an operator again (C5)",
        &["compare_and_set::a_resend_deep_in_the_chain_is_known"],
        || Arc::new(RepeatsDecisions),
    ),
    Planted::new(
        "takes what was purged for stale (C14)",
        &["compare_and_set::a_purged_job_is_not_found", "apply::a_change_of_a_missing_job_is_gone"],
        || Arc::new(TakesGoneForStale),
    ),
    Planted::new(
        "stores follow-ups without their outcome (C8)",
        &["apply::a_stale_change_stores_nothing"],
        || Arc::new(StoresWithoutTransitions(ChangeOutcome::Stale)),
    ),
    Planted::new(
        "stores an outcome without its follow-ups",
        &["apply::an_outcome_and_its_follow_ups_are_stored_together"],
        || Arc::new(LosesFollowUps),
    ),
    Planted::new(
        "stores the follow-ups of a change that it knows",
        &["apply::a_change_whose_transitions_are_known_adds_no_follow_up"],
        || Arc::new(StoresWithoutTransitions(ChangeOutcome::Known)),
    ),
    Planted::new(
        "lets one stale change take the others with it",
        &["atomic_batches::a_change_that_falls_takes_no_other_with_it"],
        || Arc::new(FallsAltogether),
    ),
    Planted::new(
        "answers changes in another order",
        &["apply::the_answer_is_in_the_order_of_the_changes"],
        || Arc::new(AnswersBackwards),
    ),
    Planted::new(
        "appends the transitions of a call one by one",
        &["atomic_batches::a_stale_transition_among_fitting_ones"],
        || Arc::new(AppendsOneByOne),
    ),
    Planted::new(
        "uses up an attempt when a claim is given back (C1)",
        &["lifecycle::a_given_back_claim_uses_no_attempt"],
        || {
            edits(|transition| {
                if (transition.state_before, transition.state_after)
                    == (Some(Status::Executing), Status::Awaiting)
                {
                    transition.state_after = Status::Unknown;
                    transition.attempt += 1;
                }
            })
        },
    ),
    Planted::new(
        "forgets when a retry is due",
        &[
            "lifecycle::a_run_at_is_kept_where_the_table_has_one",
            "claims::an_operator_moves_a_job_earlier_or_later",
        ],
        || edits(|transition| transition.run_at = None),
    ),
    Planted::new("loses errors", &["round_trip::every_field_of_a_following_transition"], || {
        edits(|transition| transition.error = None)
    }),
    Planted::new(
        "keeps errors as a JSON value and not as a text",
        &["round_trip::an_error_that_is_any_json_is_kept_to_the_byte"],
        || {
            edits(|transition| {
                let rewritten = transition.error.take().map(|error| {
                    JobError::from_json(error.to_value().to_string()).unwrap_or(error)
                });
                transition.error = rewritten;
            })
        },
    ),
    Planted::new(
        "counts known transitions as new",
        &["compare_and_set::new_and_known_transitions_of_one_call_are_counted_apart"],
        || Arc::new(CountsKnownAsNew),
    ),
];

/// A fault that changes transitions before they are appended.
struct Edits(fn(&mut Transition));

fn edits(edit: fn(&mut Transition)) -> Arc<dyn Fault> {
    Arc::new(Edits(edit))
}

#[async_trait]
impl Fault for Edits {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut transitions: Vec<Transition>,
    ) -> Result<Appended> {
        transitions.iter_mut().for_each(self.0);
        store.add_transitions(toolkit, transitions).await
    }
}

/// The latest transition of the job of a transition.
async fn latest(
    store: &dyn Store,
    toolkit: &Toolkit,
    of: &Transition,
) -> Result<Option<Transition>> {
    match of.job_id {
        Some(job) => Ok(store.find_job(toolkit, job).await?.transition),
        None => Ok(None),
    }
}

struct ComparesNoSequence;

#[async_trait]
impl Fault for ComparesNoSequence {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut transitions: Vec<Transition>,
    ) -> Result<Appended> {
        for transition in &mut transitions {
            if let Some(latest) = latest(store, toolkit, transition).await?
                && transition.state_before == Some(latest.state_after)
            {
                transition.sequence = latest.sequence.map(|sequence| sequence + 1);
            }
        }
        store.add_transitions(toolkit, transitions).await
    }
}

struct ComparesNothing;

#[async_trait]
impl Fault for ComparesNothing {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        match store.add_transitions(toolkit, transitions.clone()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            answer => return answer,
        }
        let mut fitting = Vec::new();
        for transition in transitions {
            if let Some(job) = transition.job_id {
                let job = store.find_job(toolkit, job).await?;
                fitting.push(job.next(transition.id, transition.state_after)?);
            }
        }
        store.add_transitions(toolkit, fitting).await
    }
}

struct ForgetsIds {
    /// Whether it still knows the latest transition of a job.
    deep_alone: bool,
}

#[async_trait]
impl Fault for ForgetsIds {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        for transition in &transitions {
            if store.find_transition(toolkit, transition.id).await.is_ok() {
                let latest = latest(store, toolkit, transition).await?;
                if !(self.deep_alone && latest.is_some_and(|latest| latest.id == transition.id)) {
                    return Err(StoreError::conflict("the job has moved on"));
                }
            }
        }
        store.add_transitions(toolkit, transitions).await
    }
}

struct RepeatsDecisions;

#[async_trait]
impl Fault for RepeatsDecisions {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        let appended = store.add_transitions(toolkit, transitions.clone()).await?;
        for transition in transitions {
            let latest = latest(store, toolkit, &transition).await?;
            if let Some(job) = transition.job_id
                && latest.is_some_and(|latest| latest.id != transition.id)
            {
                let job = store.find_job(toolkit, job).await?;
                if let Ok(again) = job.next(toolkit.transition_id(), transition.state_after) {
                    // Where the job no longer allows the move, even this store leaves it.
                    let _ = store.add_transitions(toolkit, vec![again]).await;
                }
            }
        }
        Ok(appended)
    }
}

struct TakesGoneForStale;

#[async_trait]
impl Fault for TakesGoneForStale {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        store.add_transitions(toolkit, transitions).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => StoreError::conflict("the job has moved on"),
            _ => error,
        })
    }

    async fn apply(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        changes: Vec<Change>,
    ) -> Result<Vec<ChangeOutcome>> {
        let mut outcomes = store.apply(toolkit, changes).await?;
        for outcome in outcomes.iter_mut().filter(|outcome| **outcome == ChangeOutcome::Gone) {
            *outcome = ChangeOutcome::Stale;
        }
        Ok(outcomes)
    }
}

/// Stores the events and jobs of changes with this outcome all the same.
struct StoresWithoutTransitions(ChangeOutcome);

#[async_trait]
impl Fault for StoresWithoutTransitions {
    async fn apply(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        changes: Vec<Change>,
    ) -> Result<Vec<ChangeOutcome>> {
        let outcomes = store.apply(toolkit, changes.clone()).await?;
        let with_outcomes = changes.into_iter().zip(&outcomes);
        let mut rest: Vec<Change> = with_outcomes
            .filter(|(_, outcome)| **outcome == self.0)
            .map(|(change, _)| change)
            .collect();
        for change in &mut rest {
            change.transitions.clear();
        }
        if !rest.is_empty() {
            store.apply(toolkit, rest).await?;
        }
        Ok(outcomes)
    }
}

struct LosesFollowUps;

#[async_trait]
impl Fault for LosesFollowUps {
    async fn apply(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut changes: Vec<Change>,
    ) -> Result<Vec<ChangeOutcome>> {
        for change in changes.iter_mut().filter(|change| !change.transitions.is_empty()) {
            change.jobs.clear();
        }
        store.apply(toolkit, changes).await
    }
}

struct FallsAltogether;

#[async_trait]
impl Fault for FallsAltogether {
    async fn apply(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        changes: Vec<Change>,
    ) -> Result<Vec<ChangeOutcome>> {
        let mut outcomes = Vec::new();
        for change in changes {
            if outcomes.contains(&ChangeOutcome::Stale) {
                outcomes.push(ChangeOutcome::Stale);
            } else {
                outcomes.extend(store.apply(toolkit, vec![change]).await?);
            }
        }
        Ok(outcomes)
    }
}

struct AnswersBackwards;

#[async_trait]
impl Fault for AnswersBackwards {
    async fn apply(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        changes: Vec<Change>,
    ) -> Result<Vec<ChangeOutcome>> {
        let mut outcomes = store.apply(toolkit, changes).await?;
        outcomes.reverse();
        Ok(outcomes)
    }
}

struct AppendsOneByOne;

#[async_trait]
impl Fault for AppendsOneByOne {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        let mut sum = Appended::default();
        for transition in transitions {
            let appended = store.add_transitions(toolkit, vec![transition]).await?;
            sum.new += appended.new;
            sum.known += appended.known;
        }
        Ok(sum)
    }
}

struct CountsKnownAsNew;

#[async_trait]
impl Fault for CountsKnownAsNew {
    async fn add_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        transitions: Vec<Transition>,
    ) -> Result<Appended> {
        let mut appended = store.add_transitions(toolkit, transitions).await?;
        appended.new += std::mem::take(&mut appended.known);
        Ok(appended)
    }
}
