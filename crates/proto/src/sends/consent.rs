//! The consent ledger as it is shown, and what of it can be written by a call.

use prost_types::Timestamp as WireTime;
use waypost_domain::Category;
use waypost_domain::consent::{Basis, ConsentEntry, Consents, EffectiveConsent, Evidence, Said};

use super::request::wire_category;
use super::verdict::{wire_basis, wire_grant};
use super::{FieldViolations, Problems, plain, time};
use crate::admin_v1 as v1;
use crate::sends_v1 as wire;

/// Characters of the longest text of an evidence.
const TEXT_CHARS_MAX: usize = 2_000;

/// An entry, without the title of a token.
pub fn wire_entry(entry: &ConsentEntry) -> v1::ConsentEntry {
    let change = match entry.said {
        Said::Granted(_) => v1::ConsentChange::Granted,
        Said::Pending => v1::ConsentChange::Pending,
        Said::Withdrawn => v1::ConsentChange::Withdrawn,
        Said::Suspected => v1::ConsentChange::Suspected,
        Said::NoStop => v1::ConsentChange::NoStop,
    };
    v1::ConsentEntry {
        name: format!("consentEntries/{}", entry.id),
        contact: format!("contacts/{}", entry.contact),
        brand: entry.brand.clone(),
        category: entry.category.map(wire_category).unwrap_or_default().into(),
        change: change.into(),
        basis: entry.said.basis().map(wire_basis).unwrap_or_default().into(),
        said_time: entry.at.map(time),
        create_time: Some(time(entry.recorded_at)),
        how: entry.how.as_str().to_owned(),
        evidence: (entry.evidence != Evidence::default()).then(|| wire_evidence(&entry.evidence)),
        source_id: plain(&entry.source),
        creator: entry.recorded_by.clone(),
        creator_title: String::new(),
    }
}

/// Why the business may write; unspecified is consent. `None`: not known to this release.
pub fn read_basis(basis: i32) -> Option<Basis> {
    match wire::ConsentBasis::try_from(basis).ok()? {
        wire::ConsentBasis::Unspecified | wire::ConsentBasis::Consent => Some(Basis::Consent),
        wire::ConsentBasis::ExistingCustomer => Some(Basis::ExistingCustomer),
        wire::ConsentBasis::Contract => Some(Basis::Contract),
    }
}

/// What proves it; every mistake is named below `at`.
pub fn read_evidence(evidence: v1::ConsentEvidence, at: &str) -> Result<Evidence, FieldViolations> {
    let v1::ConsentEvidence { wording, wording_version, language, source, collector, business } = evidence;
    let mut problems = Problems::default();
    for (field, text) in [
        ("wording", &wording),
        ("wording_version", &wording_version),
        ("language", &language),
        ("source", &source),
        ("collector", &collector),
        ("business", &business),
    ] {
        if text.chars().count() > TEXT_CHARS_MAX {
            problems.refuse::<()>(format!("{at}.{field}"), "must have at most 2,000 characters");
        }
    }
    problems.finish(Some(Evidence { wording, wording_version, language, source, collector, business }))
}

/// What proves it, as it is shown.
pub fn wire_evidence(evidence: &Evidence) -> v1::ConsentEvidence {
    v1::ConsentEvidence {
        wording: evidence.wording.clone(),
        wording_version: evidence.wording_version.clone(),
        language: evidence.language.clone(),
        source: evidence.source.clone(),
        collector: evidence.collector.clone(),
        business: evidence.business.clone(),
    }
}

/// What holds for a brand: one for each category that there can be consent for; and the stop, where there is one.
pub fn wire_consents(brand: &str, consents: &Consents) -> (Vec<v1::Consent>, Option<v1::ConsentStop>) {
    let of = |category: Category| {
        let consent = consents.of(category)?;
        let (state, grant) = match consent {
            EffectiveConsent::Unknown => (v1::ConsentState::Unknown, None),
            EffectiveConsent::Pending => (v1::ConsentState::Pending, None),
            EffectiveConsent::Granted(grant) => (v1::ConsentState::Granted, Some(grant)),
            EffectiveConsent::Lapsed => (v1::ConsentState::Lapsed, None),
            EffectiveConsent::Withdrawn => (v1::ConsentState::Withdrawn, None),
        };
        Some(v1::Consent {
            brand: brand.to_owned(),
            category: wire_category(category).into(),
            state: state.into(),
            grant: grant.as_ref().map(wire_grant),
        })
    };
    let said = |at| -> Option<WireTime> { Some(time(at)) };
    let stop = consents.stop.map(|stop| v1::ConsentStop { brand: brand.to_owned(), said_time: said(stop.at) });
    (Category::ALL.into_iter().filter_map(of).collect(), stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_and_bases_come_back() {
        let text = |word: &str| word.to_owned();
        let evidence = Evidence {
            wording: text("I agree"),
            wording_version: text("3"),
            language: text("en"),
            source: text("checkout"),
            collector: text("shop"),
            business: text("Acme"),
        };
        assert_eq!(read_evidence(wire_evidence(&evidence), "evidence").unwrap(), evidence);
        let long = v1::ConsentEvidence { wording: "x".repeat(2_001), ..v1::ConsentEvidence::default() };
        let told = read_evidence(long, "evidence").unwrap_err().to_string();
        assert_eq!(told, "evidence.wording: must have at most 2,000 characters");
        for basis in [Basis::Consent, Basis::ExistingCustomer, Basis::Contract] {
            assert_eq!(read_basis(wire_basis(basis).into()), Some(basis));
        }
        assert_eq!((read_basis(0), read_basis(99)), (Some(Basis::Consent), None));
    }
}
