//! A store whose calls can be made to fail.

use std::{
    any::Any,
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use blacksmith_store::*;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not reach the store.
    Refused,
    /// It is carried out, and its answer is lost.
    AnswerLost,
    /// Its answer comes late.
    AnswerLate(Duration),
    /// It fails as one that would be repeated in vain.
    Broken,
}

/// A store that counts its calls and fails when it is told to.
pub(crate) struct Flaky {
    store: Arc<dyn Store>,
    /// Called before every call of the store.
    before: Arc<dyn Fn() + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What happens to every call.
    outage: Option<Fault>,
    /// What happens to the next calls of a method.
    faults: HashMap<&'static str, VecDeque<Fault>>,
    calls: HashMap<&'static str, usize>,
}

impl Flaky {
    /// `before` is called before every call of `store`.
    pub(crate) fn new(store: Arc<dyn Store>, before: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { store, before, state: Mutex::default() }
    }

    /// Another connection to the same store, which fails by itself.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.store.clone(), self.before.clone())
    }

    /// The store behind it, which does not fail.
    pub(crate) fn inner(&self) -> &dyn Store {
        &*self.store
    }

    /// Lets the next calls of a method fail, one fault each.
    pub(crate) fn fail_next(&self, method: &'static str, faults: impl IntoIterator<Item = Fault>) {
        let mut state = self.state.lock().expect("no test panicked here");
        state.faults.entry(method).or_default().extend(faults);
    }

    /// Lets every call fail, until told otherwise.
    pub(crate) fn set_outage(&self, outage: Option<Fault>) {
        self.state.lock().expect("no test panicked here").outage = outage;
    }

    /// How many calls of a method there were.
    pub(crate) fn calls(&self, method: &str) -> usize {
        let state = self.state.lock().expect("no test panicked here");
        state.calls.get(method).copied().unwrap_or_default()
    }

    fn next_fault(&self, method: &'static str) -> Option<Fault> {
        let mut state = self.state.lock().expect("no test panicked here");
        *state.calls.entry(method).or_default() += 1;
        let own = state.faults.get_mut(method).and_then(VecDeque::pop_front);
        own.or(state.outage)
    }
}

macro_rules! methods {
    ($($method:ident($($argument:ident: $type:ty)?) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Flaky {
            fn name(&self) -> &'static str {
                self.store.name()
            }

            fn options(&self) -> &Options {
                self.store.options()
            }

            fn capabilities(&self) -> Capabilities {
                self.store.capabilities()
            }

            fn as_any(&self) -> &dyn Any {
                self.store.as_any()
            }

            $(
                async fn $method(&self, toolkit: &Toolkit $(, $argument: $type)?) -> Result<$answer> {
                    let fault = self.next_fault(stringify!($method));
                    // A real call does not answer before its task is polled again.
                    tokio::task::yield_now().await;
                    match fault {
                        Some(Fault::Refused) => return Err(StoreError::unavailable("connection refused")),
                        Some(Fault::Broken) => return Err(StoreError::config("the schema is missing")),
                        _ => {}
                    }
                    (self.before)();
                    let answer = self.store.$method(toolkit $(, $argument)?).await;
                    match fault {
                        Some(Fault::AnswerLost) => Err(StoreError::unavailable("connection lost")
                            .with_retry(Retry::OutcomeUnknown)),
                        Some(Fault::AnswerLate(delay)) => {
                            tokio::time::sleep(delay).await;
                            answer
                        }
                        _ => answer,
                    }
                }
            )*
        }
    };
}

for_each_method!(methods);
