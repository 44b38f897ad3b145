//! The configurations of the job's life.

mod amended;
mod missing;
mod present;
mod worded;

use super::rules::{Faults, Rules};
use crate::configuration::{Configuration, Expected};

/// The contract as it stands, as first worded, other tokens, everything amended but one thing, and amended.
pub(crate) fn configurations() -> Vec<Configuration> {
    let families = [present::LINES, worded::LINES, missing::LINES, amended::LINES];
    let configuration = |line: &Line| {
        let all = Configuration::new(line.name, line.story, line.expected, line.rules.clone());
        if line.is_large { all.large() } else { all }
    };
    families.into_iter().flatten().map(configuration).collect()
}

/// A configuration of this model.
struct Line {
    name: &'static str,
    story: &'static str,
    expected: Expected,
    is_large: bool,
    rules: Rules,
}

impl Line {
    const fn large(self) -> Self {
        Self { is_large: true, ..self }
    }
}

const fn holds(name: &'static str, story: &'static str, rules: Rules) -> Line {
    Line { name, story, expected: Expected::Holds, is_large: false, rules }
}

const fn breaks(name: &'static str, story: &'static str, rules: Rules) -> Line {
    Line { name, story, expected: Expected::Breaks, is_large: false, rules }
}

const NONE: Faults = Faults::NONE;
const RESENT: Faults = Faults::RESENT;
