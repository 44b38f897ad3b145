//! What redb says, as errors of the store.

use std::io;

use blacksmith_store_core::{ErrorKind, EventId, JobId, Retry, StoreError, TransitionId};
use redb::Error as Redb;

/// The error of anything that redb refused, for a caller.
///
/// Nothing was done then: a transaction that fails is given up. Only [`commit_failed`] leaves a doubt.
pub(crate) fn failed(error: impl Into<Redb>) -> StoreError {
    let error = error.into();
    let (kind, sentence) = meaning(&error);
    // redb's own words name no path.
    StoreError::new(kind, sentence).with_source(error)
}

/// The error of a commit: what was written may still be found where the file could not be synced.
pub(crate) fn commit_failed(error: redb::CommitError) -> StoreError {
    let error = Redb::from(error);
    let in_doubt = matches!(error, Redb::Io(_));
    let failure = failed(error);
    if in_doubt { failure.with_retry(Retry::OutcomeUnknown) } else { failure }
}

fn meaning(error: &Redb) -> (ErrorKind, &'static str) {
    use ErrorKind::{Config, Corrupt, Internal, Unavailable};
    match error {
        Redb::DatabaseAlreadyOpen | Redb::LockProtocolMismatch => {
            (Unavailable, "the file is open already: one handle of one process may have it open")
        }
        Redb::UpgradeRequired(_) => (Config, "the file was written by an older redb"),
        Redb::Corrupted(_) | Redb::RepairAborted => (Corrupt, "the file is damaged"),
        Redb::TableTypeMismatch { .. }
        | Redb::TypeDefinitionChanged { .. }
        | Redb::TableIsMultimap(_)
        | Redb::TableIsNotMultimap(_) => (Config, "the file holds tables of another program"),
        Redb::PreviousIo => (Unavailable, "the file system failed before; open the store again"),
        Redb::DatabaseClosed => (Unavailable, "the store is closed"),
        Redb::ValueTooLarge(_) => (ErrorKind::InvalidInput, "a value is larger than redb can hold"),
        Redb::Io(cause) => match cause.kind() {
            io::ErrorKind::InvalidData => (Config, "the file is no redb database"),
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => {
                (Config, "the file cannot be opened: does its folder exist?")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                (Config, "the file may not be read and written")
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (Unavailable, "the disk is full")
            }
            _ => (Unavailable, "the file system failed"),
        },
        _ => (Internal, "the adapter uses redb in a wrong way"),
    }
}

/// An event that is not stored.
pub(crate) fn no_event(id: EventId) -> StoreError {
    StoreError::naming(ErrorKind::NotFound, "no event is stored with the id", [id])
}

/// A job that is not stored.
pub(crate) fn no_job(id: JobId) -> StoreError {
    StoreError::naming(ErrorKind::NotFound, "no job is stored with the id", [id])
}

/// A transition that is not stored.
pub(crate) fn no_transition(id: TransitionId) -> StoreError {
    StoreError::naming(ErrorKind::NotFound, "no transition is stored with the id", [id])
}

/// A row that is not what this adapter has written.
pub(crate) fn damaged(what: &str) -> StoreError {
    StoreError::corrupt(format!("{what} is damaged"))
}

#[cfg(test)]
mod tests {
    use redb::{DatabaseError, StorageError};

    use super::*;

    #[test]
    fn every_cause_has_its_kind_and_its_answer_to_a_retry() {
        let io = |kind: io::ErrorKind| Redb::from(StorageError::Io(kind.into()));
        for (cause, kind, retry) in [
            (DatabaseError::DatabaseAlreadyOpen.into(), ErrorKind::Unavailable, Retry::Safe),
            (DatabaseError::UpgradeRequired(1).into(), ErrorKind::Config, Retry::Never),
            (StorageError::Corrupted("page 7".into()).into(), ErrorKind::Corrupt, Retry::Never),
            (StorageError::PreviousIo.into(), ErrorKind::Unavailable, Retry::Safe),
            (io(io::ErrorKind::InvalidData), ErrorKind::Config, Retry::Never),
            (io(io::ErrorKind::NotFound), ErrorKind::Config, Retry::Never),
            (io(io::ErrorKind::PermissionDenied), ErrorKind::Config, Retry::Never),
            (io(io::ErrorKind::StorageFull), ErrorKind::Unavailable, Retry::Safe),
            (io(io::ErrorKind::Other), ErrorKind::Unavailable, Retry::Safe),
        ] {
            let text = format!("{cause}");
            let error = failed(cause);
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{text}");
        }
    }

    #[test]
    fn a_commit_that_was_not_synced_is_in_doubt() {
        let error = StorageError::Io(io::ErrorKind::Other.into());
        assert_eq!(commit_failed(error.into()).retry(), Retry::OutcomeUnknown);
    }
}
