//! `blacksmith demo`

use std::{path::PathBuf, sync::Arc, time::Duration};

use blacksmith_scheduler::Scheduler;
use blacksmith_store::{Store, Toolkit};
use clap::Args;
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use crate::{
    board::Board,
    configuration::Configuration,
    context::Context,
    deliver::Builder,
    demo::{EVERY, Live, Place, Receiver, Sender, Verdict, configuration, told},
    exit::Exit,
    failure::{Failure, Result},
    interrupt::Interrupt,
    story::Story,
    wording::counted,
};

/// What it does, for the long help.
pub(crate) const WHAT_HAPPENS: &str = "\
Real GitHub webhooks are stored, each with a job for an HTTP receiver on this machine, which fails on purpose, and one for a \
file. They are delivered and retried while a table shows how far it is. At the end every job was delivered or given up, and \
the receiver has seen every payload byte for byte: else the exit code is 1.

The store is an SQLite file in a temporary folder, unless --keep names a folder that stays, or --store another store, which \
must hold no jobs yet.";

/// When a demo has gone wrong.
const LONGEST: Duration = Duration::from_secs(55);

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Keep store, configuration and delivered lines in this folder, which must be empty or new
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// How often the ten events are stored, four times a second
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

pub(crate) async fn run(context: &mut Context<'_>, args: &DemoArgs) -> Result<Exit> {
    let place = Place::new(args.keep.as_deref())?;
    let receiver = Receiver::start()
        .await
        .map_err(|error| Failure::input_output("listen on this machine", error))?;
    let own = context.named_store()?;
    let is_foreign = own.is_some();
    let options = own.map_or_else(|| place.store(), Ok)?;
    let store = context.adapters.open(options).await?;
    if !Board::read(&*store, || context.toolkit()).await?.is_empty() {
        return Err(Failure::usage("that store holds jobs; the demo needs one of its own"));
    }
    if place.kept().is_some() {
        place.write_configuration(&receiver.url())?;
    }
    let configuration =
        Configuration::from_toml(&configuration(&receiver.url(), &place.archive())?)?;
    let mut demo = Demo {
        live: Live::new(&context.terminal),
        sender: Sender {
            store: Arc::clone(&store),
            toolkit: Toolkit::new(),
            routes: configuration.routes.clone(),
            sent: Vec::new(),
        },
        receiver,
        rounds: args.rounds,
    };

    let (stop, stopped) = oneshot::channel::<()>();
    let scheduler = scheduler(configuration, Arc::clone(&store))?;
    let running = tokio::spawn(scheduler.run(async {
        // Dropping the sender stops it too.
        let _ = stopped.await;
    }));
    let interrupt = Interrupt::listen()?;
    let ended = demo.run(context, &interrupt).await;
    drop(stop);
    running.await.map_err(|error| Failure::input_output("run the scheduler", error.into()))??;
    let in_time = ended?;

    let verdict =
        Verdict::reach(&*store, &context.toolkit(), &demo.sender.sent, &demo.receiver, &place)
            .await?;
    if context.json {
        context.terminal.print_json(&verdict)?;
    } else {
        demo.conclude(context, &verdict, in_time)?;
        if let Some(job) = verdict.persistent {
            context.terminal.print("")?;
            context.terminal.print(
                "A job that failed before it was delivered, as `blacksmith show` tells it:",
            )?;
            context.terminal.print("")?;
            let told = Story::read(&*store, || context.toolkit(), job).await?;
            told.tell(context.toolkit().now(), &mut context.terminal)?;
        }
        context.terminal.print("")?;
        what_next(context, &place, &verdict, is_foreign)?;
    }
    Ok(Exit::complete(in_time && verdict.is_good()))
}

/// Delivers as `blacksmith run` does.
fn scheduler(configuration: Configuration, store: Arc<dyn Store>) -> Result<Scheduler> {
    let lookup = |name: &str| std::env::var(name).ok();
    let mut builder = Builder::new(&lookup);
    let mut scheduler = Scheduler::new(store);
    for settings in configuration.destinations {
        scheduler = scheduler.with_destination(builder.destination(settings)?);
    }
    Ok(scheduler)
}

/// A demo that goes on.
struct Demo {
    live: Live,
    sender: Sender,
    receiver: Receiver,
    rounds: u32,
}

impl Demo {
    /// Stores events and shows what happens, until all jobs have ended; `false` if that takes too long.
    async fn run(&mut self, context: &mut Context<'_>, interrupt: &Interrupt) -> Result<bool> {
        let mut rounds = interval(EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = interval(self.live.interval());
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut checks = interval(EVERY);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = Instant::now() + LONGEST;
        let mut left = self.rounds;
        loop {
            let step = async {
                tokio::select! {
                    _ = rounds.tick(), if left > 0 => Step::Send,
                    _ = looks.tick() => Step::Look,
                    _ = checks.tick(), if left == 0 => Step::Check,
                    () = sleep_until(deadline) => Step::GiveUp,
                }
            };
            match interrupt.or(step).await? {
                Step::Send => {
                    self.sender.send().await?;
                    left -= 1;
                }
                Step::Look => {
                    self.look(context).await?;
                }
                Step::Check => {
                    let board = Board::read(&*self.sender.store, || context.toolkit()).await?;
                    if board.has_ended() {
                        self.look(context).await?;
                        return Ok(true);
                    }
                }
                Step::GiveUp => return Ok(false),
            }
        }
    }

    async fn look(&mut self, context: &mut Context<'_>) -> Result<()> {
        if context.json {
            return Ok(());
        }
        let board = Board::read(&*self.sender.store, || context.toolkit()).await?;
        let events = (self.sender.sent.len() as u64, Sender::events_in(self.rounds));
        self.live.show(board, events, &self.receiver.tally(), &mut context.terminal)
    }

    fn conclude(&self, context: &mut Context<'_>, verdict: &Verdict, in_time: bool) -> Result<()> {
        let terminal = &mut context.terminal;
        let Verdict { events, jobs, succeeded, discarded, attempts, unseen, unarchived, .. } =
            verdict;
        let elapsed = self.live.elapsed();
        terminal.print("")?;
        terminal.print(if in_time {
            format!("Every job has ended, {elapsed} after the first event came in.")
        } else {
            format!(
                "After {elapsed}, {} had not ended.",
                counted(jobs - succeeded - discarded, "job")
            )
        })?;
        terminal.print(format_args!(
            "The store: {}, {}; {succeeded} succeeded and {discarded} discarded, after {}.",
            counted(*events, "event"),
            counted(*jobs, "job"),
            counted(*attempts, "attempt"),
        ))?;
        terminal.print(format_args!("The receiver {}.", told(&self.receiver.tally())))?;
        terminal.print(match unseen.as_slice() {
            [] => format!(
                "It saw each of {} byte for byte.",
                counted(self.receiver.jobs() as u64, "payload")
            ),
            [first, ..] => format!(
                "It did not see {} as stored, of job {first} for one.",
                counted(unseen.len() as u64, "payload")
            ),
        })?;
        if let [first, ..] = unarchived.as_slice() {
            terminal.print(format_args!(
                "{} in no line of the archive, job {first} for one.",
                counted(unarchived.len() as u64, "job")
            ))?;
        }
        Ok(())
    }
}

enum Step {
    Send,
    Look,
    Check,
    GiveUp,
}

/// Where to look next.
fn what_next(
    context: &mut Context<'_>,
    place: &Place,
    verdict: &Verdict,
    is_foreign: bool,
) -> Result<()> {
    let terminal = &mut context.terminal;
    let Some(folder) = place.kept() else {
        return terminal.print(if is_foreign {
            "Where to look next: `stats`, `jobs list --status discarded`, `show JOB`, with the same --store."
        } else {
            "It was all in a temporary folder, which is deleted. To look around: `blacksmith demo --keep DIR`; to begin on \
             your own: `blacksmith init`."
        });
    };
    terminal.print("Where to look next:")?;
    terminal.print("")?;
    terminal.print(format_args!("  cd {}", folder.display()))?;
    for command in ["stats", "jobs list --status discarded", "retry --status discarded --dry-run"] {
        terminal.print(format_args!("  blacksmith {command}"))?;
    }
    if let Some(job) = verdict.persistent {
        terminal.print(format_args!("  blacksmith show {job}"))?;
    }
    Ok(())
}
