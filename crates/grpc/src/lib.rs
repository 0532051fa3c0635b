//! What every gRPC service of ours shares: the server with its TLS and limits, the gate with tokens and roles, pages,
//! errors, field masks, and changes that leave an audit record.
//!
//! A component fills [`Services`] with its services and the rows of its methods, and runs a [`GrpcServer`] with them. A
//! call passes the gate first: who is it, and may they? Then the service reads the request ([`fields`], [`page`]), and
//! answers or says why not ([`CallError`]). Whatever changes something goes through [`change`](change::change).
//!
//! Must never know a component, nor what any method means.

pub mod change;
pub mod config;
mod connection;
mod dispatch;
pub mod error;
pub mod fields;
mod gate;
pub mod metrics;
pub mod page;
pub mod recipients;
pub mod roles;
pub mod secret;
pub mod server;
pub mod titles;

pub use change::{Changed, Mutation, Tx, change};
pub use config::{GrpcConfig, GrpcLimits};
pub use error::{CallError, Violations};
pub use gate::Caller;
pub use roles::{Access, Role};
pub use server::{BindError, GrpcServer, ServeError, Services};
pub use waypost_files::TlsFiles;

/// What every function of a service returns.
pub type Result<T, E = CallError> = std::result::Result<T, E>;

/// Runs `work`, which takes processor time, on a thread of its own, so that other calls go on meanwhile.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| CallError::Internal(format!("a computation ended early: {error}")))?
}

/// Implements the generated trait of a service by functions of the service's own that have the same names, take the
/// same requests, and answer with a message or with a [`CallError`].
#[macro_export]
macro_rules! serve {
    ($service:ident for $server:ty { $($method:ident: $request:ty => $response:ty,)* }) => {
        #[tonic::async_trait]
        impl $service for $server {
            $(
                async fn $method(
                    &self,
                    request: tonic::Request<$request>,
                ) -> Result<tonic::Response<$response>, tonic::Status> {
                    // An inherent function goes before the trait's own; without one, the types would not fit.
                    let answer: $crate::Result<$response> = self.$method(request).await;
                    Ok(tonic::Response::new(answer?))
                }
            )*
        }
    };
}
