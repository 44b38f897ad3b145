//! `blacksmith pause`, `blacksmith resume`, `blacksmith pauses`

use blacksmith_store::{Pause, PauseId, QueueStats, Store};
use clap::Args;
use serde::Serialize;

use crate::{
    actor::ActorFlag,
    context::Context,
    exit::Exit,
    failure::{Failure, Result},
    instant::brief,
    interrupt::Interrupt,
    resend::resend,
    route::Target,
    table::{Column, Table},
};

const COLUMNS: &[Column] = &[
    Column::whole("ID"),
    Column::whole("DESTINATION"),
    Column::whole("ACTION"),
    Column::whole("SINCE"),
    Column::whole("BY"),
    Column::text("REASON"),
];

#[derive(Args, Debug)]
pub(crate) struct PauseArgs {
    /// The destination, or one action of it
    #[arg(value_name = "DESTINATION[/ACTION]")]
    target: Target,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    actor: ActorFlag,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// A pause's id, or what is paused: then every pause of exactly this ends
    #[arg(value_name = "ID|DESTINATION[/ACTION]")]
    target: String,
}

/// Pauses a destination, or one action of it.
pub(crate) async fn pause(context: &mut Context<'_>, args: &PauseArgs) -> Result<Exit> {
    let store = context.open().await?;
    let others = store.pauses(&context.toolkit()).await?;
    let is_paused = others.iter().any(|other| target_of(other) == args.target);

    let id = context.toolkit().pause_id();
    let mut pause = Pause::new(id, &args.target.destination, args.actor.name());
    pause.action.clone_from(&args.target.action);
    pause.reason.clone_from(&args.reason);
    let interrupt = Interrupt::default();
    let call = |toolkit: blacksmith_store::Toolkit| {
        let (store, pause) = (&store, pause.clone());
        async move { store.pause(&toolkit, pause).await }
    };
    resend(context, &interrupt, call).await?;

    if is_paused {
        context.terminal.note(format_args!(
            "there is another pause of {}; it stays paused until its last pause ends",
            args.target
        ));
    }
    if context.json {
        context.terminal.print_json(&pause)?;
    } else {
        context.terminal.print(format_args!("{} is paused: {id}", shown(&args.target)))?;
    }
    Ok(Exit::Done)
}

/// What `resume` did.
#[derive(Serialize)]
struct Resumed {
    resumed: Vec<Pause>,
}

/// Ends pauses.
pub(crate) async fn resume(context: &mut Context<'_>, args: &ResumeArgs) -> Result<Exit> {
    let store = context.open().await?;
    let pauses = store.pauses(&context.toolkit()).await?;
    let named = |pause: &&Pause| args.target.parse().is_ok_and(|target| target_of(pause) == target);
    let mut chosen: Vec<_> = pauses.iter().filter(named).cloned().collect();
    if chosen.is_empty()
        && let Ok(id) = args.target.parse::<PauseId>()
    {
        chosen.extend(pauses.iter().find(|pause| pause.id == id).cloned());
    }
    if chosen.is_empty() {
        return Err(Failure::NotFound(format!(
            "{:?} is not paused, and is no pause's id; `blacksmith pauses` lists what is paused",
            args.target
        )));
    }

    let mut resumed = Vec::new();
    for pause in chosen {
        if end(context, &*store, pause.id).await? {
            resumed.push(pause);
        }
    }
    if context.json {
        context.terminal.print_json(&Resumed { resumed })?;
        return Ok(Exit::Done);
    }
    for pause in &resumed {
        context.terminal.print(format_args!(
            "ended pause {} of {}",
            pause.id,
            shown(&target_of(pause))
        ))?;
    }
    if resumed.is_empty() {
        context.terminal.note("somebody else ended it meanwhile");
    }
    Ok(Exit::Done)
}

async fn end(context: &mut Context<'_>, store: &dyn Store, id: PauseId) -> Result<bool> {
    let interrupt = Interrupt::default();
    resend(context, &interrupt, |toolkit| async move { store.resume(&toolkit, id).await }).await
}

/// Lists the pauses that last.
pub(crate) async fn list(context: &mut Context<'_>) -> Result<Exit> {
    let store = context.open().await?;
    let pauses = store.pauses(&context.toolkit()).await?;
    if context.json {
        context.terminal.print_json(&pauses)?;
        return Ok(Exit::Done);
    }
    let row = |pause: &Pause| {
        vec![
            pause.id.to_string(),
            pause.destination.clone(),
            pause.action.clone().unwrap_or_else(|| "(all)".to_owned()),
            brief(pause.created_at),
            pause.actor.clone(),
            pause.reason.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = pauses.iter().map(row).collect();
    Table::new(COLUMNS).in_one_portion().print(&rows, &mut context.terminal)?;
    if pauses.is_empty() {
        context.terminal.note("nothing is paused");
    }
    Ok(Exit::Done)
}

fn target_of(pause: &Pause) -> Target {
    Target { destination: pause.destination.clone(), action: pause.action.clone() }
}

/// The target's name, which may come from the store, as a terminal may show it.
fn shown(target: &Target) -> String {
    crate::visible::visible(&target.to_string()).into_owned()
}

/// Whether the jobs of a destination and action are held back.
pub(crate) fn is_paused(queue: &QueueStats, pauses: &[Pause]) -> bool {
    pauses.iter().any(|pause| {
        pause.destination == queue.destination
            && pause.action.as_ref().is_none_or(|action| *action == queue.action)
    })
}
