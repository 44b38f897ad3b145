//! `blacksmith retry`

use blacksmith_store::{Status, Timestamp};
use clap::Args;

use crate::{
    context::Context,
    exit::Exit,
    failure::Result,
    filter_flags::FILTERS,
    instant,
    moving::{self, Move, MoveFlags},
};

#[derive(Args, Debug)]
#[command(after_long_help = FILTERS)]
pub(crate) struct RetryArgs {
    /// Not before this instant (RFC 3339, a day, or 2h for in two hours) [default: now]
    #[arg(long, value_name = "WHEN", value_parser = instant::future)]
    run_at: Option<Timestamp>,
    #[command(flatten)]
    jobs: MoveFlags,
}

pub(crate) async fn run(context: &mut Context<'_>, args: &RetryArgs) -> Result<Exit> {
    let step = Move {
        to: Status::Awaiting,
        verb: "retry",
        done: "retried",
        from: &[Status::Failed, Status::Unknown, Status::Discarded],
        complete: &|transition| match args.run_at {
            Some(run_at) => transition.with_run_at(run_at),
            None => transition,
        },
    };
    moving::run(context, &args.jobs, &step).await
}
