//! What a receiver saw, in figures.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use crate::{Answer, Delivery};

/// Two deliveries of one job that went on at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The job.
    pub job: String,
    /// The attempts, the one that began first before the other.
    pub attempts: (u32, u32),
}

/// What a receiver saw, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Deliveries.
    pub deliveries: usize,
    /// Jobs that were delivered at least once.
    pub jobs: usize,
    /// Deliveries by how they were answered.
    pub answers: BTreeMap<Answer, usize>,
    /// Deliveries of a job and attempt that had come before.
    pub repeated: usize,
    /// Deliveries of one job that went on at once.
    pub overlaps: Vec<Overlap>,
}

impl Report {
    pub(crate) fn of(deliveries: &[Delivery]) -> Self {
        let mut report = Self { deliveries: deliveries.len(), ..Self::default() };
        let mut by_job: HashMap<&str, Vec<&Delivery>> = HashMap::new();
        for delivery in deliveries {
            *report.answers.entry(delivery.answer).or_default() += 1;
            by_job.entry(&delivery.job).or_default().push(delivery);
        }
        report.jobs = by_job.len();
        for (job, mut deliveries) in by_job {
            deliveries.sort_by_key(|delivery| delivery.began);
            for pair in deliveries.windows(2) {
                if pair[1].began < pair[0].ended {
                    let attempts = (pair[0].attempt, pair[1].attempt);
                    report.overlaps.push(Overlap { job: job.to_owned(), attempts });
                }
            }
            let mut attempts: Vec<_> = deliveries.iter().map(|delivery| delivery.attempt).collect();
            attempts.sort_unstable();
            attempts.dedup();
            report.repeated += deliveries.len() - attempts.len();
        }
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} deliveries of {} jobs (", self.deliveries, self.jobs)?;
        for (place, (answer, count)) in self.answers.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{answer:?} {count}")?;
        }
        let overlaps = self.overlaps.len();
        write!(f, "), {} attempts came twice, {overlaps} deliveries overlapped", self.repeated)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn deliveries_of_one_job_that_go_on_at_once_are_told() {
        let start = Instant::now();
        let delivery = |job: &str, attempt, from, to| Delivery {
            job: job.to_owned(),
            attempt,
            payload: "paid".into(),
            answer: Answer::Accepted,
            began: start + Duration::from_secs(from),
            ended: start + Duration::from_secs(to),
        };
        let report = Report::of(&[
            delivery("a", 2, 3, 4),
            delivery("a", 1, 1, 3),
            delivery("b", 1, 1, 5),
            delivery("b", 2, 4, 6),
            delivery("c", 1, 1, 2),
            delivery("c", 1, 7, 8),
        ]);
        assert_eq!((report.deliveries, report.jobs, report.repeated), (6, 3, 1));
        assert_eq!(report.overlaps, [Overlap { job: "b".to_owned(), attempts: (1, 2) }]);
    }
}
