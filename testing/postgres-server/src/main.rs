//! Runs a command with one PostgreSQL server for all that it starts, and ends as it does:
//! `cargo run --package blacksmith-testing-postgres-server -- cargo test`.

use std::{
    env,
    process::{Command, ExitCode},
};

use blacksmith_testing_postgres_server::{ENV_URL, Server};

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("error: give a command to run with a PostgreSQL server");
        return ExitCode::from(2);
    };
    let server = match Server::start() {
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
