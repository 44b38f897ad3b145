//! Standard input, output and error.

use std::{
    fmt::Display,
    io::{self, BufRead, BufWriter, IsTerminal as _, Write},
};

use serde::Serialize;

use crate::{
    failure::{Failure, Result},
    secrets::without_secrets,
    visible::visible_lines,
};

/// Where a command reads and writes: results on standard output, everything else on standard error.
pub(crate) struct Terminal {
    output: Box<dyn Write>,
    errors: Box<dyn Write>,
    answers: Box<dyn BufRead>,
    /// A person reads standard output.
    pub(crate) shows_output: bool,
    /// A person reads standard error.
    pub(crate) shows_errors: bool,
    /// The columns of the screen that standard output goes to, if it is one.
    pub(crate) width: Option<u16>,
    /// A person can be asked.
    can_ask: bool,
    /// Notes are left out.
    quiet: bool,
}

impl Terminal {
    /// The process's own.
    pub(crate) fn of_process() -> Self {
        let shows_errors = io::stderr().is_terminal();
        let shows_output = io::stdout().is_terminal();
        Self {
            output: Box::new(BufWriter::new(io::stdout())),
            errors: Box::new(io::stderr()),
            answers: Box::new(io::BufReader::new(io::stdin())),
            shows_output,
            shows_errors,
            width: size().filter(|_| shows_output).map(|(width, _)| width),
            can_ask: shows_errors && io::stdin().is_terminal(),
            quiet: false,
        }
    }

    /// One for tests: what is printed goes to `output` and `errors`; a person answers with `answers`, if there is one.
    #[cfg(all(test, feature = "memory"))]
    pub(crate) fn for_test(
        output: impl Write + 'static,
        errors: impl Write + 'static,
        answers: Option<&'static str>,
    ) -> Self {
        Self {
            output: Box::new(output),
            errors: Box::new(errors),
            answers: Box::new(answers.unwrap_or_default().as_bytes()),
            shows_output: false,
            shows_errors: false,
            width: None,
            can_ask: answers.is_some(),
            quiet: false,
        }
    }

    /// The same on a screen of this many columns.
    #[cfg(all(test, feature = "memory"))]
    pub(crate) fn on_screen(self, width: u16) -> Self {
        Self { shows_output: true, width: Some(width), ..self }
    }

    /// The same without notes.
    pub(crate) fn set_quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
    }

    /// Whether notes are left out.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A line of the result.
    pub(crate) fn print(&mut self, line: impl Display) -> Result<()> {
        writeln!(self.output, "{line}").map_err(to_output)
    }

    /// Bytes of the result, as they are.
    pub(crate) fn print_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.write_all(bytes).map_err(to_output)
    }

    /// A JSON document: indented for a person, on one line for a program.
    pub(crate) fn print_json<T: Serialize>(&mut self, value: &T) -> Result<()> {
        if self.shows_output {
            serde_json::to_writer_pretty(&mut self.output, value)
        } else {
            serde_json::to_writer(&mut self.output, value)
        }
        .map_err(io::Error::from)
        .and_then(|()| writeln!(self.output))
        .map_err(to_output)
    }

    /// A JSON value on a line of its own.
    pub(crate) fn print_json_line<T: Serialize>(&mut self, value: &T) -> Result<()> {
        serde_json::to_writer(&mut self.output, value)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(self.output))
            .map_err(to_output)
    }

    /// Hands on what was printed.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.output.flush().map_err(to_output)
    }

    /// A line on standard error that a script can do without.
    pub(crate) fn note(&mut self, line: impl Display) {
        if !self.quiet {
            self.report(line);
        }
    }

    /// A line on standard error, free of secrets and of what a terminal could act on.
    pub(crate) fn report(&mut self, line: impl Display) {
        let line = without_secrets(&line.to_string());
        // Where standard error is gone there is nobody to tell.
        let _ = writeln!(self.errors, "{}", visible_lines(&line));
    }

    /// Asks a question; anything but yes is no.
    ///
    /// # Errors
    /// `Usage` where nobody can be asked.
    pub(crate) fn ask(&mut self, question: impl Display) -> Result<bool> {
        if !self.can_ask {
            return Err(Failure::usage(
                "this asks for a confirmation, and there is no terminal to ask on; add --yes to go ahead, or --dry-run to look only",
            ));
        }
        self.flush()?;
        let question = without_secrets(&question.to_string());
        let mut answer = String::new();
        write!(self.errors, "{} [y/N] ", visible_lines(&question))
            .and_then(|()| self.errors.flush())
            .and_then(|()| self.answers.read_line(&mut answer))
            .map_err(|error| Failure::input_output("ask for a confirmation", error))?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}

/// Columns and rows of the screen, if there is one that tells.
pub(crate) fn size() -> Option<(u16, u16)> {
    crossterm::terminal::size().ok().filter(|(width, height)| *width > 0 && *height > 0)
}

fn to_output(error: io::Error) -> Failure {
    Failure::input_output("write to standard output", error)
}
