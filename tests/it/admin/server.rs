//! The callers of a running administration.

use std::ops::{Deref, DerefMut};

use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Request, Status};
use tonic_types::StatusExt as _;
use waypost_proto::admin_v1::team_service_client::TeamServiceClient;

pub(super) struct AdminServer(waypost_tests::AdminServer);

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

impl Deref for AdminServer {
    type Target = waypost_tests::AdminServer;

    fn deref(&self) -> &waypost_tests::AdminServer {
        &self.0
    }
}

impl DerefMut for AdminServer {
    fn deref_mut(&mut self) -> &mut waypost_tests::AdminServer {
        &mut self.0
    }
}

impl AdminServer {
    pub(super) async fn start() -> anyhow::Result<Self> {
        Self::start_with("").await
    }

    /// `more`: further lines of section `[grpc]`.
    pub(super) async fn start_with(more: &str) -> anyhow::Result<Self> {
        // Other tests of this program may have installed it.
        rustls::crypto::ring::default_provider().install_default().ok();
        waypost_tests::AdminServer::start(more).await.map(Self)
    }

    /// Writes a file for a command; gives its path.
    pub(super) fn file(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let path = self.folder().join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    pub(super) async fn start_without_rules() -> anyhow::Result<Self> {
        Self::start_without_rules_with("").await
    }

    pub(super) async fn start_without_rules_with(more: &str) -> anyhow::Result<Self> {
        waypost_tests::AdminServer::start_without_rules(more).await.map(Self)
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
        let ca = Certificate::from_pem(std::fs::read(self.ca_file())?);
        let mut tls = ClientTlsConfig::new().ca_certificate(ca).domain_name("localhost");
        if let Some(identity) = identity {
            tls = tls.identity(identity);
        }
        let endpoint = Channel::from_shared(format!("https://127.0.0.1:{}", self.port()))?;
        Ok(endpoint.tls_config(tls)?.connect().await?)
    }
}

pub(super) fn teams(caller: &Caller) -> TeamServiceClient {
    TeamServiceClient::new(caller.clone())
}

/// The fields that a refusal names, and the reason that it gives, whichever there is.
pub(super) fn told(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let fields = details.bad_request().into_iter().flat_map(|bad| bad.field_violations.iter());
    let reason = details.error_info().map(|info| info.reason.clone());
    fields.map(|violation| violation.field.clone()).chain(reason).collect()
}
