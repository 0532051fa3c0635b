//! What must not be readable later: numbers of payment cards, and whatever the business has set patterns for. Masked once,
//! before a message is decided, stored or given to a team.
//!
//! Must never hide an id of the platform's, by which messages, files and people are found.

use std::borrow::Cow;
use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::{FormField, InboundMessage, MessageContent};
use crate::digits;

/// Digits of a card's number (ISO/IEC 7812).
const CARD_DIGITS: Range<usize> = 13..20;
/// Digits of a telephone number at most (E.164); one that is written with its plus is no card.
const PHONE_DIGITS_MAX: usize = 15;
/// The last digits of a card stay: by them people tell their cards apart.
const SHOWN_DIGITS: usize = 4;
/// How many spaces and dashes may stand between two digits of one number.
const GAP_CHARS_MAX: usize = 3;
/// In the place of a hidden digit.
const HIDDEN: char = '•';
/// In the place of what a pattern found, however long it was.
const HIDDEN_MATCH: &str = "•••";
/// How large a compiled pattern may get.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Where the wide digits begin, which decompose into ours.
const WIDE_ZERO: u32 = 0xff10;

/// A pattern that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MaskError {
    /// It is no regular expression, or one that is too large.
    #[error(transparent)]
    Pattern(#[from] regex::Error),
    /// Everything would be hidden.
    #[error("it fits the empty text")]
    FitsEverything,
}

/// Hides card numbers always, and what is found by the patterns.
#[derive(Debug, Clone, Default)]
pub struct Mask {
    patterns: Vec<Regex>,
}

impl Mask {
    /// Hides card numbers and nothing else, until there are patterns.
    pub fn cards() -> Self {
        Self::default()
    }

    /// Hides what the regular expression `source` finds, too: the text as it was written, case and all.
    pub fn add(&mut self, source: &str) -> Result<(), MaskError> {
        let mut builder = RegexBuilder::new(source);
        let pattern = builder.size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX).build()?;
        if pattern.is_match("") {
            return Err(MaskError::FitsEverything);
        }
        self.patterns.push(pattern);
        Ok(())
    }

    /// Whether it hides more than card numbers.
    pub const fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// The text with what must be hidden hidden. What is masked stays as it is when it is masked again, as far as cards go.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = match cards(text) {
            cards if cards.is_empty() => Cow::Borrowed(text),
            cards => Cow::Owned(without(text, &cards)),
        };
        for pattern in &self.patterns {
            if let Cow::Owned(hidden) = pattern.replace_all(&masked, HIDDEN_MATCH) {
                masked = Cow::Owned(hidden);
            }
        }
        masked
    }

    /// Masks all that there is to read in a message: whatever [`words`](InboundMessage::words) and summaries are made of, but
    /// for telephone numbers and the names of a form's fields. Whether anything was hidden.
    pub fn message(&self, message: &mut InboundMessage) -> bool {
        let mut hidden = false;
        each_text(message, &mut |text| {
            if let Cow::Owned(masked) = self.text(text) {
                *text = masked;
                hidden = true;
            }
        });
        hidden
    }
}

fn each_text(message: &mut InboundMessage, mask: &mut dyn FnMut(&mut String)) {
    message.text.iter_mut().for_each(&mut *mask);
    if let Some(tap) = &mut message.tap {
        tap.title.iter_mut().chain(&mut tap.description).for_each(&mut *mask);
    }
    if let Some(media) = &mut message.media {
        media.filename.iter_mut().for_each(&mut *mask);
    }
    if let Some(referral) = &mut message.referral {
        referral.headline.iter_mut().chain(&mut referral.body).for_each(&mut *mask);
    }
    match &mut message.content {
        MessageContent::Location(place) => {
            place.name.iter_mut().chain(&mut place.address).for_each(mask);
        }
        MessageContent::Cards(cards) => {
            for card in cards {
                card.name.iter_mut().chain(&mut card.company).chain(&mut card.emails).for_each(&mut *mask);
            }
        }
        MessageContent::Order(order) => order.text.iter_mut().for_each(mask),
        MessageContent::Form(form) => {
            let fields = form.fields.iter_mut().filter(|field| field.name != FormField::TOKEN);
            fields.map(|field| &mut field.value).chain(&mut form.unreadable).for_each(mask);
        }
        MessageContent::Edit(edit) => each_text(&mut edit.message, mask),
        MessageContent::System(system) => system.body.iter_mut().for_each(mask),
        MessageContent::Plain
        | MessageContent::Reaction(_)
        | MessageContent::Revoke { .. }
        | MessageContent::Call(_)
        | MessageContent::CallPermission { .. }
        | MessageContent::Unsupported { .. } => {}
    }
}

/// Digits without anything between them.
struct Group {
    digits: Vec<u8>,
    place: Range<usize>,
}

/// Groups of digits with nothing but a little space or dashes between them.
#[derive(Default)]
struct Run {
    groups: Vec<Group>,
    has_plus: bool,
}

/// Where card numbers stand in a text.
fn cards(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut run, mut gap, mut before) = (Run::default(), 0, None);
    for (place, c) in text.char_indices() {
        if let Some(digit) = digit(c) {
            let is_new_group = gap > 0 || run.groups.is_empty();
            if run.groups.is_empty() {
                run.has_plus = before == Some('+');
            }
            if is_new_group {
                run.groups.push(Group { digits: Vec::new(), place: place..place });
            }
            if let Some(group) = run.groups.last_mut() {
                group.digits.push(digit);
                group.place.end = place + c.len_utf8();
            }
            gap = 0;
        } else if is_gap(c) && gap < GAP_CHARS_MAX && !run.groups.is_empty() {
            gap += 1;
        } else {
            found.extend(std::mem::take(&mut run).cards());
            gap = 0;
        }
        before = Some(c);
    }
    found.extend(run.cards());
    found
}

impl Run {
    /// Given "order 12, 4111 1111 1111 1111" with a space for the comma, then the card begins with the second group: so from
    /// each group on, the longest number that is a card's counts.
    fn cards(self) -> Vec<Range<usize>> {
        let digits: usize = self.groups.iter().map(|group| group.digits.len()).sum();
        if digits < CARD_DIGITS.start || (self.has_plus && digits <= PHONE_DIGITS_MAX) {
            return Vec::new();
        }
        let (mut found, mut first) = (Vec::new(), 0);
        while first < self.groups.len() {
            match self.card_from(first) {
                Some(last) => {
                    found.push(self.groups[first].place.start..self.groups[last].place.end);
                    first = last + 1;
                }
                None => first += 1,
            }
        }
        found
    }

    /// The last group of the longest card number that begins with the group `first`.
    fn card_from(&self, first: usize) -> Option<usize> {
        let (mut digits, mut found) = (Vec::new(), None);
        for (place, group) in self.groups.iter().enumerate().skip(first) {
            digits.extend_from_slice(&group.digits);
            if digits.len() >= CARD_DIGITS.end {
                break;
            }
            if CARD_DIGITS.contains(&digits.len()) && has_check_digit(&digits) {
                found = Some(place);
            }
        }
        found
    }
}

/// Whether the last digit is the check digit of those before it: Luhn's formula. Zeros alone are no number.
fn has_check_digit(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let weighted =
        digits.iter().rev().enumerate().map(|(place, digit)| if place % 2 == 1 { doubled(*digit) } else { *digit });
    let sum: u32 = weighted.map(u32::from).sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

fn digit(c: char) -> Option<u8> {
    let wide = || u32::from(c).checked_sub(WIDE_ZERO).filter(|digit| *digit < 10);
    let digit = if c.is_ascii() { c.to_digit(10) } else { digits::of_script(c).or_else(wide) };
    u8::try_from(digit?).ok()
}

/// Spaces and dashes of all kinds, but no new line.
fn is_gap(c: char) -> bool {
    (c.is_whitespace() && c != '\n' && c != '\r') || matches!(c, '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Each of those places with its digits hidden but for the last ones.
fn without(text: &str, places: &[Range<usize>]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for place in places {
        masked.push_str(&text[from..place.start]);
        let card = &text[place.clone()];
        let mut left = card.chars().filter(|c| digit(*c).is_some()).count();
        for c in card.chars() {
            let is_digit = digit(c).is_some();
            masked.push(if is_digit && left > SHOWN_DIGITS { HIDDEN } else { c });
            left -= usize::from(is_digit);
        }
        from = place.end;
    }
    masked.push_str(&text[from..]);
    masked
}

#[cfg(test)]
mod tests;
