//! Free wording that looks like a stop, in five languages. It decides nothing: marketing waits until a person has looked.
//!
//! The patterns ask for what is to end beside the word that ends it, since "stop" alone stands in every other sentence.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::comparable;

/// A pattern a line; what the lines say stands in it.
const DATA: &str = include_str!("wording.txt");
/// Whoever writes more tells a story.
const CHARS_MAX: usize = 160;

struct Pattern {
    regex: Regex,
    not_before: Vec<&'static str>,
}

static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let mut patterns = Vec::new();
    let (mut what, mut not) = (HashMap::new(), HashMap::new());
    for line in DATA.lines().filter(|line| !line.starts_with('#')) {
        let Some((head, text)) = line.split_once(": ") else { continue };
        let Some((language, kind)) = head.split_once(' ') else { continue };
        match kind {
            "what" => drop(what.insert(language, text)),
            "not" => drop(not.insert(language, text.split(", ").collect::<Vec<_>>())),
            _ => {
                let text = text.replace("{what}", what.get(language).copied().unwrap_or_default());
                let regex =
                    Regex::new(&format!(r"(?:^|\s|\b)(?:{text})(?:\s|$)")).expect("a test compiles all of them");
                let not_before = if kind == "-" { not.get(language).cloned().unwrap_or_default() } else { Vec::new() };
                patterns.push(Pattern { regex, not_before });
            }
        }
    }
    patterns
});

/// Whether it may be meant as a stop; asked of what [`StopWords`](super::StopWords) does not hear as one.
pub fn looks_like_stop(text: &str) -> bool {
    if text.chars().nth(CHARS_MAX).is_some() {
        return false;
    }
    let words = comparable(text);
    PATTERNS
        .iter()
        .any(|pattern| pattern.regex.find_iter(&words).any(|found| pattern.may_follow(&words[..found.start()])))
}

impl Pattern {
    /// Whether what stands before makes nothing else of it: "don't stop texting me".
    fn may_follow(&self, before: &str) -> bool {
        let before = before.trim_end();
        let ends_with =
            |not: &&str| before.strip_suffix(not).is_some_and(|rest| rest.is_empty() || rest.ends_with(' '));
        !self.not_before.iter().any(ends_with)
    }
}
