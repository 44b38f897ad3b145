//! The server: found or started, stopped and removed.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Error, Settings, binaries,
    supervisor::{Supervisor, folder, free_port},
    user::User,
};

const USER: &str = "blacksmith";
const PASSWORD: &str = "only-for-tests";
/// A server that was killed reads its log again when it starts.
const PATIENCE: Duration = Duration::from_mins(1);

/// A PostgreSQL server. Dropping it stops and removes what was started.
pub struct Server(Kind);

enum Kind {
    /// The server that the environment names, up to its database's name, and what follows that.
    Given {
        before: String,
        after: String,
    },
    Started(Started),
}

struct Started {
    folder: PathBuf,
    port: u16,
    supervisor: Mutex<Supervisor>,
}

/// The server that the tests of one process share, with quick settings.
///
/// # Panics
/// When there is none; the message says what to install.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| match Server::start() {
        Ok(server) => server,
        Err(error) => panic!("{error}"),
    })
}

impl Server {
    /// The server that the environment names, or one with quick settings.
    ///
    /// # Errors
    /// When PostgreSQL is not there or does not start.
    pub fn start() -> Result<Self, Error> {
        match env::var(crate::ENV_URL) {
            Ok(url) if !url.is_empty() => Ok(Self(Kind::given(&url))),
            _ => Self::start_with(&Settings::new()),
        }
    }

    /// A server of its own with these settings, whatever the environment names.
    ///
    /// # Errors
    /// When PostgreSQL is not there or does not start.
    pub fn start_with(settings: &Settings) -> Result<Self, Error> {
        Started::new(settings).map(|started| Self(Kind::Started(started)))
    }

    /// The URL of one of its databases; `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        match &self.0 {
            Kind::Given { before, after } => format!("{before}{database}{after}"),
            Kind::Started(started) => {
                format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", started.port)
            }
        }
    }

    /// The password in its URLs, which must stand in no error and no log.
    pub fn password(&self) -> String {
        let url = self.url("");
        let authority = url.split_once("://").map_or("", |(_, rest)| rest);
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        user.split_once(':').map_or("", |(_, password)| password).to_owned()
    }

    /// The folder of its Unix socket, where it has one of its own.
    pub fn socket_folder(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Given { .. } => None,
            Kind::Started(started) => Some(&started.folder),
        }
    }

    /// Its port, where it was started here.
    pub fn port(&self) -> Option<u16> {
        match &self.0 {
            Kind::Given { .. } => None,
            Kind::Started(started) => Some(started.port),
        }
    }

    /// Kills it and all its processes, as a crash of the machine would.
    ///
    /// # Errors
    /// For a server that was not started here.
    pub fn crash(&self) -> Result<(), Error> {
        self.started()?.order("crash")
    }

    /// Shuts it down; connected clients are thrown out.
    ///
    /// # Errors
    /// For a server that was not started here.
    pub fn stop(&self) -> Result<(), Error> {
        self.started()?.order("stop")
    }

    /// Stops it as `pg_ctl stop -m immediate` does: without a checkpoint, so that the next start recovers from the log.
    ///
    /// # Errors
    /// For a server that was not started here.
    pub fn stop_immediately(&self) -> Result<(), Error> {
        self.started()?.order("quit")
    }

    /// Starts it again, on the same port and with the same data.
    ///
    /// # Errors
    /// For a server that was not started here, or does not come up.
    pub fn restart(&self) -> Result<(), Error> {
        let started = self.started()?;
        started.order("stop")?;
        started.come_up()
    }

    fn started(&self) -> Result<&Started, Error> {
        match &self.0 {
            Kind::Given { .. } => Err(Error::NotOurs),
            Kind::Started(started) => Ok(started),
        }
    }
}

impl Kind {
    fn given(url: &str) -> Self {
        let (address, after) = match url.split_once('?') {
            Some((address, query)) => (address, format!("?{query}")),
            None => (url, String::new()),
        };
        let host = address.split_once("://").map_or(0, |(scheme, _)| scheme.len() + 3);
        let before = match address[host..].rsplit_once('/') {
            Some((authority, _)) => &address[..host + authority.len()],
            None => address,
        };
        Self::Given { before: format!("{before}/"), after }
    }
}

impl Started {
    fn new(settings: &Settings) -> Result<Self, Error> {
        let binaries = binaries::find()?;
        let (made, user) = folder("blacksmith-postgres-")?;
        initialize(&binaries, made.path(), user)?;

        let port = free_port()?;
        let mut command: Vec<OsString> = vec![binaries.join("postgres").into()];
        command.extend(["-D".into(), made.path().join("data").into()]);
        command.extend(["-p".into(), port.to_string().into(), "-h".into(), "127.0.0.1".into()]);
        command.extend(["-k".into(), made.path().into()]);
        command.extend(settings.arguments().into_iter().map(OsString::from));
        let supervisor = Supervisor::start(made.path(), user, "QUIT", &command)?;
        // From here on the supervisor removes the folder.
        let folder = made.keep();
        let started = Self { folder, port, supervisor: Mutex::new(supervisor) };
        started.come_up()?;
        Ok(started)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn order(&self, order: &str) -> Result<(), Error> {
        let mut supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner);
        supervisor.ask(order).map(drop)
    }

    /// Starts the server and waits until it takes connections.
    fn come_up(&self) -> Result<(), Error> {
        let begun = Instant::now();
        self.order("start")?;
        loop {
            match self.state() {
                State::Ready => return Ok(()),
                // Killed processes may take a moment to let go of the shared memory; then the start is refused.
                State::Refused => {
                    thread::sleep(Duration::from_millis(50));
                    self.order("start")?;
                }
                State::Starting => thread::sleep(Duration::from_millis(10)),
            }
            if begun.elapsed() > PATIENCE {
                let log = self.log();
                return Err(Error::TooSlow { what: "start", seconds: PATIENCE.as_secs(), log });
            }
        }
    }

    /// What the server's own file says: its last line is its state, the first its process.
    fn state(&self) -> State {
        let text = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        let alive = lines.next().is_some_and(|pid| Path::new("/proc").join(pid.trim()).exists());
        let ready = lines.last().is_some_and(|line| line.trim() == "ready");
        let has_proc = Path::new("/proc/self").exists();
        match (ready && (alive || !has_proc), self.is_running()) {
            (true, _) => State::Ready,
            (false, true) => State::Starting,
            (false, false) => State::Refused,
        }
    }

    /// Whether the supervisor still has a server that runs.
    fn is_running(&self) -> bool {
        let mut supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner);
        supervisor.ask("state").is_ok_and(|answer| answer == "running")
    }
}

enum State {
    Ready,
    Starting,
    Refused,
}

fn initialize(binaries: &Path, folder: &Path, user: User) -> Result<(), Error> {
    let password_file = folder.join("password");
    fs::write(&password_file, PASSWORD).map_err(Error::io("write the server's password"))?;
    user.give(&password_file)?;
    let mut command = Command::new(binaries.join("initdb"));
    command
        .arg("-D")
        .arg(folder.join("data"))
        .arg(format!("--username={USER}"))
        .arg(format!("--pwfile={}", password_file.display()))
        .args(["--auth-local=trust", "--auth-host=scram-sha-256"])
        .args(["--encoding=UTF8", "--locale=C", "--no-sync"])
        .current_dir(folder);
    let output = user.run(&mut command).output().map_err(Error::io("run initdb"))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Error::Failed { step: "initdb", output })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_given_server_gets_the_name_of_the_database() {
        let url = |given: &str| Server(Kind::given(given)).url("cases");
        assert_eq!(
            url("postgres://u:p@h:5433/d?sslmode=require"),
            "postgres://u:p@h:5433/cases?sslmode=require"
        );
        assert_eq!(url("postgres://u:p@h"), "postgres://u:p@h/cases");
        assert_eq!(Server(Kind::given("postgres://u:p@h/d")).password(), "p");
    }

    #[test]
    fn a_server_starts_crashes_comes_back_and_leaves_nothing() {
        let server = Server::start_with(&Settings::new().durable()).expect("a server");
        let folder = server.socket_folder().expect("started here").to_owned();
        let listens =
            || std::net::TcpStream::connect(("127.0.0.1", server.port().expect("a port")));
        assert!(listens().is_ok());
        server.crash().expect("it was started here");
        assert!(listens().is_err());
        server.restart().expect("it comes back");
        assert!(listens().is_ok());
        server.stop_immediately().expect("it was started here");
        assert!(listens().is_err());
        server.restart().expect("it comes back");
        drop(server);
        assert!(!folder.exists());
    }
}
