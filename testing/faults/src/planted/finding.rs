//! Faults in what searches find, in which order, and what they say of it.

use std::sync::Arc;

use blacksmith_store_core::{
    Carry, Count, Cursor, Entries, Event, EventId, Job, Order, Page, Position, Result, Status,
    Store, StoreError, Toolkit, Transition, WhereEvents, WhereTransitions, async_trait,
};

use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::new(
        "finds one entry more than the limit",
        &["paging::offset_and_limit_cut_a_window"],
        || searches(|filter| filter.limit = filter.limit.map(|limit| limit + 1)),
    ),
    Planted::new(
        "counts after the limit",
        &["paging::page_numbers_are_computed_as_in_the_go_package"],
        || {
            pages(|_, page| {
                page.meta.count = page.meta.count.map(|_| page.entries.len() as u64);
            })
        },
    ),
    Planted::new(
        "takes `before` for inclusive",
        &["filters::ingested_before_and_after", "timestamps::bounds_are_exact_to_the_microsecond"],
        || {
            searches(|filter| {
                let moment = std::time::Duration::from_micros(1);
                filter.created_before = filter.created_before.map(|bound| bound + moment);
                filter.received_before = filter.received_before.map(|bound| bound + moment);
            })
        },
    ),
    Planted::new("takes `after` for inclusive", &["filters::received_before_and_after"], || {
        searches(|filter| {
            let moment = std::time::Duration::from_micros(1);
            filter.received_after = filter.received_after.map(|bound| bound - moment);
        })
    }),
    Planted::new(
        "matches `_notin` per job instead of per event",
        &[
            "filters::negative_constraints_hold_on_every_job",
            "purge::one_failed_job_spares_its_event_from_a_negative",
        ],
        || Arc::new(ExcludesPerJob),
    ),
    Planted::new(
        "finds everything where a value is one that nothing has",
        &["filters::values_that_nothing_has"],
        || Arc::new(IgnoresUnknownValues),
    ),
    Planted::new(
        "knows NULL: an absent version is neither in nor out",
        &["filters::versions_of_events"],
        || {
            searches(|filter| {
                if !filter.versions_notin.is_empty() {
                    filter.versions_notin.push(String::new());
                }
            })
        },
    ),
    Planted::new("takes a bound of 0 attempts for none", &["filters::attempts"], || {
        searches(|filter| {
            if let Some(transitions) = transitions_of(filter) {
                transitions.max_attempts = transitions.max_attempts.filter(|max| *max > 0);
            }
        })
    }),
    Planted::new(
        "looks at the latest transitions alone when it looks for transitions",
        &["filters::every_transition_counts_and_not_the_latest_alone"],
        || Arc::new(FindsLatestAlone),
    ),
    Planted::new("knows one order", &["paging::newest_first_unless_asked_otherwise"], || {
        searches(|filter| filter.order = Order::Newest)
    }),
    Planted::new(
        "skips an entry behind a cursor",
        &["paging::pages_by_cursor_are_disjoint_and_complete"],
        || {
            pages(|filter, page| {
                if filter.cursor.is_some() && !page.entries.is_empty() {
                    page.entries.remove(0);
                }
            })
        },
    ),
    Planted::new(
        "gives a cursor also at the end",
        &["paging::a_cursor_leads_to_a_page_that_is_not_empty"],
        || {
            pages(|filter, page| {
                let last = page.entries.last().map(|event| Position::Id(*event.id.as_bytes()));
                page.meta.next_cursor =
                    last.map(|last| Cursor::behind(last, Entries::Events, filter));
            })
        },
    ),
    Planted::new("gives no cursor", &["paging::pages_by_cursor_are_disjoint_and_complete"], || {
        pages(|_, page| page.meta.next_cursor = None)
    }),
    Planted::new(
        "calls a count capped that reaches its cap",
        &["paging::a_count_is_capped_only_above_its_cap"],
        || {
            pages(|filter, page| {
                if let Count::UpTo(cap) = filter.count {
                    page.meta.count_capped = page.meta.count.is_some_and(|count| count >= cap);
                }
            })
        },
    ),
    Planted::new(
        "numbers pages from 0",
        &["paging::page_numbers_are_computed_as_in_the_go_package"],
        || {
            pages(|_, page| {
                if let Some(pages) = &mut page.meta.pagination {
                    pages.current -= 1;
                }
            })
        },
    ),
    Planted::new(
        "carries the jobs that match and no others",
        &["paging::an_event_carries_the_matching_jobs_or_none"],
        || {
            searches(|filter| {
                if filter.carry == Carry::All {
                    filter.carry = Carry::Matching;
                }
            })
        },
    ),
    Planted::new(
        "leaves payloads out of every search",
        &["paging::payloads_can_be_left_out"],
        || searches(|filter| filter.without_payloads = true),
    ),
    Planted::new(
        "says nothing of the constraints that it applied",
        &["paging::the_constraints_applied_are_told"],
        || pages(|_, page| page.meta.constraints = None),
    ),
    Planted::new(
        "does not name what it does not find",
        &["errors::an_event_that_is_not_stored_is_named"],
        || Arc::new(NamesNothing),
    ),
];

fn transitions_of(filter: &mut WhereEvents) -> Option<&mut WhereTransitions> {
    filter.jobs.as_mut()?.transitions.as_mut()
}

/// A fault that changes filters.
struct Searches(fn(&mut WhereEvents));

pub(super) fn searches(edit: fn(&mut WhereEvents)) -> Arc<dyn Fault> {
    Arc::new(Searches(edit))
}

#[async_trait]
impl Fault for Searches {
    async fn find_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut filter: WhereEvents,
    ) -> Result<Page<Event>> {
        (self.0)(&mut filter);
        store.find_events(toolkit, filter).await
    }

    async fn find_jobs(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut filter: WhereEvents,
    ) -> Result<Page<Job>> {
        (self.0)(&mut filter);
        store.find_jobs(toolkit, filter).await
    }
}

/// A fault that changes pages of events.
struct Pages(fn(&WhereEvents, &mut Page<Event>));

fn pages(edit: fn(&WhereEvents, &mut Page<Event>)) -> Arc<dyn Fault> {
    Arc::new(Pages(edit))
}

#[async_trait]
impl Fault for Pages {
    async fn find_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> Result<Page<Event>> {
        let mut page = store.find_events(toolkit, filter.clone()).await?;
        (self.0)(&filter, &mut page);
        Ok(page)
    }
}

struct ExcludesPerJob;

impl ExcludesPerJob {
    /// "Some job has none of these states" instead of "no job has any of them".
    fn edit(filter: &mut WhereEvents) {
        if let Some(transitions) = transitions_of(filter)
            && transitions.status_in.is_empty()
            && !transitions.status_notin.is_empty()
        {
            let excluded = std::mem::take(&mut transitions.status_notin);
            transitions.status_in =
                Status::ALL.into_iter().filter(|status| !excluded.contains(status)).collect();
        }
    }
}

#[async_trait]
impl Fault for ExcludesPerJob {
    async fn find_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut filter: WhereEvents,
    ) -> Result<Page<Event>> {
        Self::edit(&mut filter);
        store.find_events(toolkit, filter).await
    }

    async fn purge(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        mut request: blacksmith_store_core::PurgeRequest,
    ) -> Result<blacksmith_store_core::Purged> {
        Self::edit(&mut request.filter);
        store.purge(toolkit, request).await
    }
}

struct IgnoresUnknownValues;

#[async_trait]
impl Fault for IgnoresUnknownValues {
    async fn find_events(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> Result<Page<Event>> {
        let page = store.find_events(toolkit, filter.clone()).await?;
        if page.entries.is_empty() && !filter.sources_in.is_empty() {
            return store.find_events(toolkit, WhereEvents::default()).await;
        }
        Ok(page)
    }
}

struct FindsLatestAlone;

#[async_trait]
impl Fault for FindsLatestAlone {
    async fn find_transitions(
        &self,
        store: &dyn Store,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> Result<Page<Transition>> {
        let mut page = store.find_transitions(toolkit, filter).await?;
        let mut latest = Vec::new();
        for transition in page.entries {
            if let Some(job) = transition.job_id
                && store
                    .find_job(toolkit, job)
                    .await?
                    .transition
                    .is_some_and(|last| last.id == transition.id)
            {
                latest.push(transition);
            }
        }
        page.entries = latest;
        Ok(page)
    }
}

struct NamesNothing;

#[async_trait]
impl Fault for NamesNothing {
    async fn find_event(&self, store: &dyn Store, toolkit: &Toolkit, id: EventId) -> Result<Event> {
        let found = store.find_event(toolkit, id).await;
        found.map_err(|error| StoreError::new(error.kind(), "no such event"))
    }
}
