//! What is at a limit is accepted; what is above it is refused, named, and changes nothing.

use blacksmith_store_core::{Added, Appended};

use crate::{
    case::family,
    failure::{Outcome, expect_eq},
    world::World,
};

family! {
    "limits";
    empty_batches_succeed_with_zeros,
}

async fn empty_batches_succeed_with_zeros(world: &World) -> Outcome {
    expect_eq("events", world.store.add_events(vec![]).await?, Added::default())?;
    expect_eq("jobs", world.store.add_jobs(vec![]).await?, Added::default())?;
    expect_eq("transitions", world.store.add_transitions(vec![]).await?, Appended::default())
}
