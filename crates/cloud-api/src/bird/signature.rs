//! The proof that a request comes from Bird
//! (<https://docs.bird.com/api/notifications-api/api-reference/webhooks/verifying-a-webhook>): HMAC-SHA256, keyed with
//! the signing key of the subscription, over the time, the public address and the digest of the body.
//!
//! It must never look at the query, which the former product signed, nor at JSON that was written again; and it must
//! never believe an address that the request says of itself: the configured one counts.

use std::time::Duration;

use ring::digest;
use waypost_domain::Timestamp;

use crate::carrier::address::PublicAddress;
use crate::carrier::signature::{SignatureError, SigningKeys, only};

/// In lower case.
pub const HEADER_NAME: &str = "messagebird-signature";
/// In lower case: when it was signed, in seconds since the epoch.
pub const TIME_HEADER_NAME: &str = "messagebird-request-timestamp";
/// How far the time may be from ours, where nobody says more.
pub const AGE_MAX: Duration = Duration::from_secs(5 * 60);

/// A request as it arrived.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// All values of the signature header.
    pub signatures: &'a [&'a [u8]],
    /// All values of the header with the time.
    pub times: &'a [&'a [u8]],
    /// Its bytes.
    pub body: &'a [u8],
}

/// Whether Bird signed it for this address, no longer than `age_max` before or after `now`.
pub fn verify(
    request: &Request<'_>,
    address: &PublicAddress,
    keys: &SigningKeys,
    now: Timestamp,
    age_max: Duration,
) -> Result<(), SignatureError> {
    let tag = keys.tag(request.signatures)?;
    let time = only(request.times)?;
    let at = seconds(time).ok_or(SignatureError::Malformed)?;
    if !keys.have_signed(&signed(time, address.as_str(), request.body), &tag) {
        return Err(SignatureError::Mismatch);
    }
    // Only now: what a stranger says of the time is no news.
    let seconds = now.as_millis().div_euclid(1_000).abs_diff(at);
    if seconds > age_max.as_secs() { Err(SignatureError::Stale { seconds }) } else { Ok(()) }
}

/// The header value that Bird would send with this body at this time, for the address as it stands here.
pub fn sign(key: &str, time: &str, address: &str, body: &[u8]) -> String {
    SigningKeys::sha256([key]).map(|keys| keys.sign(&signed(time.as_bytes(), address, body))).unwrap_or_default()
}

/// The time as the header has it: other digits would be another text.
fn signed(time: &[u8], address: &str, body: &[u8]) -> Vec<u8> {
    [time, b"\n", address.as_bytes(), b"\n", digest::digest(&digest::SHA256, body).as_ref()].concat()
}

fn seconds(time: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(time).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}
