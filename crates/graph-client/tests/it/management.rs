//! Calls beside messages: what is asked, what is read, and which lists are followed where.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use waypost_cloud_api::error_code::{Circumstances, Concern, Do, Effect, decide};
use waypost_cloud_api::send::{
    BlockUsers, ControlAction, Customer, NonEmpty, NumberWebhooks, PhoneNumber, Pin, ProfileChange, Subscribe,
    ThreadControl, UserId, WebhookAddress,
};
use waypost_graph_client::{CallError, GraphApi, NotSent, Span};

use crate::stub::{Reply, Request, Stub};
use crate::support::{Token, graph_config, http, line};

const WABA: &str = "102290129340398";

/// A client with a token of its own and one of the app, and the server that it asks.
struct Management {
    api: GraphApi,
    stub: Stub,
    _tokens: [Token; 2],
}

impl Management {
    async fn start(script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let stub = Stub::start(script).await;
        let tokens = [Token::new("first"), Token::new("1|app")];
        let mut config = graph_config(http(format!("http://{}", stub.address)), &tokens[0]);
        config.app_token_file = Some(tokens[1].file.clone());
        Self { api: GraphApi::new(config).unwrap(), stub, _tokens: tokens }
    }

    async fn answering(status: u16, body: Value) -> Self {
        let body = body.to_string();
        Self::start(move |_, _| Reply::json(status, &body)).await
    }

    /// The only request: its first line without the version, and its parameters.
    fn asked(&self) -> (String, HashMap<String, String>) {
        let line = self.stub.request().line;
        let (method, target) = line.split_once(" /v26.0/").unwrap();
        let url = reqwest::Url::parse(&format!("http://x/{target}")).unwrap();
        (format!("{method} {}", url.path()), url.query_pairs().into_owned().collect())
    }

    /// The only request had this line and this body.
    fn check(&self, line: &str, body: &Value) {
        assert_eq!((self.asked().0.as_str(), &self.stub.request().json()), (line, body));
    }
}

fn yes() -> Value {
    json!({"success": true})
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// A page of templates named by numbers.
fn page(names: std::ops::Range<usize>, paging: &Value) -> Reply {
    let template = |name| json!({"name": format!("t{name}"), "language": "en_US", "status": "APPROVED"});
    let data: Vec<Value> = names.map(template).collect();
    Reply::json(200, &json!({"data": data, "paging": paging}).to_string())
}

#[tokio::test]
async fn templates_are_listed_to_the_last_page() {
    let cursor = |after: &str| {
        let next = format!("https://graph.facebook.com/v26.0/{WABA}/message_templates?access_token=T&after={after}");
        json!({"cursors": {"after": after}, "next": next})
    };
    let management = Management::start(move |number, _| match number {
        0 => page(0..25, &cursor("A=")),
        1 => page(25..50, &cursor("B&x=1")),
        _ => page(50..60, &json!({"cursors": {"after": "C"}})),
    })
    .await;
    let templates = management.api.templates(WABA).await.unwrap();
    let names: Vec<String> = templates.items.into_iter().map(|template| template.name).collect();
    assert_eq!((names.len(), names[59].as_str(), templates.unreadable), (60, "t59", 0));
    let lines: Vec<String> = management.stub.requests().into_iter().map(|request| request.line).collect();
    assert!(lines.iter().all(|line| line.contains("limit=100") && line.contains("fields=id%2Cname")), "{lines:?}");
    assert!(!lines[0].contains("after=") && lines[1].ends_with("after=A%3D") && lines[2].ends_with("after=B%26x%3D1"));
    assert!(!lines.iter().any(|line| line.contains("access_token")), "{lines:?}");
}

#[tokio::test]
async fn a_list_is_followed_on_our_own_host_only_and_to_an_end() {
    for next in ["https://evil.example/v26.0/1?after=A", "http://127.0.0.1:1/", "file:///etc/passwd", "x", ""] {
        let management = Management::start(move |_, _| page(0..1, &json!({"next": next}))).await;
        let listed = management.api.templates(WABA).await.map(|listed| listed.items.len());
        // An empty address is none.
        assert_eq!(listed, if next.is_empty() { Ok(1) } else { Err(CallError::Pages) }, "{next}");
        assert_eq!(management.stub.requests().len(), 1);
    }
    // Given an address alone, of our own host, then it is asked without the token that stands in it.
    let management = Management::start(|number, request| match number {
        0 => {
            let next = format!("http://{}/v26.0/next?access_token=T&p=2", request.header("host"));
            page(0..1, &json!({"next": next}))
        }
        _ => page(1..2, &json!({})),
    })
    .await;
    assert_eq!(management.api.templates(WABA).await.unwrap().items.len(), 2);
    assert_eq!(management.stub.requests()[1].line, "GET /v26.0/next?p=2");
    let same = json!({"cursors": {"after": "A"}, "next": "https://graph.facebook.com/"});
    let management = Management::start(move |_, _| page(0..1, &same)).await;
    assert_eq!(management.api.templates(WABA).await, Err(CallError::Pages));
    assert_eq!(management.stub.requests().len(), 2);
}

#[tokio::test]
async fn templates_are_made_changed_and_deleted() {
    let template = json!({"name": "order", "language": "en_US", "category": "UTILITY", "components": []});
    let management = Management::answering(200, json!({"id": "7", "status": "PENDING", "category": "MARKETING"})).await;
    let created = management.api.create_template(WABA, &object(template.clone())).await.unwrap();
    assert_eq!((created.id.as_str(), created.category.as_deref()), ("7", Some("MARKETING")));
    management.check(&format!("POST /{WABA}/message_templates"), &template);

    let management = Management::answering(200, yes()).await;
    management.api.edit_template("7", &object(json!({"components": [1]}))).await.unwrap();
    management.check("POST /7", &json!({"components": [1]}));

    let management = Management::answering(200, yes()).await;
    management.api.delete_template(WABA, "order", "7").await.unwrap();
    let (line, query) = management.asked();
    assert_eq!(line, format!("DELETE /{WABA}/message_templates"));
    assert_eq!((query["hsm_id"].as_str(), query["name"].as_str()), ("7", "order"));

    let management = Management::answering(200, yes()).await;
    management.api.delete_template_in_all_languages(WABA, "a&b").await.unwrap();
    assert_eq!(management.asked().1, HashMap::from([("name".to_owned(), "a&b".to_owned())]));

    let management = Management::answering(200, yes()).await;
    management.api.unpause_template("7").await.unwrap();
    assert_eq!(management.asked().0, "POST /7/unpause");

    let one = json!({"id": "7", "name": "order", "language": "en_US", "status": "PAUSED"});
    let management = Management::answering(200, one).await;
    assert_eq!(management.api.template("7").await.unwrap().status, "PAUSED");
    assert!(management.asked().1["fields"].contains("quality_score"));
}

#[tokio::test]
async fn a_refused_call_is_decided_by_its_code() {
    let body = json!({"error": {"code": 2_388_023, "error_user_msg": "La plantilla se está eliminando"}});
    let management = Management::answering(400, body).await;
    let error = management.api.create_template(WABA, &Map::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "refused with status 400, code 2388023");
    let decision = decide(&error.failure().unwrap(), Circumstances::default());
    assert_eq!((decision.concerns, decision.action), (Concern::TemplateManagement, Do::Terminal));
    let management = Management::answering(200, json!({"status": "PENDING"})).await;
    let error = management.api.create_template(WABA, &Map::new()).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.failure()), ("the answer has no id", None));
    let error = management.api.template("../me").await.unwrap_err();
    assert!(matches!(&error, CallError::NotSent(NotSent::Request(field)) if field.path == "template_id"), "{error}");
}

#[tokio::test]
async fn an_example_is_uploaded_in_two_steps() {
    let management = Management::start(|number, _| match number {
        0 => Reply::json(200, r#"{"id":"upload:MTphd=?sig=AR-_1%2B"}"#),
        _ => Reply::json(200, r#"{"h":"4:aW"}"#),
    })
    .await;
    let file = Bytes::from_static(b"\xff\xd8\xff");
    let example = management.api.upload_example("1", "image/jpeg", file.clone()).await.unwrap();
    assert_eq!(example.handle, "4:aW");
    let [session, upload] = &management.stub.requests()[..] else { panic!("two requests") };
    assert_eq!(session.line, "POST /v26.0/1/uploads?file_name=example&file_length=3&file_type=image%2Fjpeg");
    assert_eq!(upload.line, "POST /v26.0/upload:MTphd=?sig=AR-_1%2B");
    assert_eq!((upload.header("authorization"), upload.header("file_offset")), ("OAuth first", "0"));
    assert_eq!(upload.body, file);
}

#[tokio::test]
async fn numbers_are_read_and_set() {
    let number = json!({"id": "106540352242922", "status": "CONNECTED", "quality_rating": "GREEN",
        "health_status": {"can_send_message": "BLOCKED", "entities": []}});
    let management = Management::answering(200, number.clone()).await;
    let read = management.api.number("106540352242922").await.unwrap();
    assert_eq!((read.status.as_deref(), read.health.is_some()), (Some("CONNECTED"), true));
    let (line, query) = management.asked();
    assert_eq!(line, "GET /106540352242922");
    assert!(query["fields"].contains("health_status") && !query["fields"].contains(' '), "{query:?}");

    let management = Management::answering(200, json!({"data": [number]})).await;
    assert_eq!(management.api.numbers(WABA).await.unwrap().items.len(), 1);
    assert_eq!(management.asked().0, format!("GET /{WABA}/phone_numbers"));

    let management = Management::answering(200, yes()).await;
    management.api.set_webhooks("7", &NumberWebhooks(None)).await.unwrap();
    management.check("POST /7", &json!({"webhook_configuration": {"override_callback_uri": ""}}));

    let management = Management::answering(200, yes()).await;
    management.api.set_pin("7", &Pin::new("012345").unwrap()).await.unwrap();
    management.check("POST /7", &json!({"pin": "012345"}));

    let management = Management::answering(200, json!({"data": [{"about": "Open"}]})).await;
    assert_eq!(management.api.profile("7").await.unwrap().about.as_deref(), Some("Open"));
    assert_eq!(management.asked().0, "GET /7/whatsapp_business_profile");

    let management = Management::answering(200, yes()).await;
    let change = ProfileChange { about: Some("Closed".to_owned()), ..ProfileChange::default() };
    management.api.set_profile("7", &change).await.unwrap();
    let body = json!({"messaging_product": "whatsapp", "about": "Closed"});
    management.check("POST /7/whatsapp_business_profile", &body);
}

#[tokio::test]
async fn an_account_and_its_subscriptions_are_read_and_set() {
    let management = Management::answering(200, json!({"id": WABA, "currency": "EUR"})).await;
    let account = management.api.account(WABA).await.unwrap();
    assert_eq!((account.currency.as_deref(), account.primary_funding_id), (Some("EUR"), None));

    let management = Management::answering(200, yes()).await;
    let (callback_uri, verify_token) = ("https://a.example/hook".to_owned(), "v".to_owned());
    let subscribe = Subscribe(Some(WebhookAddress { callback_uri, verify_token }));
    management.api.subscribe(WABA, &subscribe).await.unwrap();
    let body = json!({"override_callback_uri": "https://a.example/hook", "verify_token": "v"});
    management.check(&format!("POST /{WABA}/subscribed_apps"), &body);

    let management = Management::answering(200, yes()).await;
    management.api.unsubscribe(WABA).await.unwrap();
    assert_eq!(management.asked().0, format!("DELETE /{WABA}/subscribed_apps"));

    let app = json!({"whatsapp_business_api_data": {"id": "1"}});
    let management = Management::answering(200, json!({"data": [app]})).await;
    assert_eq!(management.api.subscribed_apps(WABA).await.unwrap().items[0].id.as_deref(), Some("1"));

    let subscription = json!({"object": "whatsapp_business_account", "active": true, "fields": [{"name": "messages"}]});
    let management = Management::answering(200, json!({"data": [subscription]})).await;
    assert_eq!(management.api.app_subscriptions("1").await.unwrap()[0].fields, ["messages"]);
    assert_eq!(management.stub.request().header("authorization"), "Bearer 1|app");
}

#[tokio::test]
async fn a_token_is_looked_at_with_the_apps() {
    let management = Management::answering(200, json!({"data": {"is_valid": true, "expires_at": 0}})).await;
    assert!(management.api.debug_token().await.unwrap().is_valid);
    assert_eq!(management.stub.request().line, "GET /v26.0/debug_token?input_token=first");
    assert_eq!(management.stub.request().header("authorization"), "Bearer 1|app");
    // Without the app's token it is looked at with itself, and what needs the app's cannot be asked.
    let token = Token::new("first");
    let api = GraphApi::new(graph_config(http(format!("http://{}", management.stub.address)), &token)).unwrap();
    assert!(api.debug_token().await.unwrap().is_valid);
    assert_eq!(management.stub.requests()[1].header("authorization"), "Bearer first");
    let error = api.app_subscriptions("1").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no token: no file is configured for it");
}

/// Whoever holds no good token learns the time and the version, too.
#[tokio::test]
async fn the_head_of_a_refusal_is_read() {
    let headers = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nfacebook-api-version: v27.0\r\n";
    let refused = json!({"error": {"code": 190}}).to_string().into_bytes();
    let management = Management::start(move |_, _| Reply::Answer { status: 401, headers, body: refused.clone() }).await;
    let head = management.api.answer_head().await.unwrap();
    assert_eq!((head.date_ms, head.api_version.as_deref()), (Some(784_111_777_000), Some("v27.0")));
    assert!(head.asked_ms <= head.answered_ms);
    let management = Management::answering(200, json!({"id": "1"})).await;
    let head = management.api.answer_head().await.unwrap();
    assert_eq!((head.date_ms, head.api_version), (None, None));
    assert_eq!(management.asked().0, "GET /me");
}

#[tokio::test]
async fn the_verification_of_a_business_is_asked_by_itself() {
    let management = Management::answering(200, json!({"id": WABA, "business_verification_status": "verified"})).await;
    assert_eq!(management.api.business_verification(WABA).await.unwrap().as_deref(), Some("verified"));
    let (line, query) = management.asked();
    assert_eq!((line, query["fields"].as_str()), (format!("GET /{WABA}"), "id,business_verification_status"));
}

#[tokio::test]
async fn customers_are_blocked_each_with_an_answer() {
    let users = |numbers: &[&str]| {
        let customer = |number: &&str| Customer::Phone(PhoneNumber::new(number).unwrap());
        BlockUsers { users: NonEmpty::new(numbers.iter().map(customer).collect()).unwrap() }
    };
    let some = json!({"messaging_product": "whatsapp",
        "block_users": {"added_users": [{"input": "+15550100001", "wa_id": "15550100001"}],
            "failed_users": [{"input": "+15550100002", "errors": [{"code": 131_047}]}]},
        "error": {"code": 139_100}});
    let management = Management::answering(400, some).await;
    let answer = management.api.block(&line(), &users(&["15550100001", "15550100002"])).await.unwrap();
    assert_eq!((answer.added.len(), answer.failed.len()), (1, 1));
    assert_eq!(answer.failed[0].error.as_ref().and_then(|error| error.code), Some(131_047));
    assert_eq!(answer.error.and_then(|error| error.code), Some(139_100));
    let body = json!({"messaging_product": "whatsapp",
        "block_users": [{"user": "+15550100001"}, {"user": "+15550100002"}]});
    management.check("POST /106540352242922/block_users", &body);

    let management = Management::answering(400, json!({"error": {"code": 139_101}})).await;
    let error = management.api.block(&line(), &users(&["15550100001"])).await.unwrap_err();
    assert_eq!(error.failure().and_then(|failure| failure.code), Some(139_101));

    let removed = json!({"block_users": {"removed_users": [{"input": "+15550100001"}]}});
    let management = Management::answering(200, removed).await;
    let answer = management.api.unblock(&line(), &users(&["15550100001"])).await.unwrap();
    assert_eq!((answer.removed.len(), answer.error), (1, None));
    assert_eq!(management.asked().0, "DELETE /106540352242922/block_users");

    let list = json!({"data": [{"wa_id": "15550100001"}, {"wa_id": "15550100002"}]});
    let management = Management::answering(200, list).await;
    assert_eq!(management.api.blocked(&line()).await.unwrap().items.len(), 2);
    let management = Management::answering(400, json!({"error": {"code": 139_102}})).await;
    let failure = management.api.blocked(&line()).await.unwrap_err().failure().unwrap();
    assert_eq!(decide(&failure, Circumstances::default()).effect, Some(Effect::PageAgain));
}

#[tokio::test]
async fn a_thread_is_taken_and_passed() {
    let management = Management::answering(200, yes()).await;
    let customer = Customer::User(UserId::new("US.13491208655302741918").unwrap());
    let control = ThreadControl { customer, action: ControlAction::Take, metadata: None };
    management.api.control_thread(&line(), &control).await.unwrap();
    let body = json!({"messaging_product": "whatsapp", "recipient": "US.13491208655302741918", "action": "take"});
    management.check("POST /106540352242922/thread_control", &body);
}

#[tokio::test]
async fn what_meta_has_counted_is_read_as_it_is() {
    let span = Span { start: 1_795_000_000, end: 1_795_086_400 };
    let points = json!([{"start": 1, "end": 2, "volume": 300, "cost": 12.34, "pricing_category": "UTILITY"}]);
    let body = json!({"id": WABA, "pricing_analytics": {"data": [{"data_points": points}]}});
    let management = Management::answering(200, body).await;
    let points = management.api.pricing(WABA, span).await.unwrap();
    assert_eq!((points[0].volume, points[0].cost.as_deref()), (Some(300), Some("12.34")));
    let want = "pricing_analytics.start(1795000000).end(1795086400).granularity(DAILY)\
                .dimensions(PRICING_CATEGORY,PRICING_TYPE,COUNTRY,PHONE)";
    assert_eq!(management.asked().1["fields"], want);

    let points = json!([{"template_id": "7", "start": 1, "end": 2, "sent": 5}]);
    let management = Management::answering(200, json!({"data": [{"data_points": points}]})).await;
    let ids = ["7".to_owned(), "8".to_owned()];
    let listed = management.api.template_analytics(WABA, &ids, span).await.unwrap();
    assert_eq!(listed.items[0].sent, Some(5));
    let (line, query) = management.asked();
    assert_eq!(line, format!("GET /{WABA}/template_analytics"));
    assert_eq!((query["template_ids"].as_str(), query["start"].as_str()), ("[7,8]", "1795000000"));
}
