//! The way to WhatsApp: what was allowed to go is written as the platform takes it, sent over HTTP, and the answer is read.
//!
//! It says truly what is known of a request: whether not one byte of it was sent, or nobody knows what became of it. It must
//! never send anything twice by itself unless the platform said that it did not take it, never decide what is done about a
//! failure (that is `waypost_cloud_api::error_code`), and never let a token, a number, a name or a text into an error.

mod api;
mod bird;
mod body;
mod by_number;
mod carrier;
mod config;
mod dialog360;
mod fault;
mod graph;
mod http;
mod media;
mod media_type;
mod messenger;
mod secret_file;
pub mod to_wire;
mod twilio;

pub use bird::{BIRD_MEDIA_BASE_URL, BIRD_MEDIA_HOSTS, Bird, BirdConfig};
pub use by_number::{ByNumber, MediaByNumber};
pub use config::{ConfigError, GraphConfig, HttpConfig, ProxyUrl};
pub use dialog360::{Dialog360, Dialog360Config};
pub use fault::{CallError, NotSent, Refusal, Unknown};
pub use graph::{AnswerHead, GraphApi, Listed, Span};
pub use media::{DownloadError, Downloaded, MediaFile, MediaStore, Sink, UploadError, UploadedMedia};
pub use media_type::{Hints, MediaRefused, MediaType, media_type};
pub use messenger::{Accepted, Line, Messenger, Outgoing, Sent};
pub use secret_file::SecretError;
pub use twilio::{TWILIO_MEDIA_HOSTS, Twilio, TwilioConfig};
