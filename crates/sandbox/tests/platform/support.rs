//! A platform, a webhook that takes what it tells, and a client that is nobody's in particular.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use waypost_cloud_api::signature::{AppSecrets, Provider, verify};
use waypost_sandbox::{Control, CustomerSpec, Platform, PlatformConfig};

pub(crate) const SECRET: &str = "app secret";
pub(crate) const TOKEN: &str = "token";
pub(crate) const NUMBER: &str = "106540352242922";
/// Somebody in Germany, where marketing is not capped.
pub(crate) const BEA: &str = "+4915100000001";
/// Somebody in Mexico.
pub(crate) const ANA: &str = "+525500000001";
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a webhook was told, in order.
#[derive(Clone)]
pub(crate) struct Webhook {
    pub(crate) address: SocketAddr,
    bodies: Arc<Mutex<Vec<Value>>>,
    /// The statuses of the next answers; 200 after them.
    answers: Arc<Mutex<Vec<u16>>>,
    changed: Arc<watch::Sender<()>>,
}

impl Webhook {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhook = Self {
            address: listener.local_addr().unwrap(),
            bodies: Arc::default(),
            answers: Arc::default(),
            changed: Arc::new(watch::Sender::new(())),
        };
        let shared = webhook.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                let service = service_fn(move |request| {
                    let shared = shared.clone();
                    async move { Ok::<_, Infallible>(shared.take(request).await) }
                });
                tokio::spawn(async move {
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.unwrap_or_default();
                });
            }
        });
        webhook
    }

    pub(crate) fn answer_next(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    async fn take(&self, request: Request<hyper::body::Incoming>) -> Response<Full<Bytes>> {
        let signature = request.headers().get("x-hub-signature-256").unwrap().as_bytes().to_vec();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        verify(Provider::Meta, &[&signature], &body, &AppSecrets::new([SECRET]).unwrap()).unwrap();
        let status = {
            let mut answers = self.answers.lock().unwrap();
            if answers.is_empty() { 200 } else { answers.remove(0) }
        };
        self.bodies.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
        self.changed.send_replace(());
        Response::builder().status(status).body(Full::default()).unwrap()
    }

    /// Every change of every body: its field and its value.
    pub(crate) fn changes(&self) -> Vec<(String, Value)> {
        let bodies = self.bodies.lock().unwrap();
        let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
        let entries = bodies.iter().flat_map(|body| list(body, "entry"));
        let changes = entries.flat_map(|entry| list(&entry, "changes"));
        changes.map(|change| (change["field"].as_str().unwrap().to_owned(), change["value"].clone())).collect()
    }

    pub(crate) fn statuses(&self) -> Vec<Value> {
        let of = |(_, value): (String, Value)| value["statuses"].as_array().cloned().unwrap_or_default();
        self.changes().into_iter().flat_map(of).collect()
    }

    pub(crate) fn messages(&self) -> Vec<Value> {
        let of = |(_, value): (String, Value)| value["messages"].as_array().cloned().unwrap_or_default();
        self.changes().into_iter().flat_map(of).collect()
    }

    /// What was told of templates, in order.
    pub(crate) fn template_events(&self) -> Vec<String> {
        let of = self.changes().into_iter().filter(|(field, _)| field == "message_template_status_update");
        of.map(|(_, value)| value["event"].as_str().unwrap().to_owned()).collect()
    }

    /// The words of the statuses of one message, in the order in which they came.
    pub(crate) fn words(&self, wamid: &str) -> Vec<String> {
        let of_it = self.statuses().into_iter().filter(|status| status["id"] == wamid);
        of_it.map(|status| status["status"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn posts(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let mut changed = self.changed.subscribe();
        let waited = async {
            while !is_so(self) {
                changed.changed().await.unwrap();
            }
        };
        assert!(tokio::time::timeout(PATIENCE, waited).await.is_ok(), "never: {what}");
    }
}

pub(crate) struct World {
    pub(crate) platform: Platform,
    pub(crate) control: Control,
    pub(crate) webhook: Webhook,
    pub(crate) client: Client,
}

/// An answer: its status, and its body where that is JSON.
pub(crate) type Answer = (u16, Value);

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// Statuses come at once, unless `change` says otherwise. Bea and Ana have WhatsApp.
    pub(crate) async fn with(change: impl FnOnce(&mut PlatformConfig)) -> Self {
        // A second test in this process finds it installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let webhook = Webhook::start().await;
        let mut config = PlatformConfig::new(SECRET, TOKEN);
        config.webhook_url = Some(format!("http://{}/webhook", webhook.address));
        config.templates = templates();
        config.delivery.sent_ms = 0..=0;
        config.delivery.delivered_ms = 0..=0;
        config.delivery.read_ms = 0..=0;
        config.delivery.retry_backoff = Duration::from_millis(5);
        change(&mut config);
        let platform = Platform::start(config).await.unwrap();
        let control = platform.control();
        for phone in [BEA, ANA] {
            control.add_customer(CustomerSpec::of_phone(phone));
        }
        Self { platform, control, webhook, client: Client::builder().no_proxy().build().unwrap() }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, TOKEN, body.to_string()).await.unwrap()
    }

    pub(crate) async fn try_post(&self, path: &str, token: &str, body: String) -> Result<Answer, reqwest::Error> {
        let url = format!("{}/v26.0/{path}", self.platform.url());
        let request = self.client.post(url).bearer_auth(token).header("content-type", "application/json");
        let response = request.body(body).send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub(crate) async fn ask(&self, method: reqwest::Method, path: &str, body: &Value) -> Answer {
        let url = format!("{}/v26.0/{path}", self.platform.url());
        let request = self.client.request(method, url).bearer_auth(TOKEN).body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    pub(crate) async fn send(&self, body: &Value) -> Answer {
        self.post(&format!("{NUMBER}/messages"), body).await
    }

    /// The wamid of what is accepted.
    pub(crate) async fn accepted(&self, body: &Value) -> String {
        let (status, answer) = self.send(body).await;
        assert_eq!(status, 200, "{answer}");
        answer["messages"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The code of what is refused.
    pub(crate) async fn refused(&self, body: &Value) -> i64 {
        let (status, answer) = self.send(body).await;
        assert!(status >= 400, "{status} {answer}");
        answer["error"]["code"].as_i64().unwrap()
    }

    /// The code with which an accepted message fails.
    pub(crate) async fn fails(&self, body: &Value) -> i64 {
        let wamid = self.accepted(body).await;
        let failed = |webhook: &Webhook| {
            let mut statuses = webhook.statuses().into_iter();
            statuses.find(|status| status["id"] == wamid.as_str() && status["status"] == "failed")
        };
        self.webhook.until("failed", |webhook| failed(webhook).is_some()).await;
        failed(&self.webhook).unwrap()["errors"][0]["code"].as_i64().unwrap()
    }

    pub(crate) async fn end(self) {
        tokio::time::timeout(PATIENCE, self.platform.shutdown()).await.unwrap();
    }
}

fn templates() -> Vec<Value> {
    let template = |name: &str, category: &str, components: Value| json!({"name": name, "language": "en_US", "category": category, "components": components});
    let body = |text: &str| json!({"type": "BODY", "text": text});
    let url = json!({"type": "URL", "text": "Track", "url": "https://example.com/{{1}}"});
    let buttons = json!({"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop"}, url]});
    let otp = json!({"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy"}]});
    vec![
        template("plain", "UTILITY", json!([body("Your order is on its way.")])),
        template("order", "UTILITY", json!([body("Hello {{1}}, it is on its way."), buttons])),
        template("picture", "UTILITY", json!([{"type": "HEADER", "format": "IMAGE"}, body("Look.")])),
        template(
            "offer",
            "MARKETING",
            json!([body("Summer sale."), {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop"}]}]),
        ),
        template("code", "AUTHENTICATION", json!([body("{{1}} is your code."), otp])),
    ]
}

pub(crate) fn text(to: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "Hello"}, "biz_opaque_callback_data": "mark"})
}

pub(crate) fn template(to: &str, name: &str, components: Value) -> Value {
    let template = json!({"name": name, "language": {"code": "en_US"}, "components": components});
    json!({"messaging_product": "whatsapp", "to": to, "type": "template", "template": template, "biz_opaque_callback_data": "mark"})
}

/// What fills the gap of `order` and that of its button.
pub(crate) fn order_values() -> Value {
    json!([
        {"type": "body", "parameters": [{"type": "text", "text": "Bea"}]},
        {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [{"type": "payload", "payload": "STOP"}]},
        {"type": "button", "sub_type": "url", "index": "1", "parameters": [{"type": "text", "text": "7"}]},
    ])
}
