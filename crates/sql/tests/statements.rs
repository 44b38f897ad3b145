//! The statements of searches, over a layout with a table for each kind of entry and in both dialects.

use blacksmith_store_core::{
    Count, Cursor, Entries, EventId, JobId, Order, Position, Status, WhereEvents, WhereJobs,
    WhereTransitions,
};
use blacksmith_store_sql::{
    Column, Dialect, Layout,
    sea_query::{
        ArrayType, Expr, JoinType, PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder,
        Value, Values,
    },
    search,
};

/// One table for each kind of entry.
struct Plain(Dialect);

impl Layout for Plain {
    fn dialect(&self) -> Dialect {
        self.0
    }

    fn column(&self, column: Column) -> Expr {
        Expr::cust(match column {
            Column::EventId => "e.id",
            Column::Source => "e.source",
            Column::Trigger => "e.trigger",
            Column::EventVersion => "e.version",
            Column::ReceivedAt => "e.received_at",
            Column::IngestedAt => "e.ingested_at",
            Column::JobId => "j.id",
            Column::Destination => "j.destination",
            Column::Action => "j.action",
            Column::JobVersion => "j.version",
            Column::JobCreatedAt => "j.created_at",
            Column::TransitionId => "t.id",
            Column::Sequence => "t.sequence",
            Column::Status => "t.status",
            Column::Attempt => "t.attempt",
            Column::TransitionCreatedAt => "t.created_at",
        })
    }

    fn select_events(&self, select: &mut SelectStatement, _: &WhereEvents) {
        select.from_as("events", "e");
    }

    fn select_jobs(&self, select: &mut SelectStatement, _: &WhereEvents) {
        select.from_as("jobs", "j");
    }

    fn select_transitions(&self, select: &mut SelectStatement, _: &WhereEvents) {
        select.from_as("transitions", "t");
    }

    fn join_job(&self, select: &mut SelectStatement) {
        select.join_as(JoinType::InnerJoin, "jobs", "j", Expr::cust("j.id = t.job_id"));
    }

    fn join_event(&self, select: &mut SelectStatement) {
        select.join_as(JoinType::InnerJoin, "events", "e", Expr::cust("e.id = j.event_id"));
    }

    fn join_latest(&self, select: &mut SelectStatement) {
        select.join_as(JoinType::InnerJoin, "latest", "t", Expr::cust("t.job_id = j.id"));
    }

    fn job_of_event(&self) -> Expr {
        Expr::cust("j.event_id = e.id")
    }

    fn event_keys(&self, select: &mut SelectStatement) {
        select.expr(Expr::cust("e.id"));
    }

    fn job_keys(&self, select: &mut SelectStatement) {
        select.expr(Expr::cust("j.id"));
    }

    fn transition_keys(&self, select: &mut SelectStatement) {
        select.expr(Expr::cust("t.id"));
    }
}

fn build(dialect: Dialect, select: &SelectStatement) -> (String, Values) {
    match dialect {
        Dialect::Sqlite => select.build(SqliteQueryBuilder),
        Dialect::Postgres => select.build(PostgresQueryBuilder),
    }
}

fn keys(dialect: Dialect, filter: &WhereEvents, entries: Entries) -> (String, Values) {
    build(dialect, &search(&Plain(dialect), filter, entries).keys)
}

fn count(dialect: Dialect, filter: &WhereEvents, entries: Entries) -> Option<(String, Values)> {
    search(&Plain(dialect), filter, entries).count.map(|count| build(dialect, &count))
}

/// A filter that uses everything, with lists of this length.
fn everything(length: usize) -> WhereEvents {
    let names = |prefix: &str| (0..length).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
    let transitions = WhereTransitions::default()
        .with_status_in([Status::Failed].repeat(length))
        .with_status_notin([Status::Succeeded].repeat(length))
        .with_min_attempts(1)
        .with_max_attempts(9);
    let mut jobs = WhereJobs::default()
        .with_destinations_in(names("a"))
        .with_destinations_notin(names("b"))
        .with_actions_in(names("c"))
        .with_actions_notin(names("d"))
        .with_versions_in(names("e"))
        .with_versions_notin(names("f"))
        .with_transitions(transitions);
    let instant = "2026-01-01T00:00:00Z".parse().ok();
    (jobs.created_after, jobs.created_before) = (instant, instant);
    let mut filter = WhereEvents::default()
        .with_sources_in(names("g"))
        .with_sources_notin(names("h"))
        .with_triggers_in(names("i"))
        .with_triggers_notin(names("j"))
        .with_versions_in(names("k"))
        .with_versions_notin(names("l"))
        .with_jobs(jobs)
        .with_offset(7)
        .with_limit(100);
    (filter.created_after, filter.received_before) = (instant, instant);
    filter
}

const ALL: [Entries; 3] = [Entries::Events, Entries::Jobs, Entries::Transitions];
const DIALECTS: [Dialect; 2] = [Dialect::Sqlite, Dialect::Postgres];

#[test]
fn a_text_does_not_depend_on_the_length_of_its_lists() {
    for dialect in DIALECTS {
        for entries in ALL {
            let (one, _) = keys(dialect, &everything(1), entries);
            let (many, _) = keys(dialect, &everything(1_000), entries);
            assert_eq!(one, many);
            let counts = [1, 1_000].map(|length| count(dialect, &everything(length), entries));
            let texts = counts.map(|count| count.map(|(text, _)| text));
            assert_eq!(texts[0], texts[1]);
        }
    }
}

#[test]
fn no_value_stands_in_a_text() {
    for dialect in DIALECTS {
        for entries in ALL {
            let (text, values) = keys(dialect, &everything(1), entries);
            for value in ["a0", "b0", "k0", "2026", "'"] {
                assert!(!text.contains(value), "{value} in {text}");
            }
            assert!(values.0.len() >= 20, "{text}");
        }
    }
}

#[test]
fn values_are_of_the_few_kinds_that_a_binder_has_to_know() {
    for entries in ALL {
        for value in keys(Dialect::Sqlite, &everything(2), entries).1 {
            let known = matches!(
                value,
                Value::BigInt(Some(_))
                    | Value::BigUnsigned(Some(_))
                    | Value::String(Some(_))
                    | Value::Bytes(Some(_))
            );
            assert!(known, "{value:?}");
        }
        for value in keys(Dialect::Postgres, &everything(2), entries).1 {
            let known = matches!(
                value,
                Value::BigInt(Some(_))
                    | Value::BigUnsigned(Some(_))
                    | Value::Bytes(Some(_))
                    | Value::ChronoDateTimeUtc(Some(_))
                    | Value::Array(ArrayType::String | ArrayType::SmallInt, Some(_))
            );
            assert!(known, "{value:?}");
        }
    }
}

#[test]
fn lists_and_instants_are_bound_as_each_database_takes_them() {
    let filter = everything(1);
    let (sqlite, _) = keys(Dialect::Sqlite, &filter, Entries::Jobs);
    assert!(sqlite.contains("e.source IN (SELECT value FROM json_each(?))"), "{sqlite}");
    assert!(sqlite.contains("(e.ingested_at) > ?"), "{sqlite}");
    let (postgres, _) = keys(Dialect::Postgres, &filter, Entries::Jobs);
    assert!(postgres.contains("e.source = ANY ($1::text[])"), "{postgres}");
    assert!(postgres.contains("::smallint[])") && postgres.contains("::timestamptz"), "{postgres}");
}

#[test]
fn what_a_filter_does_not_look_at_is_not_joined() {
    let filter = WhereEvents::default().with_limit(10);
    let (text, _) = keys(Dialect::Sqlite, &filter, Entries::Jobs);
    assert_eq!(text, r#"SELECT j.id FROM "jobs" AS "j" WHERE TRUE ORDER BY j.id DESC LIMIT ?"#);
    let of_source = filter.clone().with_sources_in(["github"]);
    let (text, _) = keys(Dialect::Sqlite, &of_source, Entries::Jobs);
    assert!(text.contains("INNER JOIN \"events\"") && !text.contains("latest"), "{text}");
    let failed = WhereTransitions::default().with_status_in([Status::Failed]);
    let failed = filter.with_jobs(WhereJobs::default().with_transitions(failed));
    let (text, _) = keys(Dialect::Sqlite, &failed, Entries::Jobs);
    assert!(text.contains("INNER JOIN \"latest\"") && !text.contains("events"), "{text}");
    let (text, _) = keys(Dialect::Sqlite, &failed, Entries::Transitions);
    assert!(!text.contains("JOIN"), "{text}");
}

#[test]
fn an_event_needs_one_job_that_meets_everything_and_none_that_is_excluded() {
    let (text, _) = keys(Dialect::Sqlite, &everything(1), Entries::Events);
    assert_eq!(text.matches("EXISTS(SELECT 1 FROM \"jobs\"").count(), 2, "{text}");
    assert_eq!(text.matches("NOT EXISTS(SELECT 1 FROM \"jobs\"").count(), 1, "{text}");
    // An event without jobs meets negatives: they alone ask for no job.
    let jobs = WhereJobs::default().with_destinations_notin(["crm"]);
    let filter = WhereEvents::default().with_jobs(jobs);
    let (text, _) = keys(Dialect::Sqlite, &filter, Entries::Events);
    assert_eq!(text.matches("EXISTS").count(), 1, "{text}");
    assert!(text.contains("NOT EXISTS"), "{text}");
}

#[test]
fn ids_apply_both_and_alone() {
    let (event, job) = (EventId::from_bytes([1; 20]), JobId::from_bytes([2; 20]));
    let mut both = WhereEvents::of_job(job);
    if let Some(jobs) = &mut both.jobs {
        jobs.event_id = Some(event);
    }
    let (text, values) = keys(Dialect::Postgres, &both, Entries::Jobs);
    assert!(text.contains("(e.id) = ($1::bytea) AND (j.id) = ($2::bytea)"), "{text}");
    assert_eq!(values.0[0], Value::Bytes(Some(vec![1; 20])));
    let (text, _) = keys(Dialect::Postgres, &both, Entries::Transitions);
    assert!(text.contains("ORDER BY t.sequence DESC"), "{text}");
}

#[test]
fn a_cursor_goes_on_beyond_its_position_in_either_order() {
    for (order, comparison) in [(Order::Newest, "(j.id) < ?"), (Order::Oldest, "(j.id) > ?")] {
        let filter = WhereEvents::default().with_order(order).with_limit(10);
        let cursor = Cursor::behind(Position::Id([9; 20]), Entries::Jobs, &filter);
        let (text, values) = keys(Dialect::Sqlite, &filter.with_cursor(cursor), Entries::Jobs);
        assert!(text.contains(comparison), "{text}");
        assert!(values.0.contains(&Value::Bytes(Some(vec![9; 20]))));
        assert!(values.0.contains(&Value::BigUnsigned(Some(11))), "and one to look ahead");
    }
}

#[test]
fn counts_are_exact_capped_or_none() {
    let filter = everything(1);
    let count = |how| count(Dialect::Sqlite, &filter.clone().with_count(how), Entries::Jobs);
    assert_eq!(count(Count::None), None);
    let (exact, _) = count(Count::Exact).expect("a count");
    assert!(
        exact.starts_with("SELECT count(*) FROM \"jobs\"") && !exact.contains("LIMIT"),
        "{exact}"
    );
    let (capped, values) = count(Count::UpTo(5)).expect("a count");
    assert!(capped.contains("LIMIT") && !capped.contains("ORDER BY"), "{capped}");
    assert!(values.0.contains(&Value::BigUnsigned(Some(6))));
    let (_, values) = count(Count::UpTo(u64::MAX)).expect("a count");
    assert!(values.0.contains(&Value::BigUnsigned(Some(i64::MAX as u64))), "a signed number");
}
