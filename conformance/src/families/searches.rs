//! Any search finds what the contract says, in its order, page by page.

use blacksmith_store_core::WhereEvents;
use proptest::{option::weighted, strategy::Strategy as _};

use crate::{
    case::family,
    failure::Outcome,
    generated::{
        Generated,
        calls::Caller,
        filters,
        operations::{Operation, Size, filling},
    },
    twin::Twin,
    world::World,
};

family! {
    "searches", generated;
    any_search_finds_what_the_reference_finds,
}

/// How many populations the quick form makes, at most.
const POPULATIONS: u32 = 8;

/// How many searches go through each.
const SEARCHES: usize = 30;

const SIZE: Size = Size { events: 16, jobs: 32 };

fn any_search_finds_what_the_reference_finds(generated: &Generated<'_>) -> Result<(), String> {
    let searches =
        proptest::collection::vec(filters::searches(SIZE.events, SIZE.jobs), 1..=SEARCHES);
    let few = proptest::collection::vec(filling(SIZE), 1..60);
    // Sometimes among many others, so that a store chooses other ways to find them.
    let population = (weighted(0.3, 50..120_usize), few).prop_map(|(crowd, mut population)| {
        population.splice(0..0, crowd.map(Operation::Crowd));
        population
    });
    // The searches come first: one of them is all that is left when the population is shrunk.
    generated.check(POPULATIONS, &(searches, population), |(searches, population)| {
        Box::new(move |world| Box::pin(search(world, searches, population)))
    })
}

async fn search(
    world: &mut World,
    searches: Vec<WhereEvents>,
    population: Vec<Operation>,
) -> Outcome {
    let mut twin = Twin::default();
    let mut caller = Caller::new(SIZE);
    for operation in population {
        let call = caller.call(operation, &twin.reference, world.now());
        twin.make(world, call).await?;
        twin.learn(world).await?;
    }
    twin.compare(world).await?;
    for filter in searches {
        twin.search(world, &filter).await?;
        twin.walk(world, &filter).await?;
    }
    Ok(())
}
