//! Instants: cut to the microsecond, years 1 to 9999, and the caller's clock.

use crate::{
    case::family,
    failure::{Outcome, expect_eq},
    world::{World, instant, with},
};

family! {
    "timestamps";
    an_instant_is_cut_down_to_the_microsecond,
}

async fn an_instant_is_cut_down_to_the_microsecond(world: &World) -> Outcome {
    let sent_at = instant("2026-01-01T00:00:00.999999999Z");
    let event = with(world.event(), |event| event.sent_at = Some(sent_at));
    world.store.add_events(vec![event.clone()]).await?;
    let found = world.store.find_event(event.id).await?;
    expect_eq("sent_at", found.sent_at, Some(instant("2026-01-01T00:00:00.999999Z")))
}
