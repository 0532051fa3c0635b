//! The component `admin` in this process: its configuration (keys `grpc.*`) and its start. It has no queues of its own and
//! holds no leases.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing::info;
use waypost_admin::{Admin, GrpcConfig, GrpcLimits, Services, TeamQueues, TlsFiles, generate_secret, hash_secret};
use waypost_ops::State;
use waypost_store::Store;

use super::Config;
use super::Process;
use super::ending::Tasks;
use super::gateway;
use super::local::{self, LocalFile};
use super::section::{Problems, millis, section};
use super::templates;
use waypost_cli::Failure;

/// The component's name.
pub(crate) const COMPONENT: &str = "admin";

section! {
    /// The component `admin`: the administration over gRPC.
    GrpcSection = "grpc" {
        /// Where it answers; nowhere but at `grpc.local` where absent. Without TLS only on a loopback address.
        #[serde(skip_serializing_if = "Option::is_none")]
        listen: Option<SocketAddr> = None,
        /// On the embedded bus: whether commands on this machine reach the process, at a free port of the loopback address
        /// and with a token. Both are in `admin.json` in `data_dir`, for the owner of that folder alone.
        local: bool = true,
        /// Certificate chain (PEM), read again when it changes.
        #[serde(skip_serializing_if = "Option::is_none")]
        tls_certificate_file: Option<PathBuf> = None,
        /// Its key (PEM), read again when it changes.
        #[serde(skip_serializing_if = "Option::is_none")]
        tls_key_file: Option<PathBuf> = None,
        /// Certificate authorities (PEM) of the callers: with it, each needs a certificate besides its token.
        #[serde(skip_serializing_if = "Option::is_none")]
        client_ca_file: Option<PathBuf> = None,
        /// Whether callers with a token may ask which services there are.
        reflection: bool = false,
        /// A larger request is refused.
        request_bytes_max: usize = GrpcLimits::default().request_bytes_max,
        /// How long a call may take.
        request_timeout_ms: u64 = millis(GrpcLimits::default().request_timeout),
        /// Open connections; one more closes the one that has been in its TLS handshake longest, or waits. A handshake may take
        /// 10 s.
        connections_max: usize = GrpcLimits::default().connections_max,
        /// Calls under way on one connection.
        streams_max: u32 = GrpcLimits::default().streams_max,
        /// Calls under way on all connections.
        requests_max: usize = GrpcLimits::default().requests_max,
    }
}

impl GrpcSection {
    /// `alone`: the process runs nothing else that is reached elsewhere. Among others nobody from elsewhere reaches it without `listen`.
    pub(crate) fn check(&self, alone: bool, problems: &mut Problems) {
        // Of the listener for this machine, too.
        problems.require(self.request_bytes_max > 0, "grpc.request_bytes_max", "must be above 0");
        problems.require(self.request_timeout_ms > 0, "grpc.request_timeout_ms", "must be above 0");
        problems.require(self.connections_max > 0, "grpc.connections_max", "must be above 0");
        problems.require(self.streams_max > 0, "grpc.streams_max", "must be above 0");
        problems.require(self.requests_max > 0, "grpc.requests_max", "must be above 0");
        let Some(listen) = self.listen else {
            problems.require(!alone, "grpc.listen", "is needed to run nothing but the components admin and gateway");
            return;
        };
        let has_tls = self.tls_certificate_file.is_some() && self.tls_key_file.is_some();
        let tls_pair = self.tls_certificate_file.is_some() == self.tls_key_file.is_some();
        problems.require(tls_pair, "grpc.tls_key_file", "certificate and key file go together");
        let hint = "needs a certificate (grpc.tls_certificate_file), or a loopback address: tokens travel in it";
        problems.require(has_tls || listen.ip().is_loopback(), "grpc.listen", hint);
        let hint = "needs a certificate of the server too";
        problems.require(has_tls || self.client_ca_file.is_none(), "grpc.client_ca_file", hint);
    }
}

impl GrpcSection {
    /// Certificate and key, where there are both.
    pub(crate) fn tls_files(&self) -> Option<TlsFiles> {
        let (certificate_file, key_file) = self.tls_certificate_file.clone().zip(self.tls_key_file.clone())?;
        Some(TlsFiles { certificate_file, key_file, client_ca_file: self.client_ca_file.clone() })
    }
}

impl Config {
    /// Whether there is anything to answer at.
    pub(crate) fn administers(&self) -> bool {
        self.grpc.listen.is_some() || self.is_local()
    }

    /// `None`: it listens for nobody from elsewhere.
    pub(super) fn grpc_config(&self) -> Option<GrpcConfig> {
        let section = &self.grpc;
        Some(GrpcConfig {
            listen: section.listen?,
            tls: section.tls_files(),
            reflection: section.reflection,
            owner: None,
            limits: self.grpc_limits(),
        })
    }

    fn grpc_limits(&self) -> GrpcLimits {
        let section = &self.grpc;
        GrpcLimits {
            request_bytes_max: section.request_bytes_max,
            request_timeout: Duration::from_millis(section.request_timeout_ms),
            connections_max: section.connections_max,
            streams_max: section.streams_max,
            requests_max: section.requests_max,
            drain_timeout: self.worker.drain_timeout(),
        }
    }
}

/// Starts it in a process, at each address that it has.
pub(super) async fn start(process: &Process<'_>, store: &Store, tasks: &mut Tasks) -> Result<(), Failure> {
    let Process { config, health, .. } = process;
    let beside = gateway::beside(process, store, tasks).await?;
    let services = || beside.clone().map(waypost_gateway::services).unwrap_or_default();
    if let Some(grpc) = config.grpc_config() {
        let (tls, reflection) = (grpc.tls.is_some(), grpc.reflection);
        let admin = bind(process, grpc, store, services()).await?;
        info!(listen = ?admin.local_addr(), tls, reflection, "administration listens");
        spawn(process, admin, None, tasks);
    }
    if config.is_local() {
        start_local(process, store, services(), tasks).await?;
    }
    // Beyond bus and store, which every process is asked for, it needs its listeners alone.
    health.register_state(COMPONENT, "listener", || State::Ready);
    Ok(())
}

/// For the commands of this machine.
async fn start_local(process: &Process<'_>, store: &Store, beside: Services, tasks: &mut Tasks) -> Result<(), Failure> {
    let folder = &process.config.data_dir;
    let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("grpc.local: {}: {error}", folder.display()));
    let token = generate_secret().map_err(|error| failed(&error))?;
    let grpc = GrpcConfig {
        listen: local::LISTEN,
        tls: None,
        reflection: false,
        owner: Some(hash_secret(&token)),
        limits: process.config.grpc_limits(),
    };
    let admin = bind(process, grpc, store, beside).await?;
    let address = admin.local_addr().ok_or_else(|| failed(&"the system does not say where it listens"))?;
    let file = LocalFile::write(folder, address, token).map_err(|error| failed(&error))?;
    info!(listen = %address, "administration listens for the commands of this machine");
    spawn(process, admin, Some(file), tasks);
    Ok(())
}

async fn bind(process: &Process<'_>, grpc: GrpcConfig, store: &Store, beside: Services) -> Result<Admin, Failure> {
    let config = process.config;
    let queues = TeamQueues {
        declare: config.bus.declare,
        messages_max: config.bus.team_queue_messages_max,
        serves: config.bus.is_embedded().then(|| config.layout()),
        asked: process.asked_teams.clone(),
    };
    let (bus, store, templates) = (process.bus.clone(), store.clone(), templates::source(config)?);
    let admin = Admin::bind(grpc, bus, store, queues, config.watched(), templates, beside).await;
    admin.map_err(|error| Failure::config(format!("grpc: {error}")))
}

/// `file` says where it listens, as long as it does.
fn spawn(process: &Process<'_>, admin: Admin, file: Option<LocalFile>, tasks: &mut Tasks) {
    let stop = process.shutdown.clone();
    process.ending.spawn(tasks, COMPONENT, async move {
        let ran = admin.run(stop).await.map_err(|error| Failure::failed(format!("grpc: {error}")));
        drop(file);
        ran
    });
}
