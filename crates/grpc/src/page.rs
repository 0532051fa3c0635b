//! Pages: how many, and where the next one begins. A token is opaque to the caller, and good for the same list only.

use crate::Result;
use crate::error::{CallError, invalid};

const SIZE_DEFAULT: u32 = 50;
const SIZE_MAX: u32 = 500;

/// Negative is a mistake, 0 the default, and too many are as many as there may be.
pub fn size(page_size: i32) -> Result<u32> {
    match u32::try_from(page_size) {
        Ok(0) => Ok(SIZE_DEFAULT),
        Ok(size) => Ok(size.min(SIZE_MAX)),
        Err(_) => Err(invalid("page_size", "must not be negative")),
    }
}

/// The token for the page behind `place` of `list`, which names the collection and whatever it is filtered by.
pub fn token(list: &str, place: &str) -> String {
    hex::encode(format!("{list}\n{place}"))
}

/// The place that a token stands for, as `read` understands it; `None` for the first page.
pub fn place<T>(list: &str, page_token: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
    if page_token.is_empty() {
        return Ok(None);
    }
    let place = place_of(list, page_token).and_then(|place| read(&place));
    place.map(Some).ok_or_else(not_ours)
}

fn place_of(list: &str, page_token: &str) -> Option<String> {
    let text = String::from_utf8(hex::decode(page_token).ok()?).ok()?;
    let (of_list, place) = text.rsplit_once('\n')?;
    (of_list == list).then(|| place.to_owned())
}

fn not_ours() -> CallError {
    invalid("page_token", "is not one that this list gave out")
}

/// Cuts `rows`, of which one more than `size` was read, to the page, and makes the token for the next; empty on the
/// last.
pub fn cut<T>(list: &str, rows: &mut Vec<T>, size: u32, place: impl Fn(&T) -> String) -> String {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if rows.len() <= size {
        return String::new();
    }
    rows.truncate(size);
    rows.last().map(|last| token(list, &place(last))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(place: &str) -> Option<String> {
        Some(place.to_owned())
    }

    #[test]
    fn a_token_is_good_for_its_list_only() {
        assert_eq!(place("teams", "", text).unwrap(), None);
        assert_eq!(place("teams", &token("teams", "billing"), text).unwrap().as_deref(), Some("billing"));
        for bad in ["x", "zz", "00", &token("tokens", "a"), "billing"] {
            let refused = place("teams", bad, text).unwrap_err();
            assert!(refused.to_string().starts_with("page_token: "), "{refused}");
        }
        let number = |place: &str| place.parse::<i64>().ok();
        assert_eq!(place("teams", &token("teams", "7"), number).unwrap(), Some(7));
        assert!(place("teams", &token("teams", "x"), number).is_err());
    }

    #[test]
    fn sizes_are_bounded() {
        assert_eq!(size(0).unwrap(), SIZE_DEFAULT);
        assert_eq!(size(i32::MAX).unwrap(), SIZE_MAX);
        assert!(size(-1).unwrap_err().to_string().starts_with("page_size: "));
        let mut rows = vec![1, 2, 3];
        assert_eq!(cut("ones", &mut rows, 2, ToString::to_string), token("ones", "2"));
        assert_eq!((rows.len(), cut("ones", &mut rows, 2, ToString::to_string)), (2, String::new()));
    }
}
