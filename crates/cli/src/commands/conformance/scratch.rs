//! The suite's fixture for the chosen database: stores for tries beside the one that is named.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use blacksmith_store::{
    Adapter, AvailableAdapters, Capabilities, ErrorKind, Migrator, Options, Result, SCRATCH, Store,
    StoreError, Toolkit, async_trait,
};
use blacksmith_store_conformance::{Fixture, FixtureError, Place, Server};

/// An adapter of the registry, and the options beside which its stores for tries are made.
#[derive(Clone)]
pub(super) struct Chosen(Arc<Choice>);

struct Choice {
    adapters: AvailableAdapters,
    options: Options,
    name: &'static str,
    capabilities: Capabilities,
    /// Tells the stores of this run from those of others.
    run: String,
    made: AtomicU64,
}

impl Chosen {
    pub(super) fn new(adapters: &AvailableAdapters, options: Options) -> Result<Self> {
        let adapter = adapters.select(&options)?;
        let (name, capabilities) = (adapter.name(), adapter.capabilities());
        let run = format!("{:08x}", Toolkit::new().random() & 0xffff_ffff);
        let (adapters, made) = (adapters.clone(), AtomicU64::new(0));
        Ok(Self(Arc::new(Choice { adapters, options, name, capabilities, run, made })))
    }

    fn adapter(&self) -> Result<&dyn Adapter> {
        self.0.adapters.select(&self.0.options)
    }

    /// Makes a store for tries, and removes it.
    pub(super) async fn try_once(&self) -> Result<()> {
        let options = self.make().await?;
        let opened = self.adapter()?.open(options.clone()).await.map(drop);
        self.adapter()?.remove_scratch(&options).await?;
        opened
    }

    /// A place where a store may be opened: its schema is up to date, if it has one.
    async fn make(&self) -> Result<Options> {
        let number = self.0.made.fetch_add(1, Ordering::SeqCst);
        let name = format!("{SCRATCH}{}_{number}", self.0.run);
        let options = self.adapter()?.scratch(&self.0.options, &name)?;
        match self.adapter()?.migrator(&options).await {
            Ok(migrator) => drop(migrator.up(None).await?),
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            Err(error) => return Err(error),
        }
        Ok(options)
    }

    /// Removes a store for tries, whichever thread the suite ends its case on.
    fn remove(&self, options: &Options) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StoreError::internal("no runtime could be made").with_source(error))?;
        runtime.block_on(self.adapter()?.remove_scratch(options))
    }
}

#[async_trait]
impl Adapter for Chosen {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn contract_version(&self) -> u32 {
        self.adapter().map_or(0, Adapter::contract_version)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities
    }

    fn example_url(&self) -> &'static str {
        self.adapter().map_or("", Adapter::example_url)
    }

    async fn open(&self, options: Options) -> Result<Arc<dyn Store>> {
        self.adapter()?.open(options).await
    }

    async fn migrator(&self, options: &Options) -> Result<Box<dyn Migrator>> {
        self.adapter()?.migrator(options).await
    }
}

impl Fixture for Chosen {
    fn adapter(&self) -> impl Adapter + 'static {
        self.clone()
    }

    async fn place(&self) -> std::result::Result<Place, FixtureError> {
        let options = self.make().await?;
        let removal = Removal { chosen: self.clone(), options: options.clone() };
        Ok(Place::new(options).with_guard(removal))
    }

    /// None where the chosen options lead to a socket, or to several hosts.
    fn server(&self) -> Option<Server> {
        Server::of_adapter(self).filter(|server| server.address(&self.0.options).is_some())
    }
}

/// Removes a store for tries when its case is done.
struct Removal {
    chosen: Chosen,
    options: Options,
}

impl Drop for Removal {
    fn drop(&mut self) {
        if let Err(error) = self.chosen.remove(&self.options) {
            tracing::error!(%error, "a store for tries is left behind");
        }
    }
}
