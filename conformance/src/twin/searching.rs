//! Searches, page by page.

use std::fmt::Debug;

use blacksmith_store_core::{Event, Job, Page, Result as StoreResult, Transition, WhereEvents};

use crate::{
    failure::{Outcome, ensure, expect_eq},
    handle::Handle,
    reference::{Reference, Search},
    world::World,
};

use super::{Twin, expect_list};

/// A walk through more pages is not begun, or does not end.
const MOST_PAGES: usize = 40;

/// An entry that can be searched for.
trait Found: Debug + PartialEq + Send + Sync + Sized {
    const SEARCH: &'static str;

    /// The page of the store under test.
    fn find(
        store: &Handle,
        filter: WhereEvents,
    ) -> impl Future<Output = StoreResult<Page<Self>>> + Send;

    /// All that the reference finds.
    fn expected(reference: &Reference, filter: &WhereEvents) -> Vec<Self>;
}

macro_rules! found {
    ($entry:ty, $find:ident) => {
        impl Found for $entry {
            const SEARCH: &'static str = stringify!($find);

            async fn find(store: &Handle, filter: WhereEvents) -> StoreResult<Page<Self>> {
                store.$find(filter).await
            }

            fn expected(reference: &Reference, filter: &WhereEvents) -> Vec<Self> {
                reference.$find(filter)
            }
        }
    };
}

found!(Event, find_events);
found!(Job, find_jobs);
found!(Transition, find_transitions);

impl Twin {
    /// Makes a search for each kind of entry, and compares its page.
    pub(crate) async fn search(&self, world: &World, filter: &WhereEvents) -> Outcome {
        self.one_page::<Event>(world, filter).await?;
        self.one_page::<Job>(world, filter).await?;
        self.one_page::<Transition>(world, filter).await
    }

    /// Goes through all pages of a search, by cursors and by offsets.
    pub(crate) async fn walk(&self, world: &World, filter: &WhereEvents) -> Outcome {
        self.all_pages::<Event>(world, filter).await?;
        self.all_pages::<Job>(world, filter).await?;
        self.all_pages::<Transition>(world, filter).await
    }

    async fn one_page<T: Found>(&self, world: &World, filter: &WhereEvents) -> Outcome {
        let page = T::find(&world.store, filter.clone()).await?;
        let search = Search::new(filter);
        let expected = T::expected(&self.reference, filter);
        check_page(T::SEARCH, &page, &expected, &search, search.offset)
    }

    async fn all_pages<T: Found>(&self, world: &World, filter: &WhereEvents) -> Outcome {
        let expected = T::expected(&self.reference, filter);
        let mut filter = filter.clone();
        filter.offset = None;
        if expected.len() > MOST_PAGES * Search::new(&filter).limit {
            return Ok(());
        }
        let what = format!("{} by cursor", T::SEARCH);
        let mut skipped = 0;
        for pages in 0.. {
            ensure!(pages <= MOST_PAGES, "{what}: the cursors do not come to an end");
            let page = T::find(&world.store, filter.clone()).await?;
            check_page(&what, &page, &expected, &Search::new(&filter), skipped)?;
            skipped += page.entries.len();
            filter.cursor = page.meta.next_cursor;
            if filter.cursor.is_none() {
                break;
            }
        }
        // The page after the last one included.
        let what = format!("{} by offset", T::SEARCH);
        let limit = Search::new(&filter).limit;
        for skipped in (0..=expected.len()).step_by(limit) {
            filter.offset = Some(skipped as u64);
            let page = T::find(&world.store, filter.clone()).await?;
            check_page(&what, &page, &expected, &Search::new(&filter), skipped)?;
        }
        Ok(())
    }
}

/// Compares a page with all that a search finds, of which `skipped` entries lie before it.
fn check_page<T: Debug + PartialEq>(
    what: &str,
    page: &Page<T>,
    expected: &[T],
    search: &Search,
    skipped: usize,
) -> Outcome {
    let from = skipped.min(expected.len());
    let to = from.saturating_add(search.limit).min(expected.len());
    expect_list(what, &page.entries, &expected[from..to])?;
    let meta = &page.meta;
    expect_eq(
        format!("{what}: the count"),
        (meta.count, meta.count_capped),
        search.count(expected.len()),
    )?;
    let numbers = meta
        .pagination
        .as_ref()
        .map(|page| (page.current, page.previous, page.next, page.first, page.last));
    expect_eq(format!("{what}: the page"), numbers, search.numbers(expected.len()))?;
    expect_eq(format!("{what}: `where`"), meta.constraints.as_ref(), Some(&search.applied))?;
    let is_more = to < expected.len();
    expect_eq(format!("{what}: whether there is a cursor"), meta.next_cursor.is_some(), is_more)
}
