//! Patterns with `*`.

use serde::Deserialize;

/// Text in which each `*` stands for any text, also for none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Pattern {
    /// What stands before the first `*`, between them, and after the last.
    parts: Vec<String>,
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self { parts: text.split('*').map(str::to_owned).collect() }
    }
}

impl Pattern {
    /// The pattern that everything matches.
    pub(crate) fn any() -> Self {
        "*".to_owned().into()
    }

    /// Whether the whole of `text` matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else {
            // Without a `*`, there is one part.
            return self.parts.iter().all(|part| part == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            // The first place is as good as any: what follows has the most room there.
            let Some(start) = rest.find(part.as_str()) else { return false };
            rest = &rest[start + part.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, matching, others) in [
            ("push", &["push"][..], &["pushed", "a push", "PUSH", ""][..]),
            ("*", &["", "push"], &[]),
            ("pull_request.*", &["pull_request.opened", "pull_request."], &["pull_request", "x"]),
            ("*.opened", &["issues.opened", ".opened"], &["opened", "issues.opened.", "issues"]),
            ("a*b*c", &["abc", "aXbYc", "abbcc"], &["ab", "ac", "acb", "abcd"]),
            ("ab*ba", &["abba", "ab-ba"], &["aba"]),
            ("**", &["", "x"], &[]),
            ("ü*", &["über"], &["u"]),
            ("", &[""], &["x"]),
        ] {
            let compiled = Pattern::from(pattern.to_owned());
            for text in matching {
                assert!(compiled.matches(text), "{pattern} {text}");
            }
            for text in others {
                assert!(!compiled.matches(text), "{pattern} {text}");
            }
        }
    }
}
