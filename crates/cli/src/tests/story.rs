use std::time::Duration;

use blacksmith_store::{
    Change, ClaimRequest, Event, Job, JobError, Status, Timestamp, Toolkit, Transition, Want,
};
use serde_json::Value;

use crate::{exit::Exit, testing::World};

/// A store at a set instant, so that a story can be compared word for word.
struct Past {
    world: World,
    toolkit: Toolkit,
    clock: blacksmith_store::SetClock,
}

impl Past {
    fn new() -> Self {
        let start: Timestamp = "2026-01-01T10:00:00Z".parse().expect("an instant");
        let clock = blacksmith_store::SetClock::at(start);
        let toolkit = Toolkit::new().with_clock(blacksmith_store::Clock::Set(clock.clone()));
        Self { world: World::new(), toolkit, clock }
    }

    fn wait(&self, seconds: f64) {
        self.clock.advance(Duration::from_secs_f64(seconds));
    }

    fn add(&self, job: Job) -> Job {
        let id = job.id;
        let event = Event::new(self.toolkit.event_id(), "github", "push").with_job(job);
        self.world.wait(self.world.store.add_events(&self.toolkit, vec![event]));
        self.world.job(id)
    }

    fn claim(&self, worker: &str) -> Job {
        let wants = [Want::any(1)];
        let request = ClaimRequest::new(worker, Duration::from_mins(1), wants);
        let claimed = self.world.wait(self.world.store.claim(&self.toolkit, request));
        claimed.queue.jobs().next().expect("a due job").1.clone()
    }

    fn step(&self, job: &Job, status: Status, complete: impl FnOnce(Transition) -> Transition) {
        let job = self.world.job(job.id);
        let next = job.next(self.toolkit.transition_id(), status).expect("a legal move");
        let call = self.world.store.add_transitions(&self.toolkit, vec![complete(next)]);
        self.world.wait(call);
    }

    /// The story without its ids, as of now.
    fn story(&self, job: &Job) -> String {
        let captured = crate::testing::Captured::default();
        let mut terminal = captured.terminal(None);
        let read = crate::story::Story::read(&*self.world.store, || self.toolkit.clone(), job.id);
        self.world.wait(read).tell(self.toolkit.now(), &mut terminal).expect("told");
        terminal.flush().expect("flushed");
        let event = job.event_id.map(|id| id.to_string()).unwrap_or_default();
        captured.output().replace(&job.id.to_string(), "JOB").replace(&event, "EVENT")
    }
}

#[test]
fn a_story_tells_every_attempt_and_what_comes_next() {
    let past = Past::new();
    let job = past.add(Job::new(past.toolkit.job_id(), "crm", "upsert").with_version("v2"));
    past.wait(0.25);
    past.claim("worker-1");
    past.wait(3.1);
    let due = past.toolkit.now() + Duration::from_mins(1);
    past.step(&job, Status::Failed, |step| {
        let error = JobError::new("no luck").with_status_code(503);
        step.with_error(error).with_run_at(due).with_actor("worker-1")
    });
    past.wait(60.5);
    past.claim("worker-2");
    past.wait(30.0);
    past.step(&job, Status::Unknown, |step| step.with_actor("worker-3"));
    past.wait(1.0);
    past.step(&job, Status::Discarded, |step| {
        step.with_error(JobError::new("not worth it")).with_actor("ada")
    });
    past.wait(5.0);
    let later = past.toolkit.now() + Duration::from_mins(43);
    past.step(&job, Status::Awaiting, |step| step.with_run_at(later).with_actor("bob"));

    let told = "\
Job JOB, for crm/upsert, version v2.
It came from event EVENT (github push), received 1 min 39 s ago, at 2026-01-01T10:00:00Z.

2026-01-01T10:00:00.000Z  stored as acknowledged, due at once
2026-01-01T10:00:00.250Z  after 250 ms, attempt 1 by worker-1: failed after 3.1 s: status 503, no luck; due again 1 min later, at 2026-01-01T10:01:03.350Z
2026-01-01T10:01:03.850Z  after 1 min, attempt 2 by worker-2: nothing was heard of it; worker-3 gave its claim up after 30 s; due again at once
2026-01-01T10:01:34.850Z  ada gave it up: not worth it
2026-01-01T10:01:39.850Z  bob asked for a run, due 43 min later, at 2026-01-01T10:44:39.850Z

Next: attempt 3, due in 43 min, at 2026-01-01T10:44:39.850Z.
";
    assert_eq!(past.story(&job), told);

    past.wait(43.0 * 60.0 + 2.0);
    assert!(
        past.story(&job)
            .contains("Next: attempt 3, due for 2.0 s: whoever works for crm/upsert takes it.\n")
    );
    past.claim("worker-1");
    past.wait(12.0);
    let running = past.story(&job);
    assert!(
        running.contains("after 43 min, attempt 3 by worker-1: under way for 12 s\n"),
        "{running}"
    );
    assert!(running.contains("Next: worker-1 reports how attempt 3 ends;"), "{running}");
    past.step(&job, Status::Awaiting, |step| step.with_actor("worker-1"));
    past.claim("worker-1");
    past.step(&job, Status::Succeeded, |step| step.with_actor("worker-1"));
    let done = past.story(&job);
    assert!(
        done.contains(
            "attempt 3 by worker-1: given back after 12 s, before it began; due at once\n"
        ),
        "{done}"
    );
    assert!(done.contains("after 0 ms, attempt 3 by worker-1: succeeded after 0 ms\n"), "{done}");
    assert!(done.ends_with("\nNext: nothing: it was delivered.\n"), "{done}");
}

#[test]
fn a_narrow_screen_breaks_a_story_between_words() {
    let past = Past::new();
    let job = past.add(Job::new(past.toolkit.job_id(), "crm", "upsert"));
    past.claim("worker-1");
    past.wait(1.0);
    past.step(&job, Status::Failed, |step| {
        step.with_error(JobError::new("the receiver is having a bad day, ".repeat(5)))
    });
    let captured = crate::testing::Captured::default();
    let mut terminal = captured.terminal(None).on_screen(60);
    let read = crate::story::Story::read(&*past.world.store, || past.toolkit.clone(), job.id);
    past.world.wait(read).tell(past.toolkit.now(), &mut terminal).expect("told");
    terminal.flush().expect("flushed");

    let told = captured.output();
    assert!(told.lines().all(|line| line.chars().count() <= 60), "{told}");
    let words: Vec<&str> = told.split_whitespace().collect();
    assert_eq!(words.iter().filter(|word| **word == "receiver").count(), 5, "{told}");
}

#[test]
fn a_story_names_the_pause_that_holds_a_job_back() {
    let world = World::new();
    let job = world.add(&[("crm", "upsert"), ("crm", "erase")])[0].to_string();
    let pause = |target: &str, reason: &str| {
        let ran = world.run(&["pause", target, "--actor", "ada", "--reason", reason]);
        assert_eq!(ran.exit, Exit::Done, "{}", ran.errors);
    };
    pause("crm/erase", "another action");
    assert!(world.run(&["show", &job]).output.contains("Next: attempt 1, due for "));
    pause("crm", "their migration");

    let shown = world.run(&["show", &job]);
    assert_eq!(shown.exit, Exit::Done, "{}", shown.errors);
    assert!(
        shown.output.contains("but is held back: crm was paused by ada")
            && shown.output.contains("(their migration); `blacksmith resume crm` ends that."),
        "{}",
        shown.output
    );
    let story: Value =
        serde_json::from_str(&world.run(&["show", &job, "--json"]).output).expect("JSON");
    assert_eq!(story["next"]["state"], "resume");
    assert_eq!(story["next"]["attempt"], 1);
    assert_eq!(story["pauses"].as_array().map(Vec::len), Some(1));
    assert_eq!(story["event"]["source"], "shop");
}

#[test]
fn a_story_names_parents_and_follow_ups() {
    let world = World::new();
    let parent = world.add(&[("crm", "upsert")])[0];
    let claimed = world.claim("crm").pop().expect("a job");
    let outcome = claimed.next(world.toolkit.transition_id(), Status::Succeeded).expect("legal");
    let mut child = Job::new(world.toolkit.job_id(), "crm", "notify");
    child.event_id = claimed.event_id;
    child.parent_job_id = Some(parent);
    let follow_up = child.id;
    let mut change = Change::new(outcome);
    change.jobs.push(child);
    world.wait(world.store.apply(&world.toolkit, vec![change]));

    let told = world.run(&["show", &parent.to_string()]).output;
    assert!(
        told.contains(&format!("It led to job {follow_up}, for crm/notify: awaiting.")),
        "{told}"
    );
    let told = world.run(&["show", &follow_up.to_string()]).output;
    assert!(told.contains(&format!("It is a follow-up of job {parent}.")), "{told}");
}

#[test]
fn what_an_error_says_cannot_act_on_the_terminal() {
    let world = World::new();
    let job = world.add(&[("crm", "upsert")])[0];
    let claimed = world.claim("crm").pop().expect("a job");
    let failed = claimed.next(world.toolkit.transition_id(), Status::Failed).expect("legal");
    let failed = failed.with_error(JobError::new("\u{1b}[2J\ngone"));
    world.wait(world.store.add_transitions(&world.toolkit, vec![failed]));

    let told = world.run(&["show", &job.to_string()]).output;
    assert!(told.contains("\\u{1b}[2J\\ngone") && !told.contains('\u{1b}'), "{told}");
}
