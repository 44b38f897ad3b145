//! Pages by offset and by cursor, their order, their size, and what `Meta` says about them.

use std::{collections::BTreeSet, time::Duration};

use blacksmith_store_core::{
    Carry, Count, Cursor, ErrorKind, Event, EventId, Job, JobId, Meta, Order, Page, Pagination,
    PurgeRequest, Status, TransitionId, WhereEvents, WhereJobs, WhereTransitions,
};

use crate::{
    case::family,
    failure::{Outcome, ensure, expect_eq, expect_error},
    world::{World, instant, with},
};

family! {
    "paging";
    newest_first_unless_asked_otherwise,
    offset_and_limit_cut_a_window,
    pages_by_offset_are_disjoint_and_complete,
    pages_by_cursor_are_disjoint_and_complete,
    a_cursor_leads_to_a_page_that_is_not_empty,
    transitions_of_a_job_come_by_sequence,
    transitions_of_many_jobs_come_by_id,
    foreign_ids_are_ordered_by_their_bytes,
    a_limit_that_is_absent_or_zero_is_100,
    a_limit_above_1000_is_1000_and_meta_says_so,
    the_constraints_applied_are_told,
    page_numbers_are_computed_as_in_the_go_package,
    a_page_past_the_end_is_empty,
    without_a_count_there_is_a_next_page_by_look_ahead,
    a_count_is_capped_only_above_its_cap,
    a_page_behind_a_cursor_has_a_count_and_no_page_numbers,
    a_cursor_of_another_search_is_refused,
    a_cursor_beside_an_offset_is_refused,
    a_cursor_stands_other_page_sizes_and_shapes,
    a_cursor_goes_through_its_text,
    what_is_added_between_pages_disturbs_no_cursor,
    what_is_purged_between_pages_disturbs_no_cursor,
    a_filter_and_a_cursor_together,
    an_event_carries_all_its_jobs_whatever_the_limit,
    an_event_carries_the_matching_jobs_or_none,
    payloads_can_be_left_out,
}

/// Stores `count` events with a job each, and answers the ids of the events, oldest first.
async fn stored_events(world: &World, count: usize) -> Outcome<Vec<EventId>> {
    let events: Vec<Event> = (0..count).map(|_| world.event().with_job(world.job("crm"))).collect();
    let ids = events.iter().map(|event| event.id).collect();
    world.store.add_events(events).await?;
    Ok(ids)
}

fn all() -> WhereEvents {
    WhereEvents::default()
}

fn event_ids(page: &Page<Event>) -> Vec<EventId> {
    page.entries.iter().map(|event| event.id).collect()
}

fn sequences(page: &Page<blacksmith_store_core::Transition>) -> Vec<u64> {
    page.entries.iter().filter_map(|transition| transition.sequence).collect()
}

fn reversed<T: Clone>(list: &[T]) -> Vec<T> {
    list.iter().rev().cloned().collect()
}

/// A page of one of the three searches, reduced to what the walk needs.
struct Walked {
    keys: Vec<[u8; 20]>,
    meta: Meta,
}

/// Which search.
#[derive(Clone, Copy, Debug)]
enum Search {
    Events,
    Jobs,
    Transitions,
}

const SEARCHES: [Search; 3] = [Search::Events, Search::Jobs, Search::Transitions];

impl Search {
    async fn page(self, world: &World, filter: WhereEvents) -> Outcome<Walked> {
        let store = &world.store;
        Ok(match self {
            Self::Events => {
                let page = store.find_events(filter).await?;
                let keys = page.entries.iter().map(|event| *event.id.as_bytes()).collect();
                Walked { keys, meta: page.meta }
            }
            Self::Jobs => {
                let page = store.find_jobs(filter).await?;
                let keys = page.entries.iter().map(|job| *job.id.as_bytes()).collect();
                Walked { keys, meta: page.meta }
            }
            Self::Transitions => {
                let page = store.find_transitions(filter).await?;
                let keys = page.entries.iter().map(|entry| *entry.id.as_bytes()).collect();
                Walked { keys, meta: page.meta }
            }
        })
    }

    /// Everything that a filter finds, in its order, by cursors.
    async fn walk(self, world: &World, filter: &WhereEvents) -> Outcome<Vec<[u8; 20]>> {
        let mut keys = Vec::new();
        let mut next = filter.clone();
        loop {
            let page = self.page(world, next).await?;
            keys.extend(page.keys);
            match page.meta.next_cursor {
                None => return Ok(keys),
                Some(cursor) => next = filter.clone().with_cursor(cursor),
            }
            ensure!(keys.len() <= 100_000, "the cursors of {self:?} do not come to an end");
        }
    }

    /// The refusal of a filter.
    async fn refused(self, world: &World, filter: WhereEvents) -> Outcome {
        let what = format!("{self:?} of a refused filter");
        let kind = ErrorKind::InvalidInput;
        match self {
            Self::Events => expect_error(what, world.store.find_events(filter).await, kind)?,
            Self::Jobs => expect_error(what, world.store.find_jobs(filter).await, kind)?,
            Self::Transitions => {
                expect_error(what, world.store.find_transitions(filter).await, kind)?
            }
        };
        Ok(())
    }
}

async fn newest_first_unless_asked_otherwise(world: &World) -> Outcome {
    let oldest_first = stored_events(world, 12).await?;
    let page = world.store.find_events(all()).await?;
    expect_eq("by default", event_ids(&page), reversed(&oldest_first))?;
    let page = world.store.find_events(all().with_order(Order::Newest)).await?;
    expect_eq("newest", event_ids(&page), reversed(&oldest_first))?;
    let page = world.store.find_events(all().with_order(Order::Oldest)).await?;
    expect_eq("oldest", event_ids(&page), oldest_first)?;

    for search in SEARCHES {
        let newest = search.page(world, all()).await?.keys;
        let oldest = search.page(world, all().with_order(Order::Oldest)).await?.keys;
        ensure!(oldest.is_sorted(), "{search:?}, oldest first, ascend");
        expect_eq(format!("{search:?}, both orders"), reversed(&newest), oldest)?;
    }
    Ok(())
}

async fn offset_and_limit_cut_a_window(world: &World) -> Outcome {
    let ids = stored_events(world, 10).await?;
    for (offset, limit) in [(0, 1), (0, 10), (0, 11), (3, 4), (9, 1), (9, 5), (1, 9), (5, 100)] {
        for order in [Order::Oldest, Order::Newest] {
            let filter = all().with_offset(offset).with_limit(limit).with_order(order);
            let page = world.store.find_events(filter).await?;
            let sorted = if order == Order::Oldest { ids.clone() } else { reversed(&ids) };
            let from = usize::try_from(offset).unwrap_or_default();
            let to = usize::try_from(offset + limit).unwrap_or_default().min(10);
            let what = format!("{limit} from {offset} on, {order:?}");
            expect_eq(&what, event_ids(&page), sorted[from..to].to_vec())?;
            expect_eq(what, page.meta.count, Some(10))?;
        }
    }
    Ok(())
}

async fn pages_by_offset_are_disjoint_and_complete(world: &World) -> Outcome {
    stored_events(world, 23).await?;
    for search in SEARCHES {
        let expected = search.page(world, all()).await?.keys;
        for limit in [1, 5, 7, 22, 23, 24] {
            let mut keys = Vec::new();
            let mut offset = 0;
            while offset < 23 {
                let filter = all().with_limit(limit).with_offset(offset);
                keys.extend(search.page(world, filter).await?.keys);
                offset += limit;
            }
            expect_eq(format!("{search:?} in pages of {limit}"), &keys, &expected)?;
        }
    }
    Ok(())
}

async fn pages_by_cursor_are_disjoint_and_complete(world: &World) -> Outcome {
    stored_events(world, 23).await?;
    for search in SEARCHES {
        for order in [Order::Oldest, Order::Newest] {
            let expected = search.page(world, all().with_order(order)).await?.keys;
            for limit in [1, 5, 22, 23, 24, 1_000] {
                let walked = search.walk(world, &all().with_order(order).with_limit(limit)).await?;
                let what = format!("{search:?}, {order:?} first, in pages of {limit}");
                expect_eq(what, &walked, &expected)?;
            }
        }
    }
    Ok(())
}

/// The last page is full, and nothing follows: there is no cursor to an empty page.
async fn a_cursor_leads_to_a_page_that_is_not_empty(world: &World) -> Outcome {
    stored_events(world, 20).await?;
    for search in SEARCHES {
        for limit in [20, 10, 5, 4, 1] {
            let mut filter = all().with_limit(limit);
            let mut pages = 0;
            loop {
                let page = search.page(world, filter).await?;
                pages += 1;
                expect_eq(format!("{search:?} of page {pages}"), page.keys.len() as u64, limit)?;
                match page.meta.next_cursor {
                    None => break,
                    Some(cursor) => filter = all().with_limit(limit).with_cursor(cursor),
                }
            }
            expect_eq(format!("{search:?}, pages of {limit}"), pages * limit, 20)?;
        }
        let page = search.page(world, all().with_offset(15).with_limit(5)).await?;
        expect_eq("the cursor behind the last entry", page.meta.next_cursor, None)?;
        let page = search.page(world, all().with_offset(14).with_limit(5)).await?;
        ensure!(page.meta.next_cursor.is_some(), "{search:?}: one more entry has a cursor to it");
    }
    Ok(())
}

async fn transitions_of_a_job_come_by_sequence(world: &World) -> Outcome {
    // Ids that descend along the chain, so that an order by id is another one.
    let descending: Vec<TransitionId> =
        (0..9_u8).map(|place| TransitionId::from_bytes([200 - place; 20])).collect();
    let first = with(world.first(Status::Acknowledged), |first| first.id = descending[0]);
    let mut job = world.stored(world.job("crm").with_transition(first)).await?;
    for id in &descending[1..] {
        let next = with(world.next(&job, Status::Awaiting)?, |next| next.id = *id);
        world.append(next).await?;
        job = world.store.find_job(job.id).await?;
    }
    let of_job = || WhereEvents::of_job(job.id);
    let page = world.store.find_transitions(of_job().with_order(Order::Oldest)).await?;
    expect_eq("oldest first", sequences(&page), (0..9).collect::<Vec<_>>())?;
    let page = world.store.find_transitions(of_job()).await?;
    expect_eq("newest first", sequences(&page), (0..9).rev().collect::<Vec<_>>())?;

    for order in [Order::Oldest, Order::Newest] {
        let by_id = if order == Order::Oldest { descending.clone() } else { reversed(&descending) };
        let expected: Vec<[u8; 20]> = by_id.iter().map(|id| *id.as_bytes()).collect();
        for limit in [1, 2, 3, 4, 8, 9, 10] {
            let filter = of_job().with_order(order).with_limit(limit);
            let walked = Search::Transitions.walk(world, &filter).await?;
            expect_eq(format!("{order:?} first, in pages of {limit}"), &walked, &expected)?;
        }
        let filter = of_job().with_order(order).with_offset(4).with_limit(3);
        let page = Search::Transitions.page(world, filter).await?;
        expect_eq(
            format!("{order:?} first, three from the fifth on"),
            &page.keys[..],
            &expected[4..7],
        )?;
    }
    Ok(())
}

async fn transitions_of_many_jobs_come_by_id(world: &World) -> Outcome {
    for number in 0..5 {
        let job = world.claimed_job(&format!("crm-{number}")).await?;
        world.moved(&job, Status::Failed).await?;
    }
    let keys = Search::Transitions.page(world, all().with_order(Order::Oldest)).await?.keys;
    expect_eq("transitions", keys.len(), 15)?;
    ensure!(keys.is_sorted(), "transitions of several jobs come by id");
    let event = world.contents().await?.events[2].id;
    let of_event = WhereEvents::of_event(event).with_order(Order::Oldest);
    let keys = Search::Transitions.page(world, of_event).await?.keys;
    expect_eq("transitions of an event", keys.len(), 3)?;
    ensure!(keys.is_sorted(), "transitions of an event come by id");
    Ok(())
}

async fn foreign_ids_are_ordered_by_their_bytes(world: &World) -> Outcome {
    let fills = [0x80_u8, 0xff, 0x00, 0x7f, 0x01, 0x81, 0xfe];
    for fill in fills {
        let first = with(world.first(Status::Acknowledged), |first| {
            first.id = TransitionId::from_bytes([fill; 20]);
        });
        let job = Job::new(JobId::from_bytes([fill; 20]), "crm", "upsert").with_transition(first);
        let id = EventId::from_bytes([fill; 20]);
        world.store.add_events(vec![Event::new(id, "foreign", "made").with_job(job)]).await?;
    }
    stored_events(world, 3).await?;
    for search in SEARCHES {
        for limit in [1, 3, 100] {
            let filter = all().with_order(Order::Oldest).with_limit(limit);
            let walked = search.walk(world, &filter).await?;
            expect_eq(format!("{search:?}"), walked.len(), 10)?;
            ensure!(walked.is_sorted(), "{search:?} of foreign ids ascend: {walked:?}");
            let newest = search.walk(world, &all().with_limit(limit)).await?;
            expect_eq(format!("{search:?}, newest first"), newest, reversed(&walked))?;
        }
    }
    Ok(())
}

async fn a_limit_that_is_absent_or_zero_is_100(world: &World) -> Outcome {
    stored_events(world, 101).await?;
    for search in SEARCHES {
        for filter in [all(), all().with_limit(0)] {
            let page = search.page(world, filter).await?;
            expect_eq(format!("{search:?}"), page.keys.len(), 100)?;
            let applied = page.meta.constraints.and_then(|applied| applied.limit);
            expect_eq(format!("{search:?}: the limit applied"), applied, Some(100))?;
        }
    }
    Ok(())
}

async fn a_limit_above_1000_is_1000_and_meta_says_so(world: &World) -> Outcome {
    stored_events(world, 1_001).await?;
    for search in SEARCHES {
        for limit in [1_000, 1_001, 5_000, u64::MAX] {
            let page = search.page(world, all().with_limit(limit)).await?;
            expect_eq(format!("{search:?}"), page.keys.len(), 1_000)?;
            let applied = page.meta.constraints.and_then(|applied| applied.limit);
            expect_eq(format!("{search:?}: the limit applied"), applied, Some(1_000))?;
            let pages = Pagination::counted(1_001, 0, 1_000);
            expect_eq(format!("{search:?}: its page"), page.meta.pagination, Some(pages))?;
        }
    }
    Ok(())
}

async fn the_constraints_applied_are_told(world: &World) -> Outcome {
    stored_events(world, 3).await?;
    let bound = instant("2026-01-02T03:04:05.123456789Z");
    let jobs = with(WhereJobs::default().with_destinations_in(["crm"]), |jobs| {
        jobs.transitions = Some(WhereTransitions::default().with_min_attempts(0));
    });
    let asked = with(
        all().with_sources_notin(["x"]).with_jobs(jobs).with_offset(1).with_limit(2),
        |asked| {
            asked.created_after = Some(bound);
            asked.order = Order::Oldest;
            asked.count = Count::UpTo(5);
        },
    );
    let applied = with(asked.clone(), |applied| {
        applied.created_after = Some(instant("2026-01-02T03:04:05.123456Z"));
    });
    for search in SEARCHES {
        let page = search.page(world, asked.clone()).await?;
        expect_eq(format!("{search:?}"), page.meta.constraints.as_ref(), Some(&applied))?;
    }

    let empty = WhereJobs::default().with_transitions(WhereTransitions::default());
    let asked = all().with_jobs(empty).with_offset(0).with_limit(3);
    for search in SEARCHES {
        let page = search.page(world, asked.clone()).await?;
        let applied = Some(all().with_limit(3));
        expect_eq(format!("{search:?}, nothing constrained"), page.meta.constraints, applied)?;
    }
    Ok(())
}

async fn page_numbers_are_computed_as_in_the_go_package(world: &World) -> Outcome {
    async fn check(world: &World, what: u64, table: &[(u64, u64, Numbers)]) -> Outcome {
        for (offset, limit, expected) in table {
            for search in SEARCHES {
                let filter = all().with_offset(*offset).with_limit(*limit);
                let meta = search.page(world, filter).await?.meta;
                expect_eq("the count", meta.count, Some(what))?;
                let numbers = meta
                    .pagination
                    .map(|page| (page.current, page.previous, page.next, page.first, page.last));
                let what = format!("{search:?}: {what} entries, offset {offset}, limit {limit}");
                expect_eq(what, numbers, Some(*expected))?;
            }
        }
        Ok(())
    }
    // current, previous, next, first, last
    type Numbers = (u64, Option<u64>, Option<u64>, u64, Option<u64>);
    check(world, 0, &[(0, 10, (1, None, None, 1, Some(1)))]).await?;
    stored_events(world, 20).await?;
    check(
        world,
        20,
        &[
            (0, 10, (1, None, Some(2), 1, Some(2))),
            (10, 10, (2, Some(1), None, 1, Some(2))),
            (5, 10, (2, Some(1), None, 1, Some(2))),
            (1, 10, (2, Some(1), None, 1, Some(2))),
            (0, 20, (1, None, None, 1, Some(1))),
            (0, 19, (1, None, Some(2), 1, Some(2))),
            (19, 19, (2, Some(1), None, 1, Some(2))),
            (0, 7, (1, None, Some(2), 1, Some(3))),
            (7, 7, (2, Some(1), Some(3), 1, Some(3))),
            (14, 7, (3, Some(2), None, 1, Some(3))),
            (20, 10, (3, Some(2), None, 1, Some(2))),
        ],
    )
    .await?;
    stored_events(world, 1).await?;
    check(
        world,
        21,
        &[
            (0, 20, (1, None, Some(2), 1, Some(2))),
            (20, 20, (2, Some(1), None, 1, Some(2))),
            (0, 21, (1, None, None, 1, Some(1))),
        ],
    )
    .await
}

async fn a_page_past_the_end_is_empty(world: &World) -> Outcome {
    stored_events(world, 3).await?;
    for search in SEARCHES {
        for offset in [3, 4, 1_000_000, i64::MAX as u64] {
            let page = search.page(world, all().with_offset(offset)).await?;
            let what = format!("{search:?} from {offset} on");
            expect_eq(&what, page.keys.len(), 0)?;
            expect_eq(&what, page.meta.count, Some(3))?;
            expect_eq(&what, page.meta.next_cursor, None)?;
        }
    }
    Ok(())
}

async fn without_a_count_there_is_a_next_page_by_look_ahead(world: &World) -> Outcome {
    stored_events(world, 20).await?;
    for search in SEARCHES {
        for (offset, limit, next) in
            [(0, 10, Some(2)), (10, 10, None), (9, 10, Some(3)), (0, 20, None)]
        {
            let filter = all().with_offset(offset).with_limit(limit).with_count(Count::None);
            let meta = search.page(world, filter).await?.meta;
            let what = format!("{search:?} from {offset} on, limit {limit}");
            expect_eq(&what, (meta.count, meta.count_capped), (None, false))?;
            let pages = meta.pagination.map(|page| (page.next, page.last));
            expect_eq(&what, pages, Some((next, None)))?;
        }
    }
    Ok(())
}

async fn a_count_is_capped_only_above_its_cap(world: &World) -> Outcome {
    stored_events(world, 20).await?;
    for search in SEARCHES {
        for (cap, count, capped) in
            [(0, 0, true), (1, 1, true), (19, 19, true), (20, 20, false), (21, 20, false)]
        {
            let filter = all().with_limit(5).with_count(Count::UpTo(cap));
            let meta = search.page(world, filter).await?.meta;
            let what = format!("{search:?}, counted up to {cap}");
            expect_eq(&what, (meta.count, meta.count_capped), (Some(count), capped))?;
            let last = meta.pagination.as_ref().and_then(|page| page.last);
            expect_eq(&what, last, if capped { None } else { Some(4) })?;
            let next = meta.pagination.and_then(|page| page.next);
            expect_eq(&what, next, Some(2))?;
        }
        let nothing = all().with_sources_in(["nobody"]).with_count(Count::UpTo(0));
        let meta = search.page(world, nothing).await?.meta;
        expect_eq("nothing, up to 0", (meta.count, meta.count_capped), (Some(0), false))?;
    }
    Ok(())
}

async fn a_page_behind_a_cursor_has_a_count_and_no_page_numbers(world: &World) -> Outcome {
    stored_events(world, 5).await?;
    for search in SEARCHES {
        let first = search.page(world, all().with_limit(2)).await?;
        ensure!(first.meta.pagination.is_some(), "{search:?}: the first page has numbers");
        let Some(cursor) = first.meta.next_cursor else {
            return Err(crate::failure::Failure::new(format!("{search:?}: no next cursor")));
        };
        let page = search.page(world, all().with_limit(2).with_cursor(cursor)).await?;
        expect_eq(format!("{search:?}: page numbers"), page.meta.pagination, None)?;
        expect_eq(format!("{search:?}: the count of all"), page.meta.count, Some(5))?;
        let applied = page.meta.constraints.and_then(|applied| applied.cursor);
        expect_eq(format!("{search:?}: the cursor applied"), applied, Some(cursor))?;
    }
    Ok(())
}

/// The cursor behind the first entry that a search finds.
async fn cursor(world: &World, search: Search, filter: &WhereEvents) -> Outcome<Cursor> {
    let page = search.page(world, filter.clone().with_limit(1)).await?;
    page.meta
        .next_cursor
        .ok_or_else(|| crate::failure::Failure::new(format!("{search:?} has no next cursor")))
}

async fn a_cursor_of_another_search_is_refused(world: &World) -> Outcome {
    stored_events(world, 5).await?;
    let github = all().with_sources_in(["github"]);
    for search in SEARCHES {
        let own = cursor(world, search, &github).await?;
        for other in [
            all(),
            all().with_sources_in(["github", "stripe"]),
            all().with_sources_notin(["github"]),
            all().with_triggers_in(["github"]),
            github.clone().with_order(Order::Oldest),
            github.clone().with_jobs(WhereJobs::default().with_destinations_in(["crm"])),
            with(github.clone(), |filter| filter.created_before = Some(world.now())),
        ] {
            search.refused(world, other.with_cursor(own)).await?;
        }
        for other in SEARCHES {
            if std::mem::discriminant(&other) != std::mem::discriminant(&search) {
                other.refused(world, github.clone().with_cursor(own)).await?;
            }
        }
        let page = search.page(world, github.clone().with_cursor(own)).await?;
        expect_eq(format!("{search:?}, its own"), page.keys.len(), 4)?;
    }
    Ok(())
}

async fn a_cursor_beside_an_offset_is_refused(world: &World) -> Outcome {
    stored_events(world, 5).await?;
    for search in SEARCHES {
        let own = cursor(world, search, &all()).await?;
        search.refused(world, all().with_cursor(own).with_offset(1)).await?;
        let page = search.page(world, all().with_cursor(own).with_offset(0)).await?;
        expect_eq(format!("{search:?}, an offset of 0 is none"), page.keys.len(), 4)?;
    }
    Ok(())
}

async fn a_cursor_stands_other_page_sizes_and_shapes(world: &World) -> Outcome {
    stored_events(world, 5).await?;
    for search in SEARCHES {
        let own = cursor(world, search, &all()).await?;
        let expected = search.page(world, all()).await?.keys;
        let shapes = [
            all().with_limit(3),
            all().with_count(Count::None),
            with(all(), |filter| filter.carry = Carry::None),
            with(all(), |filter| filter.without_payloads = true),
            all().with_jobs(WhereJobs::default()),
        ];
        for shape in shapes {
            let size = usize::try_from(shape.limit.unwrap_or(4)).unwrap_or_default();
            let page = search.page(world, shape.with_cursor(own)).await?;
            expect_eq(format!("{search:?}"), &page.keys[..], &expected[1..=size])?;
        }
    }
    Ok(())
}

async fn a_cursor_goes_through_its_text(world: &World) -> Outcome {
    stored_events(world, 5).await?;
    for search in SEARCHES {
        let own = cursor(world, search, &all()).await?;
        let read: Cursor = own.to_string().parse()?;
        expect_eq(format!("{search:?}"), read, own)?;
        let page = search.page(world, all().with_cursor(read)).await?;
        expect_eq(format!("{search:?}"), page.keys.len(), 4)?;
    }
    Ok(())
}

async fn what_is_added_between_pages_disturbs_no_cursor(world: &World) -> Outcome {
    let before = stored_events(world, 10).await?;
    let newest = all().with_limit(4);
    let oldest = newest.clone().with_order(Order::Oldest);
    let from_newest = world.store.find_events(newest.clone()).await?;
    let from_oldest = world.store.find_events(oldest.clone()).await?;
    let added = stored_events(world, 5).await?;

    let mut ids = event_ids(&from_newest);
    let mut next = from_newest.meta.next_cursor;
    while let Some(cursor) = next {
        let page = world.store.find_events(newest.clone().with_cursor(cursor)).await?;
        ids.extend(event_ids(&page));
        next = page.meta.next_cursor;
    }
    expect_eq("newest first: what was there", ids, reversed(&before))?;

    let mut ids = event_ids(&from_oldest);
    let mut next = from_oldest.meta.next_cursor;
    while let Some(cursor) = next {
        let page = world.store.find_events(oldest.clone().with_cursor(cursor)).await?;
        ids.extend(event_ids(&page));
        next = page.meta.next_cursor;
    }
    let expected: Vec<EventId> = before.into_iter().chain(added).collect();
    expect_eq("oldest first: and what was added", ids, expected)
}

async fn what_is_purged_between_pages_disturbs_no_cursor(world: &World) -> Outcome {
    let ids = stored_events(world, 10).await?;
    let first = world.store.find_events(all().with_limit(4).with_order(Order::Oldest)).await?;
    // The entry that the cursor points to, the one before it, and one that is still to come.
    for gone in [3, 2, 5] {
        let filter = WhereEvents::of_event(ids[gone]);
        world.store.purge(PurgeRequest::new(filter).with_recent().with_unfinished()).await?;
    }
    let Some(cursor) = first.meta.next_cursor else {
        return Err(crate::failure::Failure::new("no next cursor"));
    };
    let filter = all().with_order(Order::Oldest).with_cursor(cursor);
    let page = world.store.find_events(filter).await?;
    expect_eq("what is left behind the cursor", event_ids(&page), [&ids[4..5], &ids[6..]].concat())
}

async fn a_filter_and_a_cursor_together(world: &World) -> Outcome {
    let mut expected = BTreeSet::new();
    for number in 0..40 {
        let status = if number % 3 == 0 { Status::Failed } else { Status::Succeeded };
        let job = world.claimed_job("crm").await?;
        let run_at = world.now() + Duration::from_hours(1);
        let end = world.next(&job, status)?;
        let end = if status == Status::Failed { end.with_run_at(run_at) } else { end };
        world.append(end).await?;
        if status == Status::Failed {
            expected.insert(*job.id.as_bytes());
        }
    }
    let failed = WhereTransitions::default().with_status_in([Status::Failed]);
    let filter = all().with_jobs(WhereJobs::default().with_transitions(failed));
    for limit in [1, 3, 13, 14, 15] {
        let filter = filter.clone().with_limit(limit);
        let walked = Search::Jobs.walk(world, &filter).await?;
        let newest_first: Vec<_> = expected.iter().rev().copied().collect();
        expect_eq(format!("failed jobs in pages of {limit}"), walked, newest_first)?;
        let page = Search::Jobs.page(world, filter).await?;
        expect_eq("their count", page.meta.count, Some(14))?;
    }
    Ok(())
}

async fn an_event_carries_all_its_jobs_whatever_the_limit(world: &World) -> Outcome {
    let jobs: Vec<Job> = (0..150).map(|_| world.job("crm")).collect();
    let big = with(world.event(), |event| event.jobs = jobs);
    let expected: Vec<JobId> = big.jobs.iter().map(|job| job.id).collect();
    world.store.add_events(vec![big, world.event().with_job(world.job("erp"))]).await?;
    let page = world.store.find_events(all().with_limit(1).with_order(Order::Oldest)).await?;
    let carried: Vec<JobId> = page.entries[0].jobs.iter().map(|job| job.id).collect();
    expect_eq("the jobs of the one event", carried, expected)?;
    expect_eq("the count of events", page.meta.count, Some(2))
}

async fn an_event_carries_the_matching_jobs_or_none(world: &World) -> Outcome {
    let event = world
        .event()
        .with_job(world.job("crm"))
        .with_job(world.job("erp"))
        .with_job(world.job("crm").with_version("2"));
    world.store.add_events(vec![event.clone()]).await?;
    let done = world.claim_one("erp").await?;
    world.moved(&done, Status::Succeeded).await?;
    let ids: Vec<JobId> = event.jobs.iter().map(|job| job.id).collect();

    let carried = |filter: WhereEvents, carry: Carry| async move {
        let page = world.store.find_events(with(filter, |filter| filter.carry = carry)).await?;
        expect_eq("events", page.entries.len(), 1)?;
        Outcome::Ok(page.entries[0].jobs.iter().map(|job| job.id).collect::<Vec<_>>())
    };
    let crm = all().with_jobs(WhereJobs::default().with_destinations_in(["crm"]));
    expect_eq("all", carried(crm.clone(), Carry::All).await?, ids.clone())?;
    expect_eq("matching", carried(crm.clone(), Carry::Matching).await?, vec![ids[0], ids[2]])?;
    expect_eq("none", carried(crm, Carry::None).await?, vec![])?;
    expect_eq("matching nothing", carried(all(), Carry::Matching).await?, ids.clone())?;

    let not_second =
        all().with_jobs(WhereJobs::default().with_versions_in([""]).with_actions_notin(["x"]));
    expect_eq("by version", carried(not_second, Carry::Matching).await?, vec![ids[0], ids[1]])?;
    let succeeded = WhereTransitions::default().with_status_in([Status::Succeeded]);
    let succeeded = all().with_jobs(WhereJobs::default().with_transitions(succeeded));
    expect_eq("by status", carried(succeeded, Carry::Matching).await?, vec![ids[1]])?;

    let by_event = WhereEvents::of_event(event.id);
    expect_eq("by event id", carried(by_event, Carry::Matching).await?, ids.clone())?;
    let by_job = WhereEvents::of_job(ids[2]);
    expect_eq("by job id", carried(by_job.clone(), Carry::Matching).await?, vec![ids[2]])?;
    expect_eq("by job id, all", carried(by_job, Carry::All).await?, ids)
}

async fn payloads_can_be_left_out(world: &World) -> Outcome {
    let job = world.job("crm").with_context("c").with_data("d").with_version("v");
    let event = world.event().with_context("c").with_data("d").with_version("v").with_job(job);
    world.store.add_events(vec![event.clone()]).await?;
    let full = world.store.find_event(event.id).await?;

    let filter = with(all(), |filter| filter.without_payloads = true);
    let bare_job = with(full.jobs[0].clone(), |job| (job.context, job.data) = (None, None));
    let bare = with(full.clone(), |event| {
        (event.context, event.data) = (None, None);
        event.jobs = vec![bare_job.clone()];
    });
    let events = world.store.find_events(filter.clone()).await?;
    expect_eq("events without payloads", events.entries, vec![bare])?;
    let jobs = world.store.find_jobs(filter.clone()).await?;
    expect_eq("jobs without payloads", jobs.entries, vec![bare_job])?;
    let transitions = world.store.find_transitions(filter).await?;
    expect_eq("transitions", transitions.entries.len(), 1)?;
    let events = world.store.find_events(all()).await?;
    expect_eq("events with payloads", events.entries, vec![full])
}
