//! Walks through keys in either order, from either end or from behind a key: what pages are cut from.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    ops::{Bound, Range},
};

use blacksmith_store_core::Order;

/// Keys on their way past.
pub(crate) type Walk<'a, K> = Box<dyn Iterator<Item = K> + 'a>;

/// Keys that can be walked through.
pub(crate) trait Keys<K> {
    /// The keys in this order, those strictly `behind` one if it is given.
    fn walk(&self, order: Order, behind: Option<K>) -> Walk<'_, K>;
}

/// The part of the keys that lies `behind` one.
fn bounds<K>(order: Order, behind: Option<K>) -> (Bound<K>, Bound<K>) {
    let behind = behind.map_or(Bound::Unbounded, Bound::Excluded);
    match order {
        Order::Oldest => (behind, Bound::Unbounded),
        Order::Newest => (Bound::Unbounded, behind),
    }
}

/// Turns ascending keys to an order.
fn turned<'a, K>(keys: impl DoubleEndedIterator<Item = K> + 'a, order: Order) -> Walk<'a, K> {
    match order {
        Order::Oldest => Box::new(keys),
        Order::Newest => Box::new(keys.rev()),
    }
}

impl<K: Ord + Copy> Keys<K> for BTreeSet<K> {
    fn walk(&self, order: Order, behind: Option<K>) -> Walk<'_, K> {
        turned(self.range(bounds(order, behind)).copied(), order)
    }
}

impl<K: Ord + Copy, V> Keys<K> for &BTreeMap<K, V> {
    fn walk(&self, order: Order, behind: Option<K>) -> Walk<'_, K> {
        turned(self.range(bounds(order, behind)).map(|(key, _)| *key), order)
    }
}

/// Sequences of a job's chain.
impl Keys<u64> for Range<u64> {
    fn walk(&self, order: Order, behind: Option<u64>) -> Walk<'_, u64> {
        let part = match (order, behind) {
            (_, None) => self.clone(),
            (Order::Oldest, Some(behind)) => behind.saturating_add(1)..self.end,
            (Order::Newest, Some(behind)) => self.start..self.end.min(behind),
        };
        turned(part, order)
    }
}

/// Sets that have no key in common, merged on the way.
impl<K: Ord + Copy> Keys<K> for Vec<&BTreeSet<K>> {
    fn walk(&self, order: Order, behind: Option<K>) -> Walk<'_, K> {
        if let [set] = self.as_slice() {
            return set.walk(order, behind);
        }
        let mut heads: BinaryHeap<Head<'_, K>> =
            self.iter().filter_map(|set| Head::of(order, set.walk(order, behind))).collect();
        Box::new(std::iter::from_fn(move || {
            let Head { key, rest, .. } = heads.pop()?;
            heads.extend(Head::of(order, rest));
            Some(key)
        }))
    }
}

/// A walk with its next key taken off; the greatest head is the one whose turn it is.
struct Head<'a, K> {
    order: Order,
    key: K,
    rest: Walk<'a, K>,
}

impl<'a, K> Head<'a, K> {
    fn of(order: Order, mut walk: Walk<'a, K>) -> Option<Self> {
        Some(Self { order, key: walk.next()?, rest: walk })
    }
}

impl<K: Ord> Ord for Head<'_, K> {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.order {
            Order::Newest => self.key.cmp(&other.key),
            Order::Oldest => Reverse(&self.key).cmp(&Reverse(&other.key)),
        }
    }
}

impl<K: Ord> PartialOrd for Head<'_, K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord> PartialEq for Head<'_, K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<K: Ord> Eq for Head<'_, K> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(keys: &dyn Keys<u64>, order: Order, behind: Option<u64>) -> Vec<u64> {
        keys.walk(order, behind).collect()
    }

    #[test]
    fn merged_sets_are_walked_like_one() {
        let (low, high) = (BTreeSet::from([1, 4, 5]), BTreeSet::from([2, 3, 9]));
        let all = BTreeSet::from([1, 2, 3, 4, 5, 9]);
        let merged = vec![&low, &high];
        for order in [Order::Oldest, Order::Newest] {
            for behind in [None, Some(0), Some(1), Some(3), Some(6), Some(9)] {
                assert_eq!(walked(&merged, order, behind), walked(&all, order, behind));
            }
        }
    }

    #[test]
    fn sequences_are_walked_like_a_set() {
        let (sequences, all) = (0..4, BTreeSet::from([0, 1, 2, 3]));
        for order in [Order::Oldest, Order::Newest] {
            for behind in [None, Some(0), Some(2), Some(3), Some(7), Some(u64::MAX)] {
                assert_eq!(walked(&sequences, order, behind), walked(&all, order, behind));
            }
        }
    }
}
