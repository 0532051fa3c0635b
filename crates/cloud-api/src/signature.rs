//! The proof that a webhook comes from Meta: HMAC-SHA256 over the raw bytes of the body, keyed with the app secret
//! (<https://developers.facebook.com/docs/graph-api/webhooks/getting-started#event-notifications>).
//!
//! It must never look at anything but the bytes as they arrived: a body that was parsed and written again has another
//! signature.

use std::fmt;

use ring::hmac;

pub use crate::carrier::signature::InvalidSecrets;
use crate::carrier::signature::SigningKeys;

const PREFIX: &[u8] = b"sha256=";
const DIGEST_BYTES: usize = 32;
const HEADER_BYTES: usize = PREFIX.len() + 2 * DIGEST_BYTES;

/// Who signs. Both write the same form; only the header's name differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    Meta,
    /// 360dialog, a reseller that forwards Meta's bodies under its own signature.
    D360,
}

impl Provider {
    /// In lower case.
    pub const fn header_name(self) -> &'static str {
        match self {
            Self::Meta => "x-hub-signature-256",
            Self::D360 => "x-360dialog-signature",
        }
    }
}

/// Why a body was not believed. The answer is 401 for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("no signature header")]
    Missing,
    #[error("more than one signature header")]
    Doubled,
    #[error("signature is not `sha256=` and 64 lowercase hexadecimal digits")]
    Malformed,
    #[error("signature matches no app secret")]
    Mismatch,
}

/// The app secrets that are believed: several while a secret is rotated, or for several apps.
#[derive(Clone)]
pub struct AppSecrets(SigningKeys);

impl AppSecrets {
    /// From the app secrets in use: during a rotation there are two.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, InvalidSecrets> {
        SigningKeys::sha256(secrets).map(Self)
    }
}

impl fmt::Debug for AppSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppSecrets({} redacted)", self.0.count())
    }
}

/// Checks `body`, exactly as received, against all values of the signature header.
pub fn verify(
    provider: Provider,
    header_values: &[&[u8]],
    body: &[u8],
    secrets: &AppSecrets,
) -> Result<(), SignatureError> {
    let value = match header_values {
        [] => return Err(SignatureError::Missing),
        [value] => value,
        // Which of them a proxy in front of us has looked at is anybody's guess.
        [_, _, ..] => return Err(SignatureError::Doubled),
    };
    let tag = match provider {
        Provider::Meta | Provider::D360 => parse(value)?,
    };
    if secrets.0.have_signed(body, &tag) { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// The header value that Meta would send with `body`.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, body)))
}

fn parse(value: &[u8]) -> Result<[u8; DIGEST_BYTES], SignatureError> {
    let digits = value.strip_prefix(PREFIX).ok_or(SignatureError::Malformed)?;
    if value.len() != HEADER_BYTES || digits.iter().any(u8::is_ascii_uppercase) {
        return Err(SignatureError::Malformed);
    }
    let mut tag = [0; DIGEST_BYTES];
    hex::decode_to_slice(digits, &mut tag).map_err(|_| SignatureError::Malformed)?;
    Ok(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "test_app_secret";
    const COMPACT: &str = r#"{"object":"whatsapp_business_account","entry":[]}"#;
    const SPACED: &str = r#"{"object": "whatsapp_business_account", "entry": []}"#;
    const COMPACT_TAG: &str = "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756";
    const SPACED_TAG: &str = "56cbbaf4961c6cfdae48b7f116c047e5eb513d2c931baae63a2bc1afd26f803a";

    fn check(name: &str, headers: &[&[u8]], body: &[u8], secrets: &[&str], want: Result<(), SignatureError>) {
        let secrets = AppSecrets::new(secrets).unwrap();
        for provider in [Provider::Meta, Provider::D360] {
            assert_eq!(verify(provider, headers, body, &secrets), want, "{name}");
        }
    }

    #[test]
    fn known_vectors() {
        for (body, tag) in [(COMPACT, COMPACT_TAG), (SPACED, SPACED_TAG)] {
            let header = format!("sha256={tag}");
            assert_eq!(sign(SECRET, body.as_bytes()), header);
            check("vector", &[header.as_bytes()], body.as_bytes(), &[SECRET], Ok(()));
        }
    }

    #[test]
    fn every_form_of_a_bad_header() {
        use SignatureError::{Doubled, Malformed, Mismatch, Missing};
        let good = format!("sha256={COMPACT_TAG}");
        let with = |text: String| text.into_bytes();
        let cases: Vec<(&str, Vec<Vec<u8>>, SignatureError)> = vec![
            ("missing", vec![], Missing),
            ("doubled", vec![with(good.clone()), with(good.clone())], Doubled),
            ("doubled, the second one bad", vec![with(good.clone()), vec![]], Doubled),
            ("empty", vec![vec![]], Malformed),
            ("only the prefix", vec![with("sha256=".into())], Malformed),
            ("short", vec![with(good[..good.len() - 1].into())], Malformed),
            ("long", vec![with(format!("{good}0"))], Malformed),
            ("uppercase", vec![with(format!("sha256={}", COMPACT_TAG.to_uppercase()))], Malformed),
            ("one uppercase digit", vec![with(good.replacen('d', "D", 1))], Malformed),
            ("no prefix", vec![with(COMPACT_TAG.into())], Malformed),
            ("sha1", vec![with(format!("sha1={COMPACT_TAG}00"))], Malformed),
            ("uppercase prefix", vec![with(format!("SHA256={COMPACT_TAG}"))], Malformed),
            ("leading space", vec![with(format!(" sha256={}", &COMPACT_TAG[1..]))], Malformed),
            ("trailing space", vec![with(format!("sha256={} ", &COMPACT_TAG[1..]))], Malformed),
            ("not hexadecimal", vec![with(good.replacen('d', "g", 1))], Malformed),
            ("not ASCII", vec![with(format!("sha256=é{}", &COMPACT_TAG[2..]))], Malformed),
            ("not UTF-8", vec![[b"sha256=", &[0xff; 64][..]].concat()], Malformed),
            ("two in one", vec![with(format!("{good},{good}"))], Malformed),
            ("of another body", vec![with(format!("sha256={SPACED_TAG}"))], Mismatch),
            ("zeros", vec![with(format!("sha256={}", "0".repeat(64)))], Mismatch),
        ];
        for (name, headers, want) in cases {
            let headers: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
            check(name, &headers, COMPACT.as_bytes(), &[SECRET], Err(want));
        }
    }

    /// All of it is compared, not its beginning or its end.
    #[test]
    fn every_bit_and_every_digit_counts() {
        let tag = hex::decode(COMPACT_TAG).unwrap();
        let verdict = |header: String, want| check(&header, &[header.as_bytes()], COMPACT.as_bytes(), &[SECRET], want);
        for bit in 0..8 * DIGEST_BYTES {
            let mut wrong = tag.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            verdict(format!("sha256={}", hex::encode(wrong)), Err(SignatureError::Mismatch));
        }
        let right = COMPACT_TAG.len();
        for digits in (0..right).chain(right + 1..=2 * right) {
            let digits: String = COMPACT_TAG.chars().cycle().take(digits).collect();
            verdict(format!("sha256={digits}"), Err(SignatureError::Malformed));
        }
    }

    #[test]
    fn any_of_several_secrets_will_do() {
        let header = sign("new", COMPACT.as_bytes());
        check("first", &[header.as_bytes()], COMPACT.as_bytes(), &["new", "old"], Ok(()));
        check("second", &[header.as_bytes()], COMPACT.as_bytes(), &["old", "new"], Ok(()));
        check("none", &[header.as_bytes()], COMPACT.as_bytes(), &["old"], Err(SignatureError::Mismatch));
    }

    #[test]
    fn the_bytes_count_and_not_what_they_mean() {
        // Each pair is the same JSON to a parser.
        let pairs = [
            (r#"{"a":"äöå"}"#, r#"{"a":"\u00e4\u00f6\u00e5"}"#),
            (r#"{"a":"👋"}"#, r#"{"a":"\ud83d\udc4b"}"#),
            (r#"{"a":"https:\/\/x"}"#, r#"{"a":"https://x"}"#),
            (r#"{"a":"\u0040b"}"#, r#"{"a":"@b"}"#),
            (r#"{"a":1}"#, "{\"a\":1}\n"),
        ];
        for (left, right) in pairs {
            for (signed, sent, want) in
                [(left, left, Ok(())), (right, right, Ok(())), (left, right, Err(SignatureError::Mismatch))]
            {
                let header = sign(SECRET, signed.as_bytes());
                check(sent, &[header.as_bytes()], sent.as_bytes(), &[SECRET], want);
            }
        }
        let raw: &[u8] = &[0xff, 0x00, 0xc3];
        check("not even text", &[sign(SECRET, raw).as_bytes()], raw, &[SECRET], Ok(()));
    }

    #[test]
    fn secrets_are_there_and_are_not_shown() {
        assert_eq!(AppSecrets::new::<&str>([]).unwrap_err(), InvalidSecrets::None);
        assert_eq!(AppSecrets::new(["a", ""]).unwrap_err(), InvalidSecrets::Empty);
        assert_eq!(format!("{:?}", AppSecrets::new([SECRET]).unwrap()), "AppSecrets(1 redacted)");
    }
}
