//! A keyword and a text: the keyword is found in itself, and the index finds what the plain scan finds.

use std::sync::LazyLock;

use waypost_domain::TeamName;
use waypost_rules::atom::{Atom, Keyword, Parts};
use waypost_rules::fold::{Folding, Words};
use waypost_rules::forms::{FormLanguage, Forms};
use waypost_rules::model::{Conjunct, Literal, Target};
use waypost_rules::naive::Scan;
use waypost_rules::{Document, RouteInput, Rule, Scratch, compile, toml_form};

pub use super::fold::WORDS;

/// The first line is a keyword, what follows a text.
pub fn check(data: &[u8]) {
    let both = String::from_utf8_lossy(data);
    let (keyword, text) = both.split_once('\n').unwrap_or((&both, &both));
    let words = Words::of(Folding::default(), keyword);
    let keyword = match keyword.strip_suffix('*') {
        Some(prefix) => Keyword::prefix(prefix),
        None => Keyword::word(keyword),
    };
    assert!(keyword.is_blank() || keyword.holds(&words), "not found in itself");
    decides_alike(keyword.clone(), text, None);
    // In forms it is found wherever it is without, and by the index as by the scan.
    let language = FormLanguage::ALL[text.len() % FormLanguage::ALL.len()];
    let formed = keyword.clone().in_forms(Forms::of(language));
    let words = Words::of(Folding::default(), text);
    assert!(formed.holds(&words) || !keyword.holds(&words), "not found in its forms");
    decides_alike(formed, text, None);
    decides_alike(keyword.in_forms(Forms::OF_CUSTOMER), text, Some(language.as_str()));
}

pub fn seeds() -> Vec<Vec<u8>> {
    WORDS.iter().map(|word| format!("{word}\nx {word}{word} {word}").into_bytes()).collect()
}

/// A rule set in which a rule is told by its keyword alone.
static PLAIN: LazyLock<Document> = LazyLock::new(|| {
    const TEXT: &str =
        "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n[[teams]]\nname='b'\n";
    toml_form::read(TEXT).expect("the file is right")
});

fn decides_alike(keyword: Keyword, text: &str, language: Option<&str>) {
    let Document { mut definition, teams, calendars, words: _ } = PLAIN.clone();
    let when = vec![Conjunct::new(vec![Literal::from(Atom::Keyword { any_of: vec![keyword], within: Parts::OWN })])];
    let team = TeamName::new("b").expect("a name");
    definition.rules.push(Rule { when, ..Rule::new("r", Target::Team(team)) });
    // A keyword of nothing, or one that is too long, is refused.
    let Ok(set) = compile(definition, teams, calendars) else { return };
    let language = language.map(str::to_owned);
    let input = RouteInput { message_type: "text".into(), text: Some(text.into()), language, ..RouteInput::default() };
    let mut scratch = Scratch::default();
    let by_scan = Scan::new(&set).choose(&input, &mut scratch).rule_id().to_owned();
    assert_eq!(set.choose(&input, &mut scratch).rule_id(), by_scan, "by the index");
}
