//! The conformance suite on this adapter: each case has a file in a folder of its own.

use blacksmith_store_conformance::{Files, run};

fn main() -> std::process::ExitCode {
    run(Files::of(blacksmith_store_sqlite::adapter))
}
