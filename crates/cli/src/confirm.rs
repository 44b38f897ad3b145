//! Asking before much is changed.

use clap::Args;
use serde::Serialize;

use crate::{
    context::Context,
    failure::{Failure, Result},
};

/// Whether to ask, and whether to go ahead at all.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct ConfirmFlags {
    /// Go ahead without asking
    #[arg(long, short = 'y')]
    yes: bool,
    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

/// What is about to happen.
pub(crate) struct Preview<D> {
    /// In words.
    pub(crate) lines: Vec<String>,
    /// In JSON.
    pub(crate) document: D,
    /// Whether anything would be changed at all.
    pub(crate) changes_something: bool,
}

impl ConfirmFlags {
    /// Whether a preview will be seen by anyone.
    pub(crate) fn wants_preview(self) -> bool {
        !self.yes
    }

    /// Shows what is about to happen and asks. `false` where the preview is the result: of a dry run, or when nothing would
    /// be changed.
    ///
    /// # Errors
    /// `NotConfirmed` for any answer but yes, `Usage` where nobody can be asked.
    pub(crate) fn go_ahead<D: Serialize>(
        self,
        preview: &Preview<D>,
        question: &str,
        context: &mut Context<'_>,
    ) -> Result<bool> {
        if self.yes {
            return Ok(true);
        }
        if self.dry_run || !preview.changes_something {
            if context.json {
                context.terminal.print_json(&preview.document)?;
            } else {
                for line in &preview.lines {
                    context.terminal.print(line)?;
                }
            }
            return Ok(false);
        }
        for line in &preview.lines {
            context.terminal.report(line);
        }
        if context.terminal.ask(question)? { Ok(true) } else { Err(Failure::NotConfirmed) }
    }
}
