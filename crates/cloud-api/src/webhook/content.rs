//! What only messages of one type say. Hostile JSON costs no more than its own length: lists are cut, forms are read to
//! a fixed depth, and a form that is no JSON is kept as it came.

use serde_json::value::RawValue;
use waypost_domain::message::{
    Call, Card, CardPhone, Form, FormField, Item, Location, MessageContent, Order, Reaction, System,
};

use crate::error_object::cut;
use crate::json::{self, Json, entries, fields_of, for_each, integer, string};

const CARDS_MAX: usize = 32;
/// Of phones and addresses on a card.
const REACHED_MAX: usize = 8;
const ITEMS_MAX: usize = 100;
const FORM_FIELDS_MAX: usize = 100;
/// Of objects and lists in a form.
const FORM_DEPTH_MAX: usize = 4;
/// Of values in a form, those that hold others among them.
const FORM_VISITED_MAX: usize = 1_000;
const FORM_NAME_BYTES_MAX: usize = 120;

/// Where a message keeps what only its type says.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub(super) location: Json<'a>,
    pub(super) contacts: Json<'a>,
    pub(super) order: Json<'a>,
    pub(super) interactive: Json<'a>,
    pub(super) reaction: Json<'a>,
    pub(super) revoke: Json<'a>,
    pub(super) system: Json<'a>,
    pub(super) unsupported: Json<'a>,
}

impl Parts<'_> {
    /// By what is there, not by the type's word.
    pub(super) fn content(&self) -> MessageContent {
        let [form, permission] = fields_of(self.interactive, &["nfm_reply", "call_permission_reply"]);
        if self.location.is_some() {
            MessageContent::Location(location(self.location))
        } else if let Some(cards) = self.contacts {
            MessageContent::Cards(collect(cards, CARDS_MAX, card))
        } else if self.order.is_some() {
            MessageContent::Order(order(self.order))
        } else if form.is_some() {
            MessageContent::Form(read_form(form))
        } else if permission.is_some() {
            let [response] = fields_of(permission, &["response"]);
            MessageContent::CallPermission { response: string(response).unwrap_or_default() }
        } else if self.reaction.is_some() {
            let [message_id, emoji] = fields_of(self.reaction, &["message_id", "emoji"]);
            MessageContent::Reaction(Reaction { message_id: string(message_id), emoji: string(emoji) })
        } else if self.revoke.is_some() {
            let [original] = fields_of(self.revoke, &["original_message_id"]);
            MessageContent::Revoke { original: string(original) }
        } else if self.system.is_some() {
            let [kind, body] = fields_of(self.system, &["type", "body"]);
            MessageContent::System(System { kind: string(kind), body: string(body) })
        } else if self.unsupported.is_some() {
            let [kind] = fields_of(self.unsupported, &["type"]);
            MessageContent::Unsupported { kind: string(kind).unwrap_or_default() }
        } else {
            MessageContent::Plain
        }
    }
}

/// A customer's call that nobody took; any other call is none of these.
///
/// Given a `terminate` of a call that the customer began, whose status is not `COMPLETED` and that lasted no time, then it
/// was missed (<https://developers.facebook.com/docs/whatsapp/cloud-api/calling/reference>).
pub(super) fn missed_call(call: &str) -> Option<Call> {
    let [event, direction, status, duration] =
        json::fields(call, &["event", "direction", "status", "duration"])?.values;
    let is = |json, word: &str| string(json).is_some_and(|text| text.eq_ignore_ascii_case(word));
    let status = json::first(status).or(status);
    let was_taken = is(status, "COMPLETED") || integer(duration).is_some_and(|seconds| seconds > 0);
    let is_missed = is(event, "terminate") && is(direction, "USER_INITIATED") && !was_taken;
    is_missed.then(|| Call { status: string(status) })
}

fn collect<T>(list: &RawValue, count_max: usize, read: impl Fn(Json<'_>) -> T) -> Vec<T> {
    let mut all = Vec::new();
    for_each(list, |element| {
        if all.len() < count_max {
            all.push(read(Some(element)));
        }
    });
    all
}

fn location(location: Json<'_>) -> Location {
    let [latitude, longitude, name, address, url] =
        fields_of(location, &["latitude", "longitude", "name", "address", "url"]);
    Location {
        latitude: string(latitude),
        longitude: string(longitude),
        name: string(name),
        address: string(address),
        url: string(url),
    }
}

fn card(card: Json<'_>) -> Card {
    let [name, org, phones, emails, origin] = fields_of(card, &["name", "org", "phones", "emails", "origin"]);
    let [formatted, first, last] = fields_of(name, &["formatted_name", "first_name", "last_name"]);
    let [company] = fields_of(org, &["company"]);
    let phone = |phone: Json<'_>| {
        let [phone, wa_id] = fields_of(phone, &["phone", "wa_id"]);
        CardPhone { phone: string(phone), wa_id: string(wa_id) }
    };
    let email = |email: Json<'_>| {
        let [email] = fields_of(email, &["email"]);
        string(email)
    };
    let composed = || {
        let names: Vec<String> = [first, last].into_iter().filter_map(string).collect();
        (!names.is_empty()).then(|| names.join(" "))
    };
    Card {
        name: string(formatted).or_else(composed),
        company: string(company),
        phones: phones.map(|phones| collect(phones, REACHED_MAX, phone)).unwrap_or_default(),
        emails: emails
            .map(|emails| collect(emails, REACHED_MAX, email))
            .unwrap_or_default()
            .into_iter()
            .flatten()
            .collect(),
        origin: string(origin),
    }
}

fn order(order: Json<'_>) -> Order {
    let [catalog_id, text, items] = fields_of(order, &["catalog_id", "text", "product_items"]);
    let item = |item: Json<'_>| {
        let [product, quantity, price, currency] =
            fields_of(item, &["product_retailer_id", "quantity", "item_price", "currency"]);
        Item { product: string(product), quantity: string(quantity), price: string(price), currency: string(currency) }
    };
    let items = items.map(|items| collect(items, ITEMS_MAX, item)).unwrap_or_default();
    Order { catalog_id: string(catalog_id), text: string(text), items }
}

/// `response_json` is JSON in a string, and can be broken.
fn read_form(form: Json<'_>) -> Form {
    let [name, response] = fields_of(form, &["name", "response_json"]);
    let mut read = Form { name: string(name), ..Form::default() };
    let Some(response) = response else { return read };
    let text = if response.get().starts_with('{') {
        response.get().to_owned()
    } else {
        string(Some(response)).unwrap_or_default()
    };
    let mut reader = FormReader::default();
    if reader.object("", &text, 0) {
        read.fields = reader.fields;
    } else {
        read.unreadable = Some(text);
    }
    read
}

/// What was read of a form so far. A name is made of those around it, so that a long one in a wide or deep form would be
/// copied over and over: what is looked at is counted before anything is copied.
#[derive(Default)]
struct FormReader {
    fields: Vec<FormField>,
    visited: usize,
}

impl FormReader {
    /// `false` when `object` is none, or not JSON.
    fn object(&mut self, path: &str, object: &str, depth: usize) -> bool {
        let Some(entries) = entries(object, FORM_FIELDS_MAX) else { return false };
        for (name, value) in entries {
            self.field(path, &name, value, depth);
        }
        true
    }

    fn field(&mut self, path: &str, name: &str, value: &RawValue, depth: usize) {
        self.visited += 1;
        if self.visited > FORM_VISITED_MAX || self.fields.len() >= FORM_FIELDS_MAX || depth > FORM_DEPTH_MAX {
            return;
        }
        let name = cut(name, FORM_NAME_BYTES_MAX);
        let name = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        if value.get().starts_with('{') {
            self.object(&name, value.get(), depth + 1);
            return;
        }
        let scalar = |value: &RawValue| match value.get() {
            truth @ ("true" | "false") => Some(truth.to_owned()),
            _ => string(Some(value)),
        };
        let mut values: Vec<String> = scalar(value).into_iter().collect();
        let mut place = 0_usize;
        for_each(value, |element| {
            if place < FORM_FIELDS_MAX {
                match element.get().starts_with(['{', '[']) {
                    true => self.field(&name, &place.to_string(), element, depth + 1),
                    false => values.extend(scalar(element)),
                }
            }
            place += 1;
        });
        if !values.is_empty() {
            self.fields.push(FormField { name, value: values.join(", ") });
        }
    }
}
