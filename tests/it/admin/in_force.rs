//! What whoever puts versions in force is told: that a file decides instead, that samples fail, that a trial goes on, and
//! out of which version a new one was made.

use anyhow::ensure;
use serde_json::Value;

use super::server::AdminServer;
use super::terminal::Terminal;

const TEAMS: &str = waypost_tests::two_teams!();

fn rules(word: &str, more: &str) -> String {
    format!("{TEAMS}[[rules]]\nid = \"money\"\nteam = \"billing\"\nwhen = {{ keyword = [\"{word}\"] }}\n{more}")
}

fn push(server: &AdminServer, publisher: &Terminal<'_>, word: &str, more: &str) -> anyhow::Result<String> {
    let pushed = publisher.json(&["rules", "push", &server.file(&format!("{word}.toml"), &rules(word, more))?])?;
    Ok(pushed["rule_set"]["name"].as_str().unwrap_or_default().to_owned())
}

/// What it prints, and what it notes; it must succeed.
fn told(terminal: &Terminal<'_>, words: &[&str]) -> anyhow::Result<(String, String)> {
    let output = terminal.run(words)?;
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    ensure!(output.status.success(), "{words:?}: {out}{err}");
    Ok((out, err))
}

#[tokio::test]
async fn where_a_file_decides_no_activation_claims_to() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let publisher = Terminal::new(&server, "publisher")?;
    let active = publisher.json(&["rules", "active"])?;
    ensure!(active["rules_file"].as_str().is_some_and(|file| file.ends_with("rules.toml")), "{active}");
    push(&server, &publisher, "bill", "")?;
    push(&server, &publisher, "receipt", "")?;
    let refused: [&[&str]; 3] = [
        &["rules", "activate", "1"],
        &["rules", "activate", "1", "--validate-only"],
        &["rules", "activate", "1", "--trial", "2", "--percent", "10"],
    ];
    let decides = |told: &str| told.contains("rules.toml decides") && told.contains("take rules.file out");
    for words in refused {
        let refusal = publisher.fails(words, 1)?;
        ensure!(decides(&refusal) && refusal.contains("--force"), "{words:?}: {refusal}");
    }
    ensure!(publisher.fails(&["rules", "shadow", "2"], 1)?.contains("rules.toml decides"), "nothing is active");
    for version in ["1", "2"] {
        let (_, warned) = told(&publisher, &["rules", "activate", version, "--force"])?;
        ensure!(decides(&warned), "{warned}");
    }
    let refusal = publisher.fails(&["rules", "shadow", "1"], 1)?;
    ensure!(decides(&refusal) && refusal.contains("in the shadow"), "{refusal}");
    ensure!(decides(&publisher.fails(&["rules", "rollback"], 1)?), "a step back decides nothing either");
    let (shown, _) = told(&publisher, &["rules", "active"])?;
    ensure!(shown.lines().next().is_some_and(|first| first.contains("rules.toml decides")), "{shown}");
    ensure!(shown.contains("ruleSets/2"), "{shown}");
    let (status, _) = told(&publisher, &["status"])?;
    ensure!(status.contains("rules.toml decides"), "{status}");

    // What decides answers: "invoice" is the file's word.
    let explained = publisher.json(&["rules", "explain", "--text", "my invoice"])?;
    assert_eq!(explained["team"], "teams/billing", "{explained}");
    let of_version = publisher.json(&["rules", "explain", "--text", "my invoice", "--rule-set", "2"])?;
    assert_eq!(of_version["team"], "teams/frontdesk", "{of_version}");
    for words in [&["rules", "coverage"][..], &["rules", "compare", "1"]] {
        let refusal = publisher.fails(words, 1)?;
        ensure!(refusal.contains("rules.toml decides"), "{words:?}: {refusal}");
    }
    told(&publisher, &["rules", "activate", "1", "--trial", "2", "--percent", "10", "--force"])?;
    let (ended, warned) = told(&publisher, &["rules", "trial", "end"])?;
    ensure!(ended.contains("trial     ruleSets/2 for 10 % → none") && decides(&warned), "{ended}{warned}");
    for (words, what) in
        [(["trial", "end"], "no trial to end"), (["shadow", "end"], "no version decides in the shadow")]
    {
        let refusal = publisher.fails(&[&["rules"], &words[..]].concat(), 1)?;
        ensure!(refusal.contains(what) && refusal.contains("rules.toml decides"), "{words:?}: {refusal}");
    }
    assert_eq!(publisher.json(&["status"])?["rules_file"], active["rules_file"]);
    Ok(())
}

#[tokio::test]
async fn a_version_whose_samples_fail_is_activated_by_force_alone() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let publisher = Terminal::new(&server, "publisher")?;
    push(&server, &publisher, "bill", "")?;
    let sample = "samples = [{ text = \"hello\" }, { text = \"good day\" }]\n";
    push(&server, &publisher, "receipt", sample)?;
    publisher.json(&["rules", "activate", "1"])?;
    let refused: [&[&str]; 3] = [
        &["rules", "activate", "2"],
        &["rules", "activate", "2", "--validate-only"],
        &["rules", "activate", "1", "--trial", "2", "--percent", "10"],
    ];
    for words in refused {
        let refusal = publisher.fails(words, 1)?;
        ensure!(refusal.contains("ruleSets/2: rule money, sample 1 expects"), "{words:?}: {refusal}");
        ensure!(refusal.contains("2 samples fail") && refusal.contains("--force"), "{words:?}: {refusal}");
    }
    let (_, warned) = told(&publisher, &["rules", "activate", "2", "--force"])?;
    ensure!(warned.contains("ruleSets/2: ") && warned.contains("sample 2 expects"), "{warned}");
    // It decides already, and going back to it is nobody's mistake to make anew.
    publisher.json(&["rules", "activate", "2"])?;
    publisher.json(&["rules", "activate", "1"])?;
    assert_eq!(publisher.json(&["rules", "rollback"])?["active"], "ruleSets/2");
    Ok(())
}

/// A file alone does not show that no contact has it so.
#[tokio::test]
async fn what_no_contact_has_is_said_by_activation_too() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let publisher = Terminal::new(&server, "publisher")?;
    let contacts = server.file("contacts.csv", "phone,tier\n15550000021,gold\n")?;
    Terminal::new(&server, "editor")?.json(&["contacts", "import", &contacts])?;
    let more = "[[rules]]\nid = \"vip\"\nteam = \"billing\"\nwhen = { tier = \"Gold\" }\n";
    push(&server, &publisher, "bill", more)?;
    let warning = "tier \"Gold\": contacts have \"gold\"";
    let (checked, _) = told(&publisher, &["rules", "check", "1"])?;
    ensure!(checked.contains(warning), "{checked}");
    let (_, warned) = told(&publisher, &["rules", "activate", "1"])?;
    ensure!(warned.contains("warning: ruleSets/1: line ") && warned.contains(warning), "{warned}");
    Ok(())
}

#[tokio::test]
async fn going_back_to_a_trial_says_whom_it_decides_for() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let publisher = Terminal::new(&server, "publisher")?;
    push(&server, &publisher, "bill", "")?;
    push(&server, &publisher, "receipt", "")?;
    publisher.json(&["rules", "activate", "1"])?;
    let (_, begun) = told(&publisher, &["rules", "activate", "1", "--trial", "2", "--percent", "10"])?;
    ensure!(!begun.contains("still decides"), "{begun}");
    publisher.json(&["rules", "activate", "2"])?;
    let (_, back) = told(&publisher, &["rules", "rollback"])?;
    ensure!(back.contains("ruleSets/2 still decides for 10 %: `waypost rules rollback` again"), "{back}");
    ensure!(back.contains("waypost rules trial end"), "{back}");
    let (_, further) = told(&publisher, &["rules", "rollback"])?;
    ensure!(!further.contains("still decides"), "{further}");
    Ok(())
}

#[tokio::test]
async fn a_new_version_is_made_out_of_the_active_one() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let publisher = Terminal::new(&server, "publisher")?;
    push(&server, &publisher, "bill", "")?;
    let update = ["rules", "update-rule", "money", "--title"];
    let (_, noted) = told(&publisher, &[&update[..], &["none is active"]].concat())?;
    ensure!(noted.contains("from ruleSets/1, the newest; none is active"), "{noted}");
    publisher.json(&["rules", "activate", "1"])?;

    // A draft with errors is the newest.
    let broken = format!(
        "{}[[rules]]\nid = \"other\"\nteam = \"nowhere\"\nwhen = {{ keyword = \"x\" }}\n",
        rules("receipt", "")
    );
    let kept = publisher.run(&["rules", "push", "--allow-errors", &server.file("broken.toml", &broken)?])?;
    assert_eq!(kept.status.code(), Some(1), "{kept:?}");
    let (made, noted) = told(&publisher, &[&update[..], &["Money"]].concat())?;
    ensure!(noted.contains("from ruleSets/1, the active version; ruleSets/3 is newer, and --base 3"), "{noted}");
    ensure!(made.contains("ruleSets/4 has the change; waypost rules activate"), "{made}");
    let listed = publisher.json(&["rules", "list-rules"])?;
    let ids: Vec<&Value> = listed.as_array().into_iter().flatten().map(|rule| &rule["name"]).collect();
    assert_eq!(ids, ["ruleSets/1/rules/money"], "{listed}");
    let (_, noted) = told(&publisher, &["calendars", "list"])?;
    ensure!(noted.contains("from ruleSets/1"), "{noted}");

    let output = publisher.run(&[&update[..], &["Money", "--base", "3"]].concat())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    ensure!(said.contains("cannot be activated") && !said.contains("puts it in force"), "{said}");
    Ok(())
}
