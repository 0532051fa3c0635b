//! Statuses before the answer, in any order, late, twice, and some never. 12.

use std::time::Duration;

use anyhow::ensure;
use waypost_domain::send::SendState;
use waypost_sandbox::{Fault, FaultKind};

use super::super::Scale;
use super::desk::{Asking, Desk, What, phone};
use crate::outbound::NUMBER_ID;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_12_statuses_in_any_order() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let customers = scale.pick(30, 300);
    let set = |config: &mut waypost_sandbox::PlatformConfig| {
        config.delivery.out_of_order_percent = 60;
        config.delivery.double_percent = 50;
        config.delivery.missing_percent = 20;
        config.delivery.late_percent = 20;
        config.delivery.late = Duration::from_secs(scale.pick(2, 60));
        config.seed = fastrand::u64(..);
    };
    let mut desk = Desk::open("12 statuses in any order", customers, set, |deployment| deployment).await?;
    desk.they_write(0..customers, &[NUMBER_ID]).await?;
    // All statuses of half of them are there before the answer.
    for n in (0..customers).step_by(2) {
        desk.control().add_fault(Fault::new(FaultKind::Slow { delay_ms: 600 }).to_customer(phone(n)));
    }
    for part in 0..2 {
        desk.ask_all((0..customers).map(|n| Asking::new(format!("a{n}-{part}"), n, What::Answer))).await?;
    }
    desk.ask_all((0..customers).step_by(3).map(|n| Asking::new(format!("t{n}"), n, What::Template))).await?;
    let (verdict, ledger) = desk.finish().await?;
    ensure!(verdict.counts.marked == 0, "a status was lost: {verdict}");
    let early =
        ledger.sends.steps.iter().filter(|step| step.from == SendState::Attempting && step.to > SendState::Accepted);
    ensure!(early.count() >= customers / 2, "no status came before its answer");
    let posted = &ledger.posts;
    let twice = posted.iter().enumerate().filter(|(at, post)| posted[..*at].iter().any(|one| one.items == post.items));
    ensure!(twice.count() > 0, "none came twice");
    ensure!(ledger.sends.rows.iter().all(|row| row.state == SendState::Read), "{:?}", ledger.sends.rows);
    Ok(())
}
