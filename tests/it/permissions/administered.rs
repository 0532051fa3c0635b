//! Each verb that asks the administration, and those of the tokens: what they read and write is theirs to do.

use anyhow::{Context, ensure};

use super::scene::Scene;

const RULE: &str = "[[rules]]\nid = \"vouchers\"\nteam = \"billing\"\nwhen = { keyword = [\"voucher\"] }\n";
const NIGHT: &str = "[[calendars]]\nname = \"night\"\nzone = \"Europe/Lisbon\"\nhours = []\n";
const HOLIDAYS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n\
    BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261225\r\nSUMMARY:Navidad\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
/// The customer and the number of the samples.
const PHONE: &str = "15550001111";
const PHONE_NUMBER_ID: &str = "100000000000001";

pub(super) fn everything(scene: &mut Scene) -> anyhow::Result<()> {
    teams_and_numbers(scene)?;
    contacts_and_decisions(scene)?;
    rules(scene)?;
    calendars(scene)?;
    tokens(scene)?;
    sending(scene)?;
    let to = format!("+{PHONE}");
    scene.run_ok(&["contacts", "erase", &to])?;
    scene.run_ok(&["audit", "list"])?;
    scene.run_ok(&["audit", "verify"])?;
    // What waits in the teams' queues is told by whoever may read nothing of it.
    scene.run_ok(&["topology", "definitions"])?;
    // Meta is asked nothing there.
    scene.run_ok(&["doctor", "--set", "ingress.provider=360dialog"])?;
    scene.run_ok(&["status"]).map(drop)
}

/// Whether there is something to send or not: it is about what is denied.
fn sending(scene: &mut Scene) -> anyhow::Result<()> {
    let policy = scene.file("policy.toml");
    std::fs::write(&policy, scene.run_ok(&["policy", "show", "--text"])?)?;
    let to = format!("+{PHONE}");
    scene.run_ok(&["policy", "history"])?;
    scene.run_ok(&["templates", "list"])?;
    let template = "templates/7/order_update/es";
    let conversation = format!("conversations/{}", "0".repeat(32));
    for words in [
        &["policy", "set", &policy][..],
        &["templates", "show", template],
        &["templates", "sync"],
        &["templates", "preview", template],
        &["consent", "grant", &to, "--category", "marketing", "--source", "checkout"],
        &["consent", "show", &to],
        &["consent", "withdraw", &to, "--source", "a call"],
        &["consent", "dismiss", &to, "--source", "read the message"],
        &["consent", "history", &to],
        &["consent", "audience", "--category", "marketing"],
        &["contacts", "export", &to],
        &["send", "It comes today", "--to", &to, "--number", "support", "--id", "one"],
        &["messages", "list", "--contact", &to],
        &["messages", "show", "one"],
        &["messages", "cancel", "one"],
        &["messages", "resend", "one", "--id", "two"],
        &["messages", "read", "wamid.A", "--number", "support"],
        &["conversations", "list"],
        &["conversations", "show", &conversation],
        &["conversations", "set-ref", &conversation, "crm", "7"],
        &["conversations", "delete-ref", &conversation, "crm"],
        &["media", "download", "wamid.A", "--number", "support", "--output", "-"],
        &["media", "upload", &policy, "--number", "support"],
        &["campaigns", "create", "winter", "--number", "support", "--template", "offer"],
        &["campaigns", "add", "winter", "--everybody", "--value", "Ann"],
        &["campaigns", "list"],
        &["campaigns", "show", "winter"],
        &["campaigns", "recipients", "winter"],
        &["campaigns", "start", "winter"],
        &["campaigns", "pause", "winter"],
        &["campaigns", "resume", "winter"],
        &["campaigns", "cancel", "winter"],
        &["campaigns", "delete", "winter"],
    ] {
        scene.attempt(words)?;
    }
    Ok(())
}

fn teams_and_numbers(scene: &mut Scene) -> anyhow::Result<()> {
    let made = scene.json(&["teams", "create", "first"])?;
    ensure!(made["state"] == "TEAM_STATE_ACTIVE", "its queues are created under the administration's user: {made}");
    scene.run_ok(&["teams", "get", "first"])?;
    scene.run_ok(&["teams", "list"])?;
    scene.run_ok(&["teams", "update", "first", "--title", "First"])?;
    scene.run_ok(&["teams", "delete", "first"])?;
    scene.run_ok(&["numbers", "list"])?;
    scene.run_ok(&["numbers", "set", "support", PHONE_NUMBER_ID, "--language", "es"])?;
    scene.run_ok(&["numbers", "get", "support"]).map(drop)
}

fn contacts_and_decisions(scene: &mut Scene) -> anyhow::Result<()> {
    let csv = scene.file("crm.csv");
    std::fs::write(&csv, format!("phone,tier\n{PHONE},gold\n15550003333,silver\n"))?;
    scene.run_ok(&["contacts", "import", &csv])?;
    let contact = scene.json(&["contacts", "get", "--phone", "15550003333"])?;
    let name = contact["name"].as_str().context("a name")?;
    // It claims to be nobody else, and nobody was merged into it.
    scene.run_ok(&["contacts", "confirm", name])?;
    scene.run(&["contacts", "refuse", name], 3)?;
    let told = scene.run(&["contacts", "split", name], 1)?;
    ensure!(!told.contains("Internal"), "{told}");
    let decisions = scene.json(&["decisions", "list", "--limit", "1"])?;
    let decision = decisions[0]["name"].as_str().context("a decision")?;
    scene.run_ok(&["trace", decision])?;
    scene.run_ok(&["decisions", "get", decision]).map(drop)
}

fn rules(scene: &mut Scene) -> anyhow::Result<()> {
    let rule = scene.file("rule.toml");
    std::fs::write(&rule, RULE)?;
    let decisions = scene.json(&["decisions", "list", "--limit", "500"])?;
    let routed = decisions.as_array().into_iter().flatten().find(|decision| decision["rule"] != "");
    let decision = routed.and_then(|decision| decision["name"].as_str()).context("a routed message")?.to_owned();
    for words in [
        &["rules", "check", "1"][..],
        &["rules", "create-rule", &rule, "--base", "1"],
        &["rules", "update-rule", "vouchers", "--base", "2", "--priority", "7"],
        &["rules", "get-rule", "vouchers", "--base", "3"],
        &["rules", "list-rules", "--base", "3"],
        &["rules", "delete-rule", "vouchers", "--base", "3"],
        &["rules", "list"],
        &["rules", "get", "2"],
        &["rules", "dry-run", "2"],
        &["rules", "explain", "--text", "my invoice"],
        &["rules", "explain", "--decision", &decision],
        &["rules", "coverage", "1"],
        &["rules", "compare", "2", "--base", "1"],
        &["rules", "activate", "2"],
        &["rules", "activate", "2", "--trial", "1", "--percent", "10"],
        &["rules", "trial", "end"],
        &["rules", "shadow", "1"],
        &["rules", "shadow", "none"],
        &["rules", "rollback"],
        &["rules", "active"],
        &["rules", "history"],
    ] {
        scene.run_ok(words)?;
    }
    // They differ, which is exit code 1.
    scene.run(&["rules", "diff", "1", "2"], 1).map(drop)
}

fn calendars(scene: &mut Scene) -> anyhow::Result<()> {
    let (night, ics) = (scene.file("night.toml"), scene.file("holidays.ics"));
    std::fs::write(&night, NIGHT)?;
    std::fs::write(&ics, HOLIDAYS)?;
    let import = ["calendars", "import", &ics, "--calendar", "office", "--years", "2026", "--base", "1"];
    scene.run_ok(&import)?;
    let set = scene.json(&["calendars", "set", &night, "--base", "1"])?;
    let name = set["calendar"]["name"].as_str().context("a name")?;
    let version = name.split('/').nth(1).context("a version")?;
    scene.run_ok(&["calendars", "list", "--base", version])?;
    scene.run_ok(&["calendars", "get", "night", "--base", version])?;
    scene.run_ok(&["calendars", "delete", "night", "--base", version]).map(drop)
}

fn tokens(scene: &mut Scene) -> anyhow::Result<()> {
    let made = scene.json(&["token", "create", "--role", "viewer"])?;
    let name = made["name"].as_str().context("a name")?;
    for words in [&["token", "list"][..], &["token", "get", name], &["token", "revoke", name]] {
        scene.run_ok(words)?;
    }
    Ok(())
}
