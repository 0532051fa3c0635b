//! Contact cards: people whom the customer may add to their address book.

use serde_json::{Map, Value};

use super::object::{FieldError, Object, put};

/// An object of which every field is a text that may be absent.
trait Texts {
    fn write(&self, object: &mut Map<String, Value>);

    fn to_value(&self) -> Value {
        let mut object = Map::new();
        self.write(&mut object);
        Value::Object(object)
    }
}

/// Declares one: each field's own name, and Meta's.
macro_rules! texts {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $key:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: Option<String>),+
        }

        impl $name {
            fn read(object: &Object<'_>) -> Result<Self, FieldError> {
                Ok(Self { $($field: object.optional_text($key)?),+ })
            }
        }

        impl Texts for $name {
            fn write(&self, object: &mut Map<String, Value>) {
                $(put(object, $key, self.$field.as_deref());)+
            }
        }
    };
}

texts! {
    /// The parts of a name.
    NameParts {
        /// Ada
        first: "first_name",
        /// Between first and last.
        middle: "middle_name",
        /// Lovelace
        last: "last_name",
        /// Dr.
        prefix: "prefix",
        /// Jr.
        suffix: "suffix",
    }
}

texts! {
    /// How somebody is called.
    CardPhone {
        /// As people write it.
        phone: "phone",
        /// The number's digits on WhatsApp; with it the card has a button to write there.
        wa_id: "wa_id",
        /// CELL, HOME, WORK and their like.
        kind: "type",
    }
}

texts! {
    /// Where somebody reads mail.
    CardEmail {
        /// The address.
        email: "email",
        /// HOME or WORK.
        kind: "type",
    }
}

texts! {
    /// Where somebody lives or works.
    CardAddress {
        /// And the house's number.
        street: "street",
        /// The town.
        city: "city",
        /// Or province.
        state: "state",
        /// The postal code.
        zip: "zip",
        /// In words.
        country: "country",
        /// Of two letters.
        country_code: "country_code",
        /// HOME or WORK.
        kind: "type",
    }
}

texts! {
    /// Where somebody works.
    CardOrganisation {
        /// Its name.
        company: "company",
        /// In it.
        department: "department",
        /// What they are there.
        title: "title",
    }
}

texts! {
    /// A page of theirs.
    CardUrl {
        /// Where it is.
        url: "url",
        /// HOME or WORK.
        kind: "type",
    }
}

/// One person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// The whole name, as it is shown.
    pub formatted_name: String,
    /// The same in parts.
    pub name: NameParts,
    /// YYYY-MM-DD
    pub birthday: Option<String>,
    /// Where they work.
    pub organisation: Option<CardOrganisation>,
    /// In the order shown.
    pub phones: Vec<CardPhone>,
    /// In the order shown.
    pub emails: Vec<CardEmail>,
    /// In the order shown.
    pub addresses: Vec<CardAddress>,
    /// In the order shown.
    pub urls: Vec<CardUrl>,
}

impl Card {
    pub(super) fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        let name = object.object("name")?;
        let organisation = object.optional_object("org")?;
        Ok(Self {
            formatted_name: name.text("formatted_name")?,
            name: NameParts::read(&name)?,
            birthday: object.optional_text("birthday")?,
            organisation: organisation.as_ref().map(CardOrganisation::read).transpose()?,
            phones: object.each("phones", CardPhone::read)?,
            emails: object.each("emails", CardEmail::read)?,
            addresses: object.each("addresses", CardAddress::read)?,
            urls: object.each("urls", CardUrl::read)?,
        })
    }

    pub(super) fn to_value(&self) -> Value {
        let mut name = Map::new();
        put(&mut name, "formatted_name", Some(self.formatted_name.as_str()));
        self.name.write(&mut name);
        let mut card = Map::new();
        put(&mut card, "name", Some(name));
        put(&mut card, "birthday", self.birthday.as_deref());
        put(&mut card, "org", self.organisation.as_ref().map(CardOrganisation::to_value));
        put(&mut card, "phones", list(&self.phones, CardPhone::to_value));
        put(&mut card, "emails", list(&self.emails, CardEmail::to_value));
        put(&mut card, "addresses", list(&self.addresses, CardAddress::to_value));
        put(&mut card, "urls", list(&self.urls, CardUrl::to_value));
        Value::Object(card)
    }
}

/// A list of nothing is left out.
fn list<T>(elements: &[T], write: impl Fn(&T) -> Value) -> Option<Value> {
    (!elements.is_empty()).then(|| elements.iter().map(write).collect())
}
