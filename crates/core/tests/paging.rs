//! Pages as adapters assemble them.

use blacksmith_store_core::{
    Count, Cursor, Entries, Order, Page, Pagination, Position, WhereEvents,
};

/// The page of `limit` entries at `offset` among `stored` numbers, as an adapter would find it.
fn page(filter: &WhereEvents, stored: u64) -> Page<u64> {
    let (offset, limit) = (filter.offset.unwrap_or(0), filter.limit.expect("a limit"));
    let found = (offset..stored).take(usize::try_from(limit).expect("small") + 1).collect();
    let counted = match filter.count {
        Count::Exact => Some(stored),
        Count::None => None,
        Count::UpTo(cap) => Some(stored.min(cap + 1)),
    };
    Page::assemble(filter, Entries::Jobs, found, counted, |number| Position::Sequence(*number))
}

fn filter(offset: u64, limit: u64) -> WhereEvents {
    WhereEvents::default().with_offset(offset).with_limit(limit)
}

#[test]
fn a_page_holds_its_entries_without_the_look_ahead() {
    for (offset, limit, expected) in
        [(0, 3, &[0, 1, 2][..]), (3, 3, &[3, 4]), (3, 2, &[3, 4]), (5, 3, &[]), (9, 3, &[])]
    {
        assert_eq!(page(&filter(offset, limit), 5).entries, expected, "{offset}, {limit}");
    }
}

#[test]
fn an_exact_count_numbers_the_pages() {
    let page = page(&filter(2, 2), 5);
    assert_eq!((page.meta.count, page.meta.count_capped), (Some(5), false));
    assert_eq!(page.meta.pagination, Some(Pagination::counted(5, 2, 2)));
    assert_eq!(page.meta.constraints, Some(filter(2, 2)));
}

#[test]
fn without_a_count_the_next_page_is_known_by_the_look_ahead_and_the_last_is_not() {
    for (offset, next) in [(0, Some(2)), (2, Some(3)), (4, None)] {
        let page = page(&filter(offset, 2).with_count(Count::None), 5);
        assert_eq!((page.meta.count, page.meta.count_capped), (None, false));
        let pages = page.meta.pagination.expect("pages");
        assert_eq!((pages.next, pages.last), (next, None), "{offset}");
    }
}

#[test]
fn a_capped_count_says_so_when_there_are_more() {
    for (cap, count, capped) in [(4, 4, true), (5, 5, false), (6, 5, false), (0, 0, true)] {
        let page = page(&filter(0, 2).with_count(Count::UpTo(cap)), 5);
        assert_eq!((page.meta.count, page.meta.count_capped), (Some(count), capped), "{cap}");
        let last = page.meta.pagination.expect("pages").last;
        assert_eq!(last, if capped { None } else { Some(3) });
    }
}

#[test]
fn a_page_leads_to_the_next_one_and_the_last_to_none() {
    let filter = filter(0, 2).with_order(Order::Oldest);
    let first = page(&filter, 5);
    let behind = Cursor::behind(Position::Sequence(1), Entries::Jobs, &filter);
    assert_eq!(first.meta.next_cursor, Some(behind));
    assert_eq!(page(&filter, 2).meta.next_cursor, None);
    assert_eq!(page(&filter, 0).meta.next_cursor, None);

    let next = page(&filter.with_cursor(behind), 5);
    assert_eq!(next.meta.pagination, None, "behind a cursor, pages have no numbers");
}
