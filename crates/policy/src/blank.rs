//! Texts that show nothing, however many characters they have.

/// Whether nothing of it can be seen: space, and characters without width.
pub(crate) fn is_blank(text: &str) -> bool {
    let is_invisible = |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_show_nothing_are_blank() {
        for (text, blank) in [("", true), (" \n", true), ("\u{a0}\u{200b}", true), ("\u{feff}x", false), ("0", false)] {
            assert_eq!(is_blank(text), blank, "{text:?}");
        }
    }
}
