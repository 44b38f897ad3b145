//! Tests that SQLite serves every hot statement from the index that it is meant for: on an empty store, and with statistics
//! of one and of many rows, for the program that shares the file may run `ANALYZE` at any time.

use std::time::Duration;

use blacksmith_store_core::{
    ClaimRequest, Clock, Entries, Event, Job, Order, SetClock, Status, StoreError, Toolkit, Want,
    WhereEvents, WhereJobs, WhereTransitions, admit,
};
use blacksmith_store_sql::{sea_query::SqliteQueryBuilder, search};
use rusqlite::Connection;

use crate::{
    adding, appending, claiming, connection, counting,
    error::Failure,
    expiring, extending, finding,
    grouping::{self, Grouping},
    layout::Tables,
    migrate, purging, searching,
    settings::Settings,
    statistics,
    writer::Attempt,
};

type Test = Result<(), StoreError>;

/// A store in memory in these three conditions, one after the other.
fn in_each_condition(check: impl Fn(&Connection) -> Result<(), Failure>) -> Test {
    let options = blacksmith_store_core::Options::new("sqlite").with_connection(":memory:");
    let settings = Settings::from_options(&options)?;
    let mut connection = connection::connect(&settings, connection::Role::Write)?;
    migrate::on_open(&mut connection, &settings)?;
    check(&connection)?;
    fill(&connection, 1)?;
    analyze(&connection)?;
    check(&connection)?;
    fill(&connection, 2_000)?;
    check(&connection)?;
    analyze(&connection)?;
    Ok(check(&connection)?)
}

fn analyze(connection: &Connection) -> Result<(), Failure> {
    connection.execute_batch("ANALYZE")?;
    statistics::forget(connection)
}

/// Jobs in several queues and states, few of which are executing.
fn fill(connection: &Connection, jobs: usize) -> Test {
    let clock = SetClock::at("2026-01-01T00:00:00Z".parse().expect("an instant"));
    let toolkit = Toolkit::new().with_clock(Clock::Set(clock)).with_seed(jobs as u64);
    let events = (0..jobs).map(|number| {
        let destination = ["crm", "warehouse"][number % 2];
        let job = Job::new(toolkit.job_id(), destination, "upsert");
        Event::new(toolkit.event_id(), format!("source-{}", number % 3), "push").with_job(job)
    });
    let admitted = admit::add_events(&toolkit, events.collect())?.expect("events");
    adding::add_events(connection, &admitted.events, toolkit.now(), Attempt::Hopeful)?;
    let request =
        ClaimRequest::new("worker", Duration::from_mins(1), [Want::any(jobs * 2 / 5 + 1)]);
    let claimed = claiming::claim(connection, &toolkit, &request)?.answer;
    let ends = claimed.queue.jobs().skip(jobs / 200).enumerate().map(|(number, (_, job))| {
        let status = if number % 9 == 0 { Status::Failed } else { Status::Succeeded };
        job.next(toolkit.transition_id(), status)
    });
    let ends = ends.collect::<Result<Vec<_>, _>>()?;
    adding::add_transitions(connection, &ends, toolkit.now(), Attempt::Hopeful)?;
    Ok(())
}

/// What SQLite is going to do, a line a step.
fn steps(connection: &Connection, sql: &str) -> Result<Vec<String>, Failure> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let unbound = statement.parameter_count();
    for parameter in 1..=unbound {
        statement.raw_bind_parameter(parameter, rusqlite::types::Null)?;
    }
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(row.get(3)?);
    }
    Ok(steps)
}

/// The statement has these steps, in this order, and goes through no table of the store from end to end.
fn is_served(connection: &Connection, sql: &str, by: &[&str]) -> Result<(), Failure> {
    let steps = steps(connection, sql)?;
    let shown = || format!("{sql}\n{}", steps.join("\n"));
    let mut rest = steps.iter();
    for wanted in by {
        assert!(
            rest.any(|step| step.contains(wanted)),
            "no step {wanted:?} in its place in {}",
            shown()
        );
    }
    for step in &steps {
        let walks = step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE");
        assert!(
            !walks || by.iter().any(|wanted| wanted.starts_with("SCAN") && step.contains(wanted)),
            "{}",
            shown()
        );
    }
    Ok(())
}

/// The same, and the rows come in the order that is asked for without being sorted.
fn is_served_in_order(connection: &Connection, sql: &str, by: &[&str]) -> Result<(), Failure> {
    is_served(connection, sql, by)?;
    let steps = steps(connection, sql)?;
    assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{sql}\n{steps:?}");
    Ok(())
}

fn keys(tables: Tables, filter: &WhereEvents, entries: Entries) -> String {
    search(&tables, filter, entries).keys.build(SqliteQueryBuilder).0
}

fn count(tables: Tables, filter: &WhereEvents, entries: Entries) -> String {
    search(&tables, filter, entries).count.expect("a count").build(SqliteQueryBuilder).0
}

fn of_status(status: Status) -> WhereEvents {
    let transitions = WhereTransitions::default().with_status_in([status]);
    let jobs = WhereJobs::default().with_destinations_in(["crm"]).with_transitions(transitions);
    WhereEvents::default().with_jobs(jobs)
}

#[test]
fn a_claim_takes_each_queue_in_the_order_in_which_it_is_due() -> Test {
    in_each_condition(|connection| {
        is_served_in_order(
            connection,
            claiming::DUE,
            &[
                "SEARCH blacksmith_states USING INDEX blacksmith_states_due (queue=? AND (due_at,id)>(?,?) AND due_at<?)",
            ],
        )?;
        is_served(
            connection,
            claiming::START,
            &["SEARCH blacksmith_states USING INTEGER PRIMARY KEY"],
        )?;
        is_served(
            connection,
            claiming::CONTENT,
            &["SEARCH blacksmith_jobs USING INTEGER PRIMARY KEY"],
        )?;
        is_served(connection, finding::EVENT_BY_NUMBER, &["SEARCH e USING INTEGER PRIMARY KEY"])
    })
}

#[test]
fn a_claim_moves_no_index_entry_but_those_of_the_due_and_the_token() -> Test {
    in_each_condition(|connection| {
        let mut statement = connection.prepare(&format!("EXPLAIN {}", claiming::START))?;
        for parameter in 1..=4 {
            statement.raw_bind_parameter(parameter, 0)?;
        }
        let mut rows = statement.raw_query();
        let mut deletes = 0;
        while let Some(row) = rows.next()? {
            deletes += i32::from(row.get::<_, String>(1)? == "IdxDelete");
        }
        assert_eq!(deletes, 1, "entries deleted from indexes of blacksmith_states");
        Ok(())
    })
}

#[test]
fn an_outcome_finds_its_job_by_id() -> Test {
    in_each_condition(|connection| {
        is_served(
            connection,
            appending::STANDING,
            &[
                "SEARCH j USING INDEX blacksmith_jobs_id (id=?)",
                "SEARCH s USING INTEGER PRIMARY KEY",
                "SEARCH e USING INTEGER PRIMARY KEY",
            ],
        )?;
        is_served(
            connection,
            appending::MOVE,
            &["SEARCH blacksmith_states USING INTEGER PRIMARY KEY"],
        )
    })
}

#[test]
fn what_is_inserted_looks_nothing_up() -> Test {
    in_each_condition(|connection| {
        for sql in [
            adding::ADD_EVENT,
            adding::ADD_JOB,
            adding::ADD_STATE,
            appending::REGISTER,
            appending::LOG,
            claiming::REGISTER_FRESH,
        ] {
            assert_eq!(steps(connection, sql)?, [] as [String; 0], "{sql}");
        }
        is_served(
            connection,
            adding::EVENT_NUMBER,
            &["SEARCH blacksmith_events USING COVERING INDEX blacksmith_events_id"],
        )
    })
}

#[test]
fn entries_are_found_by_id() -> Test {
    in_each_condition(|connection| {
        is_served(
            connection,
            finding::EVENT_BY_ID,
            &["SEARCH e USING INDEX blacksmith_events_id (id=?)"],
        )?;
        is_served(
            connection,
            finding::JOB_BY_ID,
            &["SEARCH j USING INDEX blacksmith_jobs_id (id=?)"],
        )?;
        is_served(
            connection,
            finding::PLACE_OF_TRANSITION,
            &["SEARCH blacksmith_transition_ids USING PRIMARY KEY (id=?)"],
        )?;
        is_served(
            connection,
            finding::JOBS_OF_EVENT,
            &["SEARCH j USING INDEX blacksmith_jobs_event (event=?)"],
        )?;
        is_served(
            connection,
            finding::TRANSITION,
            &[
                "SEARCH j USING INTEGER PRIMARY KEY",
                "SEARCH g USING PRIMARY KEY (job=? AND sequence=?)",
                "SEARCH x USING PRIMARY KEY (job=? AND sequence=?)",
            ],
        )
    })
}

#[test]
fn jobs_of_a_destination_and_a_status_come_from_their_index_in_order() -> Test {
    in_each_condition(|connection| {
        for status in Status::ALL.into_iter().filter(|status| *status != Status::Executing) {
            let filter = of_status(status);
            let grouping = Grouping::of_jobs(&filter).expect("a status");
            let tables = Tables::OfQueue { executing: grouping.takes_all_unfinished() };
            for order in [Order::Newest, Order::Oldest] {
                let rest = grouping.rest.clone().with_order(order).with_limit(100);
                let by = ["SEARCH s USING INDEX blacksmith_states_status (queue=? AND status=?)"];
                is_served_in_order(connection, &keys(tables, &rest, Entries::Jobs), &by)?;
                is_served(connection, &count(tables, &rest, Entries::Jobs), &by)?;
            }
        }
        Ok(())
    })
}

#[test]
fn executing_jobs_come_from_the_ranges_of_their_claims() -> Test {
    in_each_condition(|connection| {
        let grouping = Grouping::of_jobs(&of_status(Status::Executing)).expect("a status");
        is_served(
            connection,
            &keys(Tables::Executing, &grouping.rest, Entries::Jobs),
            &[
                "SCAN c",
                "SEARCH t USING PRIMARY KEY (id>? AND id<?)",
                "SEARCH s USING INTEGER PRIMARY KEY",
            ],
        )
    })
}

#[test]
fn events_of_a_source_come_from_their_index_in_order() -> Test {
    in_each_condition(|connection| {
        let filter = WhereEvents::default().with_limit(100);
        let by = ["SEARCH e USING COVERING INDEX blacksmith_events_source (source=?)"];
        is_served_in_order(connection, &keys(Tables::OfSource, &filter, Entries::Events), &by)?;
        is_served(connection, &count(Tables::OfSource, &filter, Entries::Events), &by)
    })
}

#[test]
fn few_candidates_are_looked_at_one_by_one() -> Test {
    in_each_condition(|connection| {
        let filter = of_status(Status::Failed).with_sources_in(["source-1"]).with_limit(100);
        let by = ["SEARCH e USING INTEGER PRIMARY KEY"];
        is_served(connection, &keys(Tables::Among, &filter, Entries::Events), &by)?;
        let by = ["SEARCH j USING INDEX blacksmith_jobs_event (event=?)"];
        is_served(connection, &keys(Tables::OfEvents, &filter, Entries::Jobs), &by)?;

        let by = ["SEARCH s USING COVERING INDEX blacksmith_states_status (queue=? AND status=?)"];
        is_served(connection, grouping::EVENTS, &by)?;
        let by = ["SCAN c", "SEARCH t USING PRIMARY KEY (id>? AND id<?)"];
        is_served(connection, grouping::EVENTS_OF_CLAIMS, &by)?;
        let by =
            ["SEARCH blacksmith_events USING COVERING INDEX blacksmith_events_source (source=?)"];
        is_served(connection, searching::EVENTS_OF_SOURCE, &by)
    })
}

#[test]
fn pages_of_everything_come_in_the_order_of_ids() -> Test {
    in_each_condition(|connection| {
        let filter = WhereEvents::default().with_limit(100);
        for (tables, entries, by) in [
            (Tables::All, Entries::Events, "SCAN e USING COVERING INDEX blacksmith_events_id"),
            (Tables::All, Entries::Jobs, "SCAN j USING COVERING INDEX blacksmith_jobs_id"),
            (Tables::Transitions, Entries::Transitions, "SCAN t"),
        ] {
            is_served_in_order(connection, &keys(tables, &filter, entries), &[by])?;
        }
        Ok(())
    })
}

#[test]
fn the_entries_of_an_event_are_found_by_it() -> Test {
    in_each_condition(|connection| {
        let filter = WhereEvents::of_event(Toolkit::new().event_id()).with_limit(100);
        is_served(
            connection,
            &keys(Tables::All, &filter, Entries::Events),
            &["SEARCH e USING COVERING INDEX blacksmith_events_id (id=?)"],
        )?;
        is_served(
            connection,
            &keys(Tables::All, &filter, Entries::Jobs),
            &[
                "SEARCH e USING COVERING INDEX blacksmith_events_id (id=?)",
                "SEARCH j USING INDEX blacksmith_jobs_event (event=?)",
            ],
        )
    })
}

#[test]
fn leases_are_extended_and_expired_by_the_ranges_of_their_claims() -> Test {
    in_each_condition(|connection| {
        let range = "SEARCH t USING PRIMARY KEY (id>? AND id<?)";
        let state = "SEARCH s USING INTEGER PRIMARY KEY";
        is_served(
            connection,
            expiring::ENDED,
            &["SEARCH blacksmith_claims USING INDEX blacksmith_claims_end (ends_at<?)"],
        )?;
        is_served_in_order(connection, expiring::EXECUTING, &[range, state])?;
        is_served(
            connection,
            extending::CLAIMS,
            &["SEARCH blacksmith_claims USING INDEX blacksmith_claims_actor (actor=?)"],
        )?;
        is_served(
            connection,
            extending::CLAIM_OF_TOKEN,
            &["SEARCH t USING PRIMARY KEY (id=?)", state],
        )?;
        is_served_in_order(connection, extending::EXECUTING, &[range, state])
    })
}

#[test]
fn stats_look_at_one_row_a_status_and_one_entry_a_queue() -> Test {
    in_each_condition(|connection| {
        is_served(
            connection,
            counting::COUNTERS,
            &["SEARCH blacksmith_counters USING PRIMARY KEY (queue=?)"],
        )?;
        is_served(
            connection,
            counting::EARLIEST_DUE,
            &[
                "SEARCH blacksmith_states USING COVERING INDEX blacksmith_states_due (queue=? AND due_at>?)",
            ],
        )
    })
}

#[test]
fn a_purge_deletes_by_the_indexes_of_what_hangs_together() -> Test {
    in_each_condition(|connection| {
        for (sql, table) in
            purging::DELETE.into_iter().zip(["transition_ids", "log", "states", "jobs", "events"])
        {
            is_served(connection, sql, &[&format!("SEARCH blacksmith_{table} USING")])?;
        }
        is_served(
            connection,
            purging::STATES,
            &["SEARCH j USING COVERING INDEX blacksmith_jobs_event (event=?)"],
        )
    })
}
