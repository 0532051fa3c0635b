//! Identifiers: ours (UUIDs) and Meta's (opaque strings).

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::team::TeamName;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id! {
    /// A person who writes to the business. UUIDv7, so that ids sort by the time we first met them.
    ContactId
}
uuid_id! {
    /// One stretch of talk between a contact and a number. UUIDv7.
    ConversationId
}
uuid_id! {
    /// The decision about one inbound event, and the id of the message that carries it to a team.
    DecisionId
}

impl DecisionId {
    /// Derived from what makes the event unique, so that every process, in every attempt, arrives at the same id.
    pub fn of_event(number: &PhoneNumberId, event_key: &str) -> Self {
        /// Any fixed value does; changing it changes every id.
        const NAMESPACE: Uuid = Uuid::from_u128(0x6d5c_8f0e_3a4b_4d6a_9d64_77a7_9057_0001);
        let mut name = Vec::with_capacity(number.as_str().len() + 1 + event_key.len());
        name.extend_from_slice(number.as_str().as_bytes());
        name.push(0);
        name.extend_from_slice(event_key.as_bytes());
        Self(Uuid::new_v5(&NAMESPACE, &name))
    }
}

uuid_id! {
    /// An entry of the consent ledger. UUIDv7.
    ConsentEntryId
}
impl ConsentEntryId {
    /// Derived from what it follows from, so that whoever tells of the same once more writes no second entry.
    pub fn of_cause(cause: &str) -> Self {
        /// Any fixed value does; changing it writes entries again.
        const NAMESPACE: Uuid = Uuid::from_u128(0x6d5c_8f0e_3a4b_4d6a_9d64_77a7_9057_0007);
        Self(Uuid::new_v5(&NAMESPACE, cause.as_bytes()))
    }
}

uuid_id! {
    /// What a team is told of a conversation, and the id of the message that tells it.
    ChangeId
}

impl ChangeId {
    /// Derived from the decision that brought it about, so that whoever publishes that again tells the same under the same
    /// id. `kind` and `team`: what is told, and to whom.
    pub fn of_decision(decision: DecisionId, kind: &str, team: &TeamName) -> Self {
        /// Any fixed value does; changing it changes every id.
        const NAMESPACE: Uuid = Uuid::from_u128(0x6d5c_8f0e_3a4b_4d6a_9d64_77a7_9057_0005);
        let name = [decision.as_uuid().as_bytes(), kind.as_bytes(), &[0], team.as_str().as_bytes()].concat();
        Self(Uuid::new_v5(&NAMESPACE, &name))
    }
}

impl ContactId {
    /// Whom a group's conversation is with: the group, as if it were a person. There is no contact of this id; its members
    /// are contacts of their own.
    pub fn of_group(group_id: &str) -> Self {
        /// Any fixed value does; changing it begins every group's conversation anew.
        const NAMESPACE: Uuid = Uuid::from_u128(0x6d5c_8f0e_3a4b_4d6a_9d64_77a7_9057_0006);
        Self(Uuid::new_v5(&NAMESPACE, group_id.as_bytes()))
    }
}

macro_rules! meta_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

meta_id! {
    /// `metadata.phone_number_id`: Meta's id of one of the business's numbers. Empty when Meta left it out.
    PhoneNumberId
}
meta_id! {
    /// `entry.id`: the WhatsApp Business Account. Empty when Meta left it out.
    WabaId
}

impl WabaId {
    /// The account of a webhook that was sent as a test, by Meta's dashboard or by us: no account has it.
    pub const TEST: &str = "0";
}

/// What we call one of the business's numbers (`support-es`), whatever Meta's id for it is today. Rules,
/// conversations and windows use the name. 1 to 64 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NumberName(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("number name {0:?} must be 1 to 64 characters, without control characters or surrounding space")]
pub struct InvalidNumberName(String);

impl NumberName {
    pub const LENGTH_MAX: usize = 64;

    pub fn new(name: impl Into<String>) -> Result<Self, InvalidNumberName> {
        let name = name.into();
        let length = name.chars().count();
        let valid = (1..=Self::LENGTH_MAX).contains(&length)
            && name.trim().len() == name.len()
            && !name.chars().any(char::is_control);
        if valid { Ok(Self(name)) } else { Err(InvalidNumberName(name)) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for NumberName {
    type Error = InvalidNumberName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(name)
    }
}

impl From<NumberName> for String {
    fn from(name: NumberName) -> Self {
        name.0
    }
}

impl fmt::Display for NumberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_id_is_a_function_of_its_event() {
        let id = |number: &str, key: &str| DecisionId::of_event(&PhoneNumberId::new(number), key).to_string();
        // Golden: a change here would publish a stored decision a second time under another id.
        assert_eq!(id("106540352242922", "wamid.A"), GOLDEN);
        assert_ne!(id("1", "2wamid"), id("12", "wamid"));
    }
    const GOLDEN: &str = "24f07525-119d-59fd-92a8-eb1a552abc3d";

    #[test]
    fn what_is_told_has_an_id_of_its_decision() {
        let decision = DecisionId::from_uuid(Uuid::from_u128(1));
        let id = |kind: &str, team: &str| ChangeId::of_decision(decision, kind, &TeamName::new(team).unwrap());
        assert_eq!(id("moved", "billing"), id("moved", "billing"));
        assert_ne!(id("moved", "billing"), id("moved", "support"));
        assert_ne!(id("moved", "billing"), id("diverted", "billing"));
        assert_ne!(ContactId::of_group("g1"), ContactId::of_group("g2"));
    }
}
