//! How a store answers when it holds a million jobs.
//!
//! ```text
//! cargo bench -p blacksmith-store --bench million -- [URL] [JOBS]
//! cargo bench -p blacksmith-store --bench million -- sqlite:///var/tmp/million.db 1_000_000
//! ```
//!
//! The store, `memory:` by default, must be empty. It gets the given number of jobs, 1,000,000 by default, of two
//! destinations: the older seven tenths succeeded, the newest three tenths were discarded, as after an outage, and one in a
//! thousand of the older ones failed. Then half as many jobs again come due in a third destination, which is paused, before
//! those that are claimed. Printed are the times of single calls, in milliseconds. Ratios between two stores measured in one
//! hour on one machine mean something; absolute times do not.

#![allow(clippy::print_stdout, reason = "the figures are what a benchmark is for")]

mod figures;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use blacksmith_store::{
    Change, ClaimRequest, Claimed, Count, Cursor, Order, Page, Pause, Result, Status, Store,
    Toolkit, Want, WhereEvents, WhereJobs, WhereTransitions,
};

use crate::figures::{Arguments, BATCH, Line, Times, events};

/// Repetitions of a call that is measured.
const TIMES: usize = 200;

/// Repetitions of a call that may look at everything.
const FEW_TIMES: usize = 10;

const DESTINATIONS: [(&str, &str); 2] = [("crm", "upsert"), ("warehouse", "append")];
const PAUSED: (&str, &str) = ("mailer", "send");

fn main() -> ExitCode {
    figures::bench(run)
}

async fn run(arguments: Arguments) -> Result<()> {
    let jobs = arguments.number(1, 1_000_000_usize)?;
    let store = arguments.open().await?;
    let bench = Bench { store: store.as_ref(), toolkit: Toolkit::new() };

    let started = Instant::now();
    bench.load(jobs).await?;
    println!("loaded {jobs} jobs in {:.0} s", started.elapsed().as_secs_f64());

    println!("{}", Line::heading());
    bench.searches().await?;
    bench.stats("stats").await?;
    bench.claims("claim of 100").await?;
    bench.add_paused(jobs / 2).await?;
    bench.claims(&format!("claim of 100, {} paused jobs due before", jobs / 2)).await?;
    bench.stats("stats with that backlog").await
}

struct Bench<'a> {
    store: &'a dyn Store,
    toolkit: Toolkit,
}

impl Bench<'_> {
    async fn add(&self, count: usize, destinations: &[(&str, &str)]) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let batch = events(&self.toolkit, left.min(BATCH), destinations);
            left -= batch.len();
            self.store.add_events(&self.toolkit, batch).await?;
        }
        Ok(())
    }

    async fn claim(&self, want: Want) -> Result<Claimed> {
        let lease = Duration::from_mins(1);
        self.store.claim(&self.toolkit, ClaimRequest::new("bench", lease, [want])).await
    }

    /// Reports every claimed job, each with the status that `status` gives for its number.
    async fn report(&self, claimed: &Claimed, status: impl Fn(usize) -> Status) -> Result<()> {
        let changes = claimed.queue.jobs().enumerate().map(|(number, (_, job))| {
            let outcome = job.next(self.toolkit.transition_id(), status(number))?;
            Ok(Change::new(match outcome.state_after {
                // It comes back when everything else has been measured.
                Status::Failed => {
                    outcome.with_run_at(self.toolkit.now() + Duration::from_hours(24))
                }
                _ => outcome,
            }))
        });
        self.store.apply(&self.toolkit, changes.collect::<Result<_>>()?).await?;
        Ok(())
    }

    async fn finish_all(&self, status: impl Fn(usize) -> Status) -> Result<()> {
        loop {
            let claimed = self.claim(Want::any(BATCH)).await?;
            if claimed.queue.events.is_empty() {
                return Ok(());
            }
            self.report(&claimed, &status).await?;
        }
    }

    async fn load(&self, jobs: usize) -> Result<()> {
        let newest = jobs * 3 / 10;
        self.add(jobs - newest, &DESTINATIONS).await?;
        let one_failed = |number| if number == 0 { Status::Failed } else { Status::Succeeded };
        self.finish_all(one_failed).await?;
        self.add(newest, &DESTINATIONS).await?;
        self.finish_all(|_| Status::Discarded).await
    }

    async fn searches(&self) -> Result<()> {
        for status in [Status::Discarded, Status::Succeeded, Status::Failed] {
            for (count, counted) in [
                (Count::None, "no count"),
                (Count::UpTo(10_000), "count up to 10,000"),
                (Count::Exact, "exact count"),
            ] {
                let filter = jobs_of("crm", status).with_count(count);
                let what = format!("first page of crm {status}, {counted}");
                self.page(&what, TIMES, &filter).await?;
            }
        }
        let filter = jobs_of("crm", Status::Succeeded).with_count(Count::None);
        self.deep_pages("deep pages of crm succeeded by cursor", &filter).await?;
        let oldest = filter.clone().with_order(Order::Oldest);
        self.deep_pages("deep pages of crm succeeded by cursor, oldest first", &oldest).await?;
        let page = filter.with_offset(10_000);
        self.page("page of crm succeeded at offset 10,000, no count", FEW_TIMES, &page).await?;

        for (status, count, counted) in [
            (Status::Failed, Count::None, "no count"),
            (Status::Succeeded, Count::UpTo(10_000), "count up to 10,000"),
            (Status::Succeeded, Count::Exact, "exact count"),
        ] {
            let filter = jobs_of("crm", status).with_count(count);
            let mut times = Times::default();
            for _ in 0..FEW_TIMES {
                let started = Instant::now();
                self.store.find_events(&self.toolkit, filter.clone()).await?;
                times.add(started);
            }
            println!(
                "{}",
                Line(&format!("first page of events with crm {status}, {counted}"), &times)
            );
        }
        Ok(())
    }

    async fn page(&self, what: &str, repetitions: usize, filter: &WhereEvents) -> Result<()> {
        let mut times = Times::default();
        for _ in 0..repetitions {
            let started = Instant::now();
            self.store.find_jobs(&self.toolkit, filter.clone()).await?;
            times.add(started);
        }
        println!("{}", Line(what, &times));
        Ok(())
    }

    /// Measures pages behind the first half of what a filter finds.
    async fn deep_pages(&self, what: &str, filter: &WhereEvents) -> Result<()> {
        let found = self.counted(filter).await?;
        let large = filter.clone().with_limit(BATCH as u64);
        let mut cursor: Option<Cursor> = None;
        for _ in 0..found / 2 / BATCH as u64 {
            cursor = self.behind(&large, cursor).await?.meta.next_cursor;
        }
        let mut times = Times::default();
        for _ in 0..TIMES {
            let started = Instant::now();
            let page = self.behind(filter, cursor).await?;
            times.add(started);
            cursor = page.meta.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        println!("{}", Line(what, &times));
        Ok(())
    }

    async fn counted(&self, filter: &WhereEvents) -> Result<u64> {
        let filter = filter.clone().with_count(Count::Exact).with_limit(1);
        let page = self.store.find_jobs(&self.toolkit, filter).await?;
        Ok(page.meta.count.unwrap_or_default())
    }

    async fn behind(
        &self,
        filter: &WhereEvents,
        cursor: Option<Cursor>,
    ) -> Result<Page<blacksmith_store::Job>> {
        let filter = cursor.into_iter().fold(filter.clone(), WhereEvents::with_cursor);
        self.store.find_jobs(&self.toolkit, filter).await
    }

    async fn stats(&self, what: &str) -> Result<()> {
        let mut times = Times::default();
        for _ in 0..TIMES {
            let started = Instant::now();
            self.store.stats(&self.toolkit).await?;
            times.add(started);
        }
        println!("{}", Line(what, &times));
        Ok(())
    }

    async fn claims(&self, what: &str) -> Result<()> {
        for (want, of) in [(Want::any(100), "any"), (Want::destination("crm", 100), "crm")] {
            self.add(TIMES * 100, &DESTINATIONS[..1]).await?;
            let mut times = Times::default();
            for _ in 0..TIMES {
                let started = Instant::now();
                let claimed = self.claim(want.clone()).await?;
                times.add(started);
                self.report(&claimed, |_| Status::Succeeded).await?;
            }
            println!("{}", Line(&format!("{what}, {of}"), &times));
        }
        Ok(())
    }

    async fn add_paused(&self, jobs: usize) -> Result<()> {
        let pause = Pause::new(self.toolkit.pause_id(), PAUSED.0, "bench");
        self.store.pause(&self.toolkit, pause).await?;
        self.add(jobs, &[PAUSED]).await
    }
}

fn jobs_of(destination: &str, status: Status) -> WhereEvents {
    WhereEvents::default().with_jobs(
        WhereJobs::default()
            .with_destinations_in([destination])
            .with_transitions(WhereTransitions::default().with_status_in([status])),
    )
}
