//! The adapter: opens stores.

use std::{io, sync::Arc};

use blacksmith_store_core::{
    Adapter, CONTRACT_VERSION, Capabilities, Options, Result, SCRATCH, Store, StoreError,
    async_trait,
};
use redb::{Builder, Database};

use crate::{
    error::{commit_failed, failed},
    layout,
    running::{File, on_a_thread},
    settings::Settings,
    store::RedbStore,
};

/// The name under which it is registered, and the scheme of its URLs.
pub(crate) const NAME: &str = "redb";

/// What its stores support. redb locks its file for one handle of one process, so neither several handles nor several
/// processes are declared: the suite leaves those cases out, and opening the file twice is an error.
pub(crate) const CAPABILITIES: Capabilities = Capabilities::NONE.with_durable().with_wakeups();

/// The redb adapter, for [`AvailableAdapters`](blacksmith_store_core::AvailableAdapters).
#[must_use]
pub fn adapter() -> RedbAdapter {
    RedbAdapter(())
}

/// Opens stores in redb files.
#[derive(Clone, Copy, Debug)]
pub struct RedbAdapter(());

#[async_trait]
impl Adapter for RedbAdapter {
    fn name(&self) -> &'static str {
        NAME
    }

    fn contract_version(&self) -> u32 {
        CONTRACT_VERSION
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn example_url(&self) -> &'static str {
        "redb://queue.redb"
    }

    async fn open(&self, options: Options) -> Result<Arc<dyn Store>> {
        let options = options.with_path_of_url()?;
        let settings = Settings::from_options(&options)?;
        let file = on_a_thread(move || open(&settings)).await?;
        Ok(Arc::new(RedbStore { options, file }))
    }

    fn is_absent(&self, options: &Options) -> bool {
        let settings =
            options.clone().with_path_of_url().and_then(|options| Settings::from_options(&options));
        settings.is_ok_and(|settings| settings.path.try_exists().is_ok_and(|exists| !exists))
    }

    fn scratch(&self, options: &Options, name: &str) -> Result<Options> {
        let options = options.clone().with_path_of_url()?;
        let file = Settings::from_options(&options)?.path.with_file_name(name);
        let file = file.to_str().ok_or_else(|| StoreError::config("the path is no UTF-8"))?;
        Ok(options.with_connection(file))
    }

    async fn remove_scratch(&self, options: &Options) -> Result<()> {
        let path = Settings::from_options(options)?.path;
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SCRATCH)) {
            return Err(StoreError::invalid_input("the file is no store for tries"));
        }
        on_a_thread(move || match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::unavailable("a store for tries cannot be removed")
                    .with_source(error))
            }
            _ => Ok(()),
        })
        .await
    }
}

fn open(settings: &Settings) -> Result<File> {
    let mut builder = Builder::new();
    builder.set_cache_size(settings.cache_size);
    let database: Database =
        if settings.create { builder.create(&settings.path) } else { builder.open(&settings.path) }
            .map_err(failed)?;
    let transaction = database.begin_write().map_err(failed)?;
    layout::prepare(&transaction)?;
    transaction.commit().map_err(commit_failed)?;
    Ok(File::new(database))
}
