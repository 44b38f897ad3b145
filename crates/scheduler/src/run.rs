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

/// The span of one run; a run of one job names it.
pub(crate) fn span(destination: &str, action: &str, jobs: &[Held]) -> Span {
    let job = match jobs {
        [held] => Some(tracing::field::display(held.job.id)),
        _ => None,
    };
    tracing::debug_span!("run", destination, action, job, jobs = jobs.len())
}
