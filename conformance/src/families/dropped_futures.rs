//! A call whose future is dropped was done whole or not at all.

use futures_util::FutureExt as _;

use crate::{
    case::family,
    failure::{Outcome, expect_eq},
    world::World,
};

family! {
    "dropped_futures";
    a_future_that_was_polled_once_and_dropped_leaves_the_store_usable,
}

async fn a_future_that_was_polled_once_and_dropped_leaves_the_store_usable(
    world: &World,
) -> Outcome {
    let event = world.event();
    let _ = world.store.raw().add_events(&world.toolkit, vec![event.clone()]).now_or_never();
    let added = world.store.add_events(vec![event]).await?;
    expect_eq("the event, sent again", added.events + added.events_known, 1)
}
