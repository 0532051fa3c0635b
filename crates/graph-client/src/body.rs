//! What a request carries: JSON, or a file in a form (RFC 7578). A file is never copied to be sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::media_type::MediaType;

/// A body that can be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    pub content_type: String,
    chunks: VecDeque<Bytes>,
}

impl Payload {
    pub(crate) fn json(body: Vec<u8>) -> Self {
        Self { content_type: "application/json".to_owned(), chunks: VecDeque::from([body.into()]) }
    }

    /// `name=value&…`
    pub(crate) fn form(body: Vec<u8>) -> Self {
        Self { content_type: "application/x-www-form-urlencoded".to_owned(), chunks: VecDeque::from([body.into()]) }
    }

    /// A file as it is.
    pub(crate) fn bytes(file: Bytes) -> Self {
        Self { content_type: "application/octet-stream".to_owned(), chunks: VecDeque::from([file]) }
    }

    /// A file with what Meta wants beside it. Its own name is not told to anybody.
    pub(crate) fn media_form(file: Bytes, media_type: MediaType) -> Self {
        // 126 bits: no file holds it by chance.
        let boundary: String = std::iter::repeat_with(fastrand::alphanumeric).take(22).collect();
        let MediaType { mime_type, extension } = media_type;
        let field = |name: &str, value: &str| {
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let head = format!(
            "{}{}--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"file.{extension}\"\r\n\
             content-type: {mime_type}\r\n\r\n",
            field("messaging_product", "whatsapp"),
            field("type", mime_type),
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let content_type = format!("multipart/form-data; boundary={boundary}");
        Self { content_type, chunks: VecDeque::from([head.into(), file, tail.into()]) }
    }

    pub(crate) fn length(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }

    pub(crate) fn to_body(&self) -> reqwest::Body {
        reqwest::Body::wrap(Chunks(self.chunks.clone()))
    }
}

/// Chunks one after the other, whose length is known from the start.
struct Chunks(VecDeque<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|chunk| chunk.len() as u64).sum())
    }
}
