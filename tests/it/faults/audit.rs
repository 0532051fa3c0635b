//! Somebody alters the audit log past the program, as the database's superuser can: 30.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio_postgres::Client;
use waypost_tests::ports::free_port;

use super::Scale;
use super::run::{RULES, Run};
use crate::database;
use crate::deployment::{Backend, Deployment, client};

/// What is done to the record `SEQ`, which the verifier then names.
const ALTERATIONS: [(&str, &str); 10] = [
    ("another actor", "UPDATE audit SET actor = 'tokens/somebody' WHERE seq = SEQ"),
    ("another time", "UPDATE audit SET at = at + 1 WHERE seq = SEQ"),
    ("another method", "UPDATE audit SET method = method || 's' WHERE seq = SEQ"),
    ("another resource", "UPDATE audit SET resource = 'teams/other' WHERE seq = SEQ"),
    ("another value before", "UPDATE audit SET before_json = before_json || ' ' WHERE seq = SEQ"),
    ("another value after", "UPDATE audit SET after_json = after_json || ' ' WHERE seq = SEQ"),
    ("another hash", "UPDATE audit SET hash = sha256(hash) WHERE seq = SEQ"),
    ("taken out", "DELETE FROM audit WHERE seq = SEQ"),
    (
        "taken out, and those after it moved up",
        "DELETE FROM audit WHERE seq = SEQ;
         UPDATE audit SET seq = -seq WHERE seq > SEQ;
         UPDATE audit SET seq = -seq - 1 WHERE seq < 0",
    ),
    (
        "what another record says",
        "UPDATE audit SET (actor, method, resource, before_json, after_json) =
             (SELECT actor, method, resource, before_json, after_json FROM audit WHERE seq = SEQ - 1)
         WHERE seq = SEQ",
    ),
];

#[tokio::test]
async fn fault_30_audit_records_altered() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let address = format!("127.0.0.1:{}", free_port());
    let deployment = Deployment::new(Backend::Servers, RULES)?.set("grpc.listen", &address);
    let url = deployment.servers().context("servers")?.postgres_url.clone();
    let _waypost = deployment.start().await?;
    let office = Office::of(&deployment, format!("http://{address}"))?;
    let mut run = Run::start("30 audit records altered", &deployment)?;
    run.accepted(100).await;

    office.change_teams(scale.pick(3, 20))?;
    let whole = office.verdict()?;
    ensure!(whole["valid"] == true, "before anything was done: {whole}");
    let head: i64 = whole["head_seq"].as_str().context("a head")?.parse()?;
    let superuser = database::session(&url).await?;
    superuser.batch_execute("SET session_replication_role = replica; CREATE TABLE kept AS TABLE audit").await?;
    // Neither the first record, which nothing stands before, nor the last, which the head vouches for, is special.
    for seq in scale.pick(vec![2, head], (2..=head).collect()) {
        for (what, statements) in ALTERATIONS {
            superuser.batch_execute(&statements.replace("SEQ", &seq.to_string())).await?;
            let found = office.verdict()?;
            ensure!(found["valid"] == false, "record {seq}, {what}: nobody noticed");
            let named = found["broken_record"].as_str().unwrap_or_default();
            ensure!(named == format!("auditRecords/{seq}"), "record {seq}, {what}: {found}");
            restore(&superuser).await?;
        }
    }
    // Under all of this, messages were routed, and the chain goes on from where it was.
    office.change_teams(1)?;
    let whole = office.verdict()?;
    ensure!(
        whole["valid"] == true && whole["verified"].as_str() == Some(&*(head + 2).to_string()),
        "when all is back: {whole}"
    );
    run.healed().await?;
    run.accepted(100).await;
    run.finish().await?;
    Ok(())
}

async fn restore(superuser: &Client) -> anyhow::Result<()> {
    Ok(superuser.batch_execute("BEGIN; DELETE FROM audit; INSERT INTO audit TABLE kept; COMMIT").await?)
}

/// Who administers, and who checks on them.
struct Office {
    server: String,
    publisher: PathBuf,
    compliance: PathBuf,
}

impl Office {
    fn of(deployment: &Deployment, server: String) -> anyhow::Result<Self> {
        let token = |role| deployment.token(role);
        Ok(Self { server, publisher: token("publisher")?, compliance: token("compliance")? })
    }

    /// So many teams, made and taken away again: two records each.
    fn change_teams(&self, count: usize) -> anyhow::Result<()> {
        for n in 0..count {
            let team = format!("night-{n}");
            for words in [["teams", "create", &team], ["teams", "delete", &team]] {
                let output = self.command(&self.publisher, &words)?.output()?;
                ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
        Ok(())
    }

    fn verdict(&self) -> anyhow::Result<Value> {
        let output = self.command(&self.compliance, &["audit", "verify"])?.output()?;
        let verdict: Value = serde_json::from_slice(&output.stdout)?;
        // A person who does not read must be told, too.
        ensure!(output.status.success() == (verdict["valid"] == true), "{:?}: {verdict}", output.status);
        Ok(verdict)
    }

    fn command(&self, token: &Path, words: &[&str]) -> anyhow::Result<std::process::Command> {
        client(&self.server, token, words)
    }
}
