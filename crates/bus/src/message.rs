//! What travels on the bus.

use std::collections::BTreeMap;

use bytes::Bytes;

/// The header with whom the broker vouches for as the publisher (AMQP `user-id`), and nobody else: an adapter throws away what
/// a stranger writes here. What we publish ourselves, such as a dead letter, keeps it.
pub const USER_HEADER: &str = "wp-user";
/// The header with the queue that whoever published it wants an answer in (AMQP `reply-to`).
pub const REPLY_TO_HEADER: &str = "wp-reply-to";
/// The header by which they know the answer again (AMQP `correlation-id`).
pub const CORRELATION_HEADER: &str = "wp-correlation-id";

/// A message. Cloning is cheap but for the headers: the body is shared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// AMQP `message-id`. The same effect always has the same id; consumers deduplicate by it. At most 255 bytes.
    pub id: String,
    /// AMQP `type`: what the body is, e.g. `waypost.event.v1`. At most 255 bytes.
    pub kind: String,
    /// MIME type of the body. At most 255 bytes.
    pub content_type: String,
    /// Small text headers. Names starting with `x-` belong to the broker; what AMQP has fields for stands here under
    /// [`USER_HEADER`], [`REPLY_TO_HEADER`] and [`CORRELATION_HEADER`], where a publisher has said it.
    pub headers: BTreeMap<String, String>,
    pub body: Bytes,
}

/// A message in a consumer's hands, until it is given back to [`Consumer::ack`](crate::Consumer::ack).
///
/// Deliberately not `Clone`: what was acknowledged is gone.
#[derive(Debug)]
pub struct Delivery {
    pub message: Message,
    /// How often it was delivered before without being acknowledged, as far as the bus knows; 0 at first.
    pub delivery_count: u32,
    /// Whether it may have been in somebody's hands before. True whenever `delivery_count` is above 0.
    pub redelivered: bool,
    tag: u64,
}

impl Delivery {
    /// For adapters: `tag` is the adapter's own handle.
    pub const fn new(message: Message, delivery_count: u32, redelivered: bool, tag: u64) -> Self {
        Self { message, delivery_count, redelivered, tag }
    }

    /// For adapters.
    pub const fn tag(&self) -> u64 {
        self.tag
    }
}
