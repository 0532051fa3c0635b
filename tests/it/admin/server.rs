//! A running administration with a certificate of its own, and its callers.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Request, Status};
use tonic_types::StatusExt as _;
use waypost_proto::admin_v1::team_service_client::TeamServiceClient;
use waypost_tests::ports::free_port;
use waypost_tests::process::waypost;
use waypost_tests::{WaypostProcess, WaypostSettings, WebhookClient};

pub(super) const APP_SECRET: &str = "test_app_secret";

const RULES: &str = r#"
[default]
team = "frontdesk"

[handover]
team = "frontdesk"
words.en = ["agent"]

[[teams]]
name = "frontdesk"

[[teams]]
name = "billing"

[[rules]]
id = "invoices"
team = "billing"
when = { keyword = ["invoice"] }
"#;

/// All components in one process on the embedded bus and store.
pub(super) struct AdminServer {
    pub(super) folder: TempDir,
    _process: WaypostProcess,
    port: u16,
    webhook_url: String,
    certificates: Certificates,
}

pub(super) type Caller = InterceptedService<Channel, Bearer>;

/// Puts a token into every call.
#[derive(Clone)]
pub(super) struct Bearer(Option<String>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(secret) = &self.0 {
            let value = MetadataValue::try_from(format!("Bearer {secret}"))
                .map_err(|error| Status::internal(error.to_string()))?;
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

impl AdminServer {
    pub(super) async fn start() -> anyhow::Result<Self> {
        Self::start_with("").await
    }

    /// `more`: further lines of section `[grpc]`. `{ca}` in it is the authority's file.
    pub(super) async fn start_with(more: &str) -> anyhow::Result<Self> {
        // The program's own TLS needs none; ours does.
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir()?;
        let certificates = Certificates::new(folder.path())?;
        let rules = folder.path().join("rules.toml");
        std::fs::write(&rules, RULES)?;
        let (port, webhook, admin) = (free_port(), free_port(), free_port());
        let more = more.replace("{ca}", &certificates.ca_file.display().to_string());
        let config = format!(
            "data_dir = {data:?}\n\
             [ingress]\nlisten = \"127.0.0.1:{webhook}\"\napp_secrets = [\"{APP_SECRET}\"]\nverify_token = \"v\"\n\
             [admin]\nlisten = \"127.0.0.1:{admin}\"\n[rules]\nfile = {rules:?}\n\
             [grpc]\nlisten = \"127.0.0.1:{port}\"\ntls_certificate_file = {certificate:?}\ntls_key_file = {key:?}\n\
             {more}\n",
            data = folder.path().join("data"),
            certificate = certificates.certificate_file,
            key = certificates.key_file,
        );
        let ready_url = format!("http://127.0.0.1:{admin}/readyz");
        let process = WaypostProcess::start(&WaypostSettings { config, ready_url, ..Default::default() }).await?;
        let webhook_url = format!("http://127.0.0.1:{webhook}/webhook");
        Ok(Self { folder, _process: process, port, webhook_url, certificates })
    }

    pub(super) fn webhook(&self) -> anyhow::Result<WebhookClient> {
        WebhookClient::new(self.webhook_url.clone(), APP_SECRET)
    }

    /// A new token's name and secret, as `waypost token create` prints them.
    pub(super) fn token(&self, arguments: &[&str]) -> anyhow::Result<(String, String)> {
        let mut command = waypost()?;
        command.args(["token", "create", "--json", "--data-dir"]).arg(self.folder.path().join("data")).args(arguments);
        let output = command.output()?;
        ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        let token: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let text = |field: &str| token[field].as_str().map(str::to_owned).context("a text");
        Ok((text("name")?, text("secret")?))
    }

    /// A caller with a new token that has this role.
    pub(super) async fn caller(&self, role: &str) -> anyhow::Result<Caller> {
        let (_, secret) = self.token(&["--role", role])?;
        self.caller_with(Some(secret)).await
    }

    pub(super) async fn caller_with(&self, secret: Option<String>) -> anyhow::Result<Caller> {
        let channel = self.connect(None).await?;
        Ok(InterceptedService::new(channel, Bearer(secret)))
    }

    pub(super) async fn connect(&self, identity: Option<Identity>) -> anyhow::Result<Channel> {
        let ca = Certificate::from_pem(std::fs::read(&self.certificates.ca_file)?);
        let mut tls = ClientTlsConfig::new().ca_certificate(ca).domain_name("localhost");
        if let Some(identity) = identity {
            tls = tls.identity(identity);
        }
        let endpoint = Channel::from_shared(format!("https://127.0.0.1:{}", self.port))?;
        Ok(endpoint.tls_config(tls)?.connect().await?)
    }

    /// A certificate of the authority that the server trusts.
    pub(super) fn client_identity(&self) -> anyhow::Result<Identity> {
        let (certificate, key) = self.certificates.issue("client")?;
        Ok(Identity::from_pem(certificate, key))
    }
}

pub(super) fn teams(caller: &Caller) -> TeamServiceClient<Caller> {
    TeamServiceClient::new(caller.clone())
}

/// The fields that a refusal names, and the reason that it gives, whichever there is.
pub(super) fn told(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let fields = details.bad_request().into_iter().flat_map(|bad| bad.field_violations.iter());
    let reason = details.error_info().map(|info| info.reason.clone());
    fields.map(|violation| violation.field.clone()).chain(reason).collect()
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

    /// Certificate and key, PEM.
    fn issue(&self, name: &str) -> anyhow::Result<(String, String)> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}
