//! What a call asks for, held against what is stored; made before anything is written.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Ledger, Previous};
use crate::{
    Added, Appended, Change, ChangeOutcome, ErrorKind, Event, EventId, Job, JobId, Result,
    StoreError, Timestamp, Transition, TransitionId,
};

/// New, known and refused entries of a call, or of one change of it.
#[derive(Default)]
pub(super) struct Plan {
    // What is new: events without their jobs, jobs, transitions with what each follows.
    events: Vec<Event>,
    jobs: Vec<Job>,
    transitions: Vec<(Transition, Previous)>,
    // How many entries are stored already, with the same content, and whether that makes all of it known.
    known: Known,
    all_known: bool,
    // What cannot be stored.
    absent_events: BTreeSet<EventId>,
    absent_jobs: Vec<JobId>,
    other_content: Vec<String>,
    stale: Vec<TransitionId>,
}

#[derive(Default)]
struct Known {
    events: u64,
    jobs: u64,
    transitions: u64,
}

impl Plan {
    /// Holds events with their jobs, further jobs, and transitions of stored or added jobs against what is stored.
    pub(super) fn of(ledger: &impl Ledger, asked: Change) -> Result<Self> {
        let Change { events, jobs, transitions } = asked;
        let mut plan = Self::default();
        let asked_transitions = transitions.len() as u64;
        let inside: usize = events.iter().map(|event| event.jobs.len()).sum();
        let asked_additions = (events.len() + inside + jobs.len()) as u64;

        let mut new_events = HashSet::new();
        for mut event in events {
            let inside = std::mem::take(&mut event.jobs);
            match ledger.event(event.id)? {
                Some(stored) if stored.same_content(&event) => plan.known.events += 1,
                Some(_) => plan.other_content.push(event.id.to_string()),
                None => {
                    new_events.insert(event.id);
                    plan.events.push(event);
                }
            }
            for job in inside {
                plan.hold_job(ledger, job, &new_events)?;
            }
        }
        for job in jobs {
            plan.hold_job(ledger, job, &new_events)?;
        }
        if !transitions.is_empty() {
            let first = |job: &Job| Some((job.id, job.transition.clone()?));
            let new_jobs: HashMap<_, _> = plan.jobs.iter().filter_map(first).collect();
            for transition in transitions {
                plan.hold_transition(ledger, transition, &new_jobs)?;
            }
        }
        plan.all_known = if asked_transitions > 0 {
            plan.known.transitions == asked_transitions
        } else {
            plan.known.events + plan.known.jobs == asked_additions
        };
        Ok(plan)
    }

    fn hold_job(
        &mut self,
        ledger: &impl Ledger,
        job: Job,
        new_events: &HashSet<EventId>,
    ) -> Result<()> {
        if let Some(stored) = ledger.job(job.id)? {
            if stored.same_content(&job) {
                self.known.jobs += 1;
            } else {
                self.other_content.push(job.id.to_string());
            }
            return Ok(());
        }
        if let Some(event) = job.event_id
            && !new_events.contains(&event)
            && !self.absent_events.contains(&event)
            && !ledger.has_event(event)?
        {
            self.absent_events.insert(event);
        }
        if let Some(first) = &job.transition
            && ledger.transition(first.id)?.is_some()
        {
            self.other_content.push(first.id.to_string());
        }
        self.jobs.push(job);
        Ok(())
    }

    fn hold_transition(
        &mut self,
        ledger: &impl Ledger,
        transition: Transition,
        new_jobs: &HashMap<JobId, Transition>,
    ) -> Result<()> {
        let job = named_job(&transition)?;
        let stored = ledger.latest(job)?;
        // A job's first transition may come in the same change.
        let Some(latest) = stored.as_deref().or_else(|| new_jobs.get(&job)) else {
            self.absent_jobs.push(job);
            return Ok(());
        };
        match ledger.transition(transition.id)? {
            Some(known) if known.same_content(&transition) => self.known.transitions += 1,
            Some(_) => self.other_content.push(transition.id.to_string()),
            None if latest.chain_end().accepts(&transition) => {
                self.transitions.push((transition, Previous::from(latest)));
            }
            None => self.stale.push(transition.id),
        }
        Ok(())
    }

    /// What `add_events` and `add_jobs` answer.
    pub(super) fn added(&self) -> Result<Added> {
        self.check()?;
        Ok(Added {
            events: self.events.len() as u64,
            events_known: self.known.events,
            jobs: self.jobs.len() as u64,
            jobs_known: self.known.jobs,
        })
    }

    /// What `add_transitions` answers.
    pub(super) fn appended(&self) -> Result<Appended> {
        self.check()?;
        Ok(Appended { new: self.transitions.len() as u64, known: self.known.transitions })
    }

    /// What becomes of a change.
    pub(super) fn outcome(&self) -> ChangeOutcome {
        if self.all_known {
            ChangeOutcome::Known
        } else if !self.absent_events.is_empty() || !self.absent_jobs.is_empty() {
            ChangeOutcome::Gone
        } else if !self.other_content.is_empty() {
            ChangeOutcome::Conflict
        } else if !self.stale.is_empty() {
            ChangeOutcome::Stale
        } else {
            ChangeOutcome::Applied
        }
    }

    /// Why all of it is refused, if it is: what is absent weighs more than what contradicts.
    fn check(&self) -> Result<()> {
        let refused =
            |kind, sentence, ids: Vec<String>| Err(StoreError::naming(kind, sentence, ids));
        if !self.absent_events.is_empty() {
            return refused(
                ErrorKind::NotFound,
                "no event is stored with the id",
                self.absent_events.iter().map(ToString::to_string).collect(),
            );
        }
        if !self.absent_jobs.is_empty() {
            return refused(
                ErrorKind::NotFound,
                "no job is stored with the id",
                self.absent_jobs.iter().map(ToString::to_string).collect(),
            );
        }
        let stale = self.stale.iter().map(ToString::to_string);
        let sentence = match (self.other_content.is_empty(), self.stale.is_empty()) {
            (true, true) => return Ok(()),
            (false, true) => "stored with other content is the id",
            (true, false) => "stale, for it does not follow its job's latest transition, is",
            (false, false) => "stored with other content, or stale, is the id",
        };
        refused(
            ErrorKind::Conflict,
            sentence,
            self.other_content.iter().cloned().chain(stale).collect(),
        )
    }

    /// Stores what is new in a plan that stands.
    pub(super) fn commit(self, ledger: &mut impl Ledger, now: Timestamp) -> Result<()> {
        for mut event in self.events {
            event.received_at = event.received_at.or(Some(now));
            event.ingested_at = Some(now);
            ledger.insert_event(event)?;
        }
        for mut job in self.jobs {
            job.created_at = job.created_at.or(Some(now));
            if let Some(first) = &mut job.transition {
                first.created_at = Some(now);
            }
            ledger.insert_job(job)?;
        }
        for (transition, previous) in self.transitions {
            ledger.append(previous.followed_by(transition, now))?;
        }
        Ok(())
    }
}

/// Core refuses a transition without its job before it reaches an adapter.
fn named_job(transition: &Transition) -> Result<JobId> {
    transition.job_id.ok_or_else(|| {
        StoreError::naming(
            ErrorKind::InvalidInput,
            "no job is named by transition",
            [transition.id],
        )
    })
}
