//! The in-memory adapter of Blacksmith store.
