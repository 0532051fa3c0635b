//! A message's text, made comparable: it never grows beyond its bounds, folding again changes nothing, a keyword is found
//! in itself, and the index finds what the plain scan finds.

use std::sync::LazyLock;

use waypost_domain::TeamName;
use waypost_rules::atom::{Atom, Keyword, Parts};
use waypost_rules::fold::{FOLDED_BYTES_MAX, Folding, Words, plain_into};
use waypost_rules::model::{Conjunct, Literal, Target};
use waypost_rules::naive::Scan;
use waypost_rules::{Document, RouteInput, Rule, Scratch, compile, toml_form};

/// What one character may become: ﷺ is three bytes and a sentence of 33.
const GROWTH_MAX: usize = 11;

pub const WORDS: &[&str] = &[
    "\n",
    "*",
    " ",
    "A",
    "é",
    "e\u{301}",
    "\u{302}\u{301}",
    "ß",
    "İ",
    "ı",
    "ł",
    "ø",
    "ä",
    "ae",
    "й",
    "и\u{306}",
    "і\u{308}",
    "ё",
    "ﷺ",
    "ﻓﺎﺗﻮﺭﺓ",
    "ال",
    "وال",
    "فاتورة",
    "أ",
    "ـ",
    "ی",
    "ه",
    "ש",
    "\u{5b8}",
    "ן",
    "ומ",
    "क\u{93c}",
    "ँ",
    "ড\u{9bc}",
    "발",
    "\u{1112}\u{1161}\u{11ab}",
    "ㅋ",
    "か\u{3099}",
    "ｶﾞ",
    "ー",
    "カート",
    "票",
    "บิล",
    "่",
    "👍🏽",
    "👩\u{200d}💻",
    "🇪🇸",
    "❤\u{fe0f}",
    "🏴\u{e0067}\u{e007f}",
    "1\u{fe0f}\u{20e3}",
    "\u{200b}",
    "\u{ad}",
    "\u{202e}",
    "\u{feff}",
    "\u{345}",
    "𝗔",
    "Ａ",
    "½",
    "٣",
    "๒",
    "ʼ",
    "\u{a0}",
    "\u{2028}",
];

/// The first line is a keyword, what follows a text.
pub fn check(data: &[u8]) {
    let both = String::from_utf8_lossy(data);
    let (keyword, text) = both.split_once('\n').unwrap_or((&both, &both));
    for part in [text, keyword] {
        folds(part);
        // What was kept before is only to go on.
        drop(Words::of(Folding::V1, part));
    }
    let words = Words::of(Folding::default(), keyword);
    let keyword = match keyword.strip_suffix('*') {
        Some(prefix) => Keyword::prefix(prefix),
        None => Keyword::word(keyword),
    };
    assert!(keyword.is_blank() || keyword.holds(&words), "not found in itself");
    decides_alike(keyword, text);
}

pub fn seeds() -> Vec<Vec<u8>> {
    WORDS.iter().map(|word| format!("{word}\nx {word}{word} {word}").into_bytes()).collect()
}

fn folds(text: &str) {
    let fold = |text: &str| Words::of(Folding::default(), text).as_str().to_owned();
    let plain = |text: &str| {
        let mut plain = String::new();
        plain_into(&mut plain, text);
        plain
    };
    for (folded, again) in [(fold(text), fold(&fold(text))), (plain(text), plain(&plain(text)))] {
        assert_eq!(again, folded, "folded again");
        assert!(folded.len() <= (GROWTH_MAX * text.len()).min(FOLDED_BYTES_MAX), "{} bytes", folded.len());
    }
}

/// A rule set in which a rule is told by its keyword alone.
static PLAIN: LazyLock<Document> = LazyLock::new(|| {
    const TEXT: &str =
        "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n[[teams]]\nname='b'\n";
    toml_form::read(TEXT).expect("the file is right")
});

fn decides_alike(keyword: Keyword, text: &str) {
    let Document { mut definition, teams, calendars, words: _ } = PLAIN.clone();
    let when = vec![Conjunct::new(vec![Literal::from(Atom::Keyword { any_of: vec![keyword], within: Parts::OWN })])];
    let team = TeamName::new("b").expect("a name");
    definition.rules.push(Rule { when, ..Rule::new("r", Target::Team(team)) });
    // A keyword of nothing, or one that is too long, is refused.
    let Ok(set) = compile(definition, teams, calendars) else { return };
    let input = RouteInput { message_type: "text".into(), text: Some(text.into()), ..RouteInput::default() };
    let mut scratch = Scratch::default();
    let by_scan = Scan::new(&set).choose(&input, &mut scratch).rule_id().to_owned();
    assert_eq!(set.choose(&input, &mut scratch).rule_id(), by_scan, "by the index");
}
