//! A backlog of 100,000 messages costs disk, not memory.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use waypost_bus_embedded::BusFile;
use waypost_cloud_api::samples::envelope;
use waypost_tests::WaypostProcess;

use crate::deployment::{Backend, Deployment, RULES, text};

const POSTS: usize = 200;
const MESSAGES_EACH: usize = 500;
const SENDERS: usize = 4;
const CUSTOMERS: usize = 5_000;
const PEAK_MAX_KIB: u64 = 300 << 10;
const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_hundred_thousand_messages_wait_on_disk() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let waypost = deployment.start().await?;
    let client = deployment.client()?;
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let client = client.clone();
        senders.spawn(async move {
            for post in (sender..POSTS).step_by(SENDERS) {
                let message = |index: usize| {
                    let number = post * MESSAGES_EACH + index;
                    text(&format!("wamid.{number}"), &format!("1555{:07}", number % CUSTOMERS), "Hello")
                };
                let status = client.post(envelope((0..MESSAGES_EACH).map(message)).to_string().as_bytes()).await?;
                ensure!(status == 200, "answered {status}");
            }
            Ok(())
        });
    }
    let sending = async {
        while let Some(sent) = senders.join_next().await {
            sent??;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, sending).await.context("it took too long")??;
    // Wherever the router has got to: nobody reads the teams' queues.
    let waiting: u64 =
        BusFile::open_read_only(&deployment.data_folder())?.queues()?.iter().map(|queue| queue.messages).sum();
    ensure!(waiting >= (POSTS * MESSAGES_EACH) as u64, "{waiting} messages wait");
    let peak = peak_kib(&waypost)?;
    ensure!(peak < PEAK_MAX_KIB, "resident memory went up to {peak} KiB");
    Ok(())
}

/// The most memory that the process ever had resident.
fn peak_kib(waypost: &WaypostProcess) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", waypost.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
