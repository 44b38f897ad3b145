//! The child's side: opens the store that its parent names, and makes the calls that the parent asks for.

use std::{
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use blacksmith_store_core::{AvailableAdapters, Clock, Result, SetClock, Toolkit};
use serde_json::value::RawValue;

use super::{
    calls,
    lines::{Call, Order, Reply},
};

/// Tells a program that it was started by the suite to make calls. Everything else comes by the standard input.
pub(super) const CHILD: &str = "BLACKSMITH_CONFORMANCE_CHILD";

/// Whether this program said that it can be started again.
static CAN_BE_ENTERED: AtomicBool = AtomicBool::new(false);

/// Lets the suite start this program again as a child process: called first in `main`, with all adapters under test, it
/// answers the exit code if the program was started by the suite, and none otherwise.
///
/// [`run`](crate::run) calls it itself. In another program that runs a [`Suite`](crate::Suite), cases with child processes are
/// absent unless this was called before.
pub fn enter(adapters: &AvailableAdapters) -> Option<ExitCode> {
    if std::env::var_os(CHILD).is_none() {
        CAN_BE_ENTERED.store(true, Ordering::SeqCst);
        return None;
    }
    Some(match serve(adapters) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("a child process of the conformance suite ended: {error}");
            ExitCode::FAILURE
        }
    })
}

/// Whether this program can be started again as a child process.
pub(crate) fn can_be_entered() -> bool {
    CAN_BE_ENTERED.load(Ordering::SeqCst)
}

/// Makes calls until the parent closes the input.
fn serve(adapters: &AvailableAdapters) -> std::result::Result<(), Box<dyn Error>> {
    let mut lines = io::stdin().lines();
    let order = lines.next().ok_or("no order came")??;
    // The cause would show parts of the order, which holds a secret.
    let order: Order = serde_json::from_str(&order).map_err(|_| "the order cannot be read")?;
    let toolkit = Toolkit::new().with_seed(order.seed);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let store = match runtime.block_on(adapters.open(order.options())) {
        Ok(store) => store,
        Err(error) => return reply(0, Err(error)),
    };
    reply(0, Ok(RawValue::from_string("true".into())?))?;

    for line in lines {
        let call: Call = serde_json::from_str(&line?)?;
        let store = Arc::clone(&store);
        // Clones draw ids from the same stream.
        let toolkit = toolkit.clone().with_clock(Clock::Set(SetClock::at(call.at)));
        runtime.spawn(async move {
            let answer = calls::make(store.as_ref(), &toolkit, &call.method, &call.argument).await;
            if let Err(error) = reply(call.number, answer) {
                eprintln!("a child process of the conformance suite cannot reply: {error}");
            }
        });
    }
    drop(store);
    runtime.shutdown_timeout(Duration::from_secs(5));
    Ok(())
}

/// Writes a line that the parent has as soon as it is written.
fn reply(number: u64, result: Result<Box<RawValue>>) -> std::result::Result<(), Box<dyn Error>> {
    let (answer, refusal) = match result {
        Ok(answer) => (Some(answer), None),
        Err(error) => (None, Some((&error).into())),
    };
    let mut line = serde_json::to_string(&Reply { number, answer, refusal })?;
    line.push('\n');
    let mut output = io::stdout().lock();
    output.write_all(line.as_bytes())?;
    output.flush()?;
    Ok(())
}
