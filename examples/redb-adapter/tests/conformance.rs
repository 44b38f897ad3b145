//! The conformance suite on this adapter: each case has a file of its own.

use blacksmith_store_conformance::{Files, run};

fn main() -> std::process::ExitCode {
    run(Files::of(redb_adapter::adapter))
}
