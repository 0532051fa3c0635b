//! What follows, told as a ledger: before, what is asked, and what is added.

use waypost_domain::consent::Basis;
use waypost_domain::message::{Tap, TapSource};
use waypost_domain::{AliasSet, PhoneNumberId, WabaId};

use super::*;

const MARKETING: Option<Category> = Some(Category::Marketing);
const UTILITY: Option<Category> = Some(Category::Utility);
const YES: Word = Word::Granted(Basis::Consent);

fn ann() -> ContactId {
    ContactId::of_group("ann")
}

/// In seconds, as Meta tells times.
fn said_at(at: i64) -> Said {
    Said {
        number: PhoneNumberId::new("1"),
        display_number: String::new(),
        waba: WabaId::new("2"),
        key: format!("wamid.{at}"),
        by: AliasSet::default(),
        country: None,
        received_at: Timestamp::from_millis(at * 1000),
        at: Timestamp::from_millis(at * 1000),
        what: What::Words { text: String::new(), tap: None, is_forwarded: false, message: Box::default() },
    }
}

fn context(said: &Said) -> Context<'_> {
    Context { contact: ann(), brand: "shop", said, now: Timestamp::from_millis(1_000_000) }
}

/// An entry of before.
fn entry(category: Option<Category>, word: Word, at: i64) -> ConsentEntry {
    let evidence = Evidence { wording: format!("shown at {at}"), ..Evidence::default() };
    ConsentEntry { evidence, ..context(&said_at(at)).entry(category, word) }
}

/// All of it: (category, word, wording), `confirm` and `look`.
fn check(before: &[ConsentEntry], asked: Asked, want: &[&str]) {
    let ledger = Ledger { entries: before.to_vec(), merged_at: None };
    let said = said_at(500);
    let follows = follow(&ledger, &context(&said), asked);
    let shown = |entry: &ConsentEntry| {
        assert_eq!(entry.source.as_deref(), Some("wamid.500"), "what it was said in");
        // A stop may have been said at the end of its second.
        let at = if matches!(entry.said, Word::Withdrawn | Word::Suspected) { 500_999 } else { 500_000 };
        assert_eq!((entry.at.map(Timestamp::as_millis), entry.recorded_by.as_str()), (Some(at), "optin"));
        let about = entry.category.map_or("all", Category::as_str);
        format!("{about} {} {}", entry.said.as_str(), entry.evidence.wording).trim_end().to_owned()
    };
    let mut found: Vec<String> = follows.entries.iter().map(shown).collect();
    found.extend(follows.confirm.map(|_| "confirm".to_owned()));
    found.extend(follows.a_person_must_look.then(|| "look".to_owned()));
    assert_eq!(found, want);
    // Told once more, after it was written.
    let mut entries = before.to_vec();
    entries.extend(follows.entries);
    let again = follow(&Ledger { entries, merged_at: None }, &context(&said), asked);
    assert_eq!(again, Follows::default(), "twice");
}

#[test]
fn a_bare_stop_covers_the_whole_brand_and_is_confirmed_once() {
    check(&[], Asked::Stop(None), &["all withdrawn", "confirm"]);
    check(&[entry(None, YES, 1)], Asked::Stop(None), &["all withdrawn", "confirm"]);
    check(&[entry(None, YES, 1), entry(None, Word::Withdrawn, 2)], Asked::Stop(None), &["all withdrawn"]);
    check(&[entry(None, YES, 1)], Asked::Stop(MARKETING), &["marketing withdrawn"]);
    let stopped_and_back = [entry(None, Word::Withdrawn, 2), entry(MARKETING, YES, 3)];
    check(&stopped_and_back, Asked::Stop(None), &["all withdrawn", "confirm"]);
}

#[test]
fn another_brand_s_stop_is_not_ours() {
    let other = ConsentEntry { brand: "cafe".to_owned(), ..entry(None, Word::Withdrawn, 2) };
    check(&[other], Asked::Stop(None), &["all withdrawn", "confirm"]);
}

#[test]
fn what_is_suspected_asks_a_person_once() {
    check(&[entry(None, YES, 1)], Asked::Suspected, &["all suspected", "look"]);
    for before in [entry(None, Word::Withdrawn, 2), entry(None, Word::Suspected, 2)] {
        let follows =
            follow(&Ledger { entries: vec![before], merged_at: None }, &context(&said_at(500)), Asked::Suspected);
        assert_eq!(follows, Follows::default(), "nothing new");
    }
    let judged = [entry(None, Word::Suspected, 2), entry(None, Word::NoStop, 3)];
    check(&judged, Asked::Suspected, &["all suspected", "look"]);
}

/// Case 22: START restores what was proven.
#[test]
fn a_start_restores_what_was_proven_and_no_more() {
    let stop = || entry(None, Word::Withdrawn, 10);
    let granted = [entry(MARKETING, YES, 1), stop()];
    check(&granted, Asked::Start, &["marketing granted shown at 1"]);
    let all = [entry(None, YES, 1), stop()];
    let three = ["marketing granted shown at 1", "utility granted shown at 1", "authentication granted shown at 1"];
    check(&all, Asked::Start, &three);
    check(
        &[entry(UTILITY, YES, 1), stop(), entry(None, Word::Withdrawn, 11)],
        Asked::Start,
        &["utility granted shown at 1"],
    );
    let narrowed = [entry(None, YES, 1), entry(MARKETING, Word::Withdrawn, 5), stop()];
    check(&narrowed, Asked::Start, &three);
    check(&[stop()], Asked::Start, &["marketing pending"]);
    let untouched = Ledger { entries: vec![entry(None, YES, 1)], merged_at: None };
    assert_eq!(follow(&untouched, &context(&said_at(500)), Asked::Start), Follows::default());
    assert_eq!(follow(&Ledger::default(), &context(&said_at(500)), Asked::Start), Follows::default());
}

#[test]
fn a_grant_of_contract_is_restored_as_one() {
    let before = [entry(UTILITY, Word::Granted(Basis::Contract), 1), entry(None, Word::Withdrawn, 10)];
    let ledger = Ledger { entries: before.to_vec(), merged_at: None };
    let follows = follow(&ledger, &context(&said_at(500)), Asked::Start);
    assert_eq!(follows.entries[0].said, Word::Granted(Basis::Contract));
}

#[test]
fn metas_switch_stops_marketing_and_undoes_only_itself() {
    let switch = |preference| Said { what: What::Preference(preference), ..said_at(500) };
    let of = |before: &[ConsentEntry], preference| {
        let ledger = Ledger { entries: before.to_vec(), merged_at: None };
        let said = switch(preference);
        let follows = follow(&ledger, &context(&said), Asked::Preference(preference));
        follows.entries.into_iter().map(|e| (e.category, e.said, e.how)).collect::<Vec<_>>()
    };
    let stopped = of(&[entry(None, YES, 1)], Preference::Stop);
    assert_eq!(stopped, [(MARKETING, Word::Withdrawn, How::Preference)]);
    let by = |how, at| ConsentEntry { how, ..entry(MARKETING, Word::Withdrawn, at) };
    for how in [How::Preference, How::Error131050] {
        let restored = of(&[entry(None, YES, 1), by(how, 5)], Preference::Resume);
        assert_eq!(restored, [(MARKETING, YES, How::Preference)], "{how:?}");
    }
    assert_eq!(of(&[entry(None, YES, 1), by(How::Keyword, 5)], Preference::Resume), [], "said to us");
    let typed = [entry(None, YES, 1), by(How::Preference, 5), entry(None, Word::Withdrawn, 6)];
    assert_eq!(of(&typed, Preference::Resume), [], "a typed stop came after it");
    assert_eq!(of(&[by(How::Preference, 5)], Preference::Resume), [], "nothing was proven");
}

#[test]
fn a_tap_says_so() {
    let tap = Tap { source: TapSource::Template, id: String::new(), title: None, description: None };
    let what = What::Words { text: String::new(), tap: Some(tap), is_forwarded: false, message: Box::default() };
    let said = Said { what, ..said_at(500) };
    let follows = follow(&Ledger::default(), &context(&said), Asked::Stop(MARKETING));
    assert_eq!(follows.entries[0].how, How::Button);
}

/// Another system tells of a grant to the millisecond, and Meta of the stop to the second.
#[test]
fn a_stop_outranks_what_was_agreed_to_in_its_second() {
    let grant = ConsentEntry { at: Some(Timestamp::from_millis(500_355)), ..entry(MARKETING, YES, 500) };
    let ledger = Ledger { entries: vec![grant.clone()], merged_at: None };
    let said = said_at(500);
    let follows = follow(&ledger, &context(&said), Asked::Stop(None));
    let mut entries = vec![grant];
    entries.extend(follows.entries);
    let folded = folded(&entries, None, &context(&said));
    assert!(folded.consents.stop.is_some());
    assert_eq!(folded.consents.marketing, EffectiveConsent::Withdrawn);
}
