//! The gateway as a component: its services, behind a server of its own or beside those of another component.

use std::net::SocketAddr;
use std::pin::Pin;

use tokio_util::sync::CancellationToken;
use waypost_grpc::{BindError, GrpcConfig, GrpcServer, ServeError, Services};
use waypost_proto::admin::GATEWAY_DESCRIPTOR_SET;
use waypost_proto::gateway_v1::conversation_service_server::ConversationServiceServer;
use waypost_proto::gateway_v1::media_service_server::MediaServiceServer;
use waypost_proto::gateway_v1::message_service_server::MessageServiceServer;

use crate::Shared;
use crate::conversations::Conversations;
use crate::media::Media;
use crate::messages::Messages;
use crate::roles::METHODS;

/// All that the gateway answers.
pub fn services(shared: Shared) -> Services {
    let services = Services::default().describe(METHODS, GATEWAY_DESCRIPTOR_SET);
    let services = services.serve(MessageServiceServer::new(Messages { shared: shared.clone() }));
    let services = services.serve(MediaServiceServer::new(Media::new(shared.clone())));
    services.serve(ConversationServiceServer::new(Conversations { shared }))
}

/// A gateway alone, that listens and does not answer yet.
pub struct Gateway {
    server: GrpcServer,
}

impl Gateway {
    /// Listens.
    pub async fn bind(config: GrpcConfig, shared: Shared) -> Result<Self, BindError> {
        let store = shared.store.clone();
        Ok(Self { server: GrpcServer::bind(config, store, services(shared)).await? })
    }

    /// Where it listens; `None` where the system does not say.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.server.local_addr()
    }

    /// Answers until `shutdown`; then finishes what is under way, for a while.
    ///
    /// Boxed, as each component's whole run is: so it is compiled here and not in whoever starts it.
    pub fn run(self, shutdown: CancellationToken) -> Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send>> {
        Box::pin(self.server.run(shutdown))
    }
}
