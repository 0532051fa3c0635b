//! Whether somebody may be written to at all: a list of those who are left alone, our own block list, and what is known of a
//! contact that forbids it.

use waypost_domain::Category;

use crate::asked::{Age, Asked};
use crate::data::Forbidden;
use crate::going::Going;
use crate::rule::Rule;
use crate::verdict::{Address, Answer, Finding, refuse};

/// Where it goes. The number first: codes go to nothing else, and every provider takes it.
pub(crate) fn address(asked: &Asked<'_>) -> Answer<Address> {
    let contact = asked.contact;
    let phone = contact.phone.clone().map(Address::Phone);
    let address = phone.or_else(|| contact.bsuid.clone().map(Address::Bsuid));
    address.ok_or_else(|| Finding::new(Rule::NoAddress).into())
}

pub(crate) fn may_be_written_to(asked: &Asked<'_>, going: &Going<'_>) -> Answer {
    let contact = asked.contact;
    if contact.is_blocked {
        return refuse(Finding::new(Rule::BlockedByUs));
    }
    // Who writes themselves is answered.
    if contact.is_suppressed && !going.is_answer() {
        return refuse(Finding::new(Rule::Suppressed));
    }
    let attributes = &asked.data.attributes;
    let marks = [
        (contact.is_deceased, &attributes.deceased, Rule::Deceased),
        (contact.age == Age::Minor, &attributes.minor, Rule::Minor),
        (contact.has_dispute, &attributes.dispute, Rule::Dispute),
    ];
    for (is_marked, forbidden, rule) in marks {
        if is_marked && forbidden.iter().any(|forbidden| forbids(*forbidden, asked, going)) {
            return refuse(Finding::new(rule));
        }
    }
    of_age(asked, going)
}

/// Templates that are for adults go to adults only, and not to whoever may be one.
fn of_age(asked: &Asked<'_>, going: &Going<'_>) -> Answer {
    let is_for_adults = going.template.is_some_and(|template| asked.data.templates.for_adults.contains(&template.name));
    match asked.contact.age {
        Age::Unknown if is_for_adults => refuse(Finding::new(Rule::AgeUnknown)),
        Age::Minor if is_for_adults => refuse(Finding::new(Rule::Minor)),
        Age::Unknown | Age::Minor | Age::Adult => Ok(()),
    }
}

fn forbids(forbidden: Forbidden, asked: &Asked<'_>, going: &Going<'_>) -> bool {
    match forbidden {
        Forbidden::Marketing => going.category == Category::Marketing,
        Forbidden::Utility => going.category == Category::Utility,
        Forbidden::Authentication => going.category == Category::Authentication,
        Forbidden::Service => going.category == Category::Service,
        Forbidden::Automatic => asked.request.author.is_automatic(),
    }
}
