//! A POST's body into events. Every element becomes exactly one event or one quarantine record; a bad element costs
//! only itself.
//!
//! It works on slices of the body, level by level, so that memory stays flat whatever the body holds.

use std::borrow::Cow;

use serde_json::value::RawValue;
use waypost_domain::message::MessageContent;
use waypost_domain::{InboundMessage, MessageKind, PhoneNumberId, WabaId};

use super::message::{self, Direction};
use super::person::People;
use super::{
    Content, DecodeError, Position, QuarantineReason, Quarantined, Split, WebhookEvent, change, decode_status, key,
};
use crate::error_object::errors;
use crate::json::{self, Json, fields_of, integer, is_deeper_than, is_something, object, string, text};

/// How deep brackets may be nested. Meta's deepest webhooks (`history`) stay below 16.
pub const DEPTH_MAX: usize = 64;

/// The detail of a part that can be read in two ways.
const DOUBLED: &str = "a field is given twice";

/// How many items one POST may hold. Meta sends at most 1000 updates; a `history` webhook is one item.
pub const ITEMS_MAX: usize = 10_000;

object! { Body { entry: "entry" } }
object! { Entry { id: "id", time: "time", changes: "changes" } }
object! { Change { field: "field", value: "value" } }
object! {
    Value {
        metadata: "metadata",
        display_phone_number: "display_phone_number",
        contacts: "contacts",
        messages: "messages",
        statuses: "statuses",
        message_echoes: "message_echoes",
        errors: "errors",
        // Always there; named so that it does not count as something else in the change.
        _messaging_product: "messaging_product",
    }
}
object! {
    Calls {
        calls: "calls",
        contacts: "contacts",
        // Always there; named so that they do not count as something else in the change.
        _metadata: "metadata",
        _messaging_product: "messaging_product",
    }
}

/// Splits a body whose signature was found good.
pub fn split(body: &[u8]) -> Split<'_> {
    let is_deep = is_deeper_than(body, DEPTH_MAX);
    let whole = |reason, detail: &str| Split {
        events: vec![],
        quarantined: vec![Quarantined { reason, position: None, bytes: body, detail: detail.to_owned() }],
    };
    let unparseable = if is_deep { QuarantineReason::TooDeep } else { QuarantineReason::UnparseableBody };
    let Ok(text) = std::str::from_utf8(body) else { return whole(unparseable, "not UTF-8") };
    let Some((webhook, oddities)) = Body::read(text) else { return whole(unparseable, "not a JSON object") };
    let Some(entries) = webhook.entry.filter(|_| !oddities.has_doubles) else {
        return whole(unparseable, "not exactly one `entry`");
    };
    let post = key::Post::new(body);
    let mut splitter = Splitter { post, split: Split::default(), position: Position::default(), contacts: 0, is_deep };
    if !json::for_each(entries, |entry| splitter.entry(entry)) {
        return whole(unparseable, "`entry` is not a list");
    }
    if splitter.is_full() {
        return whole(QuarantineReason::UnparseableBody, "more items than one webhook may hold");
    }
    splitter.split
}

struct Splitter<'a> {
    post: key::Post<'a>,
    split: Split<'a>,
    /// Of the next record.
    position: Position,
    /// How many elements of `contacts[]` were read; they count as items.
    contacts: usize,
    /// Something in the body is nested too deep: each item has to be looked at.
    is_deep: bool,
}

/// What the events of one change have in common.
struct Context<'a> {
    waba_id: WabaId,
    entry_time: Option<i64>,
    number: PhoneNumberId,
    display_phone_number: String,
    field: Cow<'a, str>,
}

/// Who wrote the messages of a list.
#[derive(Clone, Copy)]
enum Author {
    Customer,
    /// A customer, while another app holds the thread.
    CustomerOnStandby,
    /// A colleague in the phone app, or another app.
    Colleague,
}

impl Author {
    const fn direction(self) -> Direction {
        match self {
            Self::Customer | Self::CustomerOnStandby => Direction::Inbound,
            Self::Colleague => Direction::Echo,
        }
    }

    const fn content(self, message: InboundMessage) -> Content {
        match self {
            Self::Customer => Content::Message(message),
            Self::CustomerOnStandby => Content::StandbyMessage(message),
            Self::Colleague => Content::Echo(message),
        }
    }
}

impl<'a> Splitter<'a> {
    fn entry(&mut self, raw: &'a RawValue) {
        if self.is_full() {
            return;
        }
        self.position.change = 0;
        self.position.item = 0;
        match Entry::read(raw.get()) {
            None => self.quarantine(raw, "an entry is not an object"),
            Some((_, oddities)) if oddities.has_doubles => self.quarantine(raw, DOUBLED),
            Some((entry, _)) => match entry.changes.filter(|changes| changes.get().starts_with('[')) {
                None => self.quarantine(raw, "`changes` is not a list"),
                Some(changes) => {
                    json::for_each(changes, |change| self.change(&entry, change));
                }
            },
        }
        self.position.entry += 1;
    }

    fn change(&mut self, entry: &Entry<'a>, raw: &'a RawValue) {
        if self.is_full() {
            return;
        }
        self.position.item = 0;
        match Change::read(raw.get()) {
            None => self.quarantine(raw, "a change is not an object"),
            Some((_, oddities)) if oddities.has_doubles => self.quarantine(raw, DOUBLED),
            Some((change, _)) => match change.value.and_then(|json| Some((json, Value::read(json.get())?))) {
                None => self.quarantine(raw, "`value` is not an object"),
                Some((_, (_, oddities))) if oddities.has_doubles => self.quarantine(raw, DOUBLED),
                Some((json, (value, oddities))) => {
                    let context = Context::new(entry, change.field, &value);
                    self.value(&context, json, &value, oddities.has_others);
                }
            },
        }
        self.position.change += 1;
    }

    /// The messages, statuses and echoes of a change, and then whatever else is in it as one more event.
    fn value(&mut self, context: &Context<'a>, json: &'a RawValue, value: &Value<'a>, has_others: bool) {
        let author = match context.field.as_ref() {
            "" | "messages" => Some(Author::Customer),
            "standby" => Some(Author::CustomerOnStandby),
            "smb_message_echoes" => None,
            "calls" => return self.calls(context, json),
            _ => return self.rest(context, json),
        };
        let mut has_messages = false;
        let mut has_rest = has_others;
        match author {
            Some(author) => {
                has_messages |= self.messages(context, value, value.messages, author);
                self.statuses(context, value.statuses);
            }
            None => has_rest |= is_something(value.messages) || is_something(value.statuses),
        }
        has_messages |= self.messages(context, value, value.message_echoes, Author::Colleague);
        // Errors beside messages are theirs; alone, they are news of their own.
        has_rest |= !has_messages && is_something(value.errors);
        if has_rest || self.position.item == 0 {
            self.rest(context, json);
        }
    }

    /// Whether there was a message for the value's `errors` to go with.
    fn messages(&mut self, context: &Context<'a>, value: &Value<'a>, list: Json<'a>, author: Author) -> bool {
        let Some(list) = self.list(list, "messages are not a list") else { return false };
        let people = People::read(value.contacts, ITEMS_MAX);
        self.contacts += people.len();
        let first = self.split.events.len();
        json::for_each(list, |raw| {
            self.item(context, raw, |json, post, at| {
                let message = message::decode(json, author.direction(), |own| people.sender(own))?;
                Ok((key::of_message(message.id.as_deref(), json, post, at), author.content(message)))
            });
        });
        let messages = &mut self.split.events[first..];
        give_errors(messages.iter_mut().filter_map(|event| event.content.message_mut()).collect(), value.errors);
        !messages.is_empty()
    }

    /// The calls of a customer's that nobody took are messages; with any other call the change is one more event.
    fn calls(&mut self, context: &Context<'a>, json: &'a RawValue) {
        let Some((value, oddities)) = Calls::read(json.get()) else { return self.rest(context, json) };
        let mut has_rest = oddities.has_others || oddities.has_doubles;
        if let Some(calls) = value.calls.filter(|_| !oddities.has_doubles) {
            let people = People::read(value.contacts, ITEMS_MAX);
            self.contacts += people.len();
            json::for_each(calls, |raw| {
                match message::decode(raw.get(), Direction::Inbound, |own| people.sender(own)) {
                    Ok(call) if call.kind == MessageKind::Call => self.item(context, raw, |json, post, at| {
                        Ok((key::of_message(call.id.as_deref(), json, post, at), Content::Message(call)))
                    }),
                    Ok(_) | Err(DecodeError::NotAnObject) => has_rest = true,
                }
            });
        }
        if has_rest || self.position.item == 0 {
            self.rest(context, json);
        }
    }

    fn statuses(&mut self, context: &Context<'a>, list: Json<'a>) {
        let Some(list) = self.list(list, "`statuses` is not a list") else { return };
        json::for_each(list, |raw| {
            self.item(context, raw, |json, _, _| {
                let status = decode_status(json)?;
                Ok((key::of_status(&status, json), Content::Status(status)))
            });
        });
    }

    /// A change that is no message and no status, or what stands beside them.
    fn rest(&mut self, context: &Context<'a>, raw: &'a RawValue) {
        self.item(context, raw, |json, _, _| {
            let content = change::content(&context.field, json)?;
            Ok((key::of_change(context.waba_id.as_str(), context.entry_time, &context.field, json), content))
        });
    }

    /// A list of items; what stands in its place and is none is quarantined.
    fn list(&mut self, json: Json<'a>, detail: &str) -> Json<'a> {
        let json = json?;
        if json.get().starts_with('[') {
            return Some(json);
        }
        self.quarantine(json, detail);
        None
    }

    /// The one place where events are made.
    fn item(
        &mut self,
        context: &Context<'a>,
        raw: &'a RawValue,
        decode: impl FnOnce(&'a str, &key::Post<'a>, Position) -> Result<(String, Content), DecodeError>,
    ) {
        if self.is_full() {
            return;
        }
        let json = raw.get();
        if self.is_deep && is_deeper_than(json.as_bytes(), DEPTH_MAX) {
            return self.quarantine_as(QuarantineReason::TooDeep, raw, "an item is nested too deep");
        }
        match decode(json, &self.post, self.position) {
            Err(DecodeError::NotAnObject) => self.quarantine(raw, "an item is not an object"),
            Ok((key, content)) => {
                self.split.events.push(WebhookEvent {
                    position: self.position,
                    waba_id: context.waba_id.clone(),
                    entry_time: context.entry_time,
                    number: context.number.clone(),
                    display_phone_number: context.display_phone_number.clone(),
                    field: context.field.clone(),
                    key,
                    json,
                    content,
                });
                self.position.item += 1;
            }
        }
    }

    fn quarantine(&mut self, raw: &'a RawValue, detail: &str) {
        self.quarantine_as(QuarantineReason::UnparseablePart, raw, detail);
    }

    fn quarantine_as(&mut self, reason: QuarantineReason, raw: &'a RawValue, detail: &str) {
        let (position, bytes) = (Some(self.position), raw.get().as_bytes());
        self.split.quarantined.push(Quarantined { reason, position, bytes, detail: detail.to_owned() });
        self.position.item += 1;
    }

    /// Beyond the limit nothing more is kept: the whole body will be quarantined.
    fn is_full(&self) -> bool {
        self.split.events.len() + self.split.quarantined.len() + self.contacts > ITEMS_MAX
    }
}

/// Meta writes errors beside the one message that they are about: a hostile change must not have them copied into thousands.
const GIVEN_TO_MAX: usize = 16;

/// Errors beside messages belong to those that say nothing themselves, such as `unsupported` ones; where there is none,
/// to all of them, and to no more than [`GIVEN_TO_MAX`].
fn give_errors(mut messages: Vec<&mut InboundMessage>, beside: Json<'_>) {
    let errors = errors(beside);
    if errors.is_empty() {
        return;
    }
    let is_silent = |message: &InboundMessage| {
        let is_empty = message.content == MessageContent::Plain || message.kind == MessageKind::Unsupported;
        is_empty && message.text.is_none() && message.tap.is_none() && message.media.is_none()
    };
    let some_are_silent = messages.iter().any(|message| is_silent(message));
    let meant = messages.iter_mut().filter(|message| !some_are_silent || is_silent(message));
    for message in meant.take(GIVEN_TO_MAX) {
        let new = errors.iter().filter(|error| !message.errors.contains(error)).cloned().collect::<Vec<_>>();
        message.errors.extend(new);
    }
}

impl<'a> Context<'a> {
    fn new(entry: &Entry<'a>, field: Json<'a>, value: &Value<'a>) -> Self {
        let [display, number] = fields_of(value.metadata, &["display_phone_number", "phone_number_id"]);
        Self {
            waba_id: WabaId::new(string(entry.id).unwrap_or_default()),
            entry_time: integer(entry.time),
            number: PhoneNumberId::new(string(number).unwrap_or_default()),
            display_phone_number: string(display.or(value.display_phone_number)).unwrap_or_default(),
            field: text(field).unwrap_or_default(),
        }
    }
}
