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

use blacksmith_store_conformance::{Fixture as _, Suite, Verdict};
use blacksmith_store_core::Adapter as _;

mod fault;
mod planted;
mod wire;

use fault::{FaultyMemory, Planted};

/// Where the table stands.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/faults.md");

fn main() -> ExitCode {
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
    for is_wired in [false, true] {
        let faults = all().filter(|planted| planted.is_wired == is_wired);
        let names: BTreeSet<&str> = faults.flat_map(|planted| planted.caught_by).copied().collect();
        let names: Vec<_> = names.into_iter().collect();
        let failed = failures(FaultyMemory::sound(is_wired), &names)?;
        if !failed.is_empty() {
            return Err(format!("these fail without any fault: {}", failed.join(", ")).into());
        }
    }
    // Behind a server that is sound, a lost connection does no harm at all.
    let sound = FaultyMemory::sound(true);
    let failed = failures(sound, &lost_connections(sound))?;
    if !failed.is_empty() {
        return Err(format!("these fail behind a sound server: {}", failed.join(", ")).into());
    }
    let mut missed = String::new();
    for planted in all() {
        let caught = failures(FaultyMemory::with(*planted), planted.caught_by)?;
        for case in planted.caught_by.iter().filter(|case| !caught.contains(case)) {
            write!(missed, "\n  {case} does not catch a store that {}", planted.story)?;
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("faults are missed:{missed}").into()) }
}

fn all() -> impl Iterator<Item = &'static Planted> {
    planted::groups().into_iter().flat_map(|(_, faults)| faults)
}

/// Those of the cases that fail on such stores.
fn failures(memory: FaultyMemory, cases: &[&'static str]) -> Result<Vec<&'static str>> {
    let suite = Suite::new(memory);
    let next = AtomicUsize::new(0);
    let outcome = Mutex::new((Vec::new(), Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(cases.len()) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let verdict = suite.run(case);
                    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                    match verdict {
                        Some(Verdict::Failed(_)) => outcome.0.push(*case),
                        Some(Verdict::Passed) => {}
                        Some(Verdict::Absent(_)) | None => outcome.1.push(*case),
                    }
                }
            });
        }
    });
    let (failed, unknown) = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    if unknown.is_empty() {
        return Ok(failed);
    }
    Err(format!("there are no such cases, or they do not run: {}", unknown.join(", ")).into())
}

/// The table of the documentation.
fn table() -> String {
    let mut text = String::from(
        "# Faults that the suite catches\n\n\
         <!-- Written by `cargo run -p blacksmith-testing-faults`; CI compares it. -->\n\n\
         A suite that passes says little unless it fails where it should. Each line is a store that is sound but for one fault,\n\
         planted into the memory adapter below the checks of the contract, for lost connections behind a small server; the cases\n\
         beside it fail on that store and pass without the fault. Letters and numbers in brackets are configurations of the protocol's model that did not hold.\n",
    );
    for (title, faults) in planted::groups() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## {title}\n\n| a store that … | is caught by |\n| --- | --- |\n");
        for planted in faults {
            let cases: Vec<String> =
                planted.caught_by.iter().map(|case| format!("`{case}`")).collect();
            let _ = writeln!(text, "| {} | {} |", planted.story, cases.join("<br>"));
        }
    }
    text
}

fn write(path: &Path) -> Result<String> {
    std::fs::write(path, table())?;
    Ok(format!("{} faults, each caught; docs/faults.md is written", all().count()))
}

fn compare(path: &Path) -> Result<String> {
    if std::fs::read_to_string(path).is_ok_and(|there| there == table()) {
        return Ok(format!("{} faults, each caught; docs/faults.md tells them", all().count()));
    }
    Err("docs/faults.md is stale: run `cargo run -p blacksmith-testing-faults`".into())
}

/// The cases that run on such stores.
fn running(memory: FaultyMemory) -> impl Iterator<Item = &'static str> {
    let cases = Suite::cases(memory.capabilities(), memory.server().as_ref());
    cases.filter(|(_, absence)| absence.is_none()).map(|(name, _)| name)
}

/// Those of them in which connections are lost.
fn lost_connections(memory: FaultyMemory) -> Vec<&'static str> {
    running(memory).filter(|name| name.starts_with("lost_connections::")).collect()
}

/// Runs every case on each fault, and prints how many fail and which.
fn show_everything(words: &str) -> Result<String> {
    let mut shown = 0;
    for planted in all().filter(|planted| planted.story.contains(words)) {
        let memory = FaultyMemory::with(*planted);
        let failed = failures(memory, &running(memory).collect::<Vec<_>>())?;
        eprintln!("{}: {} cases fail", planted.story, failed.len());
        for case in failed {
            let mark = if planted.caught_by.contains(&case) { "*" } else { " " };
            eprintln!("  {mark} {case}");
        }
        shown += 1;
    }
    Ok(format!("{shown} faults"))
}
