//! WhatsApp refuses for a while: too fast, too many, no token. Nothing ends by that, and nothing is asked in vain. 19, 21.

use std::time::Instant;

use anyhow::{Context, ensure};
use waypost_sandbox::{Fault, FaultKind};
use waypost_tests::eventually;

use super::super::{Scale, last};
use super::desk::{Asking, Desk, WITHIN, What, phone};
use crate::outbound::NUMBER_ID;

/// Messages a second that the platform takes.
const THROUGHPUT: u32 = 20;
/// Customers outside of windows that it takes.
const PLACES: u32 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_19_too_fast_and_too_many() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let (known, strangers) = scale.pick((40, 10), (400, 50));
    let set = |config: &mut waypost_sandbox::PlatformConfig| {
        config.limits.throughput = Some(THROUGHPUT);
        config.limits.messaging = Some(PLACES);
        config.late_codes.remove(&131_048);
    };
    // As fast as it can: only Meta slows it down.
    let with = |deployment: crate::deployment::Deployment| deployment.set("sender.rate_per_second", "0");
    let mut desk = Desk::open("19 too fast, too many", known + strangers, set, with).await?;
    desk.they_write(0..known, &[NUMBER_ID]).await?;
    for n in 0..3 {
        let refuse = FaultKind::Refuse {
            code: 131_056,
            http_status: Some(429),
            message: None,
            details: None,
            retry_after_s: None,
        };
        desk.control().add_fault(Fault::new(refuse).to_customer(phone(n)).times(1));
    }
    for part in 0..2 {
        desk.ask_at_once((0..known).map(|n| Asking::new(format!("a{n}-{part}"), n, What::Answer))).await?;
    }
    desk.drained().await?;
    let refused = desk.control().refused();
    let of = |code: i64| refused.iter().filter(|one| one.code == Some(code)).count();
    ensure!(of(130_429) > 0 && of(131_056) == 3, "nothing was refused: {:?}", desk.control().counts());

    // All places are taken, until there are more and a person says so.
    desk.ask_all((known..known + strangers).map(|n| Asking::new(format!("t{n}"), n, What::Template))).await?;
    let barred = async || {
        let bars = desk.scene.json(&["limits", "bars"]).ok()?;
        bars[0]["name"].as_str().map(str::to_owned)
    };
    let bar = eventually("templates are barred", WITHIN, barred).await;
    let in_vain = || desk.control().refused().iter().filter(|one| one.code == Some(131_048)).count();
    // What was under way when the bar was set may be refused too, each once.
    last(scale.seconds(1, 5)).await;
    let settled = in_vain();
    last(scale.seconds(1, 30)).await;
    ensure!(settled <= strangers && in_vain() == settled, "asked in vain: {settled}, then {}", in_vain());
    let alerts = desk.scene.json(&["alerts", "list"])?;
    ensure!(alerts.to_string().contains("code_131048"), "a person must know: {alerts}");
    desk.control().limit_messaging(Some(1_000));
    let healed_at = Instant::now();
    desk.scene.json(&["limits", "lift", &bar])?;
    desk.drained().await?;
    desk.recovered_in = healed_at.elapsed();
    let (_, ledger) = desk.finish().await?;
    ensure!(ledger.sends.rows.iter().all(|row| row.state.as_str() == "read"), "{:?}", ledger.sends.rows);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_21_token_ended() -> anyhow::Result<()> {
    const CUSTOMERS: usize = 20;
    let scale = Scale::from_env();
    let mut desk = Desk::open("21 token ended", CUSTOMERS, |_| {}, |deployment| deployment).await?;
    desk.they_write(0..CUSTOMERS, &[NUMBER_ID]).await?;
    for round in 0..scale.pick(2, 10) {
        let before = desk.control().refused().len();
        desk.control().expire_tokens();
        let asked = |word: &str| {
            let word = word.to_owned();
            (0..CUSTOMERS).map(move |n| Asking::new(format!("{word}{round}-{n}"), n, What::Answer))
        };
        desk.ask_all(asked("a")).await?;
        desk.until_count("the number is stopped", "SELECT count(*) FROM send_bar WHERE until_token = 1", 1).await;
        let alerts = desk.scene.json(&["alerts", "list"])?;
        ensure!(alerts.to_string().contains("code_190"), "a person must know: {alerts}");
        desk.ask_all(asked("b")).await?;
        last(scale.seconds(1, 30)).await;
        let attempts = format!("SELECT max(attempt) FROM send WHERE id LIKE 'b{round}-%'");
        ensure!(desk.journal.count(&attempts).await? == 0, "attempted without a token");
        let refused = desk.control().refused().len() - before;
        ensure!((1..=CUSTOMERS).contains(&refused), "{refused} requests to find that out");
        let healed_at = Instant::now();
        desk.new_token(&format!("another-{round}"))?;
        desk.drained().await?;
        desk.recovered_in = desk.recovered_in.max(healed_at.elapsed());
    }
    let (_, ledger) = desk.finish().await?;
    ensure!(ledger.sends.rows.iter().all(|row| row.state.as_str() == "read"), "{:?}", ledger.sends.rows);
    let first = ledger.sends.rows.iter().find(|row| row.send.starts_with('b')).context("the second ones are there")?;
    ensure!(first.attempts == 1, "{first:?}");
    Ok(())
}
