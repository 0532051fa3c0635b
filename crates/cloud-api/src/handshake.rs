//! The GET request by which Meta checks, once, that a callback URL is ours
//! (<https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests>).
//!
//! It must never echo anything to somebody who does not know the verify token.

use ring::hmac;

const QUERY_BYTES_MAX: usize = 4096;

/// Why the challenge was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// Not Meta's request at all: answer 400.
    #[error("not a subscription handshake: {0}")]
    Malformed(&'static str),
    /// Answer 403.
    #[error("wrong verify token")]
    WrongToken,
}

/// The challenge to answer with, for the `query` (without `?`) of the request.
pub fn verify(query: &str, verify_token: &str) -> Result<String, HandshakeError> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(HandshakeError::Malformed("query too long"));
    }
    let (mut mode, mut token, mut challenge) = (None, None, None);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let slot = match percent_decode(name).as_deref() {
            Some("hub.mode") => &mut mode,
            Some("hub.verify_token") => &mut token,
            Some("hub.challenge") => &mut challenge,
            Some(_) | None => continue,
        };
        let value = percent_decode(value).ok_or(HandshakeError::Malformed("bad percent-encoding"))?;
        if slot.replace(value).is_some() {
            return Err(HandshakeError::Malformed("a parameter is given twice"));
        }
    }
    if mode.as_deref() != Some("subscribe") {
        return Err(HandshakeError::Malformed("hub.mode is not subscribe"));
    }
    let token = token.ok_or(HandshakeError::Malformed("no hub.verify_token"))?;
    let challenge = challenge.filter(|text| !text.is_empty()).ok_or(HandshakeError::Malformed("no hub.challenge"))?;
    if is_same(&token, verify_token) { Ok(challenge) } else { Err(HandshakeError::WrongToken) }
}

/// Compares digests, so that the time taken tells nothing about where the two differ. An empty token is nobody's.
fn is_same(given: &str, expected: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"verify token");
    let tag = hmac::sign(&key, expected.as_bytes());
    hmac::verify(&key, given.as_bytes(), tag.as_ref()).is_ok() && !expected.is_empty()
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes() {
        use HandshakeError::{Malformed, WrongToken};
        let cases: Vec<(&str, &str, Result<&str, HandshakeError>)> = vec![
            ("hub.mode=subscribe&hub.verify_token=t&hub.challenge=1158201444", "t", Ok("1158201444")),
            ("hub.challenge=1&x=%zz&hub.verify_token=t&hub.mode=subscribe", "t", Ok("1")),
            ("hub%2Emode=subscribe&hub.verify_token=a%20%26+%C3%A4&hub.challenge=a%2Bb", "a & ä", Ok("a+b")),
            ("hub.mode=subscribe&hub.verify_token=T&hub.challenge=1", "t", Err(WrongToken)),
            ("hub.mode=subscribe&hub.verify_token=tt&hub.challenge=1", "t", Err(WrongToken)),
            ("hub.mode=subscribe&hub.verify_token=&hub.challenge=1", "t", Err(WrongToken)),
            ("hub.mode=subscribe&hub.verify_token=&hub.challenge=1", "", Err(WrongToken)),
            ("hub.mode=subscribe&hub.challenge=1", "t", Err(Malformed("no hub.verify_token"))),
            ("hub.mode=subscribe&hub.verify_token=t", "t", Err(Malformed("no hub.challenge"))),
            ("hub.mode=subscribe&hub.verify_token=t&hub.challenge=", "t", Err(Malformed("no hub.challenge"))),
            (
                "hub.mode=unsubscribe&hub.verify_token=t&hub.challenge=1",
                "t",
                Err(Malformed("hub.mode is not subscribe")),
            ),
            ("", "t", Err(Malformed("hub.mode is not subscribe"))),
            ("hub.mode=subscribe&hub.verify_token=%f&hub.challenge=1", "t", Err(Malformed("bad percent-encoding"))),
            ("hub.mode=subscribe&hub.verify_token=%ff&hub.challenge=1", "t", Err(Malformed("bad percent-encoding"))),
            ("hub.mode=subscribe&hub.verify_token=%+1&hub.challenge=1", "t", Err(Malformed("bad percent-encoding"))),
            (
                "hub.mode=subscribe&hub.verify_token=x&hub.verify_token=t&hub.challenge=1",
                "t",
                Err(Malformed("a parameter is given twice")),
            ),
        ];
        for (query, token, want) in cases {
            assert_eq!(verify(query, token), want.map(str::to_owned), "{query}");
        }
        let long = format!("hub.mode=subscribe&hub.verify_token=t&hub.challenge={}", "1".repeat(5000));
        assert_eq!(verify(&long, "t"), Err(Malformed("query too long")));
    }
}
