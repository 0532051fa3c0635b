//! Files at Meta: what an upload gives, and where a file can be fetched.

use std::fmt;

use super::{AnswerError, fields};
use crate::json::{integer, string};

/// A file that was uploaded to be sent; it stays for 30 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// The media id.
    pub id: String,
}

/// Where a file can be fetched for five minutes, with the token.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaUrl {
    /// To be asked for anew when it answers 404.
    pub url: String,
    /// What it is, as its sender says.
    pub mime_type: Option<String>,
    /// Of its bytes, in hex.
    pub sha256: Option<String>,
    /// Of its bytes.
    pub file_size: Option<u64>,
    /// The media id.
    pub id: Option<String>,
}

/// Where an example for a template is uploaded to: `upload:…`.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadSession {
    /// Its path, with a signature.
    pub id: String,
}

/// An example for a template. No media id.
#[derive(Clone, PartialEq, Eq)]
pub struct ExampleHandle {
    /// What a template's `header_handle` takes.
    pub handle: String,
}

impl Uploaded {
    /// The answer to POST `/{phone_number_id}/media`.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let [id] = fields(body, &["id"])?;
        Ok(Self { id: string(id).ok_or(AnswerError::Missing("id"))? })
    }
}

impl MediaUrl {
    /// The answer to GET `/{media_id}`.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let [url, mime_type, sha256, file_size, id] = fields(body, &["url", "mime_type", "sha256", "file_size", "id"])?;
        Ok(Self {
            url: string(url).ok_or(AnswerError::Missing("url"))?,
            mime_type: string(mime_type),
            sha256: string(sha256),
            file_size: integer(file_size).and_then(|size| u64::try_from(size).ok()),
            id: string(id),
        })
    }
}

impl UploadSession {
    /// The answer to POST `/{app_id}/uploads`.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let [id] = fields(body, &["id"])?;
        let id = string(id).filter(|id| id.starts_with("upload:"));
        Ok(Self { id: id.ok_or(AnswerError::Missing("id"))? })
    }
}

impl ExampleHandle {
    /// The answer to the bytes of the example.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let [handle] = fields(body, &["h"])?;
        Ok(Self { handle: string(handle).ok_or(AnswerError::Missing("h"))? })
    }
}

/// What opens a file is a secret.
macro_rules! hidden {
    ($($name:ident),+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        })+
    };
}
hidden!(MediaUrl, UploadSession, ExampleHandle);
