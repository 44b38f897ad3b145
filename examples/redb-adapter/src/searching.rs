//! Cuts a page out of rows that are looked at one by one.

use std::ops::Bound;

use blacksmith_store_core::{
    Count, DEFAULT_PAGE_LIMIT, ID_BYTES, Order, Position, Result, StoreError, Toolkit, WhereEvents,
};
use redb::{ReadableTable, Value};

use crate::{error::failed, layout::Id};

/// Rows on their way past.
type Walk<'s, T> = Box<dyn Iterator<Item = Result<T>> + 's>;

/// What a search looks at: walks through it in the order of the page, from behind a position if one is given.
pub(crate) type Source<'s, T> = Box<dyn Fn(Order, Option<Position>) -> Result<Walk<'s, T>> + 's>;

/// Every row of a table, by id; `read` reads the one of an id.
pub(crate) fn every<'s, T: 's, V: Value + 'static>(
    table: &'s impl ReadableTable<Id, V>,
    read: impl Fn([u8; ID_BYTES]) -> Result<Option<T>> + Copy + 's,
) -> Source<'s, T> {
    Box::new(move |order, behind| {
        let behind = match &behind {
            Some(Position::Id(id)) => Bound::Excluded(id),
            _ => Bound::Unbounded,
        };
        let part = match order {
            Order::Oldest => (behind, Bound::Unbounded),
            Order::Newest => (Bound::Unbounded, behind),
        };
        let rows = table.range::<&[u8; ID_BYTES]>(part).map_err(failed)?;
        let ids = rows.map(|row| row.map(|(id, _)| *id.value()));
        let read =
            move |id: redb::Result<[u8; ID_BYTES]>| id.map_err(failed).and_then(read).transpose();
        Ok(match order {
            Order::Oldest => Box::new(ids.filter_map(read)),
            Order::Newest => Box::new(ids.rev().filter_map(read)),
        })
    })
}

/// A few entries that are at hand, in ascending position.
pub(crate) fn these<'s, T: Clone + 's>(
    entries: Vec<T>,
    position: fn(&T) -> Position,
) -> Source<'s, T> {
    Box::new(move |order, behind| {
        let is_behind =
            |entry: &&T| behind.is_none_or(|cursor| lies_behind(order, cursor, position(entry)));
        let mut part: Vec<T> = entries.iter().filter(is_behind).cloned().collect();
        if order == Order::Newest {
            part.reverse();
        }
        Ok(Box::new(part.into_iter().map(Ok)))
    })
}

fn lies_behind(order: Order, cursor: Position, position: Position) -> bool {
    let comparison = match (position, cursor) {
        (Position::Id(position), Position::Id(cursor)) => position.cmp(&cursor),
        (Position::Sequence(position), Position::Sequence(cursor)) => position.cmp(&cursor),
        // A cursor of another search; core lets none through.
        _ => return false,
    };
    match order {
        Order::Oldest => comparison.is_gt(),
        Order::Newest => comparison.is_lt(),
    }
}

/// A search: which rows match, looked at one by one.
pub(crate) struct Search<'s, T> {
    pub(crate) toolkit: &'s Toolkit,
    pub(crate) filter: &'s WhereEvents,
    pub(crate) source: Source<'s, T>,
    /// How many rows there are, if all of them are known to match.
    pub(crate) all: Option<u64>,
}

impl<T> Search<'_, T> {
    /// The entries of the filter's page and one more, the look-ahead; and how many match.
    pub(crate) fn page(
        &self,
        matches: impl Fn(&T) -> Result<bool>,
    ) -> Result<(Vec<T>, Option<u64>)> {
        let filter = self.filter;
        let counted = match (filter.count, self.all) {
            (Count::None, _) => None,
            (_, Some(all)) => Some(all),
            (Count::Exact, None) => Some(self.count(u64::MAX, &matches)?),
            // One more tells that there are more.
            (Count::UpTo(cap), None) => Some(self.count(cap.saturating_add(1), &matches)?),
        };
        let behind = filter.cursor.map(|cursor| cursor.position());
        let mut to_skip = filter.offset.unwrap_or(0);
        let limit = filter.limit.unwrap_or(DEFAULT_PAGE_LIMIT);
        let mut found = Vec::new();
        self.each(behind, &matches, |row| {
            if to_skip > 0 {
                to_skip -= 1;
            } else {
                found.push(row);
            }
            found.len() as u64 <= limit
        })?;
        Ok((found, counted))
    }

    fn count(&self, most: u64, matches: &impl Fn(&T) -> Result<bool>) -> Result<u64> {
        let mut count = 0;
        self.each(None, matches, |_| {
            count += 1;
            count < most
        })?;
        Ok(count)
    }

    /// Hands on every row that matches, as long as `take` wants more and the call has time.
    fn each(
        &self,
        behind: Option<Position>,
        matches: &impl Fn(&T) -> Result<bool>,
        mut take: impl FnMut(T) -> bool,
    ) -> Result<()> {
        for row in (self.source)(self.filter.order, behind)? {
            if self.toolkit.remaining().is_some_and(|left| left.is_zero()) {
                return Err(StoreError::timeout("the deadline passed while the store searched"));
            }
            let row = row?;
            if matches(&row)? && !take(row) {
                break;
            }
        }
        Ok(())
    }
}
