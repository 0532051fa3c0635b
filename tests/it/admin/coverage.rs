//! Which rules are hit, and how far that was looked for.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use waypost_tests::eventually;

use super::commands::post;
use super::server::AdminServer;
use super::terminal::Terminal;

const WITHIN: Duration = Duration::from_secs(20);

const RULES: &str = waypost_tests::two_teams!(
    r#"
[[rules]]
id = "invoices"
team = "billing"
when = { keyword = ["invoice"] }

[[rules]]
id = "refunds"
team = "billing"
when = { keyword = ["refund"] }

[[rules]]
id = "off"
enabled = false
team = "billing"
when = { keyword = ["bill"] }

[[rules]]
id = "polite"
phase = "decorate"
tags = ["polite"]
when = { keyword = ["please"] }
"#
);

struct Scene<'a> {
    server: &'a AdminServer,
    publisher: Terminal<'a>,
    viewer: Terminal<'a>,
}

impl Scene<'_> {
    fn activate(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let file = self.server.file(name, text)?;
        let pushed = self.publisher.json(&["rules", "push", &file])?;
        self.publisher.json(&["rules", "activate", pushed["rule_set"]["name"].as_str().context("a name")?])?;
        Ok(())
    }

    /// Posts a message; gives the decision.
    async fn decide(&self, wamid: &str, text: &str) -> anyhow::Result<Value> {
        post(self.server, wamid, text).await?;
        let get = ["decisions", "get", wamid];
        Ok(eventually("the decision is there", WITHIN, async || self.viewer.json(&get).ok()).await)
    }

    fn rules(&self, words: &[&str]) -> anyhow::Result<(Value, Vec<Value>)> {
        let told = self.viewer.json(&[&["rules", "coverage"], words].concat())?;
        let rules = told["rules"].as_array().context("a list")?.clone();
        Ok((told, rules))
    }
}

#[tokio::test]
async fn rules_that_nothing_hits_are_named() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let terminal = |role| Terminal::new(&server, role);
    let scene = Scene { server: &server, publisher: terminal("publisher")?, viewer: terminal("viewer")? };
    assert!(scene.viewer.fails(&["rules", "coverage"], 1)?.contains("no version is active"));
    scene.activate("one.toml", RULES)?;

    let (told, rules) = scene.rules(&[])?;
    assert_eq!((&told["messages"], &told["since_time"], &told["complete"]), (&json!("0"), &json!(null), &json!(true)));
    assert!(rules.iter().all(|rule| rule["young"] == true && rule["in_force_since_time"].is_string()), "{told}");

    let first = scene.decide("wamid.1", "my invoice, please").await?;
    assert_eq!(first["rule"], "invoices");
    scene.decide("wamid.2", "and please hurry").await?;
    let (told, rules) = scene.rules(&["1"])?;
    let seen = |rules: &[Value]| -> Vec<Value> {
        rules.iter().map(|rule| json!([rule["rule"], rule["hits"], rule["unused"]])).collect()
    };
    let hits = [json!(["invoices", "1", false]), json!(["refunds", "0", true]), json!(["off", "0", false])];
    assert_eq!(seen(&rules[..3]), hits, "{told}");
    assert_eq!(seen(&rules[3..]), [json!(["polite", "2", false])], "the open conversation's message counts too");
    assert_eq!((&told["messages"], &told["since_time"]), (&json!("2"), &first["receive_time"]), "{told}");
    assert_eq!(rules[0]["last_hit_time"], first["receive_time"]);

    // What stays word for word keeps its hits; what is changed begins anew.
    scene.activate("two.toml", &RULES.replace("[\"please\"]", "[\"thanks\"]"))?;
    let (told, rules) = scene.rules(&[])?;
    assert_eq!((&told["name"], &told["messages"]), (&json!("ruleSets/2"), &json!("2")));
    assert_eq!(seen(&rules), [&hits[..], &[json!(["polite", "0", true])]].concat(), "{told}");
    assert_eq!(told["unknown_version_messages"], "0");
    assert_ne!(rules[3]["in_force_since_time"], rules[0]["in_force_since_time"], "{told}");

    let shown = scene.viewer.run(&["rules", "coverage", "--days", "7"])?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("2 messages looked at since") && shown.contains("all that is stored"), "{shown}");
    assert!(shown.contains("2 rules were not hit for 7 days; 2 of them are younger"), "{shown}");
    assert!(shown.contains("refunds") && !shown.contains("invoices"), "{shown}");

    // One message of each partition at most: the older of the customer's two is not seen, and that is said.
    let (told, _) = scene.rules(&["--messages", "1"])?;
    assert_eq!((&told["messages"], &told["complete"]), (&json!("1"), &json!(false)), "{told}");
    for (words, code, field) in [
        (["--days", "4000"], 3, "days: "),
        (["--messages", "500001"], 3, "messages: "),
        (["x", "--all"], 3, "name: "),
        (["9", "--all"], 1, "ruleSets/9"),
    ] {
        let said = scene.viewer.fails(&[&["rules", "coverage"], &words[..]].concat(), code)?;
        assert!(said.contains(field), "{words:?}: {said}");
    }
    Ok(())
}
