//! A node of a cluster of three dies: 2. Only in the full form: three nodes take most of a minute to start.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use waypost_tests::eventually;
use waypost_tests::postgres::PostgresHandle;
use waypost_tests::proxy::FaultProxy;
use waypost_tests::rabbitmq::RabbitNode;

use super::run::{RULES, Run};
use super::{Scale, blocking};
use crate::deployment::{Deployment, Servers};

const DEADLINE: Duration = Duration::from_secs(90);
const PAUSE_MAX: Duration = Duration::from_secs(30);
const ROUNDS: usize = 3;

#[tokio::test]
async fn fault_02_leader_killed() -> anyhow::Result<()> {
    if Scale::from_env() == Scale::Short {
        return Ok(());
    }
    let mut nodes = blocking(|| RabbitNode::start_cluster(3)).await?;
    // Whoever connects gets a node that is there, as behind a service's address.
    let addresses = nodes.iter().map(|node| ([127, 0, 0, 1], node.handle().port()).into()).collect();
    let proxy = FaultProxy::start_before(addresses).await?;
    let postgres_url = PostgresHandle::attach_from_env()?.create_database()?;
    let servers = Servers::own(nodes[0].handle(), postgres_url).through(proxy.port());
    let deployment = Deployment::on(servers, RULES)?;
    let _waypost = deployment.start().await?;
    let mut run = Run::start("02 leader killed", &deployment)?;
    for _ in 0..ROUNDS {
        run.accepted(500).await;
        let leader = nodes[0].handle().leader_of("/", "wa.in.p00")?;
        let index =
            nodes.iter().position(|node| node.handle().name() == leader).context("the leader is one of them")?;
        let killed_at = Instant::now();
        nodes[index].kill()?;
        // The node stays away: two are enough.
        let back = run.healed().await?;
        ensure!(back <= PAUSE_MAX, "working again only {back:?} after the leader's death");
        run.accepted(500).await;
        let what = "what is accepted after the death";
        eventually(what, DEADLINE, async || run.load.first_accepted_since(killed_at)).await;
        nodes[index].start_again()?;
        nodes[index].ctl(&["await_online_nodes", "3"])?;
    }
    let pause = run.load.longest_pause();
    ensure!(pause <= PAUSE_MAX, "nothing was accepted for {pause:?}");
    run.finish().await?;
    Ok(())
}
