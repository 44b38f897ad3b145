//! Running the binary.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use blacksmith_store::EventId;
use serde_json::Value;
use tempfile::TempDir;

/// Real payloads, ten lines; see the notice beside them.
pub(crate) const WEBHOOKS: &str = include_str!("../data/github-webhooks.ndjson");

/// A folder to run commands in.
pub(crate) struct Shell {
    folder: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder whose store holds the webhooks, with ids, each with a job for the CRM and one for the warehouse.
    pub(crate) fn with_webhooks() -> Self {
        let shell = Self::new();
        shell.write("webhooks.ndjson", with_ids(WEBHOOKS));
        let flags = ["ingest", "webhooks.ndjson", "--to", "crm/upsert", "--to", "warehouse/append"];
        assert_eq!(shell.run(&flags).code, 0);
        shell
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The command, in this folder, without what the environment says about stores.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
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

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs with this text on standard input.
    pub(crate) fn run_on(&self, input: &str, arguments: &[&str]) -> Ran {
        let mut child = self.spawn(arguments);
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Starts a command whose standard streams are pipes.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// The JSON document that a command prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.errors);
        serde_json::from_str(&ran.output).unwrap()
    }

    /// How many entries a list counts.
    pub(crate) fn count(&self, arguments: &[&str]) -> u64 {
        self.json(arguments)["meta"]["count"].as_u64().unwrap()
    }

    /// The folder's names, to see what a command left behind.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        Path::new(&self.path(name)).exists()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            output: text(output.stdout),
            errors: text(output.stderr),
        }
    }
}

/// The id that [`with_ids`] gives the line of this number, from 0.
pub(crate) fn event_id(line: usize) -> EventId {
    let mut bytes = [7; 20];
    bytes[16..].copy_from_slice(&u32::try_from(line).unwrap().to_be_bytes());
    EventId::from_bytes(bytes)
}

/// The same lines, each with an id.
pub(crate) fn with_ids(lines: &str) -> String {
    let with_id = |(number, line): (usize, &str)| {
        format!(
            "{{\"id\":\"{}\",{}
",
            event_id(number),
            &line[1..]
        )
    };
    lines.lines().enumerate().map(with_id).collect()
}
