//! `blacksmith ingest`

use std::path::PathBuf;

use clap::Args;

use crate::{
    configuration::Routes,
    context::Context,
    exit::Exit,
    failure::{Failure, Result},
    ingest::{self, Input, Sender, Summary},
    interrupt::Interrupt,
    progress::Progress,
    route::Route,
    wording::counted,
};

/// What a line may say, for the long help.
pub(crate) const LINES: &str = "\
A line is a JSON object:
  source, trigger         required, 1 to 255 bytes
  data, context           any JSON, stored byte for byte as it stands in the line; null is none
  id                      a KSUID; without one a second run adds the event again
  version                 text
  sent_at, received_at    RFC 3339
  jobs                    a list of objects: destination, action, and if need be
                          id, version, context, data, run_at

A job without an id gets one that is derived from its event's, its destination and its action, and so do the jobs of \
routes: events with ids may be ingested again, and nothing is added twice. Routes are those of --to, for every event, and \
[[routes]] of blacksmith.toml, for those whose source and trigger match. A route adds nothing to an event that has a job \
for that destination and action already. Blank lines are skipped. A member that is not listed here is an \
error of its line, for it may be a misspelt one.

Lines that are no events, or that the store refuses, are reported with their number, and the rest goes in: exit code 1.";

#[derive(Args, Debug)]
pub(crate) struct IngestArgs {
    /// The file, one event a line; - for standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Give every event a job for this destination and action; may be given several times
    #[arg(long = "to", value_name = "DESTINATION/ACTION")]
    to: Vec<Route>,
    /// Leave the routes of the configuration file out
    #[arg(long)]
    no_routes: bool,
}

pub(crate) async fn run(context: &mut Context<'_>, args: &IngestArgs) -> Result<Exit> {
    let routes = if args.no_routes { Routes::default() } else { context.configuration()?.routes };
    let routes = routes.and_all(&args.to);
    let input = Input::open(&args.file)?;
    let store = context.open_or_create().await?;
    let interrupt = Interrupt::listen()?;
    let progress = Progress::of_bytes(input.bytes, &context.terminal);
    let mut sender = Sender {
        store: &*store,
        interrupt: &interrupt,
        progress: &progress,
        summary: Summary::default(),
    };
    let mut batches = ingest::read(input, routes, context.toolkit());
    let ended = loop {
        let batch = match interrupt.or(batches.recv()).await {
            Ok(Some(Ok(batch))) => batch,
            Ok(Some(Err(error))) => {
                break Err(Failure::input_output(format!("read {}", args.file.display()), error));
            }
            Ok(None) => break Ok(()),
            Err(interrupted) => break Err(interrupted),
        };
        if let Err(failure) = sender.send(context, batch).await {
            break Err(failure);
        }
    };
    let mut summary = sender.summary;
    summary.incomplete = ended.is_err();
    drop(progress);

    tell(context, &summary)?;
    if summary.incomplete && summary.last_line > 0 {
        context.terminal.note(format_args!(
            "lines up to {} were dealt with; to go on: tail -n +{} FILE | blacksmith ingest - …",
            summary.last_line,
            summary.last_line + 1
        ));
    }
    ended?;
    Ok(Exit::complete(summary.bad_lines == 0))
}

fn tell(context: &mut Context<'_>, summary: &Summary) -> Result<()> {
    if context.json {
        context.terminal.print_json(summary)?;
    } else {
        let Summary { added, bad_lines, .. } = summary;
        context.terminal.print(format_args!(
            "{}, {} added; {}, {} known; {} bad",
            counted(added.events, "event"),
            counted(added.jobs, "job"),
            counted(added.events_known, "event"),
            counted(added.jobs_known, "job"),
            counted(*bad_lines, "line"),
        ))?;
    }
    Ok(())
}
