//! Templates that a carrier keeps itself: which one ours is there, and the values of its variables. Files of headers,
//! cards and offers stand in the template there.

use std::collections::BTreeMap;

use waypost_cloud_api::send::FieldError;
use waypost_domain::send::{HeaderValue, Parameter, TemplateMessage};

use super::must_be;

/// Which of the carrier's it is, and its values by their names there. `missing`: what the name must be where there is
/// none.
///
/// Variables have the names of ours; those that have none are numbered from 1: of the body, of the header, of the
/// buttons in their order.
pub(crate) fn of<'a, T>(
    message: &TemplateMessage,
    kept: &'a BTreeMap<(String, String), T>,
    missing: &'static str,
) -> Result<(&'a T, BTreeMap<String, String>), FieldError> {
    let values = &message.values;
    let key = (message.name.clone(), message.language.clone());
    let template = kept.get(&key).ok_or_else(|| must_be("template.name", missing))?;
    if !values.cards.is_empty() {
        return Err(must_be("template.cards", "absent: the carrier keeps the cards of a template itself"));
    }
    if values.offer_ends_at_ms.is_some() {
        return Err(must_be("template.offer_ends_at_ms", "absent: the carrier has no such variable"));
    }
    let header = match &values.header {
        None => None,
        Some(HeaderValue::Text(parameter)) => Some(parameter),
        Some(HeaderValue::Image(_) | HeaderValue::Video(_) | HeaderValue::Document { .. }) => {
            return Err(must_be("template.header", "absent or text: the carrier keeps the file of a template itself"));
        }
        Some(HeaderValue::Location { .. }) => {
            return Err(must_be("template.header", "absent or text: the carrier has no header with a place"));
        }
    };
    let mut buttons: Vec<_> = values.buttons.iter().collect();
    buttons.sort_by_key(|button| button.index);
    let text = |parameter: &Parameter| (parameter.name.clone(), parameter.value.text().to_owned());
    let of_texts = values.body.iter().chain(header).map(text);
    let of_buttons = buttons.into_iter().map(|button| (None, button.value.text().to_owned()));
    let mut variables = BTreeMap::new();
    let mut number = 0;
    for (name, value) in of_texts.chain(of_buttons) {
        let name = name.unwrap_or_else(|| {
            number += 1;
            number.to_string()
        });
        if variables.insert(name, value).is_some() {
            return Err(must_be("template.body", "a list in which each name is there once"));
        }
    }
    Ok((template, variables))
}
