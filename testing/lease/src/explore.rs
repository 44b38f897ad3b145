//! Explores every state of a model, breadth first, and tells what broke.

use std::{
    fmt::Debug,
    hash::Hash,
    time::{Duration, Instant},
};

use stateright::{Checker as _, Model};

/// The name of the property that something good happens in some state: without it a model that does nothing would hold.
pub(crate) const REACHED: &str = "(reached)";

/// A model that can be explored by several threads and shows its states.
pub(crate) trait Explorable:
    Model<
        State: Clone + Debug + PartialEq + Hash + Send + Sync,
        Action: Clone + Debug + PartialEq + Send + Sync,
    > + Send
    + Sync
    + 'static
{
    /// What a trace ends with.
    fn in_words(state: &Self::State) -> String {
        format!("{state:?}")
    }
}

/// What an exploration found.
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) depth: usize,
    pub(crate) took: Duration,
    /// In the order of their names.
    pub(crate) broken: Vec<BrokenProperty>,
    /// Whether the good thing happens in some state.
    pub(crate) is_reached: bool,
    /// Whether every state was visited: an exploration ends early when all properties have their examples.
    pub(crate) is_complete: bool,
}

/// A property with a short way to a state in which it does not hold; with one thread it is a shortest one.
pub(crate) struct BrokenProperty {
    pub(crate) name: &'static str,
    pub(crate) trace: Vec<String>,
}

/// Explores a model with as many threads as the machine has cores.
pub(crate) fn explore<M: Explorable>(model: M) -> Explored {
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let properties = model.properties().len();
    let checker = model.checker().threads(threads).spawn_bfs().join();
    let discoveries = checker.discoveries();
    let is_complete = discoveries.len() < properties;
    let is_reached = discoveries.contains_key(REACHED);
    let mut broken: Vec<BrokenProperty> = discoveries
        .into_iter()
        .filter(|(name, _)| *name != REACHED)
        .map(|(name, path)| {
            let end = M::in_words(path.last_state());
            let steps = path.into_actions().into_iter().map(|action| format!("{action:?}"));
            BrokenProperty { name, trace: steps.chain([end]).collect() }
        })
        .collect();
    broken.sort_unstable_by_key(|broken| broken.name);
    Explored {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: begun.elapsed(),
        broken,
        is_reached,
        is_complete,
    }
}
