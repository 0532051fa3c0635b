//! From a path to a service: all methods of all services go through the one instantiation of tonic's machinery here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Ready, ready};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use prost::bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::{Request, Response, Status, Streaming};
use waypost_proto::rpc::{BytesCodec, Messages, RpcService};

/// For which a stream that was opened may say nothing.
const FIRST_MESSAGE_TIME: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Dispatch {
    services: HashMap<&'static str, Arc<dyn RpcService>>,
    /// Of one request's message.
    pub(crate) request_bytes_max: usize,
}

impl Dispatch {
    pub(crate) fn add(&mut self, service: impl RpcService) {
        self.services.insert(service.name(), Arc::new(service));
    }

    pub(crate) fn add_all(&mut self, other: Self) {
        self.services.extend(other.services);
    }

    /// The method at `path`; `None` where none of these services has it.
    pub(crate) fn find(&self, path: &str) -> Option<Method> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        let service = Arc::clone(self.services.get(service)?);
        Some(Method { service, name: method.to_owned(), request_bytes_max: self.request_bytes_max, permit: None })
    }
}

/// A method of a service.
pub(crate) struct Method {
    service: Arc<dyn RpcService>,
    name: String,
    request_bytes_max: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Method {
    /// `permit` is held until the service has answered.
    pub(crate) async fn answer(
        mut self,
        request: http::Request<Body>,
        permit: OwnedSemaphorePermit,
    ) -> http::Response<Body> {
        self.permit = Some(permit);
        let grpc = tonic::server::Grpc::new(BytesCodec);
        let mut grpc = grpc.apply_max_message_size_config(Some(self.request_bytes_max), None);
        if self.service.streams(&self.name) {
            return grpc.streaming(self, request).await;
        }
        let _held = self.permit.take();
        grpc.unary(self, request).await
    }
}

impl tonic::server::UnaryService<Bytes> for Method {
    type Response = Vec<u8>;
    type Future = BoxFuture<'static, Result<Response<Vec<u8>>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (service, name) = (Arc::clone(&self.service), self.name.clone());
        Box::pin(async move { service.call(&name, request).await })
    }
}

/// The answer begins at once, and the work is done as it is read: so it does not count against the time of one request, and whoever
/// does it bounds its waits, and how many there are once the service has answered.
impl tonic::server::StreamingService<Bytes> for Method {
    type Response = Vec<u8>;
    type ResponseStream = Messages<Vec<u8>>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let (service, name) = (Arc::clone(&self.service), self.name.clone());
        let permit = self.permit.take();
        let answered = async move {
            let _held = permit;
            let (metadata, extensions, mut messages) = request.into_parts();
            let late = |_| Status::deadline_exceeded("the first message did not come");
            let first = timeout(FIRST_MESSAGE_TIME, messages.next()).await.map_err(late)?;
            let messages = stream::iter(first).chain(messages).boxed();
            let answered = service.stream(&name, Request::from_parts(metadata, extensions, messages)).await?;
            Ok::<_, Status>(answered.into_inner())
        };
        ready(Ok(Response::new(stream::once(answered).try_flatten().boxed())))
    }
}
