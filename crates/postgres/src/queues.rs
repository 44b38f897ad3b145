//! The numbers of destinations' actions, as this handle knows them. A number is given once and never taken back.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use blacksmith_store_core::{Result, StoreError};

use crate::{connection::Session, error::Outcome, row::Columns, statement::Statement};

/// The number of a destination's action.
pub(crate) type QueueNumber = i32;

/// A destination and one of its actions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct QueueName {
    pub(crate) destination: String,
    pub(crate) action: String,
}

/// How often a number is looked for while other processes take it.
const ATTEMPTS: usize = 20;

/// What this handle knows of the table.
#[derive(Default)]
pub(crate) struct Queues(RwLock<Known>);

#[derive(Default)]
struct Known {
    numbers: HashMap<String, HashMap<String, QueueNumber>>,
    names: HashMap<QueueNumber, Arc<QueueName>>,
}

impl Queues {
    /// The number of a destination's action, if this handle knows it.
    pub(crate) fn number(&self, destination: &str, action: &str) -> Option<QueueNumber> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.numbers.get(destination)?.get(action).copied()
    }

    /// The name behind a number of a row.
    ///
    /// # Errors
    /// `Corrupt` when the table of queues does not have it.
    pub(crate) async fn name(
        &self,
        session: &Session<'_>,
        number: QueueNumber,
    ) -> Outcome<Arc<QueueName>> {
        if let Some(name) = self.known_name(number) {
            return Ok(name);
        }
        self.refresh(session).await?;
        self.known_name(number).ok_or_else(|| {
            StoreError::corrupt(format!(
                "a stored job names the queue {number}, which is not stored"
            ))
            .into()
        })
    }

    fn known_name(&self, number: QueueNumber) -> Option<Arc<QueueName>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).names.get(&number).cloned()
    }

    /// Every queue that this handle knows and `pick` takes.
    pub(crate) fn picked(&self, pick: impl Fn(&QueueName) -> bool) -> Vec<QueueNumber> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut numbers: Vec<QueueNumber> =
            known.names.iter().filter(|(_, name)| pick(name)).map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Reads the table.
    pub(crate) async fn refresh(&self, session: &Session<'_>) -> Outcome<()> {
        let rows = session.read(Statement::QUEUES, &[]).await?;
        let read = rows.iter().map(|row| {
            let mut columns = Columns::of(row);
            let number: QueueNumber = columns.next()?;
            let (destination, action) = (columns.next()?, columns.next()?);
            Ok((number, QueueName { destination, action }))
        });
        let read: Vec<_> = read.collect::<Result<_>>()?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (number, name) in read {
            let actions = known.numbers.entry(name.destination.clone()).or_default();
            actions.insert(name.action.clone(), number);
            known.names.insert(number, Arc::new(name));
        }
        Ok(())
    }

    /// Makes sure that every one of these has a number, in commits of its own: a number without jobs hurts nobody.
    pub(crate) async fn number_all<'a>(
        &self,
        session: &Session<'_>,
        names: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Outcome<()> {
        let missing = |queues: &Self| {
            let mut missing: Vec<(&str, &str)> = names
                .clone()
                .filter(|(destination, action)| queues.number(destination, action).is_none())
                .collect();
            missing.sort_unstable();
            missing.dedup();
            missing
        };
        if missing(self).is_empty() {
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            self.refresh(session).await?;
            let missing = missing(self);
            if missing.is_empty() {
                return Ok(());
            }
            let (destinations, actions): (Vec<&str>, Vec<&str>) = missing.into_iter().unzip();
            match session.execute(Statement::QUEUES_ADD, &[&destinations, &actions]).await {
                Err(failure) if !failure.is_unique_violation() => return Err(failure),
                _ => {}
            }
        }
        Err(StoreError::unavailable("other processes kept taking the numbers for new destinations")
            .into())
    }
}
