//! `cargo xtask interop`: the administration, as a client sees it that shares no code with the server. Python's gRPC
//! tools, in a folder that is gone afterwards, make the client from `/proto`; `tests/interop/client.py` uses it. And the
//! team tools of the guide, in Python and Node, as a team would run them. The published schemas are checked here, too,
//! because Python has a validator for them.

mod consumers;

use std::path::Path;

use anyhow::{Context, ensure};
use tokio::process::Command;
use waypost_tests::AdminServer;
use waypost_tests::admin::APP_SECRET;
use waypost_tests::process;

use crate::count::Count;
use crate::debian;
use crate::servers::Servers;
use crate::steps::{Steps, root};
use crate::test::{binary, on_workspace};

/// What the client needs, at the versions that it was written against.
const PACKAGES: [&str; 6] = [
    "grpcio==1.76.0",
    "grpcio-tools==1.76.0",
    "grpcio-status==1.76.0",
    "jsonschema==4.26.0",
    "PyYAML==6.0.3",
    consumers::PIKA,
];

pub(crate) async fn run() -> anyhow::Result<Count> {
    let folder = tempfile::Builder::new().prefix("waypost-interop-").tempdir()?;
    let mut steps = Steps::default();
    if steps.work("install Python's packages", install(folder.path())).await.is_none() {
        return Ok(steps.end());
    }
    if steps.work("install amqplib", consumers::install_amqplib(folder.path().to_owned())).await.is_none() {
        return Ok(steps.end());
    }
    steps.run("hold documents to their schemas", schemas(folder.path())).await;
    let Some(servers) = steps.work("start servers", Servers::start()).await else { return Ok(steps.end()) };
    if !steps.run("generate the client", generate(folder.path())?).await {
        return Ok(steps.end());
    }
    // Unless the environment names another, the debug build of `cargo xtask test`: with the same features, examples
    // included, nothing is built twice.
    if !steps.run("build", on_workspace("build", &["--bins", "--examples"])).await {
        return Ok(steps.end());
    }
    process::use_built(binary()?);
    let server = AdminServer::start_without_rules("").await?;
    steps.run("call waypost from Python", client(folder.path(), &server)?).await;
    steps.check("run the guide's team tools", consumers::consume(folder.path().to_owned(), servers.rabbitmq())).await;
    Ok(steps.end())
}

/// An own environment: nothing of the machine's Python is used or changed.
async fn install(folder: &Path) -> anyhow::Result<()> {
    let venv = folder.join("venv");
    let make = || {
        let mut python = Command::new("python3");
        python.args(["-m", "venv"]).arg(&venv);
        python
    };
    // Debian's python3 comes without what a virtual environment needs.
    if !make().status().await.is_ok_and(|status| status.success()) {
        debian::install(&["python3", "python3-venv"]).await.context("python3 with venv is needed")?;
        let status = make().status().await?;
        ensure!(status.success(), "python3 -m venv: {status}");
    }
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]);
    let status = pip.args(PACKAGES).status().await?;
    ensure!(status.success(), "pip install: {status}");
    Ok(())
}

fn schemas(folder: &Path) -> Command {
    let mut python = Command::new(folder.join("venv/bin/python"));
    python.arg(root().join("tests/interop/schemas.py")).arg(root());
    python
}

fn generate(folder: &Path) -> anyhow::Result<Command> {
    let proto = root().join("proto");
    let generated = folder.join("generated");
    std::fs::create_dir(&generated)?;
    let mut protoc = Command::new(folder.join("venv/bin/python"));
    protoc.args(["-m", "grpc_tools.protoc", "-I"]).arg(&proto);
    for option in ["--python_out", "--grpc_python_out"] {
        protoc.arg(format!("{option}={}", generated.display()));
    }
    let mut files = Vec::new();
    for package in ["waypost/admin/v1", "waypost/rules/v1"] {
        for file in std::fs::read_dir(proto.join(package))? {
            files.push(file?.path());
        }
    }
    files.sort();
    protoc.args(files);
    Ok(protoc)
}

fn client(folder: &Path, server: &AdminServer) -> anyhow::Result<Command> {
    let mut python = Command::new(folder.join("venv/bin/python"));
    python.arg(root().join("tests/interop/client.py"));
    python.env("PYTHONPATH", folder.join("generated"));
    python.env("WAYPOST_ADDRESS", format!("localhost:{}", server.port())).env("WAYPOST_CA", server.ca_file());
    python.env("WAYPOST_WEBHOOK", server.webhook_url()).env("WAYPOST_APP_SECRET", APP_SECRET);
    for role in ["publisher", "viewer", "compliance"] {
        let (_, secret) = server.token(&["--role", role])?;
        python.env(format!("WAYPOST_TOKEN_{}", role.to_uppercase()), secret);
    }
    Ok(python)
}
