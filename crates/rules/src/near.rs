//! What somebody who mistyped a word perhaps meant. Guesses for people; nothing is decided by them.

/// What to say of a name that nothing has: the one that was perhaps meant, and how to declare this one.
pub(crate) fn undeclared(kind: &str, list: &str, known: &[&str], written: &str) -> String {
    let declare = format!("add [[{list}]] name = \"{written}\"");
    match nearest(known, written) {
        Some(near) => format!("{kind} {written} is not declared; did you mean {near}? If not, {declare}"),
        None => format!("{kind} {written} is not declared; {declare}"),
    }
}

/// The one that `written` is but for case, one letter more, less or other, or two that changed places.
pub(crate) fn nearest<'a>(known: &[&'a str], written: &str) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let same = known.iter().find(|known| known.to_lowercase() == lower);
    same.or_else(|| known.iter().find(|known| is_near(known, &lower))).copied()
}

/// One letter more, less or other, or two neighbours that changed places.
pub(crate) fn is_near(known: &str, written: &str) -> bool {
    let common = known.bytes().zip(written.bytes()).take_while(|(a, b)| a == b).count();
    let tail = known.bytes().rev().zip(written.bytes().rev()).take_while(|(a, b)| a == b).count();
    let longest = known.len().max(written.len());
    let is_one = common + tail + 1 >= longest && known.len().abs_diff(written.len()) <= 1;
    let are_swapped = || {
        let both = |text: &str| text.as_bytes().get(common..common + 2).map(|two| [two[0], two[1]]);
        let same_length = known.len() == written.len() && common + tail + 2 == longest;
        same_length && both(known).zip(both(written)).is_some_and(|([a, b], [c, d])| (a, b) == (d, c))
    };
    longest > 2 && (is_one || are_swapped())
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
            ("iamge", Some("image")),
            ("igame", None),
            ("texts", Some("text")),
            ("picture", None),
            ("", None),
        ] {
            assert_eq!(nearest(&["text", "image"], written), want, "{written}");
        }
    }
}
