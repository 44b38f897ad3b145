//! Writes that are sent again until they are answered.

use std::{future::Future, time::Duration};

use blacksmith_store::{Retry, StoreError, Toolkit};

use crate::{context::Context, failure::Result, interrupt::Interrupt};

/// So often is a call sent in all; with the waits between, about half a minute.
const TRIES: u32 = 10;

/// The waits grow from here, twice as long each time …
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// … up to here.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Makes a call, and makes it again after errors that a repetition can help, with growing random waits.
///
/// The call must be the same each time, ids included: then it takes effect once, also when only its answer was lost.
///
/// # Errors
/// The last error, when ten tries did not help or it is of another sort; `Interrupted` on Ctrl-C while it waits.
pub(crate) async fn resend<T, F>(
    context: &mut Context<'_>,
    interrupt: &Interrupt,
    mut call: impl FnMut(Toolkit) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut tries = 1;
    loop {
        let toolkit = context.toolkit();
        let error = match call(toolkit.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) if error.retry() == Retry::Never || tries == TRIES => {
                return Err(error.into());
            }
            Err(error) => error,
        };
        context.terminal.note(format_args!("{error}; trying again"));
        let longest = (FIRST_WAIT * 2_u32.pow(tries)).min(LONGEST_WAIT);
        interrupt.or(tokio::time::sleep(toolkit.random_duration(longest))).await?;
        tries += 1;
    }
}
