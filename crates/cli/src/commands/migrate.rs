//! `blacksmith migrate`

use blacksmith_store::{Direction, MigrationState, Migrator};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::{
    confirm::{ConfirmFlags, Preview},
    context::Context,
    exit::Exit,
    failure::Result,
    instant::brief,
    table::{Column, Table},
};

#[derive(Subcommand, Debug)]
pub(crate) enum Migrate {
    /// Bring the schema up to date
    Up(UpArgs),
    /// Take migrations back, newest first; what they hold is lost
    Down(DownArgs),
    /// Show which migrations have run
    Status,
    /// Compare the database with what the migrations should have made of it; exits with 1 if it differs
    Validate,
    /// Print the SQL that would run, and run nothing
    Sql(SqlArgs),
}

#[derive(Args, Debug)]
pub(crate) struct UpArgs {
    /// Up to and including this migration [default: all]
    #[arg(long, value_name = "N")]
    to: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct DownArgs {
    #[command(flatten)]
    end: DownTo,
    #[command(flatten)]
    confirm: ConfirmFlags,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct DownTo {
    /// Down to this migration, which stays
    #[arg(long, value_name = "N")]
    to: Option<u32>,
    /// All of them: nothing is left of the store
    #[arg(long)]
    all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SqlArgs {
    /// Which way
    direction: Way,
    /// Up to and including, or down to, this migration [default: all, 0]
    #[arg(long, value_name = "N")]
    to: Option<u32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    Up,
    Down,
}

pub(crate) async fn run(context: &mut Context<'_>, command: &Migrate) -> Result<Exit> {
    let migrator = match command {
        Migrate::Up(_) | Migrate::Sql(_) => context.migrator_or_create().await?,
        Migrate::Down(_) | Migrate::Status | Migrate::Validate => context.migrator().await?,
    };
    match command {
        Migrate::Up(args) => {
            let ran = migrator.up(args.to).await?;
            told(context, &ran, "ran", "the schema is up to date; nothing to run")
        }
        Migrate::Down(args) => down(context, &*migrator, args).await,
        Migrate::Status => status(context, &*migrator).await,
        Migrate::Validate => validate(context, &*migrator).await,
        Migrate::Sql(args) => {
            let direction = match args.direction {
                Way::Up => Direction::Up,
                Way::Down => Direction::Down,
            };
            let sql = migrator.sql(direction, args.to).await?;
            context.terminal.print_bytes(sql.as_bytes())?;
            if !sql.is_empty() && !sql.ends_with('\n') {
                context.terminal.print("")?;
            }
            Ok(Exit::Done)
        }
    }
}

async fn down(context: &mut Context<'_>, migrator: &dyn Migrator, args: &DownArgs) -> Result<Exit> {
    let to = args.end.to.unwrap_or(0);
    let mut above: Vec<_> = migrator.status().await?;
    above.retain(|state| state.version > to && state.applied_at.is_some());
    above.reverse();
    if !above.is_empty() {
        let mut lines = vec!["migrations to take back, with what they hold:".to_owned()];
        lines.extend(above.iter().map(|state| format!("  {:04} {}", state.version, state.name)));
        let preview = Preview { lines, document: &above, changes_something: true };
        let question = format!("Take back {} migrations? What they hold is lost.", above.len());
        if !args.confirm.go_ahead(&preview, &question, context)? {
            return Ok(Exit::Done);
        }
    }
    let back = migrator.down(to).await?;
    told(context, &back, "took back", "nothing to take back")
}

fn told(
    context: &mut Context<'_>,
    states: &[MigrationState],
    verb: &str,
    nothing: &str,
) -> Result<Exit> {
    if context.json {
        context.terminal.print_json(&states)?;
        return Ok(Exit::Done);
    }
    for state in states {
        context.terminal.print(format_args!("{verb} {:04} {}", state.version, state.name))?;
    }
    if states.is_empty() {
        context.terminal.note(nothing);
    }
    Ok(Exit::Done)
}

async fn status(context: &mut Context<'_>, migrator: &dyn Migrator) -> Result<Exit> {
    let states = migrator.status().await?;
    if context.json {
        context.terminal.print_json(&states)?;
        return Ok(Exit::Done);
    }
    let row = |state: &MigrationState| {
        let applied = match state.applied_at {
            Some(_) => brief(state.applied_at),
            None => "not yet".to_owned(),
        };
        vec![format!("{:04}", state.version), state.name.clone(), applied]
    };
    let rows: Vec<_> = states.iter().map(row).collect();
    let columns = [Column::whole("MIGRATION"), Column::whole("NAME"), Column::whole("APPLIED")];
    Table::new(&columns).print(&rows, &mut context.terminal)?;
    let missing = states.iter().filter(|state| state.applied_at.is_none()).count();
    if missing > 0 {
        context.terminal.note(format_args!("{missing} to run: blacksmith migrate up"));
    }
    Ok(Exit::Done)
}

/// The document of `validate --json`.
#[derive(Serialize)]
struct Differences {
    differences: Vec<String>,
}

async fn validate(context: &mut Context<'_>, migrator: &dyn Migrator) -> Result<Exit> {
    let differences = migrator.validate().await?;
    let exit = Exit::complete(differences.is_empty());
    if context.json {
        context.terminal.print_json(&Differences { differences })?;
    } else if differences.is_empty() {
        context.terminal.print("the database is as the migrations make it")?;
    } else {
        for difference in &differences {
            context.terminal.print(crate::visible::visible(difference))?;
        }
    }
    Ok(exit)
}
