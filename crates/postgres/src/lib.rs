//! The PostgreSQL adapter of Blacksmith store.
