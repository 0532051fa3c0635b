//! What only messages of one type say: a place, cards, an order, a form, a reaction, a call, news of the platform.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use waypost_domain::message::{Card, CardPhone, Form, Item, Location, MessageContent, Order};

/// What a message of one type says; nothing of the others.
#[derive(Default)]
pub(super) struct Content<'a> {
    pub(super) location: Option<LocationPart<'a>>,
    pub(super) contacts: Vec<CardPart<'a>>,
    pub(super) order: Option<OrderPart<'a>>,
    pub(super) form: Option<FormPart<'a>>,
    pub(super) reaction: Option<ReactionPart<'a>>,
    pub(super) call: Option<CallPart<'a>>,
    pub(super) call_permission: Option<CallPermissionPart<'a>>,
    pub(super) system: Option<SystemPart<'a>>,
    pub(super) unsupported: Option<UnsupportedPart<'a>>,
    pub(super) deleted: Option<&'a str>,
}

impl<'a> Content<'a> {
    pub(super) fn of(content: &'a MessageContent) -> Self {
        let mut parts = Self::default();
        match content {
            MessageContent::Location(location) => parts.location = Some(location.into()),
            MessageContent::Cards(cards) => parts.contacts = cards.iter().map(CardPart::from).collect(),
            MessageContent::Order(order) => parts.order = Some(order.into()),
            MessageContent::Form(form) => parts.form = Some(form.into()),
            MessageContent::Reaction(reaction) => {
                let (emoji, wamid) = (reaction.emoji.as_deref(), reaction.message_id.as_deref());
                parts.reaction = Some(ReactionPart { emoji, removed: emoji.is_none(), wamid });
            }
            MessageContent::Revoke { original } => parts.deleted = original.as_deref(),
            MessageContent::System(system) => {
                parts.system = Some(SystemPart { kind: system.kind.as_deref(), text: system.body.as_deref() });
            }
            MessageContent::Call(call) => {
                parts.call = Some(CallPart { missed: true, status: call.status.as_deref() });
            }
            MessageContent::CallPermission { response } => {
                parts.call_permission = Some(CallPermissionPart { response });
            }
            MessageContent::Unsupported { kind } => parts.unsupported = Some(UnsupportedPart { kind }),
            MessageContent::Plain | MessageContent::Edit(_) => {}
        }
        parts
    }
}

#[derive(Serialize)]
pub(super) struct LocationPart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    latitude: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longitude: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct CardPart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phones: Vec<PhonePart<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    emails: &'a [String],
}

#[derive(Serialize)]
pub(super) struct PhonePart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wa_id: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct OrderPart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    items: Vec<ItemPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// Absent where a price is missing or they are in several currencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<Box<RawValue>>,
}

#[derive(Serialize)]
pub(super) struct ItemPart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct FormPart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    fields: BTreeMap<&'a str, &'a str>,
    /// The answers as they came, where they cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct ReactionPart<'a> {
    /// Absent: it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<&'a str>,
    removed: bool,
    /// Of the message that it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    wamid: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct CallPart<'a> {
    missed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct CallPermissionPart<'a> {
    response: &'a str,
}

#[derive(Serialize)]
pub(super) struct UnsupportedPart<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Serialize)]
pub(super) struct SystemPart<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// A number as Meta wrote it; what is none goes out as text.
struct Number<'a>(&'a str);

impl Serialize for Number<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match number(self.0) {
            Some(number) => number.serialize(serializer),
            None => serializer.serialize_str(self.0),
        }
    }
}

fn number(text: &str) -> Option<Box<RawValue>> {
    let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    RawValue::from_string(text.to_owned()).ok().filter(|_| is_number)
}

impl<'a> From<&'a Location> for LocationPart<'a> {
    fn from(location: &'a Location) -> Self {
        Self {
            latitude: location.latitude.as_deref().map(Number),
            longitude: location.longitude.as_deref().map(Number),
            name: location.name.as_deref(),
            address: location.address.as_deref(),
            url: location.url.as_deref(),
        }
    }
}

impl<'a> From<&'a Card> for CardPart<'a> {
    fn from(card: &'a Card) -> Self {
        let phone = |phone: &'a CardPhone| PhonePart { phone: phone.phone.as_deref(), wa_id: phone.wa_id.as_deref() };
        Self {
            name: card.name.as_deref(),
            company: card.company.as_deref(),
            phones: card.phones.iter().map(phone).collect(),
            emails: &card.emails,
        }
    }
}

impl<'a> From<&'a Order> for OrderPart<'a> {
    fn from(order: &'a Order) -> Self {
        let item = |item: &'a Item| ItemPart {
            product: item.product.as_deref(),
            quantity: item.quantity.as_deref().map(Number),
            price: item.price.as_deref().map(Number),
            currency: item.currency.as_deref(),
        };
        let total = order.total();
        Self {
            catalog_id: order.catalog_id.as_deref(),
            text: order.text.as_deref(),
            items: order.items.iter().map(item).collect(),
            currency: total.as_ref().map(|(_, currency)| (*currency).to_owned()),
            sum: total.and_then(|(sum, _)| number(&sum)),
        }
    }
}

impl<'a> From<&'a Form> for FormPart<'a> {
    fn from(form: &'a Form) -> Self {
        let fields = form.fields.iter().map(|field| (field.name.as_str(), field.value.as_str()));
        Self { name: form.name.as_deref(), fields: fields.collect(), unreadable: form.unreadable.as_deref() }
    }
}
