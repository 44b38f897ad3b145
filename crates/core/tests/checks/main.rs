//! The checks that wrap every opened adapter, seen from an adapter: what reaches it, and what does not.

mod adding;
mod finding;
mod first_transitions;
mod moving;
mod recording;
mod working;
mod wrapper;
