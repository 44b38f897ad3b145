//! `add_events`, `add_jobs`, `add_transitions`, `apply`: core decides what of a call is new, known or refused, before anything
//! is written; here it finds what is stored.

use std::borrow::Cow;

use blacksmith_store_core::{
    Event, EventId, Job, JobId, Result, Transition, TransitionId, decide::Ledger,
};

use crate::state::State;

impl Ledger for State {
    fn event(&self, id: EventId) -> Result<Option<Cow<'_, Event>>> {
        Ok(self.events.get(&id).map(|stored| Cow::Borrowed(&*stored.event)))
    }

    fn job(&self, id: JobId) -> Result<Option<Cow<'_, Job>>> {
        Ok(self.jobs.get(&id).map(|stored| Cow::Borrowed(&stored.job)))
    }

    fn latest(&self, job: JobId) -> Result<Option<Cow<'_, Transition>>> {
        Ok(self.jobs.get(&job).map(|stored| Cow::Borrowed(stored.latest())))
    }

    fn transition(&self, id: TransitionId) -> Result<Option<Cow<'_, Transition>>> {
        Ok(State::transition(self, id).map(|(_, transition)| Cow::Borrowed(transition)))
    }

    fn insert_event(&mut self, event: Event) -> Result<()> {
        State::insert_event(self, event);
        Ok(())
    }

    fn insert_job(&mut self, job: Job) -> Result<()> {
        State::insert_job(self, job);
        Ok(())
    }

    fn append(&mut self, transition: Transition) -> Result<()> {
        State::append(self, transition);
        Ok(())
    }
}
