//! The crates in `examples/`: each a workspace of its own, as a stranger's would be, so that the steps for the workspace do not
//! reach them.

use std::{fs, path::PathBuf, process::Command};

use crate::command::{Result, cargo, root, run, target};

/// A crate of its own.
pub(crate) struct Example {
    folder: PathBuf,
}

/// Every example, in the order of their names.
pub(crate) fn all() -> Result<Vec<Example>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root().join("examples"))? {
        let folder = entry?.path();
        if folder.join("Cargo.toml").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders.into_iter().map(|folder| Example { folder }).collect())
}

impl Example {
    /// A command of cargo in its folder. What was compiled for the workspace serves here too.
    pub(crate) fn cargo(&self, arguments: &str) -> Command {
        let mut command = cargo(arguments);
        command.current_dir(&self.folder).env("CARGO_TARGET_DIR", target());
        command
    }
}

/// Format and lints of each.
pub(crate) fn check() -> Result {
    for example in all()? {
        run(example.cargo("fmt --check"))?;
        run(example.cargo("clippy --all-targets --locked -- -D warnings"))?;
    }
    Ok(())
}
