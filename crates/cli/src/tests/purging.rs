use blacksmith_store::{Status, WhereEvents};

use crate::{exit::Exit, testing::World};

fn events(world: &World) -> Option<u64> {
    world.wait(world.store.find_events(&world.toolkit, WhereEvents::default())).meta.count
}

/// Two events that are done, one that waits, one that runs; all of them recent.
fn world() -> World {
    let world = World::new();
    world.add(&[("crm", "upsert")]);
    world.add(&[("crm", "upsert"), ("crm", "upsert")]);
    world.run_jobs("crm", Status::Succeeded);
    world.add(&[("mail", "send")]);
    world.add(&[("warehouse", "append")]);
    world.claim("warehouse");
    world
}

#[test]
fn a_purge_tells_what_it_would_delete_and_what_it_would_leave() {
    let world = world();
    let spared = world.run(&["purge", "--all", "--dry-run"]);
    assert_eq!(spared.exit, Exit::Done, "{}", spared.errors);
    let lines: Vec<_> = spared.output.lines().collect();
    assert_eq!(lines[0], "0 of 4 matching events would be deleted");
    assert_eq!(lines[1], "2 are left alone for an unfinished job");
    assert_eq!(lines[2], "2 are left alone, for they were stored within the last hour");
    assert_eq!(lines.len(), 3);

    let planned = world.run(&["purge", "--all", "--dry-run", "--json"]).output;
    assert_eq!(
        planned,
        "{\"dry_run\":true,\"events\":0,\"left_unfinished\":2,\"left_recent\":2}\n"
    );
    let ancient = world.run(&["purge", "--older-than", "5000y", "--include-recent", "--dry-run"]);
    assert_eq!(ancient.output, "0 of 0 matching events would be deleted\n", "{}", ancient.errors);

    let recent = world.run(&["purge", "--all", "--include-recent", "--dry-run"]);
    assert!(
        recent.output.starts_with("2 of 4 matching events would be deleted\n"),
        "{}",
        recent.output
    );
    let unfinished = ["purge", "--all", "--include-recent", "--include-unfinished", "--dry-run"];
    let unfinished = world.run(&unfinished);
    assert!(unfinished.output.starts_with("3 of 4 matching"), "{}", unfinished.output);
    assert!(
        unfinished.output.contains("1 are left alone for an executing job"),
        "{}",
        unfinished.output
    );
    assert_eq!(events(&world), Some(4));
}

#[test]
fn a_purge_asks_and_then_does_what_it_said() {
    let world = world();
    let no =
        world.run_answering(&["purge", "--destination", "crm", "--include-recent"], Some("\n"));
    assert_eq!(no.exit, Exit::Partly);
    assert!(no.errors.contains("Delete 2 events with jobs and history? [y/N]"), "{}", no.errors);
    let nobody = world.run(&["purge", "--all", "--include-recent"]);
    assert_eq!(nobody.exit, Exit::Usage, "there is nobody to ask");
    assert_eq!(events(&world), Some(4));

    let yes = world.run(&["purge", "--all", "--include-recent", "--yes"]);
    assert_eq!(yes.exit, Exit::Done, "{}", yes.errors);
    assert_eq!(
        yes.output,
        "2 events, 3 jobs, 9 transitions deleted; 2 events with unfinished jobs left alone\n"
    );
    assert_eq!(events(&world), Some(2));
}

#[test]
fn a_purge_by_id_is_previewed_by_what_the_event_is() {
    let world = world();
    let page = world.wait(world.store.find_events(&world.toolkit, WhereEvents::default()));
    let [executing, .., done] = &page.entries[..] else { unreachable!("four events") };

    for (event, said) in [
        (
            executing,
            "0 of 1 matching events would be deleted\n1 are left alone for an executing job",
        ),
        (done, "1 of 1 matching events would be deleted\n"),
    ] {
        let id = event.id.to_string();
        let flags =
            ["purge", "--event", &id, "--include-recent", "--include-unfinished", "--dry-run"];
        let ran = world.run(&flags);
        assert!(ran.output.starts_with(said), "{}{}", ran.output, ran.errors);
    }
}

#[test]
fn max_events_ends_a_purge() {
    let world = world();
    let flags = ["purge", "--all", "--include-recent", "--max-events", "1", "--yes", "--json"];
    let ran = world.run(&flags);
    assert!(ran.output.starts_with("{\"events\":1,"), "{}{}", ran.output, ran.errors);
    assert_eq!(events(&world), Some(3));
}

#[test]
fn a_purge_of_everything_must_be_asked_for() {
    let world = World::new();
    for (arguments, said) in [
        (vec!["purge", "--yes"], "ask for --all"),
        (vec!["purge", "--all", "--source", "shop", "--yes"], "--all means every event"),
        (
            vec!["purge", "--where", r#"{"offset":5,"sources_in":["a"]}"#],
            "--where has a limit, an offset",
        ),
        (vec!["purge", "--older-than", "soon"], "a duration looks like"),
    ] {
        let ran = world.run(&arguments);
        assert_eq!(ran.exit, Exit::Usage, "{arguments:?}");
        assert!(ran.errors.contains(said), "{arguments:?}: {}", ran.errors);
    }
}
