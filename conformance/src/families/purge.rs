//! What is purged, what is left alone, and what stays behind.

use blacksmith_store_core::{ErrorKind, PurgeRequest, Status};

use crate::{
    case::family,
    failure::{Outcome, expect_eq, expect_error},
    world::World,
};

family! {
    "purge";
    an_event_is_gone_with_its_jobs_and_transitions,
}

async fn an_event_is_gone_with_its_jobs_and_transitions(world: &World) -> Outcome {
    let job = world.job_in("crm", Status::Succeeded).await?;
    let purged = world.store.purge(PurgeRequest::everything().with_recent()).await?;
    expect_eq("counts", (purged.events, purged.jobs, purged.transitions), (1, 1, 3))?;
    expect_error("the job", world.store.find_job(job.id).await, ErrorKind::NotFound)?;
    Ok(())
}
