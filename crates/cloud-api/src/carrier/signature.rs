//! What the proofs of carriers have in common: the keys that are believed, and the digest in a header. What is signed,
//! each carrier says for itself.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Why a request was not believed. The answer is 401 for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Nobody signed it, or said when.
    #[error("a header of the signature is missing")]
    Missing,
    /// Which of them somebody before us looked at is anybody's guess.
    #[error("a header of the signature is there more than once")]
    Doubled,
    /// It is no digest, or no time.
    #[error("a header of the signature is not of its form")]
    Malformed,
    /// The body is not what its `content-type` says.
    #[error("the body is no form, or no object of JSON")]
    Unreadable,
    /// JSON whose digest is not part of the address.
    #[error("the address has no `bodySHA256` of this body")]
    OtherBody,
    /// Rightly signed, and at another time than now: somebody may have kept it.
    #[error("it was signed {seconds} s from our clock")]
    Stale {
        /// How far its time is from ours, to either side.
        seconds: u64,
    },
    /// Nobody whom we know signed this, or not for our address.
    #[error("the signature is of none of our keys")]
    Mismatch,
}

/// There must be a secret, and none may be empty: anybody can sign with an empty key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecrets {
    #[error("no secret given")]
    None,
    #[error("a secret is empty")]
    Empty,
}

/// The keys of one carrier that are believed: two while one takes the place of the other.
#[derive(Clone)]
pub struct SigningKeys {
    keys: Vec<hmac::Key>,
}

impl SigningKeys {
    /// Of HMAC-SHA256.
    pub fn sha256<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, InvalidSecrets> {
        Self::of(hmac::HMAC_SHA256, texts)
    }

    /// Of HMAC-SHA1: a carrier's choice, not ours. As a key of HMAC it is not broken.
    pub fn sha1<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, InvalidSecrets> {
        Self::of(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, texts)
    }

    fn of<S: AsRef<str>>(
        algorithm: hmac::Algorithm,
        texts: impl IntoIterator<Item = S>,
    ) -> Result<Self, InvalidSecrets> {
        let mut keys = Vec::new();
        for text in texts {
            if text.as_ref().is_empty() {
                return Err(InvalidSecrets::Empty);
            }
            keys.push(hmac::Key::new(algorithm, text.as_ref().as_bytes()));
        }
        if keys.is_empty() { Err(InvalidSecrets::None) } else { Ok(Self { keys }) }
    }

    pub(crate) const fn count(&self) -> usize {
        self.keys.len()
    }

    /// Whether one of them made `tag` of `signed`. Takes as long for every tag of one length.
    pub(crate) fn have_signed(&self, signed: &[u8], tag: &[u8]) -> bool {
        self.keys.iter().any(|key| hmac::verify(key, signed, tag).is_ok())
    }

    /// In base64, by the first of them.
    pub(crate) fn sign(&self, signed: &[u8]) -> String {
        self.keys.first().map(|key| STANDARD.encode(hmac::sign(key, signed))).unwrap_or_default()
    }

    /// The digest that the one value of a header holds, in base64.
    pub(crate) fn tag(&self, header_values: &[&[u8]]) -> Result<Vec<u8>, SignatureError> {
        let length = self.keys.first().map_or(0, |key| key.algorithm().digest_algorithm().output_len());
        let tag = STANDARD.decode(only(header_values)?).ok();
        tag.filter(|tag| tag.len() == length).ok_or(SignatureError::Malformed)
    }
}

/// The one value of a header.
pub(crate) fn only<'a>(header_values: &[&'a [u8]]) -> Result<&'a [u8], SignatureError> {
    match header_values {
        [] => Err(SignatureError::Missing),
        [value] => Ok(value),
        [_, _, ..] => Err(SignatureError::Doubled),
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({} redacted)", self.count())
    }
}
