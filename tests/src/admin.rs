//! A `waypost` that answers the administration over TLS, with certificates of its own, and tokens for its callers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::waypost;
use crate::{WaypostProcess, WaypostSettings, WebhookClient};

/// What webhooks are signed with.
pub const APP_SECRET: &str = "test_app_secret";
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// Two teams, so that one can be told from the other.
const RULES: &str = crate::two_teams!(
    r#"
[[rules]]
id = "invoices"
team = "billing"
tags = ["money"]
skills = ["accounting"]
escalation = [{ after_minutes = 30, team = "frontdesk" }]
when = { keyword = ["invoice"] }
"#
);

/// All components in one process on the embedded bus and store.
pub struct AdminServer {
    folder: TempDir,
    settings: WaypostSettings,
    process: WaypostProcess,
    port: u16,
    webhook_url: String,
    certificates: Certificates,
}

impl AdminServer {
    /// `more`: further lines of section `[grpc]`; `{ca}` in them is the authority's file.
    pub async fn start(more: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let rules = folder.path().join("rules.toml");
        std::fs::write(&rules, RULES)?;
        Self::start_in(folder, &format!("[rules]\nfile = {rules:?}\n"), more).await
    }

    /// One that decides by what is activated. `more` as for [`start`](Self::start).
    pub async fn start_without_rules(more: &str) -> anyhow::Result<Self> {
        Self::start_in(tempfile::tempdir()?, "", more).await
    }

    async fn start_in(folder: TempDir, rules: &str, more: &str) -> anyhow::Result<Self> {
        let certificates = Certificates::new(folder.path())?;
        let (port, webhook, admin) = (free_port(), free_port(), free_port());
        let more = more.replace("{ca}", &certificates.ca_file.display().to_string());
        let config = format!(
            "data_dir = {data:?}\n\
             [ingress]\nlisten = \"127.0.0.1:{webhook}\"\napp_secrets = [\"{APP_SECRET}\"]\nverify_token = \"v\"\n\
             [ops]\nlisten = \"127.0.0.1:{admin}\"\n{rules}\
             [grpc]\nlisten = \"127.0.0.1:{port}\"\ntls_certificate_file = {certificate:?}\ntls_key_file = {key:?}\n\
             {more}\n",
            data = folder.path().join("data"),
            certificate = certificates.certificate_file,
            key = certificates.key_file,
        );
        let ready_url = format!("http://127.0.0.1:{admin}/readyz");
        // Without rules it is not ready, and answers the administration.
        let ready_when = rules.is_empty().then(|| "admin listener: ready\n".to_owned());
        let settings = WaypostSettings { config, ready_url, ready_when, ..Default::default() };
        let process = WaypostProcess::start(&settings).await?;
        let webhook_url = format!("http://127.0.0.1:{webhook}/webhook");
        Ok(Self { folder, settings, process, port, webhook_url, certificates })
    }

    /// Ends it in good order, and starts it again as it was configured.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.restart_without("").await
    }

    /// The same, without this part of its configuration.
    pub async fn restart_without(&mut self, part: &str) -> anyhow::Result<()> {
        self.restart_with(part, "").await
    }

    /// The same, with `other` in the place of this part of its configuration.
    pub async fn restart_with(&mut self, part: &str, other: &str) -> anyhow::Result<()> {
        self.process.terminate(ENDS_WITHIN).await?;
        self.settings.config = self.settings.config.replace(part, other);
        self.process = WaypostProcess::start(&self.settings).await?;
        Ok(())
    }

    /// After its end.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = WaypostProcess::start(&self.settings).await?;
        Ok(())
    }

    /// Ends it in good order; gives all that it wrote.
    pub async fn end(&mut self) -> anyhow::Result<String> {
        let status = self.process.terminate(ENDS_WITHIN).await?;
        ensure!(status.success(), "{status} after SIGTERM");
        Ok(self.process.output())
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where the embedded bus and store keep their files.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// For a file of the caller's; gone with the server.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the server's certificate, for `localhost`, is checked by.
    pub fn ca_file(&self) -> &Path {
        &self.certificates.ca_file
    }

    pub fn webhook_url(&self) -> &str {
        &self.webhook_url
    }

    pub fn webhook(&self) -> anyhow::Result<WebhookClient> {
        WebhookClient::new(self.webhook_url.clone(), APP_SECRET)
    }

    /// A new token's name and secret, as `waypost token create` prints them.
    pub fn token(&self, arguments: &[&str]) -> anyhow::Result<(String, String)> {
        let mut command = waypost()?;
        command.args(["token", "create", "--json", "--data-dir"]).arg(self.data_dir()).args(arguments);
        let output = command.output()?;
        ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        let token: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let text = |field: &str| token[field].as_str().map(str::to_owned).context("a text");
        Ok((text("name")?, text("secret")?))
    }

    /// Writes another certificate over the server's, with its key, by another authority.
    pub fn renew_certificate(&mut self) -> anyhow::Result<()> {
        self.certificates = Certificates::new(self.folder.path())?;
        Ok(())
    }

    /// Certificate and key, PEM, of the authority that the server trusts.
    pub fn client_certificate(&self) -> anyhow::Result<(String, String)> {
        self.certificates.issue("client")
    }
}

struct Certificates {
    issuer: CertifiedIssuer<'static, KeyPair>,
    ca_file: PathBuf,
    certificate_file: PathBuf,
    key_file: PathBuf,
}

impl Certificates {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        let mut authority = CertificateParams::new(Vec::<String>::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // An issuer with the name of what it issues would look like the latter's own signature.
        authority.distinguished_name.push(DnType::CommonName, "waypost test authority");
        let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let file = |name: &str| folder.join(name);
        let (ca_file, certificate_file, key_file) = (file("ca.pem"), file("server.pem"), file("server.key"));
        std::fs::write(&ca_file, issuer.pem())?;
        let certificates = Self { issuer, ca_file, certificate_file, key_file };
        let (certificate, key) = certificates.issue("localhost")?;
        std::fs::write(&certificates.certificate_file, certificate)?;
        std::fs::write(&certificates.key_file, key)?;
        Ok(certificates)
    }

    fn issue(&self, name: &str) -> anyhow::Result<(String, String)> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}
