//! The conformance suite on this adapter.

use blacksmith_store_conformance::{Fixture, run};

struct Memory;

impl Fixture for Memory {
    fn adapter(&self) -> impl blacksmith_store_core::Adapter + 'static {
        blacksmith_store_memory::adapter()
    }
}

fn main() -> std::process::ExitCode {
    run(Memory)
}
