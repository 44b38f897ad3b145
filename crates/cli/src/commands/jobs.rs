//! `blacksmith jobs`

use blacksmith_store::{
    Job, JobId, Page, Status, Store, StoreError, Toolkit, Transition, WhereEvents,
};
use clap::{Args, Subcommand};

use crate::{
    context::Context,
    details::{Details, Member, Payloads},
    exit::Exit,
    failure::Result,
    filter_flags::{FILTERS, FilterFlags, id},
    instant::{brief, exact},
    listing::{self, Listed},
    page_flags::PageFlags,
    story::Story,
    table::{Column, Table},
};

#[derive(Subcommand, Debug)]
pub(crate) enum Jobs {
    /// List the jobs that match
    List(Box<ListArgs>),
    /// Show a job with its payloads and every step; `blacksmith show` tells the same as a story
    Show(ShowArgs),
}

#[derive(Args, Debug)]
#[command(after_long_help = FILTERS)]
pub(crate) struct ListArgs {
    /// Leave context and data out of --json
    #[arg(long)]
    without_payloads: bool,
    #[command(flatten)]
    page: PageFlags,
    #[command(flatten)]
    filter: FilterFlags,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The job
    #[arg(value_parser = id::<JobId>)]
    id: JobId,
    /// Print this payload alone, byte for byte
    #[arg(long, value_name = "MEMBER", conflicts_with = "json")]
    raw: Option<Member>,
}

pub(crate) async fn run(context: &mut Context<'_>, command: &Jobs) -> Result<Exit> {
    match command {
        Jobs::List(args) => {
            let mut filter = args.filter.to_filter()?;
            filter.without_payloads |= args.without_payloads || !context.json;
            listing::list::<Job>(context, filter, &args.page).await
        }
        Jobs::Show(args) => show(context, args).await,
    }
}

impl Listed for Job {
    const NAME: &'static str = "jobs";
    const COLUMNS: &'static [Column] = &[
        Column::whole("ID"),
        Column::whole("DESTINATION"),
        Column::whole("ACTION"),
        Column::whole("STATUS"),
        Column::number("ATTEMPT"),
        Column::whole("SINCE"),
        Column::whole("DUE"),
        Column::text("ERROR"),
    ];

    fn row(&self) -> Vec<String> {
        let latest = self.transition.as_ref();
        vec![
            self.id.to_string(),
            self.destination.clone(),
            self.action.clone(),
            latest.map(|latest| latest.state_after.to_string()).unwrap_or_default(),
            latest.map(|latest| latest.attempt.to_string()).unwrap_or_default(),
            brief(latest.and_then(|latest| latest.created_at)),
            brief(latest.and_then(|latest| latest.run_at)),
            latest.map(error_text).unwrap_or_default(),
        ]
    }

    async fn find(
        store: &dyn Store,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> Result<Page<Self>, StoreError> {
        store.find_jobs(toolkit, filter).await
    }
}

/// Why, as far as it fits a table.
pub(crate) fn error_text(transition: &Transition) -> String {
    const LONGEST: usize = 80;
    let Some(error) = &transition.error else { return String::new() };
    let text = error.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

async fn show(context: &mut Context<'_>, args: &ShowArgs) -> Result<Exit> {
    let store = context.open().await?;
    let told = Story::read(&*store, || context.toolkit(), args.id).await?;
    let job = &told.job;
    let payloads = Payloads { context: job.context.as_ref(), data: job.data.as_ref() };
    let terminal = &mut context.terminal;
    if let Some(member) = args.raw {
        payloads.print_raw(member, terminal)?;
        return Ok(Exit::Done);
    }
    if context.json {
        terminal.print_json(&told)?;
        return Ok(Exit::Done);
    }
    Details::default()
        .with("job", job.id)
        .with_optional("event", job.event_id)
        .with("destination", &job.destination)
        .with("action", &job.action)
        .with_optional("version", job.version.as_ref())
        .with("created", exact(job.created_at))
        .with_optional("parent job", job.parent_job_id)
        .with("status", standing(job))
        .with_optional("error", job.transition.as_ref().and_then(|latest| latest.error.as_ref()))
        .print(terminal)?;
    terminal.print("")?;
    let rows: Vec<_> = told.transitions.iter().map(step).collect();
    Table::new(STEPS).in_one_portion().print(&rows, terminal)?;
    payloads.print(terminal)?;
    Ok(Exit::Done)
}

/// The columns of a job's chain.
const STEPS: &[Column] = &[
    Column::number("SEQ"),
    Column::whole("STATE"),
    Column::number("ATTEMPT"),
    Column::whole("AT"),
    Column::whole("DUE"),
    Column::whole("BY"),
    Column::whole("TRANSITION"),
    Column::text("ERROR"),
];

/// One step of a job's chain; the state before it stands in the row above.
fn step(transition: &Transition) -> Vec<String> {
    vec![
        transition.sequence.map(|sequence| sequence.to_string()).unwrap_or_default(),
        transition.state_after.to_string(),
        transition.attempt.to_string(),
        brief(transition.created_at),
        brief(transition.run_at),
        transition.actor.clone().unwrap_or_default(),
        transition.id.to_string(),
        error_text(transition),
    ]
}

/// Where a job stands, in words.
pub(crate) fn standing(job: &Job) -> String {
    let Some(latest) = &job.transition else { return "not stored".to_owned() };
    let since = exact(latest.created_at);
    let mut parts = vec![match latest.state_after {
        Status::Executing => format!("executing since {since}, attempt {}", latest.attempt),
        status => format!("{status} since {since}, {} begun", runs(latest.attempt)),
    }];
    parts.extend(latest.actor.as_ref().map(|actor| format!("by {actor}")));
    let due = latest.run_at.filter(|_| latest.state_after.is_waiting());
    parts.extend(due.map(|due| format!("due at {}", exact(Some(due)))));
    parts.join(", ")
}

fn runs(attempt: u32) -> String {
    match attempt {
        1 => "1 run".to_owned(),
        attempt => format!("{attempt} runs"),
    }
}
