//! Whether a demo did what it promises, and what it says at its end.

use std::{collections::HashMap, fs, io};

use blacksmith_store::{
    Count, Event, Job, JobId, Order, Result, Status, Store, Toolkit, WhereEvents,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Place, Receiver};
use crate::{board::Board, failure::Failure};

/// What became of the jobs, by the store, by the receiver and by the archive.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    pub(crate) events: u64,
    pub(crate) jobs: u64,
    pub(crate) succeeded: u64,
    pub(crate) discarded: u64,
    /// Runs, all jobs together.
    pub(crate) attempts: u64,
    /// Jobs of the receiver whose payload it has not seen byte for byte.
    pub(crate) unseen: Vec<JobId>,
    /// Jobs of the archive whose payload stands in no line of it.
    pub(crate) unarchived: Vec<JobId>,
    /// A job that failed most often before it was delivered.
    pub(crate) persistent: Option<JobId>,
}

impl Verdict {
    /// Looks at everything that was sent.
    pub(crate) async fn reach(
        store: &dyn Store,
        toolkit: &Toolkit,
        sent: &[Event],
        receiver: &Receiver,
        place: &Place,
    ) -> Result<Self, Failure> {
        let board = Board::read(store, || toolkit.clone()).await?;
        let mut attempts = 0;
        let mut persistent: Option<(u32, JobId)> = None;
        for job in jobs(store, toolkit).await? {
            let latest = job.transition.as_ref();
            let runs = latest.map_or(0, |latest| latest.attempt);
            attempts += u64::from(runs);
            if job.status() == Some(Status::Succeeded)
                && runs > 1
                && persistent.is_none_or(|(most, _)| runs > most)
            {
                persistent = Some((runs, job.id));
            }
        }
        let archive = match fs::read_to_string(place.archive()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::input_output("read the archive", error)),
        };
        let archived = archived(&archive);
        let (mut unseen, mut unarchived) = (Vec::new(), Vec::new());
        for (event, job) in
            sent.iter().flat_map(|event| event.jobs.iter().map(move |job| (event, job)))
        {
            let payload = job.data.as_ref().or(event.data.as_ref());
            let payload = payload.map_or(&[][..], |payload| &payload[..]);
            let in_archive =
                || archived.get(&job.id).is_some_and(|line| line.as_bytes() == payload);
            match job.destination.as_str() {
                "crm" if !receiver.has_seen(&job.id.to_string(), payload) => unseen.push(job.id),
                "archive" if !in_archive() => unarchived.push(job.id),
                _ => {}
            }
        }
        Ok(Self {
            events: sent.len() as u64,
            jobs: sent.iter().map(|event| event.jobs.len() as u64).sum(),
            succeeded: board.totals.succeeded,
            discarded: board.totals.discarded,
            attempts,
            unseen,
            unarchived,
            persistent: persistent.map(|(_, job)| job),
        })
    }

    /// Every job has ended, and every payload arrived whole.
    pub(crate) fn is_good(&self) -> bool {
        self.succeeded + self.discarded == self.jobs
            && self.unseen.is_empty()
            && self.unarchived.is_empty()
    }
}

/// All jobs of a store, without payloads.
async fn jobs(store: &dyn Store, toolkit: &Toolkit) -> Result<Vec<Job>> {
    let mut filter = WhereEvents::default()
        .with_order(Order::Oldest)
        .with_count(Count::None)
        .with_limit(blacksmith_store::MAX_PAGE_LIMIT);
    filter.without_payloads = true;
    let mut jobs = Vec::new();
    loop {
        let page = store.find_jobs(toolkit, filter.clone()).await?;
        jobs.extend(page.entries);
        match page.meta.next_cursor {
            Some(cursor) => filter = filter.with_cursor(cursor),
            None => return Ok(jobs),
        }
    }
}

/// A line of the archive.
#[derive(Deserialize)]
struct Line<'a> {
    job_id: JobId,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The payloads that stand in the archive, by job.
fn archived(text: &str) -> HashMap<JobId, &str> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Line<'_>>(line).ok());
    lines.filter_map(|line| Some((line.job_id, line.data?.get()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_read_by_its_jobs() {
        let job = Toolkit::new().job_id();
        let text = format!(
            "{{\"job_id\":\"{job}\",\"event_id\":\"x\",\"data\":{{\"a\" : 1}}}}\n{{\"job_id\":\"cut off"
        );
        assert_eq!(archived(&text), HashMap::from([(job, "{\"a\" : 1}")]));
    }

    #[test]
    fn every_job_must_have_ended_and_every_payload_arrived() {
        let good =
            || Verdict { events: 1, jobs: 2, succeeded: 1, discarded: 1, ..Verdict::default() };
        let job = Toolkit::new().job_id();
        assert!(good().is_good());
        assert!(!Verdict { succeeded: 0, ..good() }.is_good());
        assert!(!Verdict { unseen: vec![job], ..good() }.is_good());
        assert!(!Verdict { unarchived: vec![job], ..good() }.is_good());
    }
}
