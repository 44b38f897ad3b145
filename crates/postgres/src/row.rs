//! Rows as models, and the numbers that stand in rows.

use blacksmith_store_core::{
    Bytes, Event, EventId, Job, JobError, JobId, Pause, PauseId, Result, Status, StoreError,
    Timestamp, Transition, TransitionId,
};
use tokio_postgres::{Row, types::FromSql};

/// A row's columns, read one after the other as the statement lists them.
pub(crate) struct Columns<'a> {
    row: &'a Row,
    next: usize,
}

impl<'a> Columns<'a> {
    /// All columns of a row.
    pub(crate) fn of(row: &'a Row) -> Self {
        Self { row, next: 0 }
    }

    /// The next column as it is.
    ///
    /// # Errors
    /// `Corrupt` for a value of another kind than the schema has.
    pub(crate) fn next<T: FromSql<'a>>(&mut self) -> Result<T> {
        let index = self.next;
        self.next += 1;
        self.row.try_get(index).map_err(|error| {
            let name = self.row.columns().get(index).map_or("?", |column| column.name());
            StoreError::corrupt(format!("the column {name:?} of a stored row cannot be read"))
                .with_source(error)
        })
    }

    pub(crate) fn event_id(&mut self) -> Result<EventId> {
        EventId::from_slice(self.next()?)
    }

    pub(crate) fn job_id(&mut self) -> Result<JobId> {
        JobId::from_slice(self.next()?)
    }

    pub(crate) fn transition_id(&mut self) -> Result<TransitionId> {
        TransitionId::from_slice(self.next()?)
    }

    pub(crate) fn status(&mut self) -> Result<Status> {
        Status::from_number(self.next::<i16>()?.into())
    }

    /// A count, an attempt or a sequence.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self) -> Result<T> {
        let number: i64 = self.next()?;
        T::try_from(number)
            .map_err(|_| StoreError::corrupt(format!("a stored row holds the number {number}")))
    }

    fn payload(&mut self) -> Result<Option<Bytes>> {
        Ok(self.next::<Option<&[u8]>>()?.map(Bytes::copy_from_slice))
    }

    fn error(&mut self) -> Result<Option<JobError>> {
        self.next::<Option<String>>()?.map(JobError::from_stored).transpose()
    }

    /// An event without its jobs: id, source, trigger, version, context, data, sent, received, ingested, parent.
    pub(crate) fn event(&mut self) -> Result<Event> {
        let id = self.event_id()?;
        let mut event = Event::new(id, self.next::<String>()?, self.next::<String>()?);
        event.version = self.next()?;
        event.context = self.payload()?;
        event.data = self.payload()?;
        event.sent_at = self.next()?;
        event.received_at = self.next()?;
        event.ingested_at = self.next()?;
        event.parent_event_id =
            self.next::<Option<&[u8]>>()?.map(EventId::from_slice).transpose()?;
        Ok(event)
    }

    /// A job without a transition, of a known queue: version, context, data, created, parent.
    pub(crate) fn job(
        &mut self,
        id: JobId,
        event: EventId,
        (destination, action): (&str, &str),
    ) -> Result<Job> {
        let mut job = Job::new(id, destination, action).with_event_id(event);
        job.version = self.next()?;
        job.context = self.payload()?;
        job.data = self.payload()?;
        job.created_at = self.next()?;
        job.parent_job_id = self.next::<Option<&[u8]>>()?.map(JobId::from_slice).transpose()?;
        Ok(job)
    }

    /// A job without a transition: id, event, destination, action, version, context, data, created, parent.
    pub(crate) fn named_job(&mut self) -> Result<Job> {
        let (id, event) = (self.job_id()?, self.event_id()?);
        let queue = (self.next::<&str>()?, self.next::<&str>()?);
        self.job(id, event, queue)
    }

    /// A transition of a known job: id, sequence, attempt, state before, state after, error, created, `run_at`, actor.
    pub(crate) fn transition_of(&mut self, event: EventId, job: JobId) -> Result<Transition> {
        let id = self.transition_id()?;
        let sequence = self.number()?;
        let attempt = self.number()?;
        let before = self.next::<Option<i16>>()?;
        let mut transition = Transition::first(id, self.status()?);
        transition.sequence = Some(sequence);
        transition.attempt = attempt;
        transition.state_before =
            before.map(|number| Status::from_number(number.into())).transpose()?;
        transition.error = self.error()?;
        transition.created_at = self.next()?;
        transition.run_at = self.next()?;
        transition.actor = self.next()?;
        transition.event_id = Some(event);
        transition.job_id = Some(job);
        Ok(transition)
    }

    /// A transition with its event and job in front.
    pub(crate) fn transition(&mut self) -> Result<Transition> {
        let (event, job) = (self.event_id()?, self.job_id()?);
        self.transition_of(event, job)
    }

    /// A job with its latest transition behind it.
    pub(crate) fn job_with_transition(&mut self) -> Result<Job> {
        let job = self.named_job()?;
        let event = job.event_id.expect("a row's job has an event");
        let transition = self.transition_of(event, job.id)?;
        Ok(job.with_transition(transition))
    }

    /// A pause: id, destination, action, actor, reason, created.
    pub(crate) fn pause(&mut self) -> Result<Pause> {
        let id = PauseId::from_slice(self.next()?)?;
        let destination: String = self.next()?;
        let action: Option<String> = self.next()?;
        let mut pause = Pause::new(id, destination, self.next::<String>()?);
        pause.action = action;
        pause.reason = self.next()?;
        pause.created_at = self.next::<Option<Timestamp>>()?;
        Ok(pause)
    }
}

/// The lane of an event's rows: FNV-1a of the 20 bytes of its id, 32 bits, modulo 1,024. Frozen: it is in every stored row.
pub(crate) fn lane(event: EventId) -> i16 {
    let hash = event
        .as_bytes()
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    i16::try_from(hash % 1_024).expect("a remainder of 1,024 fits")
}

/// A status as rows hold it.
pub(crate) fn number(status: Status) -> i16 {
    status.number().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_frozen() -> Result<()> {
        assert_eq!(lane(EventId::from_bytes([0; 20])), 85);
        assert_eq!(lane("1UYc8EebLqCAFMOSkbYZdJwNLAJ".parse()?), 139);
        Ok(())
    }
}
