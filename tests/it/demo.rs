//! `waypost demo`, as a stranger meets it: what it prints, that it ends, and that what it shows of the way in and the way out
//! is true.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use waypost_sandbox::SandboxConfig;

use crate::cli::{expect, stdout, with_arguments};

/// What a demo of so many messages ends with.
fn summary(messages: &str) -> anyhow::Result<Value> {
    let output = expect(with_arguments(&["demo", "--messages", messages, "--rate", "0", "--json"])?, 0)?;
    serde_json::from_str(&stdout(&output)).with_context(|| stdout(&output))
}

#[test]
fn a_demo_ends_and_sums_up() -> anyhow::Result<()> {
    let summary = summary("50")?;
    ensure!(summary["accepted"] == 50 && summary["routed"] == 50, "{summary}");
    ensure!(summary["duplicates"].is_u64() && summary["repeated"] == 0, "{summary}");
    let by_team = summary["by_team"].as_object().context("by_team")?;
    let total: u64 = by_team.values().filter_map(Value::as_u64).sum();
    ensure!(total == 50, "{summary}");
    for percentile in ["p50", "p99"] {
        ensure!(summary["latency_ms"][percentile].as_f64().is_some_and(|millis| millis > 0.0), "{summary}");
    }
    Ok(())
}

/// Of 60 messages a third are of customers who are answered. One of these takes back their consent: an offer that is asked for
/// afterwards is refused. To another one WhatsApp lets no answer go; once more asked for, the template goes instead.
#[test]
fn a_demo_answers_and_keeps_to_the_rules() -> anyhow::Result<()> {
    let summary = summary("60")?;
    ensure!(summary["accepted"] == 60 && summary["routed"] == 60 && summary["repeated"] == 0, "{summary}");
    let wanted = json!({
        "sent": 22, "accepted": 20, "delivered": 20, "read": 20,
        "refused_by_rule": {"consent_withdrawn": 1}, "failed_by_code": {"131047": 1},
        "substituted": 1, "uncertain": 0, "sent_twice": 0,
    });
    ensure!(summary["answers"] == wanted, "{summary}");
    Ok(())
}

#[test]
fn the_shortest_demos_end() -> anyhow::Result<()> {
    for messages in ["1", "2"] {
        let summary = summary(messages)?;
        ensure!(summary["routed"] == messages.parse::<u64>()?, "{summary}");
    }
    Ok(())
}

#[test]
fn a_demo_shows_each_message_and_a_summary() -> anyhow::Result<()> {
    let shown = stdout(&expect(with_arguments(&["demo", "--messages", "20", "--rate", "0"])?, 0)?);
    ensure!(shown.lines().count() > 20 && shown.contains("frontdesk"), "{shown}");
    ensure!(shown.contains("accepted 20   routed 20   routed again 0   sent again by the platform "), "{shown}");
    for outcome in ["— read\n", "— consent withdrawn\n", "— refused (consent_withdrawn)\n", "— failed (131047)\n"]
    {
        ensure!(shown.contains(outcome), "{outcome}: {shown}");
    }
    ensure!(shown.contains("— read, as template\n"), "{shown}");
    let customers = SandboxConfig::new("", "").customer_aliases();
    let phones = customers.iter().filter_map(|aliases| aliases.phone.as_deref());
    // Those who are answered have numbers of this form, too.
    ensure!(phones.clone().all(|phone| !shown.contains(phone)) && !shown.contains("0001000"), "{shown}");
    Ok(())
}
