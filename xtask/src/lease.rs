//! The protocol's model, without its largest configurations, and its document.

use crate::command::{Result, cargo, run};

pub(crate) fn check() -> Result {
    run(cargo("run --quiet --locked -p blacksmith-testing-lease -- --quick --check"))
}
