//! What a lost connection means, before, during and after a commit: the error says whether the write may have been done, and
//! sending it again settles it.
//!
//! A proxy stands between a handle and its server, and cuts a connection at a byte of the request or of the answer; another
//! handle, before which it does not stand, looks at what is really stored. The proxy does not know what passes, so where a
//! transaction begins and commits is not known either: calls are cut at the first bytes, at the last ones, and at bytes between
//! them that are drawn from the seed.

mod claiming;
mod crowds;
mod line;
mod once;
mod outages;
mod reading;
mod writes;

use std::time::Duration;

use blacksmith_store_core::{Status, Toolkit};

use self::{
    once::done_once,
    writes::{Additions, Applied, By, Expiries, Jobs, Moves, Outcomes, Pauses, Purges, Resumes},
};
use crate::{case::family, failure::Outcome, world::World};

family! {
    "lost_connections";
    [server] events_are_added_once,
    [server] a_single_event_is_added_once,
    [server] jobs_are_added_once,
    [server] outcomes_of_this_handles_claims_are_appended_once,
    [server] outcomes_of_others_claims_are_appended_once,
    [server] an_operators_decisions_are_appended_once,
    [server] outcomes_are_applied_once_with_their_follow_ups,
    [server] a_pause_begins_and_ends_once,
    [server] claims_are_expired_once,
    [server] a_purge_is_told_and_takes_whole_events,
    [server] a_purge_of_many_events_is_told_and_takes_whole_events,
    [server] jobs_of_a_lost_claim_are_told_by_extend_leases,
    [server] jobs_of_a_lost_claim_by_the_servers_clock_are_told_by_extend_leases,
    [server] jobs_of_a_lost_claim_come_back_when_its_lease_ends,
    [server] a_lost_extension_is_told,
    [server] reads_are_safe_to_repeat_and_never_shortened,
    [server] upkeep_may_be_repeated,
    [server] eight_writers_lose_nothing_when_all_connections_are_cut,
    [server] workers_run_each_job_once_when_all_connections_are_cut,
    [server] a_server_that_is_away_is_unavailable_until_it_is_back,
    [server] a_store_whose_opening_is_cut_opens_later,
    [wakeups_of_server] wakeups_go_on_after_their_connection_was_lost,
}

/// What must come comes by then.
const PATIENCE: Duration = Duration::from_secs(20);

async fn events_are_added_once(world: &World) -> Outcome {
    done_once(world, &Additions { events: 3 }).await
}

/// Small calls may share a commit, and so a connection.
async fn a_single_event_is_added_once(world: &World) -> Outcome {
    done_once(world, &Additions { events: 1 }).await
}

async fn jobs_are_added_once(world: &World) -> Outcome {
    done_once(world, &Jobs).await
}

async fn outcomes_of_this_handles_claims_are_appended_once(world: &World) -> Outcome {
    done_once(world, &Outcomes(By::TheCutHandle)).await
}

async fn outcomes_of_others_claims_are_appended_once(world: &World) -> Outcome {
    done_once(world, &Outcomes(By::Another)).await
}

async fn an_operators_decisions_are_appended_once(world: &World) -> Outcome {
    done_once(world, &Moves { from: Status::Acknowledged, to: Status::Discarded }).await?;
    done_once(world, &Moves { from: Status::Discarded, to: Status::Awaiting }).await
}

async fn outcomes_are_applied_once_with_their_follow_ups(world: &World) -> Outcome {
    done_once(world, &Applied).await
}

async fn a_pause_begins_and_ends_once(world: &World) -> Outcome {
    done_once(world, &Pauses).await?;
    done_once(world, &Resumes).await
}

async fn claims_are_expired_once(world: &World) -> Outcome {
    done_once(world, &Expiries).await
}

async fn a_purge_is_told_and_takes_whole_events(world: &World) -> Outcome {
    done_once(world, &Purges { events: 10 }).await
}

/// More than one batch, for most stores: what the first ones took was done.
async fn a_purge_of_many_events_is_told_and_takes_whole_events(world: &World) -> Outcome {
    once::done_once_when_answers_are_cut(world, &Purges { events: 1_200 }).await
}

async fn jobs_of_a_lost_claim_are_told_by_extend_leases(world: &World) -> Outcome {
    claiming::are_told(world, &world.toolkit).await
}

/// A store may look at its server's clock before it claims.
async fn jobs_of_a_lost_claim_by_the_servers_clock_are_told_by_extend_leases(
    world: &World,
) -> Outcome {
    claiming::are_told(world, &Toolkit::new().with_seed(world.toolkit.random())).await
}

async fn jobs_of_a_lost_claim_come_back_when_its_lease_ends(world: &World) -> Outcome {
    claiming::come_back(world).await
}

async fn a_lost_extension_is_told(world: &World) -> Outcome {
    claiming::extensions(world).await
}

async fn reads_are_safe_to_repeat_and_never_shortened(world: &World) -> Outcome {
    reading::reads(world).await
}

async fn upkeep_may_be_repeated(world: &World) -> Outcome {
    reading::upkeep(world).await
}

async fn eight_writers_lose_nothing_when_all_connections_are_cut(world: &World) -> Outcome {
    crowds::writers(world).await
}

async fn workers_run_each_job_once_when_all_connections_are_cut(world: &World) -> Outcome {
    crowds::workers(world).await
}

async fn a_server_that_is_away_is_unavailable_until_it_is_back(world: &World) -> Outcome {
    outages::away(world).await
}

async fn a_store_whose_opening_is_cut_opens_later(world: &World) -> Outcome {
    outages::opening(world).await
}

async fn wakeups_go_on_after_their_connection_was_lost(world: &World) -> Outcome {
    outages::wakeups(world).await
}
