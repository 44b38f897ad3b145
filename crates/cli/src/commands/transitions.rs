//! `blacksmith transitions`

use blacksmith_store::{
    JobError, Page, Store, StoreError, Toolkit, Transition, TransitionId, WhereEvents,
};
use clap::{Args, Subcommand};

use crate::{
    commands::jobs::error_text,
    context::Context,
    details::Details,
    exit::Exit,
    failure::Result,
    filter_flags::{FILTERS, FilterFlags, id},
    instant::{brief, exact},
    listing::{self, Listed},
    page_flags::PageFlags,
    table::Column,
};

#[derive(Subcommand, Debug)]
pub(crate) enum Transitions {
    /// List the transitions that match; every one of a job counts, not only its latest
    List(Box<ListArgs>),
    /// Show a transition
    Show(ShowArgs),
}

#[derive(Args, Debug)]
#[command(after_long_help = FILTERS)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    page: PageFlags,
    #[command(flatten)]
    filter: FilterFlags,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The transition
    #[arg(value_parser = id::<TransitionId>)]
    id: TransitionId,
}

pub(crate) async fn run(context: &mut Context<'_>, command: &Transitions) -> Result<Exit> {
    match command {
        Transitions::List(args) => {
            let filter = args.filter.to_filter()?;
            listing::list::<Transition>(context, filter, &args.page).await
        }
        Transitions::Show(args) => show(context, args).await,
    }
}

impl Listed for Transition {
    const NAME: &'static str = "transitions";
    const COLUMNS: &'static [Column] = &[
        Column::whole("ID"),
        Column::whole("JOB"),
        Column::number("SEQ"),
        Column::whole("FROM"),
        Column::whole("TO"),
        Column::number("ATTEMPT"),
        Column::whole("AT"),
        Column::whole("DUE"),
        Column::whole("BY"),
        Column::text("ERROR"),
    ];

    fn row(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.job_id.map(|id| id.to_string()).unwrap_or_default(),
            self.sequence.map(|sequence| sequence.to_string()).unwrap_or_default(),
            self.state_before.map(|state| state.to_string()).unwrap_or_default(),
            self.state_after.to_string(),
            self.attempt.to_string(),
            brief(self.created_at),
            brief(self.run_at),
            self.actor.clone().unwrap_or_default(),
            error_text(self),
        ]
    }

    async fn find(
        store: &dyn Store,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> Result<Page<Self>, StoreError> {
        store.find_transitions(toolkit, filter).await
    }
}

async fn show(context: &mut Context<'_>, args: &ShowArgs) -> Result<Exit> {
    let store = context.open().await?;
    let transition = store.find_transition(&context.toolkit(), args.id).await?;
    let terminal = &mut context.terminal;
    if context.json {
        terminal.print_json(&transition)?;
        return Ok(Exit::Done);
    }
    Details::default()
        .with("transition", transition.id)
        .with_optional("job", transition.job_id)
        .with_optional("event", transition.event_id)
        .with_optional("sequence", transition.sequence)
        .with_optional("from", transition.state_before)
        .with("to", transition.state_after)
        .with("attempt", transition.attempt)
        .with("at", exact(transition.created_at))
        .with("due at", exact(transition.run_at))
        .with_optional("by", transition.actor.as_ref())
        .with_optional("error", transition.error.as_ref().map(JobError::as_json))
        .print(terminal)?;
    Ok(Exit::Done)
}
