//! The numbers of destinations and actions.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

use crate::error::Failure;

const FIND: &str = "SELECT n FROM blacksmith_queues WHERE destination = ?1 AND action = ?2";
const REGISTER: &str =
    "INSERT INTO blacksmith_queues (destination, action) VALUES (?1, ?2) RETURNING n";
const ALL: &str =
    "SELECT n, destination, action FROM blacksmith_queues ORDER BY destination, action";

/// A destination and an action that have had a job.
pub(crate) struct NumberedQueue {
    pub(crate) number: i64,
    pub(crate) destination: String,
    pub(crate) action: String,
}

/// All of them, in ascending destination and action.
pub(crate) fn all(connection: &Connection) -> Result<Vec<NumberedQueue>, Failure> {
    let mut statement = connection.prepare_cached(ALL)?;
    let rows = statement.query_map([], |row| {
        Ok(NumberedQueue { number: row.get(0)?, destination: row.get(1)?, action: row.get(2)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Numbers for the jobs of a call; what is new is registered.
#[derive(Default)]
pub(crate) struct Register<'a> {
    /// The last one, which is often the next one too.
    last: Option<((&'a str, &'a str), i64)>,
    numbers: HashMap<(&'a str, &'a str), i64>,
}

impl<'a> Register<'a> {
    pub(crate) fn number(
        &mut self,
        connection: &Connection,
        destination: &'a str,
        action: &'a str,
    ) -> Result<i64, Failure> {
        let names = (destination, action);
        let known = match self.last {
            Some((last, number)) if last == names => return Ok(number),
            _ => self.numbers.get(&names),
        };
        if let Some(number) = known {
            self.last = Some((names, *number));
            return Ok(*number);
        }
        let mut find = connection.prepare_cached(FIND)?;
        let number = match find.query_row(names, |row| row.get(0)).optional()? {
            Some(number) => number,
            None => connection.prepare_cached(REGISTER)?.query_row(names, |row| row.get(0))?,
        };
        self.numbers.insert(names, number);
        self.last = Some((names, number));
        Ok(number)
    }
}
