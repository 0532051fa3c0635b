//! Accounts of the way out that were falsified on purpose: the ledger must notice each, or it proves nothing.

use anyhow::ensure;
use waypost_ledger::Invariant;

use super::{settled, unwanted};

/// It was sent again, and the store does not say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sending_again_without_saying_so_is_seen() -> anyhow::Result<()> {
    let mut desk = settled::desk("-- sent again unmarked").await?;
    settled::never_heard_of(&mut desk).await?;
    desk.drained().await?;
    desk.journal.run("UPDATE send SET maybe_duplicate = 0 WHERE id = 'answer'").await?;
    let verdict = desk.judge_quickly().await?;
    ensure!(verdict.counts.doubled == 1 && verdict.of(Invariant::I2).count() == 1, "not seen: {verdict}");
    Ok(())
}

/// Consent had been taken back before everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sending_after_an_opt_out_is_seen() -> anyhow::Result<()> {
    let desk = unwanted::queued("-- sent after opt-out", 4).await?;
    desk.drained().await?;
    let before = "UPDATE noted_consent SET said = 'withdrawn' WHERE place = (SELECT min(place) FROM noted_consent)";
    desk.journal.run(before).await?;
    let verdict = desk.judge_quickly().await?;
    ensure!(verdict.of(Invariant::I4).count() == unwanted::NOTICES, "not seen: {verdict}");
    Ok(())
}
