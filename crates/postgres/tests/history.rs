//! The view `history`: one row a transition, the same as the store tells.

mod support;

use std::time::Duration;

use blacksmith_store_core::{
    Clock, ExpireRequest, Job, JobError, Order, SetClock, Status, Store, Timestamp, Toolkit,
    Transition, WhereEvents,
};

use support::{Schema, claim, event};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A job that went through every state, some of them several times.
async fn lived(store: &dyn Store, toolkit: &Toolkit, clock: &SetClock) -> Result<Job> {
    let event = event(toolkit, &["crm"]);
    let id = event.jobs[0].id;
    store.add_events(toolkit, vec![event]).await?;
    let next = async |status: Status, change: fn(Transition) -> Transition| -> Result {
        clock.advance(Duration::from_millis(1_500));
        let job = store.find_job(toolkit, id).await?;
        let transition = change(job.next(toolkit.transition_id(), status)?);
        store.add_transitions(toolkit, vec![transition]).await?;
        Ok(())
    };
    let start = async || -> Result {
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(claim(store, toolkit, "worker", "crm", 1).await?.len(), 1);
        Ok(())
    };
    start().await?;
    next(Status::Failed, |end| {
        end.with_error(JobError::new("no").with_status_code(500)).with_actor("worker")
    })
    .await?;
    start().await?;
    next(Status::Awaiting, |end| end).await?;
    start().await?;
    clock.advance(Duration::from_mins(1));
    assert_eq!(store.expire_leases(toolkit, ExpireRequest::new("nurse", 10)).await?, 1);
    next(Status::Discarded, |end| end.with_actor("operator")).await?;
    let again = "2027-01-01T00:00:00Z".parse::<Timestamp>()?;
    next(Status::Awaiting, |end| {
        end.with_run_at("2027-01-01T00:00:00Z".parse().expect("an instant"))
    })
    .await?;
    clock.set(again);
    start().await?;
    next(Status::Succeeded, |end| end.with_actor("another")).await?;
    next(Status::Awaiting, |end| end).await?;
    start().await?;
    Ok(store.find_job(toolkit, id).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_every_transition_as_the_store_tells_it() -> Result {
    let schema = Schema::migrated().await?;
    let store = schema.open().await?;
    let clock = SetClock::at("2026-01-01T00:00:00Z".parse()?);
    let toolkit = Toolkit::new().with_clock(Clock::Set(clock.clone()));
    let job = lived(&*store, &toolkit, &clock).await?;
    let filter = WhereEvents::of_job(job.id).with_order(Order::Oldest);
    let told = store.find_transitions(&toolkit, filter).await?.entries;
    assert_eq!(told.len(), 13);

    let rows = schema
        .client()
        .await
        .query(
            "SELECT id, event_id, job_id, destination, action, sequence, attempt, state_before, state_after, error, created_at,
                run_at, actor
             FROM history WHERE job_id = $1 ORDER BY sequence",
            &[&&job.id.as_bytes()[..]],
        )
        .await?;
    let shown: Vec<Transition> = rows
        .iter()
        .map(|row| {
            assert_eq!((row.get::<_, &str>(3), row.get::<_, &str>(4)), ("crm", "upsert"));
            let mut transition = told[0].clone();
            transition.id = blacksmith_store_core::TransitionId::from_slice(row.get(0))?;
            transition.event_id = Some(blacksmith_store_core::EventId::from_slice(row.get(1))?);
            transition.job_id = Some(blacksmith_store_core::JobId::from_slice(row.get(2))?);
            transition.sequence = Some(u64::try_from(row.get::<_, i64>(5))?);
            transition.attempt = u32::try_from(row.get::<_, i64>(6))?;
            transition.state_before = row.get::<_, Option<&str>>(7).map(str::parse).transpose()?;
            transition.state_after = row.get::<_, &str>(8).parse()?;
            transition.error =
                row.get::<_, Option<String>>(9).map(JobError::from_json).transpose()?;
            transition.created_at = Some(row.get(10));
            transition.run_at = row.get(11);
            transition.actor = row.get(12);
            Ok(transition)
        })
        .collect::<Result<_>>()?;
    assert_eq!(shown, told);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn its_columns_stay_as_they_are() -> Result {
    let schema = Schema::migrated().await?;
    let rows = schema
        .client()
        .await
        .query(
            "SELECT format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod))
             FROM pg_attribute a WHERE a.attrelid = 'history'::regclass AND a.attnum > 0 ORDER BY a.attnum",
            &[],
        )
        .await?;
    let columns: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        columns,
        [
            "id bytea",
            "event_id bytea",
            "job_id bytea",
            "destination text",
            "action text",
            "sequence bigint",
            "attempt bigint",
            "state_before text",
            "state_after text",
            "error text",
            "created_at timestamp with time zone",
            "run_at timestamp with time zone",
            "actor text",
            "lane smallint",
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_claim_is_not_there_is_nobody_elses() -> Result {
    let schema = Schema::migrated().await?;
    let (store, toolkit) = (schema.open().await?, Toolkit::new());
    store.add_events(&toolkit, vec![event(&toolkit, &["crm"]), event(&toolkit, &["crm"])]).await?;
    assert_eq!(claim(&*store, &toolkit, "first", "crm", 1).await?.len(), 1);
    let job = claim(&*store, &toolkit, "second", "crm", 1).await?.remove(0);
    let client = schema.client().await;
    client.execute("DELETE FROM claims WHERE actor = 'second'", &[]).await?;

    let found = store.find_job(&toolkit, job.id).await?;
    assert_eq!(found.transition.and_then(|latest| latest.actor), None);
    let shown = client
        .query_one(
            "SELECT actor FROM history WHERE job_id = $1 AND state_after = 'executing'",
            &[&&job.id.as_bytes()[..]],
        )
        .await?;
    assert_eq!(shown.get::<_, Option<String>>(0), None);

    // Another handle decides by what is stored.
    let end = job.next(toolkit.transition_id(), Status::Succeeded)?.with_actor("third");
    schema.open().await?.add_transitions(&toolkit, vec![end]).await?;
    let of_first = client
        .query_one(
            "SELECT count(*) FROM history WHERE actor = 'first' AND job_id = $1",
            &[&&job.id.as_bytes()[..]],
        )
        .await?;
    assert_eq!(of_first.get::<_, i64>(0), 0);
    Ok(())
}
