//! The server's clock, which decides what is due and which lease has ended.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use blacksmith_store_core::{Timestamp, Toolkit, floor_to_micros};

use crate::{connection::Session, error::Outcome, row::Columns, statement::Statement};

/// How long a look at the server's clock is good for. In between it is followed by this process's own, which does not step.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// When the system's clock and the process's disagree by more than this about what has passed, one of them has jumped, or the
/// machine has slept.
const TOLERANCE: Duration = Duration::from_millis(50);

/// An answer that took longer says too little.
const PROMPT: Duration = Duration::from_millis(20);

/// An estimate of the server's clock, kept so that a call needs no round trip for it.
///
/// It is wrong by at most half of what the answer took, which is less than what a claim allows for.
#[derive(Default)]
pub(crate) struct ServerClock(Mutex<Option<Look>>);

/// What the server's clock showed, and when.
#[derive(Clone, Copy)]
struct Look {
    shown: Timestamp,
    at: Instant,
    system: SystemTime,
}

impl Look {
    /// What the server's clock shows now, unless the look is too old to tell.
    fn now(&self) -> Option<Timestamp> {
        let passed = self.at.elapsed();
        let by_system = self.system.elapsed().unwrap_or_default();
        let is_good = passed < GOOD_FOR && passed.abs_diff(by_system) < TOLERANCE;
        is_good.then(|| floor_to_micros(self.shown + passed))
    }
}

impl ServerClock {
    /// The instant of a call: that of its set clock, else the server's.
    pub(crate) async fn now(&self, session: &Session<'_>, toolkit: &Toolkit) -> Outcome<Timestamp> {
        if let Some(instant) = toolkit.set_instant() {
            return Ok(instant);
        }
        if let Some(now) = self.last().and_then(|look| look.now()) {
            return Ok(now);
        }
        let mut best: Option<(Duration, Look)> = None;
        for _ in 0..3 {
            let (took, look) = look_at(session).await?;
            if best.is_none_or(|(least, _)| took < least) {
                best = Some((took, look));
            }
            if took <= PROMPT {
                break;
            }
        }
        let (_, look) = best.expect("the clock was looked at");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(look);
        Ok(floor_to_micros(look.shown + look.at.elapsed()))
    }

    fn last(&self) -> Option<Look> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for the server's instant, which is taken to be that of the middle of the round trip.
async fn look_at(session: &Session<'_>) -> Outcome<(Duration, Look)> {
    let sent = Instant::now();
    let rows = session.read(Statement::NOW, &[]).await?;
    let took = sent.elapsed();
    let shown: Timestamp = Columns::of(&rows[0]).next()?;
    let look = Look { shown: shown + took / 2, at: sent + took, system: SystemTime::now() };
    Ok((took, look))
}
