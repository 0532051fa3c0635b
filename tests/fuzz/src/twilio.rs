//! Twilio's door: nobody gets in without the token, and whatever form is signed becomes a webhook in Meta's words that loses
//! nothing, or is said to be none of ours.
//!
//! The input is a line for the query of the address, and the form behind it.

use waypost_cloud_api::carrier::OurNumbers;
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::carrier::signature::SigningKeys;
use waypost_cloud_api::twilio::fields::{Fields, Form};
use waypost_cloud_api::twilio::hook;
use waypost_cloud_api::twilio::signature::{Request, sign, verify};

use super::carrier::is_told_well;

const TOKEN: &str = "fuzz-token";
const URL: &str = "https://hooks.example.com/twilio";
const NUMBER: &str = "15550199";

pub const WORDS: &[&str] = &[
    "MessageSid=SM1",
    "&MessageStatus=",
    "&From=whatsapp%3A%2B15550199",
    "&To=whatsapp%3A%2B15550199",
    "&ExternalUserId=US.1",
    "&NumMedia=3",
    "&MediaUrl0=",
    "&MediaUrl1=/",
    "&MediaContentType0=image/",
    "&ButtonPayload=",
    "&ListId=",
    "&InteractiveData=%7B",
    "&Latitude=1&Longitude=2",
    "&ErrorCode=63016",
    "&ReferralSourceId=",
    "wp=wp1%2Fa%2F1\n",
    "%",
    "%ff",
    "=",
    "&",
    "\n",
];

pub fn check(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n');
    let (query, body) = at.map_or((None, data), |at| (std::str::from_utf8(&data[..at]).ok(), &data[at + 1..]));
    let Some(fields) = Fields::read(Form::UrlEncoded, body) else { return };
    let signature = sign(TOKEN, &query.map_or(URL.to_owned(), |query| format!("{URL}?{query}")), &fields);
    let address = PublicAddress::new(URL).expect("it is one");
    let tokens = SigningKeys::sha1([TOKEN]).expect("it is not empty");
    let believed = |token_of_sender: &str, query, body: &[u8]| {
        let values = [token_of_sender.as_bytes()];
        let request = Request { header_values: &values, query, form: Form::UrlEncoded, body };
        verify(&request, &address, &tokens).is_ok()
    };
    assert!(believed(&signature, query, body), "rightly signed");
    assert!(!believed(&signature, query, &[body, b"&x=y1"].concat()), "a field more");
    assert!(!believed(&signature, Some("another"), body) || query == Some("another"), "another address");
    assert!(!believed(&String::from_utf8_lossy(body), query, body), "a body is no signature");

    let ours = OurNumbers::by_phone([("ours", NUMBER)]).expect("it is a number");
    let Ok(told) = hook::webhook(&fields, query, &ours) else { return };
    assert_eq!(hook::webhook(&fields, query, &ours).as_ref(), Ok(&told), "the same again");
    is_told_well(&told);
}

/// A message of each kind, and a status.
pub fn seeds() -> Vec<Vec<u8>> {
    let head = "MessageSid=SM1&AccountSid=AC1&From=whatsapp%3A%2B15550100001&To=whatsapp%3A%2B15550199&ProfileName=A";
    let messages = [
        "Body=hi",
        "NumMedia=2&MediaUrl0=https%3A%2F%2Fx%2FME1&MediaContentType0=image%2Fpng&MediaUrl1=y&Body=b",
        "ButtonPayload=p&ButtonText=t",
        "ListId=l&Body=t",
        "Latitude=1&Longitude=2&Label=x",
        "InteractiveData=%7B%7D&OriginalRepliedMessageSid=SM0",
        "Body=hi&ReferralSourceId=1&Forwarded=true",
    ];
    let status = "MessageSid=SM2&From=whatsapp%3A%2B15550199&To=whatsapp%3AUS.1&MessageStatus=failed&ErrorCode=63016";
    let messages = messages.iter().map(|message| format!("\n{head}&{message}"));
    messages.chain([format!("wp=wp1%2Fa%2F1\n{status}")]).map(String::into_bytes).collect()
}
