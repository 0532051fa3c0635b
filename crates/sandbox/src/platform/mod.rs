//! A WhatsApp Cloud API over real HTTP: messages are judged, accepted and told of by signed webhooks, customers do as they are
//! told, and things go wrong on demand.
//!
//! Written from Meta's pages, for any client of the API: it must never know what our own needs. The state is plain and
//! synchronous; `serve`, `route` and `pump` are all that waits.

mod actor;
mod address;
mod attached;
mod clock;
mod config;
mod content;
mod control;
mod control_api;
mod error;
mod fault;
mod fill;
mod graph;
mod group;
mod handover;
mod hook;
mod judge;
mod limits;
mod log;
mod media;
mod members;
mod message;
mod multipart;
mod news;
mod outbox;
mod people;
mod person;
mod pump;
mod reply;
mod review;
mod rotation;
mod route;
mod schedule;
mod serve;
mod shared;
mod standing;
mod state;
mod template;
mod template_rules;
mod templates;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use actor::{ActorError, Said, Tap};
pub use config::{Delivery, Limits, NumberConfig, PlatformConfig, Strangers, Unprefixed};
pub use control::{Control, PlatformCounts};
pub use fault::{Fault, FaultKind};
pub use log::{AcceptedMessage, PostedStatus, ReadMessage, RefusedMessage, SaidMessage};
pub use news::Rating;
pub use people::CustomerSpec;
pub use standing::{Hindrance, Standing};
pub use state::Holder;

use crate::error::SandboxError;

/// How long requests that are under way at the end may take.
const DRAIN: Duration = Duration::from_secs(1);

/// The platform, as long as it runs. Dropping it ends it, too.
pub struct Platform {
    addr: SocketAddr,
    control: Control,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Platform {
    /// Listens. The process must have installed a TLS provider.
    pub async fn start(config: PlatformConfig) -> Result<Self, SandboxError> {
        config.check()?;
        let listener = TcpListener::bind(config.listen).await.map_err(SandboxError::Listen)?;
        let addr = listener.local_addr().map_err(SandboxError::Listen)?;
        let body_bytes_max = config.body_bytes_max;
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let state = state::State::new(config.clone()).map_err(|error| SandboxError::Template(error.details))?;
        let shared = Arc::new(shared::Shared::new(state));
        let pump = Arc::new(pump::Pump::new(shared.clone(), &config, shutdown.clone())?);
        for lane in 0..config.delivery.lanes {
            tasks.spawn(pump.clone().run(lane));
        }
        let control = Control { shared };
        let routes = Arc::new(route::Routes { control: control.clone() });
        tasks.spawn(serve::serve(listener, routes, body_bytes_max, shutdown.clone(), DRAIN));
        tasks.close();
        Ok(Self { addr, control, shutdown, tasks })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base of the Graph API, without a version.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Ends it. Webhooks that wait are not sent any more.
    pub async fn shutdown(self) {
        self.shutdown.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
