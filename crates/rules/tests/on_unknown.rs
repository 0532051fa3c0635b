//! What a condition on something unknown means: the index, the plain scan and the explanation say the same.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_domain::LanguageSource;
use waypost_rules::naive::Scan;
use waypost_rules::{RouteInput, RuleSet, Scratch};

const HEAD: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n";

/// Conditions that can be unknown, and inputs for which they hold, do not hold, and cannot be told.
fn conditions() -> Vec<(&'static str, [RouteInput; 3])> {
    let country = |country: Option<&str>| RouteInput { country: country.map(str::to_owned), ..RouteInput::default() };
    let language = |word: Option<&str>| RouteInput { language: word.map(str::to_owned), ..RouteInput::default() };
    let source = |language_source| RouteInput { language_source, ..RouteInput::default() };
    let (guess, crm) = (Some(LanguageSource::Guess), Some(LanguageSource::Crm));
    let spent = |amount: Option<&str>| {
        let attributes = amount.map(|amount| ("spent".to_owned(), amount.to_owned())).into_iter().collect();
        RouteInput { attributes, ..RouteInput::default() }
    };
    let drawn = |key: &str| RouteInput { contact_key: key.to_owned(), ..RouteInput::default() };
    // The draw of an empty seed: see the golden vectors of `percent`.
    let (low, high) = (drawn("US.13491208655302741918"), drawn("15550001111"));
    vec![
        ("country='ES'", [country(Some("ES")), country(Some("FR")), country(None)]),
        ("language=['es', 'pt']", [language(Some("pt")), language(Some("en")), language(None)]),
        ("language_source='guess'", [source(guess), source(crm), source(None)]),
        ("attribute={ spent='1*' }", [spent(Some("10")), spent(Some("20")), spent(None)]),
        ("attribute={ spent={ min=15 } }", [spent(Some("20")), spent(Some("10")), spent(None)]),
        ("percent={ from=0, to=50, seed='' }", [low, high, drawn("")]),
    ]
}

#[test]
fn everybody_agrees_about_the_unknown() {
    // (not, on_unknown, whether a rule matches where the condition holds, does not hold, is unknown)
    let table = [
        (false, "no-match", [true, false, false]),
        (false, "match", [true, false, true]),
        (true, "no-match", [false, true, false]),
        (true, "match", [false, true, true]),
    ];
    for (condition, inputs) in conditions() {
        for (negated, on_unknown, expected) in table {
            let condition = if negated { format!("not={{ {condition} }}") } else { condition.to_owned() };
            // Where a keyword is found it is tested, and asked by many rules it is a bitmap of the index.
            for (when, rules) in [(&format!("keyword='x', {condition}"), 1), (&condition, 1), (&condition, 10)] {
                let rule = |n: i32| {
                    let id = format!("id='r{n}'\nteam='a'\npriority={}", -n);
                    format!("[[rules]]\n{id}\non_unknown='{on_unknown}'\nwhen={{ {when} }}\n")
                };
                let text = format!("{HEAD}{}", (0..rules).map(rule).collect::<String>());
                let set = RuleSet::parse(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
                for (input, matches) in inputs.iter().zip(expected) {
                    let input = RouteInput { text: Some("x".to_owned()), ..input.clone() };
                    let by_index = set.choose(&input, &mut Scratch::default()).rule_id() == "r0";
                    let by_scan = Scan::new(&set).choose(&input, &mut Scratch::default()).rule_id() == "r0";
                    let explained = set.explain(&input, &["r0"]).rules[0].alternatives[0].holds;
                    assert_eq!([by_index, by_scan, explained], [matches; 3], "{text}{input:?}");
                }
            }
        }
    }
}
