//! The ledger's own tools on a running deployment: a load with repetitions and forgeries, what came out of it, and the
//! judgement; and that the judgement is not a matter of course.

use std::time::Duration;

use anyhow::{Context, ensure};
use waypost_bus::Layout;
use waypost_domain::PartitionCount;
use waypost_ledger::{
    Answer, BusUrl, IN_HAND_MAX, InFlight, InterruptionRecord, Invariant, Ledger, LedgerWriter, StoreFacts, collect,
    collected_queues, parked,
};
use waypost_rules::RuleSet;
use waypost_store::{Store, StoreOptions};
use waypost_tests::eventually;
use waypost_tests::load::{Load, LoadConfig};

use crate::database::{in_file, store_url};
use crate::deployment::{APP_SECRET, Backend, Deployment, on_each_backend};
use crate::traffic::RULES;

const MESSAGES: u64 = 400;
/// Nothing comes any more when nothing has come for so long.
const IDLE: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(60);

on_each_backend!(a_run_is_written_down_and_judged);

async fn a_run_is_written_down_and_judged(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let folder = tempfile::tempdir()?;
    let config = LoadConfig {
        messages: Some(MESSAGES),
        duplicate_percent: 20,
        status_percent: 20,
        change_percent: 20,
        wrongly_signed_percent: 20,
        ..LoadConfig::new(deployment.webhook_url(), APP_SECRET)
    };
    let mut load = Load::start(&config)?;
    load.finish().await;
    load.write(&folder.path().join("posts.jsonl"))?;
    let queues = collected_queues(&RuleSet::parse(RULES)?);
    let writer = LedgerWriter::create(&folder.path().join("deliveries.jsonl"))?;
    let layout = Layout::new(PartitionCount::new(4).context("four partitions")?);
    let collected = collect(&bus_url(&deployment), layout, &queues, IDLE, writer).await?;
    ensure!(collected >= MESSAGES, "{collected} messages came out");

    let mut ledger = Ledger::read(folder.path())?;
    let forged: Vec<_> = ledger.posts.iter().filter(|post| !post.signed).collect();
    ensure!(!forged.is_empty() && forged.iter().all(|post| post.answer == Answer::Status(401)), "{forged:?}");
    ensure!(!ledger.depths.is_empty() && ledger.depths.iter().all(|depth| depth.ready == 0), "{:?}", ledger.depths);
    let store = Store::open(&store_url(&deployment)?, StoreOptions::default()).await?;
    let facts = StoreFacts::read(&store).await?;
    let logs = deployment.logs()?;
    ledger.interruptions.push(InterruptionRecord::leases_lost(logs.iter().map(String::as_str)));
    ledger.store = Some(facts);
    ledger.deliveries.extend(parked(&store).await?);
    store.close().await;
    ledger.rule_sets.push(RULES.to_owned());
    let verdict = ledger.check();
    ensure!(verdict.counts.messages == MESSAGES && verdict.counts.kept > 0 && verdict.is_good(), "{verdict}");

    // A message, not what its team is told of the conversation.
    let place = ledger.deliveries.iter().rposition(|delivery| delivery.key.is_some());
    let missing = ledger.deliveries.remove(place.context("something was delivered")?);
    let verdict = ledger.check();
    ensure!(verdict.of(Invariant::I1).next().is_some(), "{missing:?} is not missed: {verdict}");
    Ok(())
}

/// Others take over a lease that its router believes to have: it tells of that one, and of no other.
#[tokio::test]
async fn a_router_tells_of_the_lease_that_it_lost() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let _waypost = deployment.start().await?;
    let store = Store::open(&store_url(&deployment)?, StoreOptions::default()).await?;
    let owned = async || {
        let leases = store.leases("router").await.ok()?;
        (leases.len() == 4 && leases.iter().all(|lease| lease.owner.is_some())).then_some(())
    };
    eventually("every partition is taken", PATIENCE, owned).await;
    let lost = async || {
        let logs = deployment.logs().ok()?;
        let in_flight = InterruptionRecord::leases_lost(logs.iter().map(String::as_str)).in_flight;
        (in_flight != InFlight::AtMost(0)).then_some(in_flight)
    };
    ensure!(lost().await.is_none(), "one is lost already");
    let taken = "UPDATE lease SET owner = 'other', epoch = epoch + 1 WHERE component = 'router' AND partition = 2";
    in_file(&deployment.data_folder().join("store.db"), taken)?;
    let in_flight = eventually("the router tells of it", PATIENCE, lost).await;
    ensure!(in_flight == InFlight::AtMost(IN_HAND_MAX), "{in_flight:?}");
    let page = reqwest::get(deployment.admin_url("/metrics")).await?.text().await?;
    ensure!(page.contains("waypost_worker_leases_lost_total{component=\"router\"} 1\n"), "{page}");
    store.close().await;
    Ok(())
}

fn bus_url(deployment: &Deployment) -> BusUrl {
    #[cfg(feature = "servers")]
    if let Some(servers) = deployment.servers() {
        return BusUrl::parse(&servers.amqp_url);
    }
    BusUrl::Embedded(deployment.data_folder())
}
