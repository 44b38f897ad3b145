//! A write that is cut and sent again takes effect once, and what it said in between was true.

use std::{fmt::Debug, time::Instant};

use blacksmith_store_core::Result;

use super::{
    PATIENCE,
    line::{Line, MOMENTS, Moment, PAUSE, Place, is_unknown_after},
};
use crate::{
    failure::{Outcome, ensure, expect_eq},
    handle::Handle,
    world::World,
};

/// How much of a write: of what is stored, or of what a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    Nothing,
    Part,
    All,
}

impl Share {
    /// The share that `count` has in `all`.
    pub(super) fn of(count: usize, all: usize) -> Self {
        match count {
            0 => Self::Nothing,
            count if count == all => Self::All,
            _ => Self::Part,
        }
    }
}

/// A kind of write.
pub(super) trait Write: Sync {
    type Request: Clone + Debug + Send + Sync;

    /// Whether it may be done in several transactions, each whole.
    const IN_PARTS: bool = false;

    /// Whether it may leave to the next call what another one holds, perhaps one whose end the server has not noticed yet.
    const PASSES_OVER: bool = false;

    /// Something new to write, and what it needs.
    fn prepare(&self, line: &Line<'_>) -> impl Future<Output = Outcome<Self::Request>> + Send;

    /// Sends it; answers how much of it the call says to have done.
    fn send(
        &self,
        store: &Handle,
        request: Self::Request,
    ) -> impl Future<Output = Result<Share>> + Send;

    /// How much of it is stored, seen at one moment by a handle whose connections are not cut.
    fn look(
        &self,
        world: &World,
        request: &Self::Request,
    ) -> impl Future<Output = Outcome<Share>> + Send;

    /// Puts away what would be in the way of the next one.
    fn put_away(
        &self,
        _world: &World,
        _request: &Self::Request,
    ) -> impl Future<Output = Outcome> + Send {
        async { Ok(()) }
    }
}

/// What a call that was cut has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Done,
    SurelyNot,
    Unknown,
}

/// Cuts such writes at every moment.
pub(super) async fn done_once<W: Write>(world: &World, write: &W) -> Outcome {
    done_once_at(world, write, &MOMENTS).await
}

/// Cuts such writes where their answers are on the way.
pub(super) async fn done_once_when_answers_are_cut<W: Write>(world: &World, write: &W) -> Outcome {
    let moments = [Place::Drawn, Place::Drawn, Place::Drawn, Place::AllButOne];
    done_once_at(world, write, &moments.map(Moment::Answer)).await
}

async fn done_once_at<W: Write>(world: &World, write: &W, moments: &[Moment]) -> Outcome {
    let line = Line::open(world).await?;
    for moment in moments {
        // One that passes tells how much passes, and makes the connection anew.
        let request = write.prepare(&line).await?;
        let sent = write.send(&line.store, request.clone());
        let (share, passed) = line.measure(sent).await?;
        expect_eq("what an uncut call did", share, Share::All)?;
        write.put_away(world, &request).await?;

        let request = write.prepare(&line).await?;
        line.cut(*moment, passed);
        let answer = line.answer(write.send(&line.store, request.clone())).await?;
        let told = told::<W>(&answer)?;
        let there = write.look(world, &request).await?;
        let expected = match told {
            Told::Done => [Share::All].as_slice(),
            Told::SurelyNot => &[Share::Nothing],
            Told::Unknown if W::IN_PARTS => &[Share::Nothing, Share::Part, Share::All],
            Told::Unknown => &[Share::Nothing, Share::All],
        };
        expect_among(
            &format!("stored after a call that was answered {answer:?}"),
            there,
            expected,
        )?;

        line.open_up();
        let again = || write.send(&line.store, request.clone());
        let (did, is_unknown) = line.until_answered(again).await?;
        let deadline = Instant::now() + PATIENCE;
        while W::PASSES_OVER
            && write.look(world, &request).await? != Share::All
            && Instant::now() < deadline
        {
            tokio::time::sleep(PAUSE).await;
            line.until_answered(again).await?;
        }
        let expected = match told {
            Told::Done => [Share::Nothing].as_slice(),
            Told::SurelyNot if !is_unknown && !W::PASSES_OVER => &[Share::All],
            _ if W::IN_PARTS => &[Share::Nothing, Share::Part, Share::All],
            _ => &[Share::Nothing, Share::All],
        };
        let what = format!("done by the same call, sent again after it was answered {answer:?}");
        expect_among(&what, did, expected)?;
        let there = write.look(world, &request).await?;
        expect_eq(
            "what is stored of a call that was sent until it was answered",
            there,
            Share::All,
        )?;
        write.put_away(world, &request).await?;
    }
    Ok(())
}

#[track_caller]
fn told<W: Write>(answer: &Result<Share>) -> Outcome<Told> {
    match answer {
        Ok(Share::All) => Ok(Told::Done),
        // It was sent again by the store itself.
        Ok(share) => {
            ensure!(
                W::IN_PARTS || *share == Share::Nothing,
                "an answered call did a part of what it should: {share:?}"
            );
            Ok(Told::Done)
        }
        Err(error) if is_unknown_after(error)? => Ok(Told::Unknown),
        Err(_) => Ok(Told::SurelyNot),
    }
}

#[track_caller]
fn expect_among(what: &str, share: Share, expected: &[Share]) -> Outcome {
    ensure!(expected.contains(&share), "{what}\n  expected:  {expected:?}\n  came back: {share:?}");
    Ok(())
}
