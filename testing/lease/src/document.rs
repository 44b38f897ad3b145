//! `docs/lease.md`: text, and a table for each family. Lines of configurations that did not run are kept as they are.

use std::{fmt::Write as _, fs};

use crate::{Result, configuration::Configuration};

/// Where the document stands.
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lease.md");

const INTRODUCTION: &str = include_str!("document/introduction.md");

/// The letters of the families, each with the heading over its table and the text below the heading.
const FAMILIES: [(&str, &str, &str); 10] = [
    (
        "N",
        "The contract as it stands",
        "Compare-and-set by the job's sequence, heartbeats by the id of the `executing` transition, a purge that waits until no\n\
         `add_events` of the event can be on its way.",
    ),
    ("Y", "The contract without one of its rules", "What each rule is for."),
    (
        "K",
        "Clocks",
        "Counted time: the database's clock, also one that steps; the workers' clocks; frozen workers; an outage longer than the\n\
         lease. A worker that freezes while it runs (K5), and a clock that steps forward (K6), defeat every rule of a store.",
    ),
    (
        "O",
        "The order of claims",
        "A few jobs in one or two queues, two claimers, a position for each queue that a handle keeps; time counted in claims. The\n\
         PostgreSQL adapter shares a want of several queues by a look that sees what another claim has locked: where that one has the\n\
         oldest, a claim can get less than there is, or a later job (O10). None comes back empty while another queue has due jobs,\n\
         for who got nothing looks again (O13).",
    ),
    (
        "B",
        "Batches",
        "One call brings the outcomes of two claims, each with its follow-up job. Two bounds of `apply`: while the event of a new job\n\
         may still be added, `gone` is not the last word, for a late copy of the call can be stored then (B10); so an event is added\n\
         before, or by, the change that needs it. And `known` speaks of a change's transitions: when one was stored by\n\
         `add_transitions` without its follow-ups, the change is known and they are not added (B11); so an outcome that has\n\
         follow-ups is sent by `apply` alone.",
    ),
    (
        "L",
        "Claim calls",
        "Several jobs under the lease of one call; extensions that name any of its tokens; claims whose answers are lost. L5 to L11\n\
         take one rule each away.",
    ),
    (
        "C",
        "The contract as it was first worded",
        "Read as kindly as its words allowed. What broke here led to the rules of today.",
    ),
    ("T", "Other tokens", "What else an outcome could be compared with."),
    (
        "X",
        "Every amendment but one",
        "Each amendment is needed. X1 shows what state and attempt would do as a token.",
    ),
    ("A", "Every amendment", "The contract between its first wording and today's."),
];

/// Whether the document has a table for this family.
#[cfg(test)]
pub(crate) fn has_family(family: &str) -> bool {
    FAMILIES.iter().any(|(letters, ..)| *letters == family)
}

/// Writes these lines.
pub(crate) fn write(configurations: &[Configuration], rows: &[(&str, String)]) -> Result {
    // A document that is not there yet has no lines to keep.
    let present = fs::read_to_string(PATH).unwrap_or_default();
    fs::write(PATH, text(configurations, rows, &present))?;
    Ok(())
}

/// Compares these lines, and the text around them.
pub(crate) fn check(configurations: &[Configuration], rows: &[(&str, String)]) -> Result {
    let present = fs::read_to_string(PATH).map_err(|error| format!("docs/lease.md: {error}"))?;
    if present == text(configurations, rows, &present) {
        return Ok(());
    }
    let stale = rows.iter().filter(|(_, row)| !present.lines().any(|line| line == row));
    let stale: Vec<&str> = stale.map(|(name, _)| *name).collect();
    Err(format!(
        "docs/lease.md is stale ({}): run `cargo run -p blacksmith-testing-lease -- {0} --write`",
        stale.join(" ")
    )
    .into())
}

/// The document with these lines, and the present ones of all other configurations.
fn text(configurations: &[Configuration], rows: &[(&str, String)], present: &str) -> String {
    let mut text = INTRODUCTION.to_owned();
    for (letters, title, about) in FAMILIES {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## {letters}: {title}\n\n{about}\n\n");
        text += "| configuration | | states | result |\n| --- | --- | --- | --- |\n";
        for configuration in configurations.iter().filter(|other| other.family() == letters) {
            let name = configuration.name;
            let written =
                rows.iter().find(|(other, _)| *other == name).map(|(_, row)| row.as_str());
            let begin = format!("| {name} | ");
            let kept = || present.lines().find(|line| line.starts_with(&begin));
            let _ = match written.or_else(kept) {
                Some(row) => writeln!(text, "{row}"),
                None => writeln!(text, "| {name} | {} | not run | |", configuration.story),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_others_are_kept() {
        let configurations = crate::configurations();
        let rows = [("Y1", "| Y1 | written | 1 | holds |".to_owned())];
        let written =
            text(&configurations, &rows, "| Y2 | kept | 2 | holds |\n| Y1 | old | 3 | holds |\n");
        let lines: Vec<&str> = written.lines().filter(|line| line.starts_with("| Y")).collect();
        assert_eq!(lines, ["| Y1 | written | 1 | holds |", "| Y2 | kept | 2 | holds |"]);
    }
}
