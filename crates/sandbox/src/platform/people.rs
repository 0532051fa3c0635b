//! Who has WhatsApp: each customer under any spelling of their number and under their business-scoped id. Plain state.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use waypost_domain::{country, phone};

use super::limits::MarketingCap;
use super::outbox::Sent;
use super::person::Person;

/// Somebody with WhatsApp, as they are introduced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomerSpec {
    /// As WhatsApp spells it, digits only. `None`: somebody with a username who does not show it.
    pub phone: Option<String>,
    /// `None`: one is made up.
    pub user_id: Option<String>,
    pub username: Option<String>,
    pub name: String,
}

impl CustomerSpec {
    pub fn of_phone(phone: impl Into<String>) -> Self {
        Self { phone: Some(phone.into()), name: "Customer".to_owned(), ..Self::default() }
    }
}

/// One customer, and what they do by themselves.
#[derive(Debug)]
pub(crate) struct Customer {
    pub(crate) person: Arc<Person>,
    /// Has blocked the business.
    pub(crate) has_blocked: bool,
    pub(crate) has_stopped_marketing: bool,
    /// The business has blocked them.
    pub(crate) is_blocked: bool,
    /// What waits while the phone is off; `None` while it is on.
    pub(crate) offline: Option<Vec<Arc<Sent>>>,
    /// Whether they read at once; `None`: as the platform's percentage says.
    pub(crate) reads: Option<bool>,
    /// Delivered and not read yet.
    pub(crate) unread: Vec<Arc<Sent>>,
    /// What they answer every message with.
    pub(crate) auto_reply: Option<Arc<str>>,
    pub(crate) marketing: MarketingCap,
}

/// Everybody.
#[derive(Debug, Default)]
pub(crate) struct People {
    all: Vec<Customer>,
    by_phone: HashMap<String, u32>,
    by_user_id: HashMap<String, u32>,
}

impl People {
    /// Introduces somebody, or says who it is when they are known already.
    pub(crate) fn add(&mut self, spec: CustomerSpec) -> u32 {
        let known = spec.phone.as_deref().and_then(|phone| self.find(phone));
        if let Some(index) = known.or_else(|| spec.user_id.as_deref().and_then(|id| self.find(id))) {
            return index;
        }
        let phone = spec.phone.map(|phone| phone::digits(&phone).map(Cow::into_owned).unwrap_or(phone));
        let index = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let user_id = spec.user_id.unwrap_or_else(|| made_up_id(phone.as_deref(), index));
        if let Some(phone) = &phone {
            self.by_phone.insert(phone::canonical(phone).into_owned(), index);
        }
        self.by_user_id.insert(user_id.clone(), index);
        let person = Person { phone, user_id, username: spec.username, name: spec.name };
        self.all.push(Customer {
            person: Arc::new(person),
            has_blocked: false,
            has_stopped_marketing: false,
            is_blocked: false,
            offline: None,
            reads: None,
            unread: Vec::new(),
            auto_reply: None,
            marketing: MarketingCap::default(),
        });
        index
    }

    /// By a number in any spelling, or by a business-scoped id.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        let by_id = self.by_user_id.get(text);
        by_id.or_else(|| self.by_phone.get(phone::canonical(text).as_ref())).copied()
    }

    /// Whether both name the same customer, known or not.
    pub(crate) fn is_same(&self, one: &str, other: &str) -> bool {
        let known = self.find(one);
        phone::is_same(one, other) || (known.is_some() && known == self.find(other))
    }

    /// Another number, and another id with it; who the customer is then. `None` where somebody else has the number.
    pub(crate) fn change_phone(&mut self, index: u32, phone: &str) -> Option<Arc<Person>> {
        let digits = phone::digits(phone)?.into_owned();
        if self.find(&digits).is_some() {
            return None;
        }
        let user_id = made_up_id(Some(&digits), index);
        let customer = self.get_mut(index)?;
        let before = customer.person.clone();
        let after = Arc::new(Person {
            phone: Some(digits.clone()),
            user_id: user_id.clone(),
            username: before.username.clone(),
            name: before.name.clone(),
        });
        customer.person = after.clone();
        if let Some(phone) = &before.phone {
            self.by_phone.remove(phone::canonical(phone).as_ref());
        }
        self.by_user_id.remove(&before.user_id);
        self.by_phone.insert(phone::canonical(&digits).into_owned(), index);
        self.by_user_id.insert(user_id, index);
        Some(after)
    }

    pub(crate) fn get(&self, index: u32) -> Option<&Customer> {
        self.all.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Customer> {
        self.all.get_mut(usize::try_from(index).ok()?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Customer> {
        self.all.iter()
    }
}

/// The same for the same number: a business-scoped id stays.
fn made_up_id(phone: Option<&str>, index: u32) -> String {
    let country = phone.and_then(country::of_phone).unwrap_or("US");
    let digits = phone.map_or_else(|| index.to_string(), |phone| phone.chars().rev().collect());
    format!("{country}.1349{digits:0>15}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_found_under_every_spelling_and_under_their_id() {
        let mut people = People::default();
        let ana = people.add(CustomerSpec::of_phone("551187654321"));
        let user_id = people.get(ana).unwrap().person.user_id.clone();
        assert!(user_id.starts_with("BR."), "{user_id}");
        for spelling in ["551187654321", "+55 11 98765-4321", "5511987654321", &user_id] {
            assert_eq!(people.find(spelling), Some(ana), "{spelling}");
        }
        assert_eq!(people.add(CustomerSpec::of_phone("5511987654321")), ana, "nobody is introduced twice");
        let spec = CustomerSpec { user_id: Some("DE.77".to_owned()), ..CustomerSpec::default() };
        let hidden = people.add(spec);
        assert_eq!(people.find("DE.77"), Some(hidden));
        assert_eq!(people.get(hidden).unwrap().person.country(), Some("DE"));
        assert_eq!(people.find("4915100000000"), None);
    }
}
