//! Files at Meta (<https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media>): uploaded to be sent, fetched
//! when a customer sent them, deleted. Meta's address of a file and the token are shown to nobody.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::{Method, Response, Url};
use ring::digest::{self, Digest};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use waypost_cloud_api::answer::{MediaUrl, Uploaded};
use waypost_cloud_api::send::FieldError;
use waypost_domain::send::content::MediaKind;

use super::GraphApi;
use crate::api::{Call, id};
use crate::body::Payload;
use crate::fault::{CallError, NotSent};
use crate::http::Fault;
use crate::media_type::{Hints, MediaRefused, MediaType, media_type};
use crate::messenger::Line;

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
    /// It has an address, and is not there, also after it was asked for anew.
    #[error("the file is not where Meta says it is")]
    Gone,
    /// Meta's address of it is none that may be asked.
    #[error("the address of the file is not one of https")]
    Address,
    /// It is larger than what is fetched.
    #[error("the file has more than {bytes_max} bytes")]
    TooLarge {
        /// What is fetched at most.
        bytes_max: u64,
    },
    /// What came is not what Meta keeps.
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

impl GraphApi {
    /// Gives Meta a file to be sent from this number. What it is, is read from its bytes.
    pub async fn upload(&self, from: &Line, file: MediaFile<'_>) -> Result<UploadedMedia, UploadError> {
        let media_type = media_type(file.kind, &file.bytes, file.hints)?;
        let size_bytes = file.bytes.len() as u64;
        let number = id("phone_number_id", &from.phone_number_id).map_err(request)?;
        let body = Some(Payload::media_form(file.bytes, media_type));
        let call = Call::new(Method::POST, self.url(&[number, "media"]), body);
        let answer = self.api.call(&call).await?;
        let uploaded = Uploaded::read(&answer.body).map_err(CallError::Answer)?;
        Ok(UploadedMedia { id: uploaded.id, media_type, size_bytes })
    }

    /// Where a file lies for five minutes. It is [`download`](Self::download) that needs it, and nobody else.
    async fn media_url(&self, to: &Line, media_id: &str) -> Result<MediaUrl, CallError> {
        let answer = self.api.call(&Call::get(self.media(to, media_id)?)).await?;
        Ok(MediaUrl::read(&answer.body)?)
    }

    /// Writes a file that a customer sent to this number into `sink`, as it comes.
    pub async fn download(
        &self,
        to: &Line,
        media_id: &str,
        sink: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<Downloaded, DownloadError> {
        // An address lives for five minutes, and sometimes less: then it is asked for once more.
        for _ in 0..2 {
            let at = self.media_url(to, media_id).await?;
            let url = Url::parse(&at.url).map_err(|_| DownloadError::Address)?;
            let is_ours = self.api.is_ours(&url);
            if url.scheme() != "https" && !is_ours {
                return Err(DownloadError::Address);
            }
            let knows_us = is_ours || is_one_of(&self.media_hosts, &url);
            let response = self.api.open(url, knows_us).await?;
            match response.status().as_u16() {
                404 => {}
                200 => return self.fetch(response, at, sink).await,
                _ => {
                    let answer = self.api.http().rest(response).await.map_err(Fault::from)?;
                    answer.done()?;
                    return Err(DownloadError::Damaged("status"));
                }
            }
        }
        Err(DownloadError::Gone)
    }

    /// Takes a file away from Meta. Messages that were sent with it keep it.
    pub async fn delete_media(&self, of: &Line, media_id: &str) -> Result<(), CallError> {
        self.api.command(&Call::delete(self.media(of, media_id)?)).await
    }

    async fn fetch(
        &self,
        mut response: Response,
        at: MediaUrl,
        sink: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<Downloaded, DownloadError> {
        let bytes_max = self.media_bytes_max;
        let too_large =
            |bytes: u64| if bytes > bytes_max { Err(DownloadError::TooLarge { bytes_max }) } else { Ok(()) };
        too_large(at.file_size.max(response.content_length()).unwrap_or(0))?;
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut size_bytes = 0;
        while let Some(chunk) = self.api.http().chunk(&mut response).await.map_err(Fault::from)? {
            size_bytes += chunk.len() as u64;
            too_large(size_bytes)?;
            hash.update(&chunk);
            sink.write_all(&chunk).await.map_err(DownloadError::Sink)?;
        }
        sink.flush().await.map_err(DownloadError::Sink)?;
        let hash = hash.finish();
        if at.file_size.is_some_and(|size| size != size_bytes) {
            return Err(DownloadError::Damaged("size"));
        }
        if at.sha256.is_some_and(|wanted| !is_hash(&wanted, hash)) {
            return Err(DownloadError::Damaged("SHA-256"));
        }
        Ok(Downloaded { mime_type: at.mime_type, size_bytes, sha256: hex::encode(hash) })
    }

    /// With the number, so that Meta looks whether the file was sent to it.
    fn media(&self, line: &Line, media_id: &str) -> Result<Url, NotSent> {
        let number = id("phone_number_id", &line.phone_number_id)?;
        let mut url = self.url(&[id("media_id", media_id)?]);
        url.query_pairs_mut().append_pair("phone_number_id", number);
        Ok(url)
    }
}

/// Whether the token may be shown to whoever has the file.
fn is_one_of(hosts: &[String], url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_it = |known: &String| if known.starts_with('.') { host.ends_with(known) } else { host == known };
    hosts.iter().any(is_it)
}

fn request(error: FieldError) -> CallError {
    NotSent::Request(error).into()
}

/// Answers write it in hex, webhooks in base64.
fn is_hash(wanted: &str, hash: Digest) -> bool {
    wanted.eq_ignore_ascii_case(&hex::encode(hash)) || wanted == STANDARD.encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_shown_to_hosts_that_are_known() {
        let hosts = ["lookaside.fbsbx.com".to_owned(), ".fbcdn.net".to_owned()];
        let check = |url: &str, want| assert_eq!(is_one_of(&hosts, &Url::parse(url).unwrap()), want, "{url}");
        check("https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1", true);
        check("https://LOOKASIDE.fbsbx.com:443/", true);
        check("https://scontent.fbcdn.net/", true);
        for other in ["a.lookaside.fbsbx.com", "lookaside.fbsbx.com.evil.example", "fbcdn.net", "xfbcdn.net", "[::1]"] {
            check(&format!("https://{other}/"), false);
        }
        check("https://lookaside.fbsbx.com@evil.example/", false);
    }
}
