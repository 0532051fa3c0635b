//! What Twilio posts, told as Meta would: every kind of message and status, and what is not WhatsApp's; and who signed it.

#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::carrier::signature::{SignatureError, SigningKeys};
use waypost_cloud_api::carrier::{NotOurs, OurNumbers};
use waypost_cloud_api::twilio::fields::{Fields, Form};
use waypost_cloud_api::twilio::hook::webhook;
use waypost_cloud_api::twilio::signature::{Request, body_digest, sign, verify};
use waypost_cloud_api::webhook::{Content, split};
use waypost_domain::message::{Forwarded, MessageContent, TapSource};
use waypost_domain::{InboundMessage, MessageKind, Status, StatusState};

const FROM_CUSTOMER: &str = "MessageSid=SM1&SmsMessageSid=SM1&SmsSid=SM1&SmsStatus=received&AccountSid=AC1\
    &From=whatsapp%3A%2B15550100001&To=whatsapp%3A%2B15550199&WaId=15550100001&ProfileName=A+B";

fn ours() -> OurNumbers {
    OurNumbers::by_phone([("support", "+1 555 0199")]).unwrap()
}

fn translated(form: &str, query: Option<&str>) -> Result<String, NotOurs> {
    webhook(&Fields::read(Form::UrlEncoded, form.as_bytes()).unwrap(), query, &ours())
}

/// All messages of a form that is like [`FROM_CUSTOMER`], with the keys of their events.
fn messages(more: &str) -> Vec<(String, InboundMessage)> {
    let body = translated(&format!("{FROM_CUSTOMER}&{more}"), None).unwrap();
    let split = split(body.as_bytes());
    assert!(split.quarantined.is_empty(), "{split:?}");
    let message = |event: waypost_cloud_api::webhook::WebhookEvent<'_>| {
        assert_eq!((event.number.as_str(), event.waba_id.as_str()), ("support", "AC1"));
        assert_eq!((event.display_phone_number.as_str(), &*event.field), ("+15550199", "messages"));
        let Content::Message(message) = event.content else { panic!("{:?}", event.content) };
        (event.key, message)
    };
    split.events.into_iter().map(message).collect()
}

fn message(more: &str) -> InboundMessage {
    let [(key, message)] = messages(more).try_into().unwrap();
    assert_eq!((key.as_str(), message.id.as_deref()), ("SM1", Some("SM1")));
    assert_eq!(message.contact.phone.as_deref(), Some("15550100001"));
    assert_eq!(message.profile_name.as_deref(), Some("A B"));
    message
}

fn status(form: &str, query: Option<&str>) -> (String, Status) {
    let from_us = "MessageSid=SM2&AccountSid=AC1&From=whatsapp%3A%2B15550199&To=whatsapp%3A%2B15550100001";
    let body = translated(&format!("{from_us}&{form}"), query).unwrap();
    let mut events = split(body.as_bytes()).events;
    assert_eq!(events.len(), 1);
    let event = events.remove(0);
    assert_eq!(event.number.as_str(), "support");
    let Content::Status(status) = event.content else { panic!("{:?}", event.content) };
    assert_eq!((status.id.as_str(), status.recipient.phone.as_deref()), ("SM2", Some("15550100001")));
    (event.key, status)
}

#[test]
fn a_text_is_a_plain_text() {
    let text = message("Body=%C3%B1+%26+%2B&NumMedia=0&MessageType=text");
    assert_eq!((text.kind, text.text.as_deref(), text.is_plain_text), (MessageKind::Text, Some("ñ & +"), true));
}

#[test]
fn files_are_media_with_their_address() {
    let url = "https%3A%2F%2Fapi.twilio.com%2F2010-04-01%2FAccounts%2FAC1%2FMessages%2FMM1%2FMedia%2FME";
    let check = |mime: &str, kind| {
        let file = message(&format!("NumMedia=1&MediaUrl0={url}1&MediaContentType0={mime}&Body=photo"));
        let media = file.media.unwrap();
        assert_eq!((file.kind, file.text.as_deref()), (kind, Some("photo")), "{mime}");
        assert_eq!((media.id.as_str(), media.mime_type.as_deref()), ("MM1:ME1", Some(mime)), "{mime}");
    };
    check("image/jpeg", MessageKind::Image);
    check("image/webp", MessageKind::Sticker);
    check("video/mp4", MessageKind::Video);
    check("audio/ogg", MessageKind::Audio);
    check("application/pdf", MessageKind::Document);
    check("text/vcard", MessageKind::Document);
    let body = translated(&format!("{FROM_CUSTOMER}&NumMedia=1&MediaUrl0={url}1"), None).unwrap();
    assert!(body.contains("/Messages/MM1/Media/ME1"), "its address goes with it: {body}");
    // WhatsApp has one a message; more of them are not lost all the same.
    let both = messages(&format!("NumMedia=2&MediaUrl0={url}1&MediaUrl1={url}2&Body=two"));
    let keys: Vec<&str> = both.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["SM1", "SM1.1"]);
    assert_eq!(both[1].1.media.as_ref().unwrap().id, "MM1:ME2");
    assert_eq!((both[0].1.text.as_deref(), both[1].1.text.as_deref()), (Some("two"), None));
    // Nor beside what is no file.
    let beside = messages(&format!("ButtonText=Yes&NumMedia=1&MediaUrl0={url}1&MediaContentType0=image/jpeg"));
    let kinds: Vec<_> = beside.into_iter().map(|(key, message)| (key, message.kind)).collect();
    assert_eq!(kinds, [("SM1".to_owned(), MessageKind::Button), ("SM1.1".to_owned(), MessageKind::Image)]);
    assert_eq!(message("NumMedia=99999999&Body=x").text.as_deref(), Some("x"), "files that are not there");
}

#[test]
fn taps_are_taps() {
    let button = message("ButtonPayload=order-17&ButtonText=Yes&Body=Yes&MessageType=button");
    let tap = button.tap.unwrap();
    assert_eq!((tap.source, tap.id.as_str(), tap.title.as_deref()), (TapSource::Template, "order-17", Some("Yes")));
    assert_eq!((button.kind, button.text.as_deref()), (MessageKind::Button, Some("Yes")));
    let list = message("ListId=row-1&ListTitle=One&ListDescription=first&Body=One&MessageType=interactive");
    let tap = list.tap.unwrap();
    assert_eq!((tap.source, tap.id.as_str(), tap.title.as_deref()), (TapSource::List, "row-1", Some("One")));
    assert_eq!(tap.description.as_deref(), Some("first"));
    assert_eq!(message("ListId=row-1&Body=One").tap.unwrap().title.as_deref(), Some("One"));
    let form = message("InteractiveData=%7B%22size%22%3A%22L%22%7D&MessageType=interactive");
    let MessageContent::Form(form) = form.content else { panic!("{form:?}") };
    assert_eq!((form.fields[0].name.as_str(), form.fields[0].value.as_str()), ("size", "L"));
}

#[test]
fn what_else_a_message_can_be() {
    let place = message("Latitude=52.5&Longitude=13.4&Label=Office&Address=Main+St&MessageType=location&Body=here");
    let MessageContent::Location(location) = &place.content else { panic!("{place:?}") };
    let said = (location.latitude.as_deref(), location.longitude.as_deref(), location.name.as_deref());
    assert_eq!(said, (Some("52.5"), Some("13.4"), Some("Office")));
    assert_eq!((place.kind, place.text.as_deref()), (MessageKind::Location, Some("here")), "no word is lost");
    let ad = "ReferralSourceType=ad&ReferralSourceId=7&ReferralHeadline=Sale&ReferralBody=b\
        &ReferralSourceUrl=https%3A%2F%2Ffb.me%2Fx&ReferralCtwaClid=c";
    let referral = message(&format!("Body=hi&{ad}")).referral.unwrap();
    assert_eq!((referral.source_type.as_deref(), referral.source_id.as_deref()), (Some("ad"), Some("7")));
    assert_eq!((referral.click_id.as_deref(), referral.headline.as_deref()), (Some("c"), Some("Sale")));
    let reply = "OriginalRepliedMessageSid=SM9&OriginalRepliedMessageSender=whatsapp%3A%2B15550199";
    let quoted = message(&format!("Body=hi&{reply}")).quoted.unwrap();
    assert_eq!((quoted.id.as_str(), quoted.from.as_deref()), ("SM9", Some("15550199")));
    assert_eq!(message("Body=hi&Forwarded=true").forwarded, Forwarded::Once);
    assert_eq!(message("Body=hi&FrequentlyForwarded=true").forwarded, Forwarded::Often);
    let new = message("MessageType=poll");
    let MessageContent::Unsupported { kind } = &new.content else { panic!("{new:?}") };
    assert_eq!((new.kind.as_str(), kind.as_str()), ("unsupported", "poll"));
}

#[test]
fn who_shows_no_number_is_known_by_their_id() {
    let by = |from: &str| {
        let form = format!("MessageSid=SM1&AccountSid=AC1&To=whatsapp%3A%2B15550199&Body=x&{from}");
        let body = translated(&form, None).unwrap();
        let Content::Message(message) = split(body.as_bytes()).events.remove(0).content else { panic!("{body}") };
        (message.contact.phone, message.contact.bsuid)
    };
    let id = Some("US.123".to_owned());
    assert_eq!(by("From=whatsapp%3AUS.123"), (None, id.clone()));
    let number = Some("15550100001".to_owned());
    assert_eq!(by("From=whatsapp%3A%2B15550100001&ExternalUserId=US.123"), (number.clone(), id.clone()));
    assert_eq!(by("From=whatsapp%3A%2B15550100001&ExternalUserId=whatsapp%3AUS.123"), (number, id));
}

#[test]
fn statuses_have_our_words_and_our_mark() {
    let check = |word: &str, want: &str| {
        let (key, status) = status(&format!("MessageStatus={word}&SmsStatus={word}"), Some("wp=wp1%2Fone%2F2&x=1"));
        assert_eq!((status.state.as_str(), key), (want, format!("SM2:{want}")), "{word}");
        assert_eq!(status.callback_data.as_deref(), Some("wp1/one/2"));
    };
    for word in ["accepted", "scheduled", "queued", "sending"] {
        check(word, "accepted");
    }
    for word in ["sent", "delivered", "read", "failed", "partially_delivered"] {
        check(word, word);
    }
    check("undelivered", "failed");
    check("canceled", "failed");
    let (_, failed) = status("MessageStatus=undelivered&ErrorCode=63016&ErrorMessage=outside+the+window", None);
    assert_eq!((failed.state, failed.callback_data), (StatusState::Failed, None));
    assert_eq!((failed.errors[0].code, failed.errors[0].title.as_deref()), (63_016, Some("outside the window")));
}

#[test]
fn the_same_request_gives_the_same_bytes_and_json_says_the_same() {
    let form = format!("{FROM_CUSTOMER}&Body=hi&NumMedia=0");
    assert_eq!(translated(&form, None), translated(&form, None));
    let object = json!({
        "MessageSid": "SM1", "AccountSid": "AC1", "From": "whatsapp:+15550100001", "To": "whatsapp:+15550199",
        "WaId": 15_550_100_001_u64, "ProfileName": "A B", "Body": "hi", "NumMedia": 0, "Tags": {"a": 1},
    });
    let body = object.to_string();
    let fields = Fields::read(Form::Json, body.as_bytes()).unwrap();
    assert_eq!(webhook(&fields, None, &ours()), translated(&form, None));
    for body in ["", "[]", "1", "{\"a\":", "\"x\""] {
        assert!(Fields::read(Form::Json, body.as_bytes()).is_none(), "{body}");
    }
    assert!(Fields::read(Form::UrlEncoded, "a&".repeat(1_001).as_bytes()).is_none(), "more than Twilio has");
}

/// The samples are of text messages; with WhatsApp's prefix they are ours.
#[test]
fn text_messages_and_calls_are_not_whatsapps() {
    for (sample, is_status) in [
        ("Body=hello&From=%2B15550000001&MessageSid=SM123&NumMedia=0&To=%2B15550000002", false),
        (
            "Body=photo&From=%2B15550000001&MediaContentType0=image%2Fjpeg\
             &MediaUrl0=https%3A%2F%2Fapi.twilio.com%2Fmedia%2Fone&MessageSid=SM123&NumMedia=1&To=%2B15550000002",
            false,
        ),
        ("From=%2B15550000002&MessageSid=SM123&MessageStatus=delivered&To=%2B15550000001", true),
    ] {
        let numbers = OurNumbers::by_phone([("n", "15550000002")]).unwrap();
        let read = |form: &str| webhook(&Fields::read(Form::UrlEncoded, form.as_bytes()).unwrap(), None, &numbers);
        assert_eq!(read(sample), Err(NotOurs::OtherChannel), "{sample}");
        let body = read(&sample.replace("%2B1", "whatsapp%3A%2B1")).unwrap();
        let split = split(body.as_bytes());
        assert_eq!((split.events.len(), split.quarantined.len()), (1, 0), "{body}");
        assert_eq!(matches!(split.events[0].content, Content::Status(_)), is_status, "{body}");
    }
    let call = "CallSid=CA1&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212";
    assert_eq!(translated(call, None), Err(NotOurs::OtherChannel));
    let stranger = FROM_CUSTOMER.replace("15550199", "15550198");
    assert_eq!(translated(&stranger, None), Err(NotOurs::UnknownNumber));
}

#[test]
fn our_numbers_are_each_one() {
    let refused = |numbers: &[(&str, &str)]| OurNumbers::by_phone(numbers.iter().copied()).unwrap_err();
    for number in ["no number", ""] {
        let error = refused(&[("a", number)]);
        assert_eq!(
            (error.id.as_str(), error.to_string()),
            ("a", "is no phone number, or is that of another id".to_owned())
        );
    }
    assert_eq!(refused(&[("a", "+15550199"), ("b", "1 555 0199")]).id, "b");
    let of_meta = ours().of_account(Some("102290129340398".to_owned()));
    let fields = Fields::read(Form::UrlEncoded, FROM_CUSTOMER.as_bytes()).unwrap();
    let body = webhook(&fields, None, &of_meta).unwrap();
    assert_eq!(split(body.as_bytes()).events[0].waba_id.as_str(), "102290129340398");
}

const TOKEN: &str = "test-secret";
const URL: &str = "https://hooks.example.com/twilio";
const FORM: &str =
    "MessageSid=SM1&From=whatsapp%3A%2B15550100&To=whatsapp%3A%2B15550199&Body=%C3%B1+%26+%2B&NumMedia=0";
/// Made with Twilio's own library.
const FORM_SIGNATURE: &str = "0noosJ6G0q/rwQs5YDtm";
const JSON_BODY: &str = "{\"text\":\"ñ\",\"n\":1}";
const JSON_SIGNATURE: &str = "6bjLr5IO5qzKvGGni9Ch";

fn check(name: &str, request: Request<'_, '_>, url: &str, tokens: &[&str], want: Result<(), SignatureError>) {
    let address = PublicAddress::new(url).unwrap();
    let tokens = SigningKeys::sha1(tokens).unwrap();
    assert_eq!(verify(&request, &address, &tokens).map(drop), want, "{name}");
}

fn form<'a>(header_values: &'a [&'a [u8]], body: &'a str) -> Request<'a, 'a> {
    Request { header_values, query: None, form: Form::UrlEncoded, body: body.as_bytes() }
}

fn signed(url: &str, body: &str) -> String {
    sign(TOKEN, url, &Fields::read(Form::UrlEncoded, body.as_bytes()).unwrap())
}

#[test]
fn known_vectors() {
    let signature = signed(URL, FORM);
    assert!(signature.starts_with(FORM_SIGNATURE), "{signature}");
    check("form", form(&[signature.as_bytes()], FORM), URL, &[TOKEN], Ok(()));
    let query = body_digest(JSON_BODY.as_bytes());
    assert_eq!(query, "bodySHA256=0684134343feace9cf8fc61c9de0eb9c4a7586c440d7dc45cdeec0713d121f14");
    let signature = sign(TOKEN, &format!("{URL}?{query}"), &Fields::default());
    assert!(signature.starts_with(JSON_SIGNATURE), "{signature}");
    let values: [&[u8]; 1] = [signature.as_bytes()];
    let request = Request { query: Some(&query), form: Form::Json, ..form(&values, JSON_BODY) };
    check("JSON", request, URL, &[TOKEN], Ok(()));
    let changed = JSON_BODY.replace('1', "2");
    check(
        "another body",
        Request { body: changed.as_bytes(), ..request },
        URL,
        &[TOKEN],
        Err(SignatureError::OtherBody),
    );
    check("no digest", Request { query: None, ..request }, URL, &[TOKEN], Err(SignatureError::OtherBody));
    let twice = format!("{query}&{query}");
    check("two digests", Request { query: Some(&twice), ..request }, URL, &[TOKEN], Err(SignatureError::OtherBody));
    check("no JSON", Request { body: b"{", ..request }, URL, &[TOKEN], Err(SignatureError::OtherBody));
    let broken = body_digest(b"{");
    let signature = sign(TOKEN, &format!("{URL}?{broken}"), &Fields::default());
    let values: [&[u8]; 1] = [signature.as_bytes()];
    let signed = Request { query: Some(&broken), form: Form::Json, ..form(&values, "{") };
    check("signed, and no JSON", signed, URL, &[TOKEN], Err(SignatureError::Unreadable));
    check("no JSON, by a stranger", signed, URL, &["other"], Err(SignatureError::Mismatch));
    // As a form the body's words would have to be signed.
    check("as a form", Request { form: Form::UrlEncoded, ..request }, URL, &[TOKEN], Err(SignatureError::Mismatch));
}

#[test]
fn the_address_is_ours_in_either_spelling() {
    let at = |signed_url: &str, configured: &str, query, want| {
        let signature = signed(signed_url, FORM);
        let values: [&[u8]; 1] = [signature.as_bytes()];
        check(signed_url, Request { query, ..form(&values, FORM) }, configured, &[TOKEN], want);
    };
    let mismatch = Err(SignatureError::Mismatch);
    at("https://x/t", "https://x/t", None, Ok(()));
    at("https://x:443/t", "https://x/t", None, Ok(()));
    at("https://x/t", "https://x:443/t", None, Ok(()));
    at("https://x/t", "https://x:8443/t", None, Ok(()));
    at("https://x:8443/t", "https://x:8443/t", None, Ok(()));
    at("https://x/t?wp=a%2Fb", "https://x/t", Some("wp=a%2Fb"), Ok(()));
    at("https://x/t?wp=a%2Fb#rc=5", "https://x/t#rc=5", Some("wp=a%2Fb"), Ok(()));
    at("https://x/t?wp=a/b", "https://x/t", Some("wp=a%2Fb"), mismatch);
    at("https://x/t?wp=a", "https://x/t", Some("wp=b"), mismatch);
    at("https://x/t", "https://x/t", Some("wp=b"), mismatch);
    at("https://x:444/t", "https://x/t", None, mismatch);
    at("http://x/t", "https://x/t", None, mismatch);
    at("https://y/t", "https://x/t", None, mismatch);
}

#[test]
fn fields_count_in_any_order_and_each_once() {
    let signature = signed(URL, "a=2&a=1&b=x&a=1");
    for body in ["b=x&a=1&a=2", "a=1&a=2&b=x", "a=2&b=x&a=1&a=2"] {
        check(body, form(&[signature.as_bytes()], body), URL, &[TOKEN], Ok(()));
    }
    // A field without a value is signed by its name.
    for body in ["a=1&b=x", "a=2&a=1&b=y", "a=2&a=1&b=x&c=", "a=2&a=1&b=x&c=d", ""] {
        check(body, form(&[signature.as_bytes()], body), URL, &[TOKEN], Err(SignatureError::Mismatch));
    }
}

#[test]
fn any_of_several_tokens_will_do_and_every_bit_counts() {
    use SignatureError::{Doubled, Malformed, Mismatch, Missing};
    let good = signed(URL, FORM);
    check("first", form(&[good.as_bytes()], FORM), URL, &[TOKEN, "new"], Ok(()));
    check("second", form(&[good.as_bytes()], FORM), URL, &["new", TOKEN], Ok(()));
    check("none", form(&[good.as_bytes()], FORM), URL, &["new"], Err(Mismatch));
    check("missing", form(&[], FORM), URL, &[TOKEN], Err(Missing));
    check("doubled", form(&[good.as_bytes(), good.as_bytes()], FORM), URL, &[TOKEN], Err(Doubled));
    for bad in ["", "=", "not base64!", &good[1..], &format!("{good}="), &format!("{good}AAAA"), &format!(" {good}")] {
        check(bad, form(&[bad.as_bytes()], FORM), URL, &[TOKEN], Err(Malformed));
    }
    let digits = good.len() - 1;
    for at in 0..digits - 1 {
        let mut wrong = good.clone().into_bytes();
        wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
        check("one digit", form(&[&wrong], FORM), URL, &[TOKEN], Err(Mismatch));
    }
    assert_eq!(format!("{:?}", SigningKeys::sha1([TOKEN]).unwrap()), "SigningKeys(1 redacted)");
    assert!(SigningKeys::sha1([""]).is_err() && SigningKeys::sha1::<&str>([]).is_err());
}

#[test]
fn a_body_is_read_as_its_header_says() {
    for (header, want) in [
        (Some("application/json"), Form::Json),
        (Some("Application/JSON ; charset=utf-8"), Form::Json),
        (Some("application/x-www-form-urlencoded"), Form::UrlEncoded),
        (Some("text/plain"), Form::UrlEncoded),
        (None, Form::UrlEncoded),
    ] {
        assert_eq!(Form::of(header.map(str::as_bytes)), want, "{header:?}");
    }
}

#[test]
fn no_bytes_break_it() {
    for body in ["%", "%zz=%", "=&=&&", "a=%FF%FE", "MessageStatus=&From=whatsapp%3A&To=whatsapp%3A"] {
        let fields = Fields::read(Form::UrlEncoded, body.as_bytes()).unwrap();
        assert!(webhook(&fields, Some("wp=%"), &ours()).is_err(), "{body}");
    }
    let odd = format!("{}&Body=%FF", FROM_CUSTOMER.replace("MessageSid=SM1&SmsMessageSid=SM1&SmsSid=SM1&", ""));
    let body = translated(&odd, None).unwrap();
    let split = split(body.as_bytes());
    assert!(split.events[0].key.starts_with("sha256:"), "without an id it is known by its bytes");
    let _: Value = serde_json::from_str(&body).unwrap();
}
