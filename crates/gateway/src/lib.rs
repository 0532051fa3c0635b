//! What agents' tools call over gRPC, and put on the queues of `wa.send`: messages to customers, files of both, and what was said
//! in their conversations.
//!
//! A call passes the gate of `waypost-grpc` first, with the table in `roles`; what comes off a queue has the author that the
//! broker vouches for ([`requests`]). A request to send is then read, its contact and conversation are found, and it is kept in
//! the store under its own id: whoever holds the lease on its number attempts it.
//! Must never judge whether something may go, nor give a message to WhatsApp itself; only that a message was read, and files,
//! which it passes on at once.

mod confidential;
mod conversations;
mod media;
mod messages;
pub mod metrics;
mod reads;
pub mod requests;
mod roles;
mod seen;
mod server;

pub use media::copies::{COPIES, Copies};
pub use requests::{REQUESTS, Requests};
pub use roles::METHODS;
pub use server::{Gateway, services};
pub use waypost_grpc::{BindError, GrpcConfig, GrpcLimits, ServeError, Services, TlsFiles};

use std::sync::Arc;

use waypost_domain::message::Mask;
use waypost_graph_client::{MediaStore, Messenger};
use waypost_live::SendingLive;
use waypost_store::Store;

/// What the services work with.
#[derive(Clone)]
pub struct Shared {
    pub store: Store,
    /// What of messages to customers is not shown to whoever reads them later.
    pub mask: Mask,
    /// What a request that is only asked about is judged by.
    pub sending: Arc<SendingLive>,
    /// The way to WhatsApp; `None` where this process has none.
    pub messenger: Option<Arc<dyn Messenger>>,
    /// Where files of messages are; `None` where this process has no way to WhatsApp.
    pub media: Option<Arc<dyn MediaStore>>,
    /// Called when a request was kept, for a sender in the same process.
    pub on_kept: Arc<dyn Fn() + Send + Sync>,
}
