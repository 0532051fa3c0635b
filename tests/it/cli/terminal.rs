//! What a person sees in a terminal, and a program in a pipe.

use anyhow::ensure;
use serde_json::Value;
use waypost_tests::process::waypost;

use super::{expect, stderr, stdout};
use crate::deployment::{APP_SECRET, Backend, Deployment, RULES, text};

#[test]
fn the_version_says_what_it_is_built_of() -> anyhow::Result<()> {
    let version = |flag: &str| -> anyhow::Result<String> {
        let mut command = waypost()?;
        command.arg(flag);
        Ok(stdout(&expect(command, 0)?))
    };
    let short = version("-V")?;
    ensure!(short.starts_with("waypost ") && short.lines().count() == 1, "{short}");
    let long = version("--version")?;
    let lines: Vec<&str> = long.lines().collect();
    ensure!(lines.len() == 3 && lines[0] == short.trim(), "{long}");
    let commit = lines[1].strip_prefix("commit ").unwrap_or_default();
    ensure!(commit == "unknown" || commit.len() >= 7, "{long}");
    ensure!(lines[2].starts_with("build ") && lines[2].contains(std::env::consts::ARCH), "{long}");
    Ok(())
}

#[tokio::test]
async fn a_team_is_followed_in_lines_that_fit() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let _waypost = deployment.start().await?;
    let said = "my invoice, which is long ".repeat(6);
    let body = text("wamid.ONE", "15550001111", &said).to_string();
    assert_eq!(deployment.client()?.post(body.as_bytes()).await?, 200);
    deployment.reader(&["team.billing.normal"]).await?.wait_for(1).await?;
    let tail = |variables: &[(&str, &str)]| -> anyhow::Result<String> {
        let mut command = deployment.command(&["tail", "billing", "--no-follow"])?;
        command.env_remove("COLUMNS").envs(variables.iter().copied());
        Ok(stdout(&expect(command, 0)?))
    };
    let whole = tail(&[])?;
    ensure!(whole.contains(said.trim()) && whole.contains("  normal  ") && whole.contains("  text  "), "{whole}");
    let narrow = tail(&[("COLUMNS", "80")])?;
    ensure!(narrow.trim_end().chars().count() == 80 && narrow.trim_end().ends_with('…'), "{narrow}");
    ensure!(!narrow.contains('\u{1b}'), "a pipe has no colours: {narrow:?}");

    // The short id is enough to ask what happened to it.
    let mut command = deployment.command(&["tail", "billing", "--no-follow", "--json"])?;
    command.env_remove("COLUMNS");
    let document: Value = serde_json::from_str(&stdout(&expect(command, 0)?))?;
    let id = document["id"].as_str().unwrap_or_default();
    ensure!(id.len() == 36 && whole.contains(&format!("  {}  ", &id[..8])), "{whole}");
    Ok(())
}

#[tokio::test]
async fn urgency_has_a_colour_unless_it_is_not_wanted() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let _waypost = deployment.start().await?;
    let body = text("wamid.URGENT", "15550001111", "an agent").to_string();
    assert_eq!(deployment.client()?.post(body.as_bytes()).await?, 200);
    deployment.reader(&["team.people.urgent"]).await?.wait_for(1).await?;
    for (variables, has_colour) in [
        (&[("CLICOLOR_FORCE", "1")][..], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&[("CLICOLOR_FORCE", "0")], false),
        (&[], false),
    ] {
        let mut command = deployment.command(&["tail", "people", "--no-follow"])?;
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").envs(variables.iter().copied());
        let told = stdout(&expect(command, 0)?);
        ensure!(told.contains("urgent") && told.contains("\u{1b}[31m") == has_colour, "{variables:?}: {told:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_webhook_with_a_certificate_of_ones_own_is_tested() -> anyhow::Result<()> {
    let certified = waypost_tests::AdminServer::start("").await?;
    let file = |name: &str| certified.folder().join(name).display().to_string();
    let deployment = Deployment::new(Backend::Embedded, RULES)?
        .set("ingress.tls_certificate_file", &file("server.pem"))
        .set("ingress.tls_key_file", &file("server.key"));
    let _waypost = deployment.start().await?;
    let port = deployment.webhook_url().rsplit([':', '/']).nth(1).unwrap_or_default().to_owned();
    let to = format!("https://localhost:{port}/webhook");
    let test = |more: &[&str]| -> anyhow::Result<std::process::Command> {
        let mut command = deployment.command(&["webhook", "test", "text", "--to", &to])?;
        command.args(more);
        Ok(command)
    };
    expect(test(&[])?, 5)?;
    let told = stdout(&expect(test(&["--ca", &file("ca.pem")])?, 0)?);
    ensure!(told.contains("200") && told.contains("wamid.TEST"), "{told}");
    Ok(())
}

/// `webhook test` says under which id to look for what it sent, and what became of it.
#[tokio::test]
async fn a_sample_says_what_became_of_it() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let _waypost = deployment.start().await?;
    let test = |more: &[&str]| -> anyhow::Result<String> {
        let mut command = deployment.command(&["webhook", "test", "text", "--text", "my invoice"])?;
        command.args(more);
        Ok(stdout(&expect(command, 0)?))
    };
    let told = test(&[])?;
    let line = told.lines().nth(1).unwrap_or_default();
    ensure!(line.starts_with("wamid.TEST") && line.contains(": team billing (normal), by "), "{told}");
    let told: Value = serde_json::from_str(&test(&["--json"])?)?;
    let message = &told["messages"][0];
    assert_eq!(
        (&told["status"], &message["team"], &message["kind"]),
        (&200.into(), &"billing".into(), &"message".into())
    );
    ensure!(message["message_id"].as_str().is_some_and(|id| id.starts_with("wamid.TEST")), "{told}");
    ensure!(message["decision"].as_str().is_some_and(|name| name.starts_with("decisions/")), "{told}");

    // Somebody else's, whose store is not ours: the id alone.
    let secret = deployment.folder.path().join("secret");
    std::fs::write(&secret, APP_SECRET)?;
    let (to, secret) = (deployment.webhook_url(), secret.display().to_string());
    let told = test(&["--to", &to, "--secret-file", &secret])?;
    let line = told.lines().nth(1).unwrap_or_default();
    ensure!(line.starts_with("wamid.TEST") && !line.contains(':'), "{told}");
    let mut refused = deployment.command(&["webhook", "test", "text", "--ca", &secret])?;
    refused.arg("--json");
    let told = stderr(&expect(refused, 3)?);
    ensure!(told.contains("--ca") && told.contains("no certificate"), "{told}");
    Ok(())
}
