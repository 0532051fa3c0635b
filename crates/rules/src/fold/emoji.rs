//! Emoji: one grapheme cluster is one word, whatever it is put together from. Skin tones and the choice between a
//! coloured and a plain picture make no difference. <https://www.unicode.org/reports/tr51/>

use unicode_normalization::char::decompose_compatible;
use unicode_properties::UnicodeEmoji;
use unicode_segmentation::UnicodeSegmentation;

const JOINER: char = '\u{200d}';

/// Whether an emoji begins here. What stands for a letter, such as ™, is read as one.
pub(crate) fn is_emoji(c: char) -> bool {
    // All below are ASCII, and © and ®.
    c >= '\u{203c}' && !is_modifier(c) && c.is_emoji_char() && !is_letter(c)
}

fn is_letter(c: char) -> bool {
    let mut same = true;
    decompose_compatible(c, |part| same &= part == c);
    !same || c.is_alphanumeric()
}

/// A skin tone; one that stands alone is nothing to look for.
pub(super) const fn is_modifier(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Letters in tags, which make the flags of regions.
const fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007f}')
}

/// How many bytes the emoji takes with which `text` begins.
pub(super) fn length(text: &str) -> usize {
    text.graphemes(true).next().map_or(0, str::len)
}

/// The parts of an emoji that make a difference.
pub(super) fn parts(cluster: &str) -> impl Iterator<Item = char> {
    let mut chars = cluster.chars().filter(|c| is_emoji(*c) || is_tag(*c) || *c == JOINER).peekable();
    std::iter::from_fn(move || {
        loop {
            let c = chars.next()?;
            // A joiner joins something, or is not seen.
            if c != JOINER || chars.peek().is_some_and(|next| *next != JOINER) {
                return Some(c);
            }
        }
    })
}
