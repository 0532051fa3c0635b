//! Who is let in, and what they may do.

use std::time::Duration;

use anyhow::Context;
use tonic::transport::Identity;
use tonic::{Code, Status};
use waypost_proto::admin::descriptors;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::token_service_client::TokenServiceClient;
use waypost_proto::rpc::RpcTransport;
use waypost_tests::eventually;
use waypost_tests::process::waypost;

use super::server::{AdminServer, Caller, teams, told};
use super::terminal::Terminal;

const RENEWED_WITHIN: Duration = Duration::from_secs(30);

/// Calls the method at `path` with an empty request.
async fn call(caller: &Caller, path: &str) -> Result<(), Status> {
    RpcTransport::call(caller, path, vec![]).await.map(drop)
}

fn methods() -> Vec<String> {
    let services = descriptors().services();
    services
        .flat_map(|service| {
            let path = |method: &str| format!("/{}/{method}", service.full_name());
            service.methods().map(|method| path(method.name())).collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_answered_but_health() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let nobody = server.caller_with(None).await?;
    let stranger = server.caller_with(Some("wpt_0000".to_owned())).await?;
    for method in methods() {
        let refused = call(&nobody, &method).await.expect_err(&method);
        assert_eq!(
            (refused.code(), told(&refused)),
            (Code::Unauthenticated, vec!["TOKEN_MISSING".to_owned()]),
            "{method}"
        );
        let refused = call(&stranger, &method).await.expect_err(&method);
        assert_eq!(
            (refused.code(), told(&refused)),
            (Code::Unauthenticated, vec!["TOKEN_INVALID".to_owned()]),
            "{method}"
        );
    }
    call(&nobody, "/grpc.health.v1.Health/Check").await?;
    // Off unless switched on, and then for tokens only.
    let viewer = server.caller("viewer").await?;
    let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    assert_eq!(call(&nobody, reflection).await.expect_err("no token").code(), Code::Unauthenticated);
    assert_eq!(call(&viewer, reflection).await.expect_err("off").code(), Code::Unimplemented);
    assert_eq!(
        call(&viewer, "/waypost.admin.v1.TeamService/Nonsense").await.expect_err("none").code(),
        Code::Unimplemented
    );
    Ok(())
}

#[tokio::test]
async fn a_token_does_what_its_roles_may() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let viewer = server.caller("viewer").await?;
    assert_eq!(teams(&viewer).list_teams(v1::ListTeamsRequest::default()).await?.into_inner().teams.len(), 2);
    for method in methods() {
        let verb = method.rsplit('/').next().unwrap_or_default();
        let reads = ["Get", "List", "Verify", "Summarize", "Diff", "Explain", "Compare", "Preview"]
            .iter()
            .any(|reading| verb.starts_with(reading));
        if !reads {
            let refused = call(&viewer, &method).await.expect_err(&method);
            assert_eq!(
                (refused.code(), told(&refused)),
                (Code::PermissionDenied, vec!["ROLE_MISSING".to_owned()]),
                "{method}"
            );
        }
    }
    // An agent sees its own teams, and of the others not even that they are there.
    let (_, secret) = server.token(&["--role", "agent", "--team", "billing"])?;
    let agent = server.caller_with(Some(secret)).await?;
    let seen = teams(&agent).list_teams(v1::ListTeamsRequest::default()).await?.into_inner().teams;
    assert_eq!(seen.iter().map(|team| team.name.as_str()).collect::<Vec<_>>(), ["teams/billing"]);
    let get = |name: &str| v1::GetTeamRequest { name: name.to_owned() };
    assert!(teams(&agent).get_team(get("teams/billing")).await.is_ok());
    let hidden = teams(&agent).get_team(get("teams/frontdesk")).await.expect_err("not theirs");
    assert_eq!(hidden.code(), Code::NotFound);
    Ok(())
}

#[tokio::test]
async fn tokens_are_made_used_and_revoked() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let operator = server.caller("operator").await?;
    let tokens = TokenServiceClient::new(operator.clone());
    let token = v1::Token { roles: vec![v1::Role::Publisher.into()], ..v1::Token::default() };
    let request = v1::CreateTokenRequest {
        token: Some(token.clone()),
        request_id: "0192f0a0-0000-7000-8000-000000000001".to_owned(),
        ..Default::default()
    };
    let made = tokens.create_token(request.clone()).await?.into_inner();
    let again = tokens.create_token(request).await?.into_inner();
    assert_eq!((made.token.clone(), again.secret.as_str()), (again.token, ""), "the same token, its secret only once");

    let publisher = server.caller_with(Some(made.secret.clone())).await?;
    assert!(teams(&publisher).list_teams(v1::ListTeamsRequest::default()).await.is_ok());
    let made = made.token.unwrap_or_default();
    let revoke = v1::RevokeTokenRequest { name: made.name.clone(), etag: "other".to_owned(), ..Default::default() };
    assert_eq!(tokens.revoke_token(revoke.clone()).await.expect_err("etag").code(), Code::Aborted);
    let revoked = tokens.revoke_token(v1::RevokeTokenRequest { etag: made.etag, ..revoke }).await?.into_inner();
    assert!(revoked.token.is_some_and(|token| token.revoke_time.is_some()));
    let refused = teams(&publisher).list_teams(v1::ListTeamsRequest::default()).await.expect_err("revoked");
    assert_eq!(refused.code(), Code::Unauthenticated);

    let nonsense = v1::Token { teams: vec!["teams/a".to_owned(), "b".to_owned()], ..v1::Token::default() };
    let request = v1::CreateTokenRequest { token: Some(nonsense), ..Default::default() };
    let refused = tokens.create_token(request).await.expect_err("no role");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(told(&refused), ["token.teams[1]", "token.roles", "token.teams"], "all at once");
    Ok(())
}

#[tokio::test]
async fn a_client_certificate_is_needed_where_it_is_asked_for() -> anyhow::Result<()> {
    let server = AdminServer::start_with("client_ca_file = \"{ca}\"\nreflection = true").await?;
    let (certificate, key) = server.client_certificate()?;
    let identity = Identity::from_pem(certificate, key);
    let health = async |identity| {
        let server = server.connect(identity).await?;
        anyhow::Ok(RpcTransport::call(&server, "/grpc.health.v1.Health/Check", vec![]).await?)
    };
    assert!(health(None).await.is_err(), "no certificate");
    health(Some(identity)).await?;
    Ok(())
}

#[tokio::test]
async fn a_new_certificate_is_shown_while_it_runs() -> anyhow::Result<()> {
    let mut server = AdminServer::start().await?;
    let before = server.caller("viewer").await?;
    server.renew_certificate()?;
    // Who comes now trusts the new authority alone.
    eventually("the new certificate is shown", RENEWED_WITHIN, async || server.connect(None).await.ok()).await;
    teams(&before).list_teams(v1::ListTeamsRequest::default()).await.context("open connections go on")?;
    Ok(())
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused() -> anyhow::Result<()> {
    let server = AdminServer::start_with("request_bytes_max = 1000").await?;
    let publisher = server.caller("publisher").await?;
    let team = v1::Team { title: "x".repeat(2_000), ..v1::Team::default() };
    let request = v1::CreateTeamRequest { team_id: "big".to_owned(), team: Some(team), ..Default::default() };
    let refused = teams(&publisher).create_team(request).await.expect_err("too large");
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
    assert!(refused.message().contains("1000"), "{refused}");
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn a_secret_goes_into_a_new_file_of_its_owner() -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let server = AdminServer::start().await?;
    let operator = Terminal::new(&server, "operator")?;
    let file = |name: &str| server.folder().join(name).display().to_string();
    let words = |file: &str| ["token", "create", "--role", "viewer", "--output", file].map(str::to_owned);
    let data_dir = server.data_dir().display().to_string();
    for (name, is_local) in [("by-server", false), ("by-store", true)] {
        let words = words(&file(name));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let run = || match is_local {
            false => operator.run(&words),
            true => Ok(waypost()?.args(&words).args(["--data-dir", &data_dir]).output()?),
        };
        let made = run()?;
        anyhow::ensure!(made.status.success(), "{made:?}");
        let secret = std::fs::read_to_string(file(name))?;
        assert!(!String::from_utf8_lossy(&made.stdout).contains(secret.trim()));
        assert_eq!(std::fs::metadata(file(name))?.permissions().mode() & 0o777, 0o600, "{name}");
        let caller = server.caller_with(Some(secret.trim().to_owned())).await?;
        teams(&caller).list_teams(v1::ListTeamsRequest::default()).await?;
        // It is not written over, and no token is made that nobody would have.
        let before = operator.json(&["token", "list"])?;
        assert_eq!(run()?.status.code(), Some(3), "{name}");
        assert_eq!((operator.json(&["token", "list"])?, std::fs::read_to_string(file(name))?), (before, secret));
    }
    // Nor is a file left behind where no token was made.
    operator.fails(&["token", "create", "--role", "agent", "--output", &file("none")], 3)?;
    assert!(!server.folder().join("none").exists());
    Ok(())
}
