//! Whom Bird's door believes: the address, the time and the raw bytes count, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use waypost_cloud_api::bird::signature::{AGE_MAX, Request, sign, verify};
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::carrier::signature::{SignatureError, SigningKeys};
use waypost_domain::Timestamp;

const KEY: &str = "test-secret";
const URL: &str = "https://hooks.example.com/bird";
const BODY: &str = "{\"text\":\"ñ\",\"n\":1}";
const AT: i64 = 1_795_874_400;
const TIME: &str = "1795874400";
/// Made by another program.
const SIGNATURE: &str = "e1I8OlDAEZGyuFaDPBkwi5/vwJaK9saVjR99lAjaCGA=";

/// A request, and the answer that it gets from who has these keys at this second.
struct Asked<'a> {
    signatures: &'a [&'a [u8]],
    times: &'a [&'a [u8]],
    body: &'a str,
    keys: &'a [&'a str],
    now: i64,
}

const GOOD: Asked<'static> =
    Asked { signatures: &[SIGNATURE.as_bytes()], times: &[TIME.as_bytes()], body: BODY, keys: &[KEY], now: AT };

fn check(name: &str, asked: &Asked<'_>, want: Result<(), SignatureError>) {
    let address = PublicAddress::plain(URL).unwrap();
    let keys = SigningKeys::sha256(asked.keys).unwrap();
    let Asked { signatures, times, body, now, .. } = *asked;
    let request = Request { signatures, times, body: body.as_bytes() };
    let now = Timestamp::from_millis(now * 1_000 + 999);
    assert_eq!(verify(&request, &address, &keys, now, AGE_MAX), want, "{name}");
}

#[test]
fn a_known_vector() {
    assert_eq!(sign(KEY, TIME, URL, BODY.as_bytes()), SIGNATURE);
    check("vector", &GOOD, Ok(()));
}

#[test]
fn it_is_as_old_as_five_minutes_to_either_side() {
    for (off, want) in [
        (0, Ok(())),
        (300, Ok(())),
        (-300, Ok(())),
        (301, Err(SignatureError::Stale { seconds: 301 })),
        (-301, Err(SignatureError::Stale { seconds: 301 })),
        (86_400, Err(SignatureError::Stale { seconds: 86_400 })),
    ] {
        check(&off.to_string(), &Asked { now: AT + off, ..GOOD }, want);
    }
    let stranger = Asked { now: AT + 301, keys: &["another"], ..GOOD };
    check("a stranger's", &stranger, Err(SignatureError::Mismatch));
    let address = PublicAddress::plain(URL).unwrap();
    let keys = SigningKeys::sha256([KEY]).unwrap();
    let request = Request { signatures: GOOD.signatures, times: GOOD.times, body: BODY.as_bytes() };
    let later = Timestamp::from_millis((AT + 3_600) * 1_000);
    assert_eq!(verify(&request, &address, &keys, later, Duration::from_secs(86_400)), Ok(()), "as somebody allows it");
}

#[test]
fn the_raw_bytes_the_address_and_the_time_are_signed() {
    let mismatch = Err(SignatureError::Mismatch);
    // Each is the same JSON to a parser.
    for body in ["{\"text\":\"\\u00f1\",\"n\":1}", "{\"text\": \"ñ\", \"n\": 1}", "{\"n\":1,\"text\":\"ñ\"}"] {
        check(body, &Asked { body, ..GOOD }, mismatch);
    }
    for (name, signature) in [
        ("of the query, as the former product's", sign(KEY, TIME, "a=1", BODY.as_bytes())),
        ("of an address with a query", sign(KEY, TIME, &format!("{URL}?a=1"), BODY.as_bytes())),
        ("of an address with a port", sign(KEY, TIME, "https://hooks.example.com:443/bird", BODY.as_bytes())),
        ("of another host", sign(KEY, TIME, "https://hooks.example.org/bird", BODY.as_bytes())),
        ("of JSON that was written again", sign(KEY, TIME, URL, "{\"n\":1,\"text\":\"ñ\"}".as_bytes())),
        ("of another second", sign(KEY, "1795874401", URL, BODY.as_bytes())),
        ("of the same second in other digits", sign(KEY, "01795874400", URL, BODY.as_bytes())),
        ("of another key", sign("another", TIME, URL, BODY.as_bytes())),
    ] {
        check(name, &Asked { signatures: &[signature.as_bytes()], ..GOOD }, mismatch);
    }
}

#[test]
fn either_key_will_do_while_one_takes_the_others_place() {
    check("first", &Asked { keys: &[KEY, "new"], ..GOOD }, Ok(()));
    check("second", &Asked { keys: &["new", KEY], ..GOOD }, Ok(()));
    check("none", &Asked { keys: &["new"], ..GOOD }, Err(SignatureError::Mismatch));
    assert!(SigningKeys::sha256([""]).is_err() && SigningKeys::sha256::<&str>([]).is_err());
    assert_eq!(format!("{:?}", SigningKeys::sha256([KEY]).unwrap()), "SigningKeys(1 redacted)");
}

#[test]
fn every_form_of_a_bad_header() {
    use SignatureError::{Doubled, Malformed, Missing};
    let good = SIGNATURE.as_bytes();
    check("no signature", &Asked { signatures: &[], ..GOOD }, Err(Missing));
    check("two signatures", &Asked { signatures: &[good, good], ..GOOD }, Err(Doubled));
    check("no time", &Asked { times: &[], ..GOOD }, Err(Missing));
    check("two times", &Asked { times: &[TIME.as_bytes(), TIME.as_bytes()], ..GOOD }, Err(Doubled));
    for time in ["", "soon", "-1795874400", "+1795874400", " 1795874400", "1795874400.5", "99999999999999999999"] {
        check(time, &Asked { times: &[time.as_bytes()], ..GOOD }, Err(Malformed));
    }
    let sha1 = "0noosJ6G0q/rwQs5YDtmAAAAAAA=";
    for bad in ["", "=", "not base64!", &SIGNATURE[1..], &format!(" {SIGNATURE}"), &format!("{SIGNATURE}AAAA"), sha1] {
        check(bad, &Asked { signatures: &[bad.as_bytes()], ..GOOD }, Err(Malformed));
    }
    for at in 0..SIGNATURE.len() - 2 {
        let mut wrong = good.to_vec();
        wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
        check("one digit", &Asked { signatures: &[&wrong], ..GOOD }, Err(SignatureError::Mismatch));
    }
}
