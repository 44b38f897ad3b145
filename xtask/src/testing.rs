//! The one test command: every test of the workspace and of the examples, and the sum of them.

use std::{
    fmt,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use crate::{
    command::{Result, announce, cargo, program},
    examples,
};

/// Starts a PostgreSQL server for the command that it is given.
const POSTGRES_SERVER: &str = "blacksmith-testing-postgres-server";

/// The crates whose tests need one.
const NEEDING_POSTGRES: [&str; 2] = [POSTGRES_SERVER, "blacksmith-store-postgres"];

/// Names adapters whose conformance cases are skipped on purpose.
const CONFORMANCE_SKIP: &str = "BLACKSMITH_CONFORMANCE_SKIP";

#[derive(Default)]
pub(crate) struct Options {
    without_postgres: bool,
}

impl Options {
    /// `None` for an option that there is not.
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        match arguments {
            [] => Some(Self::default()),
            ["--without-postgres"] => Some(Self { without_postgres: true }),
            _ => None,
        }
    }
}

/// What became of the tests.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sum {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Sum {
    pub(crate) fn is_success(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// Adds what a test program says at its end: `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) =
            line.strip_prefix("test result: ").and_then(|result| result.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else { continue };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// Runs all tests, whichever fail, doctests included.
pub(crate) fn run(options: &Options) -> Result<Sum> {
    const TEST: &str = "test --workspace --all-features --locked --no-fail-fast";
    let command = if options.without_postgres {
        eprintln!("warning: on purpose without the tests that need a PostgreSQL server");
        let mut command = cargo(TEST);
        command.args(NEEDING_POSTGRES.iter().flat_map(|package| ["--exclude", package]));
        command.env(CONFORMANCE_SKIP, "postgres");
        command
    } else {
        // One server for all test programs, or the one that the environment names.
        let mut command = cargo(&format!("run --quiet --locked --package {POSTGRES_SERVER} --"));
        command.arg(program()).args(TEST.split(' '));
        command
    };
    let mut sum = Sum::default();
    count(command, &mut sum)?;
    for example in examples::all()? {
        count(example.cargo("test --locked --no-fail-fast"), &mut sum)?;
    }
    Ok(sum)
}

/// Runs a test command to its end, shows what it prints, and adds its results.
fn count(mut command: Command, sum: &mut Sum) -> Result {
    command.stdout(Stdio::piped());
    announce(&command);
    let failed_before = sum.failed;
    let mut child = command.spawn()?;
    let mut terminal = std::io::stdout().lock();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            terminal.write_all(&line)?;
            terminal.write_all(b"\n")?;
            terminal.flush()?;
            sum.add(&String::from_utf8_lossy(&line));
        }
    }
    let status = child.wait()?;
    if !status.success() && sum.failed == failed_before {
        eprintln!("error: not all tests ran to their end: {status}");
        sum.failed += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_add_up() {
        let mut sum = Sum::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 10 passed; 2 failed; 1 ignored; 0 measured; 7 filtered out; finished in 1.00s",
            "test result",
        ] {
            sum.add(line);
        }
        assert_eq!(sum.to_string(), "13 passed, 2 failed, 1 skipped");
        assert!(!sum.is_success());
    }

    #[test]
    fn no_test_at_all_is_no_success() {
        let sum = Sum::default();
        assert_eq!(sum.to_string(), "0 passed, 0 failed");
        assert!(!sum.is_success());
    }
}
