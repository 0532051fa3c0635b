//! The signature header and the subscription handshake: nobody gets in without the secret, whatever they write.
//!
//! The input is a line for each signature header, an empty line, and the body. The body is also read as the query of
//! a handshake.

use waypost_cloud_api::handshake;
use waypost_cloud_api::signature::{self, AppSecrets, Provider};

/// Two, as while a secret is rotated.
const SECRETS: [&str; 2] = ["fuzz-new", "fuzz-old"];
const VERIFY_TOKEN: &str = "fuzz-token";

pub const WORDS: &[&str] = &[
    "sha256=",
    "SHA256=",
    "sha1=",
    "\n",
    "\n\n",
    "hub.mode=",
    "hub.verify_token=",
    "hub.challenge=",
    "subscribe",
    VERIFY_TOKEN,
    "&",
    "+",
    "%2D",
    "%00",
    "%ff",
    "%",
];

pub fn check(data: &[u8]) {
    let (headers, body) = parts(data);
    let secrets = AppSecrets::new(SECRETS).expect("neither is empty");
    let right = SECRETS.map(|secret| signature::sign(secret, body));
    let is_right = |header: &[u8]| right.iter().any(|right| right.as_bytes() == header);
    let is_believed = matches!(headers.as_slice(), [only] if is_right(only));
    for provider in [Provider::Meta, Provider::D360] {
        let outcome = signature::verify(provider, &headers, body, &secrets);
        assert_eq!(outcome.is_ok(), is_believed, "{outcome:?}");
    }
    // What a finder of bytes cannot guess: the right signature is believed for any body, and for no other.
    let right = right[0].as_bytes();
    assert_eq!(signature::verify(Provider::Meta, &[right], body, &secrets), Ok(()));
    let longer = [body, b" "].concat();
    assert!(signature::verify(Provider::Meta, &[right], &longer, &secrets).is_err());
    handshake(&String::from_utf8_lossy(body));
}

/// A body signed by each secret, and a handshake.
pub fn seeds() -> Vec<Vec<u8>> {
    let body = r#"{"object":"whatsapp_business_account","entry":[]}"#;
    let mut seeds = vec![
        b"\nhub.mode=subscribe&hub.verify_token=fuzz-token&hub.challenge=1158201444".to_vec(),
        b"\nhub.mode=subscribe&hub.verify_token=fuzz%2Dtoken&hub.challenge=%31%32+3".to_vec(),
    ];
    for secret in SECRETS {
        let header = signature::sign(secret, body.as_bytes());
        seeds.push(format!("{header}\n\n{body}").into_bytes());
        seeds.push(format!("{header}\n{header}\n\n{body}").into_bytes());
    }
    seeds
}

fn handshake(query: &str) {
    if let Ok(challenge) = handshake::verify(query, VERIFY_TOKEN) {
        assert!(!challenge.is_empty());
        let rest = query.replace(VERIFY_TOKEN, "");
        assert!(rest.len() < query.len() || query.contains('%'), "answered without the token");
    }
    assert!(handshake::verify(query, "").is_err(), "an empty token is nobody's");
}

/// The headers and the body.
fn parts(data: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut headers = Vec::new();
    let mut rest = data;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            return (headers, rest);
        }
        headers.push(line);
    }
    (headers, rest)
}
