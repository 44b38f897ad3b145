//! A database as a queue: events, jobs and their history, with adapters picked by a config string.
