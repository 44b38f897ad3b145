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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use blacksmith_store::{AvailableAdapters, ErrorKind};

    use super::*;
    use crate::{context::GlobalFlags, failure::Failure, terminal::Terminal};

    /// The answer to a call that fails `failures` times, and how often it was made.
    async fn sent(failures: u32, error: impl Fn() -> StoreError) -> (Result<u32>, u32) {
        let adapters = AvailableAdapters::new();
        let mut context = Context::new(&adapters, GlobalFlags::default(), Terminal::of_process());
        context.terminal.set_quiet(true);
        let sent = Cell::new(0);
        let call = |_| {
            sent.set(sent.get() + 1);
            let answer = if sent.get() > failures { Ok(sent.get()) } else { Err(error()) };
            async move { answer }
        };
        let answer = resend(&mut context, &Interrupt::default(), call).await;
        (answer, sent.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_sent_until_it_is_answered() {
        let busy = || StoreError::unavailable("busy");
        let lost = || StoreError::unavailable("lost").with_retry(Retry::OutcomeUnknown);
        assert!(matches!(sent(0, busy).await, (Ok(1), 1)));
        assert!(matches!(sent(3, busy).await, (Ok(4), 4)));
        assert!(matches!(sent(9, lost).await, (Ok(10), 10)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_not_sent_for_ever_and_not_where_it_cannot_help() {
        let (given_up, times) = sent(u32::MAX, || StoreError::timeout("slow")).await;
        assert!(
            matches!(given_up, Err(Failure::Store(error)) if error.kind() == ErrorKind::Timeout)
        );
        assert_eq!(times, TRIES);
        let (refused, times) = sent(u32::MAX, || StoreError::conflict("no")).await;
        assert!(
            matches!(refused, Err(Failure::Store(error)) if error.kind() == ErrorKind::Conflict)
        );
        assert_eq!(times, 1);
    }
}
