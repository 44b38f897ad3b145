//! Crates as they would be published.

use crate::command::{Result, cargo, run};

/// Packages every crate that is published, and builds it from what was packaged.
pub(crate) fn check() -> Result {
    run(cargo("package --workspace --locked --allow-dirty"))
}
