//! What a condition names: words, patterns, values, the ends of a range.

use std::fmt::Display;

use waypost_domain::{Binding, LanguageSource, TeamName};

use super::{Checker, PHRASE_CHARS_MAX};
use crate::atom::{Field, Keyword, Parts, Patterns, TextMatch};
use crate::pattern::Pattern;
use crate::toml_form::field_path;

/// Of what is too long, so much is said.
const SHOWN_CHARS: usize = 20;

impl<'a> Checker<'a> {
    pub(super) fn keywords(&mut self, keywords: &[Keyword], field: &str) {
        if keywords.is_empty() {
            self.lacks(field, "needs at least one word");
        }
        for keyword in keywords {
            let of_list = keyword.list().map(|list| format!(" (of words.{list})")).unwrap_or_default();
            if keyword.is_blank() {
                self.error(field, format!("{:?} has no letter or digit to look for{of_list}", keyword.text()));
            } else if keyword.text().chars().count() > PHRASE_CHARS_MAX {
                self.error(field, format!("{}{of_list}", too_long(keyword.text())));
            }
        }
    }

    pub(super) fn parts(&mut self, within: Parts) {
        if within.is_empty() {
            self.lacks("when.in", "needs at least one part of the message");
        }
    }

    pub(super) fn patterns(&mut self, patterns: &'a Patterns) {
        let field = "when.regex";
        if patterns.any_of.is_empty() {
            self.lacks(field, "needs at least one pattern");
        }
        let is_raw = patterns.are_raw(self.folding);
        for pattern in &patterns.any_of {
            if !self.patterns.insert((pattern, is_raw)) {
                continue;
            }
            if pattern.chars().count() > PHRASE_CHARS_MAX {
                self.error(field, too_long(pattern));
            } else if let Err(error) = Pattern::new(pattern, is_raw) {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.error(field, format!("/{pattern}/ is no pattern: {reason}"));
            }
        }
    }

    pub(super) fn values(&mut self, of: &Field, any_of: &[TextMatch]) {
        let path = field_path(of);
        if any_of.is_empty() {
            self.lacks(&path, "needs at least one value");
        }
        for one in any_of {
            let problem = match of {
                _ if one.prefix && one.text.is_empty() => "a star alone; say { exists = true }".to_owned(),
                _ if one.text.chars().count() > PHRASE_CHARS_MAX => too_long(&one.text),
                Field::Language if !one.text.bytes().all(|byte| byte.is_ascii_lowercase()) => {
                    format!("{:?} is no language; they look like \"pt\"", one.text)
                }
                Field::LanguageSource if one.prefix || LanguageSource::parse(&one.text).is_none() => {
                    let sources = LanguageSource::ALL.map(LanguageSource::as_str).join(", ");
                    format!("{:?} tells no language; it is one of {sources}", one.text)
                }
                Field::Country
                    if !one.prefix && (one.text.len() != 2 || !one.text.bytes().all(|b| b.is_ascii_uppercase())) =>
                {
                    format!("{:?} is no country; they look like \"BR\"", one.text)
                }
                Field::Binding if one.prefix || Binding::parse(&one.text).is_none() => {
                    format!("{:?} is none of {}", one.text, Binding::ALL.map(Binding::as_str).join(", "))
                }
                Field::OpenTeam if !one.prefix => match TeamName::new(&*one.text) {
                    Ok(team) => {
                        self.known_team(&team, &path);
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
                _ => continue,
            };
            self.error(&path, problem);
        }
    }

    pub(super) fn range<T: PartialOrd + Display>(&mut self, field: &str, min: Option<T>, max: Option<T>) {
        match (min, max) {
            (None, None) => self.lacks(field, "needs min, max or both"),
            (Some(min), Some(max)) if max < min => {
                self.error(field, format!("no number is in this range: min, {min}, is more than max, {max}"));
            }
            (Some(_), _) | (None, Some(_)) => {}
        }
    }
}

fn too_long(text: &str) -> String {
    let begins: String = text.chars().take(SHOWN_CHARS).collect();
    format!("\"{begins}…\" is longer than {PHRASE_CHARS_MAX} characters")
}
