//! The proof that a request comes from Twilio (<https://www.twilio.com/docs/usage/security>): HMAC-SHA1, keyed with the auth
//! token, over the public address and, of a form, its fields in the order of their names. Of JSON the address itself holds the
//! digest of the body.
//!
//! It must never believe an address that the request says of itself: the configured one counts.

use ring::digest;

use super::fields::{Fields, Form};
use crate::carrier::address::PublicAddress;
use crate::carrier::signature::{SignatureError, SigningKeys};

/// In lower case.
pub const HEADER_NAME: &str = "x-twilio-signature";
/// The parameter of the address with the body's SHA-256, in hex.
const BODY_DIGEST: &str = "bodySHA256";

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
    tokens: &SigningKeys,
) -> Result<Fields<'a>, SignatureError> {
    let tag = tokens.tag(request.header_values)?;
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
    let mut spellings = address.signed(request.query).map(|signed| signed + &told);
    let known = spellings.any(|signed| tokens.have_signed(signed.as_bytes(), &tag));
    match fields {
        _ if !known => Err(SignatureError::Mismatch),
        Some(fields) => Ok(fields),
        None => read(),
    }
}

/// The header value that Twilio would send with this form, for the address as it stands here with its query.
pub fn sign(token: &str, address: &str, fields: &Fields<'_>) -> String {
    let signed = address.to_owned() + &in_order(fields);
    SigningKeys::sha1([token]).map(|keys| keys.sign(signed.as_bytes())).unwrap_or_default()
}

/// The parameter that the address of a request with this body of JSON has in its query.
pub fn body_digest(body: &[u8]) -> String {
    format!("{BODY_DIGEST}={}", hex::encode(digest::digest(&digest::SHA256, body)))
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
