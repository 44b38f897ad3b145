//! The terminal of Blacksmith store: ingest, find, retry, discard, pause, purge, migrate.
