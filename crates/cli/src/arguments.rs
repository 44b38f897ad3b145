//! The command line.

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        conformance::{self, ConformanceArgs},
        demo::{self, DemoArgs},
        discard::DiscardArgs,
        events::Events,
        ingest::{self, IngestArgs},
        init::InitArgs,
        jobs::Jobs,
        migrate::Migrate,
        pause::{PauseArgs, ResumeArgs},
        purge::PurgeArgs,
        retry::RetryArgs,
        run::{self, RunArgs},
        show::ShowArgs,
        top::{self, TopArgs},
        transitions::Transitions,
    },
    context::GlobalFlags,
    exit::EXIT_CODES,
};

/// A database used as a queue: store events, look at their jobs, retry, discard, pause, purge
#[derive(Parser, Debug)]
#[command(
    name = "blacksmith",
    version,
    after_long_help = EXIT_CODES,
    max_term_width = 110
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalFlags,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// See all of it at work, in under a minute
    #[command(after_long_help = demo::WHAT_HAPPENS)]
    Demo(DemoArgs),
    /// Write a commented blacksmith.toml to begin with
    Init(InitArgs),
    /// Store events, one JSON object a line
    #[command(after_long_help = ingest::LINES)]
    Ingest(IngestArgs),
    /// Deliver jobs to the destinations in blacksmith.toml
    #[command(after_long_help = run::DELIVERY)]
    Run(RunArgs),
    /// Find events
    #[command(subcommand)]
    Events(Events),
    /// Find jobs
    #[command(subcommand)]
    Jobs(Jobs),
    /// Find transitions, the steps in the lives of jobs
    #[command(subcommand)]
    Transitions(Transitions),
    /// Tell the story of a job: every attempt, how it ended, and what comes next
    Show(ShowArgs),
    /// Count the jobs of every destination by status
    Stats,
    /// Watch the counts, and how fast they change
    #[command(after_long_help = top::COLUMNS)]
    Top(TopArgs),
    /// Run jobs again, whatever became of them; a filter without --status means failed, unknown and discarded ones
    Retry(RetryArgs),
    /// Give jobs up; a filter without --status means all that wait: failed, unknown, acknowledged and awaiting ones
    Discard(DiscardArgs),
    /// Hold back the jobs of a destination, or of one action, until it is resumed
    Pause(PauseArgs),
    /// End pauses
    Resume(ResumeArgs),
    /// List what is paused
    Pauses,
    /// Delete events with their jobs and history
    Purge(PurgeArgs),
    /// Bring the database's schema up to date, or take it back
    #[command(subcommand)]
    Migrate(Migrate),
    /// List the adapters of this program
    Adapters,
    /// Try whether a database will do: run the conformance suite on it, in schemas or files of its own
    #[command(after_long_help = conformance::WHAT_HAPPENS)]
    Conformance(ConformanceArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn flags_do_not_collide() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_cursor_may_begin_with_a_hyphen() {
        let cursor = "-itjlp8cD8wXk-qb_-PnSkeg4MstUPzPUrP5hw";
        let parsed = Arguments::try_parse_from(["blacksmith", "jobs", "list", "--cursor", cursor]);
        assert!(parsed.is_ok(), "{parsed:?}");
    }
}
