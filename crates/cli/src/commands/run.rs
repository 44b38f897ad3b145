//! `blacksmith run`

use std::{collections::BTreeSet, env, sync::Arc, time::Duration};

use blacksmith_scheduler::{Scheduler, Stopped};
use blacksmith_store::{QueueStats, Status, Store, StoreError, Toolkit};
use clap::Args;
use serde_json::json;

use crate::{
    commands::pause::is_paused,
    configuration::{Configuration, DestinationSettings},
    context::Context,
    deliver::Builder,
    exit::Exit,
    failure::{Failure, Result},
    instant,
    interrupt::Interrupt,
    log::LogFlag,
    route::Route,
    wording::counted,
};

/// What it does, for the long help.
pub(crate) const DELIVERY: &str = "\
Delivers the jobs of the destinations in blacksmith.toml until Ctrl-C or SIGTERM: what runs then may end, what has not started \
is given back, and the exit code is 0. A second signal ends it at once. Any number of processes may run on one store.

Deliveries happen at least once: each carries the job's id and the attempt, by which a receiver can refuse a repetition.
Jobs of other destinations are left alone. Purge policies of [[store.purge]] run, too.";

/// How often a drain looks whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Deliver to this destination, not to all; may be given several times
    #[arg(long, value_name = "DESTINATION")]
    only: Vec<String>,
    /// How many runs of each action go on at once [default: as configured]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: Option<u32>,
    /// End when every job of these destinations has succeeded or been discarded; it waits for retries, not for what is paused
    #[arg(long)]
    drain: bool,
    /// How long what runs may go on after Ctrl-C or SIGTERM
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = instant::duration)]
    shutdown_timeout: Duration,
    /// How long jobs stay claimed without a word from this process: after a crash, what ran is run again when it has passed
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = instant::duration)]
    lease: Duration,
    #[command(flatten)]
    log: LogFlag,
}

pub(crate) async fn run(context: &mut Context<'_>, args: &RunArgs) -> Result<Exit> {
    let interrupt = Interrupt::listen_twice()?;
    let configuration = context.configuration()?;
    let configured = targets(&configuration);
    let chosen = chosen(configuration.destinations, &args.only)?;
    let served: Vec<Route> = configured
        .iter()
        .filter(|target| chosen.iter().any(|settings| settings.name == target.destination))
        .cloned()
        .collect();
    let lookup = |name: &str| env::var(name).ok();
    let mut builder = Builder::new(&lookup).with_concurrency(args.concurrency);
    let destinations: Vec<_> = chosen
        .into_iter()
        .map(|settings| builder.destination(settings))
        .collect::<Result<_, _>>()?;

    args.log.begin(context.terminal.shows_errors);
    for target in configuration.routes.targets().filter(|target| !configured.contains(target)) {
        tracing::warn!("a route leads to {target}, which is not configured");
    }
    let store = interrupt.or(context.open_or_create()).await??;
    warn_of_others(&*store, &context.toolkit(), &configured).await?;

    let mut scheduler = Scheduler::new(Arc::clone(&store))
        .with_lease(args.lease)
        .with_shutdown_timeout(args.shutdown_timeout);
    for destination in destinations {
        scheduler = scheduler.with_destination(destination);
    }
    let names: Vec<String> = served.iter().map(Route::to_string).collect();
    context.terminal.note(format_args!("delivering to {}; Ctrl-C stops", names.join(", ")));
    let stop = async {
        tokio::select! {
            () = interrupt.requested() => {}
            () = drained(&*store, &served), if args.drain => {}
        }
    };
    let stopped = tokio::select! {
        stopped = scheduler.run(stop) => stopped?,
        // Its runs are dropped, and the programs among them killed.
        () = interrupt.insisted() => return Err(Failure::Interrupted),
    };
    tell(context, stopped)
}

/// Every destination and action that is configured.
fn targets(configuration: &Configuration) -> Vec<Route> {
    let of = |settings: &DestinationSettings| {
        let destination = settings.name.clone();
        let actions = settings.actions.iter().map(|action| action.name.clone());
        actions
            .map(move |action| Route { destination: destination.clone(), action })
            .collect::<Vec<_>>()
    };
    configuration.destinations.iter().flat_map(of).collect()
}

/// The destinations that are named, or all.
fn chosen(
    mut destinations: Vec<DestinationSettings>,
    only: &[String],
) -> Result<Vec<DestinationSettings>> {
    if destinations.is_empty() {
        return Err(StoreError::config(
            "no destination is configured: no table [destinations.NAME] in blacksmith.toml, of which `blacksmith init` writes an example",
        )
        .into());
    }
    let names: BTreeSet<&str> =
        destinations.iter().map(|settings| settings.name.as_str()).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(name.as_str())) {
        let names: Vec<_> = names.into_iter().collect();
        return Err(Failure::usage(format!(
            "no destination is called {unknown}; there are {}",
            names.join(", ")
        )));
    }
    destinations.retain(|settings| only.is_empty() || only.contains(&settings.name));
    Ok(destinations)
}

/// Says which jobs wait for what nobody configured here.
async fn warn_of_others(store: &dyn Store, toolkit: &Toolkit, configured: &[Route]) -> Result<()> {
    for queue in store.stats(toolkit).await? {
        let waiting = unfinished(&queue);
        if waiting > 0 && !configured.iter().any(|target| is_of(&queue, target)) {
            tracing::warn!(
                "{} for {}/{}, which is not configured",
                if waiting == 1 {
                    "a job waits".to_owned()
                } else {
                    format!("{waiting} jobs wait")
                },
                queue.destination,
                queue.action
            );
        }
    }
    Ok(())
}

/// Waits until no job is left that these destinations and actions have to deliver.
async fn drained(store: &dyn Store, served: &[Route]) {
    // Its calls are no part of a command's one answer, so they have no deadline of it.
    let toolkit = Toolkit::new();
    loop {
        let looked = async {
            let queues = store.stats(&toolkit).await?;
            let pauses = store.pauses(&toolkit).await?;
            Ok::<_, StoreError>(queues.iter().all(|queue| {
                unfinished(queue) == 0
                    || is_paused(queue, &pauses)
                    || !served.iter().any(|target| is_of(queue, target))
            }))
        };
        match looked.await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "cannot tell whether the jobs are done"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn unfinished(queue: &QueueStats) -> u64 {
    let unfinished = Status::ALL.into_iter().filter(|status| !status.is_finished());
    unfinished.map(|status| queue.counts.of(status)).sum()
}

fn is_of(queue: &QueueStats, target: &Route) -> bool {
    queue.destination == target.destination && queue.action == target.action
}

fn tell(context: &mut Context<'_>, stopped: Stopped) -> Result<Exit> {
    let Stopped { left_executing, succeeded, retried, discarded, .. } = stopped;
    if context.json {
        context.terminal.print_json(&json!({
            "delivered": succeeded,
            "retried": retried,
            "discarded": discarded,
            "left_executing": left_executing,
        }))?;
    } else {
        context.terminal.print(format_args!(
            "{} delivered, {retried} retried, {discarded} discarded",
            counted(succeeded, "job")
        ))?;
    }
    if left_executing > 0 {
        context.terminal.report(format_args!(
            "error: the store did not answer in time; {} left executing until their leases end",
            counted(left_executing as u64, "job")
        ));
    }
    Ok(Exit::complete(left_executing == 0))
}
