//! What both programs need: arguments, entries to store, and figures to print.

#![allow(dead_code, reason = "each program uses its part")]
#![allow(clippy::print_stdout, reason = "the figures are what a benchmark is for")]

use std::{
    fmt,
    process::ExitCode,
    str::FromStr,
    time::{Duration, Instant},
};

use blacksmith_store::{Event, Job, Options, Result, Store, StoreError, Toolkit};

/// Entries of one call.
pub(crate) const BATCH: usize = 1_000;

/// Runs a program, unless it was not started by `cargo bench`: `cargo test --all-targets` builds it and does nothing.
pub(crate) fn bench(program: impl AsyncFnOnce(Arguments) -> Result<()>) -> ExitCode {
    let (flags, arguments): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    if !flags.iter().any(|flag| flag == "--bench") {
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            println!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(program(Arguments(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What stands behind `--` on the command line.
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    /// Opens the store of the first argument, `memory:` if there is none; it must be empty.
    pub(crate) async fn open(&self) -> Result<std::sync::Arc<dyn Store>> {
        let url = self.0.first().map_or("memory:", String::as_str);
        let store = blacksmith_store::open(Options::from_url(url)?).await?;
        if !store.stats(&Toolkit::new()).await?.is_empty() {
            return Err(StoreError::config("a benchmark needs a store that is empty"));
        }
        println!("{}", store.name());
        Ok(store)
    }

    /// The number at `place`, or `default`.
    pub(crate) fn number<T: FromStr>(&self, place: usize, default: T) -> Result<T> {
        match self.0.get(place) {
            None => Ok(default),
            Some(text) => text
                .replace('_', "")
                .parse()
                .map_err(|_| StoreError::invalid_input(format!("{text:?} is not a number"))),
        }
    }
}

/// `count` events of about 200 bytes with one job each, of about 200 bytes too, for these destinations by turns.
pub(crate) fn events(toolkit: &Toolkit, count: usize, destinations: &[(&str, &str)]) -> Vec<Event> {
    let payload = |kind: &str, number: usize| {
        let head = format!(r#"{{"kind":"{kind}","number":{number},"data":""#);
        format!(r#"{head:x<198}"}}"#)
    };
    (0..count)
        .zip(destinations.iter().cycle())
        .map(|(number, (destination, action))| {
            let job = Job::new(toolkit.job_id(), *destination, *action);
            Event::new(toolkit.event_id(), "shop", "order.paid")
                .with_data(payload("event", number))
                .with_job(job.with_data(payload("job", number)))
        })
        .collect()
}

/// How long each of several repetitions took.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, started: Instant) {
        self.0.push(started.elapsed());
    }

    /// The time that `percent` of the repetitions did not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }
}

/// A line of the table: what was measured, then milliseconds.
pub(crate) struct Line<'a>(pub(crate) &'a str, pub(crate) &'a Times);

impl Line<'_> {
    pub(crate) fn heading() -> String {
        format!("{:<60} {:>9} {:>9} {:>9} {:>6}", "milliseconds", "p50", "p99", "max", "times")
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(what, times) = self;
        write!(f, "{what:<60}")?;
        for percent in [50, 99, 100] {
            write!(f, " {:>9.3}", times.percentile(percent).as_secs_f64() * 1e3)?;
        }
        write!(f, " {:>6}", times.0.len())
    }
}

/// The middle one of several figures.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
