//! Payloads come back byte for byte, whatever the bytes are.

use crate::{
    case::family,
    failure::{Outcome, ensure},
    world::World,
};

family! {
    "bytes";
    every_byte_is_kept,
}

async fn every_byte_is_kept(world: &World) -> Outcome {
    let all: Vec<u8> = (0..=255).collect();
    let event = world.event().with_data(all.clone());
    world.store.add_events(vec![event.clone()]).await?;
    let found = world.store.find_event(event.id).await?;
    ensure!(found.data.as_deref() == Some(&all[..]), "not every byte came back: {:?}", found.data);
    Ok(())
}
