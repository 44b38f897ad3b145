//! Shows that the conformance suite catches faults: plants each into a store, runs the cases that name the broken promise, and
//! writes the table `docs/faults.md`.
//!
//! `cargo run -p blacksmith-testing-faults` writes the table, `-- --check` fails where it is not the one in the repository,
//! and `-- --all [WORDS]` runs every case on each fault (whose story has these words) and prints what else fails.

use std::{
    collections::BTreeSet,
    error::Error,
    fmt::Write as _,
    path::Path,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use blacksmith_store_conformance::{Fixture as _, Suite, Verdict, enter};
use blacksmith_store_core::{Adapter as _, AvailableAdapters};

mod adapter;
mod fault;
mod planted;
mod wire;

use adapter::FaultyAdapter;
use fault::Ground;

/// Where the table stands.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/faults.md");

fn main() -> ExitCode {
    // What a child process opens is in a file, and its options name the fault.
    match AvailableAdapters::new().with(FaultyAdapter::sound(Ground::File)) {
        Ok(adapters) => {
            if let Some(code) = enter(&adapters) {
                return code;
            }
        }
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        None => every_fault_is_caught().and_then(|()| write(Path::new(TABLE))),
        Some("--check") => every_fault_is_caught().and_then(|()| compare(Path::new(TABLE))),
        Some("--all") => show_everything(&arguments[1..].join(" ")),
        Some(other) => {
            Err(format!("unknown argument {other}; there are --check and --all [WORDS]").into())
        }
    };
    match done {
        Ok(sentence) => {
            eprintln!("{sentence}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Every fault makes the cases fail that name its promise, which pass on the sound store.
fn every_fault_is_caught() -> Result<()> {
    let spared = spared_families();
    if !spared.is_empty() {
        return Err(format!("no fault is caught by these families: {}", spared.join(", ")).into());
    }
    let mut sound = Vec::new();
    for ground in Ground::ALL {
        let adapter = FaultyAdapter::sound(ground);
        let faults = planted::all().filter(|planted| planted.ground == ground);
        let cases: BTreeSet<_> = faults.flat_map(|planted| planted.caught_by).copied().collect();
        sound.extend(cases.into_iter().map(|case| (adapter, case)));
        if ground == Ground::Server {
            // Behind a server that is sound, a lost connection does no harm at all.
            sound.extend(lost_connections(adapter).map(|case| (adapter, case)));
        }
    }
    let (_, failed) = judged(sound)?;
    if !failed.is_empty() {
        let failed: Vec<_> =
            failed.into_iter().map(|((_, case), text)| format!("{case}: {text}")).collect();
        return Err(format!("these fail without any fault:\n{}", failed.join("\n\n")).into());
    }
    let tries = planted::all().flat_map(|planted| {
        planted.caught_by.iter().map(move |case| (FaultyAdapter::with(*planted), *case))
    });
    let (passed, _) = judged(tries.collect())?;
    let mut missed = String::new();
    for (adapter, case) in passed {
        write!(missed, "\n  {case} does not catch a store that {}", adapter.story())?;
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("faults are missed:{missed}").into()) }
}

/// The families of the suite in which no fault is caught.
fn spared_families() -> Vec<&'static str> {
    let family = |case: &'static str| case.split_once("::").map_or(case, |(family, _)| family);
    let run = Ground::ALL.map(|ground| running(FaultyAdapter::sound(ground)));
    let all: BTreeSet<_> = run.into_iter().flatten().map(family).collect();
    let caught = planted::all().flat_map(|planted| planted.caught_by);
    let caught: BTreeSet<_> = caught.copied().map(family).collect();
    all.difference(&caught).copied().collect()
}

/// A case on stores of an adapter.
type Try = (FaultyAdapter, &'static str);

/// One that failed, and what the suite says of it.
type Failed = (Try, String);

/// Those of the tries that pass, and those that fail.
fn judged(tries: Vec<Try>) -> Result<(Vec<Try>, Vec<Failed>)> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(vec![None; tries.len()]);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(tries.len()) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::SeqCst);
                    let Some((adapter, case)) = tries.get(place) else { return };
                    let verdict = Suite::new(*adapter).run(case);
                    verdicts.lock().unwrap_or_else(PoisonError::into_inner)[place] = verdict;
                }
            });
        }
    });
    let verdicts = verdicts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (mut passed, mut failed) = (Vec::new(), Vec::new());
    for ((adapter, case), verdict) in tries.into_iter().zip(verdicts) {
        match verdict {
            Some(Verdict::Passed) => passed.push((adapter, case)),
            Some(Verdict::Failed(text)) => failed.push(((adapter, case), text)),
            Some(Verdict::Absent(why)) => return Err(format!("{case} does not run: {why}").into()),
            None => return Err(format!("there is no case {case}").into()),
        }
    }
    Ok((passed, failed))
}

/// The table of the documentation.
fn table() -> String {
    let mut text = String::from(
        "# Faults that the suite catches\n\n\
         <!-- Written by `cargo run -p blacksmith-testing-faults`; CI compares it. -->\n\n\
         A suite that passes says little unless it fails where it should. Each line is a store that is sound but for one fault,\n\
         planted below the checks of the contract, into the memory adapter, for lost connections behind a small server, or into that of\n\
         SQLite, where several processes share a store or it outlasts them; the cases beside it fail on that store and pass without\n\
         the fault. Letters and numbers in brackets are configurations of the protocol's model that did not hold.\n",
    );
    for (title, faults) in planted::GROUPS {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## {title}\n\n| a store that … | is caught by |\n| --- | --- |\n");
        for planted in *faults {
            let cases: Vec<String> =
                planted.caught_by.iter().map(|case| format!("`{case}`")).collect();
            let _ = writeln!(text, "| {} | {} |", planted.story, cases.join("<br>"));
        }
    }
    text
}

fn write(path: &Path) -> Result<String> {
    std::fs::write(path, table())?;
    Ok(format!("{} faults, each caught; docs/faults.md is written", planted::all().count()))
}

fn compare(path: &Path) -> Result<String> {
    if std::fs::read_to_string(path).is_ok_and(|there| there == table()) {
        return Ok(format!(
            "{} faults, each caught; docs/faults.md tells them",
            planted::all().count()
        ));
    }
    Err("docs/faults.md is stale: run `cargo run -p blacksmith-testing-faults`".into())
}

/// The cases that run on such stores.
fn running(adapter: FaultyAdapter) -> impl Iterator<Item = &'static str> {
    let cases = Suite::cases(adapter.capabilities(), adapter.server().as_ref());
    cases.filter(|(_, absence)| absence.is_none()).map(|(name, _)| name)
}

/// Those of them in which connections are lost.
fn lost_connections(adapter: FaultyAdapter) -> impl Iterator<Item = &'static str> {
    running(adapter).filter(|name| name.starts_with("lost_connections::"))
}

/// Runs every case on each fault, and prints how many fail and which.
fn show_everything(words: &str) -> Result<String> {
    let mut shown = 0;
    for planted in planted::all().filter(|planted| planted.story.contains(words)) {
        let adapter = FaultyAdapter::with(*planted);
        let (_, failed) = judged(running(adapter).map(|case| (adapter, case)).collect())?;
        eprintln!("{}: {} cases fail", planted.story, failed.len());
        for ((_, case), _) in failed {
            let mark = if planted.caught_by.contains(&case) { "*" } else { " " };
            eprintln!("  {mark} {case}");
        }
        shown += 1;
    }
    Ok(format!("{shown} faults"))
}
