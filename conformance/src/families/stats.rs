//! The counts of every destination and action, and since when the oldest waiting job is due.

use crate::{
    case::family,
    failure::{Outcome, expect_eq},
    world::World,
};

family! {
    "stats";
    an_empty_store_has_none,
}

async fn an_empty_store_has_none(world: &World) -> Outcome {
    expect_eq("the queues", world.store.stats().await?, vec![])
}
