//! A version that an earlier release kept goes on deciding, and is explained, as it did there.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_rules::fold::Folding;
use waypost_rules::naive::Scan;
use waypost_rules::{RouteInput, RuleSet, Scratch, content_hash, toml_form};

/// In its canonical form.
const KEPT: &str = r#"[default]
team = "a"

[handover]
team = "a"
buttons = ["h"]

[[teams]]
name = "a"

[[teams]]
name = "b"

[[rules]]
id = "r"
when = { keyword = ["环"], regex = ["ORD"] }
team = "b"
"#;
/// The first 12 digits of that text's SHA-256: the version, as the releases up to 0.1 made it.
const VERSION: &str = "4e3fcfc9074a";

fn team(set: &RuleSet, text: &str) -> String {
    let input = RouteInput { message_type: "text".into(), text: Some(text.into()), ..RouteInput::default() };
    let mut scratch = Scratch::default();
    let team = set.choose(&input, &mut scratch).team.to_string();
    assert_eq!(Scan::new(set).choose(&input, &mut scratch).team.as_str(), team, "{text}");
    let explanation = set.explain(&input, &["r"]);
    assert_eq!(explanation.decision.team.as_str(), team, "{text}");
    assert_eq!(explanation.rules[0].alternatives[0].holds, team == "b", "{text}");
    team
}

#[test]
fn a_version_of_before_compares_as_before() {
    let set = RuleSet::restore(KEPT, VERSION).unwrap();
    assert_eq!((set.version.as_str(), set.folding()), (VERSION, Folding::V1));
    assert_eq!(team(&set, "循环 ORD"), "b");
    assert_eq!(team(&set, "循环 ord"), "a", "a pattern sees what was written");
    let phrase = KEPT.replace("环", "发 票");
    let old = RuleSet::restore(&phrase, &sha(&phrase)).unwrap();
    assert_eq!((old.folding(), team(&old, "发票 ORD")), (Folding::V1, "b".to_owned()), "each letter was a word");
    assert_eq!(team(&RuleSet::parse(&phrase).unwrap(), "发票 ORD"), "a");
}

#[test]
fn a_version_of_today_compares_as_today() {
    let today = RuleSet::parse(KEPT).unwrap();
    assert_ne!(today.version, VERSION, "how words are compared is a part of the version");
    assert_eq!(today.folding(), Folding::V2);
    let document = toml_form::read(KEPT).unwrap();
    assert_eq!(today.version, content_hash(&document.definition, &document.teams, &document.calendars));
    for version in [&*today.version, "of another text"] {
        let set = RuleSet::restore(KEPT, version).unwrap();
        assert_eq!((&set.version, set.folding()), (&today.version, Folding::V2), "{version}");
        assert_eq!(team(&set, "循环 ord"), "b");
    }
}

/// What today's folding finds something to look for in may have been refused before, and the other way round.
#[test]
fn errors_are_those_of_its_folding() {
    let emoji = KEPT.replace("环", "👍");
    assert!(RuleSet::parse(&emoji).is_ok());
    let error = RuleSet::restore(&emoji, &sha(&emoji)).unwrap_err().to_string();
    assert!(error.contains("has no letter or digit to look for"), "{error}");
}

fn sha(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
