//! The commands as an operator and a script meet them: exit codes, what is printed where, and what is told when
//! something is wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};
use waypost_tests::process::waypost;
use waypost_tests::{WaypostProcess, eventually};

use crate::deployment::{APP_SECRET, Backend, Deployment, ROUTED_DEADLINE, RULES, on_each_backend, text};

mod config;
mod machine;
mod tail;
mod terminal;

mod both {
    use super::*;

    on_each_backend!(
        status_tells_health,
        queues_are_declared_and_verified,
        migrations_run_apart_from_the_process,
        every_kind_of_sample_is_answered_200,
    );
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json_lines(output: &Output) -> anyhow::Result<Vec<Value>> {
    stdout(output).lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// Runs it to its end; it must end with `code`, and never by a panic.
pub(crate) fn expect(mut command: Command, code: i32) -> anyhow::Result<Output> {
    let output = command.stdin(Stdio::null()).output()?;
    check(&command, &output, code)?;
    Ok(output)
}

fn check(command: &Command, output: &Output, code: i32) -> anyhow::Result<()> {
    let told = stderr(output);
    ensure!(output.status.code() == Some(code), "{command:?}: {}, not {code}\n{}{told}", output.status, stdout(output));
    ensure!(!told.contains("panicked") && !told.contains("backtrace"), "{command:?}: {told}");
    ensure!(code == 0 || code == 4 || !told.is_empty(), "{command:?} failed and says nothing");
    Ok(())
}

/// Runs it with `input` on its standard input.
fn feed(words: &[&str], input: &[u8], code: i32) -> anyhow::Result<Output> {
    let mut command = waypost()?;
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    child.stdin.take().context("stdin is piped")?.write_all(input)?;
    let output = child.wait_with_output()?;
    check(&command, &output, code)?;
    Ok(output)
}

pub(crate) fn with_arguments(words: &[&str]) -> anyhow::Result<Command> {
    let mut command = waypost()?;
    command.args(words);
    Ok(command)
}

#[test]
fn every_help_teaches() -> anyhow::Result<()> {
    let commands: [&[&str]; 22] = [
        &[],
        &["demo"],
        &["run"],
        &["config"],
        &["config", "check"],
        &["config", "show"],
        &["migrate"],
        &["topology"],
        &["topology", "declare"],
        &["topology", "verify"],
        &["topology", "definitions"],
        &["store"],
        &["store", "grants"],
        &["status"],
        &["doctor"],
        &["inspect"],
        &["tail"],
        &["webhook"],
        &["webhook", "test"],
        &["sandbox"],
        &["sandbox", "fault"],
        &["sandbox", "customer"],
    ];
    for words in commands {
        let mut command = with_arguments(words)?;
        command.arg("--help");
        let help = stdout(&expect(command, 0)?);
        ensure!(help.contains("Usage: waypost"), "{words:?}: {help}");
    }
    expect(with_arguments(&["nonsense"])?, 2)?;
    expect(with_arguments(&["demo", "--messages", "many"])?, 2)?;
    Ok(())
}

#[test]
fn samples_of_every_kind_are_inspected() -> anyhow::Result<()> {
    for kind in SampleKind::ALL {
        let body = sample(*kind, &SampleParams::default()).to_string();
        let lines = json_lines(&feed(&["inspect"], body.as_bytes(), 0)?)?;
        ensure!(!lines.is_empty(), "{}: nothing seen", kind.name());
        for line in lines {
            let known = ["message", "status", "echo", "account"].map(Value::from).contains(&line["kind"]);
            ensure!(known, "{}: {line}", kind.name());
        }
    }
    let lines = json_lines(&feed(&["inspect", "-"], text("wamid.A", "15550001111", "Hi").to_string().as_bytes(), 0)?)?;
    let [line] = &lines[..] else { anyhow::bail!("{lines:?}") };
    let expected = [
        ("kind", "message"),
        ("id", "wamid.A"),
        ("type", "text"),
        ("text", "Hi"),
        ("summary", "Hi"),
        ("field", "messages"),
    ];
    ensure!(line["words"] == json!([{ "in": "text", "text": "Hi" }]), "{line}");
    for (name, value) in expected {
        ensure!(line[name] == value, "{name}: {line}");
    }
    ensure!(line["contact"]["phone"] == "15550001111", "{line}");
    Ok(())
}

#[test]
fn what_cannot_be_read_is_quarantined_and_told() -> anyhow::Result<()> {
    let bodies: [&[u8]; 6] = [b"", b"{", b"\xff\xfe", b"null", b"{\"entry\": 5}", b"{\"entry\": [7]}"];
    for body in bodies {
        let lines = json_lines(&feed(&["inspect"], body, 4)?)?;
        let quarantined = lines.iter().any(|line| line["kind"] == "quarantined" && line["reason"].is_string());
        ensure!(quarantined, "{:?}: {lines:?}", String::from_utf8_lossy(body));
    }
    feed(&["inspect"], "[".repeat(2_000_000).as_bytes(), 4)?;
    let missing = stderr(&expect(with_arguments(&["inspect", "/nonexistent/body.json"])?, 3)?);
    ensure!(missing.contains("/nonexistent/body.json"), "{missing}");
    Ok(())
}

#[test]
fn a_closed_pipe_ends_it_quietly() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("body.json");
    let bodies = (0..1_000).map(|number| text(&format!("wamid.{number}"), "15550001111", "Hello"));
    std::fs::write(&file, envelope(bodies).to_string())?;
    let mut command = waypost()?;
    command.arg("inspect").arg(&file).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut reader = BufReader::new(child.stdout.take().context("stdout is piped")?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    drop(reader);
    ensure!(line.contains("wamid.0"), "{line}");
    let mut told = String::new();
    child.stderr.take().context("stderr is piped")?.read_to_string(&mut told)?;
    let status = child.wait()?;
    ensure!(status.success() && told.is_empty(), "{status}: {told}");
    Ok(())
}

#[test]
fn mistakes_in_the_configuration_are_told() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let good = stdout(&expect(deployment.command(&["config", "check"])?, 0)?);
    ensure!(good.contains("good for ingress, router, sender, admin, gateway; rules "), "{good}");
    let cases = [
        ("partitions", "0", "partitions"),
        ("worker.batch_max", "many", "worker.batch_max"),
        ("worker.lease_renew_ms", "4000", "worker.lease_renew_ms"),
        ("bus.url", "http://broker", "bus.url"),
        ("ingress.listen", "everywhere", "ingress.listen"),
        ("ingress.path", "webhook", "ingress.path"),
        ("ingress.no_such_key", "1", "no_such_key"),
        ("rules.file", "/nonexistent/rules.toml", "/nonexistent/rules.toml"),
    ];
    for (key, value, named) in cases {
        let mut command = deployment.command(&["config", "check"])?;
        command.arg("--set").arg(format!("{key}={value}"));
        let told = stderr(&expect(command, 1)?);
        ensure!(told.contains(named), "{key}={value}: {told}");
    }
    let mut command = deployment.command(&["run"])?;
    command.args(["--component", "ingress"]);
    let told = stderr(&expect(command, 3)?);
    ensure!(told.contains("bus.url") && told.contains("embedded"), "{told}");
    std::fs::write(deployment.rules_file(), RULES.replace("team = \"billing\"", "team = \"biling\""))?;
    let told = stderr(&expect(deployment.command(&["config", "check"])?, 1)?);
    ensure!(told.contains("rules.file: ") && told.contains("biling"), "{told}");
    Ok(())
}

#[test]
fn a_wrong_configuration_file_is_named() -> anyhow::Result<()> {
    for command in [&["config", "check"][..], &["config", "show"], &["run"], &["status"], &["topology", "verify"]] {
        let mut missing = with_arguments(command)?;
        missing.args(["--config", "/nonexistent/waypost.toml"]);
        let told = stderr(&expect(missing, 3)?);
        ensure!(told.contains("/nonexistent/waypost.toml"), "{command:?}: {told}");
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("broken.toml");
    std::fs::write(&file, "[bus\n")?;
    let mut broken = with_arguments(&["config", "check"])?;
    broken.arg("--config").arg(&file);
    let told = stderr(&expect(broken, 3)?);
    ensure!(told.contains("broken.toml") || told.contains("TOML"), "{told}");
    Ok(())
}

#[test]
fn the_configuration_is_shown_without_its_secrets() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?
        .set("store.url", "postgres://waypost:hush@db/waypost")
        .set("worker.batch_max", "7");
    let mut command = deployment.command(&["config", "show"])?;
    command.env("WAYPOST__BUS__URL", "amqp://waypost:hush@broker").env("WAYPOST__INGRESS__VERIFY_TOKEN", "hush");
    let shown = stdout(&expect(command, 0)?);
    ensure!(!shown.contains("hush") && !shown.contains(APP_SECRET), "{shown}");
    ensure!(shown.contains("batch_max = 7") && shown.contains("[redacted]"), "{shown}");
    Ok(())
}

#[test]
fn text_that_looks_like_a_number_stays_as_it_is() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let mut command = deployment.command(&["config", "show"])?;
    command.env("WAYPOST__INSTANCE", "007").env("WAYPOST__WORKER__BATCH_MAX", "9");
    let shown = stdout(&expect(command, 0)?);
    ensure!(shown.contains("instance = \"007\"") && shown.contains("batch_max = 9"), "{shown}");
    let deployment = deployment.set("instance", "1e3").set("worker.batch_max", "8");
    let shown = stdout(&expect(deployment.command(&["config", "show"])?, 0)?);
    ensure!(shown.contains("instance = \"1e3\"") && shown.contains("batch_max = 8"), "{shown}");
    Ok(())
}

#[test]
fn definitions_are_json() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let output = expect(deployment.command(&["topology", "definitions"])?, 0)?;
    let definitions: Value = serde_json::from_str(&stdout(&output))?;
    let names: Vec<&str> =
        definitions["queues"].as_array().context("queues")?.iter().filter_map(|queue| queue["name"].as_str()).collect();
    for name in ["wa.in.p00", "wa.in.p03", "wa.account", "wa.send.urgent", "wa.dead-letters", "team.billing.urgent"] {
        ensure!(names.contains(&name), "{name}: {names:?}");
    }
    Ok(())
}

#[test]
fn samples_are_listed_and_printed() -> anyhow::Result<()> {
    let listed = stdout(&expect(with_arguments(&["webhook", "test", "list"])?, 0)?);
    let names: Vec<&str> = SampleKind::ALL.iter().map(|kind| kind.name()).collect();
    ensure!(listed.lines().eq(names), "{listed}");
    let told = stderr(&expect(with_arguments(&["webhook", "test", "telepathy"])?, 3)?);
    ensure!(told.contains("telepathy") && told.contains("list"), "{told}");
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let mut command = deployment.command(&["webhook", "test", "text"])?;
    command.args(["--text", "printed", "--print"]);
    let body: Value = serde_json::from_str(&stdout(&expect(command, 0)?))?;
    ensure!(body.to_string().contains("printed"), "{body}");
    let told = stderr(&expect(deployment.command(&["webhook", "test", "text"])?, 5)?);
    ensure!(!told.is_empty(), "nobody listens there");
    Ok(())
}

async fn every_kind_of_sample_is_answered_200(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    for kind in SampleKind::ALL {
        let output = expect(deployment.command(&["webhook", "test", kind.name()])?, 0)?;
        ensure!(stdout(&output).contains("200"), "{}: {}", kind.name(), stdout(&output));
    }
    let mut command = deployment.command(&["webhook", "test", "text"])?;
    command.args(["--from", "15550007777", "--text", "where did it go"]);
    let told = stdout(&expect(command, 0)?);
    ensure!(told.contains("team frontdesk (normal), by default: no rule matched"), "{told}");
    let wrong = deployment.folder.path().join("wrong-secret");
    std::fs::write(&wrong, "wrong")?;
    let mut command = deployment.command(&["webhook", "test", "text"])?;
    command.arg("--secret-file").arg(&wrong);
    let told = stderr(&expect(command, 1)?);
    ensure!(told.contains("401") && told.contains("app secret"), "{told}");
    let mut command = deployment.command(&["webhook", "test", "text"])?;
    command.arg("--to").arg(deployment.webhook_url().replace("/webhook", "/"));
    let told = stderr(&expect(command, 1)?);
    ensure!(told.contains("404") && told.contains("/webhook"), "{told}");
    Ok(())
}

/// Stops it in an orderly way.
async fn stop(mut waypost: WaypostProcess) -> anyhow::Result<()> {
    let status = waypost.terminate(ROUTED_DEADLINE).await?;
    ensure!(status.success(), "{status} after SIGTERM\n{}", waypost.output());
    Ok(())
}

async fn status_tells_health(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let told = stderr(&expect(deployment.command(&["status"])?, 1)?);
    ensure!(told.contains("unhealthy"), "{told}");
    let waypost = deployment.start().await?;
    let healthy = eventually("it is healthy", ROUTED_DEADLINE, async || {
        let output = deployment.command(&["status", "--json"]).ok()?.output().ok()?;
        output.status.success().then_some(output)
    });
    let status: Value = serde_json::from_str(&stdout(&healthy.await))?;
    ensure!(status["healthy"] == true, "{status}");
    let partitions = status["partitions"].as_array().context("partitions")?;
    let routers = partitions.iter().filter(|row| row["component"] == "router" && row["owner"].is_string());
    ensure!(routers.count() == 4, "{status}");
    let shown = stdout(&expect(deployment.command(&["status"])?, 0)?);
    ensure!(shown.starts_with("healthy: 17 partitions are worked on, ") && shown.contains("p00–p03"), "{shown}");
    ensure!(!shown.contains("wa.in.p00") && !shown.contains("p02 "), "{shown}");
    let shown = stdout(&expect(deployment.command(&["status", "--queues"])?, 0)?);
    ensure!(shown.contains("wa.in.p00") && shown.contains("p02 "), "{shown}");
    stop(waypost).await?;
    let output = expect(deployment.command(&["status"])?, 1)?;
    let (shown, told) = (stdout(&output), stderr(&output));
    ensure!(
        shown.starts_with(
            "unhealthy: nobody owns 15 of 15 partitions of router, sender-statuses, sender-account, optin, parking; start "
        ),
        "{shown}"
    );
    ensure!(told.contains("nobody owns"), "{told}");
    Ok(())
}

async fn queues_are_declared_and_verified(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let missing = stdout(&expect(deployment.command(&["topology", "verify"])?, 1)?);
    ensure!(missing.contains("wa.in.p00"), "{missing}");
    for _ in 0..2 {
        expect(deployment.command(&["topology", "declare"])?, 0)?;
        expect(deployment.command(&["topology", "verify"])?, 0)?;
    }
    Ok(())
}

async fn migrations_run_apart_from_the_process(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?.set("store.migrate", "false");
    if backend != Backend::Embedded {
        let told = stderr(&expect(deployment.command(&["run"])?, 1)?);
        ensure!(told.contains("waypost migrate"), "{told}");
    }
    for _ in 0..2 {
        expect(deployment.command(&["migrate"])?, 0)?;
    }
    stop(deployment.start().await?).await
}
