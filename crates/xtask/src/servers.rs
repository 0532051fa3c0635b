//! The private servers of a test run: RabbitMQ and PostgreSQL, on free ports, with data folders of their own.

use std::ffi::OsString;

use anyhow::Context;
use waypost_tests::rabbitmq::{self, RabbitNode};

use crate::debian;

/// Stopped when dropped.
pub(crate) struct Servers {
    rabbitmq: RabbitNode,
}

impl Servers {
    /// Installs what is missing and starts both.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        install_missing().await?;
        Ok(Self { rabbitmq: start_rabbitmq().await? })
    }

    /// How tests find them.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        vec![
            (rabbitmq::NODE_ENV, self.rabbitmq.handle().description_file().into()),
            (rabbitmq::URL_ENV, self.rabbitmq.amqp_url("/").into()),
        ]
    }
}

/// A private node, for commands that need nothing else.
pub(crate) async fn start_rabbitmq() -> anyhow::Result<RabbitNode> {
    let node = tokio::task::spawn_blocking(RabbitNode::start).await?.context("cannot start a private RabbitMQ")?;
    println!("RabbitMQ on port {}", node.handle().port());
    Ok(node)
}

/// A server that the tests need.
struct Needed {
    name: &'static str,
    is_installed: bool,
    debian_package: &'static str,
    elsewhere: &'static str,
}

async fn install_missing() -> anyhow::Result<()> {
    let needed = [Needed {
        name: "RabbitMQ",
        is_installed: rabbitmq::programs_folder().is_ok(),
        debian_package: "rabbitmq-server",
        elsewhere: "install RabbitMQ 3.10 or later (macOS: `brew install rabbitmq`), no service needs to run; \
                    set WAYPOST_TEST_RABBITMQ_BIN to the folder of rabbitmq-server and rabbitmqctl if it is an unusual one",
    }];
    let missing: Vec<&Needed> = needed.iter().filter(|server| !server.is_installed).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|server| server.debian_package).collect();
    debian::install(&packages).await.with_context(|| {
        let lines: Vec<String> =
            missing.iter().map(|server| format!("{} was not found: {}", server.name, server.elsewhere)).collect();
        lines.join("\n")
    })
}
