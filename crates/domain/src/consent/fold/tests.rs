//! Every rule of the fold, in whatever order entries come.

use uuid::Uuid;

use super::*;
use crate::consent::{Basis, Evidence, How};
use crate::ids::ConsentEntryId;

const ANN: u128 = 1;
const OTHER: u128 = 2;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn folding() -> Folding {
    Folding { now: at(1_000), merged_at: None, reconfirm_ms: None, confirmed_at: None }
}

/// About everything, said and written down at `millis`.
fn said(said: Said, millis: i64) -> ConsentEntry {
    ConsentEntry {
        id: ConsentEntryId::from_uuid(Uuid::from_u128(u128::try_from(millis).unwrap())),
        contact: ContactId::from_uuid(Uuid::from_u128(ANN)),
        brand: String::new(),
        category: None,
        said,
        at: Some(at(millis)),
        recorded_at: at(millis),
        how: How::Keyword,
        source: None,
        recorded_by: "optin".to_owned(),
        evidence: Evidence::default(),
    }
}

fn of(entry: ConsentEntry, category: Category) -> ConsentEntry {
    ConsentEntry { category: Some(category), ..entry }
}

fn by_other(entry: ConsentEntry) -> ConsentEntry {
    ConsentEntry { contact: ContactId::from_uuid(Uuid::from_u128(OTHER)), ..entry }
}

fn undated(entry: ConsentEntry) -> ConsentEntry {
    ConsentEntry { at: None, ..entry }
}

const YES: Said = Said::Granted(Basis::Consent);

/// Whatever order they come in.
fn folded(entries: &[ConsentEntry], folding: &Folding) -> Folded {
    let forth = fold(entries, "", folding);
    assert_eq!(forth, fold(entries.iter().rev(), "", folding), "the order in which they were written decides nothing");
    forth
}

fn word(consent: EffectiveConsent) -> &'static str {
    match consent {
        EffectiveConsent::Unknown => "unknown",
        EffectiveConsent::Pending => "pending",
        EffectiveConsent::Granted(_) => "granted",
        EffectiveConsent::Lapsed => "lapsed",
        EffectiveConsent::Withdrawn => "withdrawn",
    }
}

fn marketing(entries: &[ConsentEntry]) -> (&'static str, Option<Timestamp>) {
    let Folded { consents, .. } = folded(entries, &folding());
    (word(consents.marketing), consents.stop.map(|stop| stop.at))
}

#[test]
fn nobody_is_asked_before_they_are() {
    assert_eq!(folded(&[], &folding()), Folded::default());
    assert_eq!(fold(&[said(YES, 1)], "another brand", &folding()), Folded::default(), "a grant is to one brand");
}

#[test]
fn the_last_word_counts_and_of_two_at_once_the_stricter() {
    assert_eq!(marketing(&[said(YES, 1)]), ("granted", None));
    assert_eq!(marketing(&[said(YES, 1), said(Said::Withdrawn, 2)]), ("withdrawn", Some(at(2))));
    assert_eq!(marketing(&[said(Said::Withdrawn, 1), said(YES, 2)]), ("granted", None));
    assert_eq!(marketing(&[said(Said::Withdrawn, 2), said(YES, 2)]), ("withdrawn", Some(at(2))));
    assert_eq!(marketing(&[said(Said::Pending, 1)]), ("pending", None));
    assert_eq!(marketing(&[said(YES, 1), said(Said::Pending, 2)]), ("granted", None));
    assert_eq!(marketing(&[said(Said::Withdrawn, 1), said(Said::Pending, 2)]).0, "pending");
}

#[test]
fn a_button_narrows_a_stop_and_a_bare_one_covers_all() {
    let grants = [Category::Marketing, Category::Utility].map(|category| of(said(YES, 1), category));
    let no_offers = of(said(Said::Withdrawn, 2), Category::Marketing);
    let Folded { consents, .. } = folded(&[grants.to_vec(), vec![no_offers]].concat(), &folding());
    assert_eq!((word(consents.marketing), word(consents.utility)), ("withdrawn", "granted"));
    assert_eq!((word(consents.authentication), consents.stop), ("unknown", None));

    let Folded { consents, .. } = folded(&[grants.to_vec(), vec![said(Said::Withdrawn, 2)]].concat(), &folding());
    assert_eq!((word(consents.marketing), word(consents.utility)), ("withdrawn", "withdrawn"));
    assert_eq!(consents.stop, Some(Stop { at: at(2), is_confirmed: false }));
    assert_eq!(word(consents.authentication), "withdrawn");
}

#[test]
fn a_grant_after_a_stop_restores_only_what_it_grants() {
    let utility = of(said(YES, 3), Category::Utility);
    let Folded { consents, .. } = folded(&[said(YES, 1), said(Said::Withdrawn, 2), utility], &folding());
    assert_eq!((word(consents.marketing), word(consents.utility), consents.stop), ("withdrawn", "granted", None));
}

#[test]
fn an_import_of_before_the_stop_revives_nobody() {
    let imported_late = |said_at: Option<Timestamp>| ConsentEntry { at: said_at, recorded_at: at(9), ..said(YES, 9) };
    for at_time in [Some(at(1)), Some(at(2)), None] {
        let entries = [said(Said::Withdrawn, 2), imported_late(at_time)];
        assert_eq!(marketing(&entries), ("withdrawn", Some(at(2))), "{at_time:?}");
    }
    assert_eq!(marketing(&[undated(said(YES, 5))]), ("granted", None), "without a stop it counts");
    for (granted_at, want) in [(4, "withdrawn"), (5, "withdrawn"), (6, "granted")] {
        let entries = [undated(said(Said::Withdrawn, 5)), said(YES, granted_at)];
        assert_eq!(marketing(&entries).0, want, "a stop without a date is of the day on which it was written down");
    }
}

#[test]
fn a_merge_loses_no_stop() {
    let stopped = by_other(said(Said::Withdrawn, 2));
    let merged = Folding { merged_at: Some(at(10)), ..folding() };
    for (granted_at, lifted) in [(1, false), (5, false), (10, false), (11, true)] {
        let Folded { consents, .. } = folded(&[stopped.clone(), said(YES, granted_at)], &merged);
        assert_eq!(consents.stop.is_none(), lifted, "{granted_at}");
        assert_eq!(word(consents.marketing), if lifted { "granted" } else { "withdrawn" }, "{granted_at}");
    }
    // Their own grant had lifted it before.
    let Folded { consents, .. } = folded(&[stopped, by_other(said(YES, 5))], &merged);
    assert_eq!((consents.stop, word(consents.marketing)), (None, "granted"));
}

#[test]
fn silence_lets_a_grant_lapse_and_a_new_one_renews_it() {
    let reconfirm = Folding { reconfirm_ms: Some(500), ..folding() };
    for (granted_at, want) in [(500, "lapsed"), (501, "granted")] {
        let Folded { consents, .. } = folded(&[said(YES, 1), said(YES, granted_at)], &reconfirm);
        assert_eq!(word(consents.marketing), want, "{granted_at}");
    }
}

#[test]
fn a_stop_is_confirmed_once_they_were_told_after_it() {
    for (confirmed_at, want) in [(None, false), (Some(1), false), (Some(2), true), (Some(3), true)] {
        let told = Folding { confirmed_at: confirmed_at.map(at), ..folding() };
        let stop = folded(&[said(Said::Withdrawn, 2)], &told).consents.stop.unwrap();
        assert_eq!(stop.is_confirmed, want, "{confirmed_at:?}");
    }
}

#[test]
fn what_is_suspected_waits_for_somebody() {
    let suspected = |entries: &[ConsentEntry]| folded(entries, &folding()).has_suspected_stop;
    assert!(suspected(&[said(YES, 1), said(Said::Suspected, 2)]));
    assert_eq!(marketing(&[said(YES, 1), said(Said::Suspected, 2)]).0, "granted", "it is policy that holds it");
    assert!(!suspected(&[said(Said::Suspected, 2), said(Said::NoStop, 3)]));
    assert!(!suspected(&[said(Said::Suspected, 2), said(Said::Withdrawn, 3)]), "somebody judged it");
    assert!(suspected(&[said(Said::Suspected, 4), said(Said::NoStop, 3)]));
    assert!(!suspected(&[said(Said::Suspected, 2), said(YES, 3)]), "they agreed anew");
    assert!(suspected(&[said(Said::Suspected, 2), said(YES, 2)]), "of two at once the stricter comes last");
    let undated = ConsentEntry { at: None, ..said(YES, 3) };
    assert!(suspected(&[said(Said::Suspected, 2), undated]), "an import that does not tell lifts nothing");
}
