//! The `blacksmith` terminal with this adapter beside those that are compiled in: `cargo run --example blacksmith`.

use std::process::ExitCode;

use blacksmith_cli::blacksmith_store::{AvailableAdapters, CompiledIn as _, Result};

fn main() -> Result<ExitCode> {
    Ok(blacksmith_cli::run(&AvailableAdapters::compiled_in().with(redb_adapter::adapter())?))
}
