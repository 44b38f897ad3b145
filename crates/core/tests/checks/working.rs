//! Claims, leases, pauses and purges on their way in.

use std::time::Duration;

use blacksmith_store_core::{
    ClaimRequest, Claimed, ExpireRequest, ExtendRequest, MAX_CALL_ENTRIES, MAX_LEASE,
    MAX_NAME_BYTES, MAX_REASON_BYTES, Pause, PurgePolicy, PurgeRequest, Purged, Result, Status,
    Store as _, Timestamp, TransitionId, Want, WhereEvents, WhereJobs, WhereTransitions, never,
};

use crate::recording::Wrapped;

const MINUTE: Duration = Duration::from_mins(1);

pub(crate) fn claim_request() -> ClaimRequest {
    ClaimRequest::new("worker", MINUTE, [Want::any(1)])
}

pub(crate) fn extend_request() -> ExtendRequest {
    ExtendRequest::new("worker", MINUTE, [TransitionId::from_bytes([1; 20])])
}

async fn claim(wrapped: &Wrapped, request: ClaimRequest) -> Result<Claimed> {
    wrapped.store.claim(&wrapped.toolkit, request).await
}

async fn purge(wrapped: &Wrapped, request: PurgeRequest) -> Result<Purged> {
    wrapped.store.purge(&wrapped.toolkit, request).await
}

#[tokio::test]
async fn an_actor_is_a_name() -> Result<()> {
    let longest = "x".repeat(MAX_NAME_BYTES);
    for (actor, words) in [
        ("", "is empty"),
        ("a\0b", "contains a NUL byte"),
        (&(longest.clone() + "x"), "has 256 bytes"),
    ] {
        let wrapped = Wrapped::new();
        let (store, toolkit) = (&wrapped.store, &wrapped.toolkit);
        let claimed = claim(&wrapped, ClaimRequest::new(actor, MINUTE, [Want::any(1)])).await;
        wrapped.invalid(claimed, &format!("the actor of a claim {words}"));
        let extended = store.extend_leases(toolkit, ExtendRequest::new(actor, MINUTE, [])).await;
        wrapped.invalid(extended, &format!("the actor of an extension {words}"));
        let expired = store.expire_leases(toolkit, ExpireRequest::new(actor, 1)).await;
        wrapped.invalid(expired, &format!("the actor of an expiry {words}"));
        let pause = Pause::new(toolkit.pause_id(), "crm", actor);
        wrapped
            .invalid(store.pause(toolkit, pause).await, &format!("the actor of a pause {words}"));
    }
    let wrapped = Wrapped::new();
    claim(&wrapped, ClaimRequest::new(longest, MINUTE, [Want::any(1)])).await?;
    Ok(())
}

#[tokio::test]
async fn a_lease_lasts_a_microsecond_to_a_day_and_is_cut_to_the_microsecond() -> Result<()> {
    let micro = Duration::from_micros(1);
    for (asked, applied) in [
        (Duration::ZERO, None),
        (Duration::from_nanos(999), None),
        (micro, Some(micro)),
        (Duration::from_nanos(1_999), Some(micro)),
        (MAX_LEASE, Some(MAX_LEASE)),
        (MAX_LEASE + micro, None),
        (Duration::MAX, None),
    ] {
        let wrapped = Wrapped::new();
        let claimed = claim(&wrapped, ClaimRequest::new("worker", asked, [Want::any(1)])).await;
        let Some(applied) = applied else {
            wrapped.invalid(claimed, "a lease lasts at least a microsecond and at most a day");
            let request = ExtendRequest::new("worker", asked, []);
            let extended = wrapped.store.extend_leases(&wrapped.toolkit, request).await;
            wrapped.invalid(extended, "a lease lasts at least a microsecond and at most a day");
            continue;
        };
        claimed?;
        assert_eq!(wrapped.received::<ClaimRequest>().lease, applied);
        let request = ExtendRequest::new("worker", asked, []);
        wrapped.store.extend_leases(&wrapped.toolkit, request).await?;
        assert_eq!(wrapped.received::<ExtendRequest>().lease, applied);
    }
    Ok(())
}

#[tokio::test]
async fn a_claim_takes_at_most_10_000_jobs() -> Result<()> {
    let wrapped = Wrapped::new();
    let wants = |limits: &[usize]| {
        ClaimRequest::new("worker", MINUTE, limits.iter().copied().map(Want::any))
    };
    let many_empty = vec![0; MAX_CALL_ENTRIES];
    for above in [&[MAX_CALL_ENTRIES + 1][..], &[6_000, 4_001], &[usize::MAX, usize::MAX]] {
        wrapped.invalid(claim(&wrapped, wants(above)).await, "a claim takes at most 10000 jobs");
    }
    let too_many_empty = [&many_empty[..], &[0]].concat();
    wrapped.invalid(claim(&wrapped, wants(&too_many_empty)).await, "at most 10000");
    for within in [&[MAX_CALL_ENTRIES][..], &[6_000, 4_000], &[0], &many_empty] {
        claim(&wrapped, wants(within)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_claim_without_wants_is_answered_with_nothing() -> Result<()> {
    let wrapped = Wrapped::new();
    let none = ClaimRequest::new("worker", MINUTE, []);
    assert_eq!(claim(&wrapped, none).await?, Claimed::default());
    assert_eq!(wrapped.calls(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_want_names_what_can_be_a_destination_and_an_action() {
    let wrapped = Wrapped::new();
    let mut without_destination = Want::action("crm", "upsert", 1);
    without_destination.destination = None;
    for (want, words) in [
        (Want::destination("", 1), "the destination of a want is empty"),
        (Want::destination("a\0", 1), "the destination of a want contains a NUL"),
        (Want::action("crm", "", 1), "the action of a want is empty"),
        (Want::action("crm", "x".repeat(256), 1), "the action of a want has 256 bytes"),
        (without_destination, "a want names an action without its destination"),
    ] {
        let request = ClaimRequest::new("worker", MINUTE, [Want::any(1), want]);
        wrapped.invalid(claim(&wrapped, request).await, words);
    }
}

#[tokio::test]
async fn an_extension_names_at_most_10_000_tokens_and_may_name_none() -> Result<()> {
    let wrapped = Wrapped::new();
    let tokens = |count| {
        ExtendRequest::new("worker", MINUTE, vec![TransitionId::from_bytes([1; 20]); count])
    };
    let extend = async |count| wrapped.store.extend_leases(&wrapped.toolkit, tokens(count)).await;
    wrapped
        .invalid(extend(MAX_CALL_ENTRIES + 1).await, "at most 10000 tokens, and there are 10001");
    for count in [MAX_CALL_ENTRIES, 0] {
        extend(count).await?;
        assert_eq!(wrapped.received::<ExtendRequest>().tokens.len(), count);
    }
    Ok(())
}

#[tokio::test]
async fn an_expiry_gives_up_at_most_10_000_claims_and_none_without_the_adapter() -> Result<()> {
    let wrapped = Wrapped::new();
    let expire = async |limit| {
        wrapped.store.expire_leases(&wrapped.toolkit, ExpireRequest::new("worker", limit)).await
    };
    wrapped.invalid(
        expire(MAX_CALL_ENTRIES + 1).await,
        "at most 10000 claims, and the limit is 10001",
    );
    assert_eq!(expire(0).await?, 0);
    assert_eq!(wrapped.calls(), [""; 0]);
    expire(MAX_CALL_ENTRIES).await?;
    assert_eq!(wrapped.calls(), ["expire_leases"]);
    Ok(())
}

#[tokio::test]
async fn a_pause_names_what_can_be_paused() -> Result<()> {
    let wrapped = Wrapped::new();
    let (store, toolkit) = (&wrapped.store, &wrapped.toolkit);
    let pause = |destination: &str| Pause::new(toolkit.pause_id(), destination, "ana");
    for (pause, words) in [
        (pause(""), "the destination of a pause is empty"),
        (pause("a\0"), "the destination of a pause contains a NUL"),
        (pause("crm").with_action(""), "the action of a pause is empty"),
        (pause("crm").with_action("x".repeat(256)), "the action of a pause has 256 bytes"),
        (pause("crm").with_reason("a\0"), "the reason of a pause contains a NUL"),
        (
            pause("crm").with_reason("x".repeat(MAX_REASON_BYTES + 1)),
            "the reason of a pause has 1025 bytes",
        ),
    ] {
        wrapped.invalid(store.pause(toolkit, pause).await, words);
    }
    let longest = pause("crm").with_action("upsert").with_reason("x".repeat(MAX_REASON_BYTES));
    let mut dated = longest.clone();
    dated.created_at = Some(Timestamp::default());
    store.pause(toolkit, dated).await?;
    assert_eq!(wrapped.received::<Pause>(), longest, "the store says when");
    Ok(())
}

#[tokio::test]
async fn a_purge_of_everything_is_asked_for_in_so_many_words() -> Result<()> {
    let wrapped = Wrapped::new();
    let mut nothing = WhereEvents::default().with_limit(10).with_offset(5);
    nothing.created_before = Some(never());
    nothing.jobs = Some(WhereJobs::default().with_transitions(WhereTransitions::default()));
    for filter in [WhereEvents::default(), nothing] {
        let refused = purge(&wrapped, PurgeRequest::new(filter)).await;
        wrapped.invalid(refused, "constrains nothing, which would delete everything");
    }
    purge(&wrapped, PurgeRequest::everything()).await?;
    purge(&wrapped, PurgeRequest::new(WhereEvents::default()).with_older_than(MINUTE)).await?;
    let zero_attempts = WhereTransitions::default().with_min_attempts(0);
    let filter =
        WhereEvents::default().with_jobs(WhereJobs::default().with_transitions(zero_attempts));
    purge(&wrapped, PurgeRequest::new(filter)).await?;
    Ok(())
}

#[tokio::test]
async fn a_purge_by_id_has_no_other_constraints() -> Result<()> {
    let wrapped = Wrapped::new();
    let (event, job) = (wrapped.toolkit.event_id(), wrapped.toolkit.job_id());
    for filter in [WhereEvents::of_event(event), WhereEvents::of_job(job)] {
        let words = "a purge by event id or job id has no other constraints";
        let refused =
            purge(&wrapped, PurgeRequest::new(filter.clone()).with_older_than(MINUTE)).await;
        wrapped.invalid(refused, words);
        let refused =
            purge(&wrapped, PurgeRequest::new(filter.clone().with_sources_in(["a"]))).await;
        wrapped.invalid(refused, words);
        let mut unlike = filter.clone();
        let jobs = unlike.jobs.get_or_insert_default();
        jobs.transitions.get_or_insert_default().status_notin = vec![Status::Failed];
        wrapped.invalid(purge(&wrapped, PurgeRequest::new(unlike)).await, words);
    }
    for filter in [WhereEvents::of_event(event), WhereEvents::of_job(job)] {
        purge(&wrapped, PurgeRequest::new(filter.clone())).await?;
        assert_eq!(wrapped.received::<PurgeRequest>().filter, filter);
    }
    let mut both = WhereEvents::of_job(job);
    both.jobs.get_or_insert_default().event_id = Some(event);
    purge(&wrapped, PurgeRequest::new(both)).await?;
    Ok(())
}

#[tokio::test]
async fn how_a_purges_filter_pages_does_not_matter() -> Result<()> {
    let wrapped = Wrapped::new();
    let plain = WhereEvents::default().with_sources_in(["github"]);
    purge(&wrapped, PurgeRequest::new(plain.clone().with_limit(1).with_offset(2))).await?;
    assert_eq!(wrapped.received::<PurgeRequest>().filter, plain);

    let wrapped = Wrapped::new();
    let unnameable = PurgeRequest::new(WhereEvents::default().with_sources_in([""]));
    wrapped.invalid(purge(&wrapped, unnameable).await, "a value of sources_in is empty");
    Ok(())
}

#[tokio::test]
async fn a_purge_of_no_events_is_answered_without_the_adapter() -> Result<()> {
    let wrapped = Wrapped::new();
    let purged = purge(&wrapped, PurgeRequest::everything().with_max_events(0)).await?;
    assert!(purged.more);
    assert_eq!(wrapped.calls(), [""; 0]);
    Ok(())
}

/// Nothing was ingested before the year 1; an adapter that subtracts an age from now would leave what an instant can be.
#[tokio::test]
async fn a_purge_of_what_nothing_is_old_enough_for_is_answered_without_the_adapter() -> Result<()> {
    let years = |years: u64| Duration::from_hours(24 * 365) * u32::try_from(years).expect("a few");
    let wrapped = Wrapped::new();
    for age in [years(9_999), Duration::from_secs(u64::MAX), Duration::MAX] {
        let purged = purge(&wrapped, PurgeRequest::everything().with_older_than(age)).await?;
        assert_eq!(purged, Purged::default());
        assert_eq!(wrapped.calls(), [""; 0], "{age:?}");
    }
    let policy = PurgePolicy::new(WhereEvents::default(), "@daily").with_older_than(years(1_000));
    purge(&wrapped, PurgeRequest::of_policy(&policy)).await?;
    assert_eq!(wrapped.received::<PurgeRequest>().older_than, Some(years(1_000)));
    Ok(())
}
