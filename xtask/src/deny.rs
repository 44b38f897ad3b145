//! Licences, bans, sources and advisories, by cargo-deny with `deny.toml`.

use crate::command::{Result, cargo, run};

pub(crate) fn check() -> Result {
    run(cargo("deny --all-features --locked check --hide-inclusion-graph licenses bans sources"))?;
    // The database of advisories lives in a repository of its own, which not every machine reaches.
    if let Err(error) = run(cargo("deny fetch db")) {
        eprintln!("warning: advisories NOT checked: the database cannot be fetched ({error})");
        return Ok(());
    }
    run(cargo("deny --all-features --locked check --disable-fetch advisories"))
}
