//! Every member of a filter alone and with others, on a population small enough to write the answers down.

mod population;
pub(super) mod related;

use std::time::Duration;

use blacksmith_store_core::{Status, WhereEvents, WhereJobs, WhereTransitions};

use crate::{
    case::family,
    failure::Outcome,
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
    names_are_compared_byte_by_byte,
    values_that_nothing_has,
    long_lists,
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
