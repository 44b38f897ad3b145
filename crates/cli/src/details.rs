//! One entry, shown at length.

use std::fmt::Display;

use blacksmith_store::Bytes;
use clap::ValueEnum;

use crate::{
    failure::{Failure, Result},
    terminal::Terminal,
    visible::{visible, visible_lines},
};

/// Lines of a name and a value; values that are empty are left out.
#[derive(Default)]
pub(crate) struct Details(Vec<(&'static str, String)>);

impl Details {
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.0.push((name, value.to_string()));
        self
    }

    pub(crate) fn with_optional(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(crate) fn print(&self, terminal: &mut Terminal) -> Result<()> {
        let shown = self.0.iter().filter(|(_, value)| !value.is_empty());
        let width = shown.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in shown {
            terminal.print(format_args!("{name:width$}  {}", visible(value)))?;
        }
        Ok(())
    }
}

/// Which payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Member {
    Context,
    Data,
}

/// The payloads of an event or a job.
pub(crate) struct Payloads<'a> {
    pub(crate) context: Option<&'a Bytes>,
    pub(crate) data: Option<&'a Bytes>,
}

impl Payloads<'_> {
    /// Both, as text where they are text.
    pub(crate) fn print(&self, terminal: &mut Terminal) -> Result<()> {
        for (name, payload) in [("context", self.context), ("data", self.data)] {
            let Some(bytes) = payload else { continue };
            terminal.print("")?;
            let size = bytes.len();
            match std::str::from_utf8(bytes) {
                Ok("") => terminal.print(format_args!("{name}: empty"))?,
                Ok(text) => {
                    terminal.print(format_args!("{name}, {size} bytes:"))?;
                    terminal.print(visible_lines(text))?;
                }
                Err(_) => terminal.print(format_args!(
                    "{name}: {size} bytes that are no text; `--raw {name}` prints them as they are"
                ))?,
            }
        }
        Ok(())
    }

    /// One of them, byte for byte.
    ///
    /// # Errors
    /// `NotFound` where there is none; `Usage` for bytes that a terminal could act on, when it is one that shows them.
    pub(crate) fn print_raw(&self, member: Member, terminal: &mut Terminal) -> Result<()> {
        let (name, payload) = match member {
            Member::Context => ("context", self.context),
            Member::Data => ("data", self.data),
        };
        let Some(bytes) = payload else {
            return Err(Failure::NotFound(format!("there is no {name}")));
        };
        let is_plain =
            std::str::from_utf8(bytes).is_ok_and(|text| visible_lines(text).len() == text.len());
        if terminal.shows_output && !is_plain {
            return Err(Failure::usage(format!(
                "{name} is no plain text, and would go to a terminal; redirect the output to a file or a program"
            )));
        }
        terminal.print_bytes(bytes)
    }
}
