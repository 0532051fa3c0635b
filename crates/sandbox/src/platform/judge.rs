//! Whether Meta delivers a message to this customer: window, marketing, limits, country, payment. Also who the customer is.

use std::sync::Arc;

use serde_json::Value;
use waypost_cloud_api::send::{Body, Customer as Addressed, Interactive, Media, Message};
use waypost_domain::{Category, phone};

use super::config::{Strangers, Unprefixed};
use super::error::ApiError;
use super::people::CustomerSpec;
use super::person::Person;
use super::state::State;
use super::template::Template;

/// Where Meta caps no marketing: the EEA, and three more.
const UNCAPPED: &[&str] = &[
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IS", "IE", "IT", "LV", "LI", "LT",
    "LU", "MT", "NL", "NO", "PL", "PT", "RO", "SK", "SI", "ES", "SE", "GB", "JP", "KR",
];
/// Where there is no service.
const UNSERVED: &[&str] = &["CU", "IR", "KP", "SY"];
/// For how long a free-form message waits for a phone that is off.
const TTL_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Which way it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/messages`
    CloudApi,
    /// `/marketing_messages`
    Marketing,
}

/// Who asks, and when.
pub(crate) struct Ask {
    pub(crate) number: u32,
    pub(crate) endpoint: Endpoint,
    pub(crate) now_ms: i64,
}

/// What a message is to Meta's rules.
pub(crate) struct Kind {
    pub(crate) category: Category,
    /// `None`: free-form.
    pub(crate) template_id: Option<u64>,
    /// Whether it may go outside of windows.
    pub(crate) needs_no_window: bool,
    pub(crate) is_held: bool,
    pub(crate) ttl_ms: i64,
    pub(crate) is_voice: bool,
}

/// Whom a message is for.
pub(crate) struct To {
    /// `None`: nobody has this number.
    pub(crate) customer: Option<u32>,
    pub(crate) person: Arc<Person>,
    pub(crate) is_by_user_id: bool,
}

impl State {
    /// What kind of message it is, or why it is none that this endpoint takes.
    pub(crate) fn kind_of(
        &self,
        ask: &Ask,
        message: &Message,
        template: Option<&Template>,
        body: &Value,
    ) -> Result<Kind, ApiError> {
        let is_voice = matches!(&message.body, Body::Media(Media::Audio { voice: true, .. }));
        if let Some(template) = template {
            if ask.endpoint == Endpoint::Marketing && template.category != Category::Marketing {
                return Err(ApiError::new(131_055, "Only marketing templates can be sent through this API"));
            }
            return Ok(Kind {
                category: template.category,
                template_id: Some(template.id),
                needs_no_window: true,
                is_held: template.is_held,
                ttl_ms: template.ttl_ms(),
                is_voice,
            });
        }
        if ask.endpoint == Endpoint::Marketing {
            return Err(ApiError::new(134_100, "Only marketing template messages can be sent through this API"));
        }
        let is_direct = body.get("category").is_some();
        if is_direct {
            self.check_direct(message, body)?;
        } else if body.get("ttl_seconds").is_some() {
            return Err(ApiError::new(100, "ttl_seconds is valid only beside category"));
        }
        Ok(Kind {
            category: if is_direct { Category::Utility } else { Category::Service },
            template_id: None,
            needs_no_window: is_direct,
            is_held: false,
            ttl_ms: body.get("ttl_seconds").and_then(Value::as_i64).map_or(TTL_MS, |seconds| seconds * 1_000),
            is_voice,
        })
    }

    /// Utility without a template: a beta that few accounts have.
    fn check_direct(&self, message: &Message, body: &Value) -> Result<(), ApiError> {
        let is_utility = body.get("category").and_then(Value::as_str) == Some("utility");
        let is_kind = matches!(
            &message.body,
            Body::Text(_) | Body::Interactive(Interactive::CtaUrl(_) | Interactive::Buttons(_))
        );
        if !self.config.direct_send || !is_utility || !is_kind {
            return Err(ApiError::new(100, "category is not available for this account or this message"));
        }
        match body.get("ttl_seconds").map(Value::as_i64) {
            None | Some(Some(30..=43_200)) => Ok(()),
            Some(_) => Err(ApiError::new(100, "ttl_seconds must be 30 to 43200")),
        }
    }

    /// Who is meant: under any spelling, or in the sender's country where there is no `+`.
    pub(crate) fn resolve(&mut self, ask: &Ask, addressed: &Addressed) -> Result<To, ApiError> {
        let own = self.number(ask.number).map(|number| number.digits.clone()).unwrap_or_default();
        let (id, is_by_user_id) = match addressed {
            Addressed::Phone(number) => (number.digits().to_owned(), false),
            Addressed::User(id) => (id.as_str().to_owned(), true),
            Addressed::Unprefixed(number) => (with_country(number.as_str(), &own, self.config.unprefixed), false),
        };
        if !is_by_user_id && phone::is_same(&id, &own) {
            return Err(ApiError::new(131_021, "Sender and recipient phone number is the same"));
        }
        let mut customer = self.people.find(&id);
        if customer.is_none() && self.config.strangers == Strangers::Join {
            let spec = match is_by_user_id {
                true => CustomerSpec { user_id: Some(id.clone()), ..CustomerSpec::default() },
                false => CustomerSpec::of_phone(id.clone()),
            };
            customer = Some(self.people.add(spec));
        }
        let known = customer.and_then(|customer| self.people.get(customer));
        let person = known.map_or_else(|| Arc::new(nobody(&id, is_by_user_id)), |known| known.person.clone());
        Ok(To { customer, person, is_by_user_id })
    }

    /// The pace of this number with this customer.
    pub(crate) fn check_pace(&mut self, ask: &Ask, to: &To) -> Result<(), ApiError> {
        let Some(customer) = to.customer.filter(|_| self.config.limits.pair) else { return Ok(()) };
        let thread = self.threads.entry((ask.number, customer)).or_default();
        if thread.pair.take(ask.now_ms) {
            return Ok(());
        }
        let details = "Message failed to send because there were too many messages sent from this phone number to the \
                       same phone number in a short period of time.";
        Err(ApiError::new(131_056, details))
    }

    /// Why this customer does not get the message.
    pub(crate) fn judge(&mut self, ask: &Ask, to: &To, kind: &Kind) -> Result<(), ApiError> {
        let unreachable = || ApiError::new(131_026, "Message Undeliverable.");
        let Some(index) = to.customer else { return Err(unreachable()) };
        let Some(customer) = self.people.get(index) else { return Err(unreachable()) };
        if customer.is_blocked {
            return Err(ApiError::new(130_403, "You have blocked this user"));
        }
        if customer.has_blocked {
            return Err(unreachable());
        }
        let country = to.person.country().unwrap_or_default();
        if UNSERVED.contains(&country) {
            return Err(ApiError::new(130_497, "Business account is restricted from messaging users in this country."));
        }
        let thread = self.threads.get(&(ask.number, index));
        let is_open = thread.is_some_and(|thread| ask.now_ms < thread.window_ends_ms);
        if !is_open && !kind.needs_no_window {
            let details = "Message failed to send because more than 24 hours have passed since the customer last \
                           replied to this number.";
            return Err(ApiError::new(131_047, details));
        }
        if kind.needs_no_window && !self.account.has_payment {
            return Err(ApiError::new(131_042, "There is no payment method on the account."));
        }
        let is_marketing = kind.template_id.is_some() && kind.category == Category::Marketing;
        if is_marketing {
            if customer.has_stopped_marketing {
                return Err(ApiError::new(131_050, "The user has chosen to stop receiving marketing messages."));
            }
            self.check_marketing(ask, index, country, is_open)?;
        }
        match self.config.limits.messaging {
            Some(max) if !is_open && !self.reached.take(index, ask.now_ms, max) => {
                Err(ApiError::new(131_048, "The messaging limit of the business portfolio has been reached."))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_marketing(&mut self, ask: &Ask, customer: u32, country: &str, is_open: bool) -> Result<(), ApiError> {
        let unhealthy = || {
            ApiError::new(
                131_049,
                "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
            )
        };
        if country == "US" {
            return Err(unhealthy());
        }
        // What is sent in an open window does not count.
        let Some(max) = self.config.limits.marketing.filter(|_| !is_open && !UNCAPPED.contains(&country)) else {
            return Ok(());
        };
        let customer = self.people.get_mut(customer);
        let is_free = customer.is_none_or(|customer| customer.marketing.take(ask.now_ms, max));
        if is_free { Ok(()) } else { Err(unhealthy()) }
    }
}

/// What a number without `+` means.
fn with_country(text: &str, own: &str, meaning: Unprefixed) -> String {
    let digits = phone::digits(text).map_or_else(|| text.to_owned(), std::borrow::Cow::into_owned);
    let code = &own[..calling_code_digits(own)];
    let is_home = digits.starts_with(code) && phone::international(&digits).is_ok();
    match meaning {
        Unprefixed::SendersCountry if !is_home => format!("{code}{}", digits.trim_start_matches('0')),
        Unprefixed::SendersCountry | Unprefixed::International => digits,
    }
}

/// How long the calling code is that a number begins with (ITU-T E.164, list of assigned codes).
fn calling_code_digits(number: &str) -> usize {
    let digits = match number.as_bytes() {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 2,
        _ => 3,
    };
    digits.min(number.len())
}

/// Somebody who is not there.
fn nobody(id: &str, is_by_user_id: bool) -> Person {
    let (phone, user_id) = if is_by_user_id { (None, id.to_owned()) } else { (Some(id.to_owned()), String::new()) };
    Person { phone, user_id, username: None, name: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_plus_is_one_of_the_senders_country() {
        let sender = "15550783881";
        let cases =
            [("16505551234", "16505551234"), ("6505551234", "16505551234"), ("4915112345678", "14915112345678")];
        for (text, meant) in cases {
            assert_eq!(with_country(text, sender, Unprefixed::SendersCountry), meant);
        }
        assert_eq!(with_country("4915112345678", sender, Unprefixed::International), "4915112345678");
        assert_eq!(with_country("0151 12345678", "4930123456", Unprefixed::SendersCountry), "4915112345678");
    }
}
