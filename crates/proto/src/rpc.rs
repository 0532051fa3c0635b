//! Calls by the bytes of their messages. tonic is generic over messages and services; behind this, all that is compiled
//! once, and not for each of our methods in each crate that calls or serves them: those cost an encoding and a decoding,
//! here.
//!
//! A call with one message each way is [unary](RpcService::call); one with several, either way, goes as a
//! [stream](RpcService::stream) both ways.

use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use futures_util::stream::{self, BoxStream, StreamExt};
use prost::Message;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{Body as HttpBody, StdError};
use tonic::{Request, Response, Status};

/// A service that can be called by the name of a method; the generated servers are.
#[tonic::async_trait]
pub trait RpcService: Send + Sync + 'static {
    /// `package.Service`
    fn name(&self) -> &'static str;

    /// Carries out `method` with an encoded message, and answers with one.
    async fn call(&self, method: &str, request: Request<Bytes>) -> Result<Response<Vec<u8>>, Status>;

    /// Whether `method` takes or gives several messages.
    fn streams(&self, _method: &str) -> bool {
        false
    }

    /// Carries out such a `method`.
    async fn stream(
        &self,
        method: &str,
        _request: Request<Messages<Bytes>>,
    ) -> Result<Response<Messages<Vec<u8>>>, Status> {
        Err(Status::unimplemented(method.to_owned()))
    }
}

/// Messages of a call, one after the other, until their end or an error.
pub type Messages<M> = BoxStream<'static, Result<M, Status>>;

/// The largest answer is the text of a large set of rules, or the explanation of all of them.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Carries calls to a server, by the path of a method: `/package.Service/Method`.
#[tonic::async_trait]
pub trait RpcTransport: Send + Sync + 'static {
    /// Sends an encoded message, and gives the one that is answered.
    async fn call(&self, path: &str, request: Vec<u8>) -> Result<Response<Bytes>, Status>;

    /// Sends encoded messages, and gives those that are answered.
    async fn stream(
        &self,
        path: &str,
        requests: BoxStream<'static, Vec<u8>>,
    ) -> Result<Response<Messages<Bytes>>, Status>;
}

#[tonic::async_trait]
impl<T> RpcTransport for T
where
    T: GrpcService<Body, Error: Into<StdError>, Future: Send> + Clone + Send + Sync + 'static,
    T::ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
{
    async fn call(&self, path: &str, request: Vec<u8>) -> Result<Response<Bytes>, Status> {
        let mut grpc = ready(self.clone()).await?;
        grpc.unary(Request::new(request), at(path)?, BytesCodec).await
    }

    async fn stream(
        &self,
        path: &str,
        requests: BoxStream<'static, Vec<u8>>,
    ) -> Result<Response<Messages<Bytes>>, Status> {
        let mut grpc = ready(self.clone()).await?;
        let response = grpc.streaming(Request::new(requests), at(path)?, BytesCodec).await?;
        Ok(response.map(StreamExt::boxed))
    }
}

async fn ready<T>(transport: T) -> Result<Grpc<T>, Status>
where
    T: GrpcService<Body, Error: Into<StdError>>,
{
    let mut grpc = Grpc::new(transport).max_decoding_message_size(ANSWER_BYTES_MAX);
    grpc.ready().await.map_err(|error| Status::unknown(format!("not ready: {}", error.into())))?;
    Ok(grpc)
}

fn at(path: &str) -> Result<PathAndQuery, Status> {
    PathAndQuery::try_from(path).map_err(|error| Status::internal(error.to_string()))
}

/// A call that a client began.
pub type Call<M> = Pin<Box<dyn Future<Output = Result<Response<M>, Status>> + Send>>;

pub fn call<M>(server: &Arc<dyn RpcTransport>, path: &'static str, request: &impl Message) -> Call<M>
where
    M: Message + Default + 'static,
{
    let (server, request) = (Arc::clone(server), request.encode_to_vec());
    Box::pin(async move {
        let (metadata, bytes, extensions) = server.call(path, request).await?.into_parts();
        Ok(Response::from_parts(metadata, read(bytes)?, extensions))
    })
}

/// A call with one message, of which several are answered.
pub fn call_for_many<M>(server: &Arc<dyn RpcTransport>, path: &'static str, request: &impl Message) -> Call<Messages<M>>
where
    M: Message + Default + 'static,
{
    let (server, request) = (Arc::clone(server), request.encode_to_vec());
    Box::pin(async move {
        let answered = server.stream(path, stream::once(async { request }).boxed()).await?;
        Ok(answered.map(|messages| messages.map(|bytes| read(bytes?)).boxed()))
    })
}

/// A call with several messages, of which one is answered.
pub fn call_with_many<R, M>(
    server: &Arc<dyn RpcTransport>,
    path: &'static str,
    requests: BoxStream<'static, R>,
) -> Call<M>
where
    R: Message + 'static,
    M: Message + Default + 'static,
{
    let server = Arc::clone(server);
    Box::pin(async move {
        let requests = requests.map(|request| request.encode_to_vec()).boxed();
        let (metadata, mut messages, extensions) = server.stream(path, requests).await?.into_parts();
        let message = messages.next().await.unwrap_or_else(|| Err(Status::internal("there is no answer")))?;
        Ok(Response::from_parts(metadata, read(message)?, extensions))
    })
}

fn read<M: Message + Default>(bytes: Bytes) -> Result<M, Status> {
    M::decode(bytes).map_err(|error| Status::internal(error.to_string()))
}

/// The request with its message.
pub fn decode<M: Message + Default>(request: Request<Bytes>) -> Result<Request<M>, Status> {
    let (metadata, extensions, bytes) = request.into_parts();
    Ok(Request::from_parts(metadata, extensions, read(bytes)?))
}

/// The request with the one message of its stream.
pub async fn decode_one<M: Message + Default>(request: Request<Messages<Bytes>>) -> Result<Request<M>, Status> {
    let (metadata, extensions, mut messages) = request.into_parts();
    let message = messages.next().await.unwrap_or_else(|| Err(Status::internal("there is no message")))?;
    Ok(Request::from_parts(metadata, extensions, read(message)?))
}

/// The request with its messages.
pub fn decode_many<M: Message + Default + 'static>(request: Request<Messages<Bytes>>) -> Request<Messages<M>> {
    request.map(|messages| messages.map(|bytes| read(bytes?)).boxed())
}

/// The answer without its message's type.
pub fn encode<M: Message>(response: Response<M>) -> Response<Vec<u8>> {
    response.map(|message| message.encode_to_vec())
}

/// The answer as a stream of one message.
pub fn encode_one<M: Message + 'static>(response: Response<M>) -> Response<Messages<Vec<u8>>> {
    encode(response).map(|message| stream::once(async { Ok(message) }).boxed())
}

/// The answers without their messages' type.
pub fn encode_many<M: Message + 'static>(response: Response<Messages<M>>) -> Response<Messages<Vec<u8>>> {
    response.map(|messages| messages.map(|message| Ok(message?.encode_to_vec())).boxed())
}

/// Leaves messages as they are on the wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for BytesCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
