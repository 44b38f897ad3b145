//! Moving jobs to another state on an operator's word: what `retry` and `discard` have in common.

use std::collections::HashSet;

use blacksmith_store::{
    Change, ChangeOutcome, Count, ErrorKind, Job, JobId, Status, Store, Transition, WhereEvents,
    WhereJobs,
};
use clap::Args;
use serde::Serialize;

use crate::{
    actor::ActorFlag,
    commands::jobs::standing,
    confirm::{ConfirmFlags, Preview},
    context::Context,
    exit::Exit,
    failure::{Failure, Result},
    filter_flags::{FilterFlags, id},
    interrupt::Interrupt,
    listing::Listed as _,
    progress::Progress,
    resend::resend,
    table::Table,
    wording::counted,
};

/// Jobs read and moved in one step.
const PAGE: u64 = 500;

/// Jobs shown before a confirmation.
const SHOWN: usize = 5;

/// Jobs left alone that are told one by one.
const TOLD: u64 = 20;

/// Which jobs, and on whose word.
#[derive(Args, Clone, Debug)]
pub(crate) struct MoveFlags {
    /// The jobs; or say which by the flags under Filter
    #[arg(value_name = "ID", value_parser = id::<JobId>)]
    ids: Vec<JobId>,
    /// At most so many of the jobs that match, newest first
    #[arg(long, value_name = "N", conflicts_with = "ids", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    confirm: ConfirmFlags,
    #[command(flatten)]
    actor: ActorFlag,
    #[command(flatten)]
    filter: FilterFlags,
}

/// What is done to the jobs.
pub(crate) struct Move<'a> {
    /// The state to reach.
    pub(crate) to: Status,
    /// "retry"
    pub(crate) verb: &'static str,
    /// "retried"
    pub(crate) done: &'static str,
    /// The states that a filter without `--status` means.
    pub(crate) from: &'a [Status],
    /// Completes the transition.
    pub(crate) complete: &'a dyn Fn(Transition) -> Transition,
}

/// What became of the jobs.
#[derive(Default, Serialize)]
struct Tally {
    done: u64,
    /// Executing, or in a state that has no such move.
    left_alone: u64,
    /// Changed by somebody else in between.
    changed_meanwhile: u64,
    not_found: u64,
    interrupted: bool,
}

/// Moves the jobs that the flags name or describe.
pub(crate) async fn run(
    context: &mut Context<'_>,
    flags: &MoveFlags,
    step: &Move<'_>,
) -> Result<Exit> {
    let filter = flags.filter.to_constraints()?;
    let is_filtered = !filter.constrains_nothing();
    if is_filtered && !flags.ids.is_empty() {
        return Err(Failure::usage("name jobs by id or by a filter, not both"));
    }
    if !is_filtered && flags.ids.is_empty() {
        return Err(Failure::usage(format!(
            "which jobs to {}? Name them by id or by a filter, for example --status {}",
            step.verb, step.from[0]
        )));
    }
    let store = context.open().await?;
    let selection = if is_filtered {
        let by_id = filter.event_id().is_some() || filter.job_id().is_some();
        let selection = if by_id {
            // A store ignores a status beside an id, so it is looked at here.
            let mut jobs = find_all(context, &*store, filter).await?;
            jobs.retain(|job| job.status().is_some_and(|status| step.from.contains(&status)));
            jobs.truncate(
                flags
                    .limit
                    .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            );
            Selection::Found(jobs)
        } else {
            Selection::Filter(Box::new(with_default_status(filter, step.from)))
        };
        if flags.confirm.wants_preview() {
            let preview = preview(context, &*store, &selection, flags.limit, step).await?;
            let count = counted(preview.document.jobs, "job");
            let question = format!("{} {count}?", capitalised(step.verb));
            if !flags.confirm.go_ahead(&preview, &question, context)? {
                return Ok(Exit::Done);
            }
        }
        selection
    } else if flags.confirm.dry_run {
        let (jobs, missing) = find_each(context, &*store, &flags.ids).await?;
        let selection = Selection::Found(jobs);
        let preview = preview(context, &*store, &selection, None, step).await?;
        flags.confirm.go_ahead(&preview, "", context)?;
        return Ok(Exit::complete(missing == 0));
    } else {
        Selection::Ids(flags.ids.clone())
    };

    let mut mover = Mover {
        step,
        actor: flags.actor.name(),
        interrupt: Interrupt::listen()?,
        tally: Tally::default(),
        left: flags.limit.unwrap_or(u64::MAX),
        progress: Progress::of_entries(&context.terminal),
    };
    let ended = mover.run(context, &*store, selection).await;
    if matches!(ended, Err(Failure::Interrupted)) {
        mover.tally.interrupted = true;
    }
    let Mover { tally, progress, .. } = mover;
    drop(progress);
    report(context, step, &tally)?;
    ended?;
    Ok(match tally {
        Tally { done: 0, left_alone: 0, changed_meanwhile: 0, not_found: 1.., .. } => {
            Exit::NotFound
        }
        Tally { left_alone: 0, changed_meanwhile: 0, not_found: 0, .. } => Exit::Done,
        _ => Exit::Partly,
    })
}

fn report(context: &mut Context<'_>, step: &Move<'_>, tally: &Tally) -> Result<()> {
    if context.json {
        return context.terminal.print_json(tally);
    }
    let mut parts = vec![format!("{} {}", counted(tally.done, "job"), step.done)];
    let others = [
        (tally.left_alone, "left alone"),
        (tally.changed_meanwhile, "changed meanwhile"),
        (tally.not_found, "not found"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    parts.extend(others.map(|(count, what)| format!("{count} {what}")));
    if tally.interrupted {
        parts.push("interrupted before the rest was looked at".to_owned());
    }
    context.terminal.print(parts.join(", "))
}

/// Which jobs.
enum Selection {
    Ids(Vec<JobId>),
    Found(Vec<Job>),
    Filter(Box<WhereEvents>),
}

/// A filter that says nothing about the status means `states`.
fn with_default_status(mut filter: WhereEvents, states: &[Status]) -> WhereEvents {
    let transitions = filter
        .jobs
        .get_or_insert_with(WhereJobs::default)
        .transitions
        .get_or_insert_with(Default::default);
    if transitions.status_in.is_empty() {
        transitions.status_in = states.to_vec();
    }
    filter
}

/// What a dry run with `--json` says.
#[derive(Serialize)]
struct Planned {
    dry_run: bool,
    jobs: u64,
}

/// How many jobs it will be about, and the first few of them.
async fn preview(
    context: &Context<'_>,
    store: &dyn Store,
    selection: &Selection,
    limit: Option<u64>,
    step: &Move<'_>,
) -> Result<Preview<Planned>> {
    let (count, first) = match selection {
        Selection::Ids(ids) => (ids.len() as u64, Vec::new()),
        Selection::Found(jobs) => (jobs.len() as u64, jobs.iter().take(SHOWN).cloned().collect()),
        Selection::Filter(filter) => {
            let mut filter =
                filter.as_ref().clone().with_limit(SHOWN as u64).with_count(Count::Exact);
            filter.without_payloads = true;
            let page = store.find_jobs(&context.toolkit(), filter).await?;
            (page.meta.count.unwrap_or(0), page.entries)
        }
    };
    let count = count.min(limit.unwrap_or(u64::MAX));
    let mut lines = vec![format!("{} to {}", counted(count, "job"), step.verb)];
    let shown = usize::try_from(count).unwrap_or(usize::MAX);
    let rows: Vec<_> = first.iter().take(shown).map(Job::row).collect();
    lines.extend(Table::new(Job::COLUMNS).lines(&rows, false));
    if count > rows.len() as u64 {
        lines.push(format!("and {} more", count - rows.len() as u64));
    }
    let document = Planned { dry_run: true, jobs: count };
    Ok(Preview { lines, document, changes_something: count > 0 })
}

/// The jobs with these ids, and how many there are not, each of which was reported.
async fn find_each(
    context: &mut Context<'_>,
    store: &dyn Store,
    ids: &[JobId],
) -> Result<(Vec<Job>, u64)> {
    let mut seen = HashSet::new();
    let (mut jobs, mut missing) = (Vec::new(), 0);
    for id in ids.iter().filter(|id| seen.insert(**id)) {
        match store.find_job(&context.toolkit(), *id).await {
            Ok(job) => jobs.push(job),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                context.terminal.report(format_args!("error: {error}"));
                missing += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((jobs, missing))
}

/// Every job that a filter by id matches; those of one event.
async fn find_all(
    context: &Context<'_>,
    store: &dyn Store,
    filter: WhereEvents,
) -> Result<Vec<Job>> {
    let mut filter = filter.with_limit(PAGE).with_count(Count::None);
    filter.without_payloads = true;
    let mut jobs = Vec::new();
    loop {
        let page = store.find_jobs(&context.toolkit(), filter.clone()).await?;
        jobs.extend(page.entries);
        match page.meta.next_cursor {
            Some(cursor) => filter = filter.with_cursor(cursor),
            None => return Ok(jobs),
        }
    }
}

struct Mover<'a> {
    step: &'a Move<'a>,
    actor: String,
    interrupt: Interrupt,
    tally: Tally,
    /// So many jobs may still be looked at.
    left: u64,
    progress: Progress,
}

impl Mover<'_> {
    async fn run(
        &mut self,
        context: &mut Context<'_>,
        store: &dyn Store,
        selection: Selection,
    ) -> Result<()> {
        let chunk = usize::try_from(PAGE).unwrap_or(usize::MAX);
        match selection {
            Selection::Ids(ids) => {
                for ids in ids.chunks(chunk) {
                    let (jobs, missing) = find_each(context, store, ids).await?;
                    self.tally.not_found += missing;
                    self.step(context, store, &jobs).await?;
                }
                Ok(())
            }
            Selection::Found(jobs) => {
                for jobs in jobs.chunks(chunk) {
                    self.step(context, store, jobs).await?;
                }
                Ok(())
            }
            Selection::Filter(filter) => self.walk(context, store, *filter).await,
        }
    }

    /// Walks the jobs by their ids, newest first: what this changes, or what arrives meanwhile, moves no job behind the
    /// cursor back before it.
    async fn walk(
        &mut self,
        context: &mut Context<'_>,
        store: &dyn Store,
        filter: WhereEvents,
    ) -> Result<()> {
        let mut filter = filter.with_count(Count::None);
        filter.without_payloads = true;
        while self.left > 0 {
            filter = filter.with_limit(PAGE.min(self.left));
            let page = store.find_jobs(&context.toolkit(), filter.clone()).await?;
            self.left -= page.entries.len() as u64;
            self.step(context, store, &page.entries).await?;
            match page.meta.next_cursor {
                Some(cursor) => filter = filter.with_cursor(cursor),
                None => break,
            }
        }
        Ok(())
    }

    async fn step(
        &mut self,
        context: &mut Context<'_>,
        store: &dyn Store,
        jobs: &[Job],
    ) -> Result<()> {
        if self.interrupt.is_requested() {
            return Err(Failure::Interrupted);
        }
        let (mut moved, mut changes) = (Vec::new(), Vec::new());
        for job in jobs {
            if job.status() == Some(Status::Executing) {
                self.leave_alone(context, job);
                continue;
            }
            match job.next(context.toolkit().transition_id(), self.step.to) {
                Ok(next) => {
                    let next = (self.step.complete)(next).with_actor(&self.actor);
                    moved.push(job.id);
                    changes.push(Change::new(next));
                }
                Err(_) => self.leave_alone(context, job),
            }
        }
        let call = |toolkit: blacksmith_store::Toolkit| {
            let changes = changes.clone();
            async move { store.apply(&toolkit, changes).await }
        };
        let outcomes = resend(context, &self.interrupt, call).await?;
        for (id, outcome) in moved.iter().zip(outcomes) {
            match outcome {
                ChangeOutcome::Applied | ChangeOutcome::Known => self.tally.done += 1,
                ChangeOutcome::Stale | ChangeOutcome::Conflict => {
                    self.tally.changed_meanwhile += 1;
                    let told = self.tally.changed_meanwhile;
                    self.tell(context, told, &format!("{id} changed meanwhile and was left alone"));
                }
                ChangeOutcome::Gone => {
                    self.tally.not_found += 1;
                    let told = self.tally.not_found;
                    self.tell(context, told, &format!("{id} is not stored any more"));
                }
            }
        }
        self.progress.set(self.tally.done, format!("jobs {}", self.step.done));
        Ok(())
    }

    /// Reports a job that has no such move; of an executing one, whose it is and since when.
    fn leave_alone(&mut self, context: &mut Context<'_>, job: &Job) {
        self.tally.left_alone += 1;
        let told = self.tally.left_alone;
        let why = match job.status() {
            Some(Status::Executing) => "only its worker may end it",
            _ => "that state has no such move",
        };
        let (id, verb, stands) = (job.id, self.step.verb, standing(job));
        self.tell(context, told, &format!("cannot {verb} {id}, which is {stands}: {why}"));
    }

    fn tell(&self, context: &mut Context<'_>, nth: u64, line: &str) {
        self.progress.aside(|| match nth {
            ..=TOLD => context.terminal.report(line),
            nth if nth == TOLD + 1 => context.terminal.report("more of the same is counted only"),
            _ => {}
        });
    }
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default()
        + characters.as_str()
}
