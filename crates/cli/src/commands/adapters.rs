//! `blacksmith adapters`

use blacksmith_store::Capabilities;
use serde::Serialize;

use crate::{
    context::Context,
    exit::Exit,
    failure::Result,
    table::{Column, Table},
};

const COLUMNS: &[Column] = &[
    Column::whole("ADAPTER"),
    Column::whole("AVAILABLE"),
    Column::text("CAPABILITIES"),
    Column::text("EXAMPLE"),
];

/// One adapter, in `--json`.
#[derive(Serialize)]
struct Line {
    name: &'static str,
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<Capabilities>,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
}

/// Lists the adapters of this program, and those that it knows but does not have.
pub(crate) fn run(context: &mut Context<'_>) -> Result<Exit> {
    let available = context.adapters.iter().map(|adapter| Line {
        name: adapter.name(),
        available: true,
        capabilities: Some(adapter.capabilities()),
        example: Some(adapter.example_url()),
        remedy: None,
    });
    let absent = context.adapters.absent().map(|(name, remedy)| Line {
        name,
        available: false,
        capabilities: None,
        example: None,
        remedy: Some(remedy),
    });
    let lines: Vec<_> = available.chain(absent).collect();
    if context.json {
        context.terminal.print_json(&lines)?;
        return Ok(Exit::Done);
    }
    let row = |line: &Line| {
        vec![
            line.name.to_owned(),
            if line.available { "yes" } else { "no" }.to_owned(),
            line.capabilities.map(words).unwrap_or_default(),
            line.example.or(line.remedy).unwrap_or_default().to_owned(),
        ]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    Table::new(COLUMNS).print(&rows, &mut context.terminal)?;
    Ok(Exit::Done)
}

fn words(capabilities: Capabilities) -> String {
    let words: Vec<_> = [
        (capabilities.durable, "durable"),
        (capabilities.several_handles, "several handles"),
        (capabilities.several_processes, "several processes"),
        (capabilities.wakeups, "wakeups"),
    ]
    .into_iter()
    .filter_map(|(has, word)| has.then_some(word))
    .collect();
    words.join(", ")
}
