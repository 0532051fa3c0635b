//! A message's text, made comparable: it never grows beyond its bounds, and folding again changes nothing.

use waypost_rules::fold::{FOLDED_BYTES_MAX, Folding, Words, plain_into};

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

pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let fold = |text: &str| Words::of(Folding::default(), text).as_str().to_owned();
    let plain = |text: &str| {
        let mut plain = String::new();
        plain_into(&mut plain, text);
        plain
    };
    for (folded, again) in [(fold(&text), fold(&fold(&text))), (plain(&text), plain(&plain(&text)))] {
        assert_eq!(again, folded, "folded again");
        assert!(folded.len() <= (GROWTH_MAX * text.len()).min(FOLDED_BYTES_MAX), "{} bytes", folded.len());
    }
    // What was kept before is only to go on.
    drop(Words::of(Folding::V1, &text));
}

pub fn seeds() -> Vec<Vec<u8>> {
    WORDS.iter().map(|word| format!("{word} x {word}{word} {word}").into_bytes()).collect()
}
