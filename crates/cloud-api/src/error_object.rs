//! The errors that Meta lists in webhooks and answers: `{code, title, message, error_data}`.

use std::borrow::Cow;

use waypost_domain::message::MessageError;

use crate::json::{Json, fields_of, for_each, integer, text};

/// A person reads a handful of errors; a hostile list of them must not become a large one of ours.
const ERRORS_MAX: usize = 16;
/// Of an error's title, and of its details: Meta's are a sentence.
const ERROR_BYTES_MAX: usize = 500;

/// `errors[]`, in order; those without a code are left out.
pub(crate) fn errors(errors: Json<'_>) -> Vec<MessageError> {
    let Some(errors) = errors else { return Vec::new() };
    let error = |error: Json<'_>| {
        let [code, title, message, data] = fields_of(error, &["code", "title", "message", "error_data"]);
        Some(MessageError {
            code: integer(code)?,
            title: sentence(title),
            details: details(data).or_else(|| sentence(message)),
        })
    };
    let mut all = Vec::new();
    for_each(errors, |element| {
        if all.len() < ERRORS_MAX {
            all.extend(error(Some(element)));
        }
    });
    all
}

/// `error_data`: mostly an object with `details`, sometimes the details themselves.
pub(crate) fn details(error_data: Json<'_>) -> Option<String> {
    let [details] = fields_of(error_data, &["details"]);
    sentence(details).or_else(|| sentence(error_data))
}

/// A text for people, or what of it fits.
pub(crate) fn sentence(json: Json<'_>) -> Option<String> {
    let sentence: Cow<'_, str> = text(json)?;
    Some(cut(&sentence, ERROR_BYTES_MAX).to_owned())
}

/// `text`, or what of it fits, whole characters only.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
