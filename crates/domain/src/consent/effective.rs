//! What the consent ledger comes to by now: the result of its fold, not the ledger itself.

use serde::{Deserialize, Serialize};

use crate::category::Category;
use crate::ids::ConsentEntryId;
use crate::time::Timestamp;

/// Why a business may write to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// They said yes, after they were told to what.
    Consent,
    /// They bought something alike and were offered a way to refuse (e.g. Directive 2002/58/EC, article 13(2)).
    ExistingCustomer,
    /// It is needed for what they ordered: never enough for marketing.
    Contract,
}

/// A grant that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub basis: Basis,
    /// The ledger's entry that proves it, for the receipt.
    pub entry: Option<ConsentEntryId>,
}

/// Where one category stands, for one contact and brand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectiveConsent {
    /// Nobody ever asked them, or they never answered.
    #[default]
    Unknown,
    /// The second yes of a double opt-in is missing: no consent.
    Pending,
    Granted(Grant),
    /// It was not confirmed in the time after which grants have to be.
    Lapsed,
    /// They said stop, or objected.
    Withdrawn,
}

/// A stop that holds for the whole brand and was lifted by nothing since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// When the customer said it, by their clock.
    pub at: Timestamp,
    /// Whether they were told that it was understood; that goes out once.
    pub is_confirmed: bool,
}

/// The consent of one contact to one brand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Consents {
    pub marketing: EffectiveConsent,
    pub utility: EffectiveConsent,
    pub authentication: EffectiveConsent,
    pub stop: Option<Stop>,
}

impl Consents {
    /// Of the category. An answer inside the window needs none, so there is none for [`Category::Service`].
    pub const fn of(&self, category: Category) -> Option<EffectiveConsent> {
        match category {
            Category::Service => None,
            Category::Authentication => Some(self.authentication),
            Category::Utility => Some(self.utility),
            Category::Marketing => Some(self.marketing),
        }
    }
}
