//! Lists of entries, a page or all of them.

use std::future::Future;

use blacksmith_store::{Meta, Page, Store, StoreError, Toolkit, WhereEvents};
use serde::Serialize;

use crate::{
    context::Context,
    exit::Exit,
    failure::Result,
    page_flags::PageFlags,
    table::{Column, Table},
};

/// Entries that a store finds by a filter: events, jobs, transitions.
pub(crate) trait Listed: Serialize + Sized {
    /// What several are called.
    const NAME: &'static str;
    /// The columns of their table.
    const COLUMNS: &'static [Column];

    /// The cells of one row.
    fn row(&self) -> Vec<String>;

    /// A page of them.
    fn find(
        store: &dyn Store,
        toolkit: &Toolkit,
        filter: WhereEvents,
    ) -> impl Future<Output = Result<Page<Self>, StoreError>>;
}

/// Prints what matches: a page, or with `--all` page after page as they come.
pub(crate) async fn list<T: Listed>(
    context: &mut Context<'_>,
    mut filter: WhereEvents,
    flags: &PageFlags,
) -> Result<Exit> {
    flags.apply_to(&mut filter);
    let store = context.open().await?;
    let mut table = Table::new(T::COLUMNS);
    if !flags.all {
        table = table.in_one_portion();
    }
    if flags.no_header {
        table = table.without_titles();
    }
    let mut shown = 0;
    loop {
        let page = T::find(&*store, &context.toolkit(), filter.clone()).await?;
        shown += page.entries.len();
        match (context.json, flags.all) {
            (true, false) => context.terminal.print_json(&page)?,
            (true, true) => {
                for entry in &page.entries {
                    context.terminal.print_json_line(entry)?;
                }
            }
            (false, _) => {
                let rows: Vec<_> = page.entries.iter().map(T::row).collect();
                table.print(&rows, &mut context.terminal)?;
            }
        }
        // What reads a pipe gets each page as soon as it is there.
        context.terminal.flush()?;
        match page.meta.next_cursor {
            Some(cursor) if flags.all => {
                filter.offset = None;
                filter.cursor = Some(cursor);
            }
            _ => {
                if !context.json {
                    context.terminal.note(footer::<T>(shown, flags.all, &page.meta));
                }
                return Ok(Exit::Done);
            }
        }
    }
}

/// What was shown of how much, and how to see more.
fn footer<T: Listed>(shown: usize, all: bool, meta: &Meta) -> String {
    let name = T::NAME;
    let shown = match meta.count {
        Some(count) if meta.count_capped => format!("{shown} of more than {count} {name}"),
        Some(count) => format!("{shown} of {count} {name}"),
        None => format!("{shown} {name}"),
    };
    match meta.next_cursor {
        Some(cursor) if !all => format!("{shown}; the next page: --cursor {cursor}"),
        _ => shown,
    }
}
