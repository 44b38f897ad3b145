//! `blacksmith show`

use blacksmith_store::JobId;
use clap::Args;

use crate::{context::Context, exit::Exit, failure::Result, filter_flags::id, story::Story};

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The job
    #[arg(value_name = "JOB", value_parser = id::<JobId>)]
    id: JobId,
}

pub(crate) async fn run(context: &mut Context<'_>, args: &ShowArgs) -> Result<Exit> {
    let store = context.open().await?;
    let told = Story::read(&*store, || context.toolkit(), args.id).await?;
    if context.json {
        context.terminal.print_json(&told)?;
    } else {
        told.tell(context.toolkit().now(), &mut context.terminal)?;
    }
    Ok(Exit::Done)
}
