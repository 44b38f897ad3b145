//! `blacksmith events`

use std::collections::BTreeMap;

use blacksmith_store::{
    Carry, Event, EventId, Page, Status, Store, StoreError, Toolkit, WhereEvents,
};
use clap::{Args, Subcommand, ValueEnum};

use crate::{
    context::Context,
    details::{Details, Member, Payloads},
    exit::Exit,
    failure::Result,
    filter_flags::{FILTERS, FilterFlags, id},
    instant::{brief, exact},
    listing::{self, Listed},
    page_flags::PageFlags,
    table::{Column, Table},
};

#[derive(Subcommand, Debug)]
pub(crate) enum Events {
    /// List the events that match
    List(Box<ListArgs>),
    /// Show an event with its jobs
    Show(ShowArgs),
}

#[derive(Args, Debug)]
#[command(after_long_help = FILTERS)]
pub(crate) struct ListArgs {
    /// Which of its jobs an event brings [default: all]
    #[arg(long, value_name = "JOBS")]
    carry: Option<CarryWord>,
    /// Leave context and data out of --json
    #[arg(long)]
    without_payloads: bool,
    #[command(flatten)]
    page: PageFlags,
    #[command(flatten)]
    filter: FilterFlags,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CarryWord {
    All,
    Matching,
    None,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The event
    #[arg(value_parser = id::<EventId>)]
    id: EventId,
    /// Print this payload alone, byte for byte
    #[arg(long, value_name = "MEMBER", conflicts_with = "json")]
    raw: Option<Member>,
}

pub(crate) async fn run(context: &mut Context<'_>, command: &Events) -> Result<Exit> {
    match command {
        Events::List(args) => {
            let mut filter = args.filter.to_filter()?;
            filter.without_payloads |= args.without_payloads || !context.json;
            match args.carry {
                Some(CarryWord::All) => filter.carry = Carry::All,
                Some(CarryWord::Matching) => filter.carry = Carry::Matching,
                Some(CarryWord::None) => filter.carry = Carry::None,
                None => {}
            }
            listing::list::<Event>(context, filter, &args.page).await
        }
        Events::Show(args) => show(context, args).await,
    }
}

impl Listed for Event {
    const NAME: &'static str = "events";
    const COLUMNS: &'static [Column] = &[
        Column::whole("ID"),
        Column::whole("SOURCE"),
        Column::whole("TRIGGER"),
        Column::whole("VERSION"),
        Column::whole("RECEIVED"),
        Column::text("JOBS"),
    ];

    fn row(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.source.clone(),
            self.trigger.clone(),
            self.version.clone().unwrap_or_default(),
            brief(self.received_at),
            jobs_by_status(self),
        ]
    }

    async fn find(
        store: &dyn Store,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> Result<Page<Self>, StoreError> {
        store.find_events(toolkit, filter).await
    }
}

/// `2 succeeded, 1 failed`
fn jobs_by_status(event: &Event) -> String {
    let mut counts = BTreeMap::<Status, usize>::new();
    for status in event.jobs.iter().filter_map(blacksmith_store::Job::status) {
        *counts.entry(status).or_default() += 1;
    }
    let parts: Vec<_> = counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

async fn show(context: &mut Context<'_>, args: &ShowArgs) -> Result<Exit> {
    let store = context.open().await?;
    let event = store.find_event(&context.toolkit(), args.id).await?;
    let payloads = Payloads { context: event.context.as_ref(), data: event.data.as_ref() };
    let terminal = &mut context.terminal;
    if let Some(member) = args.raw {
        payloads.print_raw(member, terminal)?;
    } else if context.json {
        terminal.print_json(&event)?;
    } else {
        Details::default()
            .with("event", event.id)
            .with("source", &event.source)
            .with("trigger", &event.trigger)
            .with_optional("version", event.version.as_ref())
            .with("sent", exact(event.sent_at))
            .with("received", exact(event.received_at))
            .with("ingested", exact(event.ingested_at))
            .with_optional("parent event", event.parent_event_id)
            .with("jobs", jobs_by_status(&event))
            .print(terminal)?;
        if !event.jobs.is_empty() {
            terminal.print("")?;
            let rows: Vec<_> = event.jobs.iter().map(Listed::row).collect();
            Table::new(blacksmith_store::Job::COLUMNS).in_one_portion().print(&rows, terminal)?;
        }
        payloads.print(terminal)?;
    }
    Ok(Exit::Done)
}
