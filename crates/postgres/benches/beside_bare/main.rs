//! The store beside the barest program that does the same with three tables of its own, in the same run.
//!
//! ```text
//! cargo bench -p blacksmith-store-postgres --bench beside_bare -- URL life JOBS ROUNDS CONNECTIONS BATCH [FAIL] [held]
//! cargo bench -p blacksmith-store-postgres --bench beside_bare -- URL steady RATE SECONDS BATCH [FAIL] [held]
//! ```
//!
//! `life` stores that many jobs, one in an event, with 200 bytes of payload in either, in batches of 1,000, then claims and
//! completes them in batches of BATCH over as many connections; FAIL per cent of them fail once and are retried. `steady` stores
//! RATE jobs a second in batches of 100 while two workers claim and complete them, and now and then a job in a transaction that
//! stays open for half a second, three seconds and twenty. `held`: somebody holds a snapshot all the while.
//!
//! Everything in the schemas `measured` and `bare` is deleted. Ratios between the two programs mean something; rates do not.

#![allow(clippy::print_stdout, reason = "the figures are what a benchmark is for")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are rounded anyway"
)]

mod bare;
mod life;
mod server;
mod steady;

use std::process::ExitCode;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What the command line says.
struct Arguments(Vec<String>);

impl Arguments {
    fn number(&self, place: usize, default: usize) -> Result<usize> {
        match self.0.get(place) {
            None => Ok(default),
            Some(text) => Ok(text.parse()?),
        }
    }

    fn has(&self, word: &str) -> bool {
        self.0.iter().any(|argument| argument == word)
    }
}

fn main() -> ExitCode {
    let mut given: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let is_held = given.iter().any(|word| word == "held");
    given.retain(|word| word != "held");
    let mut arguments = Arguments(given);
    // `cargo test --all-targets` starts it without arguments.
    let Some(url) = arguments.0.first().cloned() else { return ExitCode::SUCCESS };
    if is_held {
        arguments.0.push("held".to_owned());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            match arguments.0.get(1).map(String::as_str) {
                Some("life") => life::run(&url, &arguments).await,
                Some("steady") => steady::run(&url, &arguments).await,
                _ => Err("say what to measure: life or steady".into()),
            }
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The value below which this part of the values lies.
fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * part) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}
