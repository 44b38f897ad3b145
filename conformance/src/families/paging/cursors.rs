//! Cursors: they lead through all pages once, belong to their search, and stand what happens between pages.

use std::{collections::BTreeSet, time::Duration};

use blacksmith_store_core::{
    Carry, Count, Cursor, EventId, Order, PurgeRequest, Status, WhereEvents, WhereJobs,
    WhereTransitions,
};

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq},
    world::{World, with},
};

use super::{SEARCHES, Search, all, event_ids, reversed, stored_events};

family! {
    "paging";
    pages_by_cursor_are_disjoint_and_complete,
    a_cursor_leads_to_a_page_that_is_not_empty,
    a_cursor_of_another_search_is_refused,
    a_cursor_beside_an_offset_is_refused,
    a_cursor_stands_other_page_sizes_and_shapes,
    a_cursor_goes_through_its_text,
    what_is_added_between_pages_disturbs_no_cursor,
    what_is_purged_between_pages_disturbs_no_cursor,
    a_filter_and_a_cursor_together,
}

/// The cursor behind the first entry that a search finds.
pub(super) async fn cursor(world: &World, search: Search, filter: &WhereEvents) -> Outcome<Cursor> {
    let page = search.page(world, filter.clone().with_limit(1)).await?;
    page.meta.next_cursor.ok_or_else(|| Failure::new(format!("{search:?} has no next cursor")))
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
        return Err(Failure::new("no next cursor"));
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
