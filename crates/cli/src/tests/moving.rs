use blacksmith_store::{
    Status::{self, Acknowledged, Awaiting, Discarded, Succeeded},
    WhereEvents,
};

use crate::{exit::Exit, testing::World};

#[test]
fn a_retry_by_filter_shows_what_it_is_about_and_asks() {
    let world = World::new();
    let jobs: Vec<_> = (0..7).flat_map(|_| world.add(&[("crm", "upsert")])).collect();
    world.run_jobs("crm", Status::Failed);

    let no = world.run_answering(&["retry", "--destination", "crm"], Some("n\n"));
    assert_eq!(no.exit, Exit::Partly);
    assert!(no.errors.contains("7 jobs to retry"), "{}", no.errors);
    assert!(no.errors.contains(&jobs[6].to_string()), "the newest is shown: {}", no.errors);
    assert!(
        no.errors.contains("503: no luck") && no.errors.contains("and 2 more"),
        "{}",
        no.errors
    );
    assert!(no.errors.contains("Retry 7 jobs? [y/N]"), "{}", no.errors);
    assert!(no.errors.contains("not confirmed; nothing was changed"), "{}", no.errors);
    assert_eq!(no.output, "");
    assert!(jobs.iter().all(|job| world.status(*job) == Status::Failed));

    let yes =
        world.run_answering(&["retry", "--destination", "crm", "--actor", "ada"], Some("Yes\n"));
    assert_eq!((yes.exit, yes.output.as_str()), (Exit::Done, "7 jobs retried\n"), "{}", yes.errors);
    for job in jobs {
        let latest = world.job(job).transition.expect("a transition");
        assert_eq!(latest.state_after, Status::Awaiting);
        assert_eq!(latest.actor.as_deref(), Some("ada"));
        assert_eq!(latest.run_at, None);
    }
}

#[test]
fn where_nobody_can_be_asked_a_filter_needs_yes() {
    let world = World::new();
    let jobs = world.add(&[("crm", "upsert")]);
    world.run_jobs("crm", Status::Failed);

    let refused = world.run(&["retry", "--status", "failed"]);
    assert_eq!(refused.exit, Exit::Usage);
    assert!(refused.errors.contains("--yes"), "{}", refused.errors);
    assert_eq!(world.status(jobs[0]), Status::Failed);

    let dry = world.run(&["retry", "--status", "failed", "--dry-run"]);
    assert_eq!(dry.exit, Exit::Done);
    assert!(
        dry.output.starts_with("1 job to retry\n") && dry.output.contains(&jobs[0].to_string())
    );
    assert_eq!(world.status(jobs[0]), Status::Failed);

    let planned = world.run(&["retry", "--status", "failed", "--dry-run", "--json"]);
    assert_eq!(planned.output, "{\"dry_run\":true,\"jobs\":1}\n");
    let nothing = world.run(&["retry", "--status", "unknown"]);
    assert_eq!((nothing.exit, nothing.output.as_str()), (Exit::Done, "0 jobs to retry\n"));

    let done = world.run(&["retry", "--status", "failed", "--yes", "--json", "--run-at", "2h"]);
    assert_eq!((done.exit, done.errors.as_str()), (Exit::Done, ""));
    assert_eq!(
        done.output,
        "{\"done\":1,\"left_alone\":0,\"changed_meanwhile\":0,\"not_found\":0,\"interrupted\":false}\n"
    );
    let latest = world.job(jobs[0]).transition.expect("a transition");
    assert!(latest.run_at > latest.created_at, "{latest:?}");
}

#[test]
fn a_filter_without_status_leaves_alone_what_is_well() {
    let world = World::new();
    let [failed] = world.add(&[("crm", "upsert")])[..] else { unreachable!("one job") };
    world.run_jobs("crm", Status::Failed);
    let discarded = world.add(&[("mail", "send")])[0];
    assert_eq!(world.run(&["discard", &discarded.to_string()]).exit, Exit::Done);
    let succeeded = world.add(&[("warehouse", "append")])[0];
    world.run_jobs("warehouse", Status::Succeeded);
    let waiting = world.add(&[("slow", "append")])[0];

    let retried = world.run(&["retry", "--source", "shop", "--yes"]);
    assert_eq!(retried.output, "2 jobs retried\n", "{}", retried.errors);
    let states = [failed, discarded, succeeded, waiting].map(|job| world.status(job));
    assert_eq!(states, [Awaiting, Awaiting, Succeeded, Acknowledged]);

    let discarded_all =
        world.run(&["discard", "--source", "shop", "--yes", "--reason", "moved away"]);
    assert_eq!(discarded_all.output, "3 jobs discarded\n", "{}", discarded_all.errors);
    let states = [failed, discarded, succeeded, waiting].map(|job| world.status(job));
    assert_eq!(states, [Discarded, Discarded, Succeeded, Discarded]);
    let error = world.job(failed).transition.and_then(|latest| latest.error).expect("an error");
    assert_eq!(error.message(), "moved away");
}

#[test]
fn an_executing_job_is_left_alone_and_its_worker_is_named() {
    let world = World::new();
    let job = world.add(&[("crm", "upsert")])[0];
    world.claim("crm");
    let id = job.to_string();

    for command in ["retry", "discard"] {
        for arguments in [vec![command, &id], vec![command, "--status", "executing", "--yes"]] {
            let ran = world.run(&arguments);
            assert_eq!(ran.exit, Exit::Partly, "{}", ran.errors);
            let refusal = format!("cannot {command} {id}, which is executing since 20");
            assert!(ran.errors.contains(&refusal), "{}", ran.errors);
            assert!(ran.errors.contains("attempt 1, by worker-7"), "{}", ran.errors);
            assert!(ran.output.contains(", 1 left alone\n"), "{}", ran.output);
        }
    }
    assert_eq!(world.status(job), Status::Executing);
}

#[test]
fn what_is_not_stored_is_named_and_the_rest_is_done() {
    let world = World::new();
    let job = world.add(&[("crm", "upsert")])[0].to_string();
    let absent = world.toolkit.job_id().to_string();

    let some = world.run(&["discard", &job, &absent, &job]);
    assert_eq!((some.exit, some.output.as_str()), (Exit::Partly, "1 job discarded, 1 not found\n"));
    assert!(some.errors.contains(&absent), "{}", some.errors);

    let none = world.run(&["discard", &absent]);
    assert_eq!(
        (none.exit, none.output.as_str()),
        (Exit::NotFound, "0 jobs discarded, 1 not found\n")
    );

    let again = world.run(&["discard", &job]);
    assert_eq!(again.exit, Exit::Partly);
    assert!(again.errors.contains("that state has no such move"), "{}", again.errors);
}

#[test]
fn the_jobs_of_an_event_are_moved_where_their_status_says_so() {
    let world = World::new();
    let jobs = world.add(&[("crm", "upsert"), ("warehouse", "append"), ("mail", "send")]);
    world.run_jobs("crm", Status::Failed);
    world.run_jobs("warehouse", Status::Succeeded);
    let event = world.job(jobs[0]).event_id.expect("an event").to_string();

    let ran = world.run(&["retry", "--event", &event, "--yes"]);
    assert_eq!(ran.output, "1 job retried\n", "{}", ran.errors);
    let states: Vec<_> = jobs.iter().map(|job| world.status(*job)).collect();
    assert_eq!(states, [Status::Awaiting, Status::Succeeded, Status::Acknowledged]);
}

#[test]
fn many_jobs_are_moved_page_by_page_each_once() {
    let world = World::new();
    let routes: Vec<_> = (0..600).map(|_| ("crm", "upsert")).collect();
    world.add(&routes);
    world.add(&routes);

    let some = world.run(&["discard", "--destination", "crm", "--yes", "--limit", "701"]);
    assert_eq!(some.output, "701 jobs discarded\n", "{}", some.errors);
    let rest = world.run(&["discard", "--destination", "crm", "--yes"]);
    assert_eq!(rest.output, "499 jobs discarded\n", "{}", rest.errors);
    let found = world.wait(world.store.find_transitions(&world.toolkit, WhereEvents::default()));
    assert_eq!(found.meta.count, Some(2_400), "no job was moved twice");
}

#[test]
fn which_jobs_must_be_said_in_one_way() {
    let world = World::new();
    let job = world.toolkit.job_id().to_string();
    for (arguments, said) in [
        (vec!["retry"], "which jobs to retry?"),
        (vec!["retry", &job, "--status", "failed"], "not both"),
        (vec!["retry", "--job", &job, "--status", "failed"], "leave the others out"),
        (vec!["retry", "--status", "failed", "--where", r#"{"limit":5}"#], "--where has a limit"),
        (
            vec!["retry", "--source", "a", "--where", r#"{"sources_in":["b"]}"#],
            "--source and --where",
        ),
        (vec!["retry", "--where", r#"{"sourcesin":["b"]}"#], "unknown field `sourcesin`"),
        (vec!["retry", "--status", "lost"], "possible values: acknowledged"),
        (vec!["retry", "nonsense"], "a KSUID has 27 characters"),
        (vec!["discard", &job, "--limit", "3"], "cannot be used with"),
    ] {
        let ran = world.run(&arguments);
        assert_eq!(ran.exit, Exit::Usage, "{arguments:?}");
        assert!(ran.errors.contains(said), "{arguments:?}: {}", ran.errors);
    }
}
