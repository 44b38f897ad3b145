//! Calls on their way to the thread that executes them.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

use blacksmith_store_core::{Result, StoreError, Toolkit};
use tokio::sync::oneshot;

const TAKEN: u8 = 1;
const LEFT: u8 = 2;

/// Where a call is: waiting, taken by its thread, left by its caller.
#[derive(Default)]
pub(crate) struct Ticket(AtomicU8);

impl Ticket {
    /// The thread takes the call, unless its caller has left.
    pub(crate) fn take(&self) -> bool {
        self.0.compare_exchange(0, TAKEN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The caller leaves. Whether the call was not taken, and now never is.
    pub(crate) fn leave(&self) -> bool {
        self.0.fetch_or(LEFT, Ordering::AcqRel) & TAKEN == 0
    }

    /// Whether the caller has left.
    pub(crate) fn is_left(&self) -> bool {
        self.0.load(Ordering::Acquire) & LEFT != 0
    }
}

/// The caller's end of a call; when it is dropped, the caller has left.
pub(crate) struct Waiting<T> {
    ticket: Arc<Ticket>,
    answer: oneshot::Receiver<Result<T>>,
}

/// The thread's end of a call.
pub(crate) struct Order<T> {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) ordered_at: Instant,
    reply: oneshot::Sender<Result<T>>,
}

/// The two ends of a call.
pub(crate) fn order<T>(toolkit: &Toolkit) -> (Order<T>, Waiting<T>) {
    let ticket = Arc::new(Ticket::default());
    let (reply, answer) = oneshot::channel();
    let order = Order {
        ticket: Arc::clone(&ticket),
        deadline: toolkit.deadline(),
        ordered_at: Instant::now(),
        reply,
    };
    (order, Waiting { ticket, answer })
}

impl<T> Order<T> {
    /// Takes the call; `false` when its caller has left or its deadline has passed.
    pub(crate) fn take(&self) -> bool {
        let is_late = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        !is_late && self.ticket.take()
    }

    /// Answers the caller, if it still waits.
    pub(crate) fn reply(self, answer: Result<T>) {
        // A caller that has left does not want the answer.
        let _ = self.reply.send(answer);
    }
}

/// What a caller gets whose deadline passed, or whose thread ended.
pub(crate) enum Unanswered {
    /// Before the call was taken: it is never executed.
    NotTaken,
    /// After that: it is executed whole or not at all.
    Taken,
    /// The thread is gone.
    NoThread,
}

impl Unanswered {
    /// The error where nothing was done, or nothing can have been.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Self::NotTaken => StoreError::timeout(
                "the deadline passed before the database could begin with the call",
            ),
            Self::Taken => StoreError::timeout("the deadline passed before the call was answered"),
            Self::NoThread => {
                StoreError::internal("the thread of the database has ended; open the store again")
            }
        }
    }
}

impl<T> Waiting<T> {
    /// The answer, or why there is none.
    pub(crate) async fn answer(mut self, toolkit: &Toolkit) -> Result<Result<T>, Unanswered> {
        let answered = match toolkit.deadline() {
            None => (&mut self.answer).await,
            Some(deadline) => {
                match tokio::time::timeout_at(deadline.into(), &mut self.answer).await {
                    Ok(answered) => answered,
                    Err(_) if self.ticket.leave() => return Err(Unanswered::NotTaken),
                    Err(_) => return Err(Unanswered::Taken),
                }
            }
        };
        match answered {
            Ok(answer) => Ok(answer),
            // Refused by `Order::take`, which drops the order.
            Err(_) if self.ticket.leave() && toolkit.deadline().is_some() => {
                Err(Unanswered::NotTaken)
            }
            Err(_) => Err(Unanswered::NoThread),
        }
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.ticket.leave();
    }
}

/// A queue in front of threads, until it is closed.
pub(crate) struct Queue<C> {
    state: Mutex<State<C>>,
    arrival: Condvar,
}

struct State<C> {
    calls: VecDeque<C>,
    closed: bool,
}

impl<C> Queue<C> {
    pub(crate) fn new() -> Self {
        let state = State { calls: VecDeque::new(), closed: false };
        Self { state: Mutex::new(state), arrival: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, call: C) {
        self.lock().calls.push_back(call);
        self.arrival.notify_one();
    }

    /// The next call, once there is one; `None` when the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<C> {
        let mut state = self.lock();
        loop {
            if let Some(call) = state.calls.pop_front() {
                return Some(call);
            }
            if state.closed {
                return None;
            }
            state = self.arrival.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next call, if there is one.
    pub(crate) fn try_pop(&self) -> Option<C> {
        self.lock().calls.pop_front()
    }

    /// Lets the threads end when they have done what is queued.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrival.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_taken_or_left_never_both() {
        let taken = Ticket::default();
        assert!(taken.take());
        assert!(!taken.leave());
        assert!(taken.is_left());

        let left = Ticket::default();
        assert!(left.leave());
        assert!(!left.take());
    }

    #[test]
    fn a_call_whose_deadline_has_passed_is_not_taken() {
        let late = Toolkit::new().with_deadline(Instant::now());
        let (order, _waiting) = order::<()>(&late);
        assert!(!order.take());
    }

    #[test]
    fn a_caller_knows_whether_its_call_was_begun_before_the_deadline() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        let hasty = || Toolkit::new().with_timeout(std::time::Duration::from_millis(20));

        let toolkit = hasty();
        let (order, waiting) = order::<()>(&toolkit);
        let unanswered = runtime.block_on(waiting.answer(&toolkit));
        assert!(matches!(unanswered, Err(Unanswered::NotTaken)));
        assert!(!order.take(), "and it never is");

        let toolkit = hasty();
        let (order, waiting) = super::order::<()>(&toolkit);
        assert!(order.take());
        let unanswered = runtime.block_on(waiting.answer(&toolkit));
        assert!(matches!(unanswered, Err(Unanswered::Taken)));

        let toolkit = Toolkit::new();
        let (order, waiting) = super::order::<()>(&toolkit);
        drop(order);
        let unanswered = runtime.block_on(waiting.answer(&toolkit));
        assert!(matches!(unanswered, Err(Unanswered::NoThread)));
    }

    #[test]
    fn a_closed_queue_hands_out_what_is_left() {
        let queue = Queue::new();
        queue.push(1);
        queue.close();
        assert_eq!((queue.pop(), queue.pop()), (Some(1), None));
    }
}
