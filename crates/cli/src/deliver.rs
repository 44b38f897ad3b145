//! Destinations as `blacksmith.toml` describes them, for the scheduler.
//!
//! A payload is the job's data, or its event's where it has none of its own. Neither it nor a secret is logged.

mod command;
mod file;
mod http;
mod ndjson;
mod retry_after;
mod signature;

use blacksmith_scheduler::{ClosureAction, Destination};
use blacksmith_store::StoreError;

use crate::configuration::{ActionSettings, DestinationSettings, Work};

/// Makes destinations of settings.
pub(crate) struct Builder<'a> {
    /// Finds environment variables.
    lookup: &'a dyn Fn(&str) -> Option<String>,
    /// Runs at once of each action, whatever its settings say.
    concurrency: Option<u32>,
    /// One for the process, so that connections are shared.
    client: Option<http::Client>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, concurrency: None, client: None }
    }

    /// The same with so many runs at once of each action, whatever its settings say.
    pub(crate) fn with_concurrency(self, concurrency: Option<u32>) -> Self {
        Self { concurrency, ..self }
    }

    /// The destination of these settings.
    ///
    /// # Errors
    /// `Config` naming the table whose URL, header, key or variable is not right.
    pub(crate) fn destination(
        &mut self,
        settings: DestinationSettings,
    ) -> Result<Destination, StoreError> {
        let mut destination = Destination::new(&settings.name);
        for action in settings.actions {
            let place = format!("[destinations.{}.actions.{}]", settings.name, action.name);
            let action = self
                .action(action)
                .map_err(|reason| StoreError::config(format!("{place}: {reason}")))?;
            destination = destination.with_action(action);
        }
        Ok(destination)
    }

    fn action(&mut self, settings: ActionSettings) -> Result<ClosureAction, String> {
        let ActionSettings { name, schedule, backoff, timeout, concurrency, work } = settings;
        let action = match work {
            Work::Http { url, headers, secret } => {
                let client = match &self.client {
                    Some(client) => client.clone(),
                    None => self.client.insert(http::client()?).clone(),
                };
                let endpoint = http::Endpoint::new(&url, &headers, secret.as_ref(), self.lookup)?;
                http::action(name, client, endpoint).with_timeout(timeout)
            }
            Work::File { path, batch_size } => file::action(name, path)
                .with_timeout(timeout)
                .with_batch_size(usize::try_from(batch_size).unwrap_or(usize::MAX)),
            Work::Command { program, arguments, env } => {
                let program = command::Program::new(program, arguments, &env, self.lookup)?;
                // It ends its program itself, to say what that wrote until then.
                let grace = command::GRACE;
                command::action(name, program, timeout).with_timeout(timeout.saturating_add(grace))
            }
        };
        let concurrency = self.concurrency.unwrap_or(concurrency);
        let action = action
            .with_schedule(schedule)
            .with_concurrency(usize::try_from(concurrency).unwrap_or(usize::MAX));
        Ok(match backoff {
            Some(backoff) => action.with_backoff(backoff),
            None => action,
        })
    }
}
