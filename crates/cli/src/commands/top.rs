//! `blacksmith top`

use std::{sync::Arc, time::Duration};

use blacksmith_store::{ErrorKind, Store, StoreError, Timestamp};
use clap::Args;
use serde::Serialize;

use crate::{
    board::{Board, Layout, Rate},
    context::Context,
    exit::Exit,
    failure::{Failure, Result},
    instant::{self, brief},
    interrupt::Interrupt,
    keys::Keys,
    screen::Screen,
    table::Table,
};

/// What the columns mean, for the long help.
pub(crate) const COLUMNS: &str = "\
SUCCEEDED/S (SUCC/S) is how many jobs a second were delivered since the last look. FAILING/S (FAIL/S) is by how much the failed, unknown and \
discarded jobs grew a second; it is below zero while they are made good for, and a retry that fails again changes nothing in \
it. DUE FOR is how long the job that waits longest has been due.

On a terminal the table is drawn over itself, with short titles and without the statuses that no job has been seen in, and \
`q` or Ctrl-C ends it; elsewhere one table follows the other, and with \
--json one line the other. It reads the counts that the store keeps, at a cost that does not grow with the jobs.";

#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    /// How long to wait between two looks
    #[arg(long, short = 'd', value_name = "DURATION", default_value = "2s", value_parser = instant::duration)]
    interval: Duration,
    /// Look once, without rates
    #[arg(long, conflicts_with = "interval")]
    once: bool,
}

/// A line of `--json`.
#[derive(Serialize)]
struct Look<'a> {
    at: Timestamp,
    #[serde(flatten)]
    board: &'a Board,
    /// Of all jobs; absent at the first look.
    rate: Option<Rate>,
}

/// Shows the counts until somebody has seen enough.
pub(crate) async fn run(context: &mut Context<'_>, args: &TopArgs) -> Result<Exit> {
    let store = context.open().await?;
    let interrupt = Interrupt::listen()?;
    let mut top = Top::new(store, context.terminal.shows_output);
    let first = interrupt.or(top.look(context)).await;
    if let Err(Failure::Interrupted) = first {
        return Ok(Exit::Done);
    }
    first??;
    if args.once {
        top.show(context, false)?;
        return Ok(Exit::Done);
    }
    let keys = Keys::listen(&context.terminal)?;
    loop {
        top.show(context, keys.are_taken())?;
        let again = async {
            tokio::time::sleep(args.interval.max(SHORTEST)).await;
            top.look(context).await
        };
        tokio::select! {
            () = keys.quit() => return Ok(Exit::Done),
            looked = interrupt.or(again) => match looked {
                Err(_) => return Ok(Exit::Done),
                Ok(looked) => top.put_up_with(looked)?,
            },
        }
    }
}

/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(100);

/// What was seen last, and the time before.
struct Top {
    store: Arc<dyn Store>,
    board: Option<Board>,
    earlier: Option<Board>,
    layout: Layout,
    screen: Screen,
    /// Why the last look was in vain.
    trouble: Option<String>,
}

impl Top {
    fn new(store: Arc<dyn Store>, on_screen: bool) -> Self {
        Self {
            store,
            board: None,
            earlier: None,
            layout: if on_screen { Layout::screen() } else { Layout::Full { rates: true } },
            screen: Screen::default(),
            trouble: None,
        }
    }

    async fn look(&mut self, context: &Context<'_>) -> std::result::Result<(), StoreError> {
        let board = Board::read(&*self.store, || context.toolkit()).await?;
        self.earlier = self.board.replace(board);
        self.trouble = None;
        Ok(())
    }

    /// A store that does not answer for a while is what one watches for: it is told, and looked at again.
    fn put_up_with(&mut self, looked: std::result::Result<(), StoreError>) -> Result<()> {
        match looked {
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) => {
                self.trouble = Some(error.to_string());
                Ok(())
            }
            looked => Ok(looked?),
        }
    }

    fn show(&mut self, context: &mut Context<'_>, takes_keys: bool) -> Result<()> {
        let Some(board) = &self.board else { return Ok(()) };
        if let Some(trouble) = self.trouble.as_ref().filter(|_| !context.terminal.shows_output) {
            context.terminal.report(format_args!("error: {trouble}"));
            return Ok(());
        }
        let earlier = self.earlier.as_ref();
        if context.json {
            let rate = earlier.map(|earlier| board.rate_since(earlier));
            context.terminal.print_json_line(&Look { at: board.at(), board, rate })?;
            return context.terminal.flush();
        }
        let on_screen = context.terminal.shows_output;
        self.layout.note(board);
        let mut table = Table::new(&self.layout.columns()).in_one_portion();
        let mut lines = vec![self.heading(board, takes_keys)];
        lines.extend(table.lines(&board.rows(self.layout, earlier), on_screen));
        if board.is_empty() {
            lines.push("no jobs are stored".to_owned());
        }
        self.screen.draw(&lines, &mut context.terminal)
    }

    fn heading(&self, board: &Board, takes_keys: bool) -> String {
        let mut heading = format!("{}  {}", brief(Some(board.at())), self.store.name());
        if let Some(trouble) = &self.trouble {
            heading.push_str("  error: ");
            heading.push_str(&crate::visible::visible(trouble));
        }
        if takes_keys {
            heading.push_str("  q quits");
        }
        heading
    }
}
