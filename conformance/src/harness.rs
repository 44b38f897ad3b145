//! Runs the suite as a test program does, with libtest's arguments, output and exit code.

use std::{process::ExitCode, sync::Arc};

use blacksmith_store_core::{Adapter as _, AvailableAdapters};
use libtest_mimic::{Arguments, Completion, Trial};

use crate::{
    case::Case,
    families,
    fixture::Fixture,
    processes::enter,
    suite::{SKIP, Suite, is_skipped},
};

/// Runs the suite as a test program does: cases chosen by the arguments, in parallel, with libtest's output and exit code.
///
/// To be called first in `main`: cases start the program again as a child process.
pub fn run(fixture: impl Fixture) -> ExitCode {
    // A registry that cannot be made fails every case, with the reason.
    if let Ok(adapters) = AvailableAdapters::new().with(fixture.adapter())
        && let Some(ended) = enter(&adapters)
    {
        return ended;
    }
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

/// The suite's cases for a program of its own that runs them. Cases with child processes are ignored unless it has called
/// [`enter`].
pub fn trials(fixture: impl Fixture) -> Vec<Trial> {
    let suite = Arc::new(Suite::new(fixture));
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
