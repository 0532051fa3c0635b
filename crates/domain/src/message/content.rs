//! What only messages of one type say. Field names are Meta's:
//! <https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages>.

use super::InboundMessage;

/// By the message's type; `Plain` where text, file and tap are all there is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MessageContent {
    #[default]
    Plain,
    Location(Location),
    Cards(Vec<Card>),
    Order(Order),
    Form(Form),
    Reaction(Reaction),
    Edit(Edit),
    /// The customer deleted a message.
    Revoke {
        original: Option<String>,
    },
    System(System),
    Call(Call),
    /// `call_permission_reply.response`: `accept` or `reject`.
    CallPermission {
        response: String,
    },
    /// `unsupported.type`: what the API does not carry, e.g. `poll`.
    Unsupported {
        kind: String,
    },
}

/// A place. The coordinates are decimals as Meta wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Location {
    /// Degrees north.
    pub latitude: Option<String>,
    /// Degrees east.
    pub longitude: Option<String>,
    pub name: Option<String>,
    pub address: Option<String>,
    pub url: Option<String>,
}

/// Somebody's contact card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    pub name: Option<String>,
    pub company: Option<String>,
    pub phones: Vec<CardPhone>,
    pub emails: Vec<String>,
    /// `contact_request`: the customer shared an own number that we asked for.
    pub origin: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardPhone {
    pub phone: Option<String>,
    pub wa_id: Option<String>,
}

/// What a customer wants to buy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    pub catalog_id: Option<String>,
    /// What the customer wrote beside it.
    pub text: Option<String>,
    pub items: Vec<Item>,
}

/// Numbers are decimals as Meta wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    /// The shop's own id of the product.
    pub product: Option<String>,
    pub quantity: Option<String>,
    pub price: Option<String>,
    pub currency: Option<String>,
}

/// A form that a customer filled in: `nfm_reply`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    pub name: Option<String>,
    /// In the form's order. Of what lies deeper, the names are joined by dots.
    pub fields: Vec<FormField>,
    /// `response_json` where it is no JSON object: as it came.
    pub unreadable: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormField {
    pub name: String,
    pub value: String,
}

impl FormField {
    /// What we gave the form to recognise it by. Nothing that the customer said.
    pub const TOKEN: &'static str = "flow_token";
}

/// An emoji on a message; none: it was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reaction {
    pub message_id: Option<String>,
    pub emoji: Option<String>,
}

/// A message that the customer changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edit {
    /// The wamid of the message as it was first.
    pub original: Option<String>,
    /// As it is now. It has no sender and no id of its own, and is no edit.
    pub message: Box<InboundMessage>,
}

/// News from the platform about the customer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct System {
    /// `system.type`, e.g. `customer_identity_changed`.
    pub kind: Option<String>,
    /// Meta's own sentence.
    pub body: Option<String>,
}

/// A call that nobody took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Call {
    /// Meta's word, e.g. `FAILED`.
    pub status: Option<String>,
}

/// One of `errors[]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageError {
    pub code: i64,
    pub title: Option<String>,
    /// `error_data.details`, else `message`.
    pub details: Option<String>,
}

impl Order {
    /// The sum and its currency, where every item has a price in the same one. Exact, in decimals.
    pub fn total(&self) -> Option<(String, &str)> {
        let currency = self.items.first()?.currency.as_deref()?;
        let mut sum: i128 = 0;
        for item in &self.items {
            if item.currency.as_deref() != Some(currency) {
                return None;
            }
            let quantity = item.quantity.as_deref().map_or(Some(SCALE), scaled)?;
            sum = sum.checked_add(quantity.checked_mul(scaled(item.price.as_deref()?)?)? / SCALE)?;
        }
        Some((decimal(sum), currency))
    }
}

const DECIMALS: usize = 6;
const SCALE: i128 = 1_000_000;

/// A decimal in millionths; digits behind them are left out.
fn scaled(text: &str) -> Option<i128> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || !digits(whole) || !digits(decimals) {
        return None;
    }
    let decimals: String = decimals.chars().chain(std::iter::repeat('0')).take(DECIMALS).collect();
    Some(whole.parse::<i128>().ok()? * SCALE + decimals.parse::<i128>().ok()?)
}

/// With two decimals at least, as money is written.
fn decimal(millionths: i128) -> String {
    let text = format!("{}.{:06}", millionths / SCALE, millionths % SCALE);
    let shortest = text.trim_end_matches('0').len().max(text.len() - DECIMALS + 2);
    text[..shortest].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Bought = (&'static str, &'static str, &'static str);

    fn order(items: &[Bought]) -> Order {
        let item = |(quantity, price, currency): &Bought| Item {
            quantity: Some((*quantity).to_owned()),
            price: Some((*price).to_owned()),
            currency: Some((*currency).to_owned()),
            product: None,
        };
        Order { items: items.iter().map(item).collect(), ..Order::default() }
    }

    #[test]
    fn a_sum_is_exact_or_none() {
        let cases: &[(&[Bought], Option<&str>)] = &[
            (&[("2", "12.5", "EUR"), ("1", "30", "EUR")], Some("55.00")),
            (&[("3", "0.1", "EUR")], Some("0.30")),
            (&[("0.5", "0.333", "KWD")], Some("0.1665")),
            (&[("1", "1", "EUR"), ("1", "1", "USD")], None),
            (&[("1", "a lot", "EUR")], None),
            (&[("999999999999", "999999999999", "EUR")], Some("999999999998000000000001.00")),
            (&[("1", "9999999999999", "EUR")], None),
            (&[], None),
        ];
        for (items, want) in cases {
            let order = order(items);
            assert_eq!(order.total().map(|(sum, _)| sum).as_deref(), *want, "{items:?}");
        }
    }
}
