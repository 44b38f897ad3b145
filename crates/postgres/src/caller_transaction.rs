//! `add_events` inside a transaction of the caller's.

use std::sync::Arc;

use blacksmith_store_core::{Added, Change, Event, Result, Store, StoreError, Toolkit, admit};
use tokio_postgres::Transaction;

use crate::{
    adding::all_of,
    connection::Session,
    error::Outcome,
    store::{Inner, PostgresStore},
};

/// Adds events in the caller's own transaction: they are stored when, and only if, the caller commits it.
///
/// The transaction must be on the database that the store is in. All of the contract of
/// [`add_events`](Store::add_events) holds; when it is an error, the transaction goes on as if it had not been called. Call
/// [`committed`](AddedInTransaction::committed) after the commit, so that workers learn of the jobs at once.
///
/// ```no_run
/// # use blacksmith_store_core::{Event, Store, Toolkit};
/// # use blacksmith_store_postgres::add_events_in;
/// # async fn example(store: &dyn Store, client: &mut tokio_postgres::Client, event: Event) -> Result<(), Box<dyn std::error::Error>> {
/// let transaction = client.transaction().await?;
/// transaction.execute("UPDATE orders SET paid = true WHERE id = $1", &[&42_i32]).await?;
/// let added = add_events_in(store, &Toolkit::new(), &transaction, vec![event]).await?;
/// transaction.commit().await?;
/// added.committed();
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`add_events`](Store::add_events); `Unsupported` for a store of another adapter.
pub async fn add_events_in(
    store: &dyn Store,
    toolkit: &Toolkit,
    transaction: &Transaction<'_>,
    events: Vec<Event>,
) -> Result<AddedInTransaction> {
    const OPERATION: &str = "add_events";
    let Some(PostgresStore { inner, .. }) = store.as_any().downcast_ref() else {
        let name = store.name();
        return Err(StoreError::unsupported(format!(
            "a store of the adapter {name:?} takes no part in a transaction of PostgreSQL"
        ))
        .with_operation(OPERATION));
    };
    let inner = Arc::clone(inner);
    let Some(mut admitted) = admit::add_events(toolkit, events)? else {
        return Ok(AddedInTransaction { added: Added::default(), inner });
    };
    let mut change = Change::default();
    change.events = std::mem::take(&mut admitted.events);
    let added = inner.add_events_in(toolkit, transaction, &[change]).await;
    let added = added.map_err(|failure| StoreError::from(failure).with_operation(OPERATION))?;
    Ok(AddedInTransaction { added: admitted.answer(added), inner })
}

/// Events that a transaction of the caller's has added.
#[must_use = "workers learn of the jobs by `committed`"]
pub struct AddedInTransaction {
    added: Added,
    inner: Arc<Inner>,
}

impl AddedInTransaction {
    /// What was added, and what was known already, as the transaction sees it.
    pub fn added(&self) -> Added {
        self.added
    }

    /// Says that the transaction was committed: wakes workers up, as [`add_events`](Store::add_events) does, and answers what was
    /// added. Without it they find the work when they look the next time.
    pub fn committed(self) -> Added {
        if self.added.jobs > 0 {
            self.inner.bell.ring();
        }
        self.added
    }
}

impl std::fmt::Debug for AddedInTransaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AddedInTransaction").field(&self.added).finish()
    }
}

impl Inner {
    async fn add_events_in(
        &self,
        toolkit: &Toolkit,
        transaction: &Transaction<'_>,
        changes: &[Change],
    ) -> Outcome<Added> {
        // The numbers of queues are committed at once, on a connection of the store's own.
        let own = self.database.session(toolkit).await?;
        self.number_queues(&own, changes.iter()).await?;
        let now = self.clock.now(&own, toolkit).await?;
        drop(own);

        let session = self.database.session_in(transaction, toolkit);
        session.run("SAVEPOINT blacksmith_store").await?;
        match self.additions(&[&changes[0]]).insert(&session, now).await {
            Ok(()) => {
                session.run("RELEASE SAVEPOINT blacksmith_store").await?;
                return Ok(all_of(&changes[0]));
            }
            Err(failure) if failure.is_unique_violation() || failure.is_misfit() => {
                undo(&session).await?;
            }
            Err(failure) => {
                undo(&session).await?;
                return Err(failure);
            }
        }
        match self.decide_in(&session, changes, now).await {
            Ok(decided) => {
                session.run("RELEASE SAVEPOINT blacksmith_store").await?;
                Ok(decided.added)
            }
            Err(failure) => {
                undo(&session).await?;
                Err(failure)
            }
        }
    }
}

/// Takes back what was done since the savepoint, so that the caller's transaction can go on.
async fn undo(session: &Session<'_>) -> Outcome<()> {
    session.run("ROLLBACK TO SAVEPOINT blacksmith_store").await
}
