//! One migration, and those that there are.

use std::fmt::Write as _;

use blacksmith_store_core::{MigrationState, Timestamp};
use sha2::{Digest as _, Sha256};

/// A step of a schema, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// Its number, from 1.
    pub version: u32,
    /// What it is about, as in the name of its files.
    pub name: &'static str,
    /// The SQL that takes the schema from the version before to this one.
    pub up: &'static str,
    /// The SQL that takes it back.
    pub down: &'static str,
}

impl Migration {
    /// Identifies what [`up`](Self::up) says, whatever its line endings are: SHA-256 in hexadecimal.
    pub fn checksum(&self) -> String {
        let digest = Sha256::digest(self.up.replace("\r\n", "\n"));
        digest.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The migration as an operator sees it, not having run.
    pub fn state(&self) -> MigrationState {
        MigrationState::new(self.version, self.name)
    }
}

/// A migration that a database has recorded as run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// Its number.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// The [checksum](Migration::checksum) of what ran.
    pub checksum: String,
    /// When it ran.
    pub applied_at: Timestamp,
}

impl Applied {
    /// The row that an adapter has read.
    pub fn new(
        version: u32,
        name: impl Into<String>,
        checksum: impl Into<String>,
        applied_at: Timestamp,
    ) -> Self {
        Self { version, name: name.into(), checksum: checksum.into(), applied_at }
    }

    /// What an adapter records when `migration` has run.
    pub fn of(migration: &Migration, applied_at: Timestamp) -> Self {
        Self::new(migration.version, migration.name, migration.checksum(), applied_at)
    }
}

/// The migration whose files are `<database>/<number>_<name>.{up,down}.sql`.
macro_rules! migration {
    ($database:literal, $number:literal, $name:literal) => {
        Migration {
            version: parse($number),
            name: $name,
            up: include_str!(concat!("../", $database, "/", $number, "_", $name, ".up.sql")),
            down: include_str!(concat!("../", $database, "/", $number, "_", $name, ".down.sql")),
        }
    };
}

/// The number that the digits at the beginning of a file's name write.
const fn parse(digits: &str) -> u32 {
    let mut number = 0;
    let mut rest = digits.as_bytes();
    while let [digit, tail @ ..] = rest {
        number = number * 10 + (*digit - b'0') as u32;
        rest = tail;
    }
    number
}

/// The migrations of the SQLite adapter, in ascending order.
pub const fn sqlite() -> &'static [Migration] {
    const { &[migration!("sqlite", "0001", "store")] }
}

/// The migrations of the Postgres adapter, in ascending order.
pub const fn postgres() -> &'static [Migration] {
    const { &[migration!("postgres", "0001", "store")] }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    /// Every file of a folder is listed once, and every listed migration is numbered without gaps.
    fn folder_holds(database: &str, migrations: &[Migration]) {
        for (index, migration) in migrations.iter().enumerate() {
            assert_eq!(migration.version as usize, index + 1, "{}", migration.name);
        }
        let listed: BTreeSet<String> = migrations
            .iter()
            .flat_map(|migration| {
                ["up", "down"].map(|direction| {
                    format!("{:04}_{}.{direction}.sql", migration.version, migration.name)
                })
            })
            .collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(database);
        let found: BTreeSet<String> = match folder.read_dir() {
            Ok(entries) => entries
                .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
                .collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(listed, found, "{database}");
    }

    #[test]
    fn every_file_is_listed_and_numbered_without_gaps() {
        folder_holds("sqlite", sqlite());
        folder_holds("postgres", postgres());
    }

    #[test]
    fn a_checksum_does_not_depend_on_line_endings() {
        let unix = Migration { version: 1, name: "a", up: "SELECT 1;\n", down: "" };
        let windows = Migration { up: "SELECT 1;\r\n", ..unix };
        assert_eq!(unix.checksum(), windows.checksum());
        assert_eq!(
            unix.checksum(),
            "b4e0497804e46e0a0b0b8c31975b062152d551bac49c3c2e80932567b4085dcd"
        );
    }
}
