//! Documents that programs of the workspace write from what they tried.

use crate::command::{Result, cargo, run};

/// The programs; each writes its document, or with `--check` compares it.
const WRITERS: [&str; 2] = ["blacksmith-testing-faults", "blacksmith-testing-guarantees"];

pub(crate) fn write() -> Result {
    WRITERS
        .into_iter()
        .try_for_each(|writer| run(cargo(&format!("run --quiet --locked -p {writer}"))))
}

pub(crate) fn check() -> Result {
    WRITERS
        .into_iter()
        .try_for_each(|writer| run(cargo(&format!("run --quiet --locked -p {writer} -- --check"))))
}
