//! Where a demo leaves what it makes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use blacksmith_store::Options;
use tempfile::TempDir;

use crate::{
    failure::{Failure, Result},
    store_choice::CONFIG_FILE,
};

/// The store's file.
const STORE: &str = "blacksmith.db";

/// The file that the archive's lines go to.
const ARCHIVE: &str = "delivered.ndjson";

/// A folder: a temporary one, which is deleted when this is dropped, or one that stays.
pub(crate) struct Place {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Place {
    /// `kept`, which may exist but must be empty, or a temporary folder.
    pub(crate) fn new(kept: Option<&Path>) -> Result<Self> {
        let Some(kept) = kept else {
            let temporary = tempfile::tempdir()
                .map_err(|error| Failure::input_output("make a temporary folder", error))?;
            return Ok(Self { path: temporary.path().to_owned(), temporary: Some(temporary) });
        };
        let failed = |error: io::Error| {
            Failure::input_output(format!("use the folder {}", kept.display()), error)
        };
        fs::create_dir_all(kept).map_err(failed)?;
        if fs::read_dir(kept).map_err(failed)?.next().is_some() {
            return Err(Failure::usage(format!(
                "the folder {} is not empty; the demo keeps what it makes in one of its own",
                kept.display()
            )));
        }
        Ok(Self { path: kept.to_owned(), temporary: None })
    }

    /// The folder, if it stays.
    pub(crate) fn kept(&self) -> Option<&Path> {
        self.temporary.is_none().then_some(self.path.as_path())
    }

    /// The file that the archive's lines go to.
    pub(crate) fn archive(&self) -> PathBuf {
        self.path.join(ARCHIVE)
    }

    /// A store in the folder.
    pub(crate) fn store(&self) -> Result<Options> {
        let path = self.path.join(STORE);
        let path = path.to_str().ok_or_else(|| {
            Failure::usage(format!("the name of {} is not text", self.path.display()))
        })?;
        Ok(Options::new("sqlite").with_connection(path))
    }

    /// Writes the configuration that somebody in the folder goes on with.
    pub(crate) fn write_configuration(&self, receiver: &str) -> Result<()> {
        let path = self.path.join(CONFIG_FILE);
        let text = format!(
            "# What `blacksmith demo` did. Its receiver is gone; put another `url` there before `blacksmith run`.\n\n\
             [store]\nurl = \"sqlite://{STORE}\"\n\n{}",
            configuration(receiver, Path::new(ARCHIVE))?
        );
        fs::write(&path, text)
            .map_err(|error| Failure::input_output(format!("write {}", path.display()), error))
    }
}

/// Routes and destinations of the demo: every event leads to the receiver and into the archive.
pub(crate) fn configuration(receiver: &str, archive: &Path) -> Result<String> {
    let archive = archive
        .to_str()
        .ok_or_else(|| Failure::usage(format!("the name of {} is not text", archive.display())))?;
    // A string of JSON is one of TOML too.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (receiver, archive) = (quoted(receiver), quoted(archive));
    Ok(format!(
        r#"[[routes]]
source = "github"
to = ["crm/upsert", "archive/append"]

# A receiver that fails on purpose: a second after a failure it is tried again, and given up after five attempts.
[destinations.crm]
kind = "http"
url = {receiver}
timeout = "1s"
interval = "@every 1s"
max_retries = 4

[destinations.crm.actions.upsert]

[destinations.archive]
kind = "file"
path = {archive}
interval = "@every 1s"

[destinations.archive.actions.append]
"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_kept_folder_is_made_and_must_be_empty() -> Result<()> {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = folder.path().join("a/b");
        let place = Place::new(Some(&kept))?;
        place.write_configuration("http://127.0.0.1:1/webhooks")?;
        drop(place);
        assert!(kept.join(CONFIG_FILE).exists());
        let refused = Place::new(Some(&kept)).err().expect("it is not empty");
        assert_eq!(refused.exit(), Exit::Usage);
        Ok(())
    }

    #[test]
    fn a_temporary_folder_goes() -> Result<()> {
        let place = Place::new(None)?;
        let path = place.path.clone();
        assert!(path.exists() && place.kept().is_none());
        drop(place);
        assert!(!path.exists());
        Ok(())
    }
}
