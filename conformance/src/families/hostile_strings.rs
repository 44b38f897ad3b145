//! Text that means something to a database, or looks like other text, is text like any other.

use crate::{
    case::family,
    failure::{Outcome, expect_eq},
    world::World,
};

family! {
    "hostile_strings";
    quotes_are_kept,
}

async fn quotes_are_kept(world: &World) -> Outcome {
    let job = world.stored_job("'; DROP TABLE jobs; --").await?;
    expect_eq("the destination", job.destination.as_str(), "'; DROP TABLE jobs; --")
}
