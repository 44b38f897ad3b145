//! What a search answers: entries, and what was really asked.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::{Count, Result, StoreError, WhereEvents, id::ID_BYTES, lenient};

/// A page of entries. Blacksmith: the two results of `Store.FindEvents`, `FindJobs`, `FindTransitions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// The entries, in the order asked for.
    pub entries: Vec<T>,
    /// How many match, where this page stands, and the constraints applied.
    pub meta: Meta,
}

/// Facts about a search. Blacksmith: `store.Meta`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Meta {
    /// How many entries match, whatever the page; `None` when the caller asked for no count.
    pub count: Option<u64>,
    /// Whether more match than the cap that the caller asked for, which `count` then holds.
    #[serde(default, skip_serializing_if = "lenient::is_default")]
    pub count_capped: bool,
    /// The page's number and its neighbours'; `None` behind a cursor.
    pub pagination: Option<Pagination>,
    /// The constraints really applied, with the limit.
    #[serde(rename = "where")]
    pub constraints: Option<WhereEvents>,
    /// Leads to the next page; `None` at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<Cursor>,
}

/// Page numbers, from 1. Blacksmith: `store.Pagination`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pagination {
    /// This page.
    pub current: u64,
    /// The page before, unless this is the first.
    pub previous: Option<u64>,
    /// The page after, unless this is the last.
    pub next: Option<u64>,
    /// Always 1.
    pub first: u64,
    /// The last page; `None` when it was not counted exactly.
    pub last: Option<u64>,
}

impl Pagination {
    /// Pages of `limit` entries among `count`, as the Go package computes them; but the last page of nothing is 1 (Go: 0).
    ///
    /// ```
    /// use blacksmith_store_core::Pagination;
    ///
    /// let pages = Pagination::counted(101, 100, 100);
    /// assert_eq!((pages.current, pages.previous, pages.next, pages.last), (2, Some(1), None, Some(2)));
    /// ```
    pub fn counted(count: u64, offset: u64, limit: u64) -> Self {
        let last = count.div_ceil(limit.max(1)).max(1);
        let pages = Self::uncounted(offset, limit, false);
        Self {
            next: pages.current.checked_add(1).filter(|next| *next <= last),
            last: Some(last),
            ..pages
        }
    }

    /// Pages of which only is known whether there `is_more` behind this one.
    pub fn uncounted(offset: u64, limit: u64, is_more: bool) -> Self {
        let current = offset.div_ceil(limit.max(1)).saturating_add(1);
        Self {
            current,
            previous: Some(current - 1).filter(|previous| *previous >= 1),
            next: is_more.then_some(current.saturating_add(1)),
            first: 1,
            last: None,
        }
    }
}

/// Which of the three searches a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entries {
    /// `find_events`.
    Events,
    /// `find_jobs`.
    Jobs,
    /// `find_transitions`.
    Transitions,
}

/// The key of a page's last entry: an id, or a sequence where transitions are ordered by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// The id's bytes.
    Id([u8; ID_BYTES]),
    /// The sequence of a transition of the job that the filter names.
    Sequence(u64),
}

/// Where a page ended; opaque text in JSON. It belongs to the search, the filter and the order that it came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    search: [u8; 8],
    position: Position,
}

impl Cursor {
    /// The cursor behind `position`, for the adapter that made a page.
    pub fn behind(position: Position, entries: Entries, filter: &WhereEvents) -> Self {
        Self { search: fingerprint(entries, filter), position }
    }

    /// The key of the last entry before it: the page holds what lies beyond, in the filter's order.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Refuses a cursor of another search, filter or order.
    pub(crate) fn check(&self, entries: Entries, filter: &WhereEvents) -> Result<()> {
        if self.search == fingerprint(entries, filter) {
            Ok(())
        } else {
            Err(StoreError::invalid_input(
                "the cursor comes from another search, filter or order than this one",
            ))
        }
    }
}

/// Tells searches apart; the first bytes of a hash over what decides which entries come in which order.
fn fingerprint(entries: Entries, filter: &WhereEvents) -> [u8; 8] {
    let decisive = WhereEvents { order: filter.order, ..filter.constraints() };
    // A filter always has a JSON text: its members are lists, numbers and strings.
    let text = serde_json::to_string(&decisive).unwrap_or_default();
    let digest = Sha256::digest(format!("{entries:?} {text}"));
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    first
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.search.to_vec();
        match self.position {
            Position::Id(id) => bytes.extend(id),
            Position::Sequence(sequence) => bytes.extend(sequence.to_be_bytes()),
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({self})")
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || StoreError::invalid_input("the cursor is none that a page has given out");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
        let (search, position) = bytes.split_first_chunk::<8>().ok_or_else(refused)?;
        let position = match position.len() {
            ID_BYTES => Position::Id(position.try_into().map_err(|_| refused())?),
            8 => {
                Position::Sequence(u64::from_be_bytes(position.try_into().map_err(|_| refused())?))
            }
            _ => return Err(refused()),
        };
        Ok(Self { search: *search, position })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error: StoreError| D::Error::custom(error.message()))
    }
}

impl<T> Page<T> {
    /// The page that an adapter found, with its [`Meta`].
    ///
    /// `found` holds the entries in order, and one more than the filter's limit where there are more (the look-ahead, which
    /// is cut off here). `counted` is how many match: up to one above the cap where the filter caps, anything where it asks
    /// for no count. `position` tells the key of an entry. The filter is the one that reached the adapter, so its limit is set.
    pub fn assemble(
        filter: &WhereEvents,
        entries: Entries,
        mut found: Vec<T>,
        counted: Option<u64>,
        position: impl Fn(&T) -> Position,
    ) -> Self {
        let limit = filter.limit.unwrap_or(crate::DEFAULT_PAGE_LIMIT);
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_more = found.len() > size;
        found.truncate(size);

        let (count, count_capped) = match (filter.count, counted) {
            (Count::None, _) | (_, None) => (None, false),
            (Count::Exact, Some(count)) => (Some(count), false),
            (Count::UpTo(cap), Some(count)) => (Some(count.min(cap)), count > cap),
        };
        let offset = filter.offset.unwrap_or(0);
        let pagination = match count {
            _ if filter.cursor.is_some() => None,
            Some(count) if !count_capped => Some(Pagination::counted(count, offset, limit)),
            _ => Some(Pagination::uncounted(offset, limit, is_more)),
        };
        let next_cursor = found
            .last()
            .filter(|_| is_more)
            .map(|last| Cursor::behind(position(last), entries, filter));
        let meta = Meta {
            count,
            count_capped,
            pagination,
            constraints: Some(filter.clone()),
            next_cursor,
        };
        Self { entries: found, meta }
    }
}
