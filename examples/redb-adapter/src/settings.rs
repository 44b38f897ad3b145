//! What the options say.

use std::path::PathBuf;

use blacksmith_store_core::{Options, Result, StoreError};

/// The settings that there are.
const CREATE: &str = "create";
const CACHE_SIZE: &str = "cache_size";

/// Where the file is, and how it is opened.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) path: PathBuf,
    /// Whether a file that does not exist is made.
    pub(crate) create: bool,
    /// In bytes.
    pub(crate) cache_size: usize,
}

impl Settings {
    /// Reads them, and refuses what it does not know: a misspelt setting is not to be ignored.
    pub(crate) fn from_options(options: &Options) -> Result<Self> {
        options.check_context(&[CREATE, CACHE_SIZE])?;
        let path = options.expose_connection().filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| {
            StoreError::config(
                "the adapter \"redb\" needs the path of a file, as in redb://queue.redb",
            )
        })?;
        let setting = |name: &str| options.context.get(name).map(String::as_str);
        let create = match setting(CREATE) {
            None | Some("true") => true,
            Some("false") => false,
            Some(other) => return Err(no_value(CREATE, other, "true or false")),
        };
        let cache_size = match setting(CACHE_SIZE) {
            None => 64 << 20,
            Some(text) => {
                text.parse().map_err(|_| no_value(CACHE_SIZE, text, "a number of bytes"))?
            }
        };
        Ok(Self { path: path.into(), create, cache_size })
    }
}

fn no_value(name: &str, given: &str, expected: &str) -> StoreError {
    StoreError::config(format!("the setting {name:?} is {given:?} and not {expected}"))
}
