//! What was wanted when it was asked for, and is not when it could go: the customer said stop, or it is yesterday's. 22, 29.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use waypost_domain::send::SendState;
use waypost_ledger::{AskAnswer, AskedRecord};
use waypost_tests::eventually;

use super::super::Scale;
use super::desk::{Asking, Desk, WITHIN, What, phone};
use crate::outbound::NUMBER_ID;
use crate::sending::requests::broker::Tool;

/// What each customer gets, one after the other.
pub(super) const NOTICES: usize = 2;

/// A paced queue of notices to everybody.
pub(super) async fn queued(fault: &'static str, customers: usize) -> anyhow::Result<Desk> {
    let set = |config: &mut waypost_sandbox::PlatformConfig| config.limits.messaging = None;
    let with = |deployment: crate::deployment::Deployment| deployment.set("sender.rate_per_second", "8");
    let mut desk = Desk::open(fault, customers, set, with).await?;
    desk.they_write(0..1, &[NUMBER_ID]).await?; // the number is known, and lists its templates
    for part in 0..NOTICES {
        desk.ask_at_once((0..customers).map(|n| Asking::new(format!("t{n}-{part}"), n, What::Template))).await?;
    }
    Ok(desk)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_opt_out_while_queued() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let (customers, leave) = scale.pick((30, 8), (300, 80));
    let mut desk = queued("22 opt-out while queued", customers).await?;
    for n in (0..leave).map(|n| if n % 2 == 0 { customers - 1 - n } else { n }) {
        desk.withdraw(n).await?;
        desk.ask_all([Asking::new(format!("after{n}"), n, What::Template)]).await?;
    }
    let (_, ledger) = desk.finish().await?;
    let of = |state: SendState| ledger.sends.rows.iter().filter(move |row| row.state == state);
    let refused = of(SendState::Refused).count();
    ensure!(refused > leave && of(SendState::Read).count() > customers / 2, "{refused} were refused");
    let rules: Vec<&str> = of(SendState::Refused).filter_map(|row| row.rule.as_deref()).collect();
    ensure!(rules.iter().all(|rule| *rule == "stopped") && rules.len() == refused, "{rules:?}");
    Ok(())
}

/// Requests that could not be taken yesterday, and those of a moment ago; all are replayed when that is mended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_29_old_requests_replayed() -> anyhow::Result<()> {
    // Whoever is late in the list left yesterday.
    const STRANGERS: [usize; 3] = [1, 2, 3];
    let mut desk = Desk::open("29 old requests replayed", 1, |_| {}, |deployment| deployment).await?;
    desk.they_write(0..1, &[NUMBER_ID]).await?;
    let mut tool = Tool::of_new_user(&desk.scene.deployment, "frontdesk").await?;
    let mut asked = Vec::new();
    for n in STRANGERS {
        for age in ["new", "old"] {
            let id = format!("{age}{n}");
            let request = crate::sending::requests::request(&id, &phone(n));
            let answer = tool.answered(&request, &id).await?;
            ensure!(answer["error"]["reason"] == "CONTACT_UNKNOWN", "{answer}");
            asked.push((id, n));
        }
    }
    tool.end().await?;
    let all = i64::try_from(asked.len())?;
    desk.until_count("they are parked", "SELECT count(*) FROM parked", all).await;
    // So that nobody waits for a day: they were parked as long ago as that.
    let day = "UPDATE parked SET parked_at = parked_at - 90000000 WHERE convert_from(body, 'UTF8') LIKE '%\"old%'";
    desk.journal.run(day).await?;

    // They are customers by now, and have written. One takes everything back, which forbids no answer.
    for n in STRANGERS {
        desk.control().add_customer(waypost_sandbox::CustomerSpec::of_phone(phone(n)));
        desk.control().write(&phone(n), NUMBER_ID, "hello again")?;
    }
    let windows = "SELECT count(*) FROM conversation WHERE window_ends_at IS NOT NULL";
    desk.until_count("they have written", windows, i64::try_from(STRANGERS.len())? + 1).await;
    let replayed = desk.scene.json(&["dead-letters", "replay", "--all"])?;
    let count = all.to_string();
    ensure!(replayed["replayed"] == *count, "{replayed}");
    for (id, n) in asked {
        let answer = if id.starts_with("new") { AskAnswer::Kept } else { AskAnswer::Refused };
        desk.ledger.sends.asked.push(AskedRecord {
            send: id,
            phone_number_id: NUMBER_ID.to_owned(),
            customer: phone(n),
            line: "answer".to_owned(),
            started_ns: 0,
            answered_ns: u64::MAX,
            answer,
        });
    }
    let letters = async || {
        let letters = desk.scene.json(&["dead-letters", "list"]).ok()?;
        let again = |letter: &Value| letter["replays"] == json!(1);
        let letters = letters.as_array()?.clone();
        (letters.len() == STRANGERS.len() && letters.iter().all(again)).then_some(letters)
    };
    let letters = eventually("what is too old is parked again", WITHIN, letters).await;
    for letter in &letters {
        let detail = letter["detail"].as_str().context("a detail")?;
        ensure!(detail.starts_with("expire_time: "), "{letter}");
    }
    desk.taken(u64::try_from(STRANGERS.len())?).await?;
    let (verdict, _) = desk.finish().await?;
    ensure!(verdict.counts.taken == u64::try_from(STRANGERS.len())?, "{verdict}");
    Ok(())
}
