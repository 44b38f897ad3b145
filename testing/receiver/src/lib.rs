//! A receiver of webhooks that fails on purpose and keeps what it got: for tests of what a delivery promises.
//!
//! ```
//! use blacksmith_testing_receiver::{Behaviour, Receiver};
//!
//! let receiver = Receiver::start(Behaviour::flaky(1))?;
//! println!("POST to {}", receiver.url());
//! println!("{}", receiver.report());
//! # Ok::<(), std::io::Error>(())
//! ```

mod behaviour;
mod delivery;
mod receiver;
mod report;

pub use crate::{
    behaviour::{Answer, Behaviour},
    delivery::Delivery,
    receiver::Receiver,
    report::{Overlap, Report},
};
