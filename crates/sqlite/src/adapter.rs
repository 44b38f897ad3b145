//! The adapter: opens stores.

use std::sync::Arc;

use blacksmith_store_core::{
    Adapter, CONTRACT_VERSION, Capabilities, Migrator, Options, Result, SCRATCH, Store, StoreError,
    async_trait,
};
use tokio::sync::oneshot;

use crate::{
    connection::{Role, connect},
    executor::{Executor, spawn},
    migrate::{self, SqliteMigrator},
    settings::{Place, Settings},
    store::{NAME, SqliteStore},
    wakeups::Bell,
};

/// What a store in a file supports.
const CAPABILITIES: Capabilities = Capabilities::NONE
    .with_durable()
    .with_several_handles()
    .with_several_processes()
    .with_wakeups();

/// What a store in memory supports: each open is one of its own.
const MEMORY_CAPABILITIES: Capabilities = Capabilities::NONE.with_wakeups();

/// The SQLite adapter, for [`AvailableAdapters`](blacksmith_store_core::AvailableAdapters).
pub fn adapter() -> SqliteAdapter {
    SqliteAdapter(())
}

/// Opens stores in SQLite files.
#[derive(Clone, Copy, Debug)]
pub struct SqliteAdapter(());

#[async_trait]
impl Adapter for SqliteAdapter {
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
        "sqlite://queue.db"
    }

    async fn open(&self, options: Options) -> Result<Arc<dyn Store>> {
        let settings = Settings::from_options(&options)?;
        on_a_thread(move || open(options, settings)).await
    }

    /// A file of another VFS cannot be looked for.
    fn is_absent(&self, options: &Options) -> bool {
        Settings::from_options(options).is_ok_and(|settings| match settings.place {
            Place::File(path) => {
                settings.vfs.is_none() && path.try_exists().is_ok_and(|exists| !exists)
            }
            Place::Memory => false,
        })
    }

    async fn migrator(&self, options: &Options) -> Result<Box<dyn Migrator>> {
        Ok(Box::new(SqliteMigrator::new(Settings::from_options(options)?)))
    }

    /// A file in the folder of the one that the options name.
    fn scratch(&self, options: &Options, name: &str) -> Result<Options> {
        match Settings::from_options(options)?.place {
            Place::Memory => Ok(options.clone()),
            Place::File(path) => {
                let file = path.with_file_name(name).with_extension("db");
                let file = file.to_str().ok_or_else(|| {
                    StoreError::config("the path of the SQLite database is no valid UTF-8")
                })?;
                Ok(options.clone().with_connection(file))
            }
        }
    }

    async fn remove_scratch(&self, options: &Options) -> Result<()> {
        let Place::File(path) = Settings::from_options(options)?.place else { return Ok(()) };
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SCRATCH)) {
            return Err(StoreError::invalid_input("the file is no store for tries"));
        }
        on_a_thread(move || {
            for suffix in ["", "-wal", "-shm", "-journal"] {
                let mut file = path.clone().into_os_string();
                file.push(suffix);
                match std::fs::remove_file(&file) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        let error = StoreError::unavailable("a store for tries cannot be removed")
                            .with_source(error);
                        return Err(error);
                    }
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }
}

fn open(options: Options, mut settings: Settings) -> Result<Arc<dyn Store>> {
    let mut connection = connect(&settings, Role::Write)?;
    migrate::on_open(&mut connection, &settings)?;
    // The whole path, so that further connections are to the same file wherever the program goes.
    if let (Place::File(path), Some(whole)) = (&mut settings.place, connection.path())
        && !whole.is_empty()
    {
        *path = whole.into();
    }
    let bell = Bell::new();
    let capabilities = match settings.place {
        Place::File(_) => CAPABILITIES,
        Place::Memory => MEMORY_CAPABILITIES,
    };
    let executor = Executor::new(&settings, connection, Arc::clone(&bell))?;
    Ok(Arc::new(SqliteStore::new(options, settings, capabilities, executor, bell)))
}

/// Works on a thread of its own, for opening a file may wait for other processes.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (reply, answer) = oneshot::channel();
    // The thread ends with its work; who does not wait for the answer does not want it.
    drop(spawn("opener", move || drop(reply.send(work())))?);
    answer
        .await
        .map_err(|_| StoreError::internal("the thread that opened the database has ended"))?
}
