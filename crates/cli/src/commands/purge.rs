//! `blacksmith purge`

use std::time::Duration;

use blacksmith_store::{
    Count, Event, PURGE_SPARES, PurgeRequest, Purged, Status, Store, Timestamp, Toolkit,
    WhereEvents, WhereJobs, never,
};
use chrono::TimeDelta;
use clap::Args;
use serde::Serialize;

use crate::{
    confirm::{ConfirmFlags, Preview},
    context::Context,
    exit::Exit,
    failure::{Failure, Result},
    filter_flags::{FILTERS, FilterFlags},
    instant,
    interrupt::Interrupt,
    listing::Listed as _,
    progress::Progress,
    resend::resend,
    table::Table,
    wording::counted,
};

/// Events deleted in one call, so that Ctrl-C is heeded between calls.
const STEP: u64 = 25_000;

/// Events shown before a confirmation.
const SHOWN: u64 = 5;

#[derive(Args, Debug)]
#[command(after_long_help = FILTERS)]
pub(crate) struct PurgeArgs {
    /// Only events stored at least this long ago (30d)
    #[arg(long, value_name = "DURATION", value_parser = instant::duration)]
    older_than: Option<Duration>,
    /// Also events with a job neither succeeded nor discarded; never those with an executing one
    #[arg(long)]
    include_unfinished: bool,
    /// Also events stored within the last hour, which a sender may still send again
    #[arg(long)]
    include_recent: bool,
    /// Every event, where no filter is given
    #[arg(long)]
    all: bool,
    /// At most so many events
    #[arg(long, value_name = "N")]
    max_events: Option<u64>,
    #[command(flatten)]
    confirm: ConfirmFlags,
    #[command(flatten)]
    filter: FilterFlags,
}

pub(crate) async fn run(context: &mut Context<'_>, args: &PurgeArgs) -> Result<Exit> {
    let request = request(args)?;
    let store = context.open().await?;
    if args.confirm.wants_preview() {
        let preview = preview(context, &*store, &request).await?;
        let question =
            format!("Delete {} with jobs and history?", counted(preview.document.events, "event"));
        if !args.confirm.go_ahead(&preview, &question, context)? {
            return Ok(Exit::Done);
        }
    }
    let interrupt = Interrupt::listen()?;
    let mut purged = Purged::default();
    let ended = purge(context, &*store, &request, &interrupt, &mut purged).await;
    if context.json {
        context.terminal.print_json(&purged)?;
    } else {
        context.terminal.print(told(&purged))?;
    }
    ended?;
    Ok(Exit::Done)
}

fn request(args: &PurgeArgs) -> Result<PurgeRequest> {
    let filter = args.filter.to_constraints()?;
    let has_constraints = !filter.constrains_nothing() || args.older_than.is_some();
    if has_constraints && args.all {
        return Err(Failure::usage("--all means every event; leave it or the filter out"));
    }
    if !has_constraints && !args.all {
        return Err(Failure::usage(
            "which events to delete? Say so by a filter or --older-than, or ask for --all",
        ));
    }
    let mut request = PurgeRequest::new(filter);
    request.all = args.all;
    request.older_than = args.older_than;
    request.include_unfinished = args.include_unfinished;
    request.include_recent = args.include_recent;
    request.max_events = args.max_events;
    Ok(request)
}

/// Purges in steps, and adds up in `purged` what each one did.
async fn purge(
    context: &mut Context<'_>,
    store: &dyn Store,
    request: &PurgeRequest,
    interrupt: &Interrupt,
    purged: &mut Purged,
) -> Result<()> {
    let progress = Progress::of_entries(&context.terminal);
    purged.more = true;
    while purged.more {
        let left = request.max_events.map(|most| most - purged.events);
        if left == Some(0) {
            return Ok(());
        }
        if interrupt.is_requested() {
            return Err(Failure::Interrupted);
        }
        let mut step = request.clone();
        step.max_events = Some(left.unwrap_or(STEP).min(STEP));
        let call = |toolkit: Toolkit| {
            let step = step.clone();
            async move { store.purge(&toolkit, step).await }
        };
        let done = resend(context, interrupt, call).await?;
        purged.events += done.events;
        purged.jobs += done.jobs;
        purged.transitions += done.transitions;
        // Each call looks at all that it leaves alone, so the last one's counts are those of the whole.
        purged.left_unfinished = done.left_unfinished;
        purged.left_recent = done.left_recent;
        purged.more = done.more;
        progress.set(purged.events, "events deleted");
    }
    Ok(())
}

fn told(purged: &Purged) -> String {
    let Purged { events, jobs, transitions, left_unfinished, left_recent, .. } = purged;
    let mut parts = vec![format!(
        "{}, {}, {} deleted",
        counted(*events, "event"),
        counted(*jobs, "job"),
        counted(*transitions, "transition")
    )];
    let left = [(left_unfinished, "with unfinished jobs"), (left_recent, "of the last hour")];
    let left = left.into_iter().filter(|(count, _)| **count > 0);
    parts.extend(left.map(|(count, why)| format!("{} {why} left alone", counted(*count, "event"))));
    if purged.more {
        parts.push("there may be more".to_owned());
    }
    parts.join("; ")
}

/// What a dry run with `--json` says.
#[derive(Serialize)]
struct Planned {
    dry_run: bool,
    events: u64,
    left_unfinished: u64,
    left_recent: u64,
}

async fn preview(
    context: &Context<'_>,
    store: &dyn Store,
    request: &PurgeRequest,
) -> Result<Preview<Planned>> {
    let now = context.toolkit().now();
    let (matching, finished, to_delete, first) =
        if request.filter.event_id().is_some() || request.filter.job_id().is_some() {
            let found = count(context, store, request.filter.clone()).await?.1;
            let spared = |event: &&Event| !is_spared_for_jobs(event, request);
            let finished: Vec<_> = found.iter().filter(spared).cloned().collect();
            let mut deleted = finished.clone();
            deleted.retain(|event| request.include_recent || !is_recent(event, now));
            (found.len() as u64, finished.len() as u64, deleted.len() as u64, deleted)
        } else {
            let older = request.older_than.map(|age| before(now, age));
            let matching = stored_before(request.filter.clone(), older);
            let finished = without_states(matching.clone(), spared_states(request));
            let spared = (!request.include_recent).then(|| before(now, PURGE_SPARES));
            let deleted = stored_before(finished.clone(), spared);
            let (to_delete, first) = count(context, store, deleted).await?;
            let finished = count(context, store, finished).await?.0;
            (count(context, store, matching).await?.0, finished, to_delete, first)
        };
    let capped = to_delete.min(request.max_events.unwrap_or(u64::MAX));
    let mut lines = vec![format!("{capped} of {matching} matching events would be deleted")];
    let (unfinished, recent) =
        (matching.saturating_sub(finished), finished.saturating_sub(to_delete));
    if unfinished > 0 {
        let why = if request.include_unfinished { "an executing job" } else { "an unfinished job" };
        lines.push(format!("{unfinished} are left alone for {why}"));
    }
    if recent > 0 {
        lines.push(format!("{recent} are left alone, for they were stored within the last hour"));
    }
    let shown = usize::try_from(capped).unwrap_or(usize::MAX);
    let rows: Vec<_> = first.iter().take(shown).map(Event::row).collect();
    lines.extend(Table::new(Event::COLUMNS).lines(&rows, false));
    if capped > rows.len() as u64 {
        lines.push(format!("and {} more", capped - rows.len() as u64));
    }
    let document =
        Planned { dry_run: true, events: capped, left_unfinished: unfinished, left_recent: recent };
    Ok(Preview { lines, document, changes_something: capped > 0 })
}

async fn count(
    context: &Context<'_>,
    store: &dyn Store,
    filter: WhereEvents,
) -> Result<(u64, Vec<Event>)> {
    let mut filter = filter.with_limit(SHOWN).with_count(Count::Exact);
    filter.without_payloads = true;
    let page = store.find_events(&context.toolkit(), filter).await?;
    Ok((page.meta.count.unwrap_or(0), page.entries))
}

/// The states of a job for which its event is left alone.
fn spared_states(request: &PurgeRequest) -> Vec<Status> {
    Status::ALL
        .into_iter()
        .filter(|status| {
            if request.include_unfinished {
                *status == Status::Executing
            } else {
                !status.is_finished()
            }
        })
        .collect()
}

fn is_spared_for_jobs(event: &Event, request: &PurgeRequest) -> bool {
    let spared = spared_states(request);
    event
        .jobs
        .iter()
        .filter_map(blacksmith_store::Job::status)
        .any(|status| spared.contains(&status))
}

fn is_recent(event: &Event, now: Timestamp) -> bool {
    event.ingested_at.is_some_and(|ingested| ingested > before(now, PURGE_SPARES))
}

/// So long before an instant; not before the year 1, where a filter's bounds begin.
fn before(instant: Timestamp, age: Duration) -> Timestamp {
    let first = never() + Duration::from_hours(24);
    let moved = TimeDelta::from_std(age).ok().and_then(|age| instant.checked_sub_signed(age));
    moved.unwrap_or(first).max(first)
}

/// The same filter for events stored before an instant.
fn stored_before(mut filter: WhereEvents, instant: Option<Timestamp>) -> WhereEvents {
    filter.created_before = [filter.created_before, instant].into_iter().flatten().min();
    filter
}

/// The same filter for events none of whose jobs is in one of these states.
fn without_states(mut filter: WhereEvents, states: Vec<Status>) -> WhereEvents {
    filter
        .jobs
        .get_or_insert_with(WhereJobs::default)
        .transitions
        .get_or_insert_with(Default::default)
        .status_notin
        .extend(states);
    filter
}
