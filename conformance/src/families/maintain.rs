//! Housekeeping changes no answer.

use blacksmith_store_core::Status;

use crate::{case::family, failure::Outcome, world::World};

family! {
    "maintain";
    nothing_that_is_stored_changes,
}

async fn nothing_that_is_stored_changes(world: &World) -> Outcome {
    for status in Status::ALL {
        world.job_in(status.as_str(), status).await?;
    }
    let before = world.contents().await?;
    world.store.maintain().await?;
    world.expect_unchanged("maintain", &before).await
}
