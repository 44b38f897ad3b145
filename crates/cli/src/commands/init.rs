//! `blacksmith init`

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write as _},
};

use clap::Args;

use crate::{
    configuration::EXAMPLE,
    context::Context,
    exit::Exit,
    failure::{Failure, Result},
    store_choice::CONFIG_FILE,
};

#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// Write over the file that is there
    #[arg(long)]
    force: bool,
}

/// Writes the commented example.
pub(crate) fn run(context: &mut Context<'_>, args: &InitArgs) -> Result<Exit> {
    let mut options = OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options.open(CONFIG_FILE).and_then(|mut file| file.write_all(EXAMPLE.as_bytes()));
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::usage(format!(
                "{CONFIG_FILE} is here already; --force writes over it"
            )));
        }
        Err(error) => return Err(Failure::input_output(format!("write {CONFIG_FILE}"), error)),
    }
    context.terminal.print(format_args!(
        "{CONFIG_FILE} is written: events of the source `github` are appended to a file"
    ))?;
    context.terminal.print("next: read it, then `blacksmith ingest FILE` and `blacksmith run`")?;
    Ok(Exit::Done)
}
