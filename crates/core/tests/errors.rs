//! The one error of every store.

use std::error::Error as _;

use blacksmith_store_core::{ErrorKind, Retry, StoreError};

#[test]
fn an_error_says_whether_a_retry_helps() {
    for (error, kind, retry) in [
        (StoreError::not_found("x"), ErrorKind::NotFound, Retry::Never),
        (StoreError::conflict("x"), ErrorKind::Conflict, Retry::Never),
        (StoreError::invalid_input("x"), ErrorKind::InvalidInput, Retry::Never),
        (StoreError::unsupported("x"), ErrorKind::Unsupported, Retry::Never),
        (StoreError::unavailable("x"), ErrorKind::Unavailable, Retry::Safe),
        (StoreError::timeout("x"), ErrorKind::Timeout, Retry::Safe),
        (StoreError::config("x"), ErrorKind::Config, Retry::Never),
        (StoreError::corrupt("x"), ErrorKind::Corrupt, Retry::Never),
        (StoreError::internal("x"), ErrorKind::Internal, Retry::Never),
    ] {
        assert_eq!((error.kind(), error.retry()), (kind, retry));
        assert_eq!(error.to_string(), format!("{kind}: x"));
    }
}

#[test]
fn an_error_shows_ten_ids_and_knows_all() {
    let error = StoreError::naming(ErrorKind::NotFound, "no job is stored with the id", 1..=12);
    assert_eq!(
        error.message(),
        "no job is stored with the id 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"
    );
    assert_eq!(error.ids().len(), 12);
    let ten = StoreError::naming(ErrorKind::NotFound, "no job", 1..=10);
    assert!(ten.message().ends_with("9, 10"));
}

#[test]
fn an_error_keeps_its_cause() {
    let error = StoreError::unavailable("the database is not there")
        .with_source(std::io::Error::other("refused"))
        .with_retry(Retry::OutcomeUnknown);
    assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("refused"));
    assert_eq!(error.retry(), Retry::OutcomeUnknown);
}
