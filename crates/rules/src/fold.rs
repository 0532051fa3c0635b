//! How text is made comparable: how a word is written makes no difference, which word it is does.
//!
//! Equal are a letter and its compatibility forms (ﬁ, Ａ, 𝗔, ﻓ), upper and lower case (ß and SS, İ, I, ı and i), strokes
//! (ł, đ, ø), the digits of all scripts, the forms of alef, yeh, kaf, heh and teh marbuta, the letters that end a Hebrew
//! word; nothing are characters that cannot be seen, tatweel, and in Devanagari nukta and candrabindu. Marks stand beside
//! the letters: one that either side leaves out makes no difference, two different ones do. What is another letter stays
//! another (й, ї, が, ড়).
//!
//! Words are kept with one space between them. A run of a script without spaces is one word here; where in it a keyword may
//! begin is for `keyword` to say.

mod before;
mod emoji;
mod letters;
mod plain;
mod stream;
mod words;

pub(crate) use emoji::is_emoji;
pub(crate) use letters::{Class, belongs_to_letter, is_mark};
pub use plain::plain_into;
pub(crate) use plain::punctuation;
pub use stream::FOLDED_BYTES_MAX;
pub(crate) use words::Marks;
pub use words::{Folding, Words};

/// `text` up to this many characters.
pub(crate) fn first_chars(text: &str, chars_max: usize) -> &str {
    if text.len() <= chars_max {
        return text;
    }
    text.char_indices().nth(chars_max).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests;
