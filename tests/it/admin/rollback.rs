//! Going back, step by step, and to a revision that is named.

use anyhow::ensure;
use serde_json::{Value, json};
use tonic::Code;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::rule_set_service_client::RuleSetServiceClient;

use super::server::{AdminServer, told};
use super::terminal::Terminal;

/// Versions 1, 2 and 3 are there, and were put in force in this order.
async fn start() -> anyhow::Result<AdminServer> {
    let server = AdminServer::start_without_rules().await?;
    let publisher = Terminal::new(&server, "publisher")?;
    for word in ["invoice", "bill", "receipt"] {
        let rule = format!("[[rules]]\nid = \"money\"\nteam = \"billing\"\nwhen = {{ keyword = [\"{word}\"] }}\n");
        let file = server.file(&format!("{word}.toml"), &format!("{}{rule}", waypost_tests::two_teams!()))?;
        let pushed = publisher.json(&["rules", "push", &file])?;
        let name = pushed["rule_set"]["name"].as_str().unwrap_or_default();
        publisher.json(&["rules", "activate", name])?;
    }
    Ok(server)
}

/// Revision, active version and where it went back to.
fn place(activation: &Value) -> [&str; 3] {
    ["revision", "active", "rolled_back_to"].map(|field| activation[field].as_str().unwrap_or_default())
}

#[tokio::test]
async fn going_back_again_goes_further_back() -> anyhow::Result<()> {
    let server = start().await?;
    let publisher = Terminal::new(&server, "publisher")?;
    let tried = publisher.json(&["rules", "rollback", "--validate-only"])?;
    assert_eq!(place(&tried), ["4", "ruleSets/2", "2"]);
    let told = publisher.run(&["rules", "rollback"])?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let lines = ["active    ruleSets/3 → ruleSets/2", "revision  3 → 4", "reason    back to revision 2"];
    assert_eq!(told.lines().collect::<Vec<_>>(), lines);
    let steps: [(&[&str], [&str; 3]); 5] = [
        (&[], ["5", "ruleSets/1", "1"]),
        (&["--to", "3"], ["6", "ruleSets/3", "3"]),
        (&[], ["7", "ruleSets/2", "2"]),
        // The revision that is named went back itself.
        (&["--to", "5", "--reason", "it was better"], ["8", "ruleSets/1", "1"]),
        (&["--to", "2"], ["9", "ruleSets/2", "2"]),
    ];
    for (words, expected) in steps {
        let back = publisher.json(&[&["rules", "rollback"], words].concat())?;
        assert_eq!(place(&back), expected, "{words:?}");
    }
    let reasons: Vec<Value> = match publisher.json(&["rules", "history"])? {
        Value::Array(changes) => changes.iter().take(3).map(|change| change["reason"].clone()).collect(),
        other => vec![other],
    };
    assert_eq!(reasons, ["back to revision 2", "it was better", "back to revision 2"]);

    // What comes anew stands above it all, and what is said twice is one step.
    publisher.json(&["rules", "activate", "3", "--trial", "1", "--percent", "10"])?;
    publisher.json(&["rules", "activate", "3"])?;
    publisher.json(&["rules", "activate", "3"])?;
    let back = publisher.json(&["rules", "rollback"])?;
    assert_eq!((place(&back), &back["trial"]["percent"]), (["13", "ruleSets/3", "10"], &json!(10)), "the trial again");
    assert_eq!(place(&publisher.json(&["rules", "rollback"])?), ["14", "ruleSets/2", "2"]);
    assert_eq!(place(&publisher.json(&["rules", "rollback"])?), ["15", "ruleSets/1", "1"]);
    let cases: [(&[&str], i32, &str); 5] = [
        (&[], 1, "nothing to go back to"),
        (&["--to", "99"], 1, "revision 99 does not exist"),
        (&["--to", "1"], 1, "is in force"),
        (&["--to=-1"], 3, "to_revision"),
        (&["--to", "2", "--etag", "14"], 1, "etag"),
    ];
    for (words, code, refusal) in cases {
        let refused = publisher.fails(&[&["rules", "rollback"], words].concat(), code)?;
        ensure!(refused.contains(refusal), "{words:?}: {refused}");
    }
    assert_eq!(publisher.json(&["rules", "active"])?["revision"], "15");
    Ok(())
}

/// A client that got no answer asks again; it must not be two steps back then, nor refused at the foot of the ladder.
#[tokio::test]
async fn the_same_request_goes_back_once() -> anyhow::Result<()> {
    let server = start().await?;
    let client = RuleSetServiceClient::new(server.caller("publisher").await?);
    let last = v1::RollBackActivationRequest { to_revision: 1, ..Default::default() };
    let request_id = "0192f0a0-0000-7000-8000-000000000006".to_owned();
    let request = v1::RollBackActivationRequest { request_id, ..last.clone() };
    let first = client.roll_back_activation(request.clone()).await?.into_inner();
    let revision = |activation: &Option<v1::Activation>| activation.as_ref().map(|activation| activation.revision);
    assert_eq!((revision(&first.previous), revision(&first.activation)), (Some(3), Some(4)));
    let again = client.roll_back_activation(request).await?.into_inner();
    assert_eq!(again, first);
    let refused = client.roll_back_activation(last).await.expect_err("it is in force");
    assert_eq!((refused.code(), told(&refused)), (Code::FailedPrecondition, vec!["IN_FORCE_ALREADY".to_owned()]));
    Ok(())
}
