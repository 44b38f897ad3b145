//! A child process that is killed at a point which nobody but the seed knows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use blacksmith_store_core::Result;
use tokio::sync::watch;

use super::PATIENCE;
use crate::{
    failure::{Failure, Outcome},
    handle::Handle,
    processes::Process,
    world::World,
};

/// The process is killed after fewer answers than this.
const ANSWERS: u64 = 20;

/// It is killed at most so long after the last of them, so that every part of a call is met.
const DELAY: Duration = Duration::from_millis(3);

/// A process that makes calls until it is killed.
pub(super) struct Killing {
    /// Its calls are made in the process.
    pub(super) store: Handle,
    process: Arc<Process>,
    answers: watch::Sender<u64>,
    /// After how many answers it is killed, and how long after the last of them.
    point: (u64, Duration),
    is_killed: AtomicBool,
}

/// What was sent until the process was killed.
pub(super) struct Sent<T> {
    pub(super) acknowledged: Vec<T>,
    /// Whether it was stored is not known.
    pub(super) unanswered: T,
}

impl Killing {
    /// Closes the store, and starts a process that opens it.
    pub(super) async fn begin(world: &mut World) -> Outcome<Self> {
        world.close();
        let process = world.another_process().await?;
        let store = world.handle_in(&process);
        let point = (world.toolkit.random() % ANSWERS, world.toolkit.random_duration(DELAY));
        let (answers, _) = watch::channel(0);
        Ok(Self { store, process, answers, point, is_killed: AtomicBool::new(false) })
    }

    /// Runs its callers, kills the process meanwhile, and opens the store again.
    pub(super) async fn run<T>(&self, callers: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let kill = async {
            let (answers, delay) = self.point;
            let mut counted = self.answers.subscribe();
            let counted = counted.wait_for(|count| *count >= answers);
            if tokio::time::timeout(PATIENCE, counted).await.is_err() {
                return Err(Failure::new(format!(
                    "{answers} answers take longer than {PATIENCE:?}"
                )));
            }
            tokio::time::sleep(delay).await;
            self.is_killed.store(true, Ordering::SeqCst);
            self.process.kill()
        };
        let (sent, ()) = tokio::try_join!(callers, kill)?;
        Ok(sent)
    }

    /// What a call was answered, none if the process was killed before it answered.
    pub(super) fn answer<T>(&self, answer: Result<T>) -> Outcome<Option<T>> {
        match answer {
            Ok(answer) => {
                self.answers.send_modify(|count| *count += 1);
                Ok(Some(answer))
            }
            Err(_) if self.is_killed.load(Ordering::SeqCst) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes one call after the other until the process is killed.
    pub(super) async fn send<T: Clone, A, F: Future<Output = Result<A>>>(
        &self,
        mut request: impl FnMut() -> T,
        mut call: impl FnMut(T) -> F,
    ) -> Outcome<Sent<T>> {
        let mut acknowledged = Vec::new();
        loop {
            let next = request();
            match self.answer(call(next.clone()).await)? {
                Some(_) => acknowledged.push(next),
                None => return Ok(Sent { acknowledged, unanswered: next }),
            }
        }
    }
}
