//! A node of a cluster of three dies: 2. Three nodes take half a minute to start.

use std::time::Duration;

use anyhow::{Context, ensure};
use waypost_tests::postgres::PostgresHandle;
use waypost_tests::proxy::FaultProxy;
use waypost_tests::rabbitmq::RabbitNode;

use super::run::{RULES, Run};
use super::{Scale, blocking};
use crate::deployment::{Deployment, Servers};

const PAUSE_MAX: Duration = Duration::from_secs(30);

#[tokio::test]
async fn fault_02_leader_killed() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let mut nodes = blocking(|| RabbitNode::start_cluster(3)).await?;
    // Whoever connects gets a node that is there, as behind a service's address.
    let addresses = nodes.iter().map(|node| ([127, 0, 0, 1], node.handle().port()).into()).collect();
    let proxy = FaultProxy::start_before(addresses).await?;
    let postgres_url = PostgresHandle::attach_from_env()?.create_database()?;
    let servers = Servers::own(nodes[0].handle(), postgres_url).through(proxy.port());
    let deployment = Deployment::on(servers, RULES)?;
    let _waypost = deployment.start().await?;
    let mut run = Run::start("02 leader killed", &deployment)?;
    for _ in 0..scale.pick(1, 5) {
        run.accepted(200).await;
        let leader = nodes[0].handle().leader_of("/", "wa.in.p00")?;
        let index =
            nodes.iter().position(|node| node.handle().name() == leader).context("the leader is one of them")?;
        run.interrupted("leader lost", 2);
        nodes[index].kill()?;
        // The node stays away: two are enough.
        let back = run.healed().await?;
        ensure!(back <= PAUSE_MAX, "working again only {back:?} after the leader's death");
        run.accepted(200).await;
        // A leader may move back.
        run.interrupted("leader back", 2);
        nodes[index].start_again()?;
        nodes[index].ctl(&["await_online_nodes", "3"])?;
    }
    let pause = run.load.longest_pause();
    ensure!(pause <= PAUSE_MAX, "nothing was accepted for {pause:?}");
    run.finish().await?;
    Ok(())
}
