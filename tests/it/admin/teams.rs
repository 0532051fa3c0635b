//! Teams over gRPC, and what the router makes of them.

use std::time::Duration;

use prost_types::FieldMask;
use serde_json::Value;
use tonic::Code;
use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};
use waypost_proto::admin_v1 as v1;
use waypost_tests::eventually;
use waypost_tests::process::waypost;

use super::server::{AdminServer, Caller, teams, told};

const SEEN_WITHIN: Duration = Duration::from_secs(20);

fn create(team_id: &str, team: v1::Team) -> v1::CreateTeamRequest {
    v1::CreateTeamRequest { team_id: team_id.to_owned(), team: Some(team), ..Default::default() }
}

fn update(team: &v1::Team, mask: &[&str]) -> v1::UpdateTeamRequest {
    let paths = mask.iter().map(|path| (*path).to_owned()).collect();
    v1::UpdateTeamRequest { team: Some(team.clone()), update_mask: Some(FieldMask { paths }), validate_only: false }
}

async fn get(caller: &Caller, name: &str) -> Result<v1::Team, tonic::Status> {
    let team = teams(caller).get_team(v1::GetTeamRequest { name: name.to_owned() }).await?;
    Ok(team.into_inner().team.unwrap_or_default())
}

#[tokio::test]
async fn a_team_is_created_changed_and_deleted() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let publisher = server.caller("publisher").await?;
    let client = teams(&publisher);
    let vip = v1::Team { title: "VIP".to_owned(), staffed: true, ..v1::Team::default() };

    let trial = v1::CreateTeamRequest { validate_only: true, ..create("vip", vip.clone()) };
    client.create_team(trial).await?;
    assert_eq!(get(&publisher, "teams/vip").await.expect_err("only validated").code(), Code::NotFound);

    let request_id = "0192f0a0-0000-7000-8000-000000000002".to_owned();
    let request = v1::CreateTeamRequest { request_id, ..create("vip", vip.clone()) };
    let made = client.create_team(request.clone()).await?.into_inner().team.unwrap_or_default();
    assert_eq!((made.name.as_str(), made.state()), ("teams/vip", v1::TeamState::Active));
    let again = client.create_team(request.clone()).await?.into_inner().team.unwrap_or_default();
    assert_eq!(again.etag, made.etag, "carried out once");
    let other = v1::CreateTeamRequest { team_id: "other".to_owned(), ..request };
    assert_eq!(told(&client.create_team(other).await.expect_err("another request")), ["request_id"]);
    let twice = client.create_team(create("vip", vip)).await.expect_err("it exists");
    assert_eq!(twice.code(), Code::AlreadyExists);

    let changed = v1::Team { title: "Very important".to_owned(), staffed: false, ..made.clone() };
    let after = client.update_team(update(&changed, &["title"])).await?.into_inner().team.unwrap_or_default();
    assert_eq!((after.title.as_str(), after.staffed), ("Very important", true), "only what the mask names");
    let stale = client.update_team(update(&changed, &["title"])).await.expect_err("the etag is old");
    assert_eq!((stale.code(), told(&stale)), (Code::Aborted, vec!["ETAG_MISMATCH".to_owned()]));

    let delete = |name: &str| v1::DeleteTeamRequest { name: name.to_owned(), ..Default::default() };
    let in_rules = client.delete_team(delete("teams/billing")).await.expect_err("the rules name it");
    assert_eq!((in_rules.code(), told(&in_rules)), (Code::FailedPrecondition, vec!["TEAM_IN_USE".to_owned()]));
    client.delete_team(delete("teams/vip")).await?;
    assert_eq!(client.delete_team(delete("teams/vip")).await.expect_err("it is gone").code(), Code::NotFound);
    Ok(())
}

#[tokio::test]
async fn mistakes_name_their_fields() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let publisher = server.caller("publisher").await?;
    let client = teams(&publisher);
    let text = |text: &str| text.to_owned();
    let wrong = v1::Team {
        title: "\n".to_owned(),
        overflow_team: text("frontdesk"),
        parent: text("teams/"),
        max_wait: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
        ..v1::Team::default()
    };
    let refused = client.create_team(create("a", wrong)).await.expect_err("nothing is right");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(told(&refused), ["team.overflow_team", "team.parent", "team.max_wait", "team.title"]);

    type Case = (&'static str, v1::CreateTeamRequest);
    let cases: [Case; 6] = [
        ("team_id", create("A", v1::Team::default())),
        ("team", v1::CreateTeamRequest { team: None, ..create("a", v1::Team::default()) }),
        ("team.overflow_team", create("a", v1::Team { overflow_team: text("teams/nobody"), ..Default::default() })),
        ("team.overflow_team", create("a", v1::Team { max_waiting: 1, ..Default::default() })),
        ("team.parent", create("a", v1::Team { parent: text("teams/a"), ..Default::default() })),
        ("request_id", v1::CreateTeamRequest { request_id: text("1"), ..create("a", v1::Team::default()) }),
    ];
    for (field, request) in cases {
        let refused = client.create_team(request).await.expect_err(field);
        assert_eq!((refused.code(), told(&refused)), (Code::InvalidArgument, vec![text(field)]));
    }
    let billing = get(&publisher, "teams/billing").await?;
    for mask in [&[][..], &["name"], &["title", "state"]] {
        let refused = client.update_team(update(&billing, mask)).await.expect_err("mask");
        assert_eq!((refused.code(), told(&refused)), (Code::InvalidArgument, vec![text("update_mask")]), "{mask:?}");
    }
    for (page_size, page_token, field) in [(-1, "", "page_size"), (0, "nonsense", "page_token")] {
        let request = v1::ListTeamsRequest { page_size, page_token: text(page_token) };
        let refused = client.list_teams(request).await.expect_err(field);
        assert_eq!((refused.code(), told(&refused)), (Code::InvalidArgument, vec![text(field)]));
    }
    assert_eq!(get(&publisher, "teams/a").await.expect_err("nothing was made").code(), Code::NotFound);
    Ok(())
}

#[tokio::test]
async fn teams_are_listed_in_pages() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let publisher = server.caller("publisher").await?;
    let client = teams(&publisher);
    for team_id in ["a", "b", "c"] {
        client.create_team(create(team_id, v1::Team::default())).await?;
    }
    let mut names = Vec::new();
    let mut page_token = String::new();
    // One call more than there are pages would be a loop.
    for _ in 0..3 {
        let request = v1::ListTeamsRequest { page_size: 2, page_token };
        let page = client.list_teams(request).await?.into_inner();
        names.extend(page.teams.into_iter().map(|team| team.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["teams/a", "teams/b", "teams/billing", "teams/c", "teams/frontdesk"]);
    Ok(())
}

/// Posts one message for billing, and returns what waits for each team.
async fn invoice(server: &AdminServer, number: usize) -> anyhow::Result<()> {
    let (id, from) = (format!("wamid.limit{number}"), format!("1555000{number:04}"));
    let params = SampleParams { wamid: id, from, text: "invoice".to_owned(), ..SampleParams::default() };
    let body = envelope([sample(SampleKind::Text, &params)]).to_string();
    assert_eq!(server.webhook()?.post(body.as_bytes()).await?, 200);
    Ok(())
}

fn waiting(server: &AdminServer, team: &str) -> usize {
    let mut tail = waypost().expect("the program is built");
    tail.args(["tail", team, "--no-follow", "--json", "--data-dir"]).arg(server.data_dir());
    let output = tail.output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count()
}

#[tokio::test]
async fn a_team_over_its_limit_hands_over_to_its_overflow_team() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let publisher = server.caller("publisher").await?;
    invoice(&server, 0).await?;
    eventually("the first is with billing", SEEN_WITHIN, async || (waiting(&server, "billing") == 1).then_some(()))
        .await;

    let client = teams(&publisher);
    client.create_team(create("overflow", v1::Team { staffed: true, ..Default::default() })).await?;
    let billing = get(&publisher, "teams/billing").await?;
    let limited = v1::Team { max_waiting: 1, overflow_team: "teams/overflow".to_owned(), ..billing };
    client.update_team(update(&limited, &["max_waiting", "overflow_team"])).await?;
    // From some message on, the first after the router has seen it.
    let mut number = 0;
    eventually("one is with the overflow team", SEEN_WITHIN, async || {
        number += 1;
        invoice(&server, number).await.ok()?;
        (waiting(&server, "overflow") > 0).then_some(())
    })
    .await;
    let not_empty = v1::DeleteTeamRequest { name: "teams/overflow".to_owned(), ..Default::default() };
    let refused = client.delete_team(not_empty).await.expect_err("messages wait");
    assert_eq!((refused.code(), told(&refused)), (Code::FailedPrecondition, vec!["TEAM_NOT_EMPTY".to_owned()]));
    Ok(())
}
