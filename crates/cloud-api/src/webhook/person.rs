//! Who is meant: aliases from the several places where Meta writes phone numbers and business-scoped ids.

use std::borrow::Cow;
use std::collections::HashMap;

use waypost_domain::{AliasSet, phone};

use super::Sender;
use crate::json::{self, Json, fields_of, text};
use crate::user_id::IdForm;

/// What an item itself says about the person.
pub(super) struct Ids<'a> {
    /// `from`, `to`, `wa_id` or `recipient_id`.
    pub(super) phone: Option<Cow<'a, str>>,
    pub(super) user_id: Option<Cow<'a, str>>,
    pub(super) parent_user_id: Option<Cow<'a, str>>,
}

impl<'a> Ids<'a> {
    pub(super) fn read(phone: Json<'a>, user_id: Json<'a>, parent_user_id: Json<'a>) -> Self {
        Self { phone: text(phone), user_id: text(user_id), parent_user_id: text(parent_user_id) }
    }

    pub(super) fn aliases(&self) -> AliasSet {
        let mut aliases = AliasSet {
            phone: None,
            bsuid: self.user_id.as_deref().map(str::to_owned),
            parent_bsuid: self.parent_user_id.as_deref().map(str::to_owned),
        };
        if let Some(phone) = &self.phone {
            // For people who show a username instead of their number, the BSUID has been seen in the number's place.
            match IdForm::of(phone) {
                IdForm::Bsuid => {
                    aliases.bsuid.get_or_insert_with(|| phone.to_string());
                }
                IdForm::ParentBsuid => {
                    aliases.parent_bsuid.get_or_insert_with(|| phone.to_string());
                }
                IdForm::Phone => aliases.phone = phone_alias(phone),
            }
        }
        aliases
    }
}

/// The number's digits as Meta spelt them. What is no number at all still names somebody and stays as it is.
fn phone_alias(text: &str) -> Option<String> {
    let alias = phone::digits(text).unwrap_or_else(|| text.trim().into());
    (!alias.is_empty()).then(|| alias.into_owned())
}

/// One element of `contacts[]`.
struct Person<'a> {
    ids: Ids<'a>,
    profile_name: Option<Cow<'a, str>>,
    username: Option<Cow<'a, str>>,
}

impl<'a> Person<'a> {
    fn read(json: Json<'a>) -> Self {
        let [wa_id, user_id, parent_user_id, profile, username] =
            fields_of(json, &["wa_id", "user_id", "parent_user_id", "profile", "username"]);
        let [name, profile_username] = fields_of(profile, &["name", "username"]);
        Self {
            ids: Ids::read(wa_id, user_id, parent_user_id),
            profile_name: text(name),
            username: text(profile_username).or_else(|| text(username)),
        }
    }
}

/// `contacts[]` of one change.
#[derive(Default)]
pub(super) struct People<'a> {
    list: Vec<Person<'a>>,
    /// By the number's canonical form and `user_id`; filled only when there are several people.
    index: HashMap<String, usize>,
}

impl<'a> People<'a> {
    /// At most `count_max` are kept.
    pub(super) fn read(contacts: Json<'a>, count_max: usize) -> Self {
        let mut people = Self::default();
        if let Some(contacts) = contacts {
            json::for_each(contacts, |element| {
                if people.list.len() < count_max {
                    people.list.push(Person::read(Some(element)));
                }
            });
        }
        if people.list.len() > 1 {
            for (at, person) in people.list.iter().enumerate() {
                let aliases = person.ids.aliases().canonical();
                for alias in [aliases.phone, aliases.bsuid].into_iter().flatten() {
                    people.index.entry(alias).or_insert(at);
                }
            }
        }
        people
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// What is known of the person whom an item calls `own`. The item says who wrote; `contacts[]` only describes them.
    pub(super) fn sender(&self, own: &Ids<'a>) -> Sender {
        let own = own.aliases();
        let Some((person, listed)) = self.find(&own) else {
            return Sender { aliases: own, profile_name: None, username: None };
        };
        let is_spelling = own.phone.is_none() || is_same_number(&own, &listed);
        Sender {
            aliases: AliasSet {
                // `wa_id` is WhatsApp's own spelling of the number; `from` may differ (Brazil, Mexico, Argentina).
                phone: listed.phone.filter(|_| is_spelling).or(own.phone),
                bsuid: own.bsuid.or(listed.bsuid),
                parent_bsuid: own.parent_bsuid.or(listed.parent_bsuid),
            },
            profile_name: person.profile_name.as_deref().map(str::to_owned),
            username: person.username.as_deref().map(str::to_owned),
        }
    }

    /// Who is listed under one of the item's own names. An item that names nobody is by the only one who is listed.
    fn find(&self, own: &AliasSet) -> Option<(&Person<'a>, AliasSet)> {
        let candidate = if let [only] = self.list.as_slice() {
            only
        } else {
            let keys = [own.bsuid.clone(), own.clone().canonical().phone];
            let at = keys.into_iter().flatten().find_map(|key| self.index.get(&key))?;
            self.list.get(*at)?
        };
        let listed = candidate.ids.aliases();
        let is_described = match (&own.bsuid, &listed.bsuid) {
            (Some(own), Some(listed)) => own == listed,
            (None, _) | (_, None) => own.is_empty() || is_same_number(own, &listed) || is_same_parent(own, &listed),
        };
        is_described.then_some((candidate, listed))
    }
}

fn is_same_number(one: &AliasSet, other: &AliasSet) -> bool {
    one.phone.as_deref().zip(other.phone.as_deref()).is_some_and(|(one, other)| phone::is_same(one, other))
}

fn is_same_parent(one: &AliasSet, other: &AliasSet) -> bool {
    one.parent_bsuid.is_some() && one.parent_bsuid == other.parent_bsuid
}
