//! One number of ours gets no answers any more. 20.

use std::time::Instant;

use anyhow::ensure;
use waypost_domain::send::SendState;
use waypost_sandbox::{Fault, FaultKind};

use super::super::Scale;
use super::desk::{Asking, Desk, OTHER_NUMBER_ID, What};
use crate::outbound::NUMBER_ID;

/// Each writes to both numbers.
const CUSTOMERS: usize = 15;
/// So many are stuck on the first one.
const STUCK: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_20_one_number_stuck() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let timeout_ms = scale.pick("5000", "20000");
    let with = |deployment: crate::deployment::Deployment| deployment.set("graph.answer_timeout_ms", timeout_ms);
    let mut desk = Desk::open("20 one number stuck", CUSTOMERS, |_| {}, with).await?;
    desk.they_write(0..CUSTOMERS, &[NUMBER_ID, OTHER_NUMBER_ID]).await?;
    let slow = FaultKind::Slow { delay_ms: scale.pick(3_000, 30_000) };
    let silent = FaultKind::BlackHole { accepted: false };
    let kinds = [silent.clone(), slow, FaultKind::BlackHole { accepted: true }];
    for (round, kind) in kinds.into_iter().take(scale.pick(2, 3)).enumerate() {
        let fault = desk.control().add_fault(Fault::new(kind.clone()).of_number(NUMBER_ID));
        desk.ask_all((0..STUCK).map(|n| Asking::new(format!("stuck{round}-{n}"), n, What::Answer))).await?;
        let others = (0..CUSTOMERS).map(|n| Asking::new(format!("on{round}-{n}"), n, What::Answer));
        desk.ask_all(others.map(|asking| asking.of(OTHER_NUMBER_ID))).await?;
        let went = format!("SELECT count(*) FROM send WHERE id LIKE 'on{round}-%' AND state = 'read'");
        desk.until_count("the other number goes on", &went, i64::try_from(CUSTOMERS)?).await;
        if kind == silent {
            let stuck = format!("SELECT count(*) FROM send WHERE id LIKE 'stuck{round}-%' AND state = 'attempting'");
            // None of the others had to wait for a time-out.
            let stuck = desk.journal.count(&stuck).await?;
            ensure!(stuck == i64::try_from(STUCK)?, "{stuck} of {STUCK} still wait for their answer");
        }
        let healed_at = Instant::now();
        desk.control().clear_faults(fault);
        desk.drained().await?;
        desk.recovered_in = desk.recovered_in.max(healed_at.elapsed());
    }
    let (_, ledger) = desk.finish().await?;
    ensure!(ledger.sends.rows.iter().all(|row| row.state == SendState::Read), "{:?}", ledger.sends.rows);
    Ok(())
}
