//! A model under some rules and faults, with what is expected of it.

use std::fmt::{self, Write as _};

use crate::explore::{Explorable, Explored, explore};

/// What is expected of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Every promise holds in every state.
    Holds,
    /// A rule is missing, and it shows.
    Breaks,
}

/// One line of the table.
pub(crate) struct Configuration {
    /// A letter for its family, and a number: `N4`.
    pub(crate) name: &'static str,
    pub(crate) story: &'static str,
    pub(crate) expected: Expected,
    /// Left out of the quick form.
    pub(crate) is_large: bool,
    explore: Box<dyn Fn() -> Explored>,
}

impl Configuration {
    pub(crate) fn new<M: Explorable + Clone>(
        name: &'static str,
        story: &'static str,
        expected: Expected,
        model: M,
    ) -> Self {
        let explore = Box::new(move || explore(model.clone()));
        Self { name, story, expected, is_large: false, explore }
    }

    /// The same, left out of the quick form.
    pub(crate) fn large(self) -> Self {
        Self { is_large: true, ..self }
    }

    /// The letters of the name.
    pub(crate) fn family(&self) -> &'static str {
        self.name.trim_end_matches(|character: char| !character.is_ascii_uppercase())
    }

    /// Whether it is meant by a name or a family.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name == name || self.family() == name
    }

    pub(crate) fn run(&self) -> Verdict<'_> {
        Verdict { configuration: self, explored: (self.explore)() }
    }
}

/// What became of a configuration.
pub(crate) struct Verdict<'a> {
    pub(crate) configuration: &'a Configuration,
    pub(crate) explored: Explored,
}

impl Verdict<'_> {
    /// Whether it came out as expected, in a model in which something happens.
    pub(crate) fn is_as_expected(&self) -> bool {
        let holds = self.explored.broken.is_empty();
        holds == (self.configuration.expected == Expected::Holds)
            && (self.explored.is_reached || !holds)
    }

    /// Its line in the document.
    pub(crate) fn row(&self) -> String {
        let Configuration { name, story, .. } = self.configuration;
        let states = if self.explored.is_complete {
            grouped(self.explored.states)
        } else {
            "\u{2013}".into()
        };
        let broken = self.explored.broken.iter().map(|broken| format!("broken: {}", broken.name));
        let result = match broken.collect::<Vec<_>>().join("<br>") {
            all if all.is_empty() => "holds".into(),
            broken => broken,
        };
        format!("| {name} | {story} | {states} | {result} |")
    }

    /// A short way to each broken promise.
    pub(crate) fn traces(&self) -> String {
        let mut text = String::new();
        for broken in &self.explored.broken {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    {}", broken.name);
            for step in &broken.trace {
                let _ = writeln!(text, "        {step}");
            }
        }
        text
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explored { states, depth, took, broken, is_reached, .. } = &self.explored;
        let Configuration { name, story, .. } = self.configuration;
        let states = grouped(*states);
        write!(f, "{name:<4} {story:<76} {states:>11} states, depth {depth:>2}, ")?;
        write!(f, "{:>5.1} s: ", took.as_secs_f32())?;
        match broken.len() {
            0 => write!(f, "holds")?,
            count => write!(f, "{count} broken")?,
        }
        if !is_reached {
            write!(f, ", no job ends well")?;
        }
        if !self.is_as_expected() {
            write!(f, "  <-- NOT AS EXPECTED")?;
        }
        Ok(())
    }
}

/// A number with commas between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        let numbers = [0, 12, 123, 1_234, 12_345, 1_234_567];
        let texts = ["0", "12", "123", "1,234", "12,345", "1,234,567"];
        assert_eq!(numbers.map(grouped), texts);
    }
}
