//! Runs cases: one runtime, one store and one seed each.

use std::{
    fmt::Write as _,
    hash::{BuildHasher as _, RandomState},
    pin::Pin,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use blacksmith_store_core::{Adapter as _, AvailableAdapters, Capabilities};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::{
    case::{Body, Case, Run},
    failure::{Failure, Outcome},
    families,
    fixture::{Fixture, FixtureError, Place},
    generated::Generated,
    journal::Journal,
    oracle,
    world::World,
};

/// The seed of every case, to replay a failure.
const SEED: &str = "BLACKSMITH_CONFORMANCE_SEED";

/// How many times as much is generated as in the quick form.
const THOROUGH: &str = "BLACKSMITH_CONFORMANCE_THOROUGH";

/// The adapters that are skipped on purpose.
const SKIP: &str = "BLACKSMITH_CONFORMANCE_SKIP";

/// A case that takes longer hangs: the slowest take seconds, but a busy machine may be many times slower.
const TIME_LIMIT: Duration = Duration::from_mins(5);

/// Runs the suite as a test program does: cases chosen by the arguments, in parallel, with libtest's output and exit code.
pub fn run(fixture: impl Fixture) -> ExitCode {
    let arguments = Arguments::from_args();
    let name = fixture.adapter().name();
    let trials = trials(fixture);
    if is_skipped(name) && !arguments.list {
        eprintln!(
            "{SKIP} names {name:?}: all of its {} cases are skipped on purpose",
            trials.len()
        );
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The suite's cases for a program of its own that runs them.
pub fn trials(fixture: impl Fixture) -> Vec<Trial> {
    let suite = Arc::new(Suite::new(fixture));
    families::all().map(|case| trial(&suite, case)).collect()
}

fn is_skipped(adapter: &str) -> bool {
    names(&std::env::var(SKIP).unwrap_or_default(), adapter)
}

/// Whether a list with commas names the adapter.
fn names(list: &str, adapter: &str) -> bool {
    list.split(',').any(|name| name.trim() == adapter)
}

type MakePlace =
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<Place, FixtureError>> + Send>> + Send + Sync;

/// What the cases of one run share.
struct Suite {
    adapters: Result<AvailableAdapters, String>,
    capabilities: Capabilities,
    skipped: bool,
    seed: Result<u64, String>,
    is_replay: bool,
    thorough: Result<u32, String>,
    make_place: Box<MakePlace>,
}

impl Suite {
    fn new(fixture: impl Fixture) -> Self {
        let adapter = fixture.adapter();
        let name = adapter.name();
        let capabilities = adapter.capabilities();
        let adapters = match fixture.environment() {
            Ok(()) => AvailableAdapters::new().with(adapter).map_err(|error| error.to_string()),
            Err(sentence) => Err(format!(
                "the environment of adapter {name:?} is not set up: {sentence}\n  \
                 To skip its cases on purpose, set {SKIP}={name}"
            )),
        };
        let fixture = Arc::new(fixture);
        Self {
            adapters,
            capabilities,
            skipped: is_skipped(name),
            seed: seed(std::env::var(SEED).ok().as_deref()),
            is_replay: std::env::var_os(SEED).is_some(),
            thorough: thorough(std::env::var(THOROUGH).ok().as_deref()),
            make_place: Box::new(move || {
                let fixture = Arc::clone(&fixture);
                Box::pin(async move { fixture.place().await })
            }),
        }
    }
}

fn seed(given: Option<&str>) -> Result<u64, String> {
    match given {
        // A fresh hasher is keyed at random.
        None => Ok(RandomState::new().hash_one(0)),
        Some(text) => text.parse().map_err(|_| format!("{SEED} is {text:?}, which is no number")),
    }
}

fn thorough(given: Option<&str>) -> Result<u32, String> {
    match given.map(str::parse) {
        None => Ok(1),
        Some(Ok(factor)) if factor > 0 => Ok(factor),
        Some(_) => Err(format!("{THOROUGH} is {given:?}, which is no number from 1")),
    }
}

fn trial(suite: &Arc<Suite>, case: &'static Case) -> Trial {
    let absence = if suite.skipped {
        Some("its adapter is skipped on purpose")
    } else {
        let absent = case.needs.filter(|needs| !needs.is_among(suite.capabilities));
        absent.map(crate::case::Capability::absence)
    };
    let suite = Arc::clone(suite);
    let is_absent = absence.is_some();
    Trial::ignorable_test(case.name, move || match absence {
        Some(why) => Ok(Completion::ignored_with(why)),
        None => execute(&suite, case).map(|()| Completion::Completed),
    })
    .with_ignored_flag(is_absent)
}

/// Runs one case, and says how to replay it if it fails.
fn execute(suite: &Suite, case: &'static Case) -> Result<(), Failed> {
    let seed = *suite.seed.as_ref()?;
    let thorough = *suite.thorough.as_ref()?;
    let (result, variables) = match case.body {
        Body::Written(run) => (on_a_fresh_store(suite, seed, run), format!("{SEED}={seed}")),
        Body::Generated(run) => {
            let attempt = |run: Box<dyn FnOnce(&mut World) -> Run<'_> + Send>| {
                on_a_fresh_store(suite, seed, run)
            };
            let variables = format!("{SEED}={seed} {THOROUGH}={thorough}");
            let generated = Generated::new(case.name, seed, thorough, suite.is_replay, &attempt);
            (run(&generated), variables)
        }
    };
    result.map_err(|text| {
        let name = case.name;
        Failed::from(format!(
            "{text}\n\nseed {seed}; to replay: {variables} and the filter --exact {name}"
        ))
    })
}

/// Does something to a store of its own, and removes the store.
fn on_a_fresh_store(
    suite: &Suite,
    seed: u64,
    run: impl FnOnce(&mut World) -> Run<'_> + Send + 'static,
) -> Result<(), String> {
    let adapters = suite.adapters.clone()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime could be made: {error}"))?;
    let Place { options, guard } = runtime
        .block_on((suite.make_place)())
        .map_err(|error| format!("no place for a store could be made: {}", chain(&*error)))?;

    let journal = Arc::new(Journal::default());
    let open = World::open(adapters, options, seed, Arc::clone(&journal));
    let outcome = runtime.block_on(drive(open, run));
    runtime.shutdown_timeout(Duration::from_secs(5));
    // Every handle is gone now.
    drop(guard);

    outcome.map_err(|failure| format!("{failure}\n\n{}", journal.text()))
}

/// Drives a run to its end, and judges what it left behind. A panic is a failure of the case.
async fn drive(
    open: impl Future<Output = Outcome<World>> + Send + 'static,
    run: impl FnOnce(&mut World) -> Run<'_> + Send + 'static,
) -> Outcome {
    let task = tokio::spawn(async move {
        let mut world = open.await?;
        run(&mut world).await?;
        world.journal.check()?;
        world.journal.note("the case is done; what it left behind is looked through".into());
        oracle::check(world.store.raw().as_ref(), &world.toolkit).await
    });
    let abort = task.abort_handle();
    match tokio::time::timeout(TIME_LIMIT, task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Err(Failure::new(panic_text(error))),
        Err(_) => {
            abort.abort();
            Err(Failure::new(format!("the case was not done after {TIME_LIMIT:?}")))
        }
    }
}

fn panic_text(error: tokio::task::JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else {
        return "the case was cancelled".into();
    };
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied());
    format!("the case panicked: {}", text.unwrap_or("without a text"))
}

/// An error's text with those of its causes.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_is_skipped_by_its_whole_name() {
        assert!(names("postgres", "postgres"));
        assert!(names("sqlite, postgres", "postgres"));
        for list in ["", "postgresql", "post", "sqlite,memory", "Postgres"] {
            assert!(!names(list, "postgres"), "{list:?}");
        }
    }

    #[test]
    fn a_seed_is_taken_as_it_is_printed() {
        assert_eq!(seed(Some("18446744073709551615")), Ok(u64::MAX));
        assert!(seed(Some("7f")).is_err_and(|error| error.contains(SEED)));
        assert_ne!(seed(None), seed(None));
    }

    #[test]
    fn the_thorough_form_is_a_number_from_1() {
        assert_eq!(thorough(None), Ok(1));
        assert_eq!(thorough(Some("30")), Ok(30));
        for text in ["", "0", "-1", "yes"] {
            assert!(thorough(Some(text)).is_err_and(|error| error.contains(THOROUGH)), "{text:?}");
        }
    }
}
