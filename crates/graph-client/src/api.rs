//! The calls of one service: addresses below its base, with a secret in every request, and what its answers say. Meta's own
//! API and those that repeat it differ in little more than that.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Request, RequestBuilder, Response, StatusCode, Url};
use serde_json::{Map, Value};
use waypost_cloud_api::answer::{self, GraphError, SendOutcome};
use waypost_cloud_api::error_code::{Concern, row_of};
use waypost_cloud_api::send::{FieldError, JsonBody, Problem};

use crate::body::Payload;
use crate::config::{ConfigError, HttpConfig};
use crate::fault::{CallError, NotSent, Refusal, Unknown};
use crate::http::{Answer, Fault, Http};
use crate::messenger::{Accepted, Sent};
use crate::secret_file::{Secret, SecretFile};

/// Meta's are digits; `upload:…` has signs of base64 besides.
const ID_BYTES_MAX: usize = 512;

/// One service.
pub(crate) struct Api {
    http: Http,
    base: Url,
    scheme: Scheme,
    pub(crate) secret: SecretFile,
}

/// How a request shows the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `Authorization: Bearer`
    Bearer,
    /// `D360-API-KEY`
    D360ApiKey,
    /// `Authorization: AccessKey`
    AccessKey,
    /// `Authorization: Basic`, where the secret is the password.
    Basic { user: Arc<str> },
    /// `Authorization: OAuth`, for the bytes of an example alone.
    OAuth,
}

/// A request that can be made again as it is.
pub(crate) struct Call {
    pub method: Method,
    pub url: Url,
    pub body: Option<Payload>,
    pub headers: &'static [(&'static str, &'static str)],
    /// Where it is not the service's.
    pub scheme: Option<Scheme>,
}

impl Call {
    pub(crate) const fn new(method: Method, url: Url, body: Option<Payload>) -> Self {
        Self { method, url, body, headers: &[], scheme: None }
    }

    pub(crate) const fn get(url: Url) -> Self {
        Self::new(Method::GET, url, None)
    }

    pub(crate) const fn delete(url: Url) -> Self {
        Self::new(Method::DELETE, url, None)
    }

    pub(crate) fn post(url: Url, body: &impl JsonBody) -> Self {
        Self::new(Method::POST, url, Some(Payload::json(body.encode())))
    }

    /// With what somebody else wrote for the service.
    pub(crate) fn post_fields(url: Url, fields: &Map<String, Value>) -> Self {
        Self::new(Method::POST, url, Some(Payload::json(serde_json::json!(fields).to_string().into_bytes())))
    }

    pub(crate) fn post_nothing(url: Url) -> Self {
        Self::new(Method::POST, url, Some(Payload::json(b"{}".to_vec())))
    }
}

impl Api {
    pub(crate) fn new(config: &HttpConfig, scheme: Scheme, secret: SecretFile) -> Result<Self, ConfigError> {
        Ok(Self { http: Http::new(config)?, base: config.base()?, scheme, secret })
    }

    /// The address of these segments below the base. Each is an [`id`], or a word of ours.
    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        // An error: a base that cannot have a path, which the configuration refuses.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The answer of any status.
    pub(crate) async fn ask(&self, call: &Call) -> Result<Answer, Fault> {
        self.ask_with(&self.secret, call).await
    }

    /// [`ask`](Self::ask) with another secret than usual.
    pub(crate) async fn ask_with(&self, secrets: &SecretFile, call: &Call) -> Result<Answer, Fault> {
        let secret = secrets.current().await.map_err(NotSent::from)?;
        let answer = self.exchange(call, &secret).await?;
        if !answer.refuses_token() {
            return Ok(answer);
        }
        // Given a token that was replaced a moment ago, when the old one is refused, then nothing has to stop for it.
        match secrets.read_again().await {
            Ok(new) if new.version != secret.version => self.exchange(call, &new).await,
            Ok(_) | Err(_) => Ok(answer),
        }
    }

    /// The answer of a call that was done.
    pub(crate) async fn call(&self, call: &Call) -> Result<Answer, CallError> {
        self.ask(call).await?.done()
    }

    /// A call whose answer is a mere yes.
    pub(crate) async fn command(&self, call: &Call) -> Result<(), CallError> {
        let answer = self.call(call).await?;
        if answer::is_success(&answer.body)? { Ok(()) } else { Err(CallError::NotDone) }
    }

    /// Hands a message over.
    pub(crate) async fn send(&self, call: &Call) -> Sent {
        match self.ask(call).await {
            Ok(answer) => answer.sent(),
            Err(Fault::NotSent(reason)) => Sent::NotSent(reason),
            Err(Fault::Unknown(reason)) => Sent::Unknown(reason),
        }
    }

    /// The answer's head, of a file that is no part of the API; with the secret, if it `knows_us`.
    pub(crate) async fn open(&self, url: Url, knows_us: bool) -> Result<Response, Fault> {
        if !knows_us {
            return self.http.open(built(self.http.client().get(url))?).await;
        }
        let secret = self.secret.current().await.map_err(NotSent::from)?;
        let response = self.open_with(url.clone(), &secret).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match self.secret.read_again().await {
            Ok(new) if new.version != secret.version => self.open_with(url, &new).await,
            Ok(_) | Err(_) => Ok(response),
        }
    }

    async fn open_with(&self, url: Url, secret: &Secret) -> Result<Response, Fault> {
        let (name, value) = self.scheme.header(secret)?;
        self.http.open(built(self.http.client().get(url).header(name, value))?).await
    }

    pub(crate) const fn http(&self) -> &Http {
        &self.http
    }

    /// Whether an address is of the service itself.
    pub(crate) fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// The same path and parameters at the service itself.
    pub(crate) fn at_ours(&self, url: &Url) -> Url {
        let mut ours = self.base.clone();
        ours.set_path(url.path());
        ours.set_query(url.query());
        ours
    }

    async fn exchange(&self, call: &Call, secret: &Secret) -> Result<Answer, Fault> {
        let (name, value) = call.scheme.as_ref().unwrap_or(&self.scheme).header(secret)?;
        let mut request = self.http.client().request(call.method.clone(), call.url.clone()).header(name, value);
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, body.content_type.as_str()).body(body.to_body());
        }
        let length = call.body.as_ref().map_or(0, Payload::length);
        self.http.exchange(built(request)?, length).await
    }
}

fn built(request: RequestBuilder) -> Result<Request, NotSent> {
    request.build().map_err(|_| NotSent::NotHttp)
}

impl Scheme {
    fn header(&self, secret: &Secret) -> Result<(HeaderName, HeaderValue), NotSent> {
        let (name, value) = match self {
            Self::Bearer => (AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", secret.expose()))),
            Self::AccessKey => (AUTHORIZATION, HeaderValue::from_str(&format!("AccessKey {}", secret.expose()))),
            Self::D360ApiKey => (HeaderName::from_static("d360-api-key"), HeaderValue::from_str(secret.expose())),
            Self::Basic { user } => {
                let pair = STANDARD.encode(format!("{user}:{}", secret.expose()));
                (AUTHORIZATION, HeaderValue::from_str(&format!("Basic {pair}")))
            }
            Self::OAuth => (AUTHORIZATION, HeaderValue::from_str(&format!("OAuth {}", secret.expose()))),
        };
        let mut value = value.map_err(|_| NotSent::NotHttp)?;
        value.set_sensitive(true);
        Ok((name, value))
    }
}

impl Answer {
    /// The answer, where it says that the call was done.
    pub(crate) fn done(self) -> Result<Self, CallError> {
        match GraphError::read(&self.body) {
            None if (200..300).contains(&self.status) => Ok(self),
            None if self.says_nothing() => Err(self.unreadable().into()),
            error => Err(self.refusal(error).into()),
        }
    }

    fn sent(self) -> Sent {
        match SendOutcome::read(self.status, &self.body) {
            SendOutcome::Refused(error) => Sent::Refused(self.refusal(Some(error))),
            SendOutcome::Accepted(mut accepted) if !accepted.messages.is_empty() => {
                let message = accepted.messages.swap_remove(0);
                let contact = accepted.contacts.into_iter().next().unwrap_or_default();
                let (wa_id, user_id) = (contact.wa_id, contact.user_id);
                Sent::Accepted(Accepted { wamid: message.id, status: message.status, wa_id, user_id })
            }
            SendOutcome::Accepted(_) | SendOutcome::Unclear if self.says_nothing() => Sent::Unknown(self.unreadable()),
            SendOutcome::Accepted(_) | SendOutcome::Unclear => Sent::Refused(self.refusal(None)),
        }
    }

    /// Whether the status leaves open what was done: a success without its answer, a gateway before a service that may have
    /// taken the request. Any other without an error of the platform's comes from a machine that kept the request.
    pub(crate) const fn says_nothing(&self) -> bool {
        matches!(self.status, 200..=299 | 500..)
    }

    pub(crate) const fn unreadable(&self) -> Unknown {
        Unknown::Unreadable { http_status: self.status }
    }

    pub(crate) fn refusal(&self, error: Option<GraphError>) -> Refusal {
        Refusal { http_status: self.status, error: error.map(Box::new), retry_after: self.retry_after }
    }

    /// Whether it was refused for its token, before anything was done.
    fn refuses_token(&self) -> bool {
        let code = || GraphError::read(&self.body).and_then(|error| error.code);
        let is_about_token = || code().and_then(row_of).is_some_and(|row| row.concerns == Concern::Token);
        (400..500).contains(&self.status) && (self.status == 401 || is_about_token())
    }
}

/// An id of the platform's: nothing that would lead to another address.
pub(crate) fn id<'a>(field: &str, text: &'a str) -> Result<&'a str, FieldError> {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:=+".contains(&byte);
    match text.len() {
        1..=ID_BYTES_MAX if text.bytes().all(is_sign) => Ok(text),
        0 => Err(FieldError { path: field.to_owned(), problem: Problem::Missing }),
        _ => Err(FieldError { path: field.to_owned(), problem: Problem::MustBe("an id of the platform's") }),
    }
}
