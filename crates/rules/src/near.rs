//! What somebody who mistyped a word perhaps meant. Guesses for people; nothing is decided by them.

/// The one that `written` is but for case, one letter more, less or other.
pub(crate) fn nearest<'a>(known: &[&'a str], written: &str) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let same = known.iter().find(|known| known.to_lowercase() == lower);
    same.or_else(|| known.iter().find(|known| is_near(known, &lower))).copied()
}

/// One letter more, less or other.
pub(crate) fn is_near(known: &str, written: &str) -> bool {
    let common = known.bytes().zip(written.bytes()).take_while(|(a, b)| a == b).count();
    let tail = known.bytes().rev().zip(written.bytes().rev()).take_while(|(a, b)| a == b).count();
    let longest = known.len().max(written.len());
    longest > 2 && common + tail + 1 >= longest && known.len().abs_diff(written.len()) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_letter_or_case_is_near() {
        for (written, want) in [
            ("image", Some("image")),
            ("Image", Some("image")),
            ("imag", Some("image")),
            ("imagge", Some("image")),
            ("imabe", Some("image")),
            ("texts", Some("text")),
            ("picture", None),
            ("", None),
        ] {
            assert_eq!(nearest(&["text", "image"], written), want, "{written}");
        }
    }
}
