//! The command line.

use crate::{Result, configuration::Configuration};

const USAGE: &str = "arguments: [NAME]... [--quick] [-v] [--write | --check]";

/// What is to be run, and how.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Arguments {
    names: Vec<String>,
    is_quick: bool,
    pub(crate) is_verbose: bool,
    pub(crate) document: Document,
}

/// What becomes of the document.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Document {
    #[default]
    Untouched,
    Written,
    Checked,
}

impl Arguments {
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = String>,
        configurations: &[Configuration],
    ) -> Result<Self> {
        let mut parsed = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--quick" => parsed.is_quick = true,
                "-v" => parsed.is_verbose = true,
                "--write" => parsed.document = Document::Written,
                "--check" => parsed.document = Document::Checked,
                name if configurations.iter().any(|other| other.is_called(name)) => {
                    parsed.names.push(argument);
                }
                other => {
                    return Err(format!("there is no configuration {other:?}\n{USAGE}").into());
                }
            }
        }
        Ok(parsed)
    }

    /// Whether this configuration is to be run.
    pub(crate) fn selects(&self, configuration: &Configuration) -> bool {
        let is_named =
            self.names.is_empty() || self.names.iter().any(|name| configuration.is_called(name));
        is_named && !(self.is_quick && configuration.is_large)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(arguments: &[&str]) -> Result<Vec<&'static str>> {
        let configurations = crate::configurations();
        let arguments = arguments.iter().map(ToString::to_string);
        let arguments = Arguments::parse(arguments, &configurations)?;
        let selected = configurations.iter().filter(|other| arguments.selects(other));
        Ok(selected.map(|configuration| configuration.name).collect())
    }

    #[test]
    fn a_name_means_one_and_a_letter_a_family() {
        assert_eq!(selected(&["C1"]).expect("a name"), ["C1"]);
        assert_eq!(selected(&["C4b", "Y"]).expect("names"), ["Y1", "Y2", "C4b"]);
    }

    #[test]
    fn the_quick_form_leaves_out_the_largest() {
        assert_eq!(selected(&["N2", "N3", "--quick"]).expect("names"), ["N3"]);
    }

    #[test]
    fn an_unknown_name_is_refused() {
        assert!(selected(&["C99"]).is_err());
        assert!(selected(&["--fast"]).is_err());
    }
}
