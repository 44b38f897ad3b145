//! The conformance suite that every adapter of Blacksmith store runs, ours and others'.
//!
//! The guide `docs/adapters.md` of the repository takes an author from an empty crate to green; `examples/redb-adapter` there is
//! an adapter to copy from.
//!
//! An adapter's crate has one test target without a harness of its own:
//!
//! ```toml
//! [dev-dependencies]
//! blacksmith-store-conformance = "0.1"
//!
//! [[test]]
//! name = "conformance"
//! harness = false
//! ```
//!
//! and in `tests/conformance.rs`, where a store is a file, three lines:
//!
//! ```text
//! fn main() -> std::process::ExitCode {
//!     blacksmith_store_conformance::run(blacksmith_store_conformance::Files::of(theirs::adapter))
//! }
//! ```
//!
//! Others write a [`Fixture`] of their own, which says which adapter is tested and where a fresh store may be made:
//!
//! ```no_run
//! # use blacksmith_store_core::{async_trait, Adapter, Capabilities, Options, Result, Store};
//! # struct Adapter1;
//! # #[async_trait]
//! # impl Adapter for Adapter1 {
//! #     fn name(&self) -> &'static str { "theirs" }
//! #     fn contract_version(&self) -> u32 { 1 }
//! #     fn capabilities(&self) -> Capabilities { Capabilities::NONE }
//! #     fn example_url(&self) -> &'static str { "theirs:" }
//! #     async fn open(&self, _: Options) -> Result<std::sync::Arc<dyn Store>> { unimplemented!() }
//! # }
//! # mod theirs { pub fn adapter() -> super::Adapter1 { super::Adapter1 } }
//! use blacksmith_store_conformance::{Fixture, run};
//!
//! struct Theirs;
//!
//! impl Fixture for Theirs {
//!     fn adapter(&self) -> impl blacksmith_store_core::Adapter + 'static {
//!         theirs::adapter()
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     run(Theirs)
//! }
//! ```
//!
//! Cases are called `family::case`; `cargo test --test conformance claims` runs one family, and cargo-nextest works too. Each
//! case opens a fresh store through the registry, so that every call goes through the checks of the contract, and drives it
//! with a clock that it sets and ids drawn from a seed. After each case, whatever it was about, the history of every job
//! that it left behind is replayed by the table of a job's life, and `stats` and `find_jobs` are compared with it.
//!
//! The families `searches` and `sequences` generate what they try, and compare the store with a naive one that was written
//! from the contract; what fails is shrunk to something small.
//!
//! The families `processes` and `crashes` start the test program again as a child process, which makes calls on the same data,
//! and kill it where the data is to outlive it; [`run`] sees to it, other programs call [`enter`] first.
//!
//! The family `lost_connections` puts a proxy before an adapter's server, if it has one, and cuts connections; see
//! [`Fixture::server`].
//!
//! A case that fails prints what was done, what was expected, what came back, and the seed.
//!
//! | variable, argument | effect |
//! | --- | --- |
//! | `BLACKSMITH_CONFORMANCE_SEED`, `--seed` | the seed of every case, to replay a failure; otherwise each run draws its own |
//! | `BLACKSMITH_CONFORMANCE_THOROUGH`, `--thorough` | how many times as much is generated as in the quick form, which takes some seconds, and, up to 20 times, how many rounds races and kills of a process have |
//! | `BLACKSMITH_CONFORMANCE_SKIP` | adapters to skip on purpose, by name, with commas between; their cases show as ignored |
//!
//! What an adapter declares as its [`Capabilities`](blacksmith_store_core::Capabilities) is tested; cases of a capability that
//! it does not declare show as ignored.

mod arguments;
mod case;
mod failure;
mod families;
mod files;
mod fixture;
mod generated;
mod guarantees;
mod handle;
mod harness;
mod journal;
mod life;
mod oracle;
mod processes;
mod proxy;
mod reference;
mod server;
mod suite;
mod twin;
mod world;

pub use crate::{
    files::Files,
    fixture::{Fixture, FixtureError, Place},
    guarantees::{GUARANTEES, Guarantee, Level},
    harness::{run, trials},
    life::replay,
    processes::enter,
    server::Server,
    suite::{Suite, Verdict},
};
