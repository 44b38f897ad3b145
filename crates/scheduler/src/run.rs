//! One run of an action: apart from the engine's task, so that a panic or a hang is its own alone.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use blacksmith_store_core::{Queue, Toolkit};
use futures_util::FutureExt as _;
use tracing::Span;

use crate::{
    Action, Failure, Reporter,
    cut::{ERROR_TEXT_LIMIT, cut},
    held::Held,
};

/// Runs `action`; a panic is a failure.
pub(crate) async fn load(
    action: Arc<dyn Action>,
    toolkit: Toolkit,
    queue: Queue,
    report: Reporter,
) -> Result<(), Failure> {
    // What the action leaves behind when it panics is dropped with its future.
    AssertUnwindSafe(async { action.load(&toolkit, queue, &report).await })
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            let text = panic_text(&*panic);
            tracing::error!("an action panicked");
            Err(Failure::new(format!("the action panicked: {}", cut(text, ERROR_TEXT_LIMIT))))
        })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}

/// The span of one run; a run of one job names it and its attempt.
pub(crate) fn span(destination: &str, action: &str, jobs: &[Held]) -> Span {
    let single = match jobs {
        [held] => Some(&held.job),
        _ => None,
    };
    let job = single.map(|job| tracing::field::display(job.id));
    let attempt = single.and_then(|job| job.transition.as_ref()).map(|claim| claim.attempt);
    tracing::debug_span!("run", destination, action, job, attempt, jobs = jobs.len())
}

/// Says which jobs a claim has brought: how many, and in detail each.
pub(crate) fn trace_claim(actor: &str, jobs: &[Held]) {
    for held in jobs {
        let attempt = held.job.transition.as_ref().map(|claim| claim.attempt);
        tracing::trace!(
            job = %held.job.id, destination = held.job.destination, action = held.job.action, attempt,
            "claimed a job"
        );
    }
    tracing::debug!(actor, jobs = jobs.len(), "claimed");
}
