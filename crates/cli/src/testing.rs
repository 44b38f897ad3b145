//! What unit tests share: a terminal whose output can be read, and an adapter that opens one store again and again.

use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use blacksmith_store::{
    Adapter, AvailableAdapters, CONTRACT_VERSION, Capabilities, ClaimRequest, Event, Job, JobError,
    JobId, Options, Status, Store, StoreError, Toolkit, Want, async_trait, memory,
};

use crate::{exit::Exit, run::run_with, terminal::Terminal};

/// What was printed.
#[derive(Clone, Default)]
pub(crate) struct Captured {
    output: Pipe,
    errors: Pipe,
}

#[derive(Clone, Default)]
struct Pipe(Rc<RefCell<Vec<u8>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Pipe {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl Captured {
    /// A terminal that prints here; a person at it types `answers`, if there is one.
    pub(crate) fn terminal(&self, answers: Option<&'static str>) -> Terminal {
        Terminal::for_test(self.output.clone(), self.errors.clone(), answers)
    }

    /// Standard output.
    pub(crate) fn output(&self) -> String {
        self.output.text()
    }

    /// Standard error.
    pub(crate) fn errors(&self) -> String {
        self.errors.text()
    }
}

/// Opens the one store that it holds, however often it is asked.
struct Shared(Arc<dyn Store>);

#[async_trait]
impl Adapter for Shared {
    fn name(&self) -> &'static str {
        "shared"
    }

    fn contract_version(&self) -> u32 {
        CONTRACT_VERSION
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn example_url(&self) -> &'static str {
        "shared:"
    }

    async fn open(&self, _: Options) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::clone(&self.0))
    }
}

/// A store in memory, and a terminal in front of it.
pub(crate) struct World {
    runtime: tokio::runtime::Runtime,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) toolkit: Toolkit,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Exit,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let adapters = AvailableAdapters::new().with(memory::adapter()).expect("one adapter");
        let store = runtime.block_on(adapters.open(Options::new("memory"))).expect("a store");
        Self { runtime, store, toolkit: Toolkit::new() }
    }

    /// Runs a command where nobody can be asked.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_answering(arguments, None)
    }

    /// Runs a command with a person who types `answers`.
    pub(crate) fn run_answering(&self, arguments: &[&str], answers: Option<&'static str>) -> Ran {
        let shared = Shared(Arc::clone(&self.store));
        let adapters = AvailableAdapters::new().with(shared).expect("one adapter");
        let arguments = [&["blacksmith", "--store", "shared:"], arguments].concat();
        let captured = Captured::default();
        let exit = run_with(&adapters, arguments, captured.terminal(answers));
        Ran { exit, output: captured.output(), errors: captured.errors() }
    }

    /// Waits for a call to the store.
    pub(crate) fn wait<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> T {
        self.runtime.block_on(call).expect("the call succeeds")
    }

    /// Stores an event with a job for each route, and answers the jobs' ids.
    pub(crate) fn add(&self, routes: &[(&str, &str)]) -> Vec<JobId> {
        let mut event = Event::new(self.toolkit.event_id(), "shop", "order.paid");
        for (destination, action) in routes {
            event.jobs.push(Job::new(self.toolkit.job_id(), *destination, *action));
        }
        let ids = event.jobs.iter().map(|job| job.id).collect();
        self.wait(self.store.add_events(&self.toolkit, vec![event]));
        ids
    }

    /// Claims the jobs of a destination for a worker called `worker-7`.
    pub(crate) fn claim(&self, destination: &str) -> Vec<Job> {
        let wants = [Want::destination(destination, 100)];
        let request = ClaimRequest::new("worker-7", Duration::from_mins(1), wants);
        let claimed = self.wait(self.store.claim(&self.toolkit, request));
        claimed.queue.jobs().map(|(_, job)| job.clone()).collect()
    }

    /// Claims the jobs of a destination and reports the same of all.
    pub(crate) fn run_jobs(&self, destination: &str, outcome: Status) {
        let transitions = self.claim(destination).into_iter().map(|job| {
            let next = job.next(self.toolkit.transition_id(), outcome).expect("a legal move");
            match outcome {
                Status::Failed => next.with_error(JobError::new("no luck").with_status_code(503)),
                _ => next,
            }
        });
        self.wait(self.store.add_transitions(&self.toolkit, transitions.collect()));
    }

    /// The job as it is stored.
    pub(crate) fn job(&self, id: JobId) -> Job {
        self.wait(self.store.find_job(&self.toolkit, id))
    }

    /// Its status.
    pub(crate) fn status(&self, id: JobId) -> Status {
        self.job(id).status().expect("a stored job has a status")
    }
}
