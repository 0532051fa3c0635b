//! Words that Arabic and Hebrew write together with the next one: the article, "and", "in", "for".

/// Before any word: forms of the article.
const ARABIC: [&str; 7] = ["ال", "وال", "فال", "بال", "كال", "لل", "ولل"];
/// Before a word of [`LETTERS_MIN`]: so short that many words begin with them. "Like" (ك) alone is in too many.
const ARABIC_SHORT: [&str; 4] = ["و", "ب", "ل", "ف"];
/// Before a word of [`LETTERS_MIN`]: "the", "and", "in", "to", "that". "From" (מ) and "like" (כ) alone are in too many.
const HEBREW: [&str; 5] = ["ה", "ו", "ב", "ל", "ש"];
/// Two of them, and those with "from" and "like".
const HEBREW_WITH: [&str; 7] = ["ומ", "וכ", "שמ", "שכ", "מה", "מש", "כש"];
const LETTERS_MIN: usize = 4;

/// What is left of a folded word without what may stand before it, in each way in which it can be read.
pub(crate) fn proclitics(word: &str) -> impl Iterator<Item = &str> {
    let (arabic, hebrew) = match word.as_bytes().first() {
        Some(0xd8..=0xdb) => (true, false),
        Some(0xd7) => (false, true),
        Some(_) | None => (false, false),
    };
    let articles = ARABIC.iter().filter(move |_| arabic).filter_map(|before| word.strip_prefix(before));
    let short = ARABIC_SHORT.iter().filter(move |_| arabic).filter_map(|before| word.strip_prefix(before));
    let one = HEBREW.iter().filter(move |_| hebrew).filter_map(|before| word.strip_prefix(before));
    let two = one.clone().flat_map(move |rest| {
        let other = |before: &&&str| !word.starts_with(**before);
        HEBREW.iter().filter(other).filter_map(move |before| rest.strip_prefix(before))
    });
    let with = HEBREW_WITH.iter().filter(move |_| hebrew).filter_map(|before| word.strip_prefix(before));
    let articles = articles.filter(|rest| !rest.is_empty());
    articles.chain(short.chain(one).chain(two).chain(with).filter(|rest| is_long(rest)))
}

fn is_long(rest: &str) -> bool {
    rest.chars().nth(LETTERS_MIN - 1).is_some()
}
