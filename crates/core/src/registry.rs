//! The adapters that a program can open, by name.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    CONTRACT_VERSION, Capabilities, Migrator, Options, Result, Store, StoreError,
    checked::{Access, Checked},
};

/// How the name of a store for tries begins.
pub const SCRATCH: &str = "blacksmith_scratch_";

/// What opens stores of one kind. An adapter crate exports a function `adapter()` that makes its own.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// The name under which it is registered, which is also the scheme of its URLs: `"sqlite"`.
    fn name(&self) -> &'static str;

    /// The version of the contract it was written for, [`CONTRACT_VERSION`] of the core crate at that time.
    fn contract_version(&self) -> u32;

    /// What its stores claim to support.
    fn capabilities(&self) -> Capabilities;

    /// A URL to show as an example.
    fn example_url(&self) -> &'static str;

    /// Opens the store that the options describe. Callers go through [`AvailableAdapters::open`], which adds the checks.
    ///
    /// # Errors
    /// `Config` for options that cannot work, `Unavailable` when the database cannot be reached, `Corrupt` when it is damaged.
    async fn open(&self, options: Options) -> Result<Arc<dyn Store>>;

    /// Whether there is surely no store where these options lead, so that [`open`](Self::open) would make one: who only wants
    /// to read, such as most commands of the terminal, then opens nothing. Looks without making or changing anything; what
    /// cannot be told, also because the options cannot work, is not absent, and `open` says what is wrong. A place that
    /// holds a store is never absent.
    ///
    /// The default answers `false`, for adapters whose `open` makes nothing that lasts.
    fn is_absent(&self, options: &Options) -> bool {
        let _ = options;
        false
    }

    /// The migrations of the database that the options describe; opens it without migrating it.
    ///
    /// # Errors
    /// `Unsupported` for an adapter without a schema, which is the default; else as [`open`](Self::open).
    async fn migrator(&self, options: &Options) -> Result<Box<dyn Migrator>> {
        let _ = options;
        let name = self.name();
        Err(StoreError::unsupported(format!("the adapter {name:?} has no schema to migrate")))
    }

    /// Options of a store for tries, beside the one that these options describe: a schema or a file of its own called `name`,
    /// where nothing is yet. It must be something that [`remove_scratch`](Self::remove_scratch) can tell from an
    /// application's store by its name, which begins with [`SCRATCH`].
    ///
    /// # Errors
    /// `Unsupported`, which is the default; `Config` for options that cannot work.
    fn scratch(&self, options: &Options, name: &str) -> Result<Options> {
        let _ = (options, name);
        let adapter = self.name();
        Err(StoreError::unsupported(format!("the adapter {adapter:?} makes no stores for tries")))
    }

    /// Removes a store that was made where [`scratch`](Self::scratch) said, with everything in it; every handle on it is gone.
    ///
    /// # Errors
    /// `InvalidInput` for another store, which is left alone; else as [`open`](Self::open). The default has nothing to remove.
    async fn remove_scratch(&self, options: &Options) -> Result<()> {
        let _ = options;
        Ok(())
    }
}

/// The adapters of a program: a plain value, no global. Blacksmith: `store.AvailableAdapters`.
///
/// ```no_run
/// # use blacksmith_store_core::{Adapter, AvailableAdapters, Options, Result};
/// # async fn example(sqlite: impl Adapter + 'static, theirs: impl Adapter + 'static) -> Result<()> {
/// let adapters = AvailableAdapters::new().with(sqlite)?.with(theirs)?;
/// let store = adapters.open(Options::from_url("sqlite://dev.db")?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct AvailableAdapters {
    adapters: Vec<Arc<dyn Adapter>>,
    /// Names that are known, with what to do to have them.
    absent: Vec<(&'static str, &'static str)>,
}

impl AvailableAdapters {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one adapter more.
    ///
    /// # Errors
    /// `Config` when one of this name is there already.
    pub fn with(mut self, adapter: impl Adapter + 'static) -> Result<Self> {
        let name = adapter.name();
        if self.get(name).is_some() {
            return Err(StoreError::config(format!("two adapters are called {name:?}")));
        }
        self.adapters.push(Arc::new(adapter));
        Ok(self)
    }

    /// The same, knowing a name that is not available, and `remedy`, a sentence on how to have it.
    pub fn with_absent(mut self, name: &'static str, remedy: &'static str) -> Self {
        self.absent.push((name, remedy));
        self
    }

    /// The names, in the order in which they were added.
    pub fn names(&self) -> Vec<&'static str> {
        self.adapters.iter().map(|adapter| adapter.name()).collect()
    }

    /// The adapters, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Adapter> {
        self.adapters.iter().map(AsRef::as_ref)
    }

    /// The names that are known but not available, each with a sentence on how to have it.
    pub fn absent(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.absent.iter().copied().filter(|(name, _)| self.get(name).is_none())
    }

    /// The adapter of this name.
    pub fn get(&self, name: &str) -> Option<&dyn Adapter> {
        self.iter().find(|adapter| adapter.name() == name)
    }

    /// The adapter that `options.from` names.
    ///
    /// # Errors
    /// `Config` when there is none, listing those that there are, and saying when it is known but not compiled in; or when it
    /// was written for another version of the contract.
    pub fn select(&self, options: &Options) -> Result<&dyn Adapter> {
        let from = options.from.as_str();
        let available = if self.adapters.is_empty() {
            "no adapters are available".to_owned()
        } else {
            format!("available: {}", self.names().join(", "))
        };
        if from.is_empty() {
            return Err(StoreError::config(format!("`from` names no adapter; {available}")));
        }
        if options.names_a_url() {
            return Err(StoreError::config(format!(
                "`from` is the name of an adapter, and holds a URL, which goes into `url`; {available}"
            )));
        }
        let Some(adapter) = self.get(from) else {
            let remedy = self.absent.iter().find(|(name, _)| *name == from);
            let remedy = remedy.map(|(_, remedy)| format!("; {remedy}")).unwrap_or_default();
            return Err(StoreError::config(format!(
                "`from` is {from:?}, which is no available adapter ({available}){remedy}"
            )));
        };
        let written_for = adapter.contract_version();
        if written_for != CONTRACT_VERSION {
            return Err(StoreError::config(format!(
                "the adapter {from:?} was written for version {written_for} of the contract; \
                 this program has version {CONTRACT_VERSION}"
            )));
        }
        Ok(adapter)
    }

    /// Opens the store that `options` describe, wrapped in the checks of the contract.
    ///
    /// # Errors
    /// As [`select`](Self::select) and [`Adapter::open`].
    pub async fn open(&self, options: Options) -> Result<Arc<dyn Store>> {
        let opened = match self.select(&options) {
            Ok(adapter) => adapter.open(options).await,
            Err(error) => Err(error),
        };
        // Whatever was lost on the way, it may be opened again.
        let store = opened.map_err(|error| Access::read.settle(error.with_operation("open")))?;
        Ok(Arc::new(Checked::new(store)))
    }

    /// The migrations of the database that `options` describe.
    ///
    /// # Errors
    /// As [`select`](Self::select) and [`Adapter::migrator`].
    pub async fn migrator(&self, options: &Options) -> Result<Box<dyn Migrator>> {
        let migrator = match self.select(options) {
            Ok(adapter) => adapter.migrator(options).await,
            Err(error) => Err(error),
        };
        migrator.map_err(|error| error.with_operation("migrate"))
    }
}

impl std::fmt::Debug for AvailableAdapters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AvailableAdapters").field(&self.names()).finish()
    }
}
