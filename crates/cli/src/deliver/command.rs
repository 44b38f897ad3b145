//! Kind `command`: a program gets the payload on its standard input.

use std::{collections::BTreeMap, ffi::OsString, io, process::Stdio, sync::Arc, time::Duration};

use blacksmith_scheduler::{ClosureAction, Delivery, Failure, each};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use crate::configuration::Text;

/// The scheduler gives a run so much longer than its program.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What is kept of standard error: its end, where programs say why they failed.
const KEPT: usize = 2 << 10;

/// How long standard error is read after the end of the program, which may have left it to a process that goes on.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A program with its arguments and what is added to its environment.
pub(super) struct Program {
    path: OsString,
    arguments: Vec<String>,
    env: Vec<(String, SecretString)>,
}

impl Program {
    pub(super) fn new(
        path: String,
        arguments: Vec<String>,
        env: &BTreeMap<String, Text>,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let resolve = |(name, text): (&String, &Text)| Ok((name.clone(), text.resolve(lookup)?));
        let env = env.iter().map(resolve).collect::<Result<_, String>>()?;
        Ok(Self { path: path.into(), arguments, env })
    }

    fn start(&self, delivery: &Delivery) -> io::Result<Child> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .envs(self.env.iter().map(|(name, value)| (name, value.expose_secret())))
            .env("BLACKSMITH_JOB_ID", delivery.job.id.to_string())
            .env("BLACKSMITH_EVENT_ID", delivery.event.id.to_string())
            .env("BLACKSMITH_SOURCE", &delivery.event.source)
            .env("BLACKSMITH_TRIGGER", &delivery.event.trigger)
            .env("BLACKSMITH_DESTINATION", &delivery.job.destination)
            .env("BLACKSMITH_ACTION", &delivery.job.action)
            .env("BLACKSMITH_ATTEMPT", delivery.attempt().to_string())
            .stdin(Stdio::piped())
            // It may repeat the payload, which belongs in no log.
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A group of its own can be killed as a whole, and gets no Ctrl-C that was meant for the scheduler.
        #[cfg(unix)]
        command.process_group(0);
        command.spawn()
    }
}

/// The action that runs the program for one job at a time, each for at most `limit`.
pub(super) fn action(name: String, program: Program, limit: Duration) -> ClosureAction {
    let program = Arc::new(program);
    each(name, move |delivery| {
        let program = Arc::clone(&program);
        async move { run(&program, &delivery, limit).await }
    })
}

async fn run(program: &Program, delivery: &Delivery, limit: Duration) -> Result<(), Failure> {
    let mut child = program
        .start(delivery)
        .map_err(|error| Failure::new(format!("the program cannot be started: {error}")))?;
    // Dropped before the child, which is what its number stands for.
    let mut group = Group::of(&child);
    let input = child.stdin.take();
    let errors = child.stderr.take();
    let mut kept = Tail::default();
    let payload = delivery.data().cloned().unwrap_or_default();

    let ended = {
        let mut reading = std::pin::pin!(kept.read(errors));
        let ending = async {
            let writing = write(input, &payload);
            let ended = tokio::select! {
                // A program that has ended wants no more of the payload.
                status = child.wait() => status,
                written = writing => match written {
                    Ok(()) => child.wait().await,
                    Err(error) => return Err(error),
                },
            };
            // Its number may be given to another process from here on.
            group.has_ended();
            ended
        };
        let ending = async {
            tokio::pin!(ending);
            tokio::select! {
                ended = &mut ending => {
                    // What it left behind may hold its standard error open.
                    let _ = timeout(LAST_WORDS, &mut reading).await;
                    ended
                }
                // Without a reader the program would stand still in the middle of a word.
                () = &mut reading => ending.await,
            }
        };
        timeout(limit, ending).await
    };
    let failure = match ended {
        Ok(Ok(status)) if status.success() => return Ok(()),
        Ok(Ok(status)) => format!("{status}"),
        Ok(Err(error)) => format!("the program cannot be run: {error}"),
        Err(_) => format!("killed after {}", humantime::format_duration(limit)),
    };
    drop(group);
    let said = kept.text();
    Err(Failure::new(if said.is_empty() { failure } else { format!("{failure}: {said}") }))
}

/// Hands over the payload. A program that does not read it to the end decides by its exit code all the same.
async fn write(input: Option<ChildStdin>, payload: &[u8]) -> io::Result<()> {
    let Some(mut input) = input else { return Ok(()) };
    match input.write_all(payload).await {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// The end of what a program wrote.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    left_out: bool,
}

impl Tail {
    async fn read(&mut self, source: Option<impl AsyncRead + Unpin>) {
        let Some(mut source) = source else { return };
        let mut chunk = [0; KEPT];
        // An error ends it as the end does: the exit code decides.
        while let Ok(length @ 1..) = source.read(&mut chunk).await {
            self.bytes.extend_from_slice(&chunk[..length]);
            let excess = self.bytes.len().saturating_sub(KEPT);
            self.left_out |= excess > 0;
            self.bytes.drain(..excess);
        }
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let text = text.trim();
        if self.left_out { format!("…{text}") } else { text.to_owned() }
    }
}

/// The processes of a program that runs: killed when this is dropped before its end, as at a timeout or a shutdown.
struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

#[cfg(unix)]
impl Group {
    fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        Self { leader }
    }

    fn has_ended(&mut self) {
        self.leader = None;
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        use rustix::process::{Signal, kill_process_group};
        if let Some(leader) = self.leader {
            // The only other answer is that the group is gone.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Elsewhere, the program alone is killed when it is dropped.
#[cfg(not(unix))]
impl Group {
    fn of(_: &Child) -> Self {
        Self {}
    }

    fn has_ended(&mut self) {}
}
