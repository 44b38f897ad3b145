//! Adding events inside the caller's own transaction.

use std::sync::Arc;

use blacksmith_store_core::{Added, Event, Result, Store, StoreError, Toolkit, admit};
use rusqlite::Transaction;

use crate::{
    adding::add_events,
    error::Failure,
    store::SqliteStore,
    wakeups::Bell,
    writer::{Attempt, Done},
};

/// Adds events inside `transaction`, which the caller has begun on a connection of its own to the store's file: they are
/// stored when the caller commits, or never.
///
/// What [`Store::add_events`] promises holds here too. Begin the transaction with
/// [`TransactionBehavior::Immediate`](rusqlite::TransactionBehavior): one that has read before it writes is refused by SQLite
/// when another connection has written meanwhile, and can only be begun again.
///
/// ```no_run
/// use blacksmith_store_core::{Event, Result, Store, Toolkit};
/// use blacksmith_store_sqlite::{add_events_in, rusqlite};
///
/// # fn example(store: &dyn Store) -> Result<(), Box<dyn std::error::Error>> {
/// let toolkit = Toolkit::new();
/// let mut connection = rusqlite::Connection::open("app.db")?;
/// connection.busy_timeout(std::time::Duration::from_secs(30))?;
/// let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
/// transaction.execute("UPDATE orders SET paid = 1 WHERE id = ?1", [7])?;
/// let event = Event::new(toolkit.event_id(), "shop", "order.paid");
/// let pending = add_events_in(store, &transaction, &toolkit, vec![event])?;
/// transaction.commit()?;
/// let added = pending.committed();
/// assert_eq!(added.events, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`Store::add_events`]; what the call had written is then taken back and the transaction may go on. `InvalidInput` for a
/// store of another adapter; `Config` for a transaction in another database than the store's.
pub fn add_events_in(
    store: &dyn Store,
    transaction: &Transaction<'_>,
    toolkit: &Toolkit,
    events: Vec<Event>,
) -> Result<AddedInTransaction> {
    add(store, transaction, toolkit, events).map_err(|error| error.with_operation("add_events_in"))
}

fn add(
    store: &dyn Store,
    transaction: &Transaction<'_>,
    toolkit: &Toolkit,
    events: Vec<Event>,
) -> Result<AddedInTransaction> {
    let Some(store) = store.as_any().downcast_ref::<SqliteStore>() else {
        let name = store.name();
        return Err(StoreError::invalid_input(format!(
            "add_events_in an SQLite transaction needs a store of the adapter \"sqlite\"; this one is of {name:?}"
        )));
    };
    store.check_same_file(transaction)?;
    let bell = Arc::clone(store.bell());
    let Some(admitted) = admit::add_events(toolkit, events)? else {
        return Ok(AddedInTransaction { added: Added::default(), wakes: None });
    };
    let Done { answer, wakes } = in_savepoint(transaction, |attempt| {
        add_events(transaction, &admitted.events, toolkit.now(), attempt)
    })?;
    Ok(AddedInTransaction { added: admitted.answer(answer), wakes: wakes.then_some(bell) })
}

/// Works inside a savepoint of the caller's transaction: hopefully, and if need be carefully.
fn in_savepoint<T>(
    transaction: &Transaction<'_>,
    mut work: impl FnMut(Attempt) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let run = |sql| transaction.prepare_cached(sql)?.execute([]).map(drop);
    run("SAVEPOINT blacksmith_add_events")?;
    let mut outcome = work(Attempt::Hopeful);
    if matches!(outcome, Err(Failure::NotNew)) {
        run("ROLLBACK TO blacksmith_add_events")?;
        outcome = work(Attempt::Careful);
    }
    // A failure such as a full disk has ended the caller's transaction.
    if !transaction.is_autocommit() {
        if outcome.is_err() {
            run("ROLLBACK TO blacksmith_add_events")?;
        }
        run("RELEASE blacksmith_add_events")?;
    }
    outcome
}

/// Events that a transaction of the caller's has added.
#[must_use = "workers learn of the jobs by `committed`"]
pub struct AddedInTransaction {
    added: Added,
    wakes: Option<Arc<Bell>>,
}

impl AddedInTransaction {
    /// What was added, and what was known already, as the transaction sees it.
    pub fn added(&self) -> Added {
        self.added
    }

    /// Says that the transaction was committed: wakes workers up, as [`add_events`](Store::add_events) does, and answers what was
    /// added. Without it they find the work when they look the next time.
    pub fn committed(self) -> Added {
        if let Some(bell) = self.wakes {
            bell.ring();
        }
        self.added
    }
}

impl std::fmt::Debug for AddedInTransaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddedInTransaction").field("added", &self.added).finish_non_exhaustive()
    }
}
