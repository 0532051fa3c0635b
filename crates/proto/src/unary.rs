//! Calls by the bytes of their messages. tonic is generic over messages and services; behind this, all that is compiled
//! once, and not for each of our methods in each crate that serves them: those cost a `match` arm, a decoding and an
//! encoding, here.

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Response, Status};

/// A service that can be called by the name of a method; the generated servers are.
#[tonic::async_trait]
pub trait UnaryService: Send + Sync + 'static {
    /// `package.Service`
    fn name(&self) -> &'static str;

    /// Carries out `method` with an encoded message, and answers with one.
    async fn call(&self, method: &str, request: Request<Bytes>) -> Result<Response<Vec<u8>>, Status>;
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
