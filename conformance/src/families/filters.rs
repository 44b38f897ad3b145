//! Every member of a filter alone and with others, on a population small enough to write the answers down.

mod population;

use std::time::Duration;

use blacksmith_store_core::{Status, WhereEvents, WhereJobs, WhereTransitions};

use crate::{
    case::family,
    failure::{Outcome, expect_eq},
    world::{World, with},
};

use self::population::Population;

family! {
    "filters";
    nothing_finds_everything,
    an_empty_child_constrains_nothing,
    sources,
    triggers,
    versions_of_events,
    ingested_before_and_after,
    received_before_and_after,
    constraints_on_one_event_hold_together,
    destinations,
    actions,
    versions_of_jobs,
    jobs_created_before_and_after,
    statuses,
    attempts,
    transitions_created_before_and_after,
    positive_constraints_hold_on_one_job_together,
    negative_constraints_hold_on_every_job,
    positive_and_negative_constraints_together,
    constraints_on_events_and_jobs_together,
    an_event_without_jobs_meets_negatives_only,
    every_transition_counts_and_not_the_latest_alone,
    names_are_compared_byte_by_byte,
    values_that_nothing_has,
    long_lists,
    an_event_id_alone,
    a_job_id_alone,
    both_ids_apply,
    ids_override_everything_else,
    ids_that_are_not_stored_give_an_empty_page,
}

fn events() -> WhereEvents {
    WhereEvents::default()
}

fn jobs(set: impl FnOnce(&mut WhereJobs)) -> WhereEvents {
    events().with_jobs(with(WhereJobs::default(), set))
}

fn transitions(set: impl FnOnce(&mut WhereTransitions)) -> WhereEvents {
    jobs(|jobs| jobs.transitions = Some(with(WhereTransitions::default(), set)))
}

/// Names of a list.
fn names<const N: usize>(list: [&str; N]) -> Vec<String> {
    list.map(str::to_owned).to_vec()
}

const MICRO: Duration = Duration::from_micros(1);

const ALL_EVENTS: &str = "a b c d e f";
const ALL_JOBS: &str = "a1 a2 b1 c1 c2 e1 f1 f2";

async fn nothing_finds_everything(world: &World) -> Outcome {
    let population = Population::new(world).await?;
    population.expect("nothing", events(), ALL_EVENTS, ALL_JOBS).await
}

async fn an_empty_child_constrains_nothing(world: &World) -> Outcome {
    let population = Population::new(world).await?;
    population.expect("jobs", jobs(|_| ()), ALL_EVENTS, ALL_JOBS).await?;
    population.expect("transitions", transitions(|_| ()), ALL_EVENTS, ALL_JOBS).await
}

async fn sources(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let of = |list: &[&str]| events().with_sources_in(list.to_vec());
    let not = |list: &[&str]| events().with_sources_notin(list.to_vec());
    all.expect("one", of(&["github"]), "a b f", "a1 a2 b1 f1 f2").await?;
    all.expect("two", of(&["github", "stripe"]), "a b c d f", "a1 a2 b1 c1 c2 f1 f2").await?;
    all.expect("one twice", of(&["stripe", "stripe"]), "c d", "c1 c2").await?;
    all.expect("one and a stranger", of(&["nobody", "shopify"]), "e", "e1").await?;
    all.expect("not one", not(&["github"]), "c d e", "c1 c2 e1").await?;
    all.expect("not two", not(&["github", "shopify"]), "c d", "c1 c2").await?;
    all.expect("not a stranger", not(&["nobody"]), ALL_EVENTS, ALL_JOBS).await?;
    let both = of(&["github", "stripe"]).with_sources_notin(["stripe"]);
    all.expect("in and not in", both, "a b f", "a1 a2 b1 f1 f2").await
}

async fn triggers(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let of = |list: &[&str]| events().with_triggers_in(list.to_vec());
    let not = |list: &[&str]| events().with_triggers_notin(list.to_vec());
    all.expect("one", of(&["push"]), "a c e f", "a1 a2 c1 c2 e1 f1 f2").await?;
    all.expect("two", of(&["issues", "invoice"]), "b d", "b1").await?;
    all.expect("not one", not(&["push"]), "b d", "b1").await?;
    all.expect("not two", not(&["issues", "push"]), "d", "").await?;
    all.expect("a source is no trigger", of(&["github"]), "", "").await
}

async fn versions_of_events(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let of = |list: &[&str]| events().with_versions_in(list.to_vec());
    let not = |list: &[&str]| events().with_versions_notin(list.to_vec());
    all.expect("one", of(&["1"]), "a e", "a1 a2 e1").await?;
    all.expect("absent", of(&[""]), "b d f", "b1 f1 f2").await?;
    all.expect("absent or one", of(&["", "2"]), "b c d f", "b1 c1 c2 f1 f2").await?;
    all.expect("not one", not(&["1"]), "b c d f", "b1 c1 c2 f1 f2").await?;
    all.expect("not absent", not(&[""]), "a c e", "a1 a2 c1 c2 e1").await?;
    all.expect("not absent nor one", not(&["2", ""]), "a e", "a1 a2 e1").await?;
    all.expect("not a stranger", not(&["3"]), ALL_EVENTS, ALL_JOBS).await
}

async fn ingested_before_and_after(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let c = all.ingested("c");
    let after = |at| with(events(), |filter| filter.created_after = Some(at));
    let before = |at| with(events(), |filter| filter.created_before = Some(at));
    all.expect("after", after(c), "d e f", "e1 f1 f2").await?;
    all.expect("a microsecond earlier", after(c - MICRO), "c d e f", "c1 c2 e1 f1 f2").await?;
    all.expect("before", before(c), "a b", "a1 a2 b1").await?;
    all.expect("a microsecond later", before(c + MICRO), "a b c", "a1 a2 b1 c1 c2").await?;
    let between = |from, to| with(after(from), |filter| filter.created_before = Some(to));
    all.expect("a window", between(c - MICRO, c + MICRO), "c", "c1 c2").await?;
    all.expect("an empty window", between(c, c), "", "").await?;
    all.expect("an empty window next to it", between(c, c + MICRO), "", "").await?;
    all.expect("a nanosecond is cut", before(c + Duration::from_nanos(999)), "a b", "a1 a2 b1")
        .await
}

async fn received_before_and_after(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    // Received in the opposite order: f first, a last.
    let c = all.received("c");
    let after = |at| with(events(), |filter| filter.received_after = Some(at));
    let before = |at| with(events(), |filter| filter.received_before = Some(at));
    all.expect("after", after(c), "a b", "a1 a2 b1").await?;
    all.expect("a microsecond earlier", after(c - MICRO), "a b c", "a1 a2 b1 c1 c2").await?;
    all.expect("before", before(c), "d e f", "e1 f1 f2").await?;
    all.expect("a microsecond later", before(c + MICRO), "c d e f", "c1 c2 e1 f1 f2").await?;
    let window = with(after(c - MICRO), |filter| filter.received_before = Some(c + MICRO));
    all.expect("a window", window, "c", "c1 c2").await
}

async fn constraints_on_one_event_hold_together(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let github_push = events().with_sources_in(["github"]).with_triggers_in(["push"]);
    all.expect("source and trigger", github_push.clone(), "a f", "a1 a2 f1 f2").await?;
    let late = with(github_push.clone(), |filter| filter.created_after = Some(all.ingested("a")));
    all.expect("and late", late, "f", "f1 f2").await?;
    let versioned = github_push.with_versions_notin([""]);
    all.expect("and with a version", versioned, "a", "a1 a2").await
}

async fn destinations(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let of = |list: &[&str]| {
        events().with_jobs(WhereJobs::default().with_destinations_in(list.to_vec()))
    };
    let not = |list: &[&str]| {
        events().with_jobs(WhereJobs::default().with_destinations_notin(list.to_vec()))
    };
    all.expect("one", of(&["crm"]), "a b c", "a1 b1 c1 c2").await?;
    all.expect("two", of(&["erp", "warehouse"]), "a e f", "a2 e1 f1 f2").await?;
    all.expect("not one", not(&["crm"]), "d e f", "a2 e1 f1 f2").await?;
    all.expect("not two", not(&["crm", "erp"]), "d f", "a2 f1 f2").await?;
    all.expect("not a stranger", not(&["nobody"]), ALL_EVENTS, ALL_JOBS).await
}

async fn actions(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let of =
        |list: &[&str]| events().with_jobs(WhereJobs::default().with_actions_in(list.to_vec()));
    let not =
        |list: &[&str]| events().with_jobs(WhereJobs::default().with_actions_notin(list.to_vec()));
    all.expect("one", of(&["append"]), "a e f", "a2 e1 f1").await?;
    all.expect("two", of(&["append", "delete"]), "a c e f", "a2 c1 e1 f1").await?;
    all.expect("not one", not(&["append"]), "b c d", "a1 b1 c1 c2 f2").await?;
    all.expect("not two", not(&["upsert", "append"]), "d", "c1").await
}

async fn versions_of_jobs(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let of =
        |list: &[&str]| events().with_jobs(WhereJobs::default().with_versions_in(list.to_vec()));
    let not =
        |list: &[&str]| events().with_jobs(WhereJobs::default().with_versions_notin(list.to_vec()));
    all.expect("one", of(&["v1"]), "a c e", "a1 c2 e1").await?;
    all.expect("absent", of(&[""]), "a c f", "a2 c1 f1 f2").await?;
    all.expect("absent or one", of(&["v2", ""]), "a b c f", "a2 b1 c1 f1 f2").await?;
    all.expect("not one", not(&["v1"]), "b d f", "a2 b1 c1 f1 f2").await?;
    all.expect("not absent", not(&[""]), "b d e", "a1 b1 c2 e1").await
}

async fn jobs_created_before_and_after(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let c1 = all.job_created("c1");
    let after = |at| jobs(|jobs| jobs.created_after = Some(at));
    let before = |at| jobs(|jobs| jobs.created_before = Some(at));
    all.expect("after", after(c1), "c e f", "c2 e1 f1 f2").await?;
    all.expect("a microsecond earlier", after(c1 - MICRO), "c e f", "c1 c2 e1 f1 f2").await?;
    all.expect("before", before(c1), "a b", "a1 a2 b1").await?;
    all.expect("a microsecond later", before(c1 + MICRO), "a b c", "a1 a2 b1 c1").await?;
    let window = jobs(|jobs| {
        jobs.created_after = Some(c1 - MICRO);
        jobs.created_before = Some(c1 + MICRO);
    });
    all.expect("a window", window, "c", "c1").await
}

async fn statuses(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    for (status, events, jobs) in [
        (Status::Acknowledged, "c", "c1"),
        (Status::Awaiting, "", ""),
        (Status::Executing, "f", "f1"),
        (Status::Succeeded, "a b", "a2 b1"),
        (Status::Failed, "a e", "a1 e1"),
        (Status::Discarded, "c", "c2"),
        (Status::Unknown, "f", "f2"),
    ] {
        let filter = transitions(|filter| filter.status_in = vec![status]);
        all.expect_entries(format!("{status}"), filter, events, jobs).await?;
        let left = without(ALL_EVENTS, events);
        let filter = transitions(|filter| filter.status_notin = vec![status]);
        all.expect_entries(format!("not {status}"), filter, &left, &without(ALL_JOBS, jobs))
            .await?;
    }
    let filter = transitions(|filter| filter.status_in = vec![Status::Failed, Status::Unknown]);
    all.expect_entries("two", filter, "a e f", "a1 e1 f2").await?;
    let filter = transitions(|filter| filter.status_notin = vec![Status::Failed, Status::Unknown]);
    all.expect_entries("not two", filter, "b c d", "a2 b1 c1 c2 f1").await?;
    let filter = transitions(|filter| filter.status_in = Status::ALL.to_vec());
    all.expect_entries("any", filter, "a b c e f", ALL_JOBS).await?;
    let filter = transitions(|filter| filter.status_notin = Status::ALL.to_vec());
    all.expect_entries("none", filter, "d", "").await
}

/// The labels of a list that are not in another.
fn without(all: &str, some: &str) -> String {
    let some: Vec<&str> = some.split_whitespace().collect();
    all.split_whitespace().filter(|label| !some.contains(label)).collect::<Vec<_>>().join(" ")
}

async fn attempts(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let min = |attempt| transitions(|filter| filter.min_attempts = Some(attempt));
    let max = |attempt| transitions(|filter| filter.max_attempts = Some(attempt));
    all.expect_entries("at least 0, which a job has", min(0), "a b c e f", ALL_JOBS).await?;
    all.expect_entries("at least 1", min(1), "a b e f", "a1 a2 b1 e1 f1 f2").await?;
    all.expect_entries("at least 2", min(2), "e", "e1").await?;
    all.expect_entries("at least 3", min(3), "", "").await?;
    all.expect_entries("at most 0", max(0), "c", "c1 c2").await?;
    all.expect_entries("at most 1", max(1), "a b c f", "a1 a2 b1 c1 c2 f1 f2").await?;
    all.expect_entries("at most 2", max(2), "a b c e f", ALL_JOBS).await?;
    let exactly = transitions(|filter| {
        filter.min_attempts = Some(1);
        filter.max_attempts = Some(1);
    });
    all.expect_entries("exactly 1", exactly, "a b f", "a1 a2 b1 f1 f2").await?;
    let none = transitions(|filter| {
        filter.min_attempts = Some(2);
        filter.max_attempts = Some(1);
    });
    all.expect_entries("at least 2 and at most 1", none, "", "").await?;
    all.expect_entries("the largest bound", max(u32::MAX), "a b c e f", ALL_JOBS).await?;
    all.expect_entries("the largest bound", min(u32::MAX), "", "").await
}

async fn transitions_created_before_and_after(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let b1 = all.latest_created("b1");
    let after = |at| transitions(|filter| filter.created_after = Some(at));
    let before = |at| transitions(|filter| filter.created_before = Some(at));
    // In the order of their latest transitions: c1, a1, a2, b1, c2, e1, f2, f1.
    all.expect_entries("after", after(b1), "c e f", "c2 e1 f1 f2").await?;
    all.expect_entries("a microsecond earlier", after(b1 - MICRO), "b c e f", "b1 c2 e1 f1 f2")
        .await?;
    all.expect_entries("before", before(b1), "a c", "a1 a2 c1").await?;
    all.expect_entries("a microsecond later", before(b1 + MICRO), "a b c", "a1 a2 b1 c1").await?;
    let window = transitions(|filter| {
        filter.created_after = Some(b1 - MICRO);
        filter.created_before = Some(b1 + MICRO);
    });
    all.expect_transitions("a window", window, "b1/1 b1/2").await
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

async fn names_are_compared_byte_by_byte(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    for name in
        ["GitHub", "github ", " github", "git%", "_ithub", "git", "githubx", "git\u{200b}hub"]
    {
        let filter = events().with_sources_in([name]);
        all.expect(name, filter, "", "").await?;
        let filter = events().with_sources_notin([name]);
        all.expect(name, filter, ALL_EVENTS, ALL_JOBS).await?;
    }
    for name in ["CRM", "crm ", "cr_", "%"] {
        let filter = jobs(|jobs| jobs.destinations_in = names([name]));
        all.expect(name, filter, "", "").await?;
    }
    Ok(())
}

async fn values_that_nothing_has(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    for filter in [
        events().with_sources_in(["nobody"]),
        events().with_triggers_in(["nobody"]),
        events().with_versions_in(["nobody"]),
        jobs(|jobs| jobs.destinations_in = names(["nobody"])),
        jobs(|jobs| jobs.actions_in = names(["nobody"])),
        jobs(|jobs| jobs.versions_in = names(["nobody"])),
    ] {
        all.expect("a stranger", filter, "", "").await?;
    }
    Ok(())
}

/// More values than a statement may have parameters.
async fn long_lists(world: &World) -> Outcome {
    let all = Population::new(world).await?;
    let strangers = |last: &str| {
        let mut list: Vec<String> = (0..4_999).map(|number| format!("stranger-{number}")).collect();
        list.push(last.to_owned());
        list
    };
    let filter = with(events(), |filter| {
        filter.sources_in = strangers("stripe");
        filter.triggers_notin = strangers("invoice");
    });
    all.expect("of events", filter, "c", "c1 c2").await?;
    let filter = jobs(|jobs| {
        jobs.destinations_in = strangers("crm");
        jobs.actions_notin = strangers("delete");
    });
    all.expect("of jobs", filter, "a b", "a1 b1 c2").await
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
