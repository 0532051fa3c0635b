//! Pages: how many, and where the next one begins. A token is opaque to the caller, and good for the same question only.

use tonic::Status;

use crate::errors::invalid;

const SIZE_DEFAULT: u32 = 50;
const SIZE_MAX: u32 = 500;

/// Negative is a mistake, 0 the default, and too many are as many as there may be.
pub(crate) fn size(page_size: i32) -> Result<u32, Status> {
    match u32::try_from(page_size) {
        Ok(0) => Ok(SIZE_DEFAULT),
        Ok(size) => Ok(size.min(SIZE_MAX)),
        Err(_) => Err(invalid("page_size", "must not be negative")),
    }
}

/// The token for the page behind `place` of the list that `question` names.
pub(crate) fn token(question: &str, place: &str) -> String {
    hex::encode(format!("{question}\n{place}"))
}

/// The place that a token stands for; `None` for the first page.
pub(crate) fn place(question: &str, page_token: &str) -> Result<Option<String>, Status> {
    if page_token.is_empty() {
        return Ok(None);
    }
    let decoded = hex::decode(page_token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let place = decoded.as_deref().and_then(|text| text.rsplit_once('\n'));
    match place {
        Some((asked, place)) if asked == question => Ok(Some(place.to_owned())),
        Some(_) | None => Err(bad_token()),
    }
}

pub(crate) fn bad_token() -> Status {
    invalid("page_token", "is not one that this list gave out")
}

/// Cuts `rows`, of which one more than `size` was read, to the page; the last row's place when there is more.
pub(crate) fn cut<T>(rows: &mut Vec<T>, size: u32, place: impl Fn(&T) -> String) -> Option<String> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if rows.len() <= size {
        return None;
    }
    rows.truncate(size);
    rows.last().map(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_question_only() {
        assert_eq!(place("teams", "").unwrap(), None);
        assert_eq!(place("teams", &token("teams", "billing")).unwrap().as_deref(), Some("billing"));
        for bad in ["x", "zz", "00", &token("tokens", "a"), "billing"] {
            let status = place("teams", bad).unwrap_err();
            assert!(status.message().starts_with("page_token: "), "{status}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        assert_eq!(size(0).unwrap(), SIZE_DEFAULT);
        assert_eq!(size(i32::MAX).unwrap(), SIZE_MAX);
        assert!(size(-1).unwrap_err().message().starts_with("page_size: "));
        let mut rows = vec![1, 2, 3];
        assert_eq!(cut(&mut rows, 2, ToString::to_string), Some("2".to_owned()));
        assert_eq!((rows.len(), cut(&mut rows, 2, ToString::to_string)), (2, None));
    }
}
