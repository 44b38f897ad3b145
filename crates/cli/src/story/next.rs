//! What comes next for a job, and when.

use blacksmith_store::{Job, Pause, Status, Timestamp};
use serde::Serialize;

use crate::instant::{exact, span};

/// What comes next for a job.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(super) enum Next {
    /// Nothing: it was delivered.
    Delivered,
    /// Nothing: it was given up.
    GivenUp,
    /// Its worker reports how the run ends, or the run's lease ends.
    Report {
        attempt: u32,
        worker: Option<String>,
    },
    /// Nothing until the last of its pauses is resumed.
    Resume {
        attempt: u32,
        due_at: Option<Timestamp>,
    },
    Run {
        attempt: u32,
        due_at: Option<Timestamp>,
    },
}

impl Next {
    /// What comes next for `job`, which these pauses hold back.
    pub(super) fn of(job: &Job, pauses: &[Pause]) -> Self {
        let latest = job.transition.as_ref();
        let attempt = latest.map_or(0, |latest| latest.attempt);
        match job.status() {
            Some(Status::Succeeded) => Self::Delivered,
            Some(Status::Discarded) => Self::GivenUp,
            Some(Status::Executing) => {
                Self::Report { attempt, worker: latest.and_then(|latest| latest.actor.clone()) }
            }
            _ => {
                let attempt = attempt.saturating_add(1);
                let due_at = latest.and_then(|latest| latest.run_at.max(latest.created_at));
                if pauses.is_empty() {
                    Self::Run { attempt, due_at }
                } else {
                    Self::Resume { attempt, due_at }
                }
            }
        }
    }

    /// In a sentence.
    pub(super) fn sentence(&self, job: &Job, pauses: &[Pause], now: Timestamp) -> String {
        let Job { id, destination, action, .. } = job;
        match self {
            Self::Delivered => "nothing: it was delivered".to_owned(),
            Self::GivenUp => {
                format!("nothing: it was given up; `blacksmith retry {id}` runs it again")
            }
            Self::Report { attempt, worker } => format!(
                "{} reports how attempt {attempt} ends; if it is heard of no more, the job becomes unknown when its \
                 lease ends, and runs again",
                worker.as_deref().unwrap_or("its worker")
            ),
            Self::Run { attempt, due_at } => match *due_at {
                Some(due) if due > now => {
                    format!("attempt {attempt}, due in {}, at {}", span(due - now), exact(*due_at))
                }
                Some(due) => format!(
                    "attempt {attempt}, due for {}: whoever works for {destination}/{action} takes it",
                    span(now - due)
                ),
                None => format!("attempt {attempt}"),
            },
            Self::Resume { attempt, due_at } => {
                let due = match *due_at {
                    Some(due) if due > now => format!("would be due in {}", span(due - now)),
                    Some(due) => format!("has been due for {}", span(now - due)),
                    None => "waits".to_owned(),
                };
                let pauses: Vec<_> = pauses.iter().map(|pause| told(pause, now)).collect();
                format!("attempt {attempt} {due}, but is held back: {}", pauses.join("; "))
            }
        }
    }
}

/// `crm was paused by ada 2 min ago (their migration); `blacksmith resume crm` ends that`
fn told(pause: &Pause, now: Timestamp) -> String {
    let target = match &pause.action {
        Some(action) => format!("{}/{action}", pause.destination),
        None => pause.destination.clone(),
    };
    let ago = pause.created_at.map(|at| format!(" {} ago", span(now - at))).unwrap_or_default();
    let reason = pause.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!(
        "{target} was paused by {}{ago}{reason}; `blacksmith resume {target}` ends that",
        pause.actor
    )
}
