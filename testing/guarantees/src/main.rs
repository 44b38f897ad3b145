//! Writes what the contract guarantees, with the cases that prove it, and which cases each adapter of ours passes.
//!
//! `cargo run -p blacksmith-testing-guarantees` writes `docs/guarantees.md` and `docs/scoreboard.md`; `-- --check` fails where
//! they are not those in the repository.

use std::{error::Error, fmt::Write as _, path::Path, process::ExitCode};

use blacksmith_store::{AvailableAdapters, CompiledIn as _};
use blacksmith_store_conformance::{GUARANTEES, Level, Server, Suite};
use blacksmith_store_core::Capabilities;

/// Where the documents stand.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

const NOTE: &str =
    "<!-- Written by `cargo run -p blacksmith-testing-guarantees`; CI compares it. -->";

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result {
    let documents = [("guarantees.md", guarantees()?), ("scoreboard.md", scoreboard()?)];
    let folder = Path::new(FOLDER);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {
            for (name, text) in documents {
                std::fs::write(folder.join(name), text)?;
            }
            Ok(())
        }
        ["--check"] => {
            for (name, text) in documents {
                if !std::fs::read_to_string(folder.join(name)).is_ok_and(|there| there == text) {
                    return Err(format!(
                        "docs/{name} is stale: run `cargo run -p blacksmith-testing-guarantees`"
                    )
                    .into());
                }
            }
            Ok(())
        }
        _ => Err("there is one argument, --check".into()),
    }
}

fn guarantees() -> Result<String> {
    let mut text = format!(
        "# Guarantees\n\n{NOTE}\n\n\
         What a store promises whatever database is behind it, sentence by sentence, and the cases of the conformance suite that\n\
         prove it. **Guaranteed** holds on every adapter that passes the suite. **Depends** holds where an adapter declares the\n\
         capability. **Unspecified** is left open on purpose: rely on nothing there. [Which cases each adapter\n\
         passes](scoreboard.md), and [which faults the suite catches](faults.md), stand beside.\n"
    );
    for (title, sentences) in GUARANTEES {
        write!(text, "\n## {title}\n\n| | promise | proof |\n| --- | --- | --- |\n")?;
        for sentence in *sentences {
            let level = match sentence.level {
                Level::Guaranteed => "guaranteed".to_owned(),
                Level::Depends(capability) => format!("depends: `{capability}`"),
                Level::Unspecified => "unspecified".to_owned(),
            };
            let cases: Vec<String> = sentence.cases.iter().map(|case| shown(case)).collect();
            writeln!(text, "| {level} | {} | {} |", sentence.text, cases.join("<br>"))?;
        }
    }
    Ok(text)
}

/// A case, or a family with the number of its cases.
fn shown(pattern: &str) -> String {
    match pattern.strip_suffix("::*") {
        None => format!("`{pattern}`"),
        Some(family) => {
            let cases = Suite::cases(Capabilities::NONE, None);
            let of_family = |(name, _): &(&str, _)| family_of(name) == family;
            format!("`{family}` ({} cases)", cases.filter(of_family).count())
        }
    }
}

fn family_of(case: &str) -> &str {
    case.split_once("::").map_or(case, |(family, _)| family)
}

fn scoreboard() -> Result<String> {
    let adapters = AvailableAdapters::compiled_in();
    let adapters: Vec<_> = adapters.iter().collect();
    let names: Vec<&str> = adapters.iter().map(|adapter| adapter.name()).collect();
    let columns = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut text = format!(
        "# Scoreboard\n\n{NOTE}\n\n\
         The cases that each adapter passes. Every \u{2713} is run by `cargo xtask test`, which fails with the first that does not\n\
         pass; a \u{2013} is a case of a capability that the adapter does not declare, or of a server that it does not have.\n"
    );
    let verdicts: Vec<Vec<(&str, bool)>> = adapters
        .iter()
        .map(|adapter| {
            let server = Server::of_adapter(*adapter);
            let cases = Suite::cases(adapter.capabilities(), server.as_ref());
            cases.map(|(name, absence)| (name, absence.is_none())).collect()
        })
        .collect();
    let passed = verdicts.iter().map(|cases| cases.iter().filter(|(_, runs)| *runs).count());
    let sums: Vec<String> = passed.map(|count| count.to_string()).collect();
    let head = |first: &str| {
        let line = columns([first].iter().chain(&names).map(ToString::to_string).collect());
        format!("\n{line}\n|{}\n", " --- |".repeat(names.len() + 1))
    };
    text += &head("");
    writeln!(
        text,
        "{}",
        columns([format!("of {} cases", verdicts[0].len())].into_iter().chain(sums).collect())
    )?;
    let mut family = "";
    for (row, (case, _)) in verdicts[0].iter().enumerate() {
        if family_of(case) != family {
            family = family_of(case);
            write!(text, "\n## {family}\n{}", head("case"))?;
        }
        let marks = verdicts.iter().map(|cases| if cases[row].1 { "\u{2713}" } else { "\u{2013}" });
        let name =
            case.strip_prefix(family).and_then(|rest| rest.strip_prefix("::")).unwrap_or(case);
        let name = name.replace('_', " ");
        writeln!(
            text,
            "{}",
            columns([name].into_iter().chain(marks.map(str::to_owned)).collect())
        )?;
    }
    Ok(text)
}
