//! The conformance suite that every adapter of Blacksmith store runs.
