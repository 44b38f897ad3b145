//! What a page says about itself: its limit, its number, how many match, the constraints applied.

use blacksmith_store_core::{Count, Order, Pagination, WhereEvents, WhereJobs, WhereTransitions};

use crate::{
    case::family,
    failure::{Outcome, ensure, expect_eq},
    world::{World, instant, with},
};

use super::{SEARCHES, all, cursors::cursor, stored_events};

family! {
    "paging";
    a_limit_that_is_absent_or_zero_is_100,
    a_limit_above_1000_is_1000_and_meta_says_so,
    the_constraints_applied_are_told,
    page_numbers_are_computed_as_in_the_go_package,
    a_page_past_the_end_is_empty,
    without_a_count_there_is_a_next_page_by_look_ahead,
    a_count_is_capped_only_above_its_cap,
    a_page_behind_a_cursor_has_a_count_and_no_page_numbers,
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

/// Filters that find the entries of [`stored_events`] and none of [`stored_others`].
fn narrowing() -> [WhereEvents; 4] {
    let jobs = WhereJobs::default();
    let unstarted = WhereTransitions::default().with_max_attempts(0);
    [
        all().with_sources_in(["github"]),
        all().with_jobs(jobs.clone().with_destinations_in(["crm"])),
        all().with_jobs(jobs.clone().with_destinations_notin(["other"]).with_versions_in([""])),
        all().with_sources_notin(["other"]).with_jobs(jobs.with_transitions(unstarted)),
    ]
}

/// Events with a job each that no filter of [`narrowing`] finds.
async fn stored_others(world: &World) -> Outcome {
    let event =
        || with(world.event().with_job(world.job("other")), |event| event.source = "other".into());
    world.store.add_events((0..30).map(|_| event()).collect()).await?;
    Ok(())
}

async fn a_count_is_capped_only_above_its_cap(world: &World) -> Outcome {
    async fn check(world: &World, filter: &WhereEvents) -> Outcome {
        for search in SEARCHES {
            for (cap, count, capped) in
                [(0, 0, true), (1, 1, true), (19, 19, true), (20, 20, false), (21, 20, false)]
            {
                let filter = filter.clone().with_limit(5).with_count(Count::UpTo(cap));
                let meta = search.page(world, filter).await?.meta;
                let what = format!("{search:?}, counted up to {cap}");
                expect_eq(&what, (meta.count, meta.count_capped), (Some(count), capped))?;
                let last = meta.pagination.as_ref().and_then(|page| page.last);
                expect_eq(&what, last, if capped { None } else { Some(4) })?;
                let next = meta.pagination.and_then(|page| page.next);
                expect_eq(&what, next, Some(2))?;
            }
            let nothing = filter.clone().with_triggers_in(["nobody"]).with_count(Count::UpTo(0));
            let meta = search.page(world, nothing).await?.meta;
            expect_eq("nothing, up to 0", (meta.count, meta.count_capped), (Some(0), false))?;
        }
        Ok(())
    }
    stored_events(world, 20).await?;
    check(world, &all()).await?;
    stored_others(world).await?;
    for filter in narrowing() {
        check(world, &filter).await?;
    }
    Ok(())
}

async fn a_page_behind_a_cursor_has_a_count_and_no_page_numbers(world: &World) -> Outcome {
    async fn check(world: &World, filter: &WhereEvents) -> Outcome {
        for search in SEARCHES {
            let first = search.page(world, filter.clone().with_limit(2)).await?;
            ensure!(first.meta.pagination.is_some(), "{search:?}: the first page has numbers");
            let own = cursor(world, search, filter).await?;
            let page = filter.clone().with_limit(2).with_cursor(own);
            let page = search.page(world, page).await?;
            expect_eq(format!("{search:?}: page numbers"), page.meta.pagination, None)?;
            expect_eq(format!("{search:?}: the count of all"), page.meta.count, Some(5))?;
            let applied = page.meta.constraints.and_then(|applied| applied.cursor);
            expect_eq(format!("{search:?}: the cursor applied"), applied, Some(own))?;
        }
        Ok(())
    }
    stored_events(world, 5).await?;
    check(world, &all()).await?;
    stored_others(world).await?;
    for filter in narrowing() {
        check(world, &filter).await?;
    }
    Ok(())
}
