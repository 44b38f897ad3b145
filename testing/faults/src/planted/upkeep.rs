//! Faults in `maintain`.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use blacksmith_store_core::{
    ExpireRequest, MAX_CALL_ENTRIES, Maintained, Pause, PauseId, PurgeRequest, Result, Store,
    Toolkit, async_trait,
};

use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::new(
        "forgets every ended pause when it keeps house",
        &["maintain::an_ended_pause_is_remembered_for_an_hour"],
        || Arc::new(ForgetsPauses::default()),
    ),
    Planted::new(
        "remembers ended pauses for ever",
        &["maintain::an_ended_pause_is_forgotten_after_an_hour"],
        || Arc::new(RemembersPauses::default()),
    ),
    Planted::new("has always more to do", &["maintain::it_comes_to_its_end"], || {
        Arc::new(ComesToNoEnd)
    }),
    Planted::new(
        "expires claims when it keeps house",
        &["maintain::a_lease_that_has_ended_is_kept_until_it_is_expired"],
        || Arc::new(ExpiresByTheWay),
    ),
    Planted::new(
        "purges when it keeps house",
        &["maintain::nothing_that_is_stored_changes"],
        || Arc::new(PurgesByTheWay),
    ),
];

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pauses that have ended, and those of them that were forgotten.
#[derive(Default)]
struct ForgetsPauses {
    ended: Mutex<BTreeSet<PauseId>>,
    forgotten: Mutex<BTreeSet<PauseId>>,
}

#[async_trait]
impl Fault for ForgetsPauses {
    async fn resume(&self, store: &dyn Store, toolkit: &Toolkit, id: PauseId) -> Result<bool> {
        let resumed = store.resume(toolkit, id).await?;
        if resumed {
            lock(&self.ended).insert(id);
        }
        Ok(resumed)
    }

    async fn maintain(&self, store: &dyn Store, toolkit: &Toolkit) -> Result<Maintained> {
        let maintained = store.maintain(toolkit).await?;
        lock(&self.forgotten).append(&mut lock(&self.ended));
        Ok(maintained)
    }

    async fn pause(&self, store: &dyn Store, toolkit: &Toolkit, mut pause: Pause) -> Result<bool> {
        if lock(&self.forgotten).remove(&pause.id) {
            pause.id = toolkit.pause_id();
        }
        store.pause(toolkit, pause).await
    }
}

#[derive(Default)]
struct RemembersPauses(Mutex<BTreeSet<PauseId>>);

#[async_trait]
impl Fault for RemembersPauses {
    async fn resume(&self, store: &dyn Store, toolkit: &Toolkit, id: PauseId) -> Result<bool> {
        let resumed = store.resume(toolkit, id).await?;
        if resumed {
            lock(&self.0).insert(id);
        }
        Ok(resumed)
    }

    async fn pause(&self, store: &dyn Store, toolkit: &Toolkit, pause: Pause) -> Result<bool> {
        if lock(&self.0).contains(&pause.id) {
            return Ok(false);
        }
        store.pause(toolkit, pause).await
    }
}

struct ComesToNoEnd;

#[async_trait]
impl Fault for ComesToNoEnd {
    async fn maintain(&self, store: &dyn Store, toolkit: &Toolkit) -> Result<Maintained> {
        let mut maintained = store.maintain(toolkit).await?;
        maintained.more = true;
        Ok(maintained)
    }
}

struct ExpiresByTheWay;

#[async_trait]
impl Fault for ExpiresByTheWay {
    async fn maintain(&self, store: &dyn Store, toolkit: &Toolkit) -> Result<Maintained> {
        store.expire_leases(toolkit, ExpireRequest::new("store", MAX_CALL_ENTRIES)).await?;
        store.maintain(toolkit).await
    }
}

struct PurgesByTheWay;

#[async_trait]
impl Fault for PurgesByTheWay {
    async fn maintain(&self, store: &dyn Store, toolkit: &Toolkit) -> Result<Maintained> {
        store.purge(toolkit, PurgeRequest::everything().with_recent()).await?;
        store.maintain(toolkit).await
    }
}
