//! Turning values into what a column takes, and back.

use std::borrow::Cow;

use uuid::Uuid;

use crate::StoreError;

/// Text that came from outside. PostgreSQL stores no NUL, and both databases must store the same.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

pub(crate) fn clean_option(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(clean)
}

/// Text from outside that is part of an index, whose entries PostgreSQL limits to about 2,700 bytes. What is longer,
/// which nothing real is, becomes its beginning and a hash: storable, and still different from all others.
pub(crate) fn key(text: &str) -> Cow<'_, str> {
    const LENGTH_MAX: usize = 512;
    const LENGTH_KEPT: usize = 400;
    /// Any fixed value does; changing it changes long keys.
    const NAMESPACE: Uuid = Uuid::from_u128(0x6d5c_8f0e_3a4b_4d6a_9d64_77a7_9057_0002);
    if text.len() <= LENGTH_MAX {
        return clean(text);
    }
    let kept = clean(&text[..text.floor_char_boundary(LENGTH_KEPT)]);
    Cow::Owned(format!("{kept}~{}", Uuid::new_v5(&NAMESPACE, text.as_bytes()).simple()))
}

/// A stored value that no longer parses: somebody edited the database, or a defect wrote it.
pub(crate) const fn unreadable(table: &'static str, column: &'static str) -> StoreError {
    StoreError::Unreadable { table, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_can_be_stored_and_told_apart() {
        assert_eq!(key("wamid.A"), "wamid.A");
        assert_eq!(key("a\0b"), "a\u{fffd}b");
        let (one, other) = ("é".repeat(3_000), "é".repeat(2_999) + "e");
        assert!(key(&one).len() <= 512 && key(&one).starts_with('é'));
        assert_ne!(key(&one), key(&other));
        assert_eq!(key(&key(&one)), key(&one), "a stored key is its own key");
        // Cutting first keeps the replaced NULs, which are longer, within the limit too.
        assert!(key(&"\0".repeat(3_000)).len() <= 1_300);
    }
}
