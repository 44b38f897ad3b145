//! What holds for every value.

use blacksmith_store_core::{
    Bytes, Carry, Count, Cursor, Entries, Event, EventId, Job, JobError, JobId, Order, Pagination,
    Position, Status, Timestamp, Transition, TransitionId, WhereEvents, WhereJobs,
    WhereTransitions, floor_to_micros,
};
use proptest::{collection::vec, option, prelude::*};

/// Seconds since 1970 of the years 1 and 10000.
const YEARS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

fn id_bytes() -> impl Strategy<Value = [u8; 20]> {
    prop_oneof![any::<[u8; 20]>(), Just([0; 20]), Just([255; 20])]
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (YEARS, 0..1_000_000_000_u32)
        .prop_filter_map("an instant", |(seconds, nanos)| Timestamp::from_timestamp(seconds, nanos))
}

/// An instant of a member that is always written, where Go's zero time means "not set".
fn set_instant() -> impl Strategy<Value = Option<Timestamp>> {
    option::of(instant().prop_filter("set", |instant| !blacksmith_store_core::is_never(*instant)))
}

fn payload() -> impl Strategy<Value = Option<Bytes>> {
    option::of(vec(any::<u8>(), 0..40).prop_map(Bytes::from))
}

fn version() -> impl Strategy<Value = Option<String>> {
    option::of("\\PC{1,8}|.{1,8}")
}

fn status() -> impl Strategy<Value = Status> {
    proptest::sample::select(Status::ALL.to_vec())
}

fn error() -> impl Strategy<Value = JobError> {
    prop_oneof![
        any::<String>().prop_map(JobError::new),
        (any::<String>(), any::<u16>())
            .prop_map(|(message, code)| JobError::new(message).with_status_code(code)),
        proptest::sample::select(vec!["{}", "[]", "7", "\"text\"", "{\"a\":{\"b\":[1.0,null]}}"])
            .prop_map(|text| JobError::from_json(text).expect("JSON")),
    ]
}

prop_compose! {
    fn transition()(
        id in id_bytes(),
        (state_before, state_after) in (option::of(status()), status()),
        attempt in any::<u32>(),
        error in option::of(error()),
        created_at in set_instant(),
        run_at in option::of(instant()),
        (event, job) in (option::of(id_bytes()), option::of(id_bytes())),
        sequence in option::of(any::<u64>()),
        actor in version(),
    ) -> Transition {
        let mut transition = Transition::first(TransitionId::from_bytes(id), state_after);
        transition.attempt = attempt;
        transition.state_before = state_before;
        transition.error = error;
        transition.created_at = created_at;
        transition.run_at = run_at;
        transition.event_id = event.map(EventId::from_bytes);
        transition.job_id = job.map(JobId::from_bytes);
        transition.sequence = sequence;
        transition.actor = actor;
        transition
    }
}

prop_compose! {
    fn job()(
        id in id_bytes(),
        (destination, action) in any::<(String, String)>(),
        version in version(),
        (context, data) in (payload(), payload()),
        transition in option::of(transition()),
        created_at in set_instant(),
        (event, parent) in (option::of(id_bytes()), option::of(id_bytes())),
    ) -> Job {
        let mut job = Job::new(JobId::from_bytes(id), destination, action);
        job.version = version;
        job.context = context;
        job.data = data;
        job.transition = transition;
        job.created_at = created_at;
        job.event_id = event.map(EventId::from_bytes);
        job.parent_job_id = parent.map(JobId::from_bytes);
        job
    }
}

prop_compose! {
    fn event()(
        id in id_bytes(),
        (source, trigger) in any::<(String, String)>(),
        version in version(),
        (context, data) in (payload(), payload()),
        jobs in vec(job(), 0..3),
        (sent_at, ingested_at) in (option::of(instant()), option::of(instant())),
        received_at in set_instant(),
        parent in option::of(id_bytes()),
    ) -> Event {
        let mut event = Event::new(EventId::from_bytes(id), source, trigger);
        event.version = version;
        event.context = context;
        event.data = data;
        event.jobs = jobs;
        event.sent_at = sent_at;
        event.ingested_at = ingested_at;
        event.received_at = received_at;
        event.parent_event_id = parent.map(EventId::from_bytes);
        event
    }
}

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(any::<String>(), 0..3)
}

fn bounds() -> impl Strategy<Value = (Option<Timestamp>, Option<Timestamp>)> {
    (option::of(instant()), option::of(instant()))
}

prop_compose! {
    fn where_transitions()(
        job in option::of(id_bytes()),
        (status_in, status_notin) in (vec(status(), 0..3), vec(status(), 0..3)),
        (min_attempts, max_attempts) in any::<(Option<u32>, Option<u32>)>(),
        created in bounds(),
    ) -> WhereTransitions {
        let mut filter = WhereTransitions::default();
        filter.job_id = job.map(JobId::from_bytes);
        filter.status_in = status_in;
        filter.status_notin = status_notin;
        filter.min_attempts = min_attempts;
        filter.max_attempts = max_attempts;
        (filter.created_before, filter.created_after) = created;
        filter
    }
}

prop_compose! {
    fn where_jobs()(
        event in option::of(id_bytes()),
        destinations in (names(), names()),
        actions in (names(), names()),
        versions in (names(), names()),
        created in bounds(),
        transitions in option::of(where_transitions()),
    ) -> WhereJobs {
        let mut filter = WhereJobs::default();
        filter.event_id = event.map(EventId::from_bytes);
        (filter.destinations_in, filter.destinations_notin) = destinations;
        (filter.actions_in, filter.actions_notin) = actions;
        (filter.versions_in, filter.versions_notin) = versions;
        (filter.created_before, filter.created_after) = created;
        filter.transitions = transitions;
        filter
    }
}

fn count() -> impl Strategy<Value = Count> {
    prop_oneof![Just(Count::Exact), Just(Count::None), any::<u64>().prop_map(Count::UpTo)]
}

prop_compose! {
    fn filter()(
        sources in (names(), names()),
        triggers in (names(), names()),
        versions in (names(), names()),
        (created, received) in (bounds(), bounds()),
        jobs in option::of(where_jobs()),
        (offset, limit) in (option::of(1..=u64::MAX), option::of(1..=u64::MAX)),
        order in prop_oneof![Just(Order::Newest), Just(Order::Oldest)],
        count in count(),
        carry in prop_oneof![Just(Carry::All), Just(Carry::Matching), Just(Carry::None)],
        without_payloads in any::<bool>(),
    ) -> WhereEvents {
        let mut filter = WhereEvents::default();
        (filter.sources_in, filter.sources_notin) = sources;
        (filter.triggers_in, filter.triggers_notin) = triggers;
        (filter.versions_in, filter.versions_notin) = versions;
        (filter.created_before, filter.created_after) = created;
        (filter.received_before, filter.received_after) = received;
        filter.jobs = jobs;
        (filter.offset, filter.limit) = (offset, limit);
        filter.order = order;
        filter.count = count;
        filter.carry = carry;
        filter.without_payloads = without_payloads;
        filter
    }
}

fn position() -> impl Strategy<Value = Position> {
    prop_oneof![id_bytes().prop_map(Position::Id), any::<u64>().prop_map(Position::Sequence)]
}

fn entries() -> impl Strategy<Value = Entries> {
    prop_oneof![Just(Entries::Events), Just(Entries::Jobs), Just(Entries::Transitions)]
}

/// Numbers at the edges more often than chance would have it.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..3_u64, 0..200_u64, u64::MAX - 1..=u64::MAX]
}

proptest! {
    #[test]
    fn an_id_is_its_text(bytes in id_bytes()) {
        let id = EventId::from_bytes(bytes);
        let text = id.to_string();
        prop_assert_eq!(text.len(), 27);
        prop_assert_eq!(text.parse::<EventId>()?, id);
        prop_assert_eq!(EventId::from_slice(id.as_bytes())?, id);
        prop_assert_eq!(serde_json::from_str::<EventId>(&serde_json::to_string(&id)?)?, id);
    }

    #[test]
    fn ids_sort_as_their_texts_do(one in id_bytes(), other in id_bytes()) {
        let (one, other) = (JobId::from_bytes(one), JobId::from_bytes(other));
        prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
    }

    #[test]
    fn text_is_an_id_only_if_the_id_prints_as_it(text in "[0-9A-Za-z]{27}|[0-9A-Za-b\\-]{26,28}|\\PC{0,30}") {
        match text.parse::<TransitionId>() {
            Ok(id) => prop_assert_eq!(id.to_string(), text),
            Err(error) => prop_assert!(error.message().contains("is not a valid transition id")),
        }
    }

    #[test]
    fn a_derived_id_is_of_its_events_second_and_tells_destinations_apart(
        bytes in id_bytes(), destination in "\\PC{1,9}", action in "\\PC{1,9}",
    ) {
        let event = EventId::from_bytes(bytes);
        let job = JobId::derived(event, &destination, &action);
        prop_assert_eq!(job, JobId::derived(event, &destination, &action));
        prop_assert_eq!(job.timestamp(), event.timestamp());
        prop_assert_ne!(job, JobId::derived(event, &(destination.clone() + &action), ""));
        prop_assert_ne!(job, JobId::derived(event, &destination, &(action + "x")));
    }

    #[test]
    fn an_event_comes_back_from_its_json(event in event()) {
        let text = serde_json::to_string(&event)?;
        prop_assert_eq!(serde_json::from_str::<Event>(&text)?, event);
    }

    #[test]
    fn a_filter_comes_back_from_its_json(filter in filter()) {
        let text = serde_json::to_string(&filter)?;
        prop_assert_eq!(serde_json::from_str::<WhereEvents>(&text)?, filter);
    }

    #[test]
    fn the_constraints_of_a_filter_are_settled(filter in filter()) {
        let constraints = filter.constraints();
        prop_assert_eq!(constraints.constraints(), constraints.clone());
        prop_assert_eq!(constraints.constrains_nothing(), filter.constrains_nothing());
        prop_assert_eq!(constraints.event_id(), filter.event_id());
        prop_assert_eq!(constraints.job_id(), filter.job_id());
    }

    #[test]
    fn a_cursor_is_its_text(position in position(), entries in entries(), filter in filter()) {
        let cursor = Cursor::behind(position, entries, &filter);
        let read: Cursor = cursor.to_string().parse()?;
        prop_assert_eq!(read, cursor);
        prop_assert_eq!(read.position(), position);
        prop_assert_eq!(serde_json::from_str::<Cursor>(&serde_json::to_string(&cursor)?)?, cursor);
    }

    #[test]
    fn text_is_a_cursor_only_if_the_cursor_prints_as_it(text in "[0-9A-Za-z_\\-]{0,40}|\\PC{0,40}") {
        if let Ok(cursor) = text.parse::<Cursor>() {
            prop_assert_eq!(cursor.to_string(), text);
        }
    }

    #[test]
    fn an_instant_is_cut_down_by_less_than_a_microsecond(instant in instant()) {
        let cut = floor_to_micros(instant);
        prop_assert!(cut <= instant);
        prop_assert!((instant - cut).num_nanoseconds().is_some_and(|nanos| nanos < 1_000));
        prop_assert_eq!(cut.timestamp_subsec_nanos() % 1_000, 0);
        prop_assert_eq!(floor_to_micros(cut), cut);
    }

    #[test]
    fn pages_hang_together(count in number(), offset in number(), limit in number()) {
        let pages = Pagination::counted(count, offset, limit);
        let last = pages.last.expect("counted");
        prop_assert!(pages.current >= 1 && last >= 1);
        prop_assert_eq!(pages.first, 1);
        prop_assert_eq!(pages.previous, Some(pages.current - 1).filter(|page| *page > 0));
        prop_assert_eq!(pages.next.is_some(), pages.current < last);
        if let Some(next) = pages.next {
            prop_assert_eq!(next, pages.current + 1);
        }
    }
}
