//! Options from URLs, TOML and the environment, and what never shows.

use std::{collections::BTreeMap, time::Duration};

use blacksmith_store_core::{
    AvailableAdapters, ENV_POSTGRES_URL, ENV_URL, ErrorKind, Options, PurgePolicy, Result, Status,
    StoreError, WhereEvents, WhereJobs, WhereTransitions,
};

/// Stands in every connection string of these tests, and must stand in no text.
const SECRET: &str = "hunter2";

fn context(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let variables = context(variables);
    move |name| variables.get(name).cloned()
}

fn assert_config(error: &StoreError, words: &str) {
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains(words), "{error} lacks {words:?}");
    assert_secret(&error);
}

fn assert_secret(shown: &(impl std::fmt::Debug + ?Sized)) {
    let text = format!("{shown:?} {shown:#?}");
    assert!(!text.contains(SECRET), "{text}");
}

#[test]
fn an_adapter_takes_path_and_settings_out_of_its_url() -> Result<()> {
    for (connection, path, settings) in [
        ("theirs://dev.db", Some("dev.db"), &[][..]),
        (
            "THEIRS:/var/lib/q%20a.db?cache=8&mode=a%3Db",
            Some("/var/lib/q a.db"),
            &[("cache", "8"), ("mode", "a=b")],
        ),
        ("theirs:?cache=8", None, &[("cache", "8")]),
        ("C:/a path?with=marks", Some("C:/a path?with=marks"), &[]),
        ("dev.db", Some("dev.db"), &[]),
    ] {
        let options = Options::new("theirs").with_connection(connection).with_path_of_url()?;
        assert_eq!(options.expose_connection(), path, "{connection}");
        assert_eq!(options.context, context(settings), "{connection}");
    }
    let given =
        Options::new("theirs").with_connection("theirs:a?cache=8").with_context("cache", "9");
    assert_eq!(given.with_path_of_url()?.context, context(&[("cache", "9")]));
    assert!(Options::new("theirs").with_path_of_url()?.expose_connection().is_none());
    let refused = Options::new("theirs").with_connection("theirs:hunter2%zz").with_path_of_url();
    assert_config(&refused.expect_err("no text"), "percent sign");
    Ok(())
}

#[test]
fn a_url_of_an_embedded_adapter_is_a_path_with_settings() -> Result<()> {
    for (url, from, connection, settings) in [
        ("sqlite://dev.db", "sqlite", Some("dev.db"), &[][..]),
        ("sqlite:dev.db", "sqlite", Some("dev.db"), &[]),
        ("sqlite://./a/b.db", "sqlite", Some("./a/b.db"), &[]),
        ("sqlite:///var/lib/q%20a.db", "sqlite", Some("/var/lib/q a.db"), &[]),
        ("SQLite://dev.db", "sqlite", Some("dev.db"), &[]),
        ("sqlite:", "sqlite", None, &[]),
        ("sqlite://", "sqlite", None, &[]),
        ("sqlite:////srv/a.db", "sqlite", Some("//srv/a.db"), &[]),
        ("sqlite:///a%3Fb%2520.db?", "sqlite", Some("/a?b%20.db"), &[]),
        ("sqlite://größe.db", "sqlite", Some("größe.db"), &[]),
        (
            "sqlite:a.db?x=1&&y&z==%26",
            "sqlite",
            Some("a.db"),
            &[("x", "1"), ("y", ""), ("z", "=&")],
        ),
        ("sqlite:a.db?x=1&x=2", "sqlite", Some("a.db"), &[("x", "2")]),
        ("memory:", "memory", None, &[]),
        ("memory:?seed=7", "memory", None, &[("seed", "7")]),
        ("memory://name", "memory", Some("name"), &[]),
    ] {
        let options = Options::from_url(url)?;
        assert_eq!(options.from, from, "{url}");
        assert_eq!(options.expose_connection(), connection, "{url}");
        assert_eq!(options.context, context(settings), "{url}");
    }
    Ok(())
}

#[test]
fn a_url_of_another_adapter_stays_whole() -> Result<()> {
    for (url, from) in [
        ("postgres://u:hunter2@h:5432/d?sslmode=require", "postgres"),
        ("PostgreSQL://u@h/d", "postgres"),
        ("redb:///x", "redb"),
        ("my_db+tls://h/%zz", "my_db+tls"),
    ] {
        let options = Options::from_url(url)?;
        assert_eq!((options.from.as_str(), options.expose_connection()), (from, Some(url)));
        assert_eq!(options.context, context(&[]));
    }
    Ok(())
}

#[test]
fn a_url_that_is_none_is_refused_without_repeating_it() {
    for url in
        ["", "hunter2", "://hunter2", "1db://hunter2", "a b://hunter2", "/hunter2:x", "\\hunter2:x"]
    {
        assert_config(
            &Options::from_url(url).expect_err(url),
            "begins with the name of an adapter",
        );
    }
    for url in ["%", "%4", "%zz", "%+1", "% 1", "%-1", "%ff", "%é"] {
        let error = Options::from_url(&format!("sqlite://hunter2{url}")).expect_err(url);
        assert_config(&error, "percent sign");
        let error = Options::from_url(&format!("sqlite:a.db?hunter2={url}")).expect_err(url);
        assert_config(&error, "percent sign");
    }
}

#[test]
fn a_toml_document_says_everything() -> Result<()> {
    let options = Options::from_toml(
        r#"
        [server]
        port = 80

        [store]
        from = "postgres"
        connection = "postgres://u:hunter2@h/d"
        context = { schema = "queue", pool_size = 8, listen = false, ratio = 0.5 }

        [[store.purge]]
        name = "delivered"
        where = { "jobs" = { "transitions" = { "jobs.status_in" = ["succeeded"] } } }
        older_than = "30d 12h"
        interval = "@daily"

        [[store.purge]]
        where.sources_in = ["test"]
        interval = "0 3 * * *"
        "#,
    )?;
    assert_eq!(options.from, "postgres");
    assert_eq!(options.expose_connection(), Some("postgres://u:hunter2@h/d"));
    assert_eq!(
        options.context,
        context(&[("schema", "queue"), ("pool_size", "8"), ("listen", "false"), ("ratio", "0.5")])
    );
    let succeeded = WhereTransitions::default().with_status_in([Status::Succeeded]);
    let succeeded =
        WhereEvents::default().with_jobs(WhereJobs::default().with_transitions(succeeded));
    assert_eq!(
        options.purge,
        [
            PurgePolicy::new(succeeded, "@daily")
                .with_name("delivered")
                .with_older_than(Duration::from_hours(30 * 24 + 12)),
            PurgePolicy::new(WhereEvents::default().with_sources_in(["test"]), "0 3 * * *"),
        ]
    );
    Ok(())
}

#[test]
fn a_toml_document_without_the_table_gives_the_defaults() -> Result<()> {
    for text in ["", "[server]\nport = 80", "[store]"] {
        let options = Options::from_toml(text)?;
        assert_eq!((options.from.as_str(), options.expose_connection()), ("", None));
        assert!(options.context.is_empty() && options.purge.is_empty());
    }
    Ok(())
}

#[test]
fn the_settings_of_a_toml_document_add_to_those_of_its_url() -> Result<()> {
    let options = Options::from_toml(
        "[store]\nurl = \"sqlite:a.db?busy_timeout=5s&synchronous=full\"\ncontext.busy_timeout = \"9s\"",
    )?;
    assert_eq!(options.context, context(&[("busy_timeout", "9s"), ("synchronous", "full")]));
    Ok(())
}

#[test]
fn a_toml_document_that_is_not_right_is_refused_with_its_line_and_without_its_text() {
    for (text, words) in [
        ("[store]\nurl = \"hunter2\"", "begins with the name of an adapter"),
        ("[store]\nurl = \"sqlite:a.db\"\nfrom = \"sqlite\"", "already says"),
        ("[store]\nurl = \"sqlite:a.db\"\nconnection = \"hunter2\"", "already says"),
        ("[store]\nconnection = \"hunter2\"\nconection = 1", "line 3: unknown field `conection`"),
        ("[store]\nconnection = \"hunter2", "line 2"),
        ("[store]\nconnection = hunter2", "line 2"),
        ("[store]\nconnection = [\"hunter2\"]", "line 2"),
        ("[store]\nconnection = \"hunter2\"\n\n\ncontext = 3", "line 5"),
        (
            "[store]\ncontext.password = [\"hunter2\"]",
            "`context.password` of [store] is not a string",
        ),
        ("[store]\nconnection = \"hunter2\"\nconnection = \"hunter2\"", "duplicate key"),
        ("store = \"hunter2\"", "line 1: expected a table"),
        ("[store]\ncontext = \"hunter2\"", "line 2: expected a map"),
        ("[store]\nconnection = [\"hunter2\"]\n[x", "line 3"),
        (
            "[[store.purge]]\nwhere.status_in = [\"failed\"]\ninterval = \"@daily\"",
            "unknown field `status_in`",
        ),
        (
            "[[store.purge]]\nwhere = {}\ninterval = \"@daily\"\nolder = \"1d\"",
            "unknown field `older`",
        ),
        ("[[store.purge]]\ninterval = \"@daily\"", "missing field `where`"),
        ("[[store.purge]]\nwhere = {}", "missing field `interval`"),
        (
            "[[store.purge]]\nwhere = {}\ninterval = \"@daily\"\nolder_than = \"soon\"",
            "is not a duration",
        ),
    ] {
        assert_config(&Options::from_toml(text).expect_err(text), words);
    }
}

#[test]
fn the_environment_fills_in_what_is_missing() -> Result<()> {
    let url = "sqlite:env.db?busy_timeout=5s&synchronous=full";
    let options = Options::default()
        .with_context("busy_timeout", "9s")
        .or_variables(lookup(&[(ENV_URL, url)]))?;
    assert_eq!((options.from.as_str(), options.expose_connection()), ("sqlite", Some("env.db")));
    assert_eq!(options.context, context(&[("busy_timeout", "9s"), ("synchronous", "full")]));

    let policy = PurgePolicy::new(WhereEvents::default().with_sources_in(["test"]), "@daily");
    let options = Options::new("sqlite")
        .with_purge(policy.clone())
        .or_variables(lookup(&[(ENV_URL, url)]))?;
    assert_eq!(options.expose_connection(), Some("env.db"));
    assert_eq!(options.purge, [policy]);
    Ok(())
}

#[test]
fn what_is_explicit_wins_over_the_environment() -> Result<()> {
    let both = [(ENV_URL, "sqlite:env.db?x=1"), (ENV_POSTGRES_URL, "postgres://go@h/d")];
    for (given, connection) in [
        (Options::new("sqlite").with_connection("mine.db"), Some("mine.db")),
        (Options::new("memory"), None),
        // The URL is another adapter's; and as it is given, the Go package's variable is not read.
        (Options::new("postgres"), None),
    ] {
        let options = given.clone().or_variables(lookup(&both))?;
        assert_eq!((&options.from, &options.context), (&given.from, &given.context));
        assert_eq!(options.expose_connection(), connection);
    }
    Ok(())
}

#[test]
fn gos_variable_is_for_postgres_alone_and_an_empty_variable_is_none() -> Result<()> {
    let go = [(ENV_URL, ""), (ENV_POSTGRES_URL, "postgres://go:hunter2@h/d")];
    let postgres = Options::new("postgres").or_variables(lookup(&go))?;
    assert_eq!(postgres.expose_connection(), Some("postgres://go:hunter2@h/d"));
    for other in [Options::default(), Options::new("sqlite")] {
        assert_eq!(other.or_variables(lookup(&go))?.expose_connection(), None);
    }
    let error =
        Options::default().or_variables(lookup(&[(ENV_URL, "hunter2")])).expect_err("no URL");
    assert_config(&error, "begins with the name of an adapter");
    Ok(())
}

#[test]
fn no_text_shows_the_connection_or_the_values_of_settings() -> Result<()> {
    let options = Options::from_url("postgres://u:hunter2@h/d")?.with_context("password", SECRET);
    assert_secret(&options);
    assert_eq!(serde_json::to_string(&options).expect("JSON"), r#"{"from":"postgres"}"#);

    let read: Options =
        serde_json::from_str(r#"{"from":"postgres","connection":"hunter2","context":{"a":"b"}}"#)
            .expect("JSON");
    assert_eq!((read.expose_connection(), read.context.len()), (None, 0));

    let error = options.check_context(&["schema", "sslmode"]).expect_err("unknown");
    assert_config(&error, "has no setting \"password\"; it has: schema, sslmode");
    assert_config(&options.check_context(&[]).expect_err("unknown"), "it has: none");
    options.check_context(&["password"])
}

#[test]
fn a_url_where_a_name_belongs_is_not_repeated() {
    let options = Options::new("postgres://u:hunter2@h/d");
    assert_secret(&options);
    let error = AvailableAdapters::new().select(&options).err().expect("no name");
    assert_config(&error, "`from` is the name of an adapter");
}
