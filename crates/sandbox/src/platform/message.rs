//! A request to send: whether Meta takes it, with which code it does not, and what the answer is.
//!
//! Written from Meta's pages. It must never ask our own judgement of codes what to do.

use std::sync::Arc;

use serde_json::{Value, json};
use waypost_cloud_api::send::{
    Body, JsonBody as _, Message, Reaction, ReadReceipt, Recipient, Request, Template as Given,
};
use waypost_domain::Category;

use super::attached;
use super::content;
use super::error::ApiError;
use super::fault::FaultKind;
use super::fill;
use super::judge::{Ask, Endpoint, Kind};
use super::log::{AcceptedMessage, ReadMessage, RefusedMessage};
use super::outbox::{Pricing, Sent};
use super::reply::Reply;
use super::state::{Holder, State, Tappable, WINDOW_MS};
use super::template::Template;

/// A request to send, as it came.
pub(crate) struct Post<'a> {
    pub(crate) token: Option<&'a str>,
    pub(crate) phone_number_id: &'a str,
    pub(crate) endpoint: Endpoint,
    pub(crate) body: Parsed,
}

/// A body that was read before anybody waits for the state.
pub(crate) struct Parsed {
    /// `None`: it is no JSON.
    value: Option<Value>,
    request: Result<Request, ApiError>,
}

impl Parsed {
    pub(crate) fn read(body: &[u8]) -> Self {
        let value: Option<Value> = serde_json::from_slice(body).ok();
        let request = match &value {
            Some(value) => Request::from_value(value).map_err(|error| content::of_field_error(&error)),
            None => Err(ApiError::new(100, "Invalid parameter: the body is no JSON")),
        };
        Self { value, request }
    }
}

/// A request that Meta has taken.
struct Taken {
    answer: Value,
    /// What goes wrong with it all the same.
    fault: Option<FaultKind>,
}

impl State {
    pub(crate) fn post_message(&mut self, now_ms: i64, post: Post<'_>) -> Reply {
        let text = |name: &str| post.body.value.as_ref()?.get(name)?.as_str();
        let to = text("to").or_else(|| text("recipient")).map(str::to_owned);
        let callback_data = text("biz_opaque_callback_data").map(str::to_owned);
        let refused = |code, http_status, details: &str| RefusedMessage {
            at_ms: now_ms,
            to: to.clone(),
            phone_number_id: post.phone_number_id.to_owned(),
            callback_data,
            code,
            http_status,
            details: details.to_owned(),
        };
        let people = &self.people;
        let is_to = |customer: &str| to.as_deref().is_some_and(|to| people.is_same(customer, to));
        if let Some(kind) = self.faults.early(post.phone_number_id, is_to) {
            let reply = Reply::of_fault(&kind);
            let code = if let FaultKind::Refuse { code, .. } = &kind { Some(*code) } else { None };
            self.refused.push(refused(code, reply.http_status(), "a fault on demand"));
            return reply;
        }
        match self.take(now_ms, post) {
            Ok(Taken { answer, fault }) => Reply::json(200, answer).with_fault(fault.as_ref()),
            Err(error) => {
                let error = self.with_limit_status(error);
                self.refused.push(refused(Some(error.code), Some(error.http_status()), &error.details));
                Reply::error(&error)
            }
        }
    }

    /// Limits come with 400 or with 429.
    fn with_limit_status(&self, error: ApiError) -> ApiError {
        let is_limit = matches!(error.code, 4 | 80_007 | 130_429 | 131_048 | 131_056) && error.http_status.is_none();
        if is_limit { error.with_status(self.config.limits.http_status) } else { error }
    }

    fn take(&mut self, now_ms: i64, post: Post<'_>) -> Result<Taken, ApiError> {
        self.authorise(post.token, now_ms)?;
        let number = self.number_place(post.phone_number_id).ok_or_else(ApiError::no_object)?;
        let request = post.body.request?;
        let body = post.body.value.unwrap_or_default();
        self.check_sender(now_ms, number)?;
        match request {
            Request::Read(receipt) => self.take_receipt(now_ms, receipt),
            Request::Message(message) => {
                let ask = Ask { number, endpoint: post.endpoint, now_ms };
                self.take_message(&ask, &message, Arc::new(body))
            }
        }
    }

    /// Whether the number may send at all, and now.
    fn check_sender(&mut self, now_ms: i64, number: u32) -> Result<(), ApiError> {
        if let Some(code) = self.account.restriction {
            return Err(ApiError::new(code, "The WhatsApp Business account is restricted"));
        }
        let throughput = self.config.limits.throughput;
        let Some(number) = self.number_mut(number) else { return Err(ApiError::no_object()) };
        if !number.is_registered {
            return Err(ApiError::new(133_010, "The phone number is not registered on the Cloud API"));
        }
        match throughput {
            Some(per_second) if !number.throughput.take(now_ms, per_second) => {
                Err(ApiError::new(130_429, "Cloud API message throughput has been reached."))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn take_receipt(&mut self, now_ms: i64, receipt: ReadReceipt) -> Result<Taken, ApiError> {
        if !self.received.is_recent(&receipt.message_id, now_ms) {
            return Err(ApiError::new(131_009, "message_id is no message of the last 30 days"));
        }
        self.reads.push(ReadMessage { at_ms: now_ms, wamid: receipt.message_id, typing: receipt.typing });
        Ok(Taken { answer: json!({"success": true}), fault: None })
    }

    fn take_message(&mut self, ask: &Ask, message: &Message, body: Arc<Value>) -> Result<Taken, ApiError> {
        content::check(message)?;
        if let Body::Reaction(Reaction { message_id, .. }) = &message.body
            && !self.received.is_recent(message_id, ask.now_ms)
        {
            return Err(ApiError::new(131_009, "reaction.message_id is no message of the last 30 days"));
        }
        let has_bad_file = self.check_files(ask.now_ms, message)?;
        let template = match &message.body {
            Body::Template(given) => Some(self.template_for(given)?),
            _ => None,
        };
        let kind = self.kind_of(ask, message, template, &body)?;
        let recipient = match &message.recipient {
            Recipient::Customer(recipient) => recipient,
            Recipient::Group(group) => {
                let answer = self.take_for_group(ask, message, group, &kind, body)?;
                return Ok(Taken { answer, fault: None });
            }
        };
        let to = self.resolve(ask, recipient)?;
        if kind.category == Category::Authentication && to.is_by_user_id {
            let details = "Authentication messages cannot be sent to a business-scoped user id";
            return Err(ApiError::new(131_062, details));
        }
        self.check_pace(ask, &to)?;
        let mut failure = match self.judge(ask, &to, &kind) {
            Err(error) if !self.config.late_codes.contains(&error.code) => return Err(error),
            verdict => verdict.err(),
        };
        if has_bad_file {
            failure.get_or_insert_with(|| ApiError::new(131_053, "The file is not what its type says"));
        }
        let (people, name) = (&self.people, self.number(ask.number).map(|number| number.name.clone()));
        let Some(name) = name else { return Err(ApiError::no_object()) };
        let is_to = |customer: &str| people.is_same(customer, recipient.as_str());
        let fault = self.faults.late(&name.phone_number_id, is_to);
        if let Some(FaultKind::FailLater { code }) = &fault {
            failure = Some(ApiError::new(*code, "a fault on demand"));
        }
        let is_held = kind.template_id.filter(|_| kind.is_held && failure.is_none());
        let sent = Arc::new(Sent {
            wamid: self.new_wamid(to.person.id()),
            number: name.clone(),
            customer: to.customer,
            person: to.person.clone(),
            group: None,
            is_to_user_id: to.is_by_user_id,
            expires_ms: ask.now_ms.saturating_add(kind.ttl_ms),
            callback_data: message.callback_data.clone(),
            pricing: if failure.is_none() { Some(self.pricing(ask, &kind)) } else { None },
            is_reaction: matches!(message.body, Body::Reaction(_)),
            is_voice: kind.is_voice,
        });
        let mut answered = json!({"id": sent.wamid});
        if kind.template_id.is_some() {
            let word = if is_held.is_some() { "held_for_quality_assessment" } else { "accepted" };
            answered["message_status"] = json!(word);
        }
        let answer = answer(recipient.as_str(), &sent, answered);
        self.remember(ask, message, kind.category, &sent, body, failure.as_ref().map(|error| error.code));
        match is_held {
            Some(template) => self.held.entry(template).or_default().push(sent),
            None => self.schedule(ask.now_ms, &sent, failure),
        }
        Ok(Taken { answer, fault })
    }

    /// The template that is asked for, in the language that is asked for, filled in as it wants.
    fn template_for(&self, given: &Given) -> Result<&Template, ApiError> {
        let no_template = || {
            let details = format!("template name ({}) does not exist in {}", given.name, given.language);
            ApiError::new(132_001, details)
        };
        let template = self.templates.find(&given.name, &given.language).ok_or_else(no_template)?;
        match template.status.as_str() {
            "APPROVED" | "FLAGGED" => {}
            "PAUSED" => return Err(ApiError::new(132_015, "Template is paused due to low quality")),
            "DISABLED" => return Err(ApiError::new(132_016, "Template is disabled due to low quality")),
            _ => return Err(no_template()),
        }
        fill::check(template, given)?;
        Ok(template)
    }

    /// Whether a file that was uploaded is not what it was said to be: that is found out later.
    fn check_files(&self, now_ms: i64, message: &Message) -> Result<bool, ApiError> {
        let mut has_bad_file = false;
        for (kind, id) in attached::files(message) {
            let no_file = || {
                let details =
                    format!("Param {kind}['id'] is not a valid whatsapp business account media attachment ID");
                ApiError::new(100, details)
            };
            has_bad_file |= !self.media.get(now_ms, id).ok_or_else(no_file)?.is_what_it_says();
        }
        Ok(has_bad_file)
    }

    pub(crate) fn remember(
        &mut self,
        ask: &Ask,
        message: &Message,
        category: Category,
        sent: &Arc<Sent>,
        body: Arc<Value>,
        fails_with: Option<i64>,
    ) {
        let is_tappable = matches!(message.body, Body::Interactive(_) | Body::Template(_)) && fails_with.is_none();
        if let Some(customer) = sent.customer.filter(|_| sent.group.is_none()) {
            let thread = self.threads.entry((ask.number, customer)).or_default();
            if is_tappable {
                thread.tappable = Some(Tappable { wamid: sent.wamid.clone(), body: body.clone() });
            }
            // Whoever sends a free-form message holds the thread.
            if fails_with.is_none() && !matches!(message.body, Body::Template(_)) {
                thread.holder = Holder::Business;
            }
        }
        let to = match &message.recipient {
            Recipient::Customer(customer) => customer.as_str(),
            Recipient::Group(group) => group,
        };
        self.accepted.push(AcceptedMessage {
            wamid: sent.wamid.clone(),
            at_ms: ask.now_ms,
            to: to.to_owned(),
            customer: sent.group.as_deref().unwrap_or_else(|| sent.person.id()).to_owned(),
            phone_number_id: sent.number.phone_number_id.clone(),
            callback_data: sent.callback_data.clone(),
            kind: message.body.kind(),
            category,
            fails_with,
            body,
        });
    }

    /// Free-form messages are free so often in a month; all else is billed.
    fn pricing(&mut self, ask: &Ask, kind: &Kind) -> Pricing {
        let max = self.config.limits.free_service;
        let is_service = kind.category == Category::Service;
        let number = self.number_mut(ask.number).filter(|_| is_service);
        let is_free = number.is_some_and(|number| number.takes_free_service(ask.now_ms, max));
        let category = match (kind.category, ask.endpoint) {
            (Category::Marketing, Endpoint::Marketing) => "marketing_lite",
            (category, _) => category.as_str(),
        };
        Pricing { category, kind: if is_free { "free_customer_service" } else { "regular" } }
    }

    /// Opens, or opens again, the window of a customer who wrote.
    pub(crate) fn open_window(&mut self, number: u32, customer: u32, at_ms: i64) {
        let thread = self.threads.entry((number, customer)).or_default();
        thread.window_ends_ms = thread.window_ends_ms.max(at_ms + WINDOW_MS);
    }
}

fn answer(input: &str, sent: &Sent, message: Value) -> Value {
    let mut contact = json!({"input": input});
    if let Some(phone) = &sent.person.phone {
        contact["wa_id"] = json!(phone);
    }
    if !sent.person.user_id.is_empty() {
        contact["user_id"] = json!(sent.person.user_id);
    }
    json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})
}
