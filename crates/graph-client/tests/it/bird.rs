//! The JSON of each message that Bird carries, what it does not carry, and what its refusals without codes lead to.

use std::sync::Arc;

use serde_json::{Value, json};
use waypost_cloud_api::error_code::{Circumstances, Concern, Do, decide};
use waypost_domain::send::content::{Media, MediaKind, MediaSource, Place};
use waypost_domain::send::{FreeForm, HeaderValue, Parameter, TemplateMessage, Values};
use waypost_graph_client::{
    Bird, BirdConfig, ByNumber, CallError, GraphApi, HttpConfig, Line, Messenger, NotSent, Outgoing, Sent,
};
use waypost_policy::verdict::{Address, Message};

use crate::stub::{Reply, Request, Stub};
use crate::support::{Letter, Token, bird_config, graph_config, http, line};

const TAKEN: &str = r#"{"id":"m-1","status":"accepted"}"#;

/// To [`Letter`]'s customer, with its mark.
fn message(field: &str, content: &Value) -> Value {
    let contact = json!({"identifierKey": "phonenumber", "identifierValue": "+15550100001"});
    json!({"receiver": {"contacts": [contact]}, "reference": "wp1/order-17/2", field: content})
}

/// Of the conformance suite.
pub(crate) fn asks_for_the_text(request: &Request) {
    assert_eq!(request.header("content-type"), "application/json");
    let text = json!({"type": "text", "text": {"text": "your order is ready"}});
    assert_eq!(request.json(), message("body", &text));
}

/// What Bird is asked for, or what we refuse to ask it.
async fn asked(letter: &Letter) -> Result<Value, String> {
    let stub = Stub::start(|_, _| Reply::json(202, TAKEN)).await;
    let token = Token::new("first");
    let client = Bird::new(bird_config(http(format!("http://{}", stub.address)), &token)).unwrap();
    match client.send(&line(), &letter.outgoing()).await {
        Sent::Accepted(_) => Ok(stub.request().json()),
        Sent::NotSent(NotSent::Request(error)) => {
            assert!(stub.requests().is_empty());
            Err(error.to_string())
        }
        other => panic!("{other:?}"),
    }
}

fn file(kind: MediaKind, link: &str) -> Media {
    let source = MediaSource::Link(link.to_owned());
    Media { kind, source, mime_type: None, size_bytes: None, caption: None, filename: None, voice: false }
}

#[tokio::test]
async fn a_file_goes_by_its_link_alone() {
    let asked_for = async |media: Media| asked(&Letter::new(Message::FreeForm(FreeForm::Media(media)))).await;
    let (link, caption) = ("https://x.example/a.pdf?b=c.mp4", Some("look".to_owned()));
    let image = json!({"type": "image", "image": {"images": [{"mediaUrl": link}], "text": "look"}});
    let asked_image = asked_for(Media { caption: caption.clone(), ..file(MediaKind::Image, link) }).await;
    assert_eq!(asked_image, Ok(message("body", &image)));

    let file_of = |more: Value| {
        let mut one = json!({"mediaUrl": link, "contentType": "application/pdf"});
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        message("body", &json!({"type": "file", "file": {"files": [one]}}))
    };
    let document = || file(MediaKind::Document, link);
    assert_eq!(asked_for(document()).await, Ok(file_of(json!({}))), "by its link");
    let named = Media { filename: Some("bill.DOCX".to_owned()), ..document() };
    let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    let want = file_of(json!({"filename": "bill.DOCX", "contentType": docx}));
    assert_eq!(asked_for(named).await, Ok(want), "by its name");
    let given = Media { mime_type: Some("video/3gpp".to_owned()), caption, ..file(MediaKind::Video, link) };
    let mut want = file_of(json!({"contentType": "video/3gpp"}));
    want["body"]["file"]["text"] = "look".into();
    assert_eq!(asked_for(given).await, Ok(want), "as it was given");

    let untold = asked_for(file(MediaKind::Video, link)).await.unwrap_err();
    assert!(untold.starts_with("mime_type must be given"), "a document is no video: {untold}");
    let of_id = Media { source: MediaSource::Id("17".to_owned()), ..document() };
    let told = asked_for(of_id).await.unwrap_err();
    assert_eq!(told, "document.id must be absent: Bird takes files by their link alone");
    let sound = Media { caption: Some("x".to_owned()), ..file(MediaKind::Audio, "https://x.example/a.mp3") };
    assert_eq!(asked_for(sound).await.unwrap_err(), "caption must be absent: this kind of media has none");
}

#[tokio::test]
async fn what_bird_does_not_carry_is_named() {
    let sticker = file(MediaKind::Sticker, "https://x.example/a.webp");
    let place = Place { latitude: 1.0, longitude: 2.0, name: None, address: None };
    let cases = [
        (FreeForm::Media(sticker), "sticker"),
        (FreeForm::Location(place), "location"),
        (FreeForm::LocationRequest { body: "x".to_owned() }, "location_request"),
        (FreeForm::Contacts(vec![]), "contacts"),
    ];
    for (content, field) in cases {
        let told = asked(&Letter::new(Message::FreeForm(content))).await.unwrap_err();
        assert_eq!(told, format!("{field} must be absent: by Bird go text, files by link, and templates"));
    }
    let mut letter = Letter::text("x");
    letter.address = Address::Bsuid("US.123".to_owned());
    let told = asked(&letter).await.unwrap_err();
    assert_eq!(told, "address must be a person with a number: Bird is not known to take ids");

    let token = Token::new("first");
    let client = Bird::new(bird_config(http("http://127.0.0.1:1".to_owned()), &token)).unwrap();
    for (typing, field) in [(true, "typing"), (false, "read")] {
        let told = client.mark_read(&line(), "m-1", typing).await.unwrap_err();
        assert!(matches!(&told, CallError::NotSent(NotSent::Request(error)) if error.path == field), "{told}");
    }
    let letter = Letter::text("x");
    let refused = async |line: Line, outgoing: Outgoing<'_>| match client.send(&line, &outgoing).await {
        Sent::NotSent(NotSent::Request(error)) => error.path,
        other => panic!("{other:?}"),
    };
    let reply = Outgoing { reply_to: Some("m-0"), ..letter.outgoing() };
    assert_eq!(refused(line(), reply).await, "reply_to");
    let paid = Line { messaging_account_id: Some("1".to_owned()), ..line() };
    assert_eq!(refused(paid, letter.outgoing()).await, "messaging_account_id");
    assert_eq!(refused(Line::new("another"), letter.outgoing()).await, "phone_number_id");
}

#[tokio::test]
async fn ids_never_lead_to_another_address() {
    let token = Token::new("first");
    for workspace in ["", "..", "1/2", "1?x"] {
        let config = bird_config(HttpConfig::new("http://127.0.0.1:1"), &token);
        let error = Bird::new(BirdConfig { workspace_id: workspace.to_owned(), ..config }).err().unwrap();
        assert_eq!(error.key, "workspace_id", "{workspace}");
    }
    let mut config = bird_config(http("http://127.0.0.1:1".to_owned()), &token);
    config.channels.insert(line().phone_number_id, "../x".to_owned());
    let sent = Bird::new(config).unwrap().send(&line(), &Letter::text("x").outgoing()).await;
    assert!(matches!(&sent, Sent::NotSent(NotSent::Request(error)) if error.path == "channel"), "{sent:?}");
}

fn template(language: &str, values: Values) -> Letter {
    let (name, language) = ("order_ready".to_owned(), language.to_owned());
    Letter::new(Message::Template(TemplateMessage { name, language, values }))
}

#[tokio::test]
async fn a_template_is_one_of_birds() {
    let body = vec![Parameter::named("name", "Ann"), Parameter::positional("Monday")];
    let parameter = |key: &str, value: &str| json!({"type": "string", "key": key, "value": value});
    let parameters = [parameter("1", "Monday"), parameter("name", "Ann")];
    let want = json!({"projectId": "project-1", "version": "latest", "locale": "en-US", "parameters": parameters});
    let values = Values { body, ..Values::default() };
    assert_eq!(asked(&template("en", values)).await, Ok(message("template", &want)));
    let told = asked(&template("de", Values::default())).await.unwrap_err();
    assert_eq!(told, "template.name must be one that bird.templates knows in this language");
    let image = HeaderValue::Image(MediaSource::Link("https://x.example/a.jpg".to_owned()));
    let told = asked(&template("en", Values { header: Some(image), ..Values::default() })).await.unwrap_err();
    assert!(told.starts_with("template.header must be absent or text"), "{told}");
}

/// Its errors have words and no codes: the status decides.
#[tokio::test]
async fn a_refusal_is_decided_by_its_status() {
    let refused = async |status, body: &str| {
        let (reply, token) = (Reply::json(status, body), Token::new("first"));
        let stub = Stub::start(move |_, _| reply.clone()).await;
        let client = Bird::new(bird_config(http(format!("http://{}", stub.address)), &token)).unwrap();
        let Sent::Refused(refusal) = client.send(&line(), &Letter::text("x").outgoing()).await else {
            panic!("{status}")
        };
        assert_eq!(stub.requests().len(), 1);
        decide(&refusal.failure(), Circumstances::default())
    };
    let error = r#"{"code":"SomeWord","message":"nein"}"#;
    let decision = refused(401, error).await;
    assert_eq!(decision.concerns, Concern::Token);
    assert!(matches!(refused(403, error).await.action, Do::Pause { .. }));
    assert!(matches!(refused(422, error).await.action, Do::Terminal));
    assert!(matches!(refused(429, error).await.action, Do::RetryAfter(_)));
    // It may have gone all the same.
    assert!(matches!(refused(500, error).await.action, Do::SettleThenRetry(_)));
}

/// Given a number at Bird beside one at Meta, then each goes its way, and only silence of Meta's is news.
#[tokio::test]
async fn each_number_goes_by_its_carrier() {
    let stub = Stub::start(|_, request| match request.line.contains("/workspaces/") {
        true => Reply::json(202, TAKEN),
        false => Reply::json(200, r#"{"messages":[{"id":"wamid.A"}]}"#),
    })
    .await;
    let (of_bird, of_meta) = (Token::new("first"), Token::new("first"));
    let at = || http(format!("http://{}", stub.address));
    let bird: Arc<dyn Messenger> = Arc::new(Bird::new(bird_config(at(), &of_bird)).unwrap());
    let meta: Arc<dyn Messenger> = Arc::new(GraphApi::new(graph_config(at(), &of_meta)).unwrap());
    let both = ByNumber::new(Some(meta)).with([line().phone_number_id], Some(&bird));
    for (line, want, silence_is_news) in [(line(), "m-1", false), (Line::new("1"), "wamid.A", true)] {
        let sent = both.send(&line, &Letter::text("x").outgoing()).await;
        assert!(matches!(&sent, Sent::Accepted(accepted) if accepted.wamid == want), "{sent:?}");
        assert_eq!(both.silence_is_news(&line), silence_is_news);
    }
    let waiting = ByNumber::new(None).with(["bd".to_owned()], None);
    assert!(!waiting.silence_is_news(&Line::new("bd")), "whoever it was may have it");
    assert!(waiting.silence_is_news(&Line::new("1")));
}
