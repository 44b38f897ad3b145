//! The password stands in no error, no log line and no `Debug`.

#[path = "support/proxy.rs"]
mod proxy;
mod support;

use std::{
    error::Error,
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use blacksmith_store_core::{Options, StoreError, Toolkit};
use blacksmith_testing_postgres_server::shared;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use proxy::{Proxy, Way};
use support::{Schema, adapters, event};

const PASSWORD: &str = "Tr0ub4dor-and-3";

/// Everything that is logged, at every level, by whomever.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<String>>);

impl Logged {
    fn write(&self, write: impl FnOnce(&mut String)) {
        write(&mut self.0.lock().expect("nobody panics while logging"));
    }
}

struct Writer<'a>(&'a mut String);

impl Visit for Writer<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

impl Subscriber for Logged {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        self.write(|text| attributes.record(&mut Writer(text)));
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        self.write(|text| values.record(&mut Writer(text)));
    }
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        self.write(|text| {
            let _ = write!(text, "\n{} ", event.metadata().target());
            event.record(&mut Writer(text));
        });
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// An error as it may come to light: its text, its `Debug`, those of its causes.
fn all_of(error: &StoreError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, " {cause} {cause:?}");
        source = cause.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_comes_to_light() -> Result<(), Box<dyn Error>> {
    let logged = Logged::default();
    tracing::subscriber::set_global_default(logged.clone())?;
    let schema = Schema::migrated().await?;
    let client = schema.client().await;
    let role = format!("{}_secretive", schema.name());
    client
        .batch_execute(&format!("CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{PASSWORD}'"))
        .await?;
    let server = shared().url("postgres");
    let host = server.rsplit_once('@').map_or("", |(_, host)| host);
    let place = host.split_once('/').map_or("", |(place, _)| place);
    let (address, port) = place.split_once(':').unwrap_or((place, "5432"));
    let url = format!("postgres://{role}:{PASSWORD}@{host}");

    let mut told = String::new();
    // Options that cannot work, and places that cannot be reached.
    for (connection, context) in [
        (format!("postgres://{role}:{PASSWORD}@127.0.0.1:1/d"), None),
        (format!("postgres://{role}:{PASSWORD}@no-such-host.invalid/d"), None),
        (format!("postgres://{role}:{PASSWORD}@{place}/nowhere"), None),
        (format!("postgres://{role}:{PASSWORD}x@{host}"), None),
        (format!("postgres://nobody:{PASSWORD}@{host}"), None),
        (format!("postgres://{role}:{PASSWORD}@{host}?sslmode=require"), None),
        (
            format!("postgres://{role}:{PASSWORD}@{host}?sslmode=verify-full&sslrootcert=/nowhere"),
            None,
        ),
        (format!("postgres://{role}:{PASSWORD}@{host}?{PASSWORD}=1"), None),
        (format!("postgres://{role}:{PASSWORD}@h:{PASSWORD}/d"), None),
        (
            format!("host={address} port={port} user={role} password='{PASSWORD} dbname=postgres"),
            None,
        ),
        (format!("host={address} port=x user={role} password={PASSWORD}"), None),
        (url.clone(), Some(("schema", ""))),
        (url.clone(), Some(("pool_size", "none"))),
        (url.clone(), Some(("unheard", "of"))),
        (url.clone(), None),
    ] {
        let mut options = Options::new("postgres").with_connection(connection);
        if let Some((key, value)) = context {
            options = options.with_context(key, value);
        }
        let _ = write!(told, "{options:?} ");
        let Err(error) = adapters().open(options.clone()).await else { panic!("it was opened") };
        told.push_str(&all_of(&error));
        if let Ok(migrator) = adapters().migrator(&options).await
            && let Err(error) = migrator.status().await
        {
            told.push_str(&all_of(&error));
        }
    }

    // A store that works, and whose connections break.
    let proxy = Proxy::start(&url).await;
    let store = adapters().open(schema.options_at(proxy.url())).await?;
    let _ = write!(
        told,
        "{:?} {:?} {:?}",
        store.options(),
        adapters(),
        blacksmith_store_postgres::adapter()
    );
    let toolkit = Toolkit::new();
    let wakeups = store.wakeups(&toolkit).await?;
    store.add_events(&toolkit, vec![event(&toolkit, &["crm"])]).await?;
    for way in [Way::RequestsCut, Way::AnswersCut] {
        proxy.set(way);
        for _ in 0..3 {
            let lost = store.add_events(&toolkit, vec![event(&toolkit, &["crm"])]).await;
            told.push_str(&all_of(&lost.expect_err("the connection is cut")));
            let lost = store.stats(&toolkit).await;
            told.push_str(&all_of(&lost.expect_err("the connection is cut")));
        }
        proxy.cut_all();
    }
    drop((wakeups, store));
    client.batch_execute(&format!("DROP ROLE {role}")).await?;

    let logged = logged.0.lock().expect("nobody panics while logging").clone();
    for (what, text) in [("an error or a Debug", &told), ("a log line", &logged)] {
        assert!(text.len() > 100, "{what} was looked at");
        if let Some(place) = text.find(PASSWORD) {
            panic!("the password stands in {what}: {}", &text[place.saturating_sub(200)..place]);
        }
    }
    Ok(())
}
