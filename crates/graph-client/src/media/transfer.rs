//! How a file goes and comes, alike for all that repeat Meta's API
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media>), and how it comes from carriers
//! whose files have lasting addresses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_TYPE, HeaderName, LOCATION};
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

/// Addresses that lead on to others.
const HOPS_MAX: usize = 4;

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

/// Of a file whose address is known. It is asked with the secret; where it leads elsewhere, that is followed without
/// it, to the service itself or over TLS to one of `hosts`.
pub(crate) async fn fetch_from(
    api: &Api,
    url: Url,
    hosts: &[String],
    bytes_max: u64,
    sink: Sink<'_>,
) -> Result<Downloaded, DownloadError> {
    let mut response = api.open(url, true).await?;
    for _ in 0..HOPS_MAX {
        match response.status().as_u16() {
            200 => {
                let mime_type = header(&response, CONTENT_TYPE).map(str::to_owned);
                let at = MediaUrl { url: String::new(), mime_type, sha256: None, file_size: None, id: None };
                return fetch(api, response, at, bytes_max, sink).await;
            }
            301 | 302 | 303 | 307 | 308 => {
                let next = next_of(&response).ok_or(DownloadError::Address)?;
                let may_be_asked = api.is_ours(&next) || (next.scheme() == "https" && is_one_of(hosts, &next));
                if !may_be_asked {
                    return Err(DownloadError::Address);
                }
                response = api.open(next, false).await?;
            }
            404 | 410 => return Err(DownloadError::Gone),
            _ => {
                api.http().rest(response).await.map_err(Fault::from)?.done()?;
                return Err(DownloadError::Damaged("status"));
            }
        }
    }
    Err(DownloadError::Address)
}

/// Where it leads, below its own address where it says no whole one.
fn next_of(response: &Response) -> Option<Url> {
    response.url().join(header(response, LOCATION)?).ok()
}

fn header(response: &Response, name: HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
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

/// Whether an address is of a host that is known; `.fbcdn.net` stands for every host below it.
pub(crate) fn is_one_of(hosts: &[String], url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_it = |known: &String| if known.starts_with('.') { host.ends_with(known) } else { host == known };
    hosts.iter().any(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_whole_or_by_its_end() {
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
