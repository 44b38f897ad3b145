//! What must hold in every state: named sentences, and a note in the state of those that were broken on the way to it.

/// The promises that were broken on the way to a state, which is left at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Broken(u32);

impl Broken {
    /// Notes that a promise is broken, by its number.
    pub(crate) fn note(&mut self, promise: impl Into<u32>) {
        self.0 |= 1 << promise.into();
    }

    /// Whether this promise is broken.
    pub(crate) fn has(self, promise: impl Into<u32>) -> bool {
        self.0 & (1 << promise.into()) != 0
    }

    /// Whether none is.
    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// Declares the promises of a model, whose states have a member `broken`.
macro_rules! promises {
    ($model:ty; $($promise:ident: $sentence:literal,)*) => {
        /// What must hold in every state.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Promise {
            $(#[doc = $sentence] $promise,)*
        }

        impl Promise {
            /// Each as a property of the model.
            pub(super) fn properties() -> Vec<stateright::Property<$model>> {
                vec![$(stateright::Property::always(
                    $sentence,
                    |_: &$model, state: &<$model as stateright::Model>::State| {
                        !state.broken.has(Promise::$promise)
                    },
                )),*]
            }
        }

        impl From<Promise> for u32 {
            fn from(promise: Promise) -> Self {
                promise as Self
            }
        }
    };
}

pub(crate) use promises;
