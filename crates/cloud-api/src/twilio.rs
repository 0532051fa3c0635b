//! Twilio (<https://www.twilio.com/docs/whatsapp>), which carries WhatsApp in forms of its own: what it posts is checked
//! ([`signature`]) and told as Meta would have told it ([`hook`]), so that nobody behind the front door knows it; what is sent
//! through it is a form ([`message`]), and what it answers is read ([`answer`]).
//!
//! Twilio knows no id of a number: the numbers stand in the configuration, with the id that each is to have here. Our mark on a
//! message stands in the address that its statuses go to ([`address`]).

pub mod address;
pub mod answer;
pub mod fields;
pub mod hook;
pub mod message;
pub mod signature;

use std::collections::BTreeMap;
use std::fmt;

use waypost_domain::phone;

/// Before every address of WhatsApp's, as `whatsapp:+15550100001`; what lacks it is a text message.
pub const CHANNEL: &str = "whatsapp:";

/// The business's numbers at Twilio.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct OurNumbers {
    ids: BTreeMap<String, String>,
    account: Option<String>,
}

/// One that is no phone number, or a second one with the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no phone number, or has the number of another id")]
pub struct InvalidNumber {
    /// That it was to have here. Never the number.
    pub id: String,
}

impl OurNumbers {
    /// Of pairs: the id that a number is to have here, and the number, in whatever spelling.
    pub fn new<'a>(numbers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, InvalidNumber> {
        let mut ids = BTreeMap::new();
        for (id, number) in numbers {
            let is_number = phone::digits(number).is_some();
            if !is_number || ids.insert(phone::canonical(number).into_owned(), id.to_owned()).is_some() {
                return Err(InvalidNumber { id: id.to_owned() });
            }
        }
        Ok(Self { ids, account: None })
    }

    /// The account that their news are told under, where it is another one than Twilio's.
    #[must_use]
    pub fn of_account(self, account: Option<String>) -> Self {
        Self { account, ..self }
    }

    /// The id of `whatsapp:+15550199`.
    fn id_of(&self, address: &str) -> Option<&str> {
        self.ids.get(&*phone::canonical(address.strip_prefix(CHANNEL)?)).map(String::as_str)
    }
}

/// No number is shown.
impl fmt::Debug for OurNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.ids.values()).finish()
    }
}
