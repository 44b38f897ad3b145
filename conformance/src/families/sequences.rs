//! Any sequence of calls is answered as the contract says, and leaves behind what it says.

use crate::{
    case::family,
    failure::Outcome,
    generated::{
        Generated,
        calls::Caller,
        operations::{Operation, Size, any_operation},
    },
    twin::Twin,
    world::World,
};

family! {
    "sequences", generated;
    any_sequence_of_calls_is_answered_as_by_the_reference,
}

/// How many sequences the quick form tries, at most.
const SEQUENCES: u32 = 20;

/// Few of each, so that calls meet.
const SIZE: Size = Size { events: 5, jobs: 10 };

fn any_sequence_of_calls_is_answered_as_by_the_reference(
    generated: &Generated<'_>,
) -> Result<(), String> {
    let sequences = proptest::collection::vec(any_operation(SIZE), 1..80);
    generated.check(SEQUENCES, &sequences, |operations| {
        Box::new(move |world| Box::pin(perform(world, operations)))
    })
}

async fn perform(world: &mut World, operations: Vec<Operation>) -> Outcome {
    let mut twin = Twin::default();
    let mut caller = Caller::new(SIZE);
    for operation in operations {
        let call = caller.call(operation, &twin.reference, world.now());
        twin.step(world, call).await?;
    }
    Ok(())
}
