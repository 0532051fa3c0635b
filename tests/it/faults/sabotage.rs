//! Builds that break a promise on purpose: the ledger must notice each of them, or it proves nothing.

use std::time::Duration;

use anyhow::{Context, ensure};
use waypost_fault::{ROUTER_AFTER_COMMIT, ROUTER_IN_TRANSACTION, Sabotage, WORKER_AFTER_ACK};
use waypost_ledger::{IN_HAND_MAX, Invariant, Verdict};
use waypost_tests::load::LoadConfig;
use waypost_tests::proxy::FaultProxy;
use waypost_tests::{WaypostProcess, eventually};

use super::run::{RULES, Run, load_config};
use crate::database;
use crate::deployment::{Backend, Deployment};
use crate::replicas::wait_for_owners;

const DEADLINE: Duration = Duration::from_secs(60);
/// Where the fence is skipped: the last of them is decided and not published.
const BATCHES_OF_SECOND: i64 = 5;
const SABOTAGE: &str = "WAYPOST_SABOTAGE";
const KILLPOINT: &str = "WAYPOST_KILLPOINT";
const KILLPOINT_ARMED_BY: &str = "WAYPOST_KILLPOINT_ARMED_BY";

async fn killed(mut waypost: WaypostProcess) {
    eventually("it kills itself", DEADLINE, async || waypost.exit_status()).await;
}

async fn judged(run: Run<'_>) -> anyhow::Result<Verdict> {
    run.accepted(100).await;
    let (verdict, _) = run.judge_quickly().await?;
    Ok(verdict)
}

fn loses(verdict: &Verdict) -> anyhow::Result<()> {
    ensure!(verdict.counts.lost > 0 && verdict.of(Invariant::I1).next().is_some(), "the ledger saw nothing: {verdict}");
    Ok(())
}

#[tokio::test]
async fn acknowledging_before_the_commit_is_seen() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Servers, RULES)?.set("instance", "one");
    let kill = format!("{ROUTER_IN_TRANSACTION}:20");
    let variables = [(SABOTAGE, Sabotage::AckBeforeCommit.name()), (KILLPOINT, &kill)];
    let waypost = deployment.start_with(&variables).await?;
    let run = Run::start("-- ack before commit", &deployment)?;
    killed(waypost).await;
    let _waypost = deployment.start().await?;
    loses(&judged(run).await?)
}

#[tokio::test]
async fn dropping_a_stored_decision_is_seen() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Servers, RULES)?.set("instance", "one");
    let kill = format!("{ROUTER_AFTER_COMMIT}:20");
    let waypost = deployment.start_with(&[(KILLPOINT, &kill)]).await?;
    let run = Run::start("-- stored decision dropped", &deployment)?;
    killed(waypost).await;
    let _waypost = deployment.start_with(&[(SABOTAGE, Sabotage::DropStoredDecision.name())]).await?;
    loses(&judged(run).await?)
}

/// Cut off from the database, the first router loses its lease and goes on all the same: the second one then gives the
/// same sequence numbers again. What the second decided and did not publish lies below a published mark that is not its
/// own, and is lost; or it was decided with numbers that say another order.
#[tokio::test]
async fn skipping_the_fence_is_seen() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Servers, RULES)?.set("partitions", "1");
    let postgres_url = &deployment.servers().context("servers")?.postgres_url;
    let (server, database) =
        postgres_url.rsplit_once('@').and_then(|(_, rest)| rest.split_once('/')).context("host and database")?;
    let proxy = FaultProxy::start(server.parse()?).await?;
    let through = format!("postgres://postgres@{}/{database}", proxy.address());
    // Right after an acknowledgement: whatever it has decided is out, and tells nobody who comes after it anything.
    let kill = format!("{WORKER_AFTER_ACK}:1");
    let armed_by = deployment.rules_file().with_file_name("kill");
    let armed_by_text = armed_by.to_str().context("a path of text")?;
    // The environment outranks the file.
    let variables = [
        (SABOTAGE, Sabotage::SkipFence.name()),
        ("WAYPOST__STORE__URL", &through),
        (KILLPOINT, &kill),
        (KILLPOINT_ARMED_BY, armed_by_text),
    ];
    let first = deployment.start_component("router", "first", &variables).await?;
    let _sender = deployment.start_component("sender", "sender", &[]).await?;
    let _ingress = deployment.start_component("ingress", "door", &[]).await?;
    let run = Run::start("-- fence skipped", &deployment)?;
    run.accepted(100).await;
    proxy.black_hole();
    let kill = format!("{ROUTER_AFTER_COMMIT}:{BATCHES_OF_SECOND}");
    let second = deployment.start_component("router", "second", &[(KILLPOINT, &kill)]).await?;
    wait_for_owners(&deployment, &[("second", 1)]).await;
    let session = database::session(postgres_url).await?;
    let given: i64 = session.query_one("SELECT max(seq) FROM inbox", &[]).await?.get(0);
    proxy.heal();
    // It has the queue until it is killed, and by then it has given and marked more numbers than the second one gives
    // again.
    let beyond = given + BATCHES_OF_SECOND * i64::try_from(IN_HAND_MAX)?;
    let marked = "SELECT 1 FROM lease WHERE component = 'router' AND published_seq > $1";
    eventually("the first router marks what it has no right to", DEADLINE, async || {
        session.query_opt(marked, &[&beyond]).await.ok().flatten()
    })
    .await;
    std::fs::write(&armed_by, "")?;
    killed(first).await;
    killed(second).await;
    let _third = deployment.start_component("router", "third", &[]).await?;
    let verdict = judged(run).await?;
    let noticed = [Invariant::I1, Invariant::I3].into_iter().any(|invariant| verdict.of(invariant).next().is_some());
    ensure!(noticed, "the ledger saw nothing: {verdict}");
    Ok(())
}

/// The first router lives on when it gives partitions to the second one, so that what it holds comes back late.
#[tokio::test]
async fn cancelling_with_unacknowledged_deliveries_is_seen() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Servers, RULES)?;
    let sabotaged = [(SABOTAGE, Sabotage::CancelWithUnacked.name())];
    let _first = deployment.start_component("router", "first", &sabotaged).await?;
    let _sender = deployment.start_component("sender", "sender", &[]).await?;
    let _ingress = deployment.start_component("ingress", "door", &[]).await?;
    // Few customers, who write again at once: what is held back of one of them is overtaken for certain.
    let load = LoadConfig { customers_each: 2, ..load_config(&deployment, 400.0) };
    let run = Run::start_with("-- cancelled", &deployment, &load)?;
    run.accepted(400).await;
    let _second = deployment.start_component("router", "second", &[]).await?;
    wait_for_owners(&deployment, &[("first", 2), ("second", 2)]).await;
    run.accepted(100).await;
    let (verdict, _) = run.judge_late().await?;
    ensure!(verdict.counts.out_of_order > 0, "the ledger saw nothing: {verdict}");
    Ok(())
}
