//! How a file goes and comes, alike for all that repeat Meta's API
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, Response, Url};
use ring::digest::{self, Digest};
use tokio::io::AsyncWriteExt;
use waypost_cloud_api::answer::{MediaUrl, Uploaded};

use super::{DownloadError, Downloaded, MediaFile, Sink, UploadError, UploadedMedia};
use crate::api::{Api, Call};
use crate::body::Payload;
use crate::fault::CallError;
use crate::http::Fault;
use crate::media_type::media_type;

/// Where a file is fetched from.
pub(crate) struct Place {
    pub url: Url,
    /// Whether it is shown the token.
    pub knows_us: bool,
}

/// `url`: the platform's address for files.
pub(crate) async fn upload(api: &Api, url: Url, file: MediaFile<'_>) -> Result<UploadedMedia, UploadError> {
    let media_type = media_type(file.kind, &file.bytes, file.hints)?;
    let size_bytes = file.bytes.len() as u64;
    let call = Call::new(Method::POST, url, Some(Payload::media_form(file.bytes, media_type)));
    let answer = api.call(&call).await?;
    let uploaded = Uploaded::read(&answer.body).map_err(CallError::Answer)?;
    Ok(UploadedMedia { id: uploaded.id, media_type, size_bytes })
}

/// `look_up`: where the platform says where the file is. `place`: where it is fetched from then; `None`: from there it is not.
pub(crate) async fn download(
    api: &Api,
    look_up: Url,
    place: impl Fn(Url) -> Option<Place>,
    bytes_max: u64,
    sink: Sink<'_>,
) -> Result<Downloaded, DownloadError> {
    // An address lives for five minutes, and sometimes less: then it is asked for once more.
    for _ in 0..2 {
        let answer = api.call(&Call::get(look_up.clone())).await.map_err(not_found)?;
        let at = MediaUrl::read(&answer.body).map_err(CallError::Answer)?;
        let url = Url::parse(&at.url).map_err(|_| DownloadError::Address)?;
        let Place { url, knows_us } = place(url).ok_or(DownloadError::Address)?;
        let response = api.open(url, knows_us).await?;
        match response.status().as_u16() {
            404 => {}
            200 => return fetch(api, response, at, bytes_max, sink).await,
            _ => {
                let answer = api.http().rest(response).await.map_err(Fault::from)?;
                answer.done()?;
                return Err(DownloadError::Damaged("status"));
            }
        }
    }
    Err(DownloadError::Gone)
}

/// An id that names nothing, because it has died or is not for this token, is refused as a wrong parameter.
fn not_found(error: CallError) -> DownloadError {
    match error.failure().and_then(|failure| failure.code) {
        Some(WRONG_PARAMETER) => DownloadError::Gone,
        Some(_) | None => error.into(),
    }
}

const WRONG_PARAMETER: i64 = 100;

async fn fetch(
    api: &Api,
    mut response: Response,
    at: MediaUrl,
    bytes_max: u64,
    sink: Sink<'_>,
) -> Result<Downloaded, DownloadError> {
    let too_large = |bytes: u64| if bytes > bytes_max { Err(DownloadError::TooLarge { bytes_max }) } else { Ok(()) };
    too_large(at.file_size.max(response.content_length()).unwrap_or(0))?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut size_bytes = 0;
    while let Some(chunk) = api.http().chunk(&mut response).await.map_err(Fault::from)? {
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

/// Answers write it in hex, webhooks in base64.
fn is_hash(wanted: &str, hash: Digest) -> bool {
    wanted.eq_ignore_ascii_case(&hex::encode(hash)) || wanted == STANDARD.encode(hash)
}
