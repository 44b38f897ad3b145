//! A story in sentences.

use blacksmith_store::{Job, JobError, Status, Timestamp, Transition};
use chrono::{SecondsFormat, TimeDelta};

use super::Story;
use crate::{
    failure::Result,
    instant::{exact, span},
    table::{Column, Table},
    terminal::Terminal,
};

/// An instant, and what happened then.
const STEPS: &[Column] = &[Column::whole("AT"), Column::text("WHAT HAPPENED")];

/// Sentences that a terminal breaks between words.
const SENTENCES: &[Column] = &[Column::text("")];

pub(super) fn tell(story: &Story, now: Timestamp, terminal: &mut Terminal) -> Result<()> {
    let paragraph = |lines: Vec<String>, terminal: &mut Terminal| {
        let rows: Vec<_> = lines.into_iter().map(|line| vec![line]).collect();
        Table::new(SENTENCES).without_titles().print(&rows, terminal)
    };
    paragraph(opening(story, now), terminal)?;
    terminal.print("")?;
    Table::new(STEPS).without_titles().print(&steps(&story.transitions, now), terminal)?;
    terminal.print("")?;
    paragraph(closing(story, now), terminal)
}

fn opening(story: &Story, now: Timestamp) -> Vec<String> {
    let Job { id, destination, action, version, .. } = &story.job;
    let version =
        version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
    let mut lines = vec![format!("Job {id}, for {destination}/{action}{version}.")];
    lines.push(match (&story.event, story.job.event_id) {
        (Some(event), _) => {
            let received = event.received_at.map(|at| {
                format!(", received {} ago, at {}", span(now - at), exact(event.received_at))
            });
            let received = received.unwrap_or_default();
            format!(
                "It came from event {} ({} {}){received}.",
                event.id, event.source, event.trigger
            )
        }
        (None, Some(event)) => format!("It came from event {event}, which is stored no more."),
        (None, None) => "Nothing is known of its event.".to_owned(),
    });
    if let Some(parent) = story.job.parent_job_id {
        lines.push(format!("It is a follow-up of job {parent}."));
    }
    lines
}

fn closing(story: &Story, now: Timestamp) -> Vec<String> {
    let follow_up = |job: &Job| {
        let stands = job.status().map(|status| format!(": {status}")).unwrap_or_default();
        format!("It led to job {}, for {}/{}{stands}.", job.id, job.destination, job.action)
    };
    let mut lines: Vec<_> = story.follow_ups.iter().map(follow_up).collect();
    lines.push(format!("Next: {}.", story.next.sentence(&story.job, &story.pauses, now)));
    lines
}

/// A row for the beginning, for each attempt, and for each move of an operator.
fn steps(chain: &[Transition], now: Timestamp) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut rest = chain;
    let mut before: Option<&Transition> = None;
    while let [step, later @ ..] = rest {
        let (sentence, last, left) = match (before, step.state_after) {
            (None, _) => (stored(step), step, later),
            (Some(before), Status::Executing) => {
                let sentence = run(before, step, later.first(), now);
                (sentence, later.first().unwrap_or(step), later.get(1..).unwrap_or_default())
            }
            (Some(_), _) => (moved(step), step, later),
        };
        let at = step.created_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
        rows.push(vec![at.unwrap_or_default(), sentence]);
        (before, rest) = (Some(last), left);
    }
    rows
}

fn stored(first: &Transition) -> String {
    let by = first.actor.as_ref().map(|actor| format!(" by {actor}")).unwrap_or_default();
    format!("stored{by} as {}, due {}", first.state_after, due(first))
}

/// One attempt, from its claim to its end; `before` is the step that it followed.
fn run(
    before: &Transition,
    claim: &Transition,
    end: Option<&Transition>,
    now: Timestamp,
) -> String {
    let worker = claim.actor.as_deref().unwrap_or("a worker");
    let waited = between(before.created_at, claim.created_at);
    let attempt = claim.attempt;
    let Some(end) = end else {
        let since = claim.created_at.map(|since| format!(" for {}", span(now - since)));
        let since = since.unwrap_or_default();
        return format!("after {waited}, attempt {attempt} by {worker}: under way{since}");
    };
    let took = between(claim.created_at, end.created_at);
    let error = end.error.as_ref().map(|error| format!(": {}", told(error))).unwrap_or_default();
    let ended = match end.state_after {
        Status::Succeeded => format!("succeeded after {took}"),
        Status::Discarded => format!("discarded after {took}{error}"),
        Status::Failed => format!("failed after {took}{error}; due again {}", due(end)),
        Status::Awaiting => format!("given back after {took}, before it began; due {}", due(end)),
        _ if end.actor != claim.actor => format!(
            "nothing was heard of it; {} gave its claim up after {took}{error}; due again {}",
            end.actor.as_deref().unwrap_or("the store"),
            due(end)
        ),
        status => format!("{status} after {took}{error}; due again {}", due(end)),
    };
    format!("after {waited}, attempt {attempt} by {worker}: {ended}")
}

/// An operator's move.
fn moved(step: &Transition) -> String {
    let who = step.actor.as_deref().unwrap_or("somebody");
    match step.state_after {
        Status::Discarded => {
            let why = step.error.as_ref().map(|error| format!(": {}", told(error)));
            format!("{who} gave it up{}", why.unwrap_or_default())
        }
        Status::Awaiting => format!("{who} asked for a run, due {}", due(step)),
        status => format!("{who} made it {status}"),
    }
}

/// When a waiting job is due, seen from its last step: `at once`, or `2 h later, at …`.
fn due(step: &Transition) -> String {
    match (step.run_at, step.created_at) {
        (Some(due), Some(at)) if due > at => {
            format!("{} later, at {}", span(due - at), exact(step.run_at))
        }
        _ => "at once".to_owned(),
    }
}

fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    let passed = from.zip(to).map_or_else(TimeDelta::zero, |(from, to)| to - from);
    span(passed)
}

/// An error with its status, as far as it fits a few lines.
fn told(error: &JobError) -> String {
    const LONGEST: usize = 300;
    let message = error.message();
    let text = match error.status_code() {
        _ if message.is_empty() => error.as_json().to_owned(),
        // As HTTP's own reason begins.
        Some(code) if message.starts_with(&code.to_string()) => format!("status {message}"),
        Some(code) => format!("status {code}, {message}"),
        None => message,
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
