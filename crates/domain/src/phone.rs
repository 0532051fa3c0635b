//! One number, however it is spelt: the digits of E.164 in the one form under which people are told apart.
//!
//! WhatsApp itself writes the numbers of some countries in two ways, and a CRM in more. [`canonical`] folds them, always to
//! the long form of the numbering plan; only Mexico's 1 and Argentina's 15, which no plan has any more, are left out.
//! It must never make one number of two subscribers' numbers: what it does not know stays as it is.

use std::borrow::Cow;

use crate::country;

/// Characters of the longest number (<https://www.itu.int/rec/T-REC-E.164>).
pub const DIGITS_MAX: usize = 15;

/// The canonical form of a number written in any way: with spaces, dashes, parentheses, `+` or `00`. What is no number
/// stays as it is, without surrounding space: it may still name somebody.
pub fn canonical(text: &str) -> Cow<'_, str> {
    match digits(text) {
        None => Cow::Borrowed(text.trim()),
        Some(Cow::Borrowed(digits)) => long_form(digits).map_or(Cow::Borrowed(digits), Cow::Owned),
        Some(Cow::Owned(digits)) => Cow::Owned(long_form(&digits).unwrap_or(digits)),
    }
}

/// Whether both are ways to write one number.
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || canonical(one) == canonical(other)
}

/// A number's digits as they were written, without what people put between them, without `+` or `00`, and without a trunk
/// prefix in parentheses, as in `+44 (0)20`. `None` where there is anything else.
pub fn digits(text: &str) -> Option<Cow<'_, str>> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let digits: Cow<'_, str> = if is_plain {
        Cow::Borrowed(text)
    } else {
        let without_trunk = if keeps_zero(text) { text.to_owned() } else { text.replace("(0)", "") };
        without_trunk.chars().filter(|c| !is_separator(*c)).collect::<String>().into()
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // No country code begins with 0.
    match digits.strip_prefix("00").filter(|rest| !rest.is_empty()) {
        None => Some(digits),
        Some(rest) if is_plain => Some(Cow::Borrowed(&text[text.len() - rest.len()..])),
        Some(rest) => Some(Cow::Owned(rest.to_owned())),
    }
}

/// Of Italy and San Marino, whose numbers begin with a 0 abroad, too
/// (<https://www.itu.int/oth/T02020000D3/en>, <https://www.itu.int/oth/T02020000B6/en>).
fn keeps_zero(text: &str) -> bool {
    let country = text.trim_start_matches(|c| is_separator(c) || c == '0');
    country.starts_with("39") || country.starts_with("378")
}

/// Why a text is no number that can be called from abroad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// There is something in it that stands in no number, or nothing.
    #[error("is no phone number; write it with its country code, e.g. 34600000000 or +34 600 000 000")]
    NoNumber,
    /// Longer than any, shorter than those of its country, or without one.
    #[error("has no country code, or a digit too few or too many; write it e.g. 34600000000 or +34 600 000 000")]
    CountryCode,
}

/// The digits of a number that has its country code. Numbers of the countries whose codes have one digit have eleven, mobile
/// ones of those with two at least ten: fewer is a number as it is dialled at home.
pub fn international(text: &str) -> Result<Cow<'_, str>, PhoneError> {
    let digits = digits(text).ok_or(PhoneError::NoNumber)?;
    let lengths = match digits.as_bytes() {
        [b'1' | b'7', ..] => 11..=11,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 10..=DIGITS_MAX,
        _ => 7..=DIGITS_MAX,
    };
    let has_country = country::of_phone(&digits).is_some();
    if has_country && lengths.contains(&digits.len()) { Ok(digits) } else { Err(PhoneError::CountryCode) }
}

/// What stands between digits, and what copying from an address book leaves around them (U+202A and its like).
fn is_separator(c: char) -> bool {
    let is_dash = matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    let is_invisible =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    c.is_whitespace() || is_dash || is_invisible || matches!(c, '+' | '(' | ')' | '.' | '/')
}

/// The other ways in which WhatsApp, or a database that never was brought up to date, may spell the canonical form
/// `number`: for looking up what was stored before there was one. Most numbers have none.
pub fn other_spellings(number: &str) -> Vec<String> {
    let spellings = match number.as_bytes() {
        [b'5', b'5', _, _, b'9', ..] => vec![without(number, 4..5)],
        [b'5', b'2', ..] => vec![format!("521{}", &number[2..])],
        [b'5', b'4', b'9', ..] => argentinian_spellings(number),
        [b'2', b'2', b'9', b'0', b'1', ..] | [b'2', b'2', b'5', b'0', _, ..] => vec![without(number, 3..5)],
        _ => vec![],
    };
    spellings.into_iter().filter(|spelling| long_form(spelling).as_deref() == Some(number)).collect()
}

/// The long form of `digits`; `None` where it is that already, or is not known.
fn long_form(digits: &str) -> Option<String> {
    let code = digits.get(..3)?;
    match code {
        _ if code.starts_with("55") => brazilian(digits),
        "521" => mexican(digits),
        _ if code.starts_with("54") => argentinian(digits),
        "229" => beninese(digits),
        "225" => ivorian(digits),
        _ => None,
    }
}

/// Brazil: mobile numbers got a 9 before their eight digits, from 2012 to 2016 by area (Anatel, resolution 553/2010).
/// Landlines begin with 2 to 5 and did not.
fn brazilian(digits: &str) -> Option<String> {
    match digits.as_bytes() {
        [_, _, b'1'..=b'9', b'1'..=b'9', b'6'..=b'9', rest @ ..] if rest.len() == 7 => Some(with(digits, 4, "9")),
        _ => None,
    }
}

/// Mexico: the 1 before mobile numbers ended on 3 August 2019 (IFT, plan of 2018). It goes only before ten digits.
fn mexican(digits: &str) -> Option<String> {
    (digits.len() == 13).then(|| without(digits, 2..3))
}

/// Argentina: from abroad a mobile number has a 9 before its area code, at home a 15 behind it (ENACOM, plan of 1997).
/// Area code (two to four digits) and number are ten digits together.
fn argentinian(digits: &str) -> Option<String> {
    let (has_9, national) = match digits[2..].strip_prefix('9') {
        Some(rest) => (true, rest),
        None => (false, &digits[2..]),
    };
    // Area codes begin with 1, 2 or 3: an 800 or a 600 is no mobile number.
    if !matches!(national.as_bytes(), [b'1'..=b'3', ..]) {
        return None;
    }
    match national.len() {
        10 if !has_9 => Some(format!("549{national}")),
        12 => {
            // 15 cannot stand behind three digits and behind four.
            let area = area_lengths(national).find(|length| national[*length..].starts_with("15"))?;
            Some(format!("549{}", without(national, area..area + 2)))
        }
        _ => None,
    }
}

fn argentinian_spellings(number: &str) -> Vec<String> {
    let national = &number[3..];
    let lengths = area_lengths(national).filter(|length| *length <= national.len());
    let at_home = lengths.flat_map(|length| {
        let national = with(national, length, "15");
        [format!("54{national}"), format!("549{national}")]
    });
    std::iter::once(format!("54{national}")).chain(at_home).collect()
}

/// What an Argentinian area code may be long: only that of Buenos Aires, 11, has two digits.
fn area_lengths(national: &str) -> std::ops::RangeInclusive<usize> {
    if national.starts_with("11") { 2..=2 } else { 3..=4 }
}

/// Benin: every number of eight digits got 01 before it on 30 November 2024 (ARCEP Bénin; ITU Operational Bulletin).
fn beninese(digits: &str) -> Option<String> {
    let is_old = digits.len() == 11 && !digits[3..].starts_with('0');
    is_old.then(|| with(digits, 3, "01"))
}

/// Côte d'Ivoire: on 31 January 2021 numbers of eight digits got two before them, which tell the operator: 01, 05 or 07
/// for mobile ones (ARTCI). The old second digit told the operator. Landlines (21, 25, 27) stay as they are.
fn ivorian(digits: &str) -> Option<String> {
    let [_, _, _, first, second, rest @ ..] = digits.as_bytes() else { return None };
    if rest.len() != 6 {
        return None;
    }
    let prefix = match (first, second) {
        (b'0', b'1'..=b'3') | (b'4' | b'5' | b'7', b'0'..=b'3') => "01",
        (b'0' | b'4'..=b'9', b'4'..=b'6') => "05",
        (b'0' | b'4'..=b'9', b'7'..=b'9') => "07",
        _ => return None,
    };
    Some(with(digits, 3, prefix))
}

fn with(digits: &str, at: usize, more: &str) -> String {
    format!("{}{more}{}", &digits[..at], &digits[at..])
}

fn without(digits: &str, gone: std::ops::Range<usize>) -> String {
    format!("{}{}", &digits[..gone.start], &digits[gone.end..])
}

#[cfg(test)]
mod tests;
