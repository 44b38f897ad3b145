//! What every command gets.

use std::{sync::Arc, time::Duration};

use blacksmith_store::{AvailableAdapters, Migrator, Options, Store, Toolkit};
use clap::Args;

use crate::{
    configuration::Configuration,
    failure::{Failure, Result},
    instant,
    store_choice::StoreFlags,
    terminal::Terminal,
};

/// Flags of every command.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct GlobalFlags {
    #[command(flatten)]
    store: StoreFlags,
    /// How long a call to the store may take [default: as long as it takes]
    #[arg(long, global = true, value_name = "DURATION", value_parser = instant::duration, help_heading = "Store")]
    timeout: Option<Duration>,
    /// The result as JSON
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
    /// No progress and no notes on standard error
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// The adapters, the flags of every command, and where to read and write.
pub(crate) struct Context<'a> {
    pub(crate) adapters: &'a AvailableAdapters,
    pub(crate) terminal: Terminal,
    /// The result is asked for as JSON.
    pub(crate) json: bool,
    flags: GlobalFlags,
    toolkit: Toolkit,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        adapters: &'a AvailableAdapters,
        flags: GlobalFlags,
        mut terminal: Terminal,
    ) -> Self {
        terminal.set_quiet(flags.quiet);
        Self { adapters, terminal, json: flags.json, flags, toolkit: Toolkit::new() }
    }

    /// The options of the chosen store.
    pub(crate) fn options(&self) -> Result<Options> {
        self.flags.store.options()
    }

    /// The routes and destinations of the configuration file.
    pub(crate) fn configuration(&self) -> Result<Configuration> {
        self.flags.store.configuration()
    }

    /// The store that is named on the command line itself.
    pub(crate) fn named_store(&self) -> Result<Option<Options>> {
        self.flags.store.named()
    }

    /// Whether there is no store where the options lead.
    pub(crate) fn is_absent(&self, options: &Options) -> bool {
        self.adapters.select(options).is_ok_and(|adapter| adapter.is_absent(options))
    }

    /// The options of the chosen store, which must be there.
    fn existing(&self) -> Result<Options> {
        let options = self.options()?;
        if self.is_absent(&options) { Err(Failure::NoStore) } else { Ok(options) }
    }

    /// Opens the chosen store, which must be there: who looks into the wrong folder shall not find an empty store.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>> {
        Ok(self.adapters.open(self.existing()?).await?)
    }

    /// Opens the chosen store, and makes it where there is none.
    pub(crate) async fn open_or_create(&self) -> Result<Arc<dyn Store>> {
        Ok(self.adapters.open(self.options()?).await?)
    }

    /// The migrations of the chosen store, which must be there.
    pub(crate) async fn migrator(&self) -> Result<Box<dyn Migrator>> {
        Ok(self.adapters.migrator(&self.existing()?).await?)
    }

    /// The migrations of the chosen store, or of one that is still to be made.
    pub(crate) async fn migrator_or_create(&self) -> Result<Box<dyn Migrator>> {
        Ok(self.adapters.migrator(&self.options()?).await?)
    }

    /// A toolkit for one call, whose deadline starts now.
    pub(crate) fn toolkit(&self) -> Toolkit {
        match self.flags.timeout {
            Some(timeout) => self.toolkit.clone().with_timeout(timeout),
            None => self.toolkit.clone(),
        }
    }
}
