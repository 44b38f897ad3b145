//! Runs calls: one transaction of redb each, on a thread that may block.

use std::sync::Arc;

use blacksmith_store_core::{ErrorKind, Result, Retry, StoreError, Timestamp, Toolkit};
use redb::{Database, ReadableDatabase as _};
use tokio::{
    sync::{Mutex, OwnedMutexGuard, watch},
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use crate::{
    error::{commit_failed, failed},
    layout::{Batch, Snapshot},
};

/// The open file; its clones share it.
#[derive(Clone)]
pub(crate) struct File {
    database: Arc<Database>,
    /// redb has one write transaction at a time, and whoever waits for it blocks a thread. Here they wait without one, and
    /// may give up.
    writer: Arc<Mutex<()>>,
    /// Fires when there may be more to claim.
    arrivals: watch::Sender<()>,
}

impl File {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            database: Arc::new(database),
            writer: Arc::default(),
            arrivals: watch::Sender::default(),
        }
    }

    /// A receiver that fires when there may be more to claim.
    pub(crate) fn arrivals(&self) -> watch::Receiver<()> {
        self.arrivals.subscribe()
    }

    /// Reads from a snapshot.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        toolkit: &Toolkit,
        work: impl FnOnce(&Snapshot) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let database = Arc::clone(&self.database);
        let reading = on_a_thread(move || {
            let transaction = database.begin_read().map_err(failed)?;
            work(&Snapshot::open(&transaction).map_err(failed)?)
        });
        in_time(toolkit, reading).await.flatten()
    }

    /// Writes, and commits unless the work is refused.
    ///
    /// When the deadline passes before the transaction begins, nothing is done; later, it is done whole, or not at all, and
    /// its answer is lost. The same holds for a caller that drops the future.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        toolkit: &Toolkit,
        work: impl FnOnce(&mut Batch<'_>, Timestamp) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = self.turn(toolkit).await?;
        let writing = self.write_in(turn, toolkit, work);
        let answer = in_time(toolkit, writing).await;
        answer.unwrap_or_else(|late| Err(late.with_retry(Retry::OutcomeUnknown)))
    }

    /// Waits until this is the one call that writes.
    pub(crate) async fn turn(&self, toolkit: &Toolkit) -> Result<OwnedMutexGuard<()>> {
        in_time(toolkit, Arc::clone(&self.writer).lock_owned()).await
    }

    /// [`write`](Self::write), when it is this call's turn, for as long as it takes.
    pub(crate) async fn write_in<T: Send + 'static>(
        &self,
        turn: OwnedMutexGuard<()>,
        toolkit: &Toolkit,
        work: impl FnOnce(&mut Batch<'_>, Timestamp) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Self { database, arrivals, .. } = self.clone();
        let toolkit = toolkit.clone();
        on_a_thread(move || {
            let _turn = turn;
            let transaction = database.begin_write().map_err(failed)?;
            let (answer, arrived) = {
                let mut batch = Batch::open(&transaction).map_err(failed)?;
                // Read in its turn, so that instants do not go back from one write to the next.
                let answer = work(&mut batch, toolkit.now())?;
                (answer, batch.arrived)
            };
            transaction.commit().map_err(commit_failed)?;
            if arrived {
                arrivals.send_replace(());
            }
            Ok(answer)
        })
        .await
    }
}

/// Does what blocks on a thread for that. Once begun it runs to its end, also when nobody waits for the answer any more.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|ended| {
        Err(StoreError::internal("the call has panicked").with_source(ended))
    })
}

/// Waits for a future as long as the deadline allows.
async fn in_time<T>(toolkit: &Toolkit, future: impl Future<Output = T>) -> Result<T> {
    match toolkit.deadline() {
        None => Ok(future.await),
        Some(deadline) => timeout_at(Instant::from_std(deadline), future).await.map_err(|_| {
            StoreError::new(ErrorKind::Timeout, "the deadline passed before the call was answered")
        }),
    }
}
