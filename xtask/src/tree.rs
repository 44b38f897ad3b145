//! Arrows only point down: what each crate of this repository may depend on.

use std::collections::BTreeSet;

use crate::command::{Result, cargo, output};

/// A crate, and what it may depend on, directly or not, of this repository and of the drivers.
struct Rule {
    package: &'static str,
    may: &'static [&'static str],
}

/// Crates that speak to a database. Core, scheduler and suite know none, so that an adapter brings its own.
const DRIVERS: [&str; 4] = ["rusqlite", "libsqlite3-sys", "tokio-postgres", "deadpool-postgres"];

const CORE: &str = "blacksmith-store-core";
const CONFORMANCE: &str = "blacksmith-store-conformance";
const MEMORY: &str = "blacksmith-store-memory";
const MIGRATIONS: &str = "blacksmith-store-migrations";
const POSTGRES: &str = "blacksmith-store-postgres";
const SCHEDULER: &str = "blacksmith-scheduler";
const SQL: &str = "blacksmith-store-sql";
const SQLITE: &str = "blacksmith-store-sqlite";
const STORE: &str = "blacksmith-store";

const FOR_SQLITE: [&str; 2] = ["rusqlite", "libsqlite3-sys"];
const FOR_POSTGRES: [&str; 2] = ["tokio-postgres", "deadpool-postgres"];

const RULES: &[Rule] = &[
    Rule { package: CORE, may: &[] },
    Rule { package: CONFORMANCE, may: &[CORE] },
    Rule { package: SCHEDULER, may: &[CORE] },
    Rule { package: MEMORY, may: &[CORE] },
    Rule { package: MIGRATIONS, may: &[CORE] },
    Rule { package: SQL, may: &[CORE] },
    Rule { package: SQLITE, may: &[CORE, SQL, MIGRATIONS, FOR_SQLITE[0], FOR_SQLITE[1]] },
    Rule { package: POSTGRES, may: &[CORE, SQL, MIGRATIONS, FOR_POSTGRES[0], FOR_POSTGRES[1]] },
];

/// These stand at the top, or are tools of the repository: they may depend on everything below.
const FREE: [&str; 8] = [
    STORE,
    "blacksmith-cli",
    "blacksmith-testing-faults",
    "blacksmith-testing-guarantees",
    "blacksmith-testing-lease",
    "blacksmith-testing-postgres-server",
    "blacksmith-testing-receiver",
    "xtask",
];

pub(crate) fn check() -> Result {
    let mut wrong = Vec::new();
    let members = names(&output(cargo("tree --workspace --depth 0 --prefix none --locked"))?);
    for member in &members {
        let Some(rule) = RULES.iter().find(|rule| rule.package == member) else {
            if !FREE.contains(&member.as_str()) {
                wrong.push(format!("{member} has no rule in xtask/src/tree.rs"));
            }
            continue;
        };
        let tree =
            format!("tree -p {member} -e normal,build --all-features --prefix none --locked");
        let forbidden = names(&output(cargo(&tree))?).into_iter().filter(|name| {
            name != member
                && (members.contains(name) || DRIVERS.contains(&name.as_str()))
                && !rule.may.contains(&name.as_str())
        });
        wrong.extend(forbidden.map(|name| format!("{member} must not depend on {name}")));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// The first word of each line, of which each is a crate.
fn names(tree: &str) -> BTreeSet<String> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}
