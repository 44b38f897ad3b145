//! Actions made of a closure.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use blacksmith_store_core::{Queue, Schedule, Toolkit};
use futures_util::future::BoxFuture;

use crate::{Action, ActionOptions, Backoff, Batch, Delivery, Failure, Reporter, Then};

/// An action that a closure does; made by [`each`] or [`batch`].
pub struct ClosureAction {
    name: String,
    options: ActionOptions,
    load: Box<Load>,
}

type Load = dyn Fn(Batch) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync;

/// The action `name`, done by a closure that gets one job at a time; 10 at once by default.
///
/// `Ok(())` is success, `Ok(Then…)` can say more, and any error fails the job; see [`Failure`] for what can be done about it.
///
/// ```
/// use blacksmith_scheduler::{Failure, each};
///
/// let upsert = each("upsert", async |delivery| {
///     let Some(data) = delivery.data() else {
///         return Err(Failure::new("there is nothing to upsert").discard());
///     };
///     println!("{} bytes, attempt {}", data.len(), delivery.attempt());
///     Ok(())
/// });
/// # let _ = upsert;
/// ```
///
/// A closure that uses a client or a pool clones it for each call:
///
/// ```
/// # use std::{io, sync::Arc};
/// # use blacksmith_scheduler::{Delivery, each};
/// # struct Client;
/// # impl Client { async fn post(&self, delivery: &Delivery) -> io::Result<()> { Ok(()) } }
/// let client = Arc::new(Client);
/// let upsert = each("upsert", move |delivery| {
///     let client = client.clone();
///     async move { Ok(client.post(&delivery).await?) }
/// });
/// # let _ = upsert;
/// ```
pub fn each<F, Fut, T>(name: impl Into<String>, run: F) -> ClosureAction
where
    F: Fn(Delivery) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, Failure>> + Send + 'static,
    T: Into<Then>,
{
    let run = Arc::new(run);
    let load = move |batch: Batch| -> BoxFuture<'static, Result<(), Failure>> {
        let run = run.clone();
        Box::pin(async move {
            let Batch { toolkit, queue, report } = batch;
            for mut event in queue.events {
                for job in std::mem::take(&mut event.jobs) {
                    let id = job.id;
                    let delivery = Delivery { toolkit: toolkit.clone(), event: event.clone(), job };
                    let then = run(delivery).await.map_or_else(Then::failed, Into::into);
                    report.then(Then { jobs: vec![id], ..then });
                }
            }
            Ok(())
        })
    };
    let options = ActionOptions::default().with_concurrency(10).with_batch_size(1);
    ClosureAction { name: name.into(), options, load: Box::new(load) }
}

/// The action `name`, done by a closure that gets many jobs at once. By default one run goes on at a time, with up to 1,000 jobs, or with
/// all that are due, up to 10,000, when the schedule is not realtime.
///
/// ```
/// use blacksmith_scheduler::{Then, batch};
///
/// let append = batch("append", async |batch| {
///     let rows: Vec<_> = batch.queue.jobs().map(|(event, job)| (event.id, &job.data)).collect();
///     println!("{} rows", rows.len());
///     batch.report.then(Then::succeeded());
///     Ok(())
/// });
/// # let _ = append;
/// ```
pub fn batch<F, Fut>(name: impl Into<String>, run: F) -> ClosureAction
where
    F: Fn(Batch) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send + 'static,
{
    ClosureAction {
        name: name.into(),
        options: ActionOptions::default(),
        load: Box::new(move |batch| Box::pin(run(batch))),
    }
}

impl ClosureAction {
    /// The same with a schedule of its own, instead of the destination's.
    pub fn with_schedule(self, schedule: Schedule) -> Self {
        self.with(|options| options.with_schedule(schedule))
    }

    /// The same with retries spaced by exponential backoff.
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        self.with(|options| options.with_backoff(backoff))
    }

    /// The same with so many runs at once.
    pub fn with_concurrency(self, concurrency: usize) -> Self {
        self.with(|options| options.with_concurrency(concurrency))
    }

    /// The same with so many jobs a run.
    pub fn with_batch_size(self, batch_size: usize) -> Self {
        self.with(|options| options.with_batch_size(batch_size))
    }

    /// The same with so many jobs claimed ahead of those that run.
    pub fn with_prefetch(self, prefetch: usize) -> Self {
        self.with(|options| options.with_prefetch(prefetch))
    }

    /// The same with another time that a run may take.
    pub fn with_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.with(|options| options.with_timeout(timeout))
    }

    fn with(self, change: impl FnOnce(ActionOptions) -> ActionOptions) -> Self {
        Self { options: change(self.options), ..self }
    }
}

#[async_trait]
impl Action for ClosureAction {
    fn name(&self) -> &str {
        &self.name
    }

    fn options(&self) -> ActionOptions {
        self.options.clone()
    }

    async fn load(
        &self,
        toolkit: &Toolkit,
        queue: Queue,
        report: &Reporter,
    ) -> Result<(), Failure> {
        (self.load)(Batch { toolkit: toolkit.clone(), queue, report: report.clone() }).await
    }
}

impl fmt::Debug for ClosureAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClosureAction")
            .field("name", &self.name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
