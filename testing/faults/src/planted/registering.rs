//! Faults of an adapter behind the registry.

use std::sync::Arc;

use blacksmith_store_core::{Capabilities, Options, Store, async_trait};

use crate::fault::{Fault, Planted};

pub(super) const FAULTS: &[Planted] = &[
    Planted::new(
        "has another name than its adapter",
        &["registry::the_store_has_the_name_of_its_adapter"],
        || Arc::new(CallsItselfOtherwise),
    ),
    Planted::new(
        "supports more than its adapter declares",
        &["registry::the_store_supports_what_its_adapter_declares"],
        || Arc::new(PromisesMore),
    ),
    Planted::new(
        "forgives a setting that it does not know",
        &["registry::a_setting_that_the_adapter_does_not_know_is_refused"],
        || Arc::new(ForgivesSettings),
    ),
    Planted::in_a_file(
        "answers the default options, and not those that it was opened with",
        &["registry::options_come_back_as_given"],
        || Arc::new(ForgetsOptions(Options::new("sqlite"))),
    ),
];

struct CallsItselfOtherwise;

#[async_trait]
impl Fault for CallsItselfOtherwise {
    fn name(&self, _: &dyn Store) -> &'static str {
        "main-memory"
    }
}

struct PromisesMore;

#[async_trait]
impl Fault for PromisesMore {
    fn capabilities(&self, store: &dyn Store) -> Capabilities {
        store.capabilities().with_durable()
    }
}

struct ForgivesSettings;

#[async_trait]
impl Fault for ForgivesSettings {
    fn given(&self, mut options: Options) -> Options {
        options.context.clear();
        options
    }
}

struct ForgetsOptions(Options);

#[async_trait]
impl Fault for ForgetsOptions {
    fn options<'a>(&'a self, _: &'a Options) -> &'a Options {
        &self.0
    }
}
