//! From the command line to the exit code.

use std::{ffi::OsString, process::ExitCode, time::Duration};

use blacksmith_store::AvailableAdapters;
use clap::Parser as _;

use crate::{
    arguments::{Arguments, Command},
    commands,
    context::Context,
    exit::Exit,
    failure::{Failure, Result},
    first_steps,
    secrets::without_secrets,
    terminal::Terminal,
};

/// Runs the terminal with these adapters, on the process's arguments and standard streams.
///
/// ```no_run
/// use blacksmith_cli::blacksmith_store::{Adapter, AvailableAdapters, CompiledIn as _, Result};
///
/// fn terminal(theirs: impl Adapter + 'static) -> Result<std::process::ExitCode> {
///     Ok(blacksmith_cli::run(&AvailableAdapters::compiled_in().with(theirs)?))
/// }
/// ```
pub fn run(adapters: &AvailableAdapters) -> ExitCode {
    // `blacksmith conformance` starts this program again, to kill it while it writes.
    if let Some(code) = blacksmith_store_conformance::enter(adapters) {
        return code;
    }
    run_with(adapters, std::env::args_os(), Terminal::of_process()).into()
}

/// How long threads that are still busy at the end are waited for.
const SHUTDOWN: Duration = Duration::from_secs(1);

pub(crate) fn run_with(
    adapters: &AvailableAdapters,
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    mut terminal: Terminal,
) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(refused) => return explain(&refused, terminal),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::input_output("start the threads of this program", error);
            return conclude(Err(failure), &mut terminal);
        }
    };
    let Arguments { global, command } = arguments;
    let mut context = Context::new(adapters, global, terminal);
    let ended = runtime.block_on(dispatch(&mut context, command));
    // A thread may be stuck, as in a write to a file that is locked: the answer does not wait for it.
    runtime.shutdown_timeout(SHUTDOWN);
    conclude(ended, &mut context.terminal)
}

async fn dispatch(context: &mut Context<'_>, command: Option<Command>) -> Result<Exit> {
    let Some(command) = command else {
        return first_steps::run(context);
    };
    match &command {
        Command::Demo(args) => commands::demo::run(context, args).await,
        Command::Init(args) => commands::init::run(context, args),
        Command::Ingest(args) => commands::ingest::run(context, args).await,
        Command::Run(args) => commands::run::run(context, args).await,
        Command::Events(command) => commands::events::run(context, command).await,
        Command::Jobs(command) => commands::jobs::run(context, command).await,
        Command::Transitions(command) => commands::transitions::run(context, command).await,
        Command::Show(args) => commands::show::run(context, args).await,
        Command::Stats => commands::stats::run(context).await,
        Command::Top(args) => commands::top::run(context, args).await,
        Command::Retry(args) => commands::retry::run(context, args).await,
        Command::Discard(args) => commands::discard::run(context, args).await,
        Command::Pause(args) => commands::pause::pause(context, args).await,
        Command::Resume(args) => commands::pause::resume(context, args).await,
        Command::Pauses => commands::pause::list(context).await,
        Command::Purge(args) => commands::purge::run(context, args).await,
        Command::Migrate(command) => commands::migrate::run(context, command).await,
        Command::Adapters => commands::adapters::run(context),
        Command::Conformance(args) => commands::conformance::run(context, args).await,
    }
}

/// Hands on what was printed, and reports why the command ended early, if it did.
fn conclude(ended: Result<Exit>, terminal: &mut Terminal) -> Exit {
    let flushed = terminal.flush();
    let failure = match (ended, flushed) {
        (Ok(exit), Ok(())) => return exit,
        (Ok(exit), Err(failure)) if failure.is_broken_pipe() => return exit,
        // Whoever read standard output has seen enough.
        (Err(failure), _) if failure.is_broken_pipe() => return Exit::Done,
        (Err(failure), _) | (Ok(_), Err(failure)) => failure,
    };
    let mut lines = failure.lines().into_iter();
    if let Some(first) = lines.next() {
        terminal.report(format_args!("error: {first}"));
    }
    lines.for_each(|line| terminal.report(line));
    if let Some(hint) = failure.hint() {
        terminal.report(format_args!("hint: {hint}"));
    }
    failure.exit()
}

/// Prints help, or what is wrong with the command line.
fn explain(refused: &clap::Error, mut terminal: Terminal) -> Exit {
    if !refused.use_stderr() {
        // Help and version are asked for: they go to standard output.
        let styled = refused.render();
        let printed = if terminal.shows_output {
            terminal.print_bytes(styled.ansi().to_string().as_bytes())
        } else {
            terminal.print_bytes(styled.to_string().as_bytes())
        };
        return conclude(printed.map(|()| Exit::Done), &mut terminal);
    }
    let text = refused.render().to_string();
    terminal.report(without_secrets(&text).trim_end());
    Exit::Usage
}
