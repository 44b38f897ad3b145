//! The way from an action back to its scheduler.

use std::{fmt, sync::Arc};

use crate::Then;

/// Takes what became of jobs while an action works on them; clones report to the same run.
///
/// A report is taken at once and written with others soon after; what was reported stays so, whatever becomes of the run.
/// After the end of the run, reports are ignored.
#[derive(Clone)]
pub struct Reporter {
    take: Arc<dyn Fn(Then) + Send + Sync>,
}

impl Reporter {
    pub(crate) fn new(take: impl Fn(Then) + Send + Sync + 'static) -> Self {
        Self { take: Arc::new(take) }
    }

    /// Reports what became of some jobs, or of all that were not reported yet.
    pub fn then(&self, then: impl Into<Then>) {
        (self.take)(then.into());
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").finish_non_exhaustive()
    }
}
