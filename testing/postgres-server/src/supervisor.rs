//! A process between the tests and a server, so that the server ends with them, however they end.

use std::{
    env,
    ffi::OsString,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

use crate::{Error, user::User};

/// A shell that runs a server, and removes its folder at the end.
pub(crate) struct Supervisor {
    // The fields in this order: the supervisor ends when its input does.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    shell: Child,
}

impl Supervisor {
    /// Stands ready to run `command` in `folder`, as `user`, and to end it with the signal `end` when the tests are gone.
    pub(crate) fn start(
        folder: &Path,
        user: User,
        end: &str,
        command: &[OsString],
    ) -> Result<Self, Error> {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", include_str!("supervisor.sh"), "supervisor"])
            .args([folder, &folder.join("log")])
            .arg(end)
            .args(command)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupt at the terminal is for the tests; the server ends with them.
            .process_group(0);
        let mut shell =
            user.run(&mut shell).spawn().map_err(Error::io("start the supervisor's shell"))?;
        let (Some(orders), Some(answers)) = (shell.stdin.take(), shell.stdout.take()) else {
            unreachable!("both pipes were asked for");
        };
        Ok(Self { orders: Some(orders), answers: BufReader::new(answers), shell })
    }

    /// Gives an order, and waits for the answer.
    pub(crate) fn ask(&mut self, order: &str) -> Result<String, Error> {
        let lost = Error::io("speak to the server's supervisor");
        let Some(orders) = &mut self.orders else {
            unreachable!("the pipe is closed by drop alone");
        };
        let mut answer = String::new();
        let spoken = writeln!(orders, "{order}").and_then(|()| self.answers.read_line(&mut answer));
        spoken.map_err(lost)?;
        Ok(answer.trim().to_owned())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.orders.take());
        // There is nothing left to do about a shell that cannot be waited for.
        let _ = self.shell.wait();
    }
}

/// A folder for a server, and the user whose it is. Its path is short, for a socket's may not have more than some hundred
/// bytes.
pub(crate) fn folder(prefix: &str) -> Result<(TempDir, User), Error> {
    let base = if Path::new("/tmp").is_dir() { PathBuf::from("/tmp") } else { env::temp_dir() };
    let made = tempfile::Builder::new().prefix(prefix).tempdir_in(base);
    let made = made.map_err(Error::io("make the server's folder"))?;
    let user = User::of(made.path())?;
    user.give(made.path())?;
    Ok((made, user))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::io("find a free port"))?;
    Ok(listener.local_addr().map_err(Error::io("find a free port"))?.port())
}
