//! Runs: started when there is room, watched, and settled when they end.

use tokio::time::Instant;

use crate::{
    Failure, Then,
    engine::{
        Engine,
        runs::{Cancelled, Message, Run},
    },
    outcome::{Cut, End},
};

impl Engine {
    /// Starts what may be started.
    pub(super) fn start_runs(&mut self, now: Instant) {
        for (action, (queue, planned)) in self.queues.iter_mut().zip(&self.plan.actions).enumerate()
        {
            loop {
                let jobs = queue.next_run(planned, &self.leases, now);
                if jobs.is_empty() {
                    break;
                }
                queue.running += 1;
                self.runs.start(action, planned, jobs, &self.toolkit, now);
            }
        }
    }

    /// Cancels runs whose lease or time is over, and settles those that were cancelled and do not stop.
    pub(super) fn watch_runs(&mut self, now: Instant) {
        if self.leases.end_overdue(now) {
            let leases = &self.leases;
            let is_cut = |run: &mut Run| {
                run.unreported.iter().any(|job| !leases.is_believed(&job.token, now))
            };
            self.runs.cancel(Cancelled::Cut(Cut::Lease), now, is_cut);
        }
        for run in self.runs.overdue(now) {
            let stuck =
                self.runs.get_mut(run).map(|run| (run.action, run.unreported.iter().count()));
            if let Some((action, jobs)) = stuck {
                let planned = &self.plan.actions[action];
                tracing::error!(
                    run,
                    destination = planned.destination,
                    action = planned.action.name(),
                    jobs,
                    "an action does not stop; it blocks its thread"
                );
            }
            self.settle(run, None, now);
        }
    }

    /// Takes in what a run says.
    pub(super) fn heard(&mut self, message: Message, now: Instant) {
        match message {
            Message::Then { run, then } => {
                if let Some(run) = self.runs.get_mut(run) {
                    let action = run.action;
                    let jobs = run.unreported.take(&then);
                    self.queues[action].ended(jobs.len(), now);
                    for job in jobs {
                        self.end(action, job, End::Reported(&then), now);
                    }
                } else {
                    tracing::warn!(run, "a report came after the end of its run; it is dropped");
                }
            }
            Message::Ended { run, result } => {
                self.settle(run, result, now);
                if let Some(run) = self.runs.remove(run) {
                    self.queues[run.action].running -= 1;
                }
            }
        }
    }

    /// Ends the claims that a run has left unreported.
    pub(super) fn settle(&mut self, run: u64, result: Option<Result<(), Failure>>, now: Instant) {
        let Some(run) = self.runs.get_mut(run) else { return };
        let action = run.action;
        let cancelled = run.cancelled;
        let jobs = run.unreported.take_all();
        if jobs.is_empty() {
            return;
        }
        let failed;
        let end = match (result, cancelled) {
            (Some(Ok(())), _) => End::Unreported,
            (Some(Err(failure)), _) => {
                failed = Then::failed(failure);
                End::Reported(&failed)
            }
            (None, Some(Cancelled::Timeout(timeout))) => {
                failed =
                    Then::failed(Failure::new(format!("the action took longer than {timeout:?}")));
                End::Reported(&failed)
            }
            (None, Some(Cancelled::Cut(cut))) => End::Cut(cut),
            // Its task was dropped by the runtime, which shuts down.
            (None, None) => End::Cut(Cut::Shutdown),
        };
        self.queues[action].ended(jobs.len(), now);
        for job in jobs {
            self.end(action, job, end, now);
        }
    }
}
