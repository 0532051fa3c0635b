//! WhatsApp takes a message, and its answer never comes. 18.

use anyhow::{Context, ensure};
use waypost_domain::send::SendState;
use waypost_sandbox::{Fault, FaultKind};

use super::super::Scale;
use super::desk::{Asking, Desk, What, phone};
use crate::deployment::Deployment;
use crate::outbound::NUMBER_ID;

const CUSTOMERS: usize = 24;

/// What happens to the first request for a customer: taken or not, nobody is told.
fn fate(n: usize) -> Option<FaultKind> {
    match n % 6 {
        0 => Some(FaultKind::ResetAfterAccept),
        1 => Some(FaultKind::ResetBeforeAccept),
        2 => Some(FaultKind::Html { http_status: 502 }),
        3 => Some(FaultKind::BlackHole { accepted: true }),
        // Meta's words for "out of order" are no promise that nothing went.
        4 => Some(FaultKind::Refuse {
            code: 131_000,
            http_status: Some(500),
            message: None,
            details: None,
            retry_after_s: None,
        }),
        _ => None,
    }
}

pub(super) async fn desk(fault: &'static str) -> anyhow::Result<Desk> {
    let impatient = |deployment: Deployment| deployment.set("graph.answer_timeout_ms", "1000");
    let desk = Desk::open(fault, CUSTOMERS, |_| {}, impatient).await?;
    desk.they_write(0..CUSTOMERS, &[NUMBER_ID]).await?;
    Ok(desk)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_18_answers_lost() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let mut desk = desk("18 answers lost").await?;
    for round in 0..scale.pick(1, 10) {
        for n in 0..CUSTOMERS {
            if let Some(kind) = fate(n + round) {
                desk.control().add_fault(Fault::new(kind).to_customer(phone(n)).times(1));
            }
        }
        for part in 0..2 {
            let answers = (0..CUSTOMERS).map(|n| Asking::new(format!("a{round}-{n}-{part}"), n, What::Answer));
            desk.ask_all(answers).await?;
        }
        let notices = (0..CUSTOMERS).step_by(4).map(|n| Asking::new(format!("t{round}-{n}"), n, What::Template));
        desk.ask_all(notices).await?;
        desk.drained().await?;
        ensure!(desk.control().faults().is_empty(), "not everything was struck: {:?}", desk.control().faults());
    }
    never_heard_of(&mut desk).await?;

    let (verdict, ledger) = desk.finish().await?;
    let lost = ledger.sends.steps.iter().filter(|step| step.to == SendState::Uncertain).count();
    ensure!(lost >= CUSTOMERS / 6 * 3, "{lost} answers were lost");
    // An answer goes once more; what the business began does not.
    ensure!(verdict.counts.marked == 1, "{verdict}");
    let row = |id: &str| ledger.sends.rows.iter().find(|row| row.send == id).context("it is kept");
    ensure!(row("answer")?.maybe_duplicate && row("answer")?.state == SendState::Read, "{:?}", row("answer")?);
    ensure!(row("notice")?.is_given_up && row("notice")?.attempts == 1, "{:?}", row("notice")?);
    Ok(())
}

/// Two that WhatsApp has, and never says a word of.
pub(super) async fn never_heard_of(desk: &mut Desk) -> anyhow::Result<()> {
    let before = desk.control().counts().accepted;
    desk.control().set_webhook_url(None)?;
    for n in [0, 1] {
        desk.control().add_fault(Fault::new(FaultKind::ResetAfterAccept).to_customer(phone(n)).times(1));
    }
    desk.ask_all([Asking::new("answer", 0, What::Answer), Asking::new("notice", 1, What::Template)]).await?;
    desk.taken(before + 2).await?;
    let told = desk.control().wait_until(super::desk::WITHIN, |counts| counts.hooks_pending == 0).await;
    ensure!(told, "they are told to nobody: {:?}", desk.control().counts());
    desk.control().set_webhook_url(Some(&desk.scene.deployment.webhook_url()))?;
    Ok(())
}
