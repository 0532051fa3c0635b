//! What messages cost, and what may be spent on them in a month. Meta charges for templates that are delivered, by category and
//! by the country of the customer's number, from a price list that changes every few months
//! (<https://developers.facebook.com/docs/whatsapp/pricing>). Nothing here is an invoice: it goes by the lists that the business
//! has written into its policy data.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use waypost_domain::Category;
use waypost_domain::calendar::Date;

/// Of one unit of a currency.
const MICROS: u64 = 1_000_000;
/// No amount is larger.
const UNITS_MAX: u64 = 1_000_000_000;
/// No message costs more, so that sums of nine million of them fit.
pub(crate) const PRICE_MAX: Amount = Amount(1_000_000 * MICROS);
const DECIMALS_MAX: usize = 6;
/// Amounts are shown with at least so many.
const DECIMALS_SHOWN: usize = 2;

/// Money: millionths of a unit of some currency. As text, `0.1131`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount(u64);

/// A text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no amount; write it like \"0.1131\": up to nine digits, and up to six after the point")]
pub struct NoAmount(String);

impl Amount {
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub const fn micros(self) -> u64 {
        self.0
    }

    /// `500`, `0.1131`.
    pub fn parse(text: &str) -> Option<Self> {
        let (units, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(units) || !are_digits(decimals) || decimals.len() > DECIMALS_MAX {
            return None;
        }
        let units: u64 = units.parse().ok().filter(|units| *units < UNITS_MAX)?;
        let decimals: u64 = format!("{decimals:0<DECIMALS_MAX$}").parse().ok()?;
        Some(Self(units * MICROS + decimals))
    }

    /// This part of it, in per cent.
    pub const fn percent(self, percent: u8) -> Self {
        Self(self.0 / 100 * percent as u64 + self.0 % 100 * percent as u64 / 100)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:0DECIMALS_MAX$}", self.0 % MICROS);
        let needed = decimals.trim_end_matches('0').len().max(DECIMALS_SHOWN);
        write!(f, "{}.{}", self.0 / MICROS, &decimals[..needed])
    }
}

impl TryFrom<String> for Amount {
    type Error = NoAmount;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or(NoAmount(text))
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

/// What is charged and what may be spent: a part of the policy data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpendData {
    /// ISO 4217: of all amounts.
    pub currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// By the day from which each list holds, in UTC, until the next one does.
    #[serde(default)]
    pub prices: BTreeMap<Date, PriceList>,
}

/// By Meta's word for the category: one of [`CATEGORIES`].
pub type Prices = BTreeMap<String, Amount>;

/// Meta's words for what it charges for (<https://developers.facebook.com/docs/whatsapp/pricing>).
pub const CATEGORIES: [&str; 7] = [
    "marketing",
    "utility",
    "authentication",
    "authentication-international",
    "service",
    "marketing_lite",
    "referral_conversion",
];

/// What one message costs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceList {
    /// Where a country has no price of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other: Prices,
    /// By ISO 3166 alpha-2.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub countries: BTreeMap<String, Prices>,
}

/// What may be spent in a calendar month (UTC), by all numbers together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    pub monthly: Amount,
    /// At this part of it a person is told, in per cent.
    pub warn_percent: u8,
    /// What waits for the next month when it is spent.
    pub stops: Vec<Category>,
}

impl SpendData {
    /// What a message of this category to this country costs on this day; `None` where no list says so.
    pub fn price(&self, category: &str, country: Option<&str>, day: Date) -> Option<Amount> {
        let (_, list) = self.prices.range(..=day).next_back()?;
        let of_country = country.and_then(|country| list.countries.get(country)?.get(category));
        of_country.or_else(|| list.other.get(category)).copied()
    }
}

impl Budget {
    /// What is told of before it is spent.
    pub const fn warning(&self) -> Amount {
        self.monthly.percent(self.warn_percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn amounts_are_read_as_they_are_shown() {
        let read = [
            ("0.1131", 113_100, "0.1131"),
            ("500", 500_000_000, "500.00"),
            ("0.000001", 1, "0.000001"),
            ("0.10", 100_000, "0.10"),
            ("999999999.999999", 999_999_999_999_999, "999999999.999999"),
            ("0", 0, "0.00"),
        ];
        for (text, micros, shown) in read {
            let amount = Amount::parse(text).unwrap();
            assert_eq!((amount.micros(), amount.to_string().as_str()), (micros, shown), "{text}");
            assert_eq!(Amount::parse(shown), Some(amount));
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1,5", "1e3", "0.0000001", "1000000000", " 1", "1.2.3"] {
            assert_eq!(Amount::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_part_of_an_amount_is_exact_and_never_too_large() {
        assert_eq!(Amount::from_micros(500_000_000).percent(80), Amount::from_micros(400_000_000));
        assert_eq!(Amount::from_micros(99).percent(50), Amount::from_micros(49));
        assert_eq!(Amount::from_micros(u64::MAX).percent(100), Amount::from_micros(u64::MAX));
    }

    /// The list of the day, not a later one; the country's price, else that of all others.
    #[test]
    fn a_price_is_that_of_its_day_category_and_country() {
        let prices = |marketing: &str| BTreeMap::from([("marketing".to_owned(), Amount::parse(marketing).unwrap())]);
        let list = |germany: &str| PriceList {
            other: prices("0.05"),
            countries: BTreeMap::from([("DE".to_owned(), prices(germany))]),
        };
        let data = SpendData {
            currency: "EUR".to_owned(),
            budget: None,
            prices: BTreeMap::from([(date("2026-07-01"), list("0.10")), (date("2026-10-01"), list("0.12"))]),
        };
        let table = [
            ("marketing", Some("DE"), "2026-06-30", None),
            ("marketing", Some("DE"), "2026-07-01", Some("0.10")),
            ("marketing", Some("DE"), "2026-09-30", Some("0.10")),
            ("marketing", Some("DE"), "2026-10-01", Some("0.12")),
            ("marketing", Some("ES"), "2026-10-01", Some("0.05")),
            ("marketing", None, "2026-10-01", Some("0.05")),
            ("service", Some("DE"), "2026-10-01", None),
        ];
        for (category, country, day, price) in table {
            let found = data.price(category, country, date(day));
            assert_eq!(found, price.and_then(Amount::parse), "{category} to {country:?} on {day}");
        }
    }
}
