//! The private servers of a test run: RabbitMQ and PostgreSQL, on free ports, with data folders of their own.

use std::ffi::OsString;

use anyhow::Context;
use waypost_tests::postgres::{self, PostgresServer};
use waypost_tests::rabbitmq::{self, RabbitNode};

use crate::debian;

/// Stopped when dropped.
pub(crate) struct Servers {
    rabbitmq: RabbitNode,
    postgres: PostgresServer,
}

impl Servers {
    /// Installs what is missing and starts both.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        install_missing().await?;
        let (rabbitmq, postgres) = tokio::try_join!(start_rabbitmq(), start_postgres())?;
        Ok(Self { rabbitmq, postgres })
    }

    pub(crate) const fn rabbitmq(&self) -> &RabbitNode {
        &self.rabbitmq
    }

    /// How tests find them.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        vec![
            (rabbitmq::NODE_ENV, self.rabbitmq.handle().description_file().into()),
            (rabbitmq::URL_ENV, self.rabbitmq.amqp_url("/").into()),
            (postgres::URL_ENV, self.postgres.url("postgres").into()),
        ]
    }
}

/// A private node, for commands that need nothing else.
pub(crate) async fn start_rabbitmq() -> anyhow::Result<RabbitNode> {
    let node = tokio::task::spawn_blocking(RabbitNode::start).await?.context("cannot start a private RabbitMQ")?;
    println!("RabbitMQ on port {}", node.handle().port());
    Ok(node)
}

async fn start_postgres() -> anyhow::Result<PostgresServer> {
    let server =
        tokio::task::spawn_blocking(PostgresServer::start).await?.context("cannot start a private PostgreSQL")?;
    println!("PostgreSQL on port {}", server.port());
    Ok(server)
}

/// What the tests need.
struct Needed {
    name: &'static str,
    is_installed: bool,
    debian_package: &'static str,
    elsewhere: &'static str,
}

async fn install_missing() -> anyhow::Result<()> {
    let mut needed = vec![
        Needed {
            name: "RabbitMQ",
            is_installed: rabbitmq::programs_folder().is_ok(),
            debian_package: "rabbitmq-server",
            elsewhere: "install RabbitMQ 3.10 or later (macOS: `brew install rabbitmq`); where its programs lie in an \
                        unusual folder, name that in WAYPOST_TEST_RABBITMQ_BIN",
        },
        Needed {
            name: "PostgreSQL",
            is_installed: postgres::programs_folder().is_ok(),
            debian_package: "postgresql",
            elsewhere: "install PostgreSQL 15 or later (macOS: `brew install postgresql`); where its programs lie in an \
                        unusual folder, name that in WAYPOST_TEST_POSTGRES_BIN",
        },
    ];
    // Where they may, tests break networks of their own; elsewhere they say that they cannot.
    if cfg!(target_os = "linux") && rustix::process::geteuid().is_root() {
        needed.push(Needed {
            name: "ip",
            is_installed: is_in_path("ip"),
            debian_package: "iproute2",
            elsewhere: "install iproute2",
        });
    }
    let missing: Vec<&Needed> = needed.iter().filter(|server| !server.is_installed).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|needed| needed.debian_package).collect();
    debian::install(&packages).await.with_context(|| {
        let lines: Vec<String> =
            missing.iter().map(|server| format!("{} was not found: {}", server.name, server.elsewhere)).collect();
        format!(
            "{}\nNo service needs to run, private ones are started from the programs. Nothing was installed",
            lines.join("\n")
        )
    })
}

fn is_in_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
