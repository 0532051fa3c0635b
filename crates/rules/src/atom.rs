//! Conditions as plain data: the typed atoms that a rule's `when` is made of. What each of them means for an input is
//! in `evaluate`; nothing is decided here.

use std::fmt;

use waypost_domain::message::Part;
use waypost_domain::{CalendarName, TeamName};

use crate::forms::Forms;
pub use crate::keyword::Keyword;

/// One typed condition. Lists are any-of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    /// One of these parts has one of these words or phrases.
    Keyword { any_of: Vec<Keyword>, within: Parts },
    /// One of these parts matches one of these patterns.
    Regex { patterns: Patterns, within: Parts },
    /// A field has one of these values.
    Value { field: Field, any_of: Vec<TextMatch> },
    /// A field has a value, whatever it is.
    Exists(Field),
    /// A customer attribute is a number in a range.
    Range { attribute: Box<str>, range: AmountRange },
    /// People of this calendar are at work.
    Open { calendar: CalendarName, zone: ZoneOf },
    /// The customer's distance to UTC, in minutes.
    UtcOffset(WholeRange),
    /// The team of the conversation before this one, and how long ago that was.
    PreviousTeam { teams: Vec<TeamName>, within_hours: Option<u32> },
    /// What is left of the customer service window, in minutes, when the message arrives.
    WindowLeft(WholeRange),
    /// We never heard from this customer before.
    FirstContact,
    /// Somebody else wrote it, and the customer passed it on.
    Forwarded,
    /// It answers another message.
    Quoted,
    /// The customer's words are emoji and nothing else.
    OnlyEmoji,
    /// The customer is among these per cent of all: a stable lot, drawn anew for every seed.
    Percent(PercentRange),
    /// One of these teams is within its hours; one without hours always is.
    TeamOpen(Vec<TeamName>),
    /// Somebody consumes a queue of one of these teams.
    TeamStaffed(Vec<TeamName>),
    /// More than so many messages wait for one of these teams.
    TeamWaiting { teams: Vec<TeamName>, over: u32 },
}

/// What an atom wants to see word for word, so that the rules for a message can be looked up by it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Selective<'a> {
    /// One of these words or phrases among the customer's own; where only some parts count, it may be in another.
    Words(&'a [Keyword], Parts),
    /// One of these values in the field.
    Values(&'a Field, &'a [TextMatch]),
}

impl Atom {
    /// `None`: a condition that has to be asked of every message.
    pub(crate) fn selective(&self) -> Option<Selective<'_>> {
        match self {
            Self::Keyword { any_of, within } if within.are_own() => Some(Selective::Words(any_of, *within)),
            Self::Value { field, any_of } => Some(Selective::Values(field, any_of)),
            Self::Keyword { .. }
            | Self::Regex { .. }
            | Self::Exists(_)
            | Self::Range { .. }
            | Self::Open { .. }
            | Self::UtcOffset(_)
            | Self::PreviousTeam { .. }
            | Self::WindowLeft(_)
            | Self::FirstContact
            | Self::Forwarded
            | Self::Quoted
            | Self::OnlyEmoji
            | Self::Percent(_)
            | Self::TeamOpen(_)
            | Self::TeamStaffed(_)
            | Self::TeamWaiting { .. } => None,
        }
    }

    /// Whether this looks for words in forms of the customer's language.
    pub(crate) fn follows_language(&self) -> bool {
        let Self::Keyword { any_of, .. } = self else { return false };
        any_of.iter().filter_map(Keyword::forms).any(Forms::follow_the_customer)
    }

    /// The teams whose queues this asks about.
    pub(crate) fn queues_of(&self) -> &[TeamName] {
        match self {
            Self::TeamStaffed(teams) | Self::TeamWaiting { teams, .. } => teams,
            _ => &[],
        }
    }

    /// The field whose whole value says whether this holds, and the values that it names.
    pub(crate) fn whole_values(&self) -> Option<(&Field, &[TextMatch])> {
        if let Self::Exists(field) = self {
            return Some((field, &[]));
        }
        match self.selective()? {
            Selective::Values(field, any_of) if any_of.iter().all(|one| !one.prefix) => Some((field, any_of)),
            Selective::Values(..) | Selective::Words(..) => None,
        }
    }

    /// The customer attribute that this looks at.
    pub(crate) fn attribute(&self) -> Option<&str> {
        let (Self::Range { attribute: name, .. }
        | Self::Value { field: Field::Attribute(name), .. }
        | Self::Exists(Field::Attribute(name))) = self
        else {
            return None;
        };
        Some(name)
    }
}

/// What has one value per message, compared as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Our name of the number that was written to.
    Number,
    /// `messages[].type`, as Meta writes it.
    MessageType,
    /// The customer's language: its primary subtag, e.g. `pt`.
    Language,
    /// The customer's country, ISO 3166 alpha-2.
    Country,
    /// The id of the button or list row that was tapped.
    Reply,
    /// The template that the tapped button belongs to.
    ReplyTemplate,
    /// The advertisement's id.
    ReferralId,
    /// `ad` or `post`.
    ReferralType,
    ReferralUrl,
    /// The team of the open conversation.
    OpenTeam,
    /// How firmly the open conversation is bound: `loose`, `firm` or `held`.
    Binding,
    /// An answer of a form.
    Form(Box<str>),
    /// The group that was written in.
    Group,
    /// What is known of the customer, e.g. `tier`.
    Attribute(Box<str>),
    /// Who says which language it is: `crm`, `choice`, `guess` or `number`.
    LanguageSource,
}

/// A set of parts of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parts(u16);

impl Parts {
    /// All that are the customer's own words.
    pub const OWN: Self = Self((1 << (Part::ALL.len() - 1)) - 1);

    pub const fn contains(self, part: Part) -> bool {
        self.0 & (1 << part as u16) != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of them are the customer's own words.
    pub const fn are_own(self) -> bool {
        self.0 & !Self::OWN.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Part> {
        Part::ALL.into_iter().filter(move |part| self.contains(*part))
    }
}

impl FromIterator<Part> for Parts {
    fn from_iter<T: IntoIterator<Item = Part>>(parts: T) -> Self {
        Self(parts.into_iter().fold(0, |all, part| all | 1 << part as u16))
    }
}

/// A value, or what it begins with. Upper and lower case differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextMatch {
    pub text: Box<str>,
    pub prefix: bool,
}

impl TextMatch {
    pub fn exact(text: &str) -> Self {
        Self { text: text.into(), prefix: false }
    }

    pub fn prefix(text: &str) -> Self {
        Self { text: text.into(), prefix: true }
    }

    pub fn holds(&self, value: &str) -> bool {
        if self.prefix { value.starts_with(&*self.text) } else { *value == *self.text }
    }
}

/// Patterns, any of which the text may match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Patterns {
    pub any_of: Vec<Box<str>>,
    /// They see the text as it was written, and case makes a difference.
    pub raw: bool,
}

/// Whose clock a calendar is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ZoneOf {
    #[default]
    Calendar,
    Customer,
}

/// A number with four decimals, compared exactly. At most 99,999,999,999.9999 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

impl Amount {
    const SCALE: i64 = 10_000;
    pub const MAX: Self = Self(999_999_999_999_999);

    /// Plain decimals: `-12.50`. More than four decimals, or more digits than fit, are refused.
    pub fn parse(text: &str) -> Option<Self> {
        let amount = Self::parse_value(text)?;
        let decimals = text.split_once('.').map_or("", |(_, decimals)| decimals);
        let exact = decimals.bytes().skip(4).all(|byte| byte == b'0');
        (exact && amount.0.abs() <= Self::MAX.0).then_some(amount)
    }

    /// A customer's value: decimals behind the fourth are left out, and what is too large counts as the largest.
    pub fn parse_value(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(decimals) || digits.ends_with('.') {
            return None;
        }
        let mut scaled: i64 = 0;
        for byte in whole.bytes() {
            scaled = scaled.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
        }
        scaled = scaled.saturating_mul(Self::SCALE);
        let mut unit = Self::SCALE / 10;
        for byte in decimals.bytes().take(4) {
            scaled = scaled.saturating_add(i64::from(byte - b'0') * unit);
            unit /= 10;
        }
        Some(Self(if negative { -scaled } else { scaled }))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, decimals) = (self.0.unsigned_abs() / 10_000, self.0.unsigned_abs() % 10_000);
        write!(f, "{sign}{whole}")?;
        if decimals > 0 {
            write!(f, ".{}", format!("{decimals:04}").trim_end_matches('0'))?;
        }
        Ok(())
    }
}

/// Both ends belong to it; an end that is missing is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AmountRange {
    pub min: Option<Amount>,
    pub max: Option<Amount>,
}

impl AmountRange {
    pub fn contains(&self, amount: Amount) -> bool {
        self.min.is_none_or(|min| min <= amount) && self.max.is_none_or(|max| amount <= max)
    }
}

/// Both ends belong to it; an end that is missing is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WholeRange {
    pub min: Option<i32>,
    pub max: Option<i32>,
}

impl WholeRange {
    pub fn contains(&self, value: i64) -> bool {
        self.min.is_none_or(|min| i64::from(min) <= value) && self.max.is_none_or(|max| value <= i64::from(max))
    }
}

/// Buckets `from` (of it) to `to` (not of it) of a hundred.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PercentRange {
    /// Names the draw: the same seed gives a customer the same bucket in every rule.
    pub seed: Box<str>,
    pub from: u8,
    pub to: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for text in ["0", "12", "-12.5", "0.0001", "99999999999.9999", "-0.25"] {
            assert_eq!(Amount::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Amount::parse("1.50").unwrap().to_string(), "1.5");
        for bad in ["", "-", "1e5", "1,5", ".5", "5.", "0.00001", "100000000000", "one", "1.2.3"] {
            assert_eq!(Amount::parse(bad), None, "{bad}");
        }
        assert_eq!(Amount::parse_value(" 1.99999 "), Amount::parse("1.9999"));
        assert!(Amount::parse_value(&"9".repeat(40)) > Some(Amount::MAX));
    }

    #[test]
    fn the_own_parts_are_all_but_what_was_forwarded() {
        let own: Vec<Part> = Parts::OWN.iter().collect();
        assert_eq!(own, Part::ALL[..Part::ALL.len() - 1]);
        assert!(!own.contains(&Part::Forwarded) && Parts::OWN.are_own());
        let mixed: Parts = [Part::Forwarded, Part::Text].into_iter().collect();
        assert!(!mixed.are_own() && mixed.contains(Part::Text) && !mixed.contains(Part::Form));
    }

    #[test]
    fn ranges_hold_their_ends() {
        let range = AmountRange { min: Amount::parse("10"), max: Amount::parse("20.5") };
        for (text, inside) in [("9.9999", false), ("10", true), ("20.5", true), ("20.5001", false)] {
            assert_eq!(range.contains(Amount::parse(text).unwrap()), inside, "{text}");
        }
        let open = WholeRange { min: None, max: Some(-1) };
        assert!(open.contains(i64::MIN) && !open.contains(0));
    }
}
