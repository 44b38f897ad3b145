//! The arguments of a test program: those of libtest, and the suite's own two.

use std::num::NonZeroU32;

use libtest_mimic::Arguments;

/// What a test program was asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) libtest: Arguments,
    pub(crate) seed: Option<u64>,
    pub(crate) thorough: Option<NonZeroU32>,
}

impl Asked {
    /// Reads the arguments, of which the first is the program. Those of libtest that are none end the process, as libtest does.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self::default();
        let mut rest = Vec::new();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, joined) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            match name {
                "--seed" => asked.seed = Some(number(name, joined, &mut arguments)?),
                "--thorough" => asked.thorough = Some(number(name, joined, &mut arguments)?),
                _ => rest.push(argument),
            }
        }
        asked.libtest = Arguments::from_iter(rest);
        Ok(asked)
    }
}

fn number<N: std::str::FromStr>(
    name: &str,
    joined: Option<String>,
    arguments: &mut impl Iterator<Item = String>,
) -> Result<N, String> {
    let value = joined.or_else(|| arguments.next()).unwrap_or_default();
    value.parse().map_err(|_| format!("{name} is followed by {value:?}, which is no number of it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Asked, String> {
        Asked::parse(["program"].iter().chain(arguments).map(|&argument| argument.to_owned()))
    }

    #[test]
    fn what_is_the_suites_is_taken_out_and_the_rest_is_libtests() {
        let asked = parse(&["--thorough", "20", "claims", "--seed=7", "--exact"]).expect("numbers");
        assert_eq!((asked.thorough, asked.seed), (NonZeroU32::new(20), Some(7)));
        assert_eq!((asked.libtest.filter.as_deref(), asked.libtest.exact), (Some("claims"), true));
    }

    #[test]
    fn without_them_the_environment_decides() {
        let asked = parse(&["claims"]).expect("a filter");
        assert_eq!((asked.thorough, asked.seed), (None, None));
    }

    #[test]
    fn what_is_no_number_is_told() {
        for arguments in
            [&["--seed"][..], &["--seed", "7f"], &["--thorough=0"], &["--thorough", "-1"]]
        {
            assert!(parse(arguments).is_err_and(|error| error.contains(&arguments[0][..6])));
        }
    }
}
