//! Which store a command works on.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use blacksmith_store::{ENV_POSTGRES_URL, ENV_URL, Options};
use clap::Args;

use crate::{
    configuration::Configuration,
    failure::{Failure, Result},
};

/// The configuration file that is read where none is named.
pub(crate) const CONFIG_FILE: &str = "blacksmith.toml";

/// The store where nothing names one.
const DEFAULT_URL: &str = "sqlite://blacksmith.db";

/// Which store: `--store`, else `BLACKSMITH_STORE_URL`, else the configuration file, else `sqlite://blacksmith.db`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreFlags {
    // The value may hold a password: neither help nor an error shows it.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "BLACKSMITH_STORE_URL",
        hide_env_values = true,
        help = "The store's URL: sqlite://FILE, postgres://HOST/DATABASE [default: sqlite://blacksmith.db]"
    )]
    store: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "The configuration file, with the table [store] [default: blacksmith.toml, if there is one]"
    )]
    config: Option<PathBuf>,
}

impl StoreFlags {
    /// The options of the chosen store. Settings of the configuration file go with another URL of the same adapter.
    ///
    /// # Errors
    /// A file that cannot be read (only one that was named must exist), and `Config` for what it holds or for the URL.
    pub(crate) fn options(&self) -> Result<Options> {
        self.options_in(Path::new("."), |name| std::env::var(name).ok())
    }

    /// The routes and destinations of the configuration file.
    ///
    /// # Errors
    /// As [`options`](Self::options).
    pub(crate) fn configuration(&self) -> Result<Configuration> {
        let text = self.read_config(Path::new("."))?;
        Ok(text
            .map_or_else(|| Ok(Configuration::default()), |text| Configuration::from_toml(&text))?)
    }

    /// The store of `--store` alone; what the environment names is no store to play with.
    ///
    /// # Errors
    /// `Config` for the URL.
    pub(crate) fn named(&self) -> Result<Option<Options>> {
        let of_environment = std::env::var(ENV_URL).ok();
        let named = self.store.as_deref().filter(|url| !url.is_empty());
        let named = named.filter(|url| of_environment.as_deref() != Some(*url));
        Ok(named.map(Options::from_url).transpose()?)
    }

    fn options_in(
        &self,
        folder: &Path,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Options> {
        let text = self.read_config(folder)?;
        let file = text.map_or_else(|| Ok(Options::default()), |text| Options::from_toml(&text))?;
        let Some(url) = self.store.as_deref().filter(|url| !url.is_empty()) else {
            if file.from.is_empty() && file.connection.is_none() {
                let mut options = Options::from_url(DEFAULT_URL)?;
                options.context = file.context;
                options.purge = file.purge;
                return Ok(options);
            }
            // What the file leaves out; the variable for every adapter was looked at already.
            return Ok(file.or_variables(|name| (name == ENV_POSTGRES_URL).then(|| lookup(name))?)?);
        };
        let mut options = Options::from_url(url)?;
        if file.from == options.from {
            for (key, value) in file.context {
                options.context.entry(key).or_insert(value);
            }
        }
        options.purge = file.purge;
        Ok(options)
    }

    /// The text of the configuration file, if there is one.
    fn read_config(&self, folder: &Path) -> Result<Option<String>> {
        let path = match &self.config {
            Some(named) => named.clone(),
            None => folder.join(CONFIG_FILE),
        };
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if self.config.is_none() && error.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(Failure::input_output(format!("read {}", path.display()), error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(store: Option<&str>, config: &str) -> Result<(String, Option<String>, Vec<String>)> {
        let folder = tempfile::tempdir().expect("a folder");
        if !config.is_empty() {
            fs::write(folder.path().join(CONFIG_FILE), config).expect("written");
        }
        let flags = StoreFlags { store: store.map(str::to_owned), config: None };
        let go = |name: &str| (name == ENV_POSTGRES_URL).then(|| "postgres://go@h/d".to_owned());
        let options = flags.options_in(folder.path(), go)?;
        let connection = options.expose_connection().map(str::to_owned);
        let context = options.context.iter().map(|(key, value)| format!("{key}={value}"));
        Ok((options.from.clone(), connection, context.collect()))
    }

    #[test]
    fn a_url_wins_over_the_file_and_the_file_over_the_default() -> Result<()> {
        let file = "[store]\nurl = \"sqlite://file.db\"\ncontext.synchronous = \"normal\"";
        let settings = vec!["synchronous=normal".to_owned()];
        let of = |from: &str, connection: &str, context: &[String]| {
            (from.to_owned(), Some(connection.to_owned()), context.to_vec())
        };

        assert_eq!(chosen(None, "")?, of("sqlite", "blacksmith.db", &[]));
        assert_eq!(chosen(Some(""), "")?, of("sqlite", "blacksmith.db", &[]));
        assert_eq!(chosen(None, file)?, of("sqlite", "file.db", &settings));
        assert_eq!(chosen(Some("sqlite://a.db"), file)?, of("sqlite", "a.db", &settings));
        let postgres = of("postgres", "postgres://u@h/d", &[]);
        assert_eq!(chosen(Some("postgres://u@h/d"), file)?, postgres);
        Ok(())
    }

    #[test]
    fn a_file_may_name_the_adapter_alone() -> Result<()> {
        let (from, connection, _) = chosen(None, "[store]\nfrom = \"postgres\"")?;
        assert_eq!((from.as_str(), connection.as_deref()), ("postgres", Some("postgres://go@h/d")));
        Ok(())
    }

    #[test]
    fn a_named_file_must_exist() {
        let flags = StoreFlags { store: None, config: Some("absent/blacksmith.toml".into()) };
        let failure = flags.options_in(Path::new("."), |_| None).expect_err("no such file");
        assert_eq!(failure.exit(), crate::exit::Exit::InputOutput);
    }
}
