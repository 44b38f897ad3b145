//! `pause`, `resume`, `pauses`.

use blacksmith_store_core::{ErrorKind, PAUSE_MEMORY, Pause, PauseId, Result, StoreError, Toolkit};

use crate::{
    connection::{Parameter, Session},
    error::Outcome,
    row::Columns,
    statement::Statement,
    store::Inner,
};

impl Inner {
    pub(crate) async fn pause(&self, toolkit: &Toolkit, pause: &Pause) -> Outcome<bool> {
        let session = self.database.session(toolkit).await?;
        let now = self.clock.now(&session, toolkit).await?;
        session.execute(Statement::PAUSES_FORGET, &[&(now - PAUSE_MEMORY)]).await?;
        let id = &pause.id.as_bytes()[..];
        let parameters: [Parameter<'_>; 6] =
            [&id, &pause.destination, &pause.action, &pause.actor, &pause.reason, &now];
        match session.execute(Statement::PAUSE, &parameters).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.is_unique_violation() => {
                known(&session, pause).await.map(|()| false)
            }
            Err(failure) => Err(failure),
        }
    }

    pub(crate) async fn resume(&self, toolkit: &Toolkit, id: PauseId) -> Outcome<bool> {
        let session = self.database.session(toolkit).await?;
        let now = self.clock.now(&session, toolkit).await?;
        let id = &id.as_bytes()[..];
        Ok(session.execute(Statement::RESUME, &[&id, &now]).await? > 0)
    }

    pub(crate) async fn pauses(&self, toolkit: &Toolkit) -> Outcome<Vec<Pause>> {
        let session = self.database.session(toolkit).await?;
        let rows = session.read(Statement::PAUSES, &[]).await?;
        let pauses = rows.iter().map(|row| Columns::of(row).pause());
        Ok(pauses.collect::<Result<_>>()?)
    }
}

/// Compares a pause that comes again with what is stored of it.
async fn known(session: &Session<'_>, pause: &Pause) -> Outcome<()> {
    let id = &pause.id.as_bytes()[..];
    let rows = session.read(Statement::PAUSE_BY_ID, &[&id]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    if Columns::of(row).pause()?.same_content(pause) {
        return Ok(());
    }
    let sentence = "a pause with other content is known under the id";
    Err(StoreError::naming(ErrorKind::Conflict, sentence, [pause.id]).into())
}
