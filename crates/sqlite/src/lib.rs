//! The SQLite adapter of Blacksmith store.
