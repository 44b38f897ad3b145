//! An adapter whose stores have one fault, or none.

use std::sync::Arc;

use blacksmith_store_conformance::{Fixture, FixtureError, Place};
use blacksmith_store_core::{
    Adapter, CONTRACT_VERSION, Capabilities, Options, Result, Store, StoreError, async_trait,
};

use crate::{
    fault::{Faulty, Ground, Planted},
    planted,
    wire::{Server, Wired},
};

/// The setting that names the fault of a store in a file: a child process that opens it knows nothing else of it.
const FAULT: &str = "fault";

impl Ground {
    /// The sound adapter, whose name and options those with a fault share.
    pub(crate) fn below(self) -> Box<dyn Adapter> {
        match self {
            Self::Memory | Self::Server => Box::new(blacksmith_store_memory::adapter()),
            Self::File => Box::new(blacksmith_store_sqlite::adapter()),
        }
    }

    pub(crate) fn capabilities(self) -> Capabilities {
        let capabilities = self.below().capabilities();
        if self == Self::Server { capabilities.with_several_handles() } else { capabilities }
    }

    /// A sound store.
    async fn open(self, options: Options) -> Result<Arc<dyn Store>> {
        match self {
            Self::Server => Ok(Arc::new(Wired::open(options).await?)),
            Self::Memory | Self::File => self.below().open(options).await,
        }
    }
}

/// The adapter of a ground, with a fault in each store that it opens; without one it is sound.
#[derive(Clone, Copy)]
pub(crate) struct FaultyAdapter {
    ground: Ground,
    fault: Option<Planted>,
}

impl FaultyAdapter {
    pub(crate) fn sound(ground: Ground) -> Self {
        Self { ground, fault: None }
    }

    pub(crate) fn with(planted: Planted) -> Self {
        Self { ground: planted.ground, fault: Some(planted) }
    }

    /// What its stores do wrong, as the end of the sentence "a store that …".
    pub(crate) fn story(&self) -> &'static str {
        self.fault.map_or("has no fault", |planted| planted.story)
    }
}

#[async_trait]
impl Adapter for FaultyAdapter {
    fn name(&self) -> &'static str {
        self.ground.below().name()
    }

    fn contract_version(&self) -> u32 {
        CONTRACT_VERSION
    }

    fn capabilities(&self) -> Capabilities {
        self.ground.capabilities()
    }

    fn example_url(&self) -> &'static str {
        match self.ground {
            Ground::Server => "memory://localhost:4711/",
            Ground::Memory | Ground::File => self.ground.below().example_url(),
        }
    }

    async fn open(&self, mut options: Options) -> Result<Arc<dyn Store>> {
        let named = options.context.remove(FAULT);
        let fault = match &named {
            Some(name) => {
                let planted = planted::all().find(|planted| planted.story == name);
                let unknown = || StoreError::config(format!("there is no fault {name:?}"));
                Some(planted.copied().ok_or_else(unknown)?)
            }
            None => self.fault,
        };
        let Some(planted) = fault else { return self.ground.open(options).await };
        let fault = (planted.make)();
        let store = self.ground.open(fault.given(options)).await?;
        fault.opened(&store).await?;
        let mut options = store.options().clone();
        options.context.extend(named.map(|name| (FAULT.to_owned(), name)));
        Ok(Arc::new(Faulty { fault, store, options }))
    }
}

impl Fixture for FaultyAdapter {
    fn adapter(&self) -> impl Adapter + 'static {
        *self
    }

    async fn place(&self) -> std::result::Result<Place, FixtureError> {
        let options = Options::new(self.name());
        match self.ground {
            Ground::Memory => Ok(Place::new(options)),
            Ground::Server => {
                let server = Server::start().await?;
                Ok(Place::new(options.with_connection(server.url())).with_guard(server))
            }
            Ground::File => {
                let folder = tempfile::tempdir()?;
                let file = folder.path().join("store").to_string_lossy().into_owned();
                let options = options.with_connection(file);
                let options = match &self.fault {
                    Some(planted) => options.with_context(FAULT, planted.story),
                    None => options,
                };
                Ok(Place::new(options).with_guard(folder))
            }
        }
    }
}
