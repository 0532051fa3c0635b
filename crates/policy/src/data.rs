//! The data of the rules: what changes without the program, such as countries, tiers and hours. A dated, versioned value that
//! is written and read as TOML; only the compliance role edits it.

mod check;
mod stopping;
mod toml_form;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use waypost_domain::calendar::{Date, TimeOfDay, Weekday};
use waypost_domain::{Category, Timestamp};

use crate::calendar::{civil, day_of};
use crate::spend::SpendData;

pub use stopping::{LanguageWords, StoppingData};

/// What this program was built with.
static DEFAULT: LazyLock<PolicyData> =
    LazyLock::new(|| PolicyData::from_toml(PolicyData::DEFAULT_TEXT).expect("a test reads the default"));

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyData {
    /// Counts up with every change; a stored verdict names it.
    pub version: u32,
    /// The day on which its facts were looked at last.
    pub as_of: Date,
    /// How long what nobody knows the end of waits until it is looked at again, in seconds.
    pub recheck_s: u32,
    /// The same of what mostly is a matter of seconds.
    pub recheck_soon_s: u32,
    /// Two equal messages within this look like a repeat, in seconds.
    pub repeat_s: u32,
    /// Whether a person may finish, inside the window, the conversation in which the customer said stop.
    pub finish_after_stop: bool,
    /// What happens to an answer while another app holds the thread.
    pub other_app: OtherApp,
    /// Marketing to one contact.
    pub frequency: Vec<Cap>,
    /// Messages of bots and automation to one contact.
    pub automatic: Cap,
    pub templates: TemplateData,
    pub codes: CodeData,
    pub attributes: Attributes,
    pub messaging_limit: MessagingLimit,
    pub countries: Countries,
    pub warnings: WarningData,
    pub quiet_hours: QuietHours,
    #[serde(default)]
    pub campaigns: CampaignData,
    /// Data of before has none: then what this program was built with.
    #[serde(default)]
    pub stopping: StoppingData,
    /// `None`: nothing is valued, and nothing stops for its price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend: Option<SpendData>,
}

/// What happens to an answer while another app holds the thread. Meta says that it takes the thread; a provider says that
/// it cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OtherApp {
    /// It is refused, unless it asks for the thread.
    Refuse,
    /// It waits until the thread is ours.
    Wait,
    /// It goes, and takes the thread.
    Send,
}

/// So many messages within so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    pub messages: u32,
    pub period_minutes: u32,
}

/// What counts for templates besides what Meta says of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateData {
    pub whitespace: Whitespace,
    /// Names of templates that are for adults.
    pub for_adults: Vec<String>,
    /// By language: which ones will do instead, in this order. Under `any`: for every language without a row.
    pub language_fallback: BTreeMap<String, Vec<String>>,
}

/// What happens to values with line breaks, tabs or more than four spaces in a row, which Meta refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whitespace {
    /// Each becomes one space.
    Fold,
    Refuse,
}

/// How long one-time codes are tried to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeData {
    /// For how long Meta tries to deliver a code where its template does not say, in seconds.
    pub ttl_default_s: u32,
    /// How long after its death a code may still be delivered, in seconds: the time that it waited here.
    pub slack_s: u32,
}

/// What is forbidden towards contacts of whom something is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    pub minor: Vec<Forbidden>,
    pub deceased: Vec<Forbidden>,
    pub dispute: Vec<Forbidden>,
}

/// A category, or whatever no person wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forbidden {
    Marketing,
    Utility,
    Authentication,
    Service,
    Automatic,
}

/// Meta's limit on customers who are written to outside of windows, in 24 hours, for all numbers of a portfolio together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessagingLimit {
    /// Kept for urgent sends, in per cent.
    pub reserve_percent: u8,
    /// By Meta's word: customers.
    pub tiers: BTreeMap<String, u32>,
    /// Meta's words for "no limit".
    pub unlimited: Vec<String>,
    /// Where Meta has not told, or told a word that is not here.
    pub unknown_tier: u32,
}

impl MessagingLimit {
    /// How many customers Meta's word for the limit allows; `None`: as many as one likes.
    pub fn places(&self, tier: Option<&str>) -> Option<u32> {
        let Some(tier) = tier else { return Some(self.unknown_tier) };
        if self.unlimited.iter().any(|word| word == tier) {
            return None;
        }
        Some(self.tiers.get(tier).copied().unwrap_or(self.unknown_tier))
    }

    /// How many of so many are kept for urgent sends: never all of them.
    pub fn reserve(&self, places: u32) -> u32 {
        let share = u64::from(places) * u64::from(self.reserve_percent);
        u32::try_from(share.div_ceil(100)).unwrap_or(places).min(places.saturating_sub(1))
    }
}

/// Where WhatsApp does not serve businesses, or not with everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Countries {
    /// From and to which WhatsApp serves no business, ISO 3166 alpha-2.
    pub not_served: Vec<String>,
    /// The same of regions, ISO 3166-2, of contacts whose region is known.
    pub regions_not_served: Vec<String>,
    /// The same by the beginnings of numbers, in digits.
    pub ranges_not_served: Vec<String>,
    /// To whose numbers WhatsApp delivers no marketing.
    pub no_marketing: Vec<String>,
}

/// What messages are looked through for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarningData {
    /// Hosts of the business, with all below them. While there are none, links are not looked at.
    pub own_sites: Vec<String>,
    /// Words by which a message speaks for somebody else.
    pub third_party: Vec<String>,
}

/// When what waits, by country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// What waits. Answers never do.
    pub categories: Vec<Category>,
    /// Of countries that have no row.
    pub default: Quiet,
    /// By ISO 3166 alpha-2.
    pub countries: BTreeMap<String, Quiet>,
}

/// When nothing is sent, by the clock of the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// A quarter of an hour, as `20:30`.
    pub from: TimeOfDay,
    /// The next day's where it is not later.
    pub to: TimeOfDay,
    /// Whole days.
    #[serde(default)]
    pub days: Vec<Weekday>,
    /// Whole days.
    #[serde(default)]
    pub dates: Vec<Date>,
}

/// When campaigns are paused by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignData {
    /// Of a campaign's last messages that came to an end, in per cent: when so many were not wanted, it is paused; 0:
    /// never.
    pub pause_percent: u8,
    /// How many must have come to an end before.
    pub pause_of_least: u32,
    /// Codes of messages that the customer, or WhatsApp on their behalf, did not want.
    pub pause_codes: Vec<i64>,
    /// Whether all that run are paused when the quality of a number falls.
    pub pause_on_quality: bool,
}

impl CampaignData {
    /// Of how many last messages the end is looked at, at most.
    pub const LOOKED_AT: u32 = 500;

    /// Whether a campaign is paused of which so many came to an end, and so many of these were not wanted.
    pub const fn pauses(&self, ended: u64, unwanted: u64) -> bool {
        let is_enough = ended > 0 && ended >= self.pause_of_least as u64;
        self.pause_percent > 0 && is_enough && unwanted * 100 >= ended * self.pause_percent as u64
    }
}

/// As of data that was written before there was any such row.
impl Default for CampaignData {
    fn default() -> Self {
        Self {
            pause_percent: 20,
            pause_of_least: 50,
            pause_codes: vec![
                131_026, 131_048, 131_049, 131_050, 132_015, 21_610, 63_003, 63_014, 63_024, 63_032, 63_033,
            ],
            pause_on_quality: true,
        }
    }
}

/// One thing that is wrong: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct DataError {
    /// E.g. `quiet_hours.countries.FR.from`; empty where it is about the whole.
    pub field: String,
    /// From 1, where there is a text.
    pub line: Option<usize>,
    pub problem: String,
}

/// Why policy data is refused: everything that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataErrors(pub Vec<DataError>);

impl PolicyData {
    /// The data of this release, with comments.
    pub const DEFAULT_TEXT: &'static str = include_str!("data/default.toml");

    /// Reads and checks it.
    pub fn from_toml(text: &str) -> Result<Self, DataErrors> {
        let data = toml_form::read(text)?;
        let errors = check::errors(&data);
        if errors.is_empty() { Ok(data) } else { Err(DataErrors(errors)) }
    }

    /// What [`from_toml`](Self::from_toml) reads again.
    pub fn to_toml(&self) -> Result<String, DataErrors> {
        toml_form::write(self)
    }

    /// What is wrong with data that came in another form, e.g. JSON.
    pub fn errors(&self) -> Vec<DataError> {
        check::errors(self)
    }

    /// How many days ago somebody looked at its facts last; negative for a date to come.
    pub fn age_days(&self, now: Timestamp) -> i64 {
        civil(self.as_of).duration_until(civil(day_of(now))).as_hours() / 24
    }
}

impl Default for PolicyData {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl Cap {
    pub(crate) const fn period_ms(self) -> i64 {
        self.period_minutes as i64 * 60_000
    }
}

impl std::fmt::Display for DataErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            match error.line {
                Some(line) => write!(f, "{separator}line {line}: {error}")?,
                None => write!(f, "{separator}{error}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for DataErrors {}

#[cfg(test)]
mod tests;
