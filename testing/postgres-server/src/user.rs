//! The user under whom the server runs: PostgreSQL refuses to run as root.

use std::{
    fs,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::Path,
    process::Command,
};

use crate::Error;

/// Whose processes and files the server's are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum User {
    /// Whoever runs the tests.
    Own,
    /// An unprivileged user, because root runs the tests.
    Other { uid: u32, gid: u32 },
}

impl User {
    /// The user for a server in `folder`, which was just made and so tells who we are.
    pub(crate) fn of(folder: &Path) -> Result<Self, Error> {
        let owner = fs::metadata(folder).map_err(Error::io("look at the server's folder"))?.uid();
        if owner != 0 {
            return Ok(Self::Own);
        }
        let users = fs::read_to_string("/etc/passwd").map_err(Error::io("read /etc/passwd"))?;
        let find = |name: &str| {
            let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let mut named = fields.filter(|fields| fields.first() == Some(&name));
            let fields = named.next()?;
            Some(Self::Other {
                uid: fields.get(2)?.parse().ok()?,
                gid: fields.get(3)?.parse().ok()?,
            })
        };
        find("postgres").or_else(|| find("nobody")).ok_or(Error::NoUser)
    }

    /// Hands a file or folder to the user.
    pub(crate) fn give(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => std::os::unix::fs::chown(path, Some(uid), Some(gid))
                .map_err(Error::io("hand the server's folder to its user")),
        }
    }

    /// Makes `command` run as the user.
    pub(crate) fn run(self, command: &mut Command) -> &mut Command {
        match self {
            Self::Own => command,
            Self::Other { uid, gid } => command.uid(uid).gid(gid),
        }
    }
}
