//! From where and to where WhatsApp serves businesses, and where it delivers marketing. A number tells its country, a BSUID
//! begins with one, and another system may know better; each of them alone is enough to refuse.
//!
//! Source: Meta's pages on troubleshooting (countries), and on per-user marketing limits (United States). Of Crimea, Donetsk and
//! Luhansk only what can be known is known: the region that another system told, and ranges of numbers; a BSUID says `UA` or
//! `RU`.

use waypost_domain::{Category, country};

use crate::asked::{Asked, ContactFacts};
use crate::going::Going;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, refuse};

/// Where the contact is, for what goes by the customer's clock: the word of another system, else the number, else the BSUID.
pub(crate) fn of_contact(contact: &ContactFacts) -> Option<&str> {
    // Another system may have a word that is no code; then the number knows better.
    let told = contact.country.as_deref().filter(|code| country::is_code(code));
    told.or_else(|| of_phone(contact.phone.as_deref())).or_else(|| of_bsuid(contact))
}

pub(crate) fn are_served(asked: &Asked<'_>, going: &Going<'_>) -> Answer {
    let data = &asked.data.countries;
    let is_not_served = |code: &str| data.not_served.iter().any(|country| country == code);
    if let Some(code) = of_phone(asked.number.phone.as_deref()).filter(|code| is_not_served(code)) {
        return refuse(Finding::new(Rule::CountryFrom).detail(code));
    }
    if asked.number.phone.as_deref().is_some_and(|phone| is_in_range(phone, asked)) {
        return refuse(Finding::new(Rule::CountryFrom).detail("by its number"));
    }
    let contact = asked.contact;
    let numbers = [of_phone(contact.phone.as_deref()), of_bsuid(contact)];
    let known = numbers.into_iter().chain([contact.country.as_deref()]).flatten();
    if let Some(code) = known.clone().find(|code| is_not_served(code)) {
        return refuse(Finding::new(Rule::CountryTo).detail(code));
    }
    if let Some(region) = contact.region.as_ref().filter(|region| data.regions_not_served.contains(region)) {
        return refuse(Finding::new(Rule::RegionTo).detail(region));
    }
    if contact.phone.as_deref().is_some_and(|phone| is_in_range(phone, asked)) {
        return refuse(Finding::new(Rule::RegionTo).detail("by the number"));
    }
    if let Some(code) = known.clone().find(|code| asked.health.closed_countries.iter().any(|closed| closed == code)) {
        return refuse(Finding::new(Rule::CountryClosedToUs).detail(code));
    }
    // What Meta goes by: numbers, not where somebody lives.
    let no_marketing = |code: &&str| data.no_marketing.iter().any(|country| country == code);
    match numbers.into_iter().flatten().find(no_marketing) {
        Some(code) if going.category == Category::Marketing => {
            refuse(Finding::new(Rule::MarketingCountry).detail(code))
        }
        Some(_) | None => Ok(()),
    }
}

fn of_phone(phone: Option<&str>) -> Option<&'static str> {
    phone.and_then(country::of_phone)
}

fn of_bsuid(contact: &ContactFacts) -> Option<&str> {
    contact.bsuid.as_deref().and_then(country::of_bsuid)
}

fn is_in_range(phone: &str, asked: &Asked<'_>) -> bool {
    asked.data.countries.ranges_not_served.iter().any(|range| phone.starts_with(range.as_str()))
}
