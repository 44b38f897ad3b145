//! Which migrations to run, given those that have run.

use std::{collections::BTreeMap, fmt::Write as _};

use blacksmith_store_core::{Direction, MigrationState, Result, StoreError};

use crate::{Applied, Migration};

/// Compares the migrations of a program with those that a database has recorded.
///
/// ```
/// use blacksmith_store_migrations::{Plan, sqlite};
///
/// let fresh = Plan::new(sqlite(), Vec::new());
/// assert_eq!(fresh.up(None)?.len(), sqlite().len());
/// assert!(fresh.down(0)?.is_empty());
/// # Ok::<(), blacksmith_store_core::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    known: &'static [Migration],
    applied: BTreeMap<u32, Applied>,
}

impl Plan {
    /// A plan for a database in which `applied` have run, by a program that has the migrations `known`.
    pub fn new(known: &'static [Migration], applied: impl IntoIterator<Item = Applied>) -> Self {
        let applied = applied.into_iter().map(|applied| (applied.version, applied)).collect();
        Self { known, applied }
    }

    /// The newest version that the program knows; 0 when it has no migrations.
    pub fn latest(&self) -> u32 {
        self.known.last().map_or(0, |migration| migration.version)
    }

    /// The newest version that the database has; 0 when nothing has run.
    pub fn current(&self) -> u32 {
        self.applied.last_key_value().map_or(0, |(version, _)| *version)
    }

    /// Every migration, in ascending order, with those that the database knows and this program does not.
    pub fn status(&self) -> Vec<MigrationState> {
        let mut states: BTreeMap<u32, MigrationState> =
            self.known.iter().map(|migration| (migration.version, migration.state())).collect();
        for (version, applied) in &self.applied {
            let state = states
                .remove(version)
                .unwrap_or_else(|| MigrationState::new(*version, applied.name.clone()));
            states.insert(*version, state.with_applied_at(applied.applied_at));
        }
        states.into_values().collect()
    }

    /// What is missing up to and including `to` (all if `None`), oldest first.
    ///
    /// # Errors
    /// `InvalidInput` for a version that the program does not have; `Config` when the database has one that the program does
    /// not know, a gap, or a migration that has changed since it ran.
    pub fn up(&self, to: Option<u32>) -> Result<Vec<&'static Migration>> {
        let to = self.target(to.unwrap_or(self.latest()))?;
        self.check_history()?;
        let missing = self.known.iter().filter(|migration| {
            migration.version <= to && !self.applied.contains_key(&migration.version)
        });
        Ok(missing.collect())
    }

    /// What is above `to` (0: everything), newest first.
    ///
    /// # Errors
    /// As [`up`](Self::up).
    pub fn down(&self, to: u32) -> Result<Vec<&'static Migration>> {
        let to = self.target(to)?;
        self.check_history()?;
        let above = self.known.iter().rev().filter(|migration| {
            migration.version > to && self.applied.contains_key(&migration.version)
        });
        Ok(above.collect())
    }

    /// What `up` or `down` would run, as one script with a heading for each migration.
    ///
    /// # Errors
    /// As [`up`](Self::up); `down` needs a `to`.
    pub fn sql(&self, direction: Direction, to: Option<u32>) -> Result<String> {
        let migrations = match (direction, to) {
            (Direction::Up, to) => self.up(to)?,
            (Direction::Down, Some(to)) => self.down(to)?,
            (Direction::Down, None) => {
                return Err(StoreError::invalid_input(
                    "migrating down needs the version to go down to; 0 takes everything back",
                ));
            }
        };
        let mut script = String::new();
        for migration in migrations {
            let (word, sql) = match direction {
                Direction::Up => ("up", migration.up),
                Direction::Down => ("down", migration.down),
            };
            let (version, name) = (migration.version, migration.name);
            // Writing to a string cannot fail.
            let _ = writeln!(script, "-- {version:04}_{name} ({word})\n{}\n", sql.trim());
        }
        Ok(script)
    }

    /// A sentence for each difference between what ran and what the program has. Empty when all is well; what has not run
    /// yet is no difference.
    pub fn validate(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for (version, applied) in &self.applied {
            let name = &applied.name;
            match self.known.iter().find(|migration| migration.version == *version) {
                None => sentences.push(format!(
                    "migration {version} ({name}) has run, and this program does not know it: a newer version of the program \
                     has migrated the database"
                )),
                Some(migration) if migration.name != name => sentences.push(format!(
                    "migration {version} ran under the name {name:?}; this program calls it {:?}",
                    migration.name
                )),
                Some(migration) if migration.checksum() != applied.checksum => {
                    sentences.push(format!(
                        "migration {version} ({name}) is not what ran: its checksum has changed"
                    ));
                }
                Some(_) => {}
            }
        }
        let current = self.current();
        let skipped = self.known.iter().filter(|migration| {
            migration.version < current && !self.applied.contains_key(&migration.version)
        });
        sentences.extend(skipped.map(|migration| {
            let (version, name) = (migration.version, migration.name);
            format!("migration {version} ({name}) has not run, although a later one has")
        }));
        sentences
    }

    /// Refuses a database whose schema is not exactly the program's, for an adapter that does not migrate by itself.
    ///
    /// # Errors
    /// `Config`, saying what differs and what to run.
    pub fn check_current(&self) -> Result<()> {
        self.check_history()?;
        let (current, latest) = (self.current(), self.latest());
        if current == latest {
            return Ok(());
        }
        Err(StoreError::config(if current == 0 {
            "the database has no schema yet; run `blacksmith migrate up`".to_owned()
        } else {
            format!(
                "the database's schema has version {current} and this program needs {latest}; run `blacksmith migrate up`"
            )
        }))
    }

    fn target(&self, to: u32) -> Result<u32> {
        let latest = self.latest();
        if to > latest {
            return Err(StoreError::invalid_input(format!(
                "there is no migration {to}; the latest is {latest}"
            )));
        }
        Ok(to)
    }

    fn check_history(&self) -> Result<()> {
        match self.validate().first() {
            None => Ok(()),
            Some(difference) => {
                Err(StoreError::config(format!("the database does not fit: {difference}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use blacksmith_store_core::{ErrorKind, Timestamp};

    use super::*;

    const KNOWN: &[Migration] = &[
        Migration { version: 1, name: "first", up: "CREATE 1;", down: "DROP 1;" },
        Migration { version: 2, name: "second", up: "CREATE 2;\n", down: "DROP 2;" },
        Migration { version: 3, name: "third", up: "CREATE 3;", down: "DROP 3;" },
    ];

    fn applied(versions: &[u32]) -> Plan {
        let rows = KNOWN.iter().filter(|migration| versions.contains(&migration.version));
        Plan::new(KNOWN, rows.map(|migration| Applied::of(migration, Timestamp::default())))
    }

    fn with(plan: &Plan, row: Applied) -> Plan {
        Plan::new(KNOWN, plan.applied.values().cloned().chain([row]))
    }

    fn versions(migrations: &[&Migration]) -> Vec<u32> {
        migrations.iter().map(|migration| migration.version).collect()
    }

    #[test]
    fn up_runs_what_is_missing_oldest_first() -> Result<()> {
        assert_eq!(versions(&applied(&[]).up(None)?), [1, 2, 3]);
        assert_eq!(versions(&applied(&[1]).up(Some(2))?), [2]);
        assert_eq!(versions(&applied(&[1, 2]).up(Some(1))?), [] as [u32; 0]);
        assert_eq!(versions(&applied(&[1, 2, 3]).up(None)?), [] as [u32; 0]);
        Ok(())
    }

    #[test]
    fn down_takes_back_newest_first() -> Result<()> {
        assert_eq!(versions(&applied(&[1, 2, 3]).down(0)?), [3, 2, 1]);
        assert_eq!(versions(&applied(&[1, 2]).down(1)?), [2]);
        assert_eq!(versions(&applied(&[1]).down(3)?), [] as [u32; 0]);
        Ok(())
    }

    #[test]
    fn a_version_that_does_not_exist_is_invalid_input() {
        for error in [applied(&[]).up(Some(4)).err(), applied(&[]).down(4).err()] {
            assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::InvalidInput));
        }
    }

    #[test]
    fn status_lists_what_ran_what_did_not_and_what_is_unknown() {
        let newer = Applied::new(9, "ninth", "?", Timestamp::default());
        let states = with(&applied(&[1, 2]), newer).status();
        let shown: Vec<_> = states
            .iter()
            .map(|state| (state.version, state.name.as_str(), state.applied_at.is_some()))
            .collect();
        assert_eq!(
            shown,
            [(1, "first", true), (2, "second", true), (3, "third", false), (9, "ninth", true)]
        );
    }

    #[test]
    fn validate_tells_each_difference() {
        assert!(applied(&[]).validate().is_empty());
        assert!(applied(&[1, 2]).validate().is_empty());

        let changed =
            Applied { checksum: "other".into(), ..Applied::of(&KNOWN[0], Timestamp::default()) };
        let renamed =
            Applied { name: "other".into(), ..Applied::of(&KNOWN[0], Timestamp::default()) };
        let newer = Applied::new(4, "fourth", "?", Timestamp::default());
        for (plan, words) in [
            (with(&applied(&[]), changed), "checksum has changed"),
            (with(&applied(&[]), renamed), "under the name \"other\""),
            (with(&applied(&[1, 2, 3]), newer), "does not know it"),
            (applied(&[1, 3]), "migration 2 (second) has not run"),
        ] {
            let sentences = plan.validate();
            assert_eq!(sentences.len(), 1, "{sentences:?}");
            assert!(sentences[0].contains(words), "{sentences:?}");
            for refused in [plan.up(None).err(), plan.down(0).err(), plan.check_current().err()] {
                assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::Config));
            }
        }
    }

    #[test]
    fn the_script_has_a_heading_for_each_migration() -> Result<()> {
        assert_eq!(
            applied(&[1]).sql(Direction::Up, None)?,
            "-- 0002_second (up)\nCREATE 2;\n\n-- 0003_third (up)\nCREATE 3;\n\n"
        );
        assert_eq!(
            applied(&[1, 2]).sql(Direction::Down, Some(1))?,
            "-- 0002_second (down)\nDROP 2;\n\n"
        );
        assert!(applied(&[1]).sql(Direction::Down, None).is_err());
        Ok(())
    }

    #[test]
    fn a_schema_that_is_behind_says_what_to_run() {
        for plan in [applied(&[]), applied(&[1, 2])] {
            let error = plan.check_current().expect_err("behind");
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.message().contains("blacksmith migrate up"), "{error}");
        }
        assert!(applied(&[1, 2, 3]).check_current().is_ok());
    }
}
