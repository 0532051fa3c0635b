//! Tests of who is who: what was observed, who owns the aliases, and what has to happen.

use super::*;
use uuid::Uuid;

fn contact(n: u128) -> ContactId {
    ContactId::from_uuid(Uuid::from_u128(n))
}
fn with_bsuid(n: u128) -> Option<Owner> {
    Some(Owner { contact: contact(n), has_bsuid: true, doubt: None })
}
fn phone_only(n: u128) -> Option<Owner> {
    Some(Owner { contact: contact(n), has_bsuid: false, doubt: None })
}
fn seen(phone: &str, bsuid: &str, parent: &str) -> AliasSet {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    AliasSet { phone: some(phone), bsuid: some(bsuid), parent_bsuid: some(parent) }
}

#[test]
fn an_alias_is_made_of_its_parts() {
    let one = || "1".to_owned();
    let aliases = [Alias::Phone(one()), Alias::Bsuid(one()), Alias::ParentBsuid(one()), Alias::PhoneClaim(one())];
    for alias in aliases {
        let again = Alias::from_parts(alias.kind(), alias.value().to_owned());
        assert_eq!(again, Some(alias));
    }
    assert_eq!(Alias::from_parts("email", "1".to_owned()), None);
}

/// (name, observed, owners of phone / bsuid / parent) → (contact, merge, attach)
#[test]
fn ordinary_observations() {
    type Case = (&'static str, AliasSet, [Option<Owner>; 3], Option<u128>, Vec<u128>, Vec<&'static str>);
    let cases: Vec<Case> = vec![
        ("nobody knows them", seen("1", "US.a", ""), [None, None, None], None, vec![], vec!["bsuid", "phone"]),
        ("all settled", seen("1", "US.a", ""), [with_bsuid(1), with_bsuid(1), None], Some(1), vec![], vec![]),
        (
            "a phone contact shows its BSUID",
            seen("1", "US.a", ""),
            [phone_only(1), None, None],
            Some(1),
            vec![],
            vec!["bsuid"],
        ),
        ("a recycled number", seen("1", "US.b", ""), [with_bsuid(1), None, None], None, vec![], vec!["bsuid", "phone"]),
        (
            "the number moves to a known person",
            seen("1", "US.b", ""),
            [with_bsuid(1), with_bsuid(2), None],
            Some(2),
            vec![],
            vec!["phone"],
        ),
        (
            "a phone contact turns out to be known",
            seen("1", "US.b", ""),
            [phone_only(1), with_bsuid(2), None],
            Some(2),
            vec![1],
            vec![],
        ),
        ("the phone vanished", seen("", "US.a", ""), [None, with_bsuid(1), None], Some(1), vec![], vec![]),
        ("the BSUID is withheld", seen("1", "", ""), [with_bsuid(1), None, None], Some(1), vec![], vec![]),
        (
            "another portfolio, same parent",
            seen("", "US.c", "US.ENT.x"),
            [None, None, with_bsuid(1)],
            Some(1),
            vec![],
            vec!["bsuid"],
        ),
        (
            "the parent moves",
            seen("", "US.a", "US.ENT.x"),
            [None, with_bsuid(1), with_bsuid(2)],
            Some(1),
            vec![],
            vec!["parent_bsuid"],
        ),
        (
            "a parent BSUID without a BSUID guards as well",
            seen("1", "", "US.ENT.x"),
            [with_bsuid(2), None, with_bsuid(1)],
            Some(1),
            vec![],
            vec!["phone"],
        ),
        ("nothing at all", seen("", "", ""), [None, None, None], None, vec![], vec![]),
    ];
    for (name, observed, [phone, bsuid, parent_bsuid], want, merge, attach) in cases {
        let got = resolve(&observed, &Owners { phone, bsuid, parent_bsuid, ..Owners::default() });
        assert_eq!(got.contact, want.map(contact), "{name}");
        assert_eq!(got.merge, merge.into_iter().map(contact).collect::<Vec<_>>(), "{name}");
        assert_eq!(got.attach.iter().map(Alias::kind).collect::<Vec<_>>(), attach, "{name}");
        assert!(got.detach.is_empty(), "{name}");
    }
}

#[test]
fn a_rotation_merges_two_contacts_with_a_bsuid_each() {
    let got = resolve_rotation(
        &seen("", "US.old", ""),
        &Owners { bsuid: with_bsuid(1), ..Owners::default() },
        &seen("", "US.new", ""),
        &Owners { bsuid: with_bsuid(2), ..Owners::default() },
    );
    assert_eq!((got.contact, got.merge, got.attach), (Some(contact(1)), vec![contact(2)], vec![]));
}

#[test]
fn a_changed_number_lets_go_of_the_old_one() {
    let got = resolve_rotation(
        &seen("1", "US.old", ""),
        &Owners { phone: with_bsuid(1), bsuid: with_bsuid(1), ..Owners::default() },
        &seen("2", "US.new", ""),
        &Owners { phone: with_bsuid(9), ..Owners::default() },
    );
    assert_eq!(got.contact, Some(contact(1)));
    assert!(got.merge.is_empty(), "whoever had the new number before is another person");
    assert_eq!(got.attach, vec![Alias::Bsuid("US.new".into()), Alias::Phone("2".into())]);
    assert_eq!(got.detach, vec![Alias::Phone("1".into())]);
}

#[test]
fn a_first_bsuid_keeps_its_number_from_merging_two_people() {
    let got = resolve_rotation(
        &seen("1", "", ""),
        &Owners { phone: phone_only(1), ..Owners::default() },
        &seen("2", "US.new", ""),
        &Owners { phone: with_bsuid(9), ..Owners::default() },
    );
    assert_eq!((got.contact, got.merge), (Some(contact(1)), vec![]));
    assert_eq!(got.attach, vec![Alias::Bsuid("US.new".into()), Alias::Phone("2".into())]);
}

#[test]
fn a_rotation_of_a_stranger_creates_one_contact() {
    let none = Owners::default();
    let got = resolve_rotation(&seen("1", "US.old", ""), &none, &seen("2", "US.new", ""), &none);
    assert_eq!(got.contact, None);
    assert!(got.detach.is_empty() && got.merge.is_empty());
    assert_eq!(got.attach.len(), 3);
}

/// A number that was stored under other spellings. (name, observed, owners of phone and BSUID, of spellings) → (contact,
/// merge, aliases to attach)
#[test]
fn other_spellings_of_a_number_follow_the_same_rules() {
    type Case = (
        &'static str,
        AliasSet,
        [Option<Owner>; 2],
        Vec<(&'static str, Option<Owner>)>,
        Option<u128>,
        Vec<u128>,
        Vec<&'static str>,
    );
    let cases: Vec<Case> = vec![
        (
            "stored before there was a canonical form",
            seen("19", "", ""),
            [None, None],
            vec![("1", phone_only(1))],
            Some(1),
            vec![],
            vec!["19"],
        ),
        (
            "two contacts of one number",
            seen("19", "", ""),
            [phone_only(2), None],
            vec![("1", phone_only(1))],
            Some(2),
            vec![1],
            vec![],
        ),
        (
            "a known person under the old spelling of another with a BSUID",
            seen("19", "US.a", ""),
            [None, with_bsuid(2)],
            vec![("1", with_bsuid(1))],
            Some(2),
            vec![],
            vec!["19", "1"],
        ),
        (
            "a recycled number, spelt as before",
            seen("19", "US.new", ""),
            [None, None],
            vec![("1", with_bsuid(1))],
            None,
            vec![],
            vec!["US.new", "19", "1"],
        ),
        (
            "all spellings are theirs",
            seen("19", "", ""),
            [phone_only(1), None],
            vec![("1", phone_only(1))],
            Some(1),
            vec![],
            vec![],
        ),
    ];
    for (name, observed, [phone, bsuid], spellings, want, merge, attach) in cases {
        let spelt = |(text, owner): (&str, Option<Owner>)| Some((Alias::Phone(text.to_owned()), owner?));
        let spellings = spellings.into_iter().filter_map(spelt).collect();
        let got = resolve(&observed, &Owners { phone, bsuid, spellings, ..Owners::default() });
        assert_eq!(got.contact, want.map(contact), "{name}");
        assert_eq!(got.merge, merge.into_iter().map(contact).collect::<Vec<_>>(), "{name}");
        assert_eq!(got.attach.iter().map(Alias::value).collect::<Vec<_>>(), attach, "{name}");
    }
}

#[test]
fn a_changed_number_lets_go_of_all_its_spellings() {
    let spelt = |text: &str, owner: Option<Owner>| (Alias::Phone(text.to_owned()), owner.unwrap());
    let got = resolve_rotation(
        &seen("19", "", ""),
        &Owners { spellings: vec![spelt("1", phone_only(1)), spelt("1x", phone_only(3))], ..Owners::default() },
        &seen("29", "", ""),
        &Owners { spellings: vec![spelt("2", phone_only(2))], ..Owners::default() },
    );
    assert_eq!((got.contact, got.merge), (Some(contact(1)), vec![contact(2)]));
    assert_eq!((got.attach, got.detach), (vec![Alias::Phone("29".into())], vec![Alias::Phone("1".into())]));
}

/// A number whose contact has no BSUID, and about whom there is a doubt. (name, observed, owners of phone and BSUID) →
/// (contact, merge, aliases to attach, claims)
#[test]
fn who_is_in_doubt_is_claimed_and_not_adopted() {
    type Case =
        (&'static str, AliasSet, [Option<Owner>; 2], Option<u128>, Vec<u128>, Vec<&'static str>, Vec<(u128, Doubt)>);
    let doubted = |n, doubt| Some(Owner { contact: contact(n), has_bsuid: false, doubt: Some(doubt) });
    let silent = || doubted(1, Doubt::Silent);
    let cases: Vec<Case> = vec![
        (
            "somebody new shows a BSUID on it",
            seen("1", "US.a", ""),
            [silent(), None],
            None,
            vec![],
            vec!["US.a", "1"],
            vec![(1, Doubt::Silent)],
        ),
        (
            "somebody known has the number now",
            seen("1", "US.a", ""),
            [silent(), with_bsuid(2)],
            Some(2),
            vec![],
            vec!["1"],
            vec![(1, Doubt::Silent)],
        ),
        (
            "whose identity changed",
            seen("1", "US.a", ""),
            [doubted(1, Doubt::IdentityChanged), None],
            None,
            vec![],
            vec!["US.a", "1"],
            vec![(1, Doubt::IdentityChanged)],
        ),
        (
            "a person said that they are two",
            seen("1", "US.a", ""),
            [doubted(1, Doubt::Apart), with_bsuid(2)],
            Some(2),
            vec![],
            vec!["1"],
            vec![],
        ),
        ("without a BSUID it is them", seen("1", "", ""), [silent(), None], Some(1), vec![], vec![], vec![]),
    ];
    for (name, observed, [phone, bsuid], want, merge, attach, claims) in cases {
        let got = resolve(&observed, &Owners { phone, bsuid, ..Owners::default() });
        assert_eq!(got.contact, want.map(contact), "{name}");
        assert_eq!(got.merge, merge.into_iter().map(contact).collect::<Vec<_>>(), "{name}");
        assert_eq!(got.attach.iter().map(Alias::value).collect::<Vec<_>>(), attach, "{name}");
        assert_eq!(got.claims, claims.into_iter().map(|(n, why)| (contact(n), why)).collect::<Vec<_>>(), "{name}");
    }
    assert_eq!(
        [Doubt::Silent, Doubt::IdentityChanged, Doubt::Apart].map(Doubt::as_str),
        ["silent", "identity_changed", "apart"]
    );
}

/// (name, observed, owner of the phone) → (contact, merge, attach)
#[test]
fn a_claimed_number_is_confirmed_by_what_it_writes() {
    type Case = (&'static str, AliasSet, Option<Owner>, Option<u128>, Vec<u128>, Vec<&'static str>);
    let cases: Vec<Case> = vec![
        ("it writes by itself", seen("1", "", ""), None, Some(7), vec![], vec!["1"]),
        ("it was somebody's without a BSUID", seen("1", "", ""), phone_only(1), Some(7), vec![1], vec![]),
        ("it is somebody else's", seen("1", "", ""), with_bsuid(1), Some(1), vec![], vec![]),
        ("it shows another BSUID", seen("1", "US.b", ""), None, None, vec![], vec!["US.b", "1"]),
    ];
    for (name, observed, phone, want, merge, attach) in cases {
        let got = resolve(&observed, &Owners { phone, claimant: with_bsuid(7), ..Owners::default() });
        assert_eq!(got.contact, want.map(contact), "{name}");
        assert_eq!(got.merge, merge.into_iter().map(contact).collect::<Vec<_>>(), "{name}");
        assert_eq!(got.attach.iter().map(Alias::value).collect::<Vec<_>>(), attach, "{name}");
        assert_eq!(got.detach, [Alias::PhoneClaim("1".into())], "{name}");
    }
}
