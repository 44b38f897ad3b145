//! A stream fires when work may have arrived.

use blacksmith_store_core::ErrorKind;

use crate::{
    case::family,
    failure::{Outcome, expect_error},
    world::World,
};

family! {
    "wakeups";
    [no_wakeups] undeclared_wakeups_are_unsupported,
}

async fn undeclared_wakeups_are_unsupported(world: &World) -> Outcome {
    let refused = world.store.wakeups().await.map(|_| ());
    expect_error("wakeups", refused, ErrorKind::Unsupported)?;
    Ok(())
}
