//! Asking before much is changed.

use clap::Args;

use crate::{
    failure::{Failure, Result},
    terminal::Terminal,
};

/// Whether to ask, and whether to go ahead at all.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct ConfirmFlags {
    /// Go ahead without asking
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

impl ConfirmFlags {
    /// Whether a preview will be seen by anyone.
    pub(crate) fn wants_preview(self) -> bool {
        !self.yes
    }

    /// Shows what is about to happen and asks. `false` for a dry run, of which the preview is the result.
    ///
    /// # Errors
    /// `NotConfirmed` for any answer but yes, `Usage` where nobody can be asked.
    pub(crate) fn go_ahead(
        self,
        preview: &[String],
        question: &str,
        terminal: &mut Terminal,
    ) -> Result<bool> {
        if self.yes {
            return Ok(true);
        }
        if self.dry_run {
            for line in preview {
                terminal.print(line)?;
            }
            return Ok(false);
        }
        for line in preview {
            terminal.report(line);
        }
        if terminal.ask(question)? { Ok(true) } else { Err(Failure::NotConfirmed) }
    }
}
