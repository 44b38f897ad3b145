//! Batches on their way to the store; a line that the store refuses is found and left out.

use std::collections::HashSet;

use blacksmith_store::{Added, ErrorKind, Event, Store, StoreError, Toolkit};
use serde::Serialize;

use super::{BadLine, Batch};
use crate::{
    context::Context,
    failure::{Failure, Result},
    interrupt::Interrupt,
    progress::Progress,
    resend::resend,
};

/// What went in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    /// What was added, and what was stored already.
    #[serde(flatten)]
    pub(crate) added: Added,
    /// Lines that did not go in.
    pub(crate) bad_lines: u64,
    /// Whether it ended before the input did, for Ctrl-C or an error.
    pub(crate) incomplete: bool,
    /// Up to and including this line everything was dealt with.
    pub(crate) last_line: u64,
}

/// Sends batches, and adds up what became of them.
pub(crate) struct Sender<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) progress: &'a Progress,
    pub(crate) summary: Summary,
}

impl Sender<'_> {
    /// Stores a batch but for its bad lines, each of which is reported.
    ///
    /// # Errors
    /// `Interrupted` before the batch; the store's error where it is of no single line.
    pub(crate) async fn send(&mut self, context: &mut Context<'_>, batch: Batch) -> Result<()> {
        if self.interrupt.is_requested() {
            return Err(Failure::Interrupted);
        }
        let last = batch.events.iter().map(|(number, _)| *number);
        let last = last.chain(batch.bad.iter().map(|bad| bad.number)).max();
        for bad in &batch.bad {
            self.report(context, bad);
        }
        // The parts that are still to be sent, the next one last.
        let mut parts = vec![batch.events];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.add(context, &part).await {
                Ok(added) => self.count(&added),
                Err(Failure::Store(error)) if is_of_a_line(&error) => match part.as_slice() {
                    [(number, _)] => {
                        let reason = format!("{}: {}", error.kind(), error.message());
                        self.report(context, &BadLine { number: *number, reason });
                    }
                    _ => parts.extend(divided(part, &error)),
                },
                Err(failure) => return Err(failure),
            }
        }
        self.summary.last_line = last.unwrap_or(self.summary.last_line);
        let Added { events, events_known, .. } = self.summary.added;
        self.progress.set(batch.consumed, format!("{} events", events + events_known));
        Ok(())
    }

    async fn add(&self, context: &mut Context<'_>, part: &[(u64, Event)]) -> Result<Added> {
        let call = |toolkit: Toolkit| {
            let events: Vec<Event> = part.iter().map(|(_, event)| event.clone()).collect();
            async move { self.store.add_events(&toolkit, events).await }
        };
        resend(context, self.interrupt, call).await
    }

    fn count(&mut self, added: &Added) {
        let sum = &mut self.summary.added;
        sum.events += added.events;
        sum.events_known += added.events_known;
        sum.jobs += added.jobs;
        sum.jobs_known += added.jobs_known;
    }

    fn report(&mut self, context: &mut Context<'_>, bad: &BadLine) {
        self.summary.bad_lines += 1;
        let BadLine { number, reason } = bad;
        let reason = crate::visible::visible(reason);
        self.progress
            .aside(|| context.terminal.report(format_args!("error: line {number}: {reason}")));
    }
}

/// Whether the error is about what a line says.
fn is_of_a_line(error: &StoreError) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Conflict)
}

/// The parts to send instead of one that was refused, the first to send last: the lines that the error names one by one,
/// behind all the others; halves where it names none.
fn divided(part: Vec<(u64, Event)>, error: &StoreError) -> Vec<Vec<(u64, Event)>> {
    let named: HashSet<&str> = error.ids().iter().map(String::as_str).collect();
    let is_named = |(_, event): &(u64, Event)| {
        named.contains(event.id.to_string().as_str())
            || event.jobs.iter().any(|job| named.contains(job.id.to_string().as_str()))
    };
    let (culprits, mut others): (Vec<_>, Vec<_>) = part.into_iter().partition(is_named);
    if culprits.is_empty() {
        let second = others.split_off(others.len() / 2);
        return vec![second, others];
    }
    culprits.into_iter().rev().map(|line| vec![line]).chain([others]).collect()
}
