//! `waypost rules` as a rule writer meets it: what is printed, and with which exit code it ends.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;
use waypost_tests::process::waypost;

const RULES: &str = waypost_tests::two_teams!(
    r#"
[[rules]]
id = "money"
team = "billing"
when = { keyword = ["invoice", "refund*"], not = { tier = "gold" } }
on_unknown = "match"
samples = [{ text = "my invoice" }, { text = "my invoice", tier = "gold", matches = false }]
[[rules]]
id = "never"
team = "frontdesk"
when = { keyword = "invoice", number = "x" }
"#
);

fn run(folder: &Path, words: &[&str], input: &str, code: i32) -> anyhow::Result<Output> {
    let mut command = waypost()?;
    command.current_dir(folder).args(words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("stdin is piped")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(code), "{words:?}: {}, not {code}\n{told}", output.status);
    ensure!(!told.contains("panicked"), "{words:?}: {told}");
    Ok(output)
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A note passes where warnings fail, and what is no TOML says what to type.
#[test]
fn lint_tells_notes_and_slips() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    let noted = RULES.replace("on_unknown = \"match\"\n", "");
    let noted = noted.replace("{ text = \"my invoice\" }", "{ text = \"my invoice\", tier = \"silver\" }");
    std::fs::write(path.join("noted.toml"), noted)?;
    std::fs::write(path.join("pasted.toml"), RULES.replace("team = \"billing\"", "team = “billing”"))?;
    let told = stdout(&run(path, &["rules", "lint", "noted.toml", "--strict"], "", 0)?);
    ensure!(told.starts_with("note: line ") && told.contains("needs import: tier"), "{told}");
    let told = stdout(&run(path, &["rules", "lint", "pasted.toml"], "", 3)?);
    ensure!(told.starts_with("error: line ") && told.contains("type \" instead"), "{told}");
    Ok(())
}

/// `a.toml`, and what differs from it.
fn written() -> anyhow::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let broken = RULES.replace("team = \"billing\"", "team = \"biling\"").replace("not = {", "neither = {");
    let unlike = RULES.replace("text = \"my invoice\" }", "text = \"hello\" }");
    let quiet = RULES.replace("[\"invoice\", \"refund*\"]", "[\"refund*\"]");
    let more = RULES.split("[[rules]]\nid = \"never\"").next().unwrap_or_default();
    let more = more.replacen("team = \"frontdesk\"", "team = \"billing\"", 1).replace("\nwhen", "\npriority = 3\nwhen");
    let files = [("a", RULES), ("broken", &broken), ("unlike", &unlike), ("quiet", &quiet), ("more", &more)];
    for (name, text) in files {
        std::fs::write(folder.path().join(format!("{name}.toml")), text)?;
    }
    Ok(folder)
}

#[test]
fn rules_are_checked_and_tried() -> anyhow::Result<()> {
    let folder = written()?;
    let path = folder.path();
    let lint = json(&run(path, &["rules", "lint", "broken.toml", "--json"], "", 3)?)?;
    let findings = lint.as_array().context("a list")?;
    let fields: Vec<_> = findings.iter().map(|found| (found["line"].as_i64(), found["field"].as_str())).collect();
    assert_eq!(fields, [(Some(17), Some("rules.money.team")), (Some(18), Some("rules.money.when.neither"))]);
    run(path, &["rules", "lint", "missing.toml"], "", 3)?;
    run(path, &["rules", "lint", "a.toml"], "", 0)?;
    let strict = run(path, &["rules", "lint", "unlike.toml", "--strict"], "", 1)?;
    assert!(stdout(&strict).contains("sample 1 expects this rule"), "{}", stdout(&strict));

    run(path, &["rules", "test", "a.toml"], "", 0)?;
    let failed = json(&run(path, &["rules", "test", "unlike.toml", "--json"], "", 1)?)?;
    assert_eq!((&failed["run"], failed["failures"].as_array().map(Vec::len)), (&Value::from(2), Some(1)));

    let inputs = "{\"text\":\"REFUNDS please\"}\n\n{\"text\":\"invoice\",\"tier\":\"gold\"}\n";
    let decided = run(path, &["rules", "decide", "--rules", "a.toml", "--stats"], inputs, 0)?;
    let teams: Vec<Value> = stdout(&decided)
        .lines()
        .map(|line| Ok(serde_json::from_str::<Value>(line)?["team"].take()))
        .collect::<anyhow::Result<_>>()?;
    assert_eq!(teams, ["billing", "frontdesk"]);
    assert!(String::from_utf8_lossy(&decided.stderr).contains("ns per decision"));
    let wrong = run(path, &["rules", "decide", "--rules", "a.toml"], "{\"txt\":1}", 3)?;
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("line 1: unknown field"));
    Ok(())
}

#[test]
fn messages_are_explained() -> anyhow::Result<()> {
    let folder = written()?;
    let path = folder.path();
    let words = ["rules", "explain", "--rules", "a.toml", "--text", "invoice", "--attribute", "tier=gold", "--all"];
    let told = stdout(&run(path, &words, "", 0)?);
    assert!(told.starts_with("frontdesk (normal), by default of phase default: no rule matched"), "{told}");
    assert!(told.contains("✗ not tier is \"gold\"") && told.contains("✗ number is \"x\""), "{told}");
    run(path, &["rules", "explain", "--rules", "a.toml", "--text", "x", "--rule", "none"], "", 3)?;
    let words = ["rules", "explain", "--rules", "a.toml", "--reply", "human", "--open-team", "billing", "--json"];
    let told = json(&run(path, &[&words[..], &["--binding", "held"]].concat(), "", 0)?)?;
    assert_eq!((&told["team"], &told["phase"]), (&Value::from("teams/billing"), &Value::from("bind")), "{told}");
    Ok(())
}

#[test]
fn rules_are_compared() -> anyhow::Result<()> {
    let folder = written()?;
    let path = folder.path();
    run(path, &["rules", "diff", "a.toml", "a.toml"], "", 0)?;
    let differ = json(&run(path, &["rules", "diff", "a.toml", "quiet.toml", "--json"], "", 1)?)?;
    assert_eq!(differ["changed"][0]["parts"], serde_json::json!(["when"]));
    let told = stdout(&run(path, &["rules", "diff", "a.toml", "more.toml"], "", 1)?);
    let lines = [
        "~ rule money",
        "    + priority = 3",
        "- rule never",
        "    - [[rules]]",
        "    - id = \"never\"",
        "    - when = { keyword = [\"invoice\"], number = [\"x\"] }",
        "    - team = \"frontdesk\"",
        "~ default",
        "    - team = \"frontdesk\"",
        "    + team = \"billing\"",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), lines);

    let words = ["rules", "dry-run", "--rules", "quiet.toml", "--against", "a.toml", "--json"];
    let moved = json(&run(path, &words, "{\"text\":\"invoice\"}\n{\"text\":\"refund\"}", 0)?)?;
    assert_eq!((&moved["inputs"], &moved["moved"]), (&Value::from(2), &Value::from(1)));
    assert_eq!(moved["moves"][0]["from"], "billing");
    assert_eq!(moved["moves"][0]["examples"], serde_json::json!([0]));
    let words = &words[..words.len() - 1];
    let told = stdout(&run(path, words, "{\"text\":\"refund\"}\n{\"text\":\"invoice\"}", 0)?);
    let lines = [
        "of 2 inputs, 1 would move",
        "  billing → frontdesk: 1",
        "    input 2",
        "      old  money: keyword \"invoice\", not tier is \"gold\"",
        "      new  default: no rule matched",
    ];
    assert_eq!(told.lines().take(5).collect::<Vec<_>>(), lines);
    run(path, &["rules", "dry-run", "--rules", "a.toml"], "{\"text\":\"x\"}", 3)?;
    Ok(())
}

/// What is for the server alone, with a file, and the other way round; and what says nothing of a message.
#[test]
fn arguments_that_do_not_go_together_are_refused() -> anyhow::Result<()> {
    let folder = written()?;
    for words in [
        &["rules", "dry-run"][..],
        &["rules", "dry-run", "4", "--rules", "a.toml"],
        &["rules", "dry-run", "4", "--inputs", "x.jsonl"],
        &["rules", "dry-run", "--rules", "a.toml", "--base", "3"],
        &["rules", "explain"],
        &["rules", "explain", "--rules", "a.toml", "--decision", "x"],
        &["rules", "explain", "--rules", "a.toml"],
        &["rules", "explain", "--decision", "x", "--language", "pt"],
        &["rules", "explain", "--text", "x", "--binding", "held"],
        &["rules", "explain", "--text", "x", "--open-team", "billing", "--binding", "loosely"],
        &["rules", "explain", "--text", "x", "--at", "tomorrow"],
    ] {
        run(folder.path(), words, "", 2)?;
    }
    Ok(())
}
