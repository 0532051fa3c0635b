//! The client's verbs on the machine of the embedded bus: they find the process that runs, without an address or a token,
//! and say what to do where they do not.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Output};

use anyhow::{Context, ensure};
use waypost_tests::ports::free_port;

use super::{expect, json_lines, stderr, stop, with_arguments};
use crate::deployment::{Backend, Deployment, RULES};

const VERBS: [&[&str]; 10] = [
    &["rules", "list"],
    &["rules", "history"],
    &["decisions", "list"],
    &["numbers", "list"],
    &["teams", "list"],
    &["teams", "get", "frontdesk"],
    &["audit", "list"],
    &["dead-letters", "list"],
    &["dead-letters", "summary"],
    &["token", "list"],
];

/// `words` in the folder of the deployment's waypost.toml, with nothing named.
fn beside(deployment: &Deployment, words: &[&str]) -> anyhow::Result<Command> {
    let mut command = with_arguments(words)?;
    command.current_dir(deployment.config_file().parent().context("a folder")?);
    Ok(command)
}

#[tokio::test]
async fn verbs_find_the_process_of_this_machine() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let waypost = deployment.start().await?;
    for words in VERBS {
        expect(deployment.command(words)?, 0)?;
        expect(beside(&deployment, words)?, 0)?;
    }
    // What does not exist is answered by the process.
    for words in [&["trace", "wamid.none"][..], &["contacts", "get", "+34600000004"], &["rules", "get", "9"]] {
        let told = stderr(&expect(deployment.command(words)?, 1)?);
        ensure!(told.contains("does not exist"), "{words:?}: {told}");
    }
    // A version is pushed, and a calendar of it looked at.
    let rules = deployment.rules_file().display().to_string();
    expect(deployment.command(&["rules", "push", &rules])?, 0)?;
    let calendars = expect(deployment.command(&["calendars", "list", "--base", "1", "--json"])?, 0)?;
    ensure!(json_lines(&calendars)? == [serde_json::json!([])], "{calendars:?}");
    let mut by_folder = with_arguments(&["teams", "list", "--data-dir"])?;
    by_folder.arg(deployment.data_folder());
    expect(by_folder, 0)?;

    // Another server that is named goes before what is found here, what is typed before that.
    let mut elsewhere = beside(&deployment, &["teams", "list"])?;
    elsewhere.env("WAYPOST_SERVER", "https://localhost:1");
    expect(elsewhere, 5)?;
    let mut here = deployment.command(&["teams", "list"])?;
    here.env("WAYPOST_SERVER", "https://localhost:1");
    expect(here, 0)?;

    stop(waypost).await?;
    for command in [deployment.command(&["teams", "list"])?, beside(&deployment, &["teams", "list"])?] {
        let told = stderr(&expect(command, 5)?);
        ensure!(told.contains("no waypost answers") && told.contains("waypost run"), "{told}");
    }
    Ok(())
}

fn asked(server: &str, code: i32) -> anyhow::Result<String> {
    let output: Output = expect(with_arguments(&["teams", "list", "--server", server])?, code)?;
    Ok(stderr(&output))
}

#[tokio::test]
async fn what_is_not_reached_is_said_once_with_a_remedy() -> anyhow::Result<()> {
    let told = asked(&format!("https://127.0.0.1:{}", free_port()), 5)?;
    ensure!(told.matches("refused").count() == 1 && told.contains("--config"), "{told}");
    let told = asked("127.0.0.1:9465", 3)?;
    ensure!(told.contains("write https://127.0.0.1:9465") && told.matches("scheme").count() < 2, "{told}");

    let plain = TcpListener::bind("127.0.0.1:0")?;
    let address = plain.local_addr()?;
    let answer = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut caller, _) = plain.accept()?;
        caller.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    });
    let told = asked(&format!("https://{address}"), 5)?;
    answer.join().expect("it answers")?;
    ensure!(told.contains(&format!("speaks plain http; try http://{address}")), "{told}");

    let listen = format!("127.0.0.1:{}", free_port());
    let deployment = Deployment::new(Backend::Embedded, RULES)?.set("grpc.listen", &listen).set("grpc.local", "false");
    let _waypost = deployment.start().await?;
    for command in [
        with_arguments(&["teams", "list", "--server", &format!("http://{listen}")])?,
        // The configuration says where it listens.
        deployment.command(&["teams", "list"])?,
    ] {
        let told = stderr(&expect(command, 6)?);
        ensure!(told.contains("--token-file") && told.contains("waypost token create"), "{told}");
    }
    // A door that speaks something else breaks off.
    let told = asked(deployment.webhook_url().trim_end_matches("/webhook"), 5)?;
    ensure!(told.contains("grpc.listen") && !told.contains("transport error"), "{told}");
    let token = deployment.config_file().with_file_name("token");
    let mut create = deployment.command(&["token", "create", "--role", "viewer"])?;
    create.arg("--output").arg(&token);
    expect(create, 0)?;
    let mut with_token = deployment.command(&["teams", "list"])?;
    with_token.arg("--token-file").arg(&token);
    expect(with_token, 0)?;
    Ok(())
}
