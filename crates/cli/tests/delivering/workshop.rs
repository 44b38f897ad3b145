//! A folder with a configuration, a store, and a receiver.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use blacksmith_store::{
    AvailableAdapters, CompiledIn as _, Counts, EventId, Options, Status, Store, Toolkit,
};
use blacksmith_testing_postgres_server::{Server, Settings};
use blacksmith_testing_receiver::{Behaviour, Receiver};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{process::Process, webhooks::Webhooks};

/// Where every event goes: destination and action.
pub(crate) const ROUTES: [(&str, &str); 3] =
    [("http", "post"), ("file", "append"), ("command", "run")];

/// Retries of a delivery: few enough for some jobs to be discarded.
pub(crate) const MAX_RETRIES: u32 = 5;

/// How long a request may take: those that hang are 2 of 100.
const TIMEOUT: &str = "5s";

/// What every process is in the middle of, whenever it is killed.
const COMMAND: &str = "cat >/dev/null; sleep 0.05";

/// How soon the jobs of a process that was killed are run again.
const LEASE: &str = "6s";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

pub(crate) struct Workshop {
    folder: TempDir,
    pub(crate) server: Option<Server>,
    pub(crate) receiver: Receiver,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) toolkit: Toolkit,
    pub(crate) runtime: Runtime,
}

impl Workshop {
    pub(crate) fn new(kind: Kind, behaviour: Behaviour) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(behaviour).unwrap();
        // A server of its own, which can be stopped, and durable: what a crash takes back is delivered twice.
        let server = (kind == Kind::Postgres)
            .then(|| Server::start_with(&Settings::new().durable()).unwrap());
        let store = match &server {
            Some(server) => server.url("postgres"),
            None => "sqlite://blacksmith.db".to_owned(),
        };
        let configuration = configuration(&store, &receiver.url());
        fs::write(folder.path().join("blacksmith.toml"), &configuration).unwrap();

        let mut options = Options::from_toml(&configuration).unwrap();
        let runtime = Runtime::new().unwrap();
        if kind == Kind::Sqlite {
            let file = folder.path().join("blacksmith.db");
            options = options.with_connection(file.to_str().unwrap());
        } else {
            runtime.block_on(async {
                let migrator = AvailableAdapters::compiled_in().migrator(&options).await.unwrap();
                migrator.up(None).await.unwrap();
            });
        }
        let store = runtime.block_on(blacksmith_store::open(options)).unwrap();
        let toolkit = Toolkit::new();
        Self { folder, server, receiver, store, toolkit, runtime }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blacksmith"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("BLACKSMITH_STORE_URL")
            .env_remove("POSTGRES_STORE_URL")
            .env_remove("BLACKSMITH_ACTOR")
            .stdin(Stdio::null());
        command
    }

    /// Ingests every round; answers the payload of every event.
    pub(crate) fn ingest(&self, webhooks: &Webhooks) -> HashMap<EventId, Vec<u8>> {
        let (rounds, payloads) = webhooks.rounds();
        for lines in rounds {
            fs::write(self.path("in.ndjson"), lines).unwrap();
            let output = self.command(&["ingest", "in.ndjson"]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        payloads
    }

    /// Starts a process that delivers, and waits until it does: one that cannot reach its store yet ends.
    pub(crate) fn run(&self) -> Process {
        let started = || self.whole_log().matches("delivering to ").count();
        let before = started();
        let log = File::options().create(true).append(true).open(self.path("run.log")).unwrap();
        let mut command = self.command(&["run", "--lease", LEASE]);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let process = Process(command.spawn().unwrap());
        let begun = Instant::now();
        while started() == before {
            assert!(begun.elapsed() < Duration::from_mins(1), "{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        process
    }

    pub(crate) fn counts(&self) -> Option<Counts> {
        let stats = self.runtime.block_on(self.store.stats(&self.toolkit)).ok()?;
        let mut sum = Counts::default();
        for queue in stats {
            for status in Status::ALL {
                *sum.of_mut(status) += queue.counts.of(status);
            }
        }
        Some(sum)
    }

    /// Waits until so many jobs have ended.
    pub(crate) fn until_have_ended(&self, jobs: u64, patience: Duration) {
        let begun = Instant::now();
        loop {
            let counts = self.counts();
            let ended = |counts: &Counts| counts.succeeded + counts.discarded;
            if counts.as_ref().is_some_and(|counts| ended(counts) >= jobs) {
                return;
            }
            assert!(begun.elapsed() < patience, "{counts:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn until_all_have_ended(&self, patience: Duration) {
        let all = self.counts().unwrap().total();
        self.until_have_ended(all, patience);
    }

    fn whole_log(&self) -> String {
        fs::read_to_string(self.path("run.log")).unwrap_or_default()
    }

    /// The last of what the processes said.
    pub(crate) fn log(&self) -> String {
        let text = self.whole_log();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

fn configuration(store: &str, receiver: &str) -> String {
    let to: Vec<_> =
        ROUTES.iter().map(|(destination, action)| format!("\"{destination}/{action}\"")).collect();
    format!(
        r#"
        [store]
        url = "{store}"

        [[routes]]
        to = [{}]

        [destinations.http]
        kind = "http"
        url = "{receiver}"
        interval = "@every 1s"
        max_retries = {MAX_RETRIES}
        timeout = "{TIMEOUT}"
        concurrency = 50
        [destinations.http.actions.post]

        [destinations.file]
        kind = "file"
        path = "delivered.ndjson"
        interval = "@every 1s"
        [destinations.file.actions.append]

        [destinations.command]
        kind = "command"
        command = ["/bin/sh", "-c", "{COMMAND}"]
        interval = "@every 1s"
        [destinations.command.actions.run]
        "#,
        to.join(", ")
    )
}
