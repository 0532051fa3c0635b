//! A rule set in its protobuf form, as a caller of the administration may send it: every field that cannot be is named,
//! or it is a document, which both forms keep as it is.

use std::sync::LazyLock;

use prost::Message;
use waypost_proto::rule_set::FieldViolations;
use waypost_proto::rules_v1::RuleSetDocument;
use waypost_rules::{Document, RuleSet, check, compile, toml_form};

use super::rules;
use super::wire::Tree;

/// Field tags with lengths, and what the fields hold.
pub const WORDS: &[&str] = &[
    "\n\u{0}",
    "\u{8}\u{1}",
    "\u{10}\u{2}",
    "\u{12}\u{1}",
    "\u{1a}\u{2}",
    "\"\u{3}",
    "*\u{2}",
    "2\u{2}",
    "a",
    "billing",
    "office",
    "tier",
    "gold*",
    "2026-12-25",
    "Europe/Madrid",
    "1250.50",
    "-0.0001",
    "\u{7f}",
    "\u{0}",
];

/// Changes: of the handover's team, and of what lies far behind it.
pub const EDIT_WORDS: &[&str] = &["\u{2}\u{0}\u{2}\u{4}", "@\u{1}\u{0}\u{0}", "@\u{0}\u{3}8", "P\u{0}\u{1}\u{0}"];

/// What a field that was edited may hold.
const TEXTS: [&str; 8] = ["", "a", "billing", "office", "No Slug", "gold*", "2026-02-29", "0.00001"];
const NUMBERS: [u64; 8] = [0, 1, 7, 100, 1_440, u64::MAX, i64::MAX as u64, 253_402_300_800_000];
const EDITS_MAX: usize = 16;
/// What a caller is told of one field at most: its path, and a sentence.
const TOLD_BYTES_MAX: usize = 400;

/// Any bytes.
pub fn check(data: &[u8]) {
    if let Ok(wire) = RuleSetDocument::decode(data) {
        check_wire(wire, data.len());
    }
}

/// A good document, with a few of its fields changed: four bytes for each change, say which field, what becomes of it,
/// and by what.
pub fn check_edits(data: &[u8]) {
    let mut tree = FULL.clone();
    for edit in data.chunks_exact(4).take(EDITS_MAX) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]]));
        let (text, number) = (TEXTS[usize::from(edit[3] % 8)], NUMBERS[usize::from(edit[3] / 8 % 8)]);
        match edit[2] % 6 {
            0 => tree.remove(place),
            1 => tree.double(place),
            2 => tree.set_text(place, text),
            3 => tree.set_number(place, number),
            4 => tree.set_number(place, u64::from(edit[3])),
            _ => tree.swap(place, usize::from(edit[3])),
        }
    }
    let bytes = tree.encode();
    // An empty message that was filled is none any more.
    if let Ok(wire) = RuleSetDocument::decode(bytes.as_slice()) {
        check_wire(wire, bytes.len());
    }
}

/// What the text form's seeds say, in protobuf.
pub fn seeds() -> Vec<Vec<u8>> {
    let documents = rules::TEXTS.iter().map(|text| toml_form::read(text).expect("the example is right"));
    documents.map(|document| RuleSetDocument::from(&document).encode_to_vec()).collect()
}

/// Nothing, and every kind of change.
pub fn edits() -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new()];
    seeds.extend((0..6).map(|kind| vec![3, 0, kind, 9, 40, 0, kind, 33]));
    seeds
}

static FULL: LazyLock<Tree> = LazyLock::new(|| {
    let bytes = seeds().pop().expect("there are seeds");
    Tree::read(&bytes).expect("what we wrote reads")
});

fn check_wire(wire: RuleSetDocument, size: usize) {
    match Document::try_from(wire) {
        Ok(document) => check_document(document),
        Err(FieldViolations(violations)) => {
            assert!(!violations.is_empty(), "refused without a word");
            assert!(violations.len() <= size + 1, "more mistakes than fields");
            for violation in violations {
                let top = ["definition", "teams[", "calendars[", "words["];
                assert!(top.iter().any(|top| violation.field.starts_with(top)), "no such field: {violation}");
                assert!(!violation.problem.is_empty(), "a mistake without a word: {violation}");
                assert!(violation.to_string().len() <= TOLD_BYTES_MAX, "too much said: {violation}");
            }
        }
    }
}

/// What was read from one form is kept by both, and is the same rule set.
pub(crate) fn check_document(document: Document) {
    let bytes = RuleSetDocument::from(&document).encode_to_vec();
    let wire = RuleSetDocument::decode(bytes.as_slice()).expect("what we wrote is a message");
    assert_eq!(Document::try_from(wire).as_ref(), Ok(&document), "changed by its protobuf form");
    let text = toml_form::write(&document);
    match toml_form::read(&text) {
        Ok(again) => {
            assert_eq!(again, document, "changed by its text form:\n{text}");
            assert_eq!(toml_form::write(&again), text, "written otherwise the second time");
        }
        Err(errors) => panic!("its text form is refused:\n{errors}\n{text}"),
    }
    let Document { definition, teams, calendars, words: _ } = document.clone();
    match compile(definition, teams, calendars) {
        Ok(rules) => {
            let parsed = RuleSet::parse(&text).expect("the same rules");
            assert_eq!(parsed.version, rules.version, "another version by its text form");
        }
        Err(errors) => {
            assert!(errors.0.iter().all(|error| !error.problem.is_empty() && !error.field.is_empty()), "{errors}");
            assert_eq!(check::check(document), errors.0);
        }
    }
}
