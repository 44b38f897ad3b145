//! Every step of CI as a subcommand, so that a laptop and CI run the same thing.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod command;
mod deny;
mod documents;
mod examples;
mod lease;
mod lints;
mod packages;
mod testing;
mod tree;

use std::{env, process::ExitCode, time::Instant};

use crate::{command::Result, testing::Sum};

const USAGE: &str = "\
Usage:
  cargo xtask ci [STEP]...             everything that CI checks, or these steps of it:
                                       fmt, tree, clippy, doc, examples, deny, package, documents,
                                       lease, test
  cargo xtask documents                writes the documents that programs write
  cargo xtask test                     every test there is, doctests included
      --without-postgres               leaves out, on purpose, those that need a PostgreSQL server
";

/// The steps of CI, in order: what fails soonest comes first, the tests last.
const STEPS: [(&str, Step); 10] = [
    ("fmt", Step::Lint(lints::fmt)),
    ("tree", Step::Lint(tree::check)),
    ("clippy", Step::Lint(lints::clippy)),
    ("doc", Step::Lint(lints::doc)),
    ("examples", Step::Lint(examples::check)),
    ("deny", Step::Lint(deny::check)),
    ("package", Step::Lint(packages::check)),
    ("documents", Step::Lint(documents::check)),
    ("lease", Step::Lint(lease::check)),
    ("test", Step::Test),
];

#[derive(Clone, Copy)]
enum Step {
    Lint(fn() -> Result),
    Test,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["ci", steps @ ..] => ci(steps),
        ["test", options @ ..] => test(options),
        ["documents"] => documents::write().map(|()| true),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(true)
        }
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the named steps, or all of them; also those after one that failed. Answers whether all is well.
fn ci(names: &[&str]) -> Result<bool> {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|(step, _)| step != *name)) {
        return Err(format!("there is no step {unknown:?}\n{USAGE}").into());
    }
    let mut failed = Vec::new();
    let mut sum = None;
    for (name, step) in STEPS.iter().filter(|(name, _)| names.is_empty() || names.contains(name)) {
        eprintln!("==== {name}");
        let begun = Instant::now();
        let outcome = match step {
            Step::Lint(check) => check(),
            Step::Test => testing::run(&testing::Options::default()).map(|tests| sum = Some(tests)),
        };
        if let Err(error) = outcome {
            eprintln!("error: {error}");
            failed.push(*name);
        }
        eprintln!("==== {name}: {} s", begun.elapsed().as_secs());
    }
    if !failed.is_empty() {
        eprintln!("failed: {}", failed.join(", "));
    }
    let tests_pass = sum.as_ref().is_none_or(Sum::is_success);
    if let Some(sum) = sum {
        println!("{sum}");
    }
    Ok(failed.is_empty() && tests_pass)
}

fn test(arguments: &[&str]) -> Result<bool> {
    let sum = testing::run(&testing::Options::parse(arguments).ok_or(USAGE)?)?;
    println!("{sum}");
    Ok(sum.is_success())
}
