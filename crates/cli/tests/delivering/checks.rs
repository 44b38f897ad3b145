//! What was seen in the end: by the receiver, in the history, in the counts.

use std::{collections::HashMap, fmt, fs};

use blacksmith_store::{Counts, EventId, Job, JobId, Order, Status, Transition, WhereEvents};
use blacksmith_store_conformance::replay;
use blacksmith_testing_receiver::{Answer, Delivery, Report};

use crate::{
    webhooks::job,
    workshop::{ROUTES, Workshop},
};

type Payloads = HashMap<EventId, Vec<u8>>;

/// Everything there is to look at.
pub(crate) struct Seen {
    jobs: HashMap<JobId, Job>,
    /// In the order of sequences.
    chains: HashMap<JobId, Vec<Transition>>,
    counts: Counts,
    deliveries: HashMap<JobId, Vec<Delivery>>,
    pub(crate) report: Report,
    /// How often each job stands in the file that was appended to.
    appended: HashMap<JobId, usize>,
}

impl Seen {
    pub(crate) fn by(workshop: &Workshop) -> Self {
        let (jobs, chains) = workshop.runtime.block_on(history(workshop));
        let mut deliveries: HashMap<JobId, Vec<Delivery>> = HashMap::new();
        for delivery in workshop.receiver.deliveries() {
            deliveries.entry(delivery.job.parse().unwrap()).or_default().push(delivery);
        }
        for deliveries in deliveries.values_mut() {
            deliveries.sort_by_key(|delivery| delivery.began);
        }
        let text = fs::read_to_string(workshop.path("delivered.ndjson")).unwrap();
        let mut appended = HashMap::new();
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let job = line["job_id"].as_str().unwrap_or_else(|| panic!("no job in {line}"));
            *appended.entry(job.parse().unwrap()).or_default() += 1;
        }
        Self {
            jobs,
            chains,
            counts: workshop.counts().unwrap(),
            deliveries,
            report: workshop.receiver.report(),
            appended,
        }
    }

    /// Every job of every event is there, has ended, and its history is legal and without gaps from its beginning to its end.
    pub(crate) fn every_job_has_ended(&self, expected: &Payloads) {
        assert_eq!(self.jobs.len(), ROUTES.len() * expected.len());
        for (event, route) in expected.keys().flat_map(|event| ROUTES.map(|route| (event, route))) {
            let id = job(*event, route);
            let chain = &self.chains[&id];
            replay(chain).unwrap_or_else(|wrong| panic!("{id}: {wrong}: {chain:#?}"));
            assert_eq!(chain[0].state_after, Status::Acknowledged);
            let last = chain[chain.len() - 1].state_after;
            assert!(matches!(last, Status::Succeeded | Status::Discarded), "{id} is {last}");
            assert_eq!(self.jobs[&id].status(), Some(last));
        }
    }

    /// The receiver saw the payload of every event, and no other; and the file has every job.
    pub(crate) fn every_payload_came(&self, expected: &Payloads) {
        for (event, payload) in expected {
            let deliveries = &self.deliveries[&job(*event, ROUTES[0])];
            for delivery in deliveries {
                assert!(delivery.payload == payload[..], "{event}: another payload came");
            }
            assert!(self.appended.contains_key(&job(*event, ROUTES[1])), "{event}");
        }
        assert_eq!(self.deliveries.len(), expected.len(), "deliveries of unknown jobs");
    }

    /// What `stats` counts, what the history tells and what the receiver saw is the same, delivery by delivery. Only where
    /// nothing was killed.
    pub(crate) fn the_counts_agree(&self, expected: &Payloads) {
        for status in Status::ALL {
            let jobs = self.jobs.values().filter(|job| job.status() == Some(status)).count();
            assert_eq!(self.counts.of(status), jobs as u64, "{status}");
        }
        for event in expected.keys() {
            let id = job(*event, ROUTES[0]);
            let seen: Vec<_> = self.deliveries[&id]
                .iter()
                .map(|delivery| (delivery.attempt, delivery.answer == Answer::Accepted))
                .collect();
            let told: Vec<_> = self.chains[&id]
                .iter()
                .filter(|transition| transition.state_before == Some(Status::Executing))
                .map(|end| (end.attempt, end.state_after == Status::Succeeded))
                .collect();
            assert_eq!(seen, told, "{id}: {:#?}", self.chains[&id]);
        }
        assert_eq!(self.appended.len(), expected.len());
        assert!(self.appended.values().all(|lines| *lines == 1));
    }

    /// A job is delivered again after it was accepted only if its lease was cut, and two deliveries of a job overlap only if
    /// the lease of the first was cut.
    pub(crate) fn only_cut_jobs_came_again(&self) -> usize {
        let mut again = 0;
        for (id, deliveries) in &self.deliveries {
            for pair in deliveries.windows(2) {
                assert!(pair[0].attempt < pair[1].attempt, "{id}: an attempt came twice: {pair:?}");
                let is_cut = self.was_cut(*id, pair[0].attempt);
                if pair[0].answer == Answer::Accepted {
                    assert!(is_cut, "{id} was accepted and came again: {:#?}", self.chains[id]);
                    again += 1;
                }
                let overlap = pair[1].began < pair[0].ended;
                assert!(!overlap || is_cut, "{id}: two deliveries at once: {:#?}", self.chains[id]);
            }
        }
        again
    }

    /// How many claims were given up because nobody held them any more.
    pub(crate) fn cuts(&self) -> usize {
        let ends = self.chains.values().flatten();
        ends.filter(|end| end.state_after == Status::Unknown).count()
    }

    fn was_cut(&self, job: JobId, attempt: u32) -> bool {
        self.chains[&job]
            .iter()
            .any(|end| end.attempt == attempt && end.state_after == Status::Unknown)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts = self.chains.values().flatten();
        let attempts = attempts.filter(|run| run.state_after == Status::Executing).count();
        write!(
            f,
            "{} jobs ended in {attempts} runs ({} succeeded, {} discarded), {} claims became unknown; the receiver saw {}",
            self.jobs.len(),
            self.counts.succeeded,
            self.counts.discarded,
            self.cuts(),
            self.report
        )
    }
}

/// Every job, and its transitions in the order of sequences.
async fn history(workshop: &Workshop) -> (HashMap<JobId, Job>, HashMap<JobId, Vec<Transition>>) {
    let (store, toolkit) = (&workshop.store, &workshop.toolkit);
    let first = || WhereEvents::default().with_order(Order::Oldest).with_limit(1_000);
    let mut jobs = HashMap::new();
    let mut filter = first();
    loop {
        let page = store.find_jobs(toolkit, filter.clone()).await.unwrap();
        jobs.extend(page.entries.into_iter().map(|job| (job.id, job)));
        let Some(cursor) = page.meta.next_cursor else { break };
        filter = filter.with_cursor(cursor);
    }
    let mut chains: HashMap<JobId, Vec<Transition>> = HashMap::new();
    let mut filter = first();
    loop {
        let page = store.find_transitions(toolkit, filter.clone()).await.unwrap();
        for transition in page.entries {
            chains.entry(transition.job_id.unwrap()).or_default().push(transition);
        }
        let Some(cursor) = page.meta.next_cursor else { break };
        filter = filter.with_cursor(cursor);
    }
    for chain in chains.values_mut() {
        chain.sort_by_key(|transition| transition.sequence);
    }
    (jobs, chains)
}
