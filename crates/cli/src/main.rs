//! The `blacksmith` binary: the terminal with the adapters that are compiled in.

use std::process::ExitCode;

use blacksmith_store::{AvailableAdapters, CompiledIn as _};

fn main() -> ExitCode {
    blacksmith_cli::run(&AvailableAdapters::compiled_in())
}
