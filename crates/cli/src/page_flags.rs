//! Which part of what matches is shown, and how it is counted.

use blacksmith_store::{Count, Cursor, MAX_PAGE_LIMIT, Order, WhereEvents};
use clap::{Args, ValueEnum};

use crate::filter_flags::id;

/// Counting goes up to here, unless it is asked for exactly.
const COUNT_CAP: u64 = 10_000;

/// Which part of what matches.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Page")]
pub(crate) struct PageFlags {
    /// Entries of a page [default: 100]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_PAGE_LIMIT))]
    limit: Option<u64>,
    /// Entries to skip
    #[arg(long, value_name = "N", conflicts_with = "cursor")]
    offset: Option<u64>,
    /// Go on where the page ended that gave this cursor
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true, value_parser = id::<Cursor>)]
    cursor: Option<Cursor>,
    /// The order, by id [default: newest]
    #[arg(long, value_name = "ORDER")]
    order: Option<OrderWord>,
    /// Everything, page by page; with --json one entry a line
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    /// Count exactly, instead of up to 10,000
    #[arg(long, conflicts_with = "all")]
    exact: bool,
    /// Leave out the titles of the columns
    #[arg(long)]
    pub(crate) no_header: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OrderWord {
    Newest,
    Oldest,
}

impl PageFlags {
    /// Adds the page to a filter.
    pub(crate) fn apply_to(&self, filter: &mut WhereEvents) {
        filter.limit = self.limit.or(filter.limit);
        filter.offset = self.offset.or(filter.offset);
        filter.cursor = self.cursor.or(filter.cursor);
        match self.order {
            Some(OrderWord::Newest) => filter.order = Order::Newest,
            Some(OrderWord::Oldest) => filter.order = Order::Oldest,
            None => {}
        }
        if self.all {
            filter.limit = Some(MAX_PAGE_LIMIT);
            filter.count = Count::None;
        } else if !self.exact && filter.count == Count::Exact {
            filter.count = Count::UpTo(COUNT_CAP);
        }
    }
}
