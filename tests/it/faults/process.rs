//! Faults of our own processes: killed at every crash point, frozen, replaced, poisoned. 8, 9, 10 and 13.

use std::time::Duration;

use anyhow::{Context, ensure};
use waypost_bus::{Bus as _, Layout, Message, Outcome, Publication};
use waypost_domain::{PartitionCount, PartitionId};
use waypost_fault::{POINTS, ROUTER_AFTER_COMMIT, ROUTER_IN_TRANSACTION, WORKER_BEFORE_HANDLE};
use waypost_store::{Parking, Store, StoreOptions};
use waypost_tests::{WaypostProcess, WaypostSettings, eventually};

use super::run::{RULES, Run};
use super::{Scale, last};
use crate::database::store_url;
use crate::deployment::{Backend, Deployment};
use crate::replicas::wait_for_owners;

const DEADLINE: Duration = Duration::from_secs(60);
/// A point is passed between once and so many times before the process is killed there.
const PASSED_MAX: u32 = 25;
/// Kills that hit the same message time after time look like its doing; at random they practically never do.
const PARKED_MAX: u64 = 2;

/// Starts it without waiting for it to be ready: it may not come so far.
fn spawn(deployment: &Deployment, variables: &[(&str, &str)]) -> anyhow::Result<WaypostProcess> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    WaypostProcess::spawn(&WaypostSettings { variables, ..deployment.process_settings() })
}

#[tokio::test]
async fn fault_08_killed_at_each_crash_point() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    // Always the same name: nobody has to wait for a dead process' leases.
    let deployment = Deployment::new(Backend::Servers, RULES)?.set("instance", "one");
    drop(deployment.start().await?); // the schema, the queues
    let mut run = Run::start("08 killed at a point", &deployment)?;
    for _ in 0..scale.pick(1, 20) {
        for point in POINTS {
            let at = format!("{point}:{}", fastrand::u32(1..=PASSED_MAX));
            let mut waypost = spawn(&deployment, &[("WAYPOST_KILLPOINT", &at)])?;
            let what = format!("it is killed at {at}");
            let status = eventually(&what, DEADLINE, async || waypost.exit_status()).await;
            let signal = std::os::unix::process::ExitStatusExt::signal(&status);
            ensure!(signal == Some(9), "{at}: {status}\n{}", waypost.output());
            run.killed().await?;
        }
    }
    let _waypost = deployment.start().await?;
    run.healed().await?;
    run.accepted(200).await;
    run.finish_with_parked(PARKED_MAX).await?;
    Ok(())
}

#[tokio::test]
async fn fault_09_frozen_worker() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let heartbeat = scale.pick("2", "10");
    let deployment = Deployment::new(Backend::Servers, RULES)?.set("bus.heartbeat_s", heartbeat);
    let deployment = match scale {
        Scale::Short => deployment,
        Scale::Full => deployment.set("worker.lease_ttl_ms", "15000").set("worker.lease_renew_ms", "5000"),
    };
    let _two = deployment.start_component("router", "two", &[]).await?;
    let _sender = deployment.start_component("sender", "sender", &[]).await?;
    let _ingress = deployment.start_component("ingress", "door", &[]).await?;
    let mut run = Run::start("09 frozen worker", &deployment)?;
    let points = [ROUTER_AFTER_COMMIT, WORKER_BEFORE_HANDLE, ROUTER_IN_TRANSACTION];
    for (round, point) in points.iter().take(scale.pick(1, points.len())).enumerate() {
        let instance = format!("frozen{round}");
        let at = format!("{point}:{}:stop", fastrand::u32(5..=PASSED_MAX));
        let frozen = deployment.start_component("router", &instance, &[("WAYPOST_KILLPOINT", &at)]).await?;
        eventually(&format!("it stands still at {at}"), DEADLINE, async || stands_still(&frozen).then_some(())).await;
        // The other one publishes it, and so does this one when it goes on.
        run.interrupted("frozen", 2);
        last(scale.seconds(8, 40)).await;
        // The other one has everything, and works.
        wait_for_owners(&deployment, &[("two", 4)]).await;
        run.healed().await?;
        frozen.thaw()?;
        wait_for_owners(&deployment, &[("two", 2), (&instance, 2)]).await;
        run.accepted(200).await;
    }
    run.finish().await?;
    Ok(())
}

/// Whether the kernel says that it was stopped by a signal.
fn stands_still(waypost: &WaypostProcess) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", waypost.id())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

#[tokio::test]
async fn fault_10_rolling_restarts_and_scaling() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let deployment = Deployment::new(Backend::Servers, RULES)?;
    let mut routers = vec![deployment.start_component("router", "r0", &[]).await?];
    let _sender = deployment.start_component("sender", "sender", &[]).await?;
    let mut ingress = deployment.start_component("ingress", "door", &[]).await?;
    let mut run = Run::start("10 rolling restarts", &deployment)?;
    let mut number = 0;
    let mut start = async || {
        number += 1;
        deployment.start_component("router", &format!("r{number}"), &[]).await
    };
    for _ in 0..scale.pick(1, 8) {
        // 1 → 3, each replaced by another, 3 → 1.
        routers.push(start().await?);
        routers.push(start().await?);
        run.accepted(100).await;
        for _ in 0..3 {
            let mut oldest = routers.remove(0);
            routers.push(start().await?);
            let status = oldest.terminate(DEADLINE).await?;
            ensure!(status.success(), "{status} after SIGTERM");
        }
        let status = ingress.terminate(DEADLINE).await?;
        ensure!(status.success(), "{status} after SIGTERM");
        ingress = deployment.start_component("ingress", "door", &[]).await?;
        run.accepted(100).await;
        for mut router in routers.drain(1..) {
            router.terminate(DEADLINE).await?;
        }
        run.healed().await?;
    }
    run.accepted(100).await;
    run.finish().await?;
    Ok(())
}

#[tokio::test]
async fn fault_13_poison() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Servers, RULES)?;
    let router = async |poison: &str| deployment.start_component("router", "one", &[("WAYPOST_POISON", poison)]).await;
    let mut waypost = router("panic:wamid.PANIC").await?;
    let _sender = deployment.start_component("sender", "sender", &[]).await?;
    let _ingress = deployment.start_component("ingress", "door", &[]).await?;
    let mut run = Run::start("13 poison message", &deployment)?;
    run.accepted(100).await;
    // What no release of ours has written.
    let bus = deployment.servers().context("servers")?.bus().await?;
    let address = Layout::new(PartitionCount::new(4).context("four")?).inbound(PartitionId(1));
    let message = Message { id: "damaged".to_owned(), body: vec![0xff; 64].into(), ..Message::default() };
    let outcomes = bus.publish(vec![Publication { address, message }], DEADLINE).await;
    ensure!(outcomes == [Outcome::Confirmed], "{outcomes:?}");
    let store = Store::open(&store_url(&deployment)?, StoreOptions::default()).await?;
    let parked = async |count: u64| {
        let counts = store.parked_counts().await.ok()?;
        let letters = counts.into_iter().find(|one| one.parking == Parking::DeadLetters)?;
        (letters.count >= count).then_some(())
    };
    eventually("the damaged one is parked", DEADLINE, async || parked(1).await).await;
    run.post("wamid.PANIC", "15550001111", "hello").await?;
    eventually("the one that panics is parked", DEADLINE, async || parked(2).await).await;
    run.accepted(100).await;

    waypost.terminate(DEADLINE).await?;
    waypost = router("abort:wamid.ABORT").await?;
    run.post("wamid.ABORT", "15550001112", "hello").await?;
    let mut deaths = 0;
    let parking = eventually("the one that kills is parked", DEADLINE * 2, async || {
        if waypost.exit_status().is_some()
            && let Ok(again) = router("abort:wamid.ABORT").await
        {
            waypost = again;
            deaths += 1;
        }
        parked(3).await
    });
    parking.await;
    run.interrupted("killed by a message", deaths);
    run.healed().await?;
    run.accepted(200).await;
    let (verdict, _) = run.finish_with_parked(2).await?;
    ensure!(verdict.counts.parked == 2, "{verdict}");
    Ok(())
}
