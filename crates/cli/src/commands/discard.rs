//! `blacksmith discard`

use blacksmith_store::{JobError, Status};
use clap::Args;

use crate::{
    context::Context,
    exit::Exit,
    failure::Result,
    filter_flags::FILTERS,
    moving::{self, Move, MoveFlags},
};

#[derive(Args, Debug)]
#[command(after_long_help = FILTERS)]
pub(crate) struct DiscardArgs {
    /// Why, as the history keeps it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    jobs: MoveFlags,
}

pub(crate) async fn run(context: &mut Context<'_>, args: &DiscardArgs) -> Result<Exit> {
    let step = Move {
        to: Status::Discarded,
        verb: "discard",
        done: "discarded",
        from: &[Status::Failed, Status::Unknown, Status::Acknowledged, Status::Awaiting],
        complete: &|transition| match &args.reason {
            Some(reason) => transition.with_error(JobError::new(reason)),
            None => transition,
        },
    };
    moving::run(context, &args.jobs, &step).await
}
