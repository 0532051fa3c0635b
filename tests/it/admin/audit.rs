//! The audit log: every change is in it, and whoever alters it is found out.

use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::audit_service_client::AuditServiceClient;

use super::rule_sets::RULES;
use super::server::{AdminServer, teams};
use super::terminal::Terminal;
use crate::database;

#[tokio::test]
async fn changes_are_recorded_and_tampering_is_found() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let publisher = server.caller("publisher").await?;
    let team = v1::Team { title: "Night shift".to_owned(), ..v1::Team::default() };
    let create = v1::CreateTeamRequest { team_id: "night".to_owned(), team: Some(team), ..Default::default() };
    teams(&publisher).create_team(create).await?;
    let delete = v1::DeleteTeamRequest { name: "teams/night".to_owned(), ..Default::default() };
    teams(&publisher).delete_team(delete).await?;

    let audit = AuditServiceClient::new(server.caller("compliance").await?);
    let of_team = v1::ListAuditRecordsRequest { resource: "teams/night".to_owned(), ..Default::default() };
    let records = audit.list_audit_records(of_team).await?.into_inner().audit_records;
    let methods: Vec<&str> = records.iter().map(|record| record.method.as_str()).collect();
    assert_eq!(methods, ["TeamService/DeleteTeam", "TeamService/CreateTeam"]);
    assert!(records[0].before.contains("Night shift") && records[0].after.is_empty(), "{records:?}");
    assert!(records[1].before.is_empty() && records[1].after.contains("Night shift"), "{records:?}");
    assert!(records.iter().all(|record| record.actor.starts_with("tokens/")), "{records:?}");
    assert!(records.iter().all(|record| record.actor_title.is_empty()), "a token without a title: {records:?}");

    let verify = v1::VerifyAuditChainRequest::default();
    let verdict = audit.verify_audit_chain(verify).await?.into_inner();
    // Two tokens, and a team that came and went.
    assert_eq!((verdict.valid, verdict.verified, verdict.next_seq, verdict.head_seq), (true, 4, 0, 4));

    let file = server.data_dir().join("store.db");
    let seq: i64 = records[1].name.trim_start_matches("auditRecords/").parse()?;
    let tamper = format!(
        "DROP TRIGGER audit_no_update;
        UPDATE audit SET actor = 'tokens/somebody' WHERE seq = {seq}"
    );
    database::in_file(&file, &tamper)?;
    let verdict = audit.verify_audit_chain(verify).await?.into_inner();
    assert!(!verdict.valid);
    assert_eq!(verdict.broken_record, records[1].name);
    Ok(())
}

#[tokio::test]
async fn people_are_named_where_their_tokens_are() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let (name, secret) = server.token(&["--role", "publisher", "--role", "compliance", "--title", "Kim, platform"])?;
    let kim = Terminal::with_secret(&server, "kim", &secret)?;
    kim.json(&["teams", "create", "night"])?;
    let file = server.file("first.toml", RULES)?;
    for words in [&["rules", "push", file.as_str()][..], &["rules", "check", "1"], &["rules", "activate", "1"]] {
        let shown = String::from_utf8(kim.run(words)?.stdout)?;
        assert!(!shown.contains(&name), "{words:?}: {shown}");
    }
    for (words, field) in [
        (&["audit", "list", "--resource", "teams/night"][..], "actor"),
        (&["rules", "list"], "creator"),
        (&["rules", "history"], "creator"),
    ] {
        let listed = kim.json(words)?;
        assert_eq!(
            (&listed[0][field], &listed[0][format!("{field}_title")]),
            (&name.as_str().into(), &"Kim, platform".into())
        );
        let shown = String::from_utf8(kim.run(words)?.stdout)?;
        assert!(shown.contains("Kim, platform") && !shown.contains(&name), "{words:?}: {shown}");
    }
    // What is chained is what cannot change: the title is not among it.
    let record = &kim.json(&["audit", "list", "--resource", "ruleSets/1"])?[0];
    assert!(!record["after"].to_string().contains("Kim"), "{record}");
    assert_eq!(kim.json(&["audit", "verify"])?["valid"], true);
    Ok(())
}
