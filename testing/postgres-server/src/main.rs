//! Runs a command with one PostgreSQL server for all that it starts, and ends as it does:
//! `cargo run --package blacksmith-testing-postgres-server -- cargo test`. With `--durable` before the command it is one with
//! `fsync`, for figures, and always its own.

use std::{
    env,
    process::{Command, ExitCode},
};

use blacksmith_testing_postgres_server::{ENV_URL, Server, Settings};

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1).peekable();
    let is_durable = words.next_if(|word| word == "--durable").is_some();
    let Some(program) = words.next() else {
        eprintln!("error: give a command to run with a PostgreSQL server");
        return ExitCode::from(2);
    };
    let server =
        if is_durable { Server::start_with(&Settings::new().durable()) } else { Server::start() };
    let server = match server {
        Ok(server) => server,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let status = Command::new(&program).args(words).env(ENV_URL, server.url("postgres")).status();
    match status {
        // Ended by a signal, it has no code.
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("error: {}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}
