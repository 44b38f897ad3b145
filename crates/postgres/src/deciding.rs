//! What of a call is new, known or refused, held against what is stored: one plan for `add_events`, `add_jobs`,
//! `add_transitions` and `apply`, made under locks and written in the same transaction.

use std::collections::{BTreeSet, HashMap, HashSet};

use blacksmith_store_core::{
    Added, Appended, Change, ChangeOutcome, ErrorKind, Event, EventId, Job, JobId, Result, Status,
    StoreError, Timestamp, Transition, TransitionId,
};

use crate::{
    additions::Additions,
    connection::{Parameter, Session},
    error::Outcome,
    ledger::{Chain, Ledger, RunStart, all_jobs},
    queues::{QueueNumber, Queues},
    row::{lane, number},
    statement::Statement,
};

/// What a change asks for, held against a ledger; made before anything is written.
#[derive(Default)]
pub(crate) struct Plan<'a> {
    // What is new.
    events: Vec<&'a Event>,
    jobs: Vec<&'a Job>,
    transitions: Vec<&'a Transition>,
    // What is stored already, with the same content.
    known_events: u64,
    known_jobs: u64,
    known_transitions: u64,
    // What cannot be stored.
    absent_events: BTreeSet<EventId>,
    absent_jobs: Vec<JobId>,
    other_content: Vec<String>,
    stale: Vec<TransitionId>,
}

impl<'a> Plan<'a> {
    /// Holds a change against what is stored.
    pub(crate) fn of(change: &'a Change, ledger: &Ledger) -> Self {
        let mut plan = Self::default();
        let mut new_events = HashSet::new();
        for event in &change.events {
            match ledger.events.get(&event.id) {
                Some(stored) if stored.same_content(event) => plan.known_events += 1,
                Some(_) => plan.other_content.push(event.id.to_string()),
                None => {
                    new_events.insert(event.id);
                    plan.events.push(event);
                }
            }
        }
        let mut new_jobs = HashMap::new();
        for job in all_jobs(change) {
            if plan.job(job, ledger, &new_events)
                && let Some(first) = &job.transition
            {
                new_jobs.insert(job.id, first.chain_end());
            }
        }
        for transition in &change.transitions {
            let job = transition.job_id.expect("core refuses a transition without its job");
            let stored = ledger.chains.get(&job).map(|chain| chain.end);
            let Some(end) = stored.or_else(|| new_jobs.get(&job).copied()) else {
                plan.absent_jobs.push(job);
                continue;
            };
            match ledger.transitions.get(&transition.id) {
                Some(known) if known.same_content(transition) => plan.known_transitions += 1,
                Some(_) => plan.other_content.push(transition.id.to_string()),
                None if end.accepts(transition) => plan.transitions.push(transition),
                None => plan.stale.push(transition.id),
            }
        }
        plan
    }

    /// Plans a job, and answers whether it is new.
    fn job(&mut self, job: &'a Job, ledger: &Ledger, new_events: &HashSet<EventId>) -> bool {
        match ledger.jobs.get(&job.id) {
            Some(stored) if stored.same_content(job) => {
                self.known_jobs += 1;
                return false;
            }
            Some(_) => {
                self.other_content.push(job.id.to_string());
                return false;
            }
            None => {}
        }
        if let Some(event) = job.event_id
            && !ledger.event_ids.contains(&event)
            && !new_events.contains(&event)
        {
            self.absent_events.insert(event);
        }
        if let Some(first) = &job.transition
            && ledger.transitions.contains_key(&first.id)
        {
            self.other_content.push(first.id.to_string());
        }
        self.jobs.push(job);
        true
    }

    /// Why all of it is refused, if it is: what is absent weighs more than what contradicts.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.absent_events.is_empty() {
            let ids = &self.absent_events;
            return Err(StoreError::naming(
                ErrorKind::NotFound,
                "no event is stored with the id",
                ids,
            ));
        }
        if !self.absent_jobs.is_empty() {
            let ids = &self.absent_jobs;
            return Err(StoreError::naming(
                ErrorKind::NotFound,
                "no job is stored with the id",
                ids,
            ));
        }
        let stale = self.stale.iter().map(ToString::to_string);
        let ids: Vec<String> = self.other_content.iter().cloned().chain(stale).collect();
        let sentence = match (self.other_content.is_empty(), self.stale.is_empty()) {
            (true, true) => return Ok(()),
            (false, true) => "stored with other content is",
            (true, false) => {
                "the job's latest transition is not the one that this expects (any more):"
            }
            (false, false) => {
                "stored with other content, or behind the job's latest transition, is"
            }
        };
        Err(StoreError::naming(ErrorKind::Conflict, sentence, ids))
    }

    /// What `add_events` and `add_jobs` answer.
    pub(crate) fn added(&self) -> Added {
        let mut added = Added::default();
        added.events = self.events.len() as u64;
        added.events_known = self.known_events;
        added.jobs = self.jobs.len() as u64;
        added.jobs_known = self.known_jobs;
        added
    }

    /// What `add_transitions` answers.
    pub(crate) fn appended(&self) -> Appended {
        let mut appended = Appended::default();
        appended.new = self.transitions.len() as u64;
        appended.known = self.known_transitions;
        appended
    }

    /// What `apply` answers for the change.
    pub(crate) fn outcome(&self, change: &Change) -> ChangeOutcome {
        let is_known = if change.transitions.is_empty() {
            let asked = change.events.len() + all_jobs(change).count();
            self.known_events + self.known_jobs == asked as u64
        } else {
            self.known_transitions == change.transitions.len() as u64
        };
        if is_known {
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
}

/// Refuses transitions that name another event than that of their job, which is stored or comes with the call.
pub(crate) fn check_events(changes: &[Change], ledger: &Ledger) -> Result<()> {
    let added: HashMap<JobId, EventId> =
        changes.iter().flat_map(all_jobs).filter_map(|job| Some((job.id, job.event_id?))).collect();
    let names_another = |transition: &&Transition| {
        let (Some(named), Some(job)) = (transition.event_id, transition.job_id) else {
            return false;
        };
        let stored = ledger.chains.get(&job).map(|chain| chain.event);
        stored.or_else(|| added.get(&job).copied()).is_some_and(|event| event != named)
    };
    let transitions = changes.iter().flat_map(|change| &change.transitions);
    let refused: Vec<_> =
        transitions.filter(names_another).map(|transition| transition.id).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let sentence = "the job belongs to another event than the one named by transition";
    Err(StoreError::naming(ErrorKind::InvalidInput, sentence, refused))
}

/// What plans have decided to write.
#[derive(Default)]
pub(crate) struct Writes<'a> {
    additions: Additions<'a>,
    moves: Vec<(&'a Transition, Chain)>,
}

impl<'a> Writes<'a> {
    /// Adds what a plan has found new, also to the ledger, against which the next change is held.
    pub(crate) fn add(
        &mut self,
        plan: Plan<'a>,
        ledger: &mut Ledger,
        queues: &Queues,
        now: Timestamp,
    ) {
        for event in plan.events {
            ledger.event_ids.insert(event.id);
            let mut alone = event.clone();
            alone.jobs.clear();
            ledger.events.insert(event.id, alone);
            self.additions.events.push(event);
        }
        for job in plan.jobs {
            let event = job.event_id.expect("core fills in a job's event");
            let first = job.transition.as_ref().expect("core fills in a first transition");
            let queue = queues
                .number(&job.destination, &job.action)
                .expect("the queues of added jobs were numbered before");
            let end = first.chain_end();
            let chain = Chain { event, lane: lane(event), queue, end, at: now, run: None };
            ledger.chains.insert(job.id, chain);
            ledger.transitions.insert(first.id, first.clone());
            ledger.jobs.insert(job.id, job.clone());
            self.additions.jobs.push((job, queue));
        }
        for transition in plan.transitions {
            let job = transition.job_id.expect("core refuses a transition without its job");
            let chain = ledger.chains.get_mut(&job).expect("the plan has found its chain");
            self.moves.push((transition, chain.clone()));
            chain.end = transition.chain_end();
            chain.at = now.max(chain.at);
            chain.run = None;
            ledger.transitions.insert(transition.id, transition.clone());
        }
    }

    /// The runs that end with these writes: their jobs and tokens.
    pub(crate) fn ended_runs(&self) -> impl Iterator<Item = (JobId, TransitionId)> {
        self.moves
            .iter()
            .filter_map(|(transition, chain)| Some((transition.job_id?, chain.run.as_ref()?.id)))
    }

    /// Writes all of it, in a transaction that holds what it was decided on.
    pub(crate) async fn write(self, session: &Session<'_>, now: Timestamp) -> Outcome<()> {
        if !self.additions.is_empty() {
            self.additions.insert(session, now).await?;
        }
        if self.moves.is_empty() {
            return Ok(());
        }
        let queues: Vec<QueueNumber> = self.moves.iter().map(|(_, chain)| chain.queue).collect();
        let jobs: Vec<&[u8]> =
            self.moves.iter().map(|(transition, _)| job_bytes(transition)).collect();
        session.execute(Statement::LIVE_REMOVE, &[&queues, &jobs]).await?;
        append(session, &self.moves, now).await?;
        place(session, &self.moves, now).await
    }
}

fn job_bytes(transition: &Transition) -> &[u8] {
    transition.job_id.as_ref().expect("core refuses a transition without its job").as_bytes()
}

/// Sequences and attempts are counted one by one, so no row has had time to reach the limit of its column.
fn small(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Appends the rows of log.
async fn append(
    session: &Session<'_>,
    moves: &[(&Transition, Chain)],
    now: Timestamp,
) -> Outcome<()> {
    /// One column of the statement.
    fn column<'a, T>(
        moves: &'a [(&'a Transition, Chain)],
        value: impl Fn(&'a Transition, &'a Chain) -> T,
    ) -> Vec<T> {
        moves.iter().map(|(transition, chain)| value(transition, chain)).collect()
    }
    fn run(chain: &Chain) -> Option<&RunStart> {
        chain.run.as_ref()
    }
    let queue = column(moves, |_, chain| chain.queue);
    let lane = column(moves, |_, chain| chain.lane);
    let job = column(moves, |transition, _| job_bytes(transition));
    let event = column(moves, |_, chain| &chain.event.as_bytes()[..]);
    let sequence = column(moves, |_, chain| small(chain.end.sequence + 1));
    let attempt = column(moves, |transition, _| small(transition.attempt.into()));
    let before =
        column(moves, |_, chain| number(run(chain).map_or(chain.end.status, |run| run.before)));
    let after = column(moves, |transition, _| number(transition.state_after));
    let exec_id = column(moves, |_, chain| run(chain).map(|run| &run.id.as_bytes()[..]));
    let exec_at = column(moves, |_, chain| run(chain).map(|_| chain.at));
    let exec_actor = column(moves, |transition, chain| {
        run(chain)
            .and_then(|run| run.actor.as_deref())
            .filter(|actor| Some(*actor) != transition.actor.as_deref())
    });
    let end_id = column(moves, |transition, _| &transition.id.as_bytes()[..]);
    let end_at = column(moves, |_, chain| now.max(chain.at));
    let run_at = column(moves, |transition, _| transition.run_at);
    let error = column(moves, |transition, _| {
        transition.error.as_ref().map(blacksmith_store_core::JobError::as_json)
    });
    let actor = column(moves, |transition, _| transition.actor.as_deref());
    let parameters: [Parameter<'_>; 16] = [
        &queue,
        &lane,
        &job,
        &event,
        &sequence,
        &attempt,
        &before,
        &after,
        &exec_id,
        &exec_at,
        &exec_actor,
        &end_id,
        &end_at,
        &run_at,
        &error,
        &actor,
    ];
    session.execute(Statement::APPEND, &parameters).await.map(drop)
}

/// Places the jobs that wait after their move.
async fn place(
    session: &Session<'_>,
    moves: &[(&Transition, Chain)],
    now: Timestamp,
) -> Outcome<()> {
    let waiting: Vec<_> =
        moves.iter().filter(|(transition, _)| transition.state_after.is_waiting()).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let mut queue = Vec::new();
    let mut lane = Vec::new();
    let mut job = Vec::new();
    let mut event = Vec::new();
    let mut status = Vec::new();
    let mut attempt = Vec::new();
    let mut sequence = Vec::new();
    let mut run_at = Vec::new();
    for (transition, chain) in waiting {
        queue.push(chain.queue);
        lane.push(chain.lane);
        job.push(job_bytes(transition));
        event.push(&chain.event.as_bytes()[..]);
        status.push(number(transition.state_after));
        attempt.push(small(transition.attempt.into()));
        sequence.push(small(chain.end.sequence + 1));
        let stored_at = now.max(chain.at);
        run_at.push(transition.run_at.map_or(stored_at, |run_at| run_at.max(stored_at)));
    }
    let parameters: [Parameter<'_>; 8] =
        [&queue, &lane, &job, &event, &status, &attempt, &sequence, &run_at];
    session.execute(Statement::LIVE_PLACE, &parameters).await.map(drop)
}

/// Whether a transition ends a run.
pub(crate) fn ends_run(transition: &Transition) -> bool {
    transition.state_before == Some(Status::Executing)
}
