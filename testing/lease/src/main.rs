//! Checks the protocol of a job's life, its leases and its messages in every state that a model of it can reach, and writes
//! what came of it, `docs/lease.md`.
//!
//! `cargo run -p blacksmith-testing-lease -- [NAME]... [--quick] [-v] [--write | --check]`
//!
//! NAME is a configuration (`C2`) or a family of them (`N`); without one all are run. `--quick` leaves out the largest, `-v`
//! shows a short way to each broken promise, `--write` writes the lines of those that ran into the document, `--check`
//! compares them. Fails when a configuration does not come out as expected.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod arguments;
mod batches;
mod calls;
mod clocks;
mod configuration;
mod document;
mod explore;
mod life;
mod order;
mod promises;

use std::{error::Error, process::ExitCode, time::Instant};

use arguments::{Arguments, Document};
use configuration::Configuration;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let configurations = configurations();
    let done = Arguments::parse(std::env::args().skip(1), &configurations)
        .and_then(|arguments| run(&configurations, &arguments));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Every configuration, in the order of the document.
fn configurations() -> Vec<Configuration> {
    let mut all = life::configurations();
    all.extend(clocks::configurations());
    all.extend(order::configurations());
    all.extend(batches::configurations());
    all.extend(calls::configurations());
    all
}

fn run(configurations: &[Configuration], arguments: &Arguments) -> Result {
    let begun = Instant::now();
    let mut rows = Vec::new();
    let mut unexpected = Vec::new();
    for configuration in configurations.iter().filter(|other| arguments.selects(other)) {
        let verdict = configuration.run();
        println!("{verdict}");
        if arguments.is_verbose {
            print!("{}", verdict.traces());
        }
        if !verdict.is_as_expected() {
            unexpected.push(configuration.name);
        }
        rows.push((configuration.name, verdict.row()));
    }
    println!("{} configurations in {} s", rows.len(), begun.elapsed().as_secs());
    if !unexpected.is_empty() {
        return Err(format!("not as expected: {}", unexpected.join(", ")).into());
    }
    match arguments.document {
        Document::Untouched => Ok(()),
        Document::Written => document::write(configurations, &rows),
        Document::Checked => document::check(configurations, &rows),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_configuration_has_a_name_of_its_own_in_a_family_that_the_document_tells() {
        let mut names = HashSet::new();
        for configuration in configurations() {
            assert!(names.insert(configuration.name), "{} stands twice", configuration.name);
            assert!(
                document::has_family(configuration.family()),
                "{} is of no family",
                configuration.name
            );
        }
    }
}
