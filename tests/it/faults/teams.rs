//! Faults on the teams' side: a team that reads nothing, a team that is not there, rules that change all the time. 15,
//! 16 and 24.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use waypost_ledger::Ledger;

use super::run::{RULES, Run};
use super::{Scale, last};
use crate::deployment::{Backend, Deployment};

const DEADLINE: Duration = Duration::from_secs(60);
const RULES_EVERY: Duration = Duration::from_millis(50);

#[tokio::test]
async fn fault_15_absent_team() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let deployment = Deployment::new(Backend::Servers, RULES)?.set("router.full_queue_patience_ms", "100");
    let _waypost = deployment.start().await?;
    let definition = r#"{"max-length": 20, "overflow": "reject-publish"}"#;
    let servers = deployment.servers().context("servers")?;
    servers.ctl(&["set_policy", "small", r"^team\.(billing|support)\.", definition, "--priority", "100"])?;
    let mut run = Run::start("15 absent team", &deployment)?;
    run.accepted(scale.pick(600, 6_000)).await;
    servers.ctl(&["clear_policy", "small"])?;
    run.healed().await?;
    let (verdict, ledger) = run.finish().await?;
    ensure!(verdict.counts.diverted > 0, "{verdict}");
    only_these_were_diverted(&ledger, &["billing", "support"])
}

#[tokio::test]
async fn fault_16_unknown_team() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    // Without an overflow team: to nobody.
    let rules: String =
        RULES.lines().filter(|line| !line.starts_with("overflow_team")).flat_map(|line| [line, "\n"]).collect();
    let deployment = Deployment::new(Backend::Servers, &rules)?;
    deployment.start().await?.terminate(DEADLINE).await?;
    let servers = deployment.servers().context("servers")?;
    for queue in ["team.support.normal", "team.support.urgent"] {
        servers.ctl(&["delete_queue", queue])?;
    }
    // Nobody declares them again.
    let deployment = deployment.set("bus.declare", "false");
    let _waypost = deployment.start().await?;
    let mut run = Run::start("16 unknown team", &deployment)?;
    run.accepted(scale.pick(300, 3_000)).await;
    let declared = deployment.command(&["topology", "declare"])?.output()?;
    ensure!(declared.status.success(), "{declared:?}");
    run.healed().await?;
    run.accepted(200).await;
    let (verdict, ledger) = run.finish().await?;
    ensure!(verdict.counts.diverted > 0, "{verdict}");
    ensure!(ledger.deliveries.iter().any(|delivery| delivery.queue == "team.support.normal"), "nothing after healing");
    only_these_were_diverted(&ledger, &["support"])
}

/// The others have not noticed.
fn only_these_were_diverted(ledger: &Ledger, teams: &[&str]) -> anyhow::Result<()> {
    for delivery in ledger.deliveries.iter().filter(|delivery| delivery.diverted.is_some()) {
        let team = delivery.routing.as_ref().and_then(|routing| routing.team.as_deref()).unwrap_or_default();
        ensure!(teams.contains(&team), "a message for {team} is on {}", delivery.queue);
    }
    Ok(())
}

#[tokio::test]
async fn fault_24_rules_change_all_the_time() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let deployment = Deployment::new(Backend::Servers, RULES)?;
    let _waypost = deployment.start().await?;
    let mut run = Run::start("24 rules changing", &deployment)?;
    let versions: Vec<String> = ["frontdesk", "support", "people", "billing"]
        .map(|team| RULES.replacen("team = \"frontdesk\"", &format!("team = \"{team}\""), 1))
        .to_vec();
    run.ledger.rule_sets.clone_from(&versions);
    let mut texts = versions;
    // Refused as a whole: the old rules stay.
    texts.insert(1, RULES.replacen("team = \"frontdesk\"", "team = \"nobody\"", 1));
    texts.insert(3, RULES[..RULES.floor_char_boundary(RULES.len() / 2)].to_owned() + "[[");
    let file = deployment.rules_file();
    let mut changing = JoinSet::new();
    changing.spawn(async move {
        let beside = file.with_extension("new");
        for text in texts.iter().cycle() {
            std::fs::write(&beside, text)?;
            std::fs::rename(&beside, &file)?;
            tokio::time::sleep(RULES_EVERY).await;
        }
        anyhow::Ok(())
    });
    last(scale.seconds(6, 120)).await;
    ensure!(changing.try_join_next().is_none(), "the rules could not be written");
    changing.shutdown().await;
    run.healed().await?;
    let (_, ledger) = run.finish().await?;
    let decided = ledger.store.iter().flat_map(|store| &store.decisions).filter_map(|one| one.outcome.as_ref());
    let used: std::collections::BTreeSet<_> = decided.map(|outcome| &outcome.rule_set).collect();
    ensure!(used.len() > 1, "one version only: {used:?}");
    Ok(())
}
