//! The port of files: what is to be sent is given to the platform, and what customers sent is fetched from it. What it promises
//! is held by the suite in `tests/it/media.rs`, which every implementation passes.
//!
//! The platform's address of a file and the token are shown to nobody.

mod transfer;

use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncWrite;
use waypost_domain::send::content::MediaKind;

use crate::fault::CallError;
use crate::http::Fault;
use crate::media_type::{Hints, MediaRefused, MediaType};
use crate::messenger::Line;

pub(crate) use transfer::{Place, download, fetch_from, is_one_of, upload};

/// Where a fetched file is written to, as it comes.
pub type Sink<'a> = &'a mut (dyn AsyncWrite + Unpin + Send);

/// Keeps files for a while.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// Gives the platform a file to be sent from this number. What it is, is read from its bytes.
    async fn upload(&self, from: &Line, file: MediaFile<'_>) -> Result<UploadedMedia, UploadError>;

    /// Writes a file that a customer sent to this number.
    async fn download(&self, to: &Line, media_id: &str, sink: Sink<'_>) -> Result<Downloaded, DownloadError>;

    /// Takes a file away from the platform. Messages that were sent with it keep it.
    async fn delete(&self, of: &Line, media_id: &str) -> Result<(), CallError>;
}

/// A file that is to be sent.
#[derive(Debug, Clone)]
pub struct MediaFile<'a> {
    /// As what.
    pub kind: MediaKind,
    /// The whole of it.
    pub bytes: Bytes,
    /// What it says of itself. It is believed where its bytes say nothing.
    pub hints: Hints<'a>,
}

/// A file that can be sent for 30 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedMedia {
    /// Meta's id of it.
    pub id: String,
    /// By its bytes.
    pub media_type: MediaType,
    /// Of the file.
    pub size_bytes: u64,
}

/// Why a file was not uploaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// WhatsApp does not take it; nothing was sent.
    #[error(transparent)]
    Refused(#[from] MediaRefused),
    /// The call came to nothing. Uploading once more does no harm.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A file that was fetched whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// As its sender says.
    pub mime_type: Option<String>,
    /// Of what was written.
    pub size_bytes: u64,
    /// Of what was written, in hex.
    pub sha256: String,
}

/// Why a file was not fetched. What was written of it until then is of no use.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// A call came to nothing.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It has an address, and is not there, also after it was asked for anew; or it has none any more, or not for this token.
    #[error("the file is not where the platform says it is")]
    Gone,
    /// The platform's address of it is none that may be asked.
    #[error("the address of the file is not one that may be asked")]
    Address,
    /// It is larger than what is fetched.
    #[error("the file has more than {bytes_max} bytes")]
    TooLarge {
        /// What is fetched at most.
        bytes_max: u64,
    },
    /// What came is not what the platform keeps.
    #[error("the file came damaged: its {0} is another")]
    Damaged(&'static str),
    /// Whoever wanted it does not take it.
    #[error("what was fetched cannot be written")]
    Sink(#[source] io::Error),
}

impl From<Fault> for DownloadError {
    fn from(fault: Fault) -> Self {
        Self::Call(fault.into())
    }
}
