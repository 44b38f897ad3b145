//! Constraints that look at related rows together, and ids, which look at nothing else.

use std::time::Duration;

use blacksmith_store_core::{Status, WhereEvents, WhereJobs};

use crate::{
    case::family,
    failure::{Outcome, expect_eq},
    world::{World, with},
};

use super::{ALL_EVENTS, ALL_JOBS, events, jobs, names, population::Population, transitions};

family! {
    "filters";
    positive_constraints_hold_on_one_job_together,
    negative_constraints_hold_on_every_job,
    positive_and_negative_constraints_together,
    constraints_on_events_and_jobs_together,
    an_event_without_jobs_meets_negatives_only,
    every_transition_counts_and_not_the_latest_alone,
    few_are_found_among_many_others,
    an_event_id_alone,
    a_job_id_alone,
    both_ids_apply,
    ids_override_everything_else,
    ids_that_are_not_stored_give_an_empty_page,
}

/// Event `a` has a job to `crm` and a job with `append`, but none with both.
async fn positive_constraints_hold_on_one_job_together(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let filter = jobs(|jobs| {
        jobs.destinations_in = names(["warehouse"]);
        jobs.actions_in = names(["upsert"]);
    });
    all.expect("destination and action", filter, "f", "f2").await?;
    let filter = jobs(|jobs| {
        jobs.destinations_in = names(["crm"]);
        jobs.versions_in = names([""]);
    });
    all.expect("destination and version", filter, "c", "c1").await?;
    let filter = with(transitions(|filter| filter.status_in = vec![Status::Succeeded]), |filter| {
        if let Some(jobs) = &mut filter.jobs {
            jobs.destinations_in = names(["crm"]);
        }
    });
    all.expect_entries("destination and status", filter, "b", "b1").await?;
    let filter = with(transitions(|filter| filter.max_attempts = Some(0)), |filter| {
        if let Some(jobs) = &mut filter.jobs {
            jobs.actions_in = names(["upsert"]);
            jobs.created_after = Some(all.job_created("c1"));
        }
    });
    all.expect_entries("action, attempts and creation", filter, "c", "c2").await?;
    let filter = transitions(|filter| {
        filter.status_in = vec![Status::Failed];
        filter.max_attempts = Some(1);
    });
    all.expect_entries("status and attempts", filter, "a", "a1").await
}

async fn negative_constraints_hold_on_every_job(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    // Of f, one job is no `upsert` and the other one is not `executing`; each of them is something else that is refused.
    let filter =
        with(transitions(|filter| filter.status_notin = vec![Status::Executing]), |filter| {
            if let Some(jobs) = &mut filter.jobs {
                jobs.actions_notin = names(["delete"]);
            }
        });
    all.expect_entries("action and status", filter, "a b d e", "a1 a2 b1 c2 e1 f2").await?;
    let filter = jobs(|jobs| {
        jobs.destinations_notin = names(["erp"]);
        jobs.versions_notin = names(["v2"]);
    });
    all.expect("destination and version", filter, "a c d f", "a1 a2 c1 c2 f1 f2").await
}

async fn positive_and_negative_constraints_together(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let with_destination = |filter: WhereEvents, destination: &str| {
        with(filter, |filter| {
            if let Some(jobs) = &mut filter.jobs {
                jobs.destinations_in = vec![destination.to_owned()];
            }
        })
    };
    let not_failed = transitions(|filter| filter.status_notin = vec![Status::Failed]);
    // Event `a` delivered to the warehouse, but its other job failed.
    let filter = with_destination(not_failed.clone(), "warehouse");
    all.expect_entries("delivered, none failed", filter, "f", "a2 f1 f2").await?;
    let filter = with_destination(not_failed, "crm");
    all.expect_entries("crm, none failed", filter, "b c", "b1 c1 c2").await?;

    let filter = with(transitions(|filter| filter.status_in = vec![Status::Failed]), |filter| {
        if let Some(jobs) = &mut filter.jobs {
            jobs.destinations_notin = names(["warehouse"]);
        }
    });
    all.expect_entries("failed, nothing to the warehouse", filter, "e", "a1 e1").await?;

    let filter = transitions(|filter| {
        filter.status_in = vec![Status::Failed, Status::Succeeded];
        filter.status_notin = vec![Status::Failed];
    });
    all.expect_entries("the same state wanted and refused", filter, "b", "a2 b1").await
}

async fn constraints_on_events_and_jobs_together(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let filter = jobs(|jobs| jobs.destinations_in = names(["crm"])).with_sources_notin(["github"]);
    all.expect("not github, to crm", filter, "c", "c1 c2").await?;
    let failed = transitions(|filter| filter.status_in = vec![Status::Failed]);
    let filter = failed.clone().with_versions_in(["1"]).with_sources_in(["shopify"]);
    all.expect_entries("shopify, failed", filter, "e", "e1").await?;
    let filter = with(failed, |filter| filter.received_after = Some(all.received("b")));
    all.expect_entries("received late, failed", filter, "a", "a1").await
}

async fn an_event_without_jobs_meets_negatives_only(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let of_d = |filter: WhereEvents| filter.with_triggers_in(["invoice"]);
    let long_ago = world.now() - Duration::from_hours(10_000);
    let far = world.now() + Duration::from_hours(10_000);
    for filter in [
        jobs(|jobs| jobs.destinations_notin = names(["crm"])),
        jobs(|jobs| jobs.actions_notin = names(["upsert"])),
        jobs(|jobs| jobs.versions_notin = names([""])),
        transitions(|filter| filter.status_notin = Status::ALL.to_vec()),
    ] {
        all.expect_entries("a negative one", of_d(filter), "d", "").await?;
    }
    for filter in [
        jobs(|jobs| jobs.destinations_in = names(["crm"])),
        jobs(|jobs| jobs.actions_in = names(["upsert"])),
        jobs(|jobs| jobs.versions_in = names([""])),
        jobs(|jobs| jobs.created_after = Some(long_ago)),
        jobs(|jobs| jobs.created_before = Some(far)),
        transitions(|filter| filter.status_in = Status::ALL.to_vec()),
        transitions(|filter| filter.min_attempts = Some(0)),
        transitions(|filter| filter.max_attempts = Some(u32::MAX)),
        transitions(|filter| filter.created_after = Some(long_ago)),
        transitions(|filter| filter.created_before = Some(far)),
    ] {
        all.expect_entries("a positive one", of_d(filter), "", "").await?;
    }
    Ok(())
}

async fn every_transition_counts_and_not_the_latest_alone(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let status = |status| transitions(|filter| filter.status_in = vec![status]);
    all.expect_transitions("failed", status(Status::Failed), "a1/2 e1/2 e1/4").await?;
    let executing = "a1/1 a2/1 b1/1 e1/1 e1/3 f1/1 f2/1";
    all.expect_transitions("executing", status(Status::Executing), executing).await?;
    let firsts = "a1/0 a2/0 b1/0 c1/0 c2/0 e1/0 f1/0 f2/0";
    all.expect_transitions("acknowledged", status(Status::Acknowledged), firsts).await?;

    let filter =
        transitions(|filter| filter.status_notin = vec![Status::Acknowledged, Status::Executing]);
    all.expect_transitions("ends", filter, "a1/2 a2/2 b1/2 c2/1 e1/2 e1/4 f2/2").await?;
    let filter = transitions(|filter| filter.min_attempts = Some(2));
    all.expect_transitions("second attempts", filter, "e1/3 e1/4").await?;
    let filter = transitions(|filter| filter.max_attempts = Some(0));
    all.expect_transitions("before any attempt", filter, &format!("{firsts} c2/1")).await?;

    let filter = with(status(Status::Failed), |filter| {
        if let Some(jobs) = &mut filter.jobs {
            jobs.destinations_notin = names(["erp"]);
        }
    });
    all.expect_transitions("failed, not to erp", filter, "a1/2").await?;
    let filter = status(Status::Executing).with_sources_in(["stripe", "shopify"]);
    all.expect_transitions("executing, by source", filter, "e1/1 e1/3").await
}

/// Where an index is worth its while, it must not change the answer.
async fn few_are_found_among_many_others(world: &World) -> Outcome {
    let all = Population::among_others(world).await?;
    let of = |set: fn(&mut WhereJobs)| jobs(set);
    let status = |status| transitions(|filter| filter.status_in = vec![status]);
    let and = |filter: WhereEvents, set: fn(&mut WhereJobs)| {
        with(filter, |filter| set(filter.jobs.get_or_insert_default()))
    };

    let filter = events().with_sources_in(["github"]);
    all.expect("a source", filter, "a b f", "a1 a2 b1 f1 f2").await?;
    let filter = events().with_versions_in([""]).with_triggers_notin(["push"]);
    all.expect("a version, not a trigger", filter, "b d", "b1").await?;
    let filter = events().with_sources_notin(["other"]);
    all.expect("not the others' source", filter, ALL_EVENTS, ALL_JOBS).await?;

    let filter = of(|jobs| jobs.destinations_in = names(["crm"]));
    all.expect("a destination", filter, "a b c", "a1 b1 c1 c2").await?;
    let filter = of(|jobs| jobs.actions_in = names(["append"]));
    all.expect("an action", filter, "a e f", "a2 e1 f1").await?;
    let filter = of(|jobs| {
        jobs.destinations_in = names(["warehouse"]);
        jobs.actions_in = names(["upsert"]);
    });
    all.expect("both of one job", filter, "f", "f2").await?;
    let filter = of(|jobs| {
        jobs.destinations_in = names(["crm", "erp"]);
        jobs.versions_notin = names(["v2"]);
    });
    all.expect("destinations, not a version", filter, "a c e", "a1 c1 c2 e1").await?;
    let filter = of(|jobs| {
        jobs.actions_in = names(["append"]);
        jobs.destinations_notin = names(["crm"]);
    });
    all.expect("an action, nothing to crm", filter, "e f", "a2 e1 f1").await?;

    all.expect_entries("failed", status(Status::Failed), "a e", "a1 e1").await?;
    all.expect_transitions("failed", status(Status::Failed), "a1/2 e1/2 e1/4").await?;
    let filter = and(status(Status::Succeeded), |jobs| jobs.destinations_in = names(["crm"]));
    all.expect_entries("succeeded at crm", filter, "b", "b1").await?;
    let filter = and(status(Status::Executing), |jobs| jobs.destinations_in = names(["crm"]));
    all.expect_entries("executing at crm", filter.clone(), "", "").await?;
    all.expect_transitions("executing at crm, ever", filter, "a1/1 b1/1").await?;
    let filter = transitions(|filter| filter.min_attempts = Some(1));
    all.expect_entries("attempted", filter, "a b e f", "a1 a2 b1 e1 f1 f2").await?;
    let filter =
        with(status(Status::Failed), |filter| filter.received_after = Some(all.received("b")));
    all.expect_entries("failed, received late", filter, "a", "a1").await?;
    all.expect("an event id", WhereEvents::of_event(all.event_id("c")), "c", "c1 c2").await?;
    all.expect("a job id", WhereEvents::of_job(all.job_id("a2")), "a", "a2").await
}

async fn an_event_id_alone(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    all.expect("with jobs", WhereEvents::of_event(all.event_id("a")), "a", "a1 a2").await?;
    all.expect("without jobs", WhereEvents::of_event(all.event_id("d")), "d", "").await
}

async fn a_job_id_alone(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    all.expect("one of two", WhereEvents::of_job(all.job_id("a2")), "a", "a2").await?;
    let page = world.store.find_events(WhereEvents::of_job(all.job_id("a2"))).await?;
    expect_eq("the jobs that its event carries", page.entries[0].jobs.len(), 2)
}

async fn both_ids_apply(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let both = |event: &str, job: &str| {
        with(WhereEvents::of_job(all.job_id(job)), |filter| {
            if let Some(jobs) = &mut filter.jobs {
                jobs.event_id = Some(all.event_id(event));
            }
        })
    };
    all.expect("that belong together", both("a", "a1"), "a", "a1").await?;
    all.expect("that do not", both("b", "a1"), "", "").await?;
    all.expect("of an event without jobs", both("d", "a1"), "", "").await
}

async fn ids_override_everything_else(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let everything_else = |filter: WhereEvents| {
        with(filter.with_sources_in(["nobody"]), |filter| {
            filter.created_before = Some(world.now() - Duration::from_hours(10_000));
            let jobs = filter.jobs.get_or_insert_default();
            jobs.destinations_in = names(["nobody"]);
            jobs.created_after = Some(world.now() + Duration::from_hours(10_000));
            let transitions = jobs.transitions.get_or_insert_default();
            transitions.status_notin = Status::ALL.to_vec();
            transitions.min_attempts = Some(1_000);
        })
    };
    let by_event = WhereEvents::of_event(all.event_id("a"));
    all.expect("an event id", everything_else(by_event.clone()), "a", "a1 a2").await?;
    let by_job = WhereEvents::of_job(all.job_id("c2"));
    all.expect("a job id", everything_else(by_job.clone()), "c", "c2").await?;

    for (given, applied) in
        [(by_event, all.event_id("a").to_string()), (by_job, all.job_id("c2").to_string())]
    {
        let page = world.store.find_jobs(everything_else(given.clone()).with_limit(7)).await?;
        expect_eq("the constraints applied", page.meta.constraints, Some(given.with_limit(7)))?;
        expect_eq("entries", page.entries.is_empty(), applied.is_empty())?;
    }
    Ok(())
}

async fn ids_that_are_not_stored_give_an_empty_page(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let event = WhereEvents::of_event(world.toolkit.event_id());
    all.expect("an event id", event, "", "").await?;
    let job = WhereEvents::of_job(world.toolkit.job_id());
    all.expect("a job id", job, "", "").await
}
