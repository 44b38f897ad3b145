//! `blacksmith conformance`

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use blacksmith_store::{Adapter as _, Capabilities};
use blacksmith_store_conformance::{Fixture as _, Suite, Verdict};
use clap::Args;
use serde::Serialize;

use self::scratch::Chosen;
use crate::{
    context::Context,
    exit::Exit,
    failure::{Failure, Result},
    interrupt::Interrupt,
    progress::Progress,
    table::{Column, Table},
};

mod scratch;

pub(crate) const WHAT_HAPPENS: &str = "\
Runs the suite that every adapter has to pass against the database of --store, so that you know whether it will do before you
rely on it. Nothing that is there is touched: every case works in a schema of its own (PostgreSQL), or in a file of its own in
the folder of the one that is named (SQLite), which is removed when the case is done. The database's user must be allowed to
make schemas. A case that fails says what was done, what was expected and what came back, and the seed that replays it.

Exit code 0 if everything that the adapter declares is kept, else 1.";

/// Flags of `conformance`.
#[derive(Args, Debug)]
pub(crate) struct ConformanceArgs {
    /// Run the cases whose name holds one of these words
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Replay with this seed
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Generate so many times as much, and let cases that race or kill a process do so more often
    #[arg(long, value_name = "FACTOR")]
    thorough: Option<NonZeroU32>,
    /// How many cases run at once [default: 4]
    #[arg(long, value_name = "NUMBER", default_value_t = 4, hide_default_value = true)]
    jobs: usize,
    /// List the cases and run none
    #[arg(long)]
    list: bool,
}

/// What came out, in `--json`.
#[derive(Serialize)]
struct Report {
    adapter: &'static str,
    capabilities: Capabilities,
    seconds: f64,
    passed: usize,
    failed: usize,
    absent: usize,
    cases: Vec<Line>,
}

/// A case, in `--json`.
#[derive(Serialize)]
struct Line {
    name: &'static str,
    verdict: &'static str,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// Runs the suite on the chosen database.
pub(crate) async fn run(context: &mut Context<'_>, args: &ConformanceArgs) -> Result<Exit> {
    let chosen = Chosen::new(context.adapters, context.options()?)?;
    let capabilities = chosen.capabilities();
    let adapter = chosen.name();
    let cases: Vec<_> = Suite::cases(capabilities, chosen.server().as_ref())
        .filter(|(name, _)| {
            args.words.is_empty() || args.words.iter().any(|word| name.contains(word))
        })
        .collect();
    if cases.is_empty() {
        return Err(Failure::usage("no case's name holds one of these words; `--list` shows them"));
    }
    if args.list {
        for (name, _) in cases {
            context.terminal.print(name)?;
        }
        return Ok(Exit::Done);
    }
    // What is wrong with the database shall be told once, and not by every case.
    chosen.try_once().await?;

    let mut suite = Suite::new(chosen);
    if let Some(seed) = args.seed {
        suite = suite.with_seed(seed);
    }
    if let Some(factor) = args.thorough {
        suite = suite.with_thorough(factor);
    }
    let begun = Instant::now();
    let names: Vec<&'static str> = cases.into_iter().map(|(name, _)| name).collect();
    let lines = try_all(context, &suite, &names, args.jobs.max(1))?;
    tell(context, adapter, capabilities, begun.elapsed(), lines)
}

/// Runs the cases on threads of their own, for each blocks; stops after those in flight when asked to.
fn try_all(
    context: &Context<'_>,
    suite: &Suite,
    names: &[&'static str],
    threads: usize,
) -> Result<Vec<Line>> {
    let interrupt = Interrupt::listen()?;
    let progress = Progress::of_entries(&context.terminal);
    let next = AtomicUsize::new(0);
    let lines = Mutex::new(Vec::with_capacity(names.len()));
    let done = || lines.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        let work = || {
            while !interrupt.is_requested() {
                let place = next.fetch_add(1, Ordering::SeqCst);
                let Some(name) = names.get(place) else { return };
                let begun = Instant::now();
                let line = Line::of(name, suite.run(name), begun);
                done().push((place, line));
            }
        };
        let workers: Vec<_> = (0..threads.min(names.len())).map(|_| scope.spawn(work)).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            progress.set(done().len() as u64, format!("of {} cases", names.len()));
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    if interrupt.is_requested() {
        return Err(Failure::Interrupted);
    }
    let mut lines = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
    lines.sort_by_key(|(place, _)| *place);
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

impl Line {
    fn of(name: &'static str, verdict: Option<Verdict>, begun: Instant) -> Self {
        let (verdict, text) = match verdict {
            Some(Verdict::Passed) => ("passed", None),
            Some(Verdict::Failed(text)) => ("failed", Some(text)),
            Some(Verdict::Absent(why)) => ("absent", Some(why.to_owned())),
            None => ("failed", Some("there is no such case".to_owned())),
        };
        Self { name, verdict, seconds: begun.elapsed().as_secs_f64(), text }
    }
}

const COLUMNS: &[Column] = &[Column::whole("CAPABILITY"), Column::text("")];

/// Prints what came out.
fn tell(
    context: &mut Context<'_>,
    adapter: &'static str,
    capabilities: Capabilities,
    elapsed: Duration,
    cases: Vec<Line>,
) -> Result<Exit> {
    let count = |verdict| cases.iter().filter(|line| line.verdict == verdict).count();
    let (passed, failed, absent) = (count("passed"), count("failed"), count("absent"));
    if context.json {
        let seconds = elapsed.as_secs_f64();
        let report = Report { adapter, capabilities, seconds, passed, failed, absent, cases };
        context.terminal.print_json(&report)?;
        return Ok(Exit::complete(failed == 0));
    }
    for line in cases.iter().filter(|line| line.verdict == "failed") {
        let text = line.text.as_deref().unwrap_or_default();
        context.terminal.print(format!("---- {}\n{text}\n", line.name))?;
    }
    let rows: Vec<Vec<String>> = [
        ("durable", capabilities.durable),
        ("several handles", capabilities.several_handles),
        ("several processes", capabilities.several_processes),
        ("wakeups", capabilities.wakeups),
    ]
    .into_iter()
    .map(|(name, has)| {
        vec![name.to_owned(), if has { "declared" } else { "not declared" }.to_owned()]
    })
    .collect();
    Table::new(COLUMNS).print(&rows, &mut context.terminal)?;
    for line in cases.iter().filter(|line| line.verdict == "failed") {
        context.terminal.print(format!("failed: {}", line.name))?;
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for line in cases.iter().filter(|line| line.verdict == "absent") {
        *reasons.entry(line.text.as_deref().unwrap_or_default()).or_default() += 1;
    }
    for (reason, count) in reasons {
        context.terminal.print(format!("absent: {count}, {reason}"))?;
    }
    context.terminal.print(format!(
        "{adapter}: {passed} passed, {failed} failed, {absent} absent, in {:.0} s",
        elapsed.as_secs_f64()
    ))?;
    Ok(Exit::complete(failed == 0))
}
