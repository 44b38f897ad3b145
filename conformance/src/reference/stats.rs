//! `stats`: the jobs of each destination and action, counted.

use blacksmith_store_core::{QueueStats, Timestamp};

use super::Reference;

impl Reference {
    pub(crate) fn stats(&self, now: Timestamp) -> Vec<QueueStats> {
        let mut all: Vec<QueueStats> = Vec::new();
        for job in &self.jobs {
            let (destination, action) = (&job.job.destination, &job.job.action);
            let is_its =
                |queue: &QueueStats| queue.destination == *destination && queue.action == *action;
            let place = all.iter().position(is_its).unwrap_or_else(|| {
                all.push(QueueStats::new(destination, action));
                all.len() - 1
            });
            let queue = &mut all[place];
            *queue.counts.of_mut(job.latest().state_after) += 1;
            if job.is_waiting() && job.place() <= now {
                let earlier = queue.earliest_due.filter(|due| *due <= job.place());
                queue.earliest_due = earlier.or(Some(job.place()));
            }
        }
        all.sort_by(|one, other| {
            let name = |queue: &QueueStats| (queue.destination.clone(), queue.action.clone());
            name(one).cmp(&name(other))
        });
        all
    }
}
