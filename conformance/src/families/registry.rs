//! An adapter behind the registry: its name, its options, and every method within reach.

use blacksmith_store_core::{
    AvailableAdapters, CONTRACT_VERSION, Change, ChangeOutcome, ClaimRequest, ErrorKind,
    ExpireRequest, ExtendRequest, Options, Pause, PurgeRequest, Retry, Status, Token, Want,
    WhereEvents,
};

use crate::{
    case::family,
    failure::{Failure, Outcome, ensure, expect_eq, expect_error},
    world::{LEASE, WORKER, World, token},
};

family! {
    "registry";
    the_store_has_the_name_of_its_adapter,
    the_store_supports_what_its_adapter_declares,
    the_adapter_speaks_this_contract,
    the_example_url_names_the_adapter,
    options_come_back_as_given,
    an_unknown_adapter_is_a_config_error_that_lists_what_there_is,
    a_setting_that_the_adapter_does_not_know_is_refused,
    no_text_shows_the_connection,
    every_method_is_within_reach,
}

async fn the_store_has_the_name_of_its_adapter(world: &World) -> Outcome {
    expect_eq("the names in the registry", world.adapters.names(), vec![world.store.name()])?;
    expect_eq("`from` of the options", world.store.options().from.as_str(), world.store.name())
}

async fn the_store_supports_what_its_adapter_declares(world: &World) -> Outcome {
    for adapter in world.adapters.iter() {
        let declared = adapter.capabilities();
        expect_eq("the store's capabilities", world.store.capabilities(), declared)?;
    }
    Ok(())
}

async fn the_adapter_speaks_this_contract(world: &World) -> Outcome {
    for adapter in world.adapters.iter() {
        expect_eq("the contract's version", adapter.contract_version(), CONTRACT_VERSION)?;
    }
    Ok(())
}

async fn the_example_url_names_the_adapter(world: &World) -> Outcome {
    for adapter in world.adapters.iter() {
        let options = Options::from_url(adapter.example_url())?;
        expect_eq("the adapter of its own example", options.from.as_str(), adapter.name())?;
    }
    Ok(())
}

/// Defaults are filled in, but what was given stands.
async fn options_come_back_as_given(world: &World) -> Outcome {
    let applied = world.store.options();
    expect_eq("the purge policies", &applied.purge, &world.options.purge)?;
    for (key, value) in &world.options.context {
        expect_eq(format!("the setting {key:?}"), applied.context.get(key), Some(value))?;
    }
    let connections = (applied.expose_connection(), world.options.expose_connection());
    ensure!(
        connections.1.is_none() || connections.0 == connections.1,
        "the applied options have another connection than the given ones"
    );
    Ok(())
}

async fn an_unknown_adapter_is_a_config_error_that_lists_what_there_is(world: &World) -> Outcome {
    let opened = world.adapters.open(Options::new("no-such-adapter")).await.map(|_| ());
    let error = expect_error("open an adapter that nobody registered", opened, ErrorKind::Config)?;
    expect_eq("the operation", error.operation(), "open")?;
    expect_eq("whether a retry helps", error.retry(), Retry::Never)?;
    for word in ["no-such-adapter", world.store.name()] {
        ensure!(error.message().contains(word), "the error does not name {word:?}: {error}");
    }

    let opened = AvailableAdapters::new().open(Options::new("memory")).await.map(|_| ());
    expect_error("open an adapter of an empty registry", opened, ErrorKind::Config)?;
    Ok(())
}

/// To ignore a misspelt setting is to run with another one than the user believes.
async fn a_setting_that_the_adapter_does_not_know_is_refused(world: &World) -> Outcome {
    let options = world.options.clone().with_context("no_such_setting", "1");
    let opened = world.adapters.open(options).await.map(|_| ());
    let error = expect_error("open with an unknown setting", opened, ErrorKind::Config)?;
    ensure!(error.message().contains("no_such_setting"), "the error does not name it: {error}");
    Ok(())
}

async fn no_text_shows_the_connection(world: &World) -> Outcome {
    let Some(connection) = world.store.options().expose_connection() else {
        return Ok(());
    };
    let texts = [
        format!("{:?}", world.store.options()),
        serde_json::to_string(world.store.options()).unwrap_or_default(),
    ];
    for text in texts {
        ensure!(!text.contains(connection), "the options show their connection");
    }
    Ok(())
}

/// The whole life of one event, through each method of the contract once.
async fn every_method_is_within_reach(world: &World) -> Outcome {
    let store = &world.store;
    let first = world.job("crm");
    let event = world.event().with_job(first.clone());
    let added = store.add_events(vec![event.clone()]).await?;
    expect_eq("add_events", (added.events, added.jobs), (1, 1))?;
    let second = world.job("crm").with_event_id(event.id);
    let added = store.add_jobs(vec![second.clone()]).await?;
    expect_eq("add_jobs", (added.events, added.jobs), (0, 1))?;

    let pause = Pause::new(world.toolkit.pause_id(), "warehouse", WORKER);
    ensure!(store.pause(pause.clone()).await?, "the pause is new");
    let pauses = store.pauses().await?;
    expect_eq(
        "the pauses",
        pauses.iter().map(|pause| pause.id).collect::<Vec<_>>(),
        vec![pause.id],
    )?;
    ensure!(store.resume(pause.id).await?, "the pause ends");

    let claimed = store.claim(ClaimRequest::new(WORKER, LEASE, [Want::any(10)])).await?;
    let jobs: Vec<_> = claimed.queue.jobs().map(|(_, job)| job.clone()).collect();
    let [one, two] = &jobs[..] else {
        return Err(Failure::new(format!("two jobs are due, and {} were claimed", jobs.len())));
    };
    let tokens = [token(one)?, token(two)?];
    let extended = store.extend_leases(ExtendRequest::new(WORKER, LEASE, tokens)).await?;
    expect_eq("extend_leases", extended.tokens, vec![Token::Kept, Token::Kept])?;

    let done = world.next(one, Status::Succeeded)?;
    let appended = store.add_transitions(vec![done.clone()]).await?;
    expect_eq("add_transitions", (appended.new, appended.known), (1, 0))?;
    let change = Change::new(world.next(two, Status::Succeeded)?);
    expect_eq("apply", store.apply(vec![change]).await?, vec![ChangeOutcome::Applied])?;
    expect_eq("expire_leases", store.expire_leases(ExpireRequest::new(WORKER, 10)).await?, 0)?;

    expect_eq("find_event", store.find_event(event.id).await?.jobs.len(), 2)?;
    expect_eq("find_job", store.find_job(one.id).await?.status(), Some(Status::Succeeded))?;
    expect_eq("find_transition", store.find_transition(done.id).await?.job_id, Some(one.id))?;
    let all = WhereEvents::default;
    expect_eq("find_events", store.find_events(all()).await?.entries.len(), 1)?;
    expect_eq("find_jobs", store.find_jobs(all()).await?.entries.len(), 2)?;
    expect_eq("find_transitions", store.find_transitions(all()).await?.entries.len(), 6)?;
    expect_eq("stats", store.stats().await?.len(), 1)?;
    store.maintain().await?;

    let purged = store.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("purge", (purged.events, purged.jobs, purged.transitions), (1, 2, 6))?;

    // Both answers are right; which of them, the family `wakeups` says.
    match store.wakeups().await {
        Err(error) if error.kind() != ErrorKind::Unsupported => Err(error.into()),
        _ => Ok(()),
    }
}
