//! Pages: their order, their windows, and what the entries on them carry.

pub(super) mod cursors;
pub(super) mod meta;

use blacksmith_store_core::{
    Carry, ErrorKind, Event, EventId, Job, JobId, Meta, Order, Page, Status, Transition,
    TransitionId, WhereEvents, WhereJobs, WhereTransitions,
};

use crate::{
    case::family,
    failure::{Outcome, ensure, expect_eq, expect_error},
    world::{World, with},
};

family! {
    "paging";
    newest_first_unless_asked_otherwise,
    offset_and_limit_cut_a_window,
    pages_by_offset_are_disjoint_and_complete,
    transitions_of_a_job_come_by_sequence,
    transitions_of_many_jobs_come_by_id,
    foreign_ids_are_ordered_by_their_bytes,
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

fn sequences(page: &Page<Transition>) -> Vec<u64> {
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
