//! The team tools of `deploy/guides/team-tools`, run as their guide says: against a private RabbitMQ, a whole Waypost and
//! a customer. Each must read what was written, urgent and normal, and nothing twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;
use waypost_cloud_api::samples::{SampleKind, SampleParams, sample};
use waypost_tests::ports::free_port;
use waypost_tests::rabbitmq::RabbitNode;
use waypost_tests::{WaypostProcess, WaypostSettings, WebhookClient};

use crate::debian;
use crate::steps::root;

/// What the Python tool needs, at the version that it was written against.
pub(super) const PIKA: &str = "pika==1.3.2";
/// The same for Node's.
const AMQPLIB: &str = "amqplib@0.10.9";
const APP_SECRET: &str = "a_secret_of_the_consumers_test";
const MESSAGES: usize = 20;
const DEADLINE: Duration = Duration::from_secs(60);
const RULES: &str = r#"
[default]
team = "python"

[handover]
team = "python"
urgency = "urgent"
words.en = ["an agent"]

[[teams]]
name = "python"

[[teams]]
name = "node"

[[rules]]
id = "for-node"
team = "node"
when = { keyword = ["node"] }

[[rules]]
id = "hurry"
phase = "decorate"
urgency = "urgent"
when = { keyword = ["hurry"] }
"#;

/// Node's client library, into `folder`. Nothing of the machine's Node is used or changed but the program itself.
pub(super) async fn install_amqplib(folder: PathBuf) -> anyhow::Result<()> {
    if Command::new("npm").arg("--version").output().await.is_err() {
        debian::install(&["nodejs", "npm"]).await.context("node with npm is needed")?;
    }
    std::fs::copy(tool("consumer.mjs"), folder.join("consumer.mjs"))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]).arg(&folder).arg(AMQPLIB);
    let status = npm.status().await?;
    ensure!(status.success(), "npm install: {status}");
    Ok(())
}

/// A customer writes to both teams; each tool reads its own.
pub(super) async fn consume(folder: PathBuf, node: &RabbitNode) -> anyhow::Result<()> {
    let vhost = node.create_vhost()?;
    let url = node.amqp_url(&vhost);
    let waypost = Waypost::start(&folder, &url).await?;
    let mut python = Command::new(folder.join("venv/bin/python"));
    python.arg(tool("consumer.py"));
    let mut javascript = Command::new("node");
    javascript.arg(folder.join("consumer.mjs"));
    for (team, command) in [("python", python), ("node", javascript)] {
        waypost.write(team).await?;
        read(command, team, &url, &folder).await.with_context(|| format!("the {team} tool"))?;
    }
    answer(node, &vhost, &folder).await.context("the tool that sends")
}

fn tool(name: &str) -> PathBuf {
    root().join("deploy/guides/team-tools").join(name)
}

fn customer(team: &str, number: usize) -> String {
    format!("346{:04}{number:04}", team.len())
}

struct Waypost {
    _process: WaypostProcess,
    webhook: WebhookClient,
}

impl Waypost {
    async fn start(folder: &Path, amqp_url: &str) -> anyhow::Result<Self> {
        let rules = folder.join("rules.toml");
        std::fs::write(&rules, RULES)?;
        let (webhook, ops) = (free_port(), free_port());
        let settings = WaypostSettings {
            config: format!(
                "data_dir = {:?}\n[bus]\nurl = {amqp_url:?}\n[ingress]\nlisten = \"127.0.0.1:{webhook}\"\n\
                 app_secrets = [{APP_SECRET:?}]\nverify_token = \"unused\"\n[ops]\nlisten = \"127.0.0.1:{ops}\"\n\
                 [rules]\nfile = {rules:?}\n",
                folder.join("data")
            ),
            ready_url: format!("http://127.0.0.1:{ops}/readyz"),
            ..WaypostSettings::default()
        };
        let process = WaypostProcess::start(&settings).await?;
        let webhook = WebhookClient::new(format!("http://127.0.0.1:{webhook}/webhook"), APP_SECRET)?;
        Ok(Self { _process: process, webhook })
    }

    /// Every message twice, as Meta may; the even ones are urgent.
    async fn write(&self, team: &str) -> anyhow::Result<()> {
        for number in 0..MESSAGES {
            let urgency = if number % 2 == 0 { "hurry " } else { "" };
            let params = SampleParams {
                text: format!("{urgency}{team} message-{number}"),
                // A customer each: an open conversation stays with its team, and as urgent as it was.
                from: customer(team, number),
                wamid: format!("wamid.{team}-{number}"),
                ..SampleParams::default()
            };
            let body = serde_json::to_vec(&sample(SampleKind::Text, &params))?;
            for _ in 0..2 {
                let status = self.webhook.post(&body).await?;
                ensure!(status == 200, "the webhook answered {status}");
            }
        }
        Ok(())
    }
}

/// Runs the tool that sends under its team's user, for the first of the team's customers, twice.
async fn answer(node: &RabbitNode, vhost: &str, folder: &Path) -> anyhow::Result<()> {
    const USER: &str = "team-python";
    const PASSWORD: &str = "secret";
    node.ctl(&["add_user", USER, PASSWORD])?;
    node.ctl(&["set_permissions", "--vhost", vhost, USER, "^$", r"^wa\.send$", r"^team\.python\."])?;
    let request = serde_json::json!({
        "send_id": "interop/1", "number": format!("numbers/number-{}", SampleParams::default().phone_number_id),
        "to": {"phone": format!("+{}", customer("python", 0))}, "content": {"text": {"body": "It is on its way."}},
    });
    let file = folder.join("request.json");
    std::fs::write(&file, request.to_string())?;
    for _ in 0..2 {
        let mut command = Command::new(folder.join("venv/bin/python"));
        command.arg(tool("send.py")).arg(&file).env("AMQP_URL", node.handle().amqp_url_of(USER, PASSWORD, vhost));
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let output = tokio::time::timeout(DEADLINE, command.output()).await.context("it did not end in time")??;
        ensure!(output.status.success(), "it ended with {}: {output:?}", output.status);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        ensure!(answer == serde_json::json!({"send_id": "interop/1", "state": "queued"}), "{answer}");
    }
    Ok(())
}

/// Runs the tool until it has handled all, and looks at what it printed.
async fn read(mut command: Command, team: &str, url: &str, folder: &Path) -> anyhow::Result<()> {
    command.args([team, &MESSAGES.to_string()]).env("AMQP_URL", url);
    command.env("TOOL_DB", folder.join("tool.db")).env("TOOL_FILE", folder.join("tool.jsonl"));
    command.stdout(Stdio::piped()).kill_on_drop(true);
    let output = tokio::time::timeout(DEADLINE, command.output()).await.context("it did not end in time")??;
    ensure!(output.status.success(), "it ended with {}", output.status);
    let printed = String::from_utf8(output.stdout)?;
    let lines: Vec<&str> = printed.lines().collect();
    let ids: BTreeSet<&str> = lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
    ensure!(lines.len() == MESSAGES && ids.len() == MESSAGES, "not every message once:\n{printed}");
    for number in 0..MESSAGES {
        let priority = if number % 2 == 0 { " urgent " } else { " normal " };
        let of_this = |line: &&&str| {
            line.contains(&format!("message-{number}'")) || line.contains(&format!("message-{number}\""))
        };
        let line = lines.iter().find(of_this).with_context(|| format!("no message-{number}:\n{printed}"))?;
        ensure!(line.contains(priority), "not{priority}: {line}");
    }
    Ok(())
}
