//! Bird's door: nobody gets in without the key, and whatever body is signed becomes a webhook in Meta's words that
//! loses nothing, or is said to be none of ours.
//!
//! The input is a line for the time of the signature, and the body behind it.

use waypost_cloud_api::bird::hook;
use waypost_cloud_api::bird::signature::{AGE_MAX, Request, sign, verify};
use waypost_cloud_api::carrier::OurNumbers;
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::carrier::signature::{SignatureError, SigningKeys};
use waypost_domain::Timestamp;

use super::carrier::is_told_well;

const KEY: &str = "fuzz-key";
const URL: &str = "https://hooks.example.com/bird";
const CHANNEL: &str = "channel-1";
const NOW_S: i64 = 1_795_874_400;

pub const WORDS: &[&str] = &[
    "1795874400\n",
    "1795874701\n",
    "\"service\":\"channels\"",
    "\"event\":\"whatsapp.inbound\"",
    "\"event\":\"whatsapp.outbound\"",
    "\"event\":\"whatsapp.interaction\"",
    "\"payload\":{\"id\":\"m-1\",\"channelId\":\"channel-1\"",
    "\"sender\":{\"contact\":{\"identifierValue\":\"+15550100001\"",
    "\"identifiers\":[{\"identifierValue\":\"US.1\"}]",
    "\"body\":{\"type\":\"text\",\"text\":{\"text\":\"",
    "\"actions\":[{\"type\":\"postback\",\"postback\":{\"payload\":\"",
    "\"image\":{\"images\":[{\"mediaUrl\":\"",
    "\"file\":{\"files\":[",
    "\"coordinates\":{\"latitude\":1,\"longitude\":2}",
    "\"meta\":{\"extraInformation\":{\"timestamp\":\"1\"}}",
    "\"status\":\"delivery_failed\"",
    "\"failure\":{\"code\":15005,\"source\":{\"code\":\"131047\"}}",
    "\"reference\":\"wp1/a/1\"",
    "\"messageId\":\"m-2\"",
    "\\ud83d",
    "}",
    "]",
    "\n",
];

pub fn check(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n');
    let (time, body) = at.map_or((&b""[..], data), |at| (&data[..at], &data[at + 1..]));
    let time = String::from_utf8_lossy(time);
    let address = PublicAddress::plain(URL).expect("it is one");
    let keys = SigningKeys::sha256([KEY]).expect("it is not empty");
    let believed = |signature: &str, time: &str, body: &[u8]| {
        let (signatures, times) = ([signature.as_bytes()], [time.as_bytes()]);
        let request = Request { signatures: &signatures, times: &times, body };
        verify(&request, &address, &keys, Timestamp::from_millis(NOW_S * 1_000), AGE_MAX)
    };
    let signature = sign(KEY, &time, URL, body);
    let is_time = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = time.parse::<i64>().ok().filter(|_| is_time).map(|at| at.abs_diff(NOW_S));
    let want = match seconds {
        None => Err(SignatureError::Malformed),
        Some(seconds) if seconds > AGE_MAX.as_secs() => Err(SignatureError::Stale { seconds }),
        Some(_) => Ok(()),
    };
    assert_eq!(believed(&signature, &time, body), want, "rightly signed");
    assert!(believed(&signature, &time, &[body, b" "].concat()).is_err(), "a byte more");
    assert!(believed(&signature, &format!("0{time}"), body).is_err(), "another time");
    assert!(believed(&String::from_utf8_lossy(body), &time, body).is_err(), "a body is no signature");
    let of_other_address = sign(KEY, &time, &format!("{URL}?a=1"), body);
    assert!(believed(&of_other_address, &time, body).is_err(), "another address");

    let ours = OurNumbers::by_channel([("ours", CHANNEL)]).expect("it is a channel");
    let Ok(told) = hook::webhook(body, &ours) else { return };
    assert_eq!(hook::webhook(body, &ours).as_ref(), Ok(&told), "the same again");
    is_told_well(&told);
}

/// A message of each kind, and what is told of one of ours.
pub fn seeds() -> Vec<Vec<u8>> {
    let hook = |event: &str, payload: &str| {
        format!(
            "1795874400\n{{\"service\":\"channels\",\"event\":\"whatsapp.{event}\",\
             \"payload\":{{\"channelId\":\"channel-1\",{payload}}}}}"
        )
    };
    let contact = r#""contact":{"identifierKey":"phonenumber","identifierValue":"+15550100001"}"#;
    let bodies = [
        r#""type":"text","text":{"text":"hi"}"#,
        r#""type":"text","text":{"text":"t","actions":[{"type":"postback","postback":{"text":"t","payload":"p"}}]}"#,
        r#""type":"image","image":{"images":[{"mediaUrl":"https://x/1"},{"mediaUrl":"https://x/2"}],"text":"b"}"#,
        r#""type":"file","file":{"files":[{"mediaUrl":"https://x/1","contentType":"audio/ogg","filename":"a"}]}"#,
        r#""type":"location","location":{"coordinates":{"latitude":1,"longitude":-2},"location":{"label":"x"}}"#,
        r#""type":"new","new":{"text":"x"}"#,
    ];
    let inbound = |body: &&str| {
        let meta = r#""meta":{"extraInformation":{"timestamp":"1702496037"}}"#;
        hook(
            "inbound",
            &format!(r#""id":"m-1","sender":{{{contact}}},"body":{{{body}}},{meta},"replyTo":{{"id":"m-0"}}"#),
        )
    };
    let outbound = r#""id":"m-2","status":"delivery_failed","reason":"no","reference":"wp1/a/1",
        "failure":{"code":15005,"source":{"code":"131047"}},"receiver":{"contacts":[{"identifierValue":"US.1"}]}"#;
    let told = [hook("outbound", outbound), hook("interaction", r#""type":"read","messageId":"m-2""#)];
    bodies.iter().map(inbound).chain(told).map(String::into_bytes).collect()
}
