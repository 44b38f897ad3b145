//! Crates as they would be published.

use crate::command::{Result, cargo, run};

/// Packages every crate, and builds it from what was packaged.
pub(crate) fn check() -> Result {
    let mut command = cargo("package --workspace --locked --allow-dirty");
    // A package does not carry the workspace's profile; with the same one, what others compiled serves here too.
    command.env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    run(command)
}
