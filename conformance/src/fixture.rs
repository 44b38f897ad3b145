//! What an adapter's author writes.

use std::{any::Any, error::Error, fmt};

use blacksmith_store_core::{Adapter, Options};

use crate::server::Server;

/// Why a place for a store could not be made. Its text must not hold a secret.
pub type FixtureError = Box<dyn Error + Send + Sync>;

/// The adapter under test, and where its stores are made.
///
/// An adapter that needs nothing from outside implements [`adapter`](Self::adapter) alone.
pub trait Fixture: Send + Sync + 'static {
    /// The adapter, as its crate exports it.
    fn adapter(&self) -> impl Adapter + 'static;

    /// Whether the environment holds what [`place`](Self::place) needs; asked once, before the first case. An error is a
    /// sentence that says what to set, and fails every case: a database that nobody configured must not look like one that
    /// was tested.
    ///
    /// # Errors
    /// When something is missing.
    fn environment(&self) -> Result<(), String> {
        Ok(())
    }

    /// A place where no store is yet: a new file, a new schema. The store is opened there, several times where the adapter
    /// declares that it can be. The default suits an adapter whose every open makes a store of its own.
    ///
    /// Called in a runtime of the case's own, which is gone when the place is dropped.
    fn place(&self) -> impl Future<Output = Result<Place, FixtureError>> + Send {
        let options = Options::new(self.adapter().name());
        async { Ok(Place::new(options)) }
    }

    /// The server behind the stores, so that the suite can cut connections to it; none shows those cases as ignored. The default
    /// suits an adapter whose connection is a URL: it has a server if its [example](Adapter::example_url) has a port, and the
    /// options of a place lead there. For others there is [`Server::new`].
    fn server(&self) -> Option<Server> {
        Server::of_adapter(&self.adapter())
    }
}

/// Where a store is opened, and what removes it.
pub struct Place {
    pub(crate) options: Options,
    pub(crate) guard: Box<dyn Any + Send>,
}

impl Place {
    /// The place that these options describe; nothing needs to be removed.
    pub fn new(options: Options) -> Self {
        Self { options, guard: Box::new(()) }
    }

    /// The same with a value whose `Drop` removes what was made. It is dropped after every handle on the store, outside of
    /// any runtime, so it may block.
    pub fn with_guard(self, guard: impl Any + Send) -> Self {
        Self { guard: Box::new(guard), ..self }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("options", &self.options).finish_non_exhaustive()
    }
}
