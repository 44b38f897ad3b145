//! Runs the suite as a test program does, with libtest's arguments, output and exit code.

use std::{process::ExitCode, sync::Arc};

use blacksmith_store_core::{Adapter as _, AvailableAdapters};
use libtest_mimic::{Completion, Trial};

use crate::{
    arguments::Asked,
    case::Case,
    families,
    fixture::Fixture,
    processes::enter,
    suite::{SKIP, Suite, is_skipped},
};

/// The exit code of libtest for arguments that it does not know.
const USAGE: u8 = 2;

/// Runs the suite as a test program does: cases chosen by the arguments, in parallel, with libtest's output and exit code.
/// Beside libtest's arguments it takes `--seed NUMBER` and `--thorough FACTOR`, which win over the environment.
///
/// To be called first in `main`: cases start the program again as a child process.
pub fn run(fixture: impl Fixture) -> ExitCode {
    // A registry that cannot be made fails every case, with the reason.
    if let Ok(adapters) = AvailableAdapters::new().with(fixture.adapter())
        && let Some(ended) = enter(&adapters)
    {
        return ended;
    }
    let asked = match Asked::parse(std::env::args()) {
        Ok(asked) => asked,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            return ExitCode::from(USAGE);
        }
    };
    let name = fixture.adapter().name();
    let mut suite = Suite::new(fixture);
    if let Some(seed) = asked.seed {
        suite = suite.with_seed(seed);
    }
    if let Some(factor) = asked.thorough {
        suite = suite.with_thorough(factor);
    }
    let trials = trials_of(suite);
    if is_skipped(name) && !asked.libtest.list {
        eprintln!(
            "{SKIP} names {name:?}: all of its {} cases are skipped on purpose",
            trials.len()
        );
    }
    libtest_mimic::run(&asked.libtest, trials).exit_code()
}

/// The suite's cases for a program of its own that runs them. Cases with child processes are ignored unless it has called
/// [`enter`].
pub fn trials(fixture: impl Fixture) -> Vec<Trial> {
    trials_of(Suite::new(fixture))
}

fn trials_of(suite: Suite) -> Vec<Trial> {
    let suite = Arc::new(suite);
    families::all().map(|case| trial(&suite, case)).collect()
}

fn trial(suite: &Arc<Suite>, case: &'static Case) -> Trial {
    let absence = suite.absence(case);
    let suite = Arc::clone(suite);
    Trial::ignorable_test(case.name, move || match absence {
        Some(why) => Ok(Completion::ignored_with(why)),
        None => Ok(suite.execute(case).map(|()| Completion::Completed)?),
    })
    .with_ignored_flag(absence.is_some())
}
