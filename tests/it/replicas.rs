//! Several processes on the same servers: partitions are shared evenly, and who ends hands over without a loss.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use waypost_tests::eventually;

use crate::deployment::{Backend, Deployment};
use crate::traffic::{RULES, Traffic};

const DEADLINE: Duration = Duration::from_secs(60);
const MESSAGES_EACH: u64 = 250;
/// Slow enough for the handover to be in the middle.
const RATE_EACH: f64 = 30.0;

/// How many of the router's partitions each instance owns.
fn owners(deployment: &Deployment) -> anyhow::Result<BTreeMap<String, usize>> {
    let output = deployment.command(&["status", "--json"])?.output()?;
    let status: Value = serde_json::from_slice(&output.stdout)?;
    let mut owners = BTreeMap::new();
    for row in status["partitions"].as_array().context("partitions")? {
        if let (Some("router"), Some(owner)) = (row["component"].as_str(), row["owner"].as_str()) {
            *owners.entry(owner.to_owned()).or_default() += 1;
        }
    }
    Ok(owners)
}

pub(crate) async fn wait_for_owners(deployment: &Deployment, expected: &[(&str, usize)]) {
    let expected: BTreeMap<String, usize> = expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    let what = format!("the partitions are owned like this: {expected:?}");
    eventually(&what, DEADLINE, async || owners(deployment).is_ok_and(|found| found == expected).then_some(())).await;
}

#[tokio::test]
async fn who_ends_hands_over_and_who_comes_gets_a_share() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Servers, RULES)?;
    let mut one = deployment.start_component("router", "one", &[]).await?;
    wait_for_owners(&deployment, &[("one", 4)]).await;
    let _two = deployment.start_component("router", "two", &[]).await?;
    wait_for_owners(&deployment, &[("one", 2), ("two", 2)]).await;
    let _sender = deployment.start_component("sender", "sender", &[]).await?;
    let _ingress = deployment.start_component("ingress", "door", &[]).await?;

    let traffic = Traffic::start(&deployment, MESSAGES_EACH, Some(RATE_EACH))?;
    traffic.accepted(600).await;
    let status = one.terminate(DEADLINE).await?;
    ensure!(status.success(), "{status} after SIGTERM");
    wait_for_owners(&deployment, &[("two", 4)]).await;
    traffic.accepted(1_200).await;
    let _one = deployment.start_component("router", "one", &[]).await?;
    wait_for_owners(&deployment, &[("one", 2), ("two", 2)]).await;
    traffic.check(&deployment).await
}
