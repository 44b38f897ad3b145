//! `add_events`, `add_jobs`, `add_transitions`, `apply`: what of a call is new, known or refused is one plan for all four.

use std::collections::{BTreeSet, HashMap, HashSet};

use blacksmith_store_core::{
    Added, Appended, ChainEnd, Change, ChangeOutcome, Event, EventId, Job, JobId, Timestamp,
    Transition, TransitionId,
};

use crate::{error::Refusal, state::State};

/// What a call asks for, held against what is stored; made before anything is written.
#[derive(Default)]
struct Plan {
    // What is new.
    events: Vec<Event>,
    jobs: Vec<Job>,
    transitions: Vec<Transition>,
    // What is stored already, with the same content.
    known: Known,
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
    /// Why all of it is refused, if it is: what is absent weighs more than what contradicts.
    fn check(&self) -> Result<(), Refusal> {
        if !self.absent_events.is_empty() {
            return Err(Refusal::NoEvents(self.absent_events.iter().copied().collect()));
        }
        if !self.absent_jobs.is_empty() {
            return Err(Refusal::NoJobs(self.absent_jobs.clone()));
        }
        match (self.other_content.is_empty(), self.stale.is_empty()) {
            (true, true) => Ok(()),
            (false, true) => Err(Refusal::OtherContent(self.other_content.clone())),
            (true, false) => Err(Refusal::Stale(self.stale.clone())),
            (false, false) => {
                let stale = self.stale.iter().map(ToString::to_string);
                Err(Refusal::OtherContentOrStale(
                    self.other_content.iter().cloned().chain(stale).collect(),
                ))
            }
        }
    }

    /// What becomes of a change with this plan, unless all of it is known.
    fn outcome(&self) -> ChangeOutcome {
        if !self.absent_events.is_empty() || !self.absent_jobs.is_empty() {
            ChangeOutcome::Gone
        } else if !self.other_content.is_empty() {
            ChangeOutcome::Conflict
        } else if !self.stale.is_empty() {
            ChangeOutcome::Stale
        } else {
            ChangeOutcome::Applied
        }
    }
}

impl State {
    /// `add_events`.
    pub(crate) fn add_events(
        &mut self,
        events: Vec<Event>,
        now: Timestamp,
    ) -> Result<Added, Refusal> {
        self.add(self.plan(events, Vec::new(), Vec::new()), now)
    }

    /// `add_jobs`.
    pub(crate) fn add_jobs(&mut self, jobs: Vec<Job>, now: Timestamp) -> Result<Added, Refusal> {
        self.add(self.plan(Vec::new(), jobs, Vec::new()), now)
    }

    fn add(&mut self, plan: Plan, now: Timestamp) -> Result<Added, Refusal> {
        plan.check()?;
        let mut added = Added::default();
        added.events = plan.events.len() as u64;
        added.events_known = plan.known.events;
        added.jobs = plan.jobs.len() as u64;
        added.jobs_known = plan.known.jobs;
        self.commit(plan, now);
        Ok(added)
    }

    /// `add_transitions`.
    pub(crate) fn add_transitions(
        &mut self,
        transitions: Vec<Transition>,
        now: Timestamp,
    ) -> Result<Appended, Refusal> {
        self.check_events(&transitions, &HashMap::new())?;
        let plan = self.plan(Vec::new(), Vec::new(), transitions);
        plan.check()?;
        let mut appended = Appended::default();
        appended.new = plan.transitions.len() as u64;
        appended.known = plan.known.transitions;
        self.commit(plan, now);
        Ok(appended)
    }

    /// `apply`: each change is planned when those before it are committed.
    pub(crate) fn apply(
        &mut self,
        changes: Vec<Change>,
        now: Timestamp,
    ) -> Result<Vec<ChangeOutcome>, Refusal> {
        let jobs = |change: &Change| {
            let inside = change.events.iter().flat_map(|event| &event.jobs);
            inside.chain(&change.jobs).filter_map(|job| Some((job.id, job.event_id?))).collect()
        };
        let added: HashMap<JobId, EventId> = changes.iter().flat_map::<Vec<_>, _>(jobs).collect();
        for change in &changes {
            self.check_events(&change.transitions, &added)?;
        }
        Ok(changes.into_iter().map(|change| self.apply_one(change, now)).collect())
    }

    fn apply_one(&mut self, change: Change, now: Timestamp) -> ChangeOutcome {
        let Change { events, jobs, transitions, .. } = change;
        let asked_transitions = transitions.len() as u64;
        let jobs_inside: usize = events.iter().map(|event| event.jobs.len()).sum();
        let asked_additions = (events.len() + jobs_inside + jobs.len()) as u64;

        let plan = self.plan(events, jobs, transitions);
        let known = &plan.known;
        let is_known = if asked_transitions > 0 {
            known.transitions == asked_transitions
        } else {
            known.events + known.jobs == asked_additions
        };
        if is_known {
            return ChangeOutcome::Known;
        }
        let outcome = plan.outcome();
        if outcome == ChangeOutcome::Applied {
            self.commit(plan, now);
        }
        outcome
    }

    /// Refuses transitions that name another event than that of their job, which is stored or among those `added`.
    fn check_events(
        &self,
        transitions: &[Transition],
        added: &HashMap<JobId, EventId>,
    ) -> Result<(), Refusal> {
        let names_another = |transition: &&Transition| {
            let (Some(named), Some(job)) = (transition.event_id, transition.job_id) else {
                return false;
            };
            let stored = self.jobs.get(&job).map(|stored| &stored.event.id);
            stored.or_else(|| added.get(&job)).is_some_and(|event| *event != named)
        };
        let refused: Vec<_> =
            transitions.iter().filter(names_another).map(|transition| transition.id).collect();
        if refused.is_empty() { Ok(()) } else { Err(Refusal::OtherEvent(refused)) }
    }

    /// Holds events with their jobs, further jobs, and transitions of stored or added jobs against what is stored.
    fn plan(&self, events: Vec<Event>, jobs: Vec<Job>, transitions: Vec<Transition>) -> Plan {
        let mut plan = Plan::default();
        let mut new_events = HashSet::new();
        for mut event in events {
            let inside = std::mem::take(&mut event.jobs);
            match self.events.get(&event.id) {
                Some(stored) if stored.event.same_content(&event) => plan.known.events += 1,
                Some(_) => plan.other_content.push(event.id.to_string()),
                None => {
                    new_events.insert(event.id);
                    plan.events.push(event);
                }
            }
            for job in inside {
                self.plan_job(&mut plan, job, &new_events);
            }
        }
        for job in jobs {
            self.plan_job(&mut plan, job, &new_events);
        }
        if !transitions.is_empty() {
            let first = |job: &Job| Some((job.id, job.transition.as_ref()?.chain_end()));
            let new_jobs: HashMap<_, _> = plan.jobs.iter().filter_map(first).collect();
            for transition in transitions {
                self.plan_transition(&mut plan, transition, &new_jobs);
            }
        }
        plan
    }

    fn plan_job(&self, plan: &mut Plan, job: Job, new_events: &HashSet<EventId>) {
        match self.jobs.get(&job.id) {
            Some(stored) if stored.job.same_content(&job) => {
                plan.known.jobs += 1;
                return;
            }
            Some(_) => {
                plan.other_content.push(job.id.to_string());
                return;
            }
            None => {}
        }
        if let Some(event) = job.event_id
            && !self.events.contains_key(&event)
            && !new_events.contains(&event)
        {
            plan.absent_events.insert(event);
        }
        if let Some(first) = &job.transition
            && self.transitions.contains_key(&first.id)
        {
            plan.other_content.push(first.id.to_string());
        }
        plan.jobs.push(job);
    }

    fn plan_transition(
        &self,
        plan: &mut Plan,
        transition: Transition,
        new_jobs: &HashMap<JobId, ChainEnd>,
    ) {
        let job = transition.job_id.expect("core refuses a transition without its job");
        let stored_end = self.jobs.get(&job).map(|stored| stored.latest().chain_end());
        let Some(end) = stored_end.or_else(|| new_jobs.get(&job).copied()) else {
            plan.absent_jobs.push(job);
            return;
        };
        match self.transition(transition.id) {
            Some((_, known)) if known.same_content(&transition) => plan.known.transitions += 1,
            Some(_) => plan.other_content.push(transition.id.to_string()),
            None if end.accepts(&transition) => plan.transitions.push(transition),
            None => plan.stale.push(transition.id),
        }
    }

    /// Writes what is new in a plan that stands.
    fn commit(&mut self, plan: Plan, now: Timestamp) {
        for event in plan.events {
            self.insert_event(event, now);
        }
        for job in plan.jobs {
            self.insert_job(job, now);
        }
        for transition in plan.transitions {
            self.append(transition, now);
        }
    }
}
