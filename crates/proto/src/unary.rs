//! Calls by the bytes of their messages. tonic is generic over messages and services; behind this, all that is compiled
//! once, and not for each of our methods in each crate that calls or serves them: those cost an encoding and a decoding,
//! here.

use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{Body as HttpBody, StdError};
use tonic::{Request, Response, Status};

/// A service that can be called by the name of a method; the generated servers are.
#[tonic::async_trait]
pub trait UnaryService: Send + Sync + 'static {
    /// `package.Service`
    fn name(&self) -> &'static str;

    /// Carries out `method` with an encoded message, and answers with one.
    async fn call(&self, method: &str, request: Request<Bytes>) -> Result<Response<Vec<u8>>, Status>;
}

/// The largest answer is the text of a large set of rules, or the explanation of all of them.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Carries calls to a server, by the path of a method: `/package.Service/Method`.
#[tonic::async_trait]
pub trait UnaryTransport: Send + Sync + 'static {
    /// Sends an encoded message, and gives the one that is answered.
    async fn call(&self, path: &str, request: Vec<u8>) -> Result<Response<Bytes>, Status>;
}

#[tonic::async_trait]
impl<T> UnaryTransport for T
where
    T: GrpcService<Body, Error: Into<StdError>, Future: Send> + Clone + Send + Sync + 'static,
    T::ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
{
    async fn call(&self, path: &str, request: Vec<u8>) -> Result<Response<Bytes>, Status> {
        let path = PathAndQuery::try_from(path).map_err(|error| Status::internal(error.to_string()))?;
        let mut grpc = Grpc::new(self.clone()).max_decoding_message_size(ANSWER_BYTES_MAX);
        grpc.ready().await.map_err(|error| Status::unknown(format!("not ready: {}", error.into())))?;
        grpc.unary(Request::new(request), path, BytesCodec).await
    }
}

/// A call that a client began.
pub type Call<M> = Pin<Box<dyn Future<Output = Result<Response<M>, Status>> + Send>>;

pub(crate) fn call<M>(server: &Arc<dyn UnaryTransport>, path: &'static str, request: &impl Message) -> Call<M>
where
    M: Message + Default + 'static,
{
    let (server, request) = (Arc::clone(server), request.encode_to_vec());
    Box::pin(async move {
        let (metadata, bytes, extensions) = server.call(path, request).await?.into_parts();
        let message = M::decode(bytes).map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::from_parts(metadata, message, extensions))
    })
}

/// The request with its message.
pub fn decode<M: Message + Default>(request: Request<Bytes>) -> Result<Request<M>, Status> {
    let (metadata, extensions, bytes) = request.into_parts();
    let message = M::decode(bytes).map_err(|error| Status::internal(error.to_string()))?;
    Ok(Request::from_parts(metadata, extensions, message))
}

/// The answer without its message's type.
pub fn encode<M: Message>(response: Response<M>) -> Response<Vec<u8>> {
    response.map(|message| message.encode_to_vec())
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
