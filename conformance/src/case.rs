//! A case, and the families in which cases stand.

use std::pin::Pin;

use blacksmith_store_core::Capabilities;

use crate::{failure::Outcome, generated::Generated, world::World};

/// One promise of the contract, tried on fresh stores.
pub(crate) struct Case {
    /// `family::case`.
    pub(crate) name: &'static str,
    /// The capability without which it does not run.
    pub(crate) needs: Option<Capability>,
    pub(crate) body: Body,
}

/// What a case does.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// Something that is written down, on one store.
    Written(for<'a> fn(&'a mut World) -> Run<'a>),
    /// Much that is generated, on a store each.
    Generated(fn(&Generated<'_>) -> Result<(), String>),
}

/// What is being done to a store.
pub(crate) type Run<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// How to make one member of an entry differ, and what it is called.
pub(crate) type Edit<T> = (&'static str, fn(&mut T));

/// How to set one member of an entry, and what it is called.
pub(crate) type Setter<T, V> = (&'static str, fn(&mut T, V));

/// What a case may need.
#[allow(non_camel_case_types, reason = "the members of `Capabilities`, as families write them")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capability {
    durable,
    /// As `durable`, tried with a child process that is killed.
    durable_when_killed,
    several_handles,
    several_processes,
    /// A server behind the stores, between which and a handle a proxy can stand; and a second handle that it does not stand
    /// before.
    server,
    wakeups,
    /// Wake-ups that a server sends.
    wakeups_of_server,
    /// The adapter does not declare wake-ups, so they must be refused.
    no_wakeups,
}

impl Capability {
    /// Whether it is among those that the adapter declares and the fixture has.
    pub(crate) fn is_among(self, declared: Capabilities, has_server: bool) -> bool {
        let has_server = has_server && declared.several_handles;
        match self {
            Self::durable | Self::durable_when_killed => declared.durable,
            Self::several_handles => declared.several_handles,
            Self::several_processes => declared.several_processes,
            Self::server => has_server,
            Self::wakeups => declared.wakeups,
            Self::wakeups_of_server => has_server && declared.wakeups,
            Self::no_wakeups => !declared.wakeups,
        }
    }

    /// Whether a case that needs it starts child processes.
    pub(crate) fn needs_processes(self) -> bool {
        matches!(self, Self::durable_when_killed | Self::several_processes)
    }

    /// Why a case that needs it is left out.
    pub(crate) fn absence(self) -> &'static str {
        match self {
            Self::durable | Self::durable_when_killed => "the adapter does not declare `durable`",
            Self::several_handles => "the adapter does not declare `several_handles`",
            Self::several_processes => "the adapter does not declare `several_processes`",
            Self::server => {
                "there is no server, as the fixture says, or no second handle beside the cut one"
            }
            Self::wakeups => "the adapter does not declare `wakeups`",
            Self::wakeups_of_server => {
                "there is no server, as the fixture says, or the adapter does not declare `wakeups`"
            }
            Self::no_wakeups => "the adapter declares `wakeups`",
        }
    }
}

/// The cases of a family: functions of the module that invokes it, `async fn(&World) -> Outcome`, each with the capability
/// that it needs in front, if any.
macro_rules! family {
    ($family:literal; $($([$capability:ident])? $case:ident,)*) => {
        pub(crate) const CASES: &[$crate::case::Case] = &[$($crate::case::Case {
            name: concat!($family, "::", stringify!($case)),
            needs: $crate::case::family!(@needs $($capability)?),
            body: $crate::case::Body::Written(|world| Box::pin($case(world))),
        }),*];
    };
    // Cases that generate what they try: `fn(&Generated) -> Result<(), String>`.
    ($family:literal, generated; $($case:ident,)*) => {
        pub(crate) const CASES: &[$crate::case::Case] = &[$($crate::case::Case {
            name: concat!($family, "::", stringify!($case)),
            needs: None,
            body: $crate::case::Body::Generated($case),
        }),*];
    };
    (@needs) => { None };
    (@needs $capability:ident) => { Some($crate::case::Capability::$capability) };
}

pub(crate) use family;
