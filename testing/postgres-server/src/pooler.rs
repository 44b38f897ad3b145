//! PgBouncer in transaction mode, in front of a server.

use std::{
    env, fs,
    net::TcpStream,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Error, Server,
    supervisor::{Supervisor, folder, free_port},
};

const PATIENCE: Duration = Duration::from_secs(10);

/// A pooler that gives a client a connection for one transaction at a time. Dropping it stops and removes it.
pub struct Pooler {
    url: String,
    port: u16,
    folder: PathBuf,
    _supervisor: Supervisor,
}

impl Pooler {
    /// A pooler in front of `server`.
    ///
    /// # Errors
    /// When PgBouncer is not installed, or does not start.
    pub fn start(server: &Server) -> Result<Self, Error> {
        let program = program().ok_or(Error::NoPooler)?;
        let (made, user) = folder("blacksmith-pgbouncer-")?;
        let port = free_port()?;
        let folder = made.path();
        let upstream = server.url("");
        let (login, place) = upstream
            .split_once("://")
            .and_then(|(_, rest)| rest.rsplit_once('@'))
            .ok_or(Error::NotOurs)?;
        let (name, password) = login.split_once(':').unwrap_or((login, ""));
        let (host, server_port) =
            place.trim_end_matches('/').split_once(':').unwrap_or((place, "5432"));
        let users = folder.join("users");
        let config = format!(
            "[databases]\n* = host={host} port={server_port}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\nmax_client_conn = 5000\n\
             default_pool_size = 30\nlogfile = {}\n",
            users.display(),
            folder.join("pgbouncer.log").display(),
        );
        for (file, text) in [
            (users.clone(), format!("\"{name}\" \"{password}\"\n")),
            (folder.join("config"), config),
        ] {
            fs::write(&file, text).map_err(Error::io("write the pooler's configuration"))?;
            user.give(&file)?;
        }
        let command = [program.into_os_string(), folder.join("config").into_os_string()];
        // A shell's background process ignores SIGQUIT and SIGINT unless it asks for them, and PgBouncer, which asks for
        // SIGQUIT since 1.23 alone, waits for its clients at others. It has nothing to write, so it is killed.
        let mut supervisor = Supervisor::start(folder, user, "KILL", &command)?;
        // From here on the supervisor removes the folder.
        let folder = made.keep();
        let log = folder.join("log");
        supervisor.ask("start")?;
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > PATIENCE {
                return Err(Error::TooSlow { what: "start", seconds: PATIENCE.as_secs(), log });
            }
            thread::sleep(Duration::from_millis(10));
        }
        let url = format!("postgres://{login}@127.0.0.1:{port}/");
        Ok(Self { url, port, folder, _supervisor: supervisor })
    }

    /// The URL of one of the server's databases, through the pooler.
    pub fn url(&self, database: &str) -> String {
        format!("{}{database}", self.url)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder, which goes with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn program() -> Option<PathBuf> {
    let on_path = env::var_os("PATH");
    let folders = on_path.iter().flat_map(env::split_paths);
    folders
        .chain([Path::new("/usr/sbin").to_path_buf()])
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.is_file())
}
