//! The suite of one fixture: its cases, each on stores and a seed of its own.

use std::{
    fmt::Write as _,
    hash::{BuildHasher as _, RandomState},
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use blacksmith_store_core::{Adapter as _, AvailableAdapters, Capabilities};

use crate::{
    case::{Body, Capability, Case, Run},
    failure::{Failure, Outcome},
    families,
    fixture::{Fixture, FixtureError, Place},
    generated::Generated,
    journal::Journal,
    oracle, processes,
    server::Server,
    world::World,
};

/// The seed of every case, to replay a failure.
const SEED: &str = "BLACKSMITH_CONFORMANCE_SEED";

/// How many times as much is tried as in the quick form.
const THOROUGH: &str = "BLACKSMITH_CONFORMANCE_THOROUGH";

/// The adapters that are skipped on purpose.
pub(crate) const SKIP: &str = "BLACKSMITH_CONFORMANCE_SKIP";

/// A case that takes longer hangs: the slowest take seconds, but a busy machine may be many times slower.
const TIME_LIMIT: Duration = Duration::from_mins(5);

type MakePlace =
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<Place, FixtureError>> + Send>> + Send + Sync;

/// The suite for one fixture, for programs that run cases themselves; a test target calls [`run`](crate::run) instead.
///
/// Some cases start the program again as a child process, for which it calls [`enter`](crate::enter) first in its `main`;
/// without it those cases are absent.
pub struct Suite {
    adapters: Result<AvailableAdapters, String>,
    capabilities: Capabilities,
    server: Option<Server>,
    skipped: bool,
    seed: Result<u64, String>,
    is_replay: bool,
    thorough: Result<u32, String>,
    make_place: Box<MakePlace>,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The promise was kept.
    Passed,
    /// It was not: what was done, what was expected, what came back, and the seed that replays it.
    Failed(String),
    /// The case did not run, and why: it needs a capability that the adapter does not declare, or a server
    /// where there is none, or child processes of a program
    /// that did not call [`enter`](crate::enter), or was skipped on purpose.
    Absent(&'static str),
}

impl Suite {
    /// The suite for a fixture, with the seed of the environment or one drawn at random.
    pub fn new(fixture: impl Fixture) -> Self {
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
        let server = fixture.server();
        let fixture = Arc::new(fixture);
        Self {
            adapters,
            capabilities,
            server,
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

    /// The same with this seed for every case.
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed: Ok(seed), is_replay: true, ..self }
    }

    /// The same with so many times as much generated as in the quick form; cases that race, or kill a process, are repeated up
    /// to 20 times.
    pub fn with_thorough(self, factor: NonZeroU32) -> Self {
        Self { thorough: Ok(factor.get()), ..self }
    }

    /// The names of all cases, `family::case`, in the order in which an adapter's author would make them pass; each with the
    /// reason for which it does not run with these capabilities and this server, if any.
    pub fn cases(
        capabilities: Capabilities,
        server: Option<&Server>,
    ) -> impl Iterator<Item = (&'static str, Option<&'static str>)> + use<> {
        let has_server = server.is_some();
        families::all().map(move |case| (case.name, lacking(case, capabilities, has_server)))
    }

    /// Runs the case of this name on a store of its own, blocking; none if there is no such case. Several threads may each
    /// run one.
    pub fn run(&self, name: &str) -> Option<Verdict> {
        let case = families::all().find(|case| case.name == name)?;
        Some(match self.absence(case) {
            Some(why) => Verdict::Absent(why),
            None => self.execute(case).map_or_else(Verdict::Failed, |()| Verdict::Passed),
        })
    }

    /// Why a case does not run.
    pub(crate) fn absence(&self, case: &Case) -> Option<&'static str> {
        if self.skipped {
            return Some("its adapter is skipped on purpose");
        }
        let needs_processes = case.needs.is_some_and(Capability::needs_processes);
        lacking(case, self.capabilities, self.server.is_some()).or_else(|| {
            (needs_processes && !processes::can_be_entered()).then_some(
                "it needs child processes, and its program does not call `enter` first in its `main`",
            )
        })
    }

    /// Runs one case, and says how to replay it if it fails.
    pub(crate) fn execute(&self, case: &'static Case) -> Result<(), String> {
        let seed = self.seed.clone()?;
        let thorough = self.thorough.clone()?;
        let result = match case.body {
            Body::Written(run) => self.on_a_fresh_store(seed, thorough, run),
            Body::Generated(run) => {
                let attempt = |run: Box<dyn FnOnce(&mut World) -> Run<'_> + Send>| {
                    self.on_a_fresh_store(seed, thorough, run)
                };
                run(&Generated::new(case.name, seed, thorough, self.is_replay, &attempt))
            }
        };
        result.map_err(|text| {
            let (name, variables) = (case.name, format!("{SEED}={seed} {THOROUGH}={thorough}"));
            format!("{text}\n\nseed {seed}; to replay: {variables} and the filter --exact {name}")
        })
    }

    /// Does something to a store of its own, and removes the store.
    fn on_a_fresh_store(
        &self,
        seed: u64,
        thorough: u32,
        run: impl FnOnce(&mut World) -> Run<'_> + Send + 'static,
    ) -> Result<(), String> {
        let adapters = self.adapters.clone()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime could be made: {error}"))?;
        let Place { options, guard } = runtime
            .block_on((self.make_place)())
            .map_err(|error| format!("no place for a store could be made: {}", chain(&*error)))?;

        let journal = Arc::new(Journal::default());
        let server = self.server.clone();
        let open = World::open(adapters, options, server, seed, thorough, Arc::clone(&journal));
        let outcome = runtime.block_on(drive(open, run));
        runtime.shutdown_timeout(Duration::from_secs(5));
        // Every handle is gone now.
        drop(guard);

        outcome.map_err(|failure| format!("{failure}\n\n{}", journal.text()))
    }
}

/// Why a case does not run with these capabilities, with a server or without.
fn lacking(case: &Case, capabilities: Capabilities, has_server: bool) -> Option<&'static str> {
    case.needs.filter(|needs| !needs.is_among(capabilities, has_server)).map(Capability::absence)
}

/// Whether the environment names the adapter among those that are skipped.
pub(crate) fn is_skipped(adapter: &str) -> bool {
    names(&std::env::var(SKIP).unwrap_or_default(), adapter)
}

/// Whether a list with commas names the adapter.
fn names(list: &str, adapter: &str) -> bool {
    list.split(',').any(|name| name.trim() == adapter)
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
