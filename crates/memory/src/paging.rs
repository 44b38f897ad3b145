//! Cuts a page out of the keys that a search looks at.

use blacksmith_store_core::{Count, DEFAULT_PAGE_LIMIT, Toolkit, WhereEvents};

use crate::{error::Refusal, walk::Keys};

/// The keys that a search looks at.
pub(crate) struct Candidates<'a, K> {
    pub(crate) keys: Box<dyn Keys<K> + 'a>,
    /// How many there are, if all of them are known to match.
    pub(crate) all_match: Option<u64>,
}

impl<'a, K> Candidates<'a, K> {
    /// Keys of which each must be looked at.
    pub(crate) fn among(keys: impl Keys<K> + 'a) -> Self {
        Self { keys: Box::new(keys), all_match: None }
    }
}

/// The keys of a page and of one entry more, the look-ahead; and how many match.
pub(crate) struct Selected<K> {
    pub(crate) keys: Vec<K>,
    pub(crate) counted: Option<u64>,
}

/// Selects the page that the filter asks for, `behind` the key of its cursor.
pub(crate) fn select<K: Copy>(
    toolkit: &Toolkit,
    filter: &WhereEvents,
    behind: Option<K>,
    candidates: &Candidates<'_, K>,
    matches: impl Fn(K) -> bool,
) -> Result<Selected<K>, Refusal> {
    let in_time = || toolkit.remaining().is_none_or(|left| !left.is_zero());
    let matching = |behind| {
        let keys = candidates.keys.walk(filter.order, behind).take_while(|_| in_time());
        keys.filter(|key| candidates.all_match.is_some() || matches(*key))
    };
    let counted = match (filter.count, candidates.all_match) {
        (Count::None, _) => None,
        (_, Some(all)) => Some(all),
        (Count::Exact, None) => Some(matching(None).count() as u64),
        // One more tells that there are more.
        (Count::UpTo(cap), None) => {
            Some(matching(None).take(size(cap).saturating_add(1)).count() as u64)
        }
    };
    let offset = size(filter.offset.unwrap_or(0));
    let limit = size(filter.limit.unwrap_or(DEFAULT_PAGE_LIMIT));
    let keys = matching(behind).skip(offset).take(limit.saturating_add(1)).collect();
    if in_time() { Ok(Selected { keys, counted }) } else { Err(Refusal::Late) }
}

/// A number of entries as a `usize`; more than memory has places for is as good as all.
fn size(entries: u64) -> usize {
    usize::try_from(entries).unwrap_or(usize::MAX)
}
