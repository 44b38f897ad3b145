//! `blacksmith stats`

use crate::{
    board::{Board, Layout},
    context::Context,
    exit::Exit,
    failure::Result,
    table::Table,
};

/// Counts the jobs of every destination and action by status.
pub(crate) async fn run(context: &mut Context<'_>) -> Result<Exit> {
    let store = context.open().await?;
    let board = Board::read(&*store, || context.toolkit()).await?;
    if context.json {
        context.terminal.print_json(&board)?;
        return Ok(Exit::Done);
    }
    let layout = Layout::Full { rates: false };
    let rows = board.rows(layout, None);
    Table::new(&layout.columns()).in_one_portion().print(&rows, &mut context.terminal)?;
    if board.is_empty() {
        context.terminal.note("no jobs are stored");
    }
    Ok(Exit::Done)
}
