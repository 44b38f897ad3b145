//! A call whose deadline has passed does nothing.

use std::time::Instant;

use blacksmith_store_core::{ErrorKind, Retry};

use crate::{
    case::family,
    failure::{Outcome, expect_eq, expect_error},
    world::World,
};

family! {
    "deadlines";
    a_late_write_is_a_timeout_and_changes_nothing,
}

async fn a_late_write_is_a_timeout_and_changes_nothing(world: &World) -> Outcome {
    let before = world.contents().await?;
    let late = world.store.with_toolkit(world.toolkit.clone().with_deadline(Instant::now()));
    let refused = late.add_events(vec![world.event()]).await;
    let error = expect_error("add an event too late", refused, ErrorKind::Timeout)?;
    expect_eq("whether a retry helps", error.retry(), Retry::Safe)?;
    world.expect_unchanged("a late write", &before).await
}
