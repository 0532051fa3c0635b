//! Texts, ids and addresses of a message, and how many there are: what every kind of content is checked with.

use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation;

use crate::blank::is_blank;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, Warning, refuse};

/// Checks texts that people read, and cuts them where that is allowed.
pub(super) struct Texts {
    shorten: bool,
    pub(super) warnings: Vec<Warning>,
}

impl Texts {
    pub(super) const fn new(shorten: bool) -> Self {
        Self { shorten, warnings: Vec::new() }
    }

    /// A text that must be there.
    pub(super) fn needed(&mut self, field: &str, text: &mut String, max: usize) -> Answer {
        if is_blank(text) {
            return refuse(Finding::new(Rule::ContentMissing).field(field));
        }
        let length = text.chars().count();
        if length <= max {
            return Ok(());
        }
        if !self.shorten {
            return refuse(too_long(field, length, max));
        }
        cut(text, max);
        if is_blank(text) {
            return refuse(too_long(field, length, max));
        }
        self.warnings.push(Warning::Shortened { field: field.to_owned() });
        Ok(())
    }

    /// A text that may be absent, but not empty.
    pub(super) fn optional(&mut self, field: &str, text: Option<&mut String>, max: usize) -> Answer {
        text.map_or(Ok(()), |text| self.needed(field, text, max))
    }
}

/// What comes back to us: it must be there, and it is never cut.
pub(super) fn id(field: &str, id: &str, max: usize) -> Answer {
    if is_blank(id) {
        return refuse(Finding::new(Rule::ContentMissing).field(field));
    }
    let length = id.chars().count();
    if length > max { refuse(too_long(field, length, max)) } else { Ok(()) }
}

/// A whole address, with its scheme.
pub(super) fn address(field: &str, url: &str, max: usize) -> Answer {
    id(field, url, max)?;
    let has_scheme = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme) && url.len() > scheme.len());
    if !has_scheme || url.chars().any(char::is_whitespace) {
        return refuse(
            Finding::new(Rule::ContentInvalid).field(field).detail("must begin with https://, without space"),
        );
    }
    Ok(())
}

/// From 1 to `max`.
pub(super) fn count(field: &str, count: usize, max: usize) -> Answer {
    match count {
        0 => refuse(Finding::new(Rule::ContentMissing).field(field)),
        _ if count > max => {
            refuse(Finding::new(Rule::ContentTooMany).field(field).detail(format!("{count} of at most {max}")))
        }
        _ => Ok(()),
    }
}

/// No value twice.
pub(super) fn distinct<'a>(field: &str, what: &str, values: impl Iterator<Item = &'a str>) -> Answer {
    let mut seen = HashSet::new();
    for (at, value) in values.enumerate() {
        if !seen.insert(value) {
            let field = format!("{field}[{at}].{what}");
            return refuse(Finding::new(Rule::ContentInvalid).field(field).detail("is there twice"));
        }
    }
    Ok(())
}

/// What people count as signs: a family emoji is one.
pub(super) fn signs(text: &str) -> usize {
    text.graphemes(true).count()
}

fn too_long(field: &str, length: usize, max: usize) -> Finding {
    Finding::new(Rule::ContentTooLong).field(field).detail(format!("{length} characters of at most {max}"))
}

/// To at most `max` characters, never inside of what people count as one sign.
fn cut(text: &mut String, max: usize) {
    let mut characters = 0;
    let mut end = 0;
    for (at, sign) in text.grapheme_indices(true) {
        characters += sign.chars().count();
        if characters > max {
            break;
        }
        end = at + sign.len();
    }
    text.truncate(end);
    text.truncate(text.trim_end().len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_signs() {
        for (text, max, want) in [
            ("abcdef", 3, "abc"),
            ("ab cdef", 3, "ab"),
            ("ñandúes", 4, "ñand"),
            ("a👨‍👩‍👧b", 3, "a"),
            ("a👨‍👩‍👧b", 6, "a👨‍👩‍👧"),
            ("👨‍👩‍👧", 2, ""),
        ] {
            let mut cut_text = text.to_owned();
            cut(&mut cut_text, max);
            assert_eq!(cut_text, want, "{text} to {max}");
        }
    }
}
