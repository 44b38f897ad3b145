//! Filters on their way in.

use blacksmith_store_core::{
    Carry, Count, Cursor, Entries, ErrorKind, MAX_CALL_ENTRIES, Order, Position, Result, Status,
    Store as _, Timestamp, WhereEvents, WhereJobs, WhereTransitions, never,
};

use crate::recording::Wrapped;

/// The filter as it reached the adapter; the three searches treat it alike.
async fn applied(filter: WhereEvents) -> Result<WhereEvents> {
    let wrapped = Wrapped::new();
    wrapped.store.find_events(&wrapped.toolkit, filter.clone()).await?;
    let in_events = wrapped.received::<WhereEvents>();
    wrapped.store.find_jobs(&wrapped.toolkit, filter.clone()).await?;
    assert_eq!(wrapped.received::<WhereEvents>(), in_events);
    wrapped.store.find_transitions(&wrapped.toolkit, filter).await?;
    assert_eq!(wrapped.received::<WhereEvents>(), in_events);
    Ok(in_events)
}

async fn search(wrapped: &Wrapped, entries: Entries, filter: WhereEvents) -> Result<()> {
    let (store, toolkit) = (&wrapped.store, &wrapped.toolkit);
    match entries {
        Entries::Events => store.find_events(toolkit, filter).await.map(drop),
        Entries::Jobs => store.find_jobs(toolkit, filter).await.map(drop),
        Entries::Transitions => store.find_transitions(toolkit, filter).await.map(drop),
    }
}

async fn refused(filter: WhereEvents, words: &str) {
    for entries in [Entries::Events, Entries::Jobs, Entries::Transitions] {
        let wrapped = Wrapped::new();
        wrapped.invalid(search(&wrapped, entries, filter.clone()).await, words);
    }
}

type Setter = fn(&mut WhereEvents, Vec<String>);

const NAMES: [(&str, Setter); 12] = [
    ("sources_in", |filter, names| filter.sources_in = names),
    ("sources_notin", |filter, names| filter.sources_notin = names),
    ("triggers_in", |filter, names| filter.triggers_in = names),
    ("triggers_notin", |filter, names| filter.triggers_notin = names),
    ("versions_in", |filter, names| filter.versions_in = names),
    ("versions_notin", |filter, names| filter.versions_notin = names),
    ("jobs.destinations_in", |filter, names| jobs(filter).destinations_in = names),
    ("jobs.destinations_notin", |filter, names| jobs(filter).destinations_notin = names),
    ("jobs.actions_in", |filter, names| jobs(filter).actions_in = names),
    ("jobs.actions_notin", |filter, names| jobs(filter).actions_notin = names),
    ("jobs.versions_in", |filter, names| jobs(filter).versions_in = names),
    ("jobs.versions_notin", |filter, names| jobs(filter).versions_notin = names),
];

type BoundSetter = fn(&mut WhereEvents, Timestamp);

const BOUNDS: [(&str, BoundSetter); 8] = [
    ("created_before", |filter, bound| filter.created_before = Some(bound)),
    ("created_after", |filter, bound| filter.created_after = Some(bound)),
    ("received_before", |filter, bound| filter.received_before = Some(bound)),
    ("received_after", |filter, bound| filter.received_after = Some(bound)),
    ("jobs.created_before", |filter, bound| jobs(filter).created_before = Some(bound)),
    ("jobs.created_after", |filter, bound| jobs(filter).created_after = Some(bound)),
    ("jobs.transitions.created_before", |filter, bound| {
        transitions(filter).created_before = Some(bound);
    }),
    ("jobs.transitions.created_after", |filter, bound| {
        transitions(filter).created_after = Some(bound);
    }),
];

fn jobs(filter: &mut WhereEvents) -> &mut WhereJobs {
    filter.jobs.get_or_insert_default()
}

fn transitions(filter: &mut WhereEvents) -> &mut WhereTransitions {
    jobs(filter).transitions.get_or_insert_default()
}

#[tokio::test]
async fn a_limit_is_100_by_default_and_1_000_at_most() -> Result<()> {
    for (asked, limit) in [
        (None, 100),
        (Some(0), 100),
        (Some(1), 1),
        (Some(1_000), 1_000),
        (Some(1_001), 1_000),
        (Some(u64::MAX), 1_000),
    ] {
        let mut filter = WhereEvents::default();
        filter.limit = asked;
        assert_eq!(applied(filter).await?.limit, Some(limit), "{asked:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_offset_of_0_is_none_and_one_beyond_a_database_is_refused() -> Result<()> {
    assert_eq!(applied(WhereEvents::default().with_offset(0)).await?.offset, None);
    let largest = i64::MAX as u64;
    assert_eq!(applied(WhereEvents::default().with_offset(largest)).await?.offset, Some(largest));
    refused(WhereEvents::default().with_offset(largest + 1), "the offset is above 2^63-1").await;
    Ok(())
}

#[tokio::test]
async fn a_value_that_no_name_can_have_is_refused() -> Result<()> {
    for (member, set) in NAMES {
        for (value, words) in [("a\0", "contains a NUL byte"), (&"x".repeat(256), "has 256 bytes")]
        {
            let mut filter = WhereEvents::default();
            set(&mut filter, vec!["good".into(), value.into()]);
            refused(filter, &format!("a value of {member} {words}")).await;
        }
        let mut filter = WhereEvents::default();
        set(&mut filter, vec![String::new(), "x".repeat(255)]);
        if member.contains("versions") {
            // An absent version counts as "".
            let expected = filter.clone().with_limit(100);
            assert_eq!(applied(filter).await?, expected);
        } else {
            refused(filter, &format!("a value of {member} is empty")).await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_filter_has_at_most_10_000_values() -> Result<()> {
    let names = |count: usize| vec!["name".to_owned(); count];
    for (member, set) in NAMES {
        let mut filter = WhereEvents::default();
        transitions(&mut filter).status_notin = vec![Status::Failed; 4_000];
        set(&mut filter, names(MAX_CALL_ENTRIES - 4_000));
        applied(filter.clone()).await?;
        set(&mut filter, names(MAX_CALL_ENTRIES - 3_999));
        refused(filter, "more than 10000 values").await;
        assert!(!member.is_empty());
    }
    let mut filter = WhereEvents::default();
    transitions(&mut filter).status_in = vec![Status::Failed; MAX_CALL_ENTRIES + 1];
    refused(filter, "more than 10000 values").await;
    Ok(())
}

#[tokio::test]
async fn bounds_are_cut_to_the_microsecond_and_lie_in_the_years_1_to_9999() -> Result<()> {
    let year_10000 = "9999-12-31T23:59:59Z".parse::<Timestamp>().expect("an instant")
        + chrono::TimeDelta::seconds(1);
    for (member, set) in BOUNDS {
        let mut filter = WhereEvents::default();
        set(&mut filter, "2020-12-31T23:59:59.9999999Z".parse().expect("an instant"));
        let mut expected = WhereEvents::default().with_limit(100);
        set(&mut expected, "2020-12-31T23:59:59.999999Z".parse().expect("an instant"));
        assert_eq!(applied(filter.clone()).await?, expected);

        set(&mut filter, year_10000);
        refused(filter.clone(), member).await;

        set(&mut filter, never());
        assert_eq!(applied(filter).await?, WhereEvents::default().with_limit(100), "{member}");
    }
    Ok(())
}

#[tokio::test]
async fn children_that_constrain_nothing_do_not_arrive() -> Result<()> {
    let mut filter = WhereEvents::default();
    transitions(&mut filter);
    assert_eq!(applied(filter).await?, WhereEvents::default().with_limit(100));

    let mut filter = WhereEvents::default();
    transitions(&mut filter);
    jobs(&mut filter).actions_in = vec!["upsert".into()];
    assert_eq!(applied(filter).await?.jobs.and_then(|jobs| jobs.transitions), None);

    // 0 is a bound.
    let mut filter = WhereEvents::default();
    transitions(&mut filter).min_attempts = Some(0);
    assert_eq!(applied(filter.clone()).await?, filter.with_limit(100));
    Ok(())
}

#[tokio::test]
async fn beside_an_id_no_other_constraint_arrives() -> Result<()> {
    let wrapped = Wrapped::new();
    let (event, job) = (wrapped.toolkit.event_id(), wrapped.toolkit.job_id());
    for (event, job) in [(Some(event), None), (None, Some(job)), (Some(event), Some(job))] {
        let mut filter = WhereEvents::default()
            .with_sources_in(["github"])
            .with_versions_notin([""])
            .with_offset(20)
            .with_limit(30)
            .with_order(Order::Oldest)
            .with_count(Count::None);
        filter.carry = Carry::None;
        filter.without_payloads = true;
        filter.received_before = Some(Timestamp::default());
        jobs(&mut filter).event_id = event;
        jobs(&mut filter).destinations_in = vec!["crm".into()];
        transitions(&mut filter).job_id = job;
        transitions(&mut filter).status_notin = vec![Status::Failed];

        let mut expected = match (event, job) {
            (Some(event), _) => WhereEvents::of_event(event),
            (None, _) => WhereEvents::default(),
        };
        if job.is_some() {
            transitions(&mut expected).job_id = job;
        }
        expected.carry = Carry::None;
        expected.without_payloads = true;
        expected = expected
            .with_offset(20)
            .with_limit(30)
            .with_order(Order::Oldest)
            .with_count(Count::None);
        assert_eq!(applied(filter).await?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn beside_an_id_the_other_constraints_are_checked_all_the_same() {
    let wrapped = Wrapped::new();
    let filter = WhereEvents::of_event(wrapped.toolkit.event_id()).with_sources_in([""]);
    refused(filter, "a value of sources_in is empty").await;
}

#[tokio::test]
async fn a_cursor_fits_its_search_filter_and_order_alone() -> Result<()> {
    let filter = WhereEvents::default().with_sources_in(["github"]);
    let cursor =
        Cursor::behind(Position::Id([1; 20]), Entries::Jobs, &applied(filter.clone()).await?);
    let same = filter.clone().with_cursor(cursor);
    let wrapped = Wrapped::new();
    search(&wrapped, Entries::Jobs, same.clone()).await?;
    assert_eq!(wrapped.received::<WhereEvents>().cursor, Some(cursor));
    // How much of it is shown may change from page to page.
    let mut other_page = same.clone().with_limit(7).with_count(Count::None);
    other_page.carry = Carry::None;
    other_page.without_payloads = true;
    search(&wrapped, Entries::Jobs, other_page).await?;

    let words = "the cursor comes from another search, filter or order";
    let wrapped = Wrapped::new();
    for entries in [Entries::Events, Entries::Transitions] {
        wrapped.invalid(search(&wrapped, entries, same.clone()).await, words);
    }
    for other in [
        WhereEvents::default().with_cursor(cursor),
        same.clone().with_order(Order::Oldest),
        same.clone().with_sources_in(["gitlab"]),
        same.clone().with_triggers_notin(["ping"]),
        same.clone().with_jobs(WhereJobs::default().with_actions_in(["upsert"])),
    ] {
        wrapped.invalid(search(&wrapped, Entries::Jobs, other).await, words);
    }
    wrapped.invalid(
        search(&wrapped, Entries::Jobs, same.with_offset(1)).await,
        "a cursor excludes an offset",
    );
    Ok(())
}

/// The texts of two filters may differ where they mean the same.
#[tokio::test]
async fn a_cursor_fits_however_its_filter_is_spelt() -> Result<()> {
    let wrapped = Wrapped::new();
    let filter = WhereEvents::of_event(wrapped.toolkit.event_id());
    let cursor =
        Cursor::behind(Position::Id([1; 20]), Entries::Events, &applied(filter.clone()).await?);
    let wordy = filter.with_sources_in(["ignored beside an id"]).with_offset(0).with_cursor(cursor);
    search(&wrapped, Entries::Events, wordy).await
}

#[tokio::test]
async fn a_cursor_holds_a_sequence_where_transitions_come_in_sequence() -> Result<()> {
    let wrapped = Wrapped::new();
    let of_job = applied(WhereEvents::of_job(wrapped.toolkit.job_id())).await?;
    let any = applied(WhereEvents::default()).await?;
    let (id, sequence) = (Position::Id([1; 20]), Position::Sequence(4));
    for (filter, entries, position, fits) in [
        (&of_job, Entries::Transitions, sequence, true),
        (&of_job, Entries::Transitions, id, false),
        (&of_job, Entries::Jobs, id, true),
        (&of_job, Entries::Jobs, sequence, false),
        (&any, Entries::Transitions, id, true),
        (&any, Entries::Transitions, sequence, false),
    ] {
        let wrapped = Wrapped::new();
        let cursor = Cursor::behind(position, entries, filter);
        let found = search(&wrapped, entries, filter.clone().with_cursor(cursor)).await;
        if fits {
            found?;
        } else {
            wrapped.invalid(found, "the cursor is none that a page has given out");
        }
    }
    Ok(())
}

#[test]
fn text_that_no_page_gave_out_is_no_cursor() {
    for text in ["", "x", "AAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "ä", &"A".repeat(100)] {
        let error = text.parse::<Cursor>().expect_err(text);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
