//! What was answered is there when the store is opened again.

use blacksmith_store_core::Status;

use crate::{case::family, failure::Outcome, world::World};

family! {
    "durability";
    [durable] everything_stored_is_found_again,
}

async fn everything_stored_is_found_again(world: &mut World) -> Outcome {
    for status in Status::ALL {
        world.job_in(status.as_str(), status).await?;
    }
    let before = world.contents().await?;
    world.reopen().await?;
    world.expect_unchanged("a restart", &before).await
}
