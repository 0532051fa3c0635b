//! Patterns (regular expressions). They see a text's plain folded form unless they are raw, so they are folded too: their
//! letters as those of a text are, and word boundaries so that they are where a reader sees them.

use std::ops::Range;

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{Assertion, AssertionKind, Ast, ClassSetItem, ClassSetRange, Literal, Span, Visitor, visit};
use unicode_normalization::UnicodeNormalization;

use crate::fold::{Class, plain_into, punctuation};

/// How large a compiled pattern may get.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// Linear in the text, whatever the pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// `is_raw`: taken as it is, and case makes a difference.
    pub(crate) fn new(source: &str, is_raw: bool) -> Result<Self, regex::Error> {
        if is_raw {
            return Self::build(source, false);
        }
        // A letter and its mark as one, where there is such a letter: alone, the mark would be left out.
        let source: String = source.nfc().collect();
        match Parser::new().parse(&source) {
            Ok(ast) => Self::build(&folded(&source, &ast), true),
            // What is no pattern says so in its own words.
            Err(_) => Self::build(&source, true),
        }
    }

    fn build(source: &str, case_insensitive: bool) -> Result<Self, regex::Error> {
        let mut builder = RegexBuilder::new(source);
        builder.case_insensitive(case_insensitive).size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        builder.build().map(Self)
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// A range such as `[à-ü]`, in a pattern that sees folded text: there, its letters are others.
pub(crate) fn range_without_letters(source: &str) -> Option<String> {
    let source: String = source.nfc().collect();
    let ast = Parser::new().parse(&source).ok()?;
    let Ok(Folder { lost, .. }) = visit(&ast, Folder::default());
    lost.map(|span| source[span.start.offset..span.end.offset].to_owned())
}

fn folded(source: &str, ast: &Ast) -> String {
    let Ok(Folder { mut edits, .. }) = visit(ast, Folder::default());
    edits.sort_by_key(|(place, _)| place.start);
    let mut folded = String::with_capacity(source.len());
    let mut from = 0;
    for (place, text) in edits {
        folded.push_str(&source[from..place.start]);
        folded.push_str(&text);
        from = place.end;
    }
    folded.push_str(&source[from..]);
    folded
}

type Edit = (Range<usize>, String);

/// Collects what is written otherwise in the folded pattern. No two edits overlap.
#[derive(Default)]
struct Folder {
    edits: Vec<Edit>,
    /// Word boundaries that there are none of, by where they begin.
    dropped: Vec<usize>,
    /// The first range without ASCII whose ends are others in folded text, or none.
    lost: Option<Span>,
}

impl Visitor for Folder {
    type Output = Self;
    type Err = std::convert::Infallible;

    fn finish(self) -> Result<Self::Output, Self::Err> {
        Ok(self)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        match ast {
            Ast::Concat(concat) => self.boundaries_beside_unspaced(&concat.asts),
            Ast::Literal(literal) => self.literal(literal),
            Ast::Assertion(assertion) => self.assertion(assertion),
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Self::Err> {
        match item {
            ClassSetItem::Literal(literal) => {
                if let Some(c) = folded_to_one(literal.c) {
                    self.edit(literal.span, escaped(c));
                }
            }
            ClassSetItem::Range(range) => self.range(range),
            _ => {}
        }
        Ok(())
    }
}

impl Folder {
    fn edit(&mut self, span: Span, text: String) {
        self.edits.push((span.start.offset..span.end.offset, text));
    }

    fn literal(&mut self, literal: &Literal) {
        let text = folded_char(literal.c);
        if literal.c.is_ascii() || text.chars().eq([literal.c]) {
            return;
        }
        let escaped: String = text.chars().map(escaped).collect();
        let single = text.chars().nth(1).is_none() && !text.is_empty();
        self.edit(literal.span, if single { escaped } else { format!("(?:{escaped})") });
    }

    /// Digits or letters of another form. Where folding moves the two ends apart, it is no range of the same letters.
    fn range(&mut self, range: &ClassSetRange) {
        let length = |start: char, end: char| u32::from(end).checked_sub(u32::from(start));
        let ends = folded_to_one(range.start.c).zip(folded_to_one(range.end.c));
        match ends.filter(|(start, end)| length(*start, *end) == length(range.start.c, range.end.c)) {
            Some((start, end)) => self.edit(range.span, format!("{}-{}", escaped(start), escaped(end))),
            None if !range.start.c.is_ascii() => self.lost = self.lost.or(Some(range.span)),
            // Left as it is: what it has of ASCII is found.
            None => {}
        }
    }

    /// A boundary is also where a word of Latin letters and digits meets one of another script: `\bA1\b` in 订单A1号.
    fn assertion(&mut self, assertion: &Assertion) {
        let own = match assertion.kind {
            AssertionKind::WordBoundary => r"\b",
            AssertionKind::WordBoundaryStart | AssertionKind::WordBoundaryStartAngle => r"\b{start}",
            AssertionKind::WordBoundaryEnd | AssertionKind::WordBoundaryEndAngle => r"\b{end}",
            _ => return,
        };
        let dropped = self.dropped.contains(&assertion.span.start.offset);
        let text = if dropped { "(?:)".to_owned() } else { format!("(?:{own}|(?-u:{own}))") };
        self.edit(assertion.span, text);
    }

    /// Beside a letter of a script without spaces every place may be a boundary; behind Hangul, endings follow.
    fn boundaries_beside_unspaced(&mut self, asts: &[Ast]) {
        let class = |place: Option<usize>| match place.and_then(|place| asts.get(place)) {
            Some(Ast::Literal(literal)) => Some(Class::of_first(literal.c)),
            _ => None,
        };
        for (place, ast) in asts.iter().enumerate() {
            let Ast::Assertion(assertion) = ast else { continue };
            let (before, after) = (class(place.checked_sub(1)), class(Some(place + 1)));
            let unspaced = [before, after].contains(&Some(Class::Inside));
            if unspaced || before == Some(Class::Hangul) {
                self.dropped.push(assertion.span.start.offset);
            }
        }
    }
}

/// What a text has instead of this character.
fn folded_char(c: char) -> String {
    if c.is_whitespace() {
        return punctuation(c).into();
    }
    let mut folded = String::new();
    plain_into(&mut folded, c.encode_utf8(&mut [0; 4]));
    folded
}

fn folded_to_one(c: char) -> Option<char> {
    let folded = folded_char(c);
    let mut chars = folded.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

fn escaped(c: char) -> String {
    match c {
        // In verbose mode, white space is none of the pattern's.
        _ if c.is_whitespace() => format!(r"\x{{{:x}}}", u32::from(c)),
        _ => regex_syntax::escape(c.encode_utf8(&mut [0; 4])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let mut plain = String::new();
        plain_into(&mut plain, text);
        Pattern::new(pattern, false).unwrap_or_else(|error| panic!("{pattern}: {error}")).matches(&plain)
    }

    #[test]
    fn ranges_of_letters_that_folding_moves_are_told() {
        for (pattern, want) in
            [("[à-ü]+", Some("à-ü")), ("x[^À-ÿ]", Some("À-ÿ")), ("\u{e7}[\u{300}-\u{36f}]", Some("\u{300}-\u{36f}"))]
        {
            assert_eq!(range_without_letters(pattern).as_deref(), want, "{pattern}");
        }
        for pattern in ["[a-z]", "[A-z]", "[ -ÿ]", "[а-я]", "[А-Я]", "[一-龥]", "[０-９]", "[😀-🙏]", "(", "é"]
        {
            assert_eq!(range_without_letters(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn patterns_see_folded_text_and_are_folded() {
        let cases = [
            (r"#?\d{6}", "my order #123456", true),
            (r"^[0-9]{6}$", "\u{202a}123456\u{202c}", true),
            (r"^[0-9]{6}$", " 123456\n", true),
            (r"^[0-9]{6}$", "١٢٣٤٥٦", true),
            (r"^[0-9]{6}$", "１２３４５６", true),
            (r"^[0-9]{6}$", "1234567", false),
            (r"^[０-９]{6}$", "123456", true),
            (r"^[٠-٩]{6}$", "123456", true),
            (r"ord-[0-9]+", "ORD-991", true),
            (r"ORD-[0-9]+", "ord-991", true),
            (r"[A-Z]{3}-\d+", "ord-991", true),
            (r"ord-[0-9]+", "ORD\u{2011}991", true),
            (r"ord-[0-9]+", "ORD\u{2013}991", true),
            (r"ord[-–][0-9]+", "ORD-991", true),
            ("or\u{ad}d", "ord", true),
            (r"pedido\s+n[ºo]", "PEDIDO nº 7", true),
            (r"fáctura \d", "FACTURA 7", true),
            ("fa\u{301}ctura [0-9]", "Fáctura 7", true),
            (r"factura \d", "fáctura 7", true),
            (r"stra(ß|x)e", "STRASSE", true),
            (r"ß+$", "ssss", true),
            (r"[éè]t[éè]", "ÉTÉ", true),
            (r"don't", "I don’t", true),
            (r"(?x) a\ b # note", "a\u{a0}b", true),
            (r"(?m)^total: \d+$", "hola\nTotal: 7\nadiós", true),
            (r"^total", "hola\ntotal", false),
            (r"мой", "МОЙ", true),
            ("мои\u{306}", "мой", true),
            (r"мой", "мои", false),
            (r"👍", "ok 👍🏽", true),
        ];
        for (pattern, text, want) in cases {
            assert_eq!(matches(pattern, text), want, "/{pattern}/ in {text:?}");
        }
    }

    #[test]
    fn boundaries_are_where_readers_see_them() {
        let cases = [
            (r"\bA\d+\b", "订单A123号", true),
            (r"\b\d{4}\b", "เลข1234ครับ", true),
            (r"\b\d{4}\b", "주문1234입니다", true),
            (r"\b\d{4}\b", "注文番号は1234です", true),
            (r"\b\d{4}\b", "12345", false),
            (r"\b发票\b", "请给我发票谢谢", true),
            (r"\b환불\b", "환불해주세요", true),
            (r"\b불\b", "환불", false),
            (r"\bзаказ\b", "мой заказ!", true),
            (r"\bзаказ\b", "заказы", false),
            (r"\bhost\b", "a ghost", false),
            (r"\bcafé\b", "CAFÉ!", true),
            (r"\b{start}A1", "订单A1", true),
            (r"\<A1\>", "订单A1号", true),
        ];
        for (pattern, text, want) in cases {
            assert_eq!(matches(pattern, text), want, "/{pattern}/ in {text:?}");
        }
    }

    #[test]
    fn a_raw_pattern_is_taken_as_it_is() {
        let raw = |pattern: &str, text: &str| Pattern::new(pattern, true).unwrap().matches(text);
        assert!(raw("ORD", "ORD") && !raw("ORD", "ord") && raw("é", "é") && !raw("é", "e"));
    }

    #[test]
    fn what_is_no_pattern_says_so() {
        for bad in ["(", "[é-a]", r"\p{Nothing}", "é**{"] {
            assert!(Pattern::new(bad, false).is_err() && Pattern::new(bad, true).is_err(), "{bad}");
        }
    }
}
