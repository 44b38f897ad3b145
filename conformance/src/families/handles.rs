//! Several handles on the same data are one store.

use crate::{
    case::family,
    failure::{Outcome, expect_eq},
    world::World,
};

family! {
    "handles";
    [several_handles] what_one_writes_the_other_sees,
}

async fn what_one_writes_the_other_sees(world: &World) -> Outcome {
    let other = world.another_handle().await?;
    let event = world.event();
    world.store.add_events(vec![event.clone()]).await?;
    expect_eq("the event", other.find_event(event.id).await?.id, event.id)
}
