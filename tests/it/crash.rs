//! The process is killed, with SIGKILL, in the middle of 10,000 messages: whatever was answered 200 is routed, under one
//! id, in order, and what comes twice was in flight at a kill. As Meta does, the customers send again what was not
//! answered.

use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};

use crate::deployment::{Backend, Deployment, QUEUES, RULES as TEAMS, on_each_backend};
use crate::traffic::{RULES, Traffic};

const MESSAGES_EACH: u64 = 1_250;
const KILL_AT: [usize; 2] = [3_000, 6_500];

on_each_backend!(every_accepted_message_is_routed_once_and_in_order);

async fn every_accepted_message_is_routed_once_and_in_order(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let mut waypost = deployment.start().await?;
    let mut traffic = Traffic::start(&deployment, MESSAGES_EACH, None)?;
    for at in KILL_AT {
        traffic.accepted(at).await;
        waypost.kill()?;
        traffic.killed(&deployment).await?;
        waypost = deployment.start().await?;
    }
    traffic.check(&deployment).await
}

/// Leases last ten minutes here, and nobody waits for those of the process that is dead.
#[tokio::test]
async fn the_next_process_on_the_files_works_at_once() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, TEAMS)?.set("worker.lease_ttl_ms", "600000");
    let mut reader = deployment.reader(&QUEUES).await?;
    let client = deployment.client()?;
    for (count, wamid) in [(1, "wamid.before"), (2, "wamid.after")] {
        let mut waypost = deployment.start().await?;
        let params = SampleParams { wamid: wamid.to_owned(), ..SampleParams::default() };
        let body = envelope([sample(SampleKind::Text, &params)]).to_string();
        assert_eq!(client.post(body.as_bytes()).await?, 200);
        reader.wait_for(count).await?;
        waypost.kill()?;
    }
    Ok(())
}
