//! What `blacksmith` says without a command: what is here, and what to do next.

use std::path::Path;

use crate::{context::Context, exit::Exit, failure::Result, store_choice::CONFIG_FILE};

/// What is in the folder.
#[derive(Clone, Copy)]
enum Found {
    Nothing,
    /// A configuration, whose store is still to be made.
    Configuration,
    /// A store, and nothing that says where its jobs lead.
    StoreAlone,
    Store,
}

/// A command, and what it is for.
type Step = (&'static str, &'static str);

const DEMO: Step = ("demo", "see all of it at work, in under a minute");
const INIT: Step = ("init", "write a commented blacksmith.toml to begin with");
const INGEST: Step = ("ingest FILE --to DESTINATION/ACTION", "store events, with a job each");
const INGEST_ROUTED: Step =
    ("ingest FILE", "store events, with the jobs that the routes give them");
const RUN: Step = ("run", "deliver the jobs as blacksmith.toml says");
const TOP: Step = ("top", "watch the jobs");
const SHOW: Step = ("show JOB", "read what happened to one");
const FAILED: Step = ("jobs list --status failed", "see what failed, and why");

impl Found {
    fn of(has_configuration: bool, is_absent: bool) -> Self {
        match (has_configuration, is_absent) {
            (true, false) => Self::Store,
            (false, false) => Self::StoreAlone,
            (true, true) => Self::Configuration,
            (false, true) => Self::Nothing,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Nothing => "there is no store and no blacksmith.toml here yet",
            Self::Configuration => "blacksmith.toml is here, its store is not yet",
            Self::StoreAlone => "the store is there, a blacksmith.toml is not",
            Self::Store => "blacksmith.toml and its store are here",
        }
    }

    const fn steps(self) -> &'static [Step] {
        match self {
            Self::Nothing => &[DEMO, INIT, INGEST],
            Self::Configuration => &[INGEST_ROUTED, RUN, TOP],
            Self::StoreAlone => &[INIT, TOP, FAILED, SHOW],
            Self::Store => &[RUN, TOP, FAILED, SHOW],
        }
    }
}

/// Says what to do next.
pub(crate) fn run(context: &mut Context<'_>) -> Result<Exit> {
    let store = context.options()?;
    let found = Found::of(Path::new(CONFIG_FILE).exists(), context.is_absent(&store));
    let terminal = &mut context.terminal;
    terminal.print(format_args!("blacksmith: a database used as a queue; {}", found.text()))?;
    terminal.print("")?;
    let width = found.steps().iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    for (command, purpose) in found.steps() {
        terminal.print(format_args!("  blacksmith {command:width$}   {purpose}"))?;
    }
    terminal.print("")?;
    terminal.print(
        "`blacksmith --help` lists all commands, `blacksmith COMMAND --help` explains one.",
    )?;
    if is_run_by_cargo() {
        terminal.print("From here, `cargo run --release --` stands for `blacksmith`.")?;
    }
    Ok(Exit::Done)
}

/// Whether `cargo run` started this, so that there may be no `blacksmith` to call.
fn is_run_by_cargo() -> bool {
    std::env::var_os("CARGO_MANIFEST_DIR").is_some()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::arguments::Arguments;

    #[test]
    fn every_step_is_a_command() {
        let arguments = Arguments::command();
        for found in [Found::Nothing, Found::Configuration, Found::StoreAlone, Found::Store] {
            for (step, _) in found.steps() {
                let command =
                    step.split(' ').next().and_then(|name| arguments.find_subcommand(name));
                assert!(command.is_some(), "{step}");
            }
        }
    }
}
