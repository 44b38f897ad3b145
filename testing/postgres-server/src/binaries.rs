//! Where the server's binaries are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Error;

/// Folders where packages put the binaries; `*` stands for a version, the newest is taken.
const PLACES: [&str; 8] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/lib64/pgsql/bin",
    "/Applications/Postgres.app/Contents/Versions/latest/bin",
];

/// The folder with `initdb` and `postgres`; installs them where nothing else helps and nobody is surprised by it.
pub(crate) fn find() -> Result<PathBuf, Error> {
    if let Some(folder) = env::var_os(crate::ENV_BIN) {
        let folder = PathBuf::from(folder);
        return if is_complete(&folder) { Ok(folder) } else { Err(Error::NotFound) };
    }
    present().or_else(|| install().then(present).flatten()).ok_or(Error::NotFound)
}

fn is_complete(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("postgres").is_file()
}

fn present() -> Option<PathBuf> {
    let on_path = env::var_os("PATH");
    let on_path = on_path.iter().flat_map(env::split_paths);
    on_path
        .chain(told_by_pg_config())
        .chain(PLACES.iter().flat_map(|place| expand(place)))
        .find(|folder| is_complete(folder))
}

fn told_by_pg_config() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output().ok()?;
    Some(PathBuf::from(String::from_utf8(told.stdout).ok()?.trim()))
}

/// The folders that a place stands for, the highest version first.
fn expand(place: &str) -> Vec<PathBuf> {
    let Some((before, after)) = place.split_once('*') else {
        return vec![PathBuf::from(place)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.split('.').next()?.parse().ok()?;
            Some((version, PathBuf::from(format!("{parent}/{name}{after}"))))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// Installs Debian's package; only root can, and it is said aloud. Whether it was done.
fn install() -> bool {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt as _;
        own.uid() == 0
    });
    let has_apt = Path::new("/usr/bin/apt-get").is_file();
    if !is_root || !has_apt {
        return false;
    }
    eprintln!("PostgreSQL was not found; installing Debian's package postgresql for the tests");
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("/usr/bin/apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let quiet_install = ["install", "-y", "-q", "--no-install-recommends", "postgresql"];
    apt_get(&quiet_install) || (apt_get(&["update", "-q"]) && apt_get(&quiet_install))
}
