//! The form of each message that Twilio carries, what it does not carry, and which carrier a number goes by.

use std::collections::BTreeMap;
use std::sync::Arc;

use waypost_cloud_api::twilio::message::Sender;
use waypost_domain::send::content::{List, Media, MediaKind, MediaSource, Place, Reaction};
use waypost_domain::send::{
    ButtonParameter, ButtonValue, FreeForm, HeaderValue, Parameter, ParameterValue, TemplateMessage, Values,
};
use waypost_graph_client::{
    ByNumber, CallError, GraphApi, HttpConfig, Line, Messenger, NotSent, Outgoing, Sent, Twilio, TwilioConfig,
};
use waypost_policy::verdict::{Address, Message};

use crate::stub::{Reply, Request, Stub};
use crate::support::{Letter, Token, graph_config, http, line, twilio_config};

type Form = BTreeMap<String, String>;

const TAKEN: &str = r#"{"sid":"SM1","status":"queued"}"#;

fn form_of(request: &Request) -> Form {
    assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
    let pairs: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
    let form: Form = pairs.iter().cloned().collect();
    assert_eq!(form.len(), pairs.len(), "a field twice: {pairs:?}");
    form
}

fn form(fields: &[(&str, &str)]) -> Form {
    let callback = ("StatusCallback", "https://hooks.example.com/twilio?wp=wp1%2Forder-17%2F2#rc=5");
    let from = ("From", "whatsapp:+15550199");
    let fields = [from, ("To", "whatsapp:+15550100001"), callback].into_iter().chain(fields.iter().copied());
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Of the conformance suite.
pub(crate) fn asks_for_the_text(request: &Request) {
    assert_eq!(form_of(request), form(&[("Body", "your order is ready")]));
}

/// What Twilio is asked for, or what we refuse to ask it.
async fn asked(config: impl FnOnce(&mut TwilioConfig), letter: &Letter) -> Result<Form, String> {
    let stub = Stub::start(|_, _| Reply::json(201, TAKEN)).await;
    let token = Token::new("first");
    let mut set = twilio_config(http(format!("http://{}", stub.address)), &token);
    config(&mut set);
    match Twilio::new(set).unwrap().send(&line(), &letter.outgoing()).await {
        Sent::Accepted(_) => Ok(form_of(&stub.request())),
        Sent::NotSent(NotSent::Request(error)) => {
            assert!(stub.requests().is_empty());
            Err(error.to_string())
        }
        other => panic!("{other:?}"),
    }
}

async fn free_form(content: FreeForm) -> Result<Form, String> {
    asked(|_| {}, &Letter::new(Message::FreeForm(content))).await
}

fn file(source: MediaSource, caption: Option<String>) -> FreeForm {
    let kind = MediaKind::Image;
    FreeForm::Media(Media { kind, source, mime_type: None, size_bytes: None, caption, filename: None, voice: false })
}

fn link() -> MediaSource {
    MediaSource::Link("https://x.example/a b.jpg".to_owned())
}

#[tokio::test]
async fn a_text_is_as_long_as_twilio_takes_it() {
    let text = |body: String| FreeForm::Text { body, preview_url: true };
    for body in ["ñ".repeat(1_600), "a & b = %2B\n+".to_owned()] {
        assert_eq!(free_form(text(body.clone())).await, Ok(form(&[("Body", &body)])));
    }
    let told = "body must be at most 1600 characters: Twilio takes no more";
    assert_eq!(free_form(text("ñ".repeat(1_601))).await, Err(told.to_owned()));
}

#[tokio::test]
async fn a_file_goes_by_its_link_alone() {
    let want = form(&[("MediaUrl", "https://x.example/a b.jpg")]);
    assert_eq!(free_form(file(link(), None)).await, Ok(want));
    let want = form(&[("MediaUrl", "https://x.example/a b.jpg"), ("Body", "look")]);
    assert_eq!(free_form(file(link(), Some("look".to_owned()))).await, Ok(want));
    let told = free_form(file(MediaSource::Id("17".to_owned()), None)).await.unwrap_err();
    assert_eq!(told, "image.id must be absent: Twilio takes files by their link alone");
    let told = free_form(file(link(), Some("x".repeat(1_601)))).await.unwrap_err();
    assert!(told.starts_with("caption must be at most 1600"), "{told}");
}

#[tokio::test]
async fn what_twilio_does_not_carry_is_named() {
    let body = || "x".to_owned();
    let place = Place { latitude: 1.0, longitude: 2.0, name: None, address: None };
    let (button, sections) = (body(), vec![]);
    let cases = [
        (FreeForm::Location(place), "location"),
        (FreeForm::Reaction(Reaction { message_id: body(), emoji: body(), message_at: None }), "reaction"),
        (FreeForm::List(List { header: None, body: body(), footer: None, button, sections }), "list"),
        (FreeForm::LocationRequest { body: body() }, "location_request"),
        (FreeForm::Contacts(vec![]), "contacts"),
    ];
    for (content, field) in cases {
        let told = free_form(content).await.unwrap_err();
        assert_eq!(told, format!("{field} must be absent: Twilio carries text, files by link, and templates"));
    }
    let token = Token::new("first");
    let client = Twilio::new(twilio_config(http("http://127.0.0.1:1".to_owned()), &token)).unwrap();
    for (typing, field) in [(true, "typing"), (false, "read")] {
        let told = client.mark_read(&line(), "SM1", typing).await.unwrap_err();
        assert_eq!(
            told.to_string(),
            format!("cannot be written as a request: {field} must be absent: its carrier does not carry it")
        );
        assert!(matches!(told, CallError::NotSent(NotSent::Request(_))));
    }
    let letter = Letter::text("x");
    let refused = async |line: Line, outgoing: Outgoing<'_>| match client.send(&line, &outgoing).await {
        Sent::NotSent(NotSent::Request(error)) => error.path,
        other => panic!("{other:?}"),
    };
    let reply = Outgoing { reply_to: Some("SM1"), ..letter.outgoing() };
    assert_eq!(refused(line(), reply).await, "reply_to");
    let paid = Line { messaging_account_id: Some("1".to_owned()), ..line() };
    assert_eq!(refused(paid, letter.outgoing()).await, "messaging_account_id");
    assert_eq!(refused(Line::new("another"), letter.outgoing()).await, "phone_number_id");
}

#[tokio::test]
async fn whom_and_from_where() {
    let mut letter = Letter::text("x");
    letter.address = Address::Bsuid("US.123".to_owned());
    let asked_for = asked(|_| {}, &letter).await.unwrap();
    assert_eq!(asked_for["To"], "whatsapp:US.123");
    let by_service = |config: &mut TwilioConfig| {
        config.senders.insert(line().phone_number_id, Sender::Service("MG1".to_owned()));
    };
    let asked_for = asked(by_service, &Letter::text("x")).await.unwrap();
    assert_eq!((asked_for.get("From"), asked_for["MessagingServiceSid"].as_str()), (None, "MG1"));
    let token = Token::new("first");
    for sid in ["", "MG1", "AC1/x", "AC.."] {
        let config = twilio_config(HttpConfig::new("http://127.0.0.1:1"), &token);
        let error = Twilio::new(TwilioConfig { account_sid: sid.to_owned(), ..config }).err().unwrap();
        assert_eq!(error.key, "account_sid", "{sid}");
    }
}

fn template(language: &str, values: Values) -> Letter {
    let (name, language) = ("order_ready".to_owned(), language.to_owned());
    Letter::new(Message::Template(TemplateMessage { name, language, values }))
}

#[tokio::test]
async fn a_template_is_content_of_twilios() {
    let asked_for = async |values| asked(|_| {}, &template("en", values)).await;
    assert_eq!(asked_for(Values::default()).await, Ok(form(&[("ContentSid", "HX1")])));
    let currency =
        ParameterValue::Currency { fallback: "5 €".to_owned(), code: "EUR".to_owned(), amount_1000: 5_000 };
    let button = |index, text: &str| ButtonParameter { index, value: ButtonValue::UrlSuffix(text.to_owned()) };
    let numbered = Values {
        body: vec![Parameter::positional("Ann"), Parameter { name: None, value: currency }],
        header: Some(HeaderValue::Text(Parameter::positional("Sale"))),
        buttons: vec![button(1, "b"), button(0, "a")],
        ..Values::default()
    };
    let want = [("ContentSid", "HX1"), ("ContentVariables", r#"{"1":"Ann","2":"5 €","3":"Sale","4":"a","5":"b"}"#)];
    assert_eq!(asked_for(numbered).await, Ok(form(&want)));
    let named = Values {
        body: vec![Parameter::named("name", "Ann"), Parameter::named("day", "Monday")],
        buttons: vec![button(0, "a")],
        ..Values::default()
    };
    let want = [("ContentSid", "HX1"), ("ContentVariables", r#"{"1":"a","day":"Monday","name":"Ann"}"#)];
    assert_eq!(asked_for(named).await, Ok(form(&want)));

    let other_language = asked(|_| {}, &template("de", Values::default())).await.unwrap_err();
    assert_eq!(other_language, "template.name must be one that twilio.templates gives a ContentSid in this language");
    let image = Values { header: Some(HeaderValue::Image(link())), ..Values::default() };
    assert!(asked_for(image).await.unwrap_err().starts_with("template.header must be absent or text"));
    let cards = Values { cards: vec![Values::default()], ..Values::default() };
    assert!(asked_for(cards).await.unwrap_err().starts_with("template.cards must be absent"));
    let offer = Values { offer_ends_at_ms: Some(1), ..Values::default() };
    assert!(asked_for(offer).await.unwrap_err().starts_with("template.offer_ends_at_ms must be absent"));
    let twice = Values { body: vec![Parameter::named("a", "1"), Parameter::named("a", "2")], ..Values::default() };
    assert!(asked_for(twice).await.unwrap_err().starts_with("template.body must be a list in which each"));
}

/// Given numbers at two carriers, then each goes by its own, and what waits for a token wakes by either's.
#[tokio::test]
async fn each_number_goes_by_its_carrier() {
    let stub = Stub::start(|_, request| match request.line.contains("/Accounts/") {
        true => Reply::json(201, TAKEN),
        false => Reply::json(200, r#"{"messages":[{"id":"wamid.A"}]}"#),
    })
    .await;
    let (of_twilio, of_meta) = (Token::new("first"), Token::new("first"));
    let at = || http(format!("http://{}", stub.address));
    let twilio: Arc<dyn Messenger> = Arc::new(Twilio::new(twilio_config(at(), &of_twilio)).unwrap());
    let meta: Arc<dyn Messenger> = Arc::new(GraphApi::new(graph_config(at(), &of_meta)).unwrap());
    let both = ByNumber::new(Some(meta.clone())).with([line().phone_number_id, "tw".to_owned()], Some(&twilio));
    let wamid = async |carrier: &ByNumber, line: Line| match carrier.send(&line, &Letter::text("x").outgoing()).await {
        Sent::Accepted(accepted) => Ok(accepted.wamid),
        Sent::NotSent(reason) => Err(reason.to_string()),
        other => panic!("{other:?}"),
    };
    assert_eq!(wamid(&both, line()).await.as_deref(), Ok("SM1"));
    assert_eq!(wamid(&both, Line::new("1")).await.as_deref(), Ok("wamid.A"));
    let alone = ByNumber::new(None).with([line().phone_number_id], Some(&twilio));
    let waiting = ByNumber::new(Some(meta)).with(["tw".to_owned()], None);
    for (carrier, line) in [(&alone, "1"), (&waiting, "tw")] {
        let told = wamid(carrier, Line::new(line)).await.unwrap_err();
        assert_eq!(told, "there is no token: no file is configured for it");
    }
    assert_eq!((both.credentials_version().await, alone.credentials_version().await), (2, 1));
}
