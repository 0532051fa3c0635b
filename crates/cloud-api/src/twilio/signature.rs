//! The proof that a request comes from Twilio (<https://www.twilio.com/docs/usage/security>): HMAC-SHA1, keyed with the auth
//! token, over the public address and, of a form, its fields in the order of their names. Of JSON the address itself holds the
//! digest of the body.
//!
//! It must never believe an address that the request says of itself: the configured one counts.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

use super::address::PublicAddress;
use super::fields::{Fields, Form};
use crate::signature::{InvalidSecrets, keys};

/// In lower case.
pub const HEADER_NAME: &str = "x-twilio-signature";
const DIGEST_BYTES: usize = 20;
/// The parameter of the address with the body's SHA-256, in hex.
const BODY_DIGEST: &str = "bodySHA256";

/// Why a request was not believed. The answer is 401 for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Nobody signed it.
    #[error("no signature header")]
    Missing,
    /// Which of them somebody before us looked at is anybody's guess.
    #[error("more than one signature header")]
    Doubled,
    /// It is no digest.
    #[error("signature is not base64 of 20 bytes")]
    Malformed,
    /// The body is not what its `content-type` says.
    #[error("the body is no form, or no object of JSON")]
    Unreadable,
    /// JSON whose digest is not part of the address.
    #[error("the address has no `bodySHA256` of this body")]
    OtherBody,
    /// Nobody whom we know signed this, or not for our address.
    #[error("signature matches no auth token")]
    Mismatch,
}

/// The auth tokens that are believed: two while one takes the place of the other.
#[derive(Clone)]
pub struct AuthTokens {
    keys: Vec<hmac::Key>,
}

impl AuthTokens {
    /// From the tokens in use.
    pub fn new<S: AsRef<str>>(tokens: impl IntoIterator<Item = S>) -> Result<Self, InvalidSecrets> {
        Ok(Self { keys: keys(tokens, key)? })
    }
}

impl fmt::Debug for AuthTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthTokens({} redacted)", self.keys.len())
    }
}

/// A request as it arrived.
#[derive(Clone, Copy)]
pub struct Request<'h, 'a> {
    /// All values of the signature header.
    pub header_values: &'h [&'h [u8]],
    /// Of its target, as it came.
    pub query: Option<&'h str>,
    /// By its `content-type`.
    pub form: Form,
    /// Its bytes.
    pub body: &'a [u8],
}

/// The fields of a request that Twilio signed for this address.
pub fn verify<'a>(
    request: &Request<'_, 'a>,
    address: &PublicAddress,
    tokens: &AuthTokens,
) -> Result<Fields<'a>, SignatureError> {
    let value = match request.header_values {
        [] => return Err(SignatureError::Missing),
        [value] => value,
        [_, _, ..] => return Err(SignatureError::Doubled),
    };
    let tag = STANDARD.decode(value).ok().filter(|tag| tag.len() == DIGEST_BYTES).ok_or(SignatureError::Malformed)?;
    let read = || Fields::read(request.form, request.body).ok_or(SignatureError::Unreadable);
    // JSON is looked into once it is believed: its fields are no part of what is signed.
    let (fields, told) = match request.form {
        Form::UrlEncoded => {
            let fields = read()?;
            let told = in_order(&fields);
            (Some(fields), told)
        }
        Form::Json if is_digest_of(request.query, request.body) => (None, String::new()),
        Form::Json => return Err(SignatureError::OtherBody),
    };
    let is_signed = |signed: &String| tokens.keys.iter().any(|key| hmac::verify(key, signed.as_bytes(), &tag).is_ok());
    let known = address.signed(request.query).map(|signed| signed + &told).any(|signed| is_signed(&signed));
    match fields {
        _ if !known => Err(SignatureError::Mismatch),
        Some(fields) => Ok(fields),
        None => read(),
    }
}

/// The header value that Twilio would send with this form, for the address as it stands here with its query.
pub fn sign(token: &str, address: &str, fields: &Fields<'_>) -> String {
    let signed = address.to_owned() + &in_order(fields);
    STANDARD.encode(hmac::sign(&key(token), signed.as_bytes()))
}

/// The parameter that the address of a request with this body of JSON has in its query.
pub fn body_digest(body: &[u8]) -> String {
    format!("{BODY_DIGEST}={}", hex::encode(digest::digest(&digest::SHA256, body)))
}

fn key(token: &str) -> hmac::Key {
    // Twilio's scheme, not ours: as a key of HMAC it is not broken.
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes())
}

/// Names and values, each pair once, by the name and then by the value.
fn in_order(fields: &Fields<'_>) -> String {
    let mut pairs: Vec<(&str, &str)> = fields.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

/// The digest is no secret: whoever signs the address vouches for it.
fn is_digest_of(query: Option<&str>, body: &[u8]) -> bool {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut digests = pairs.filter(|(name, _)| name == BODY_DIGEST).map(|(_, digest)| digest);
    let want = hex::encode(digest::digest(&digest::SHA256, body));
    digests.next().is_some_and(|digest| digest.eq_ignore_ascii_case(&want)) && digests.next().is_none()
}
