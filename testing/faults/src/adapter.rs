//! An adapter whose stores have one fault, or none.

use std::sync::Arc;

use blacksmith_store_conformance::{Fixture, FixtureError, Place};
use blacksmith_store_core::{
    Adapter, CONTRACT_VERSION, Capabilities, Options, Result, Store, async_trait,
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
            Some(story) => planted::all().find(|planted| planted.story == story).copied(),
            None => self.fault,
        };
        let ground = self.ground;
        let open = async move |options| -> Result<Arc<dyn Store>> {
            let store: Arc<dyn Store> = match ground {
                Ground::Server => Arc::new(Wired::open(options).await?),
                Ground::Memory | Ground::File => ground.below().open(options).await?,
            };
            Ok(store)
        };
        let name = |options: Options| match named {
            Some(story) => options.with_context(FAULT, story),
            None => options,
        };
        match &fault {
            Some(planted) => Ok(Arc::new(Faulty::open(planted, options, open, name).await?)),
            None => open(options).await,
        }
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
