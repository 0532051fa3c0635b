//! What a message's fields may hold, by Meta's pages. Characters are counted, not bytes. It must never repeat what they hold.

use waypost_cloud_api::send::{
    Body, FieldError, Interactive, InteractiveHeader, List, Media, Message, Problem, ReplyButtons, Row, Section,
};

use super::error::ApiError;

const TEXT_MAX: usize = 4096;
const CAPTION_MAX: usize = 1024;
const BODY_MAX: usize = 1024;
const LIST_BODY_MAX: usize = 4096;
const HEADER_MAX: usize = 60;
const FOOTER_MAX: usize = 60;
const BUTTONS_MAX: usize = 3;
const BUTTON_TITLE_MAX: usize = 20;
const BUTTON_ID_MAX: usize = 256;
const SECTIONS_MAX: usize = 10;
const ROWS_MAX: usize = 10;
const ROW_TITLE_MAX: usize = 24;
const ROW_DESCRIPTION_MAX: usize = 72;
const ROW_ID_MAX: usize = 200;
const CALLBACK_DATA_MAX: usize = 512;

/// What Meta says of a field that cannot be read.
pub(crate) fn of_field_error(error: &FieldError) -> ApiError {
    let path = &error.path;
    let is_whole = !path.contains('.');
    match error.problem {
        Problem::Missing if is_whole => ApiError::new(100, format!("The parameter {path} is required.")),
        Problem::Missing => ApiError::new(131_008, format!("Required parameter {path} is missing")),
        // Of a template's parameters, a type that cannot stand there is a matter of the template.
        Problem::MustBe(what) if path.starts_with("template.components") && path.ends_with("].type") => {
            ApiError::new(132_012, format!("{path} must be {what}"))
        }
        Problem::MustBe(what) if is_whole && path.as_str() != "to" && path.as_str() != "recipient" => {
            ApiError::new(100, format!("Param {path} must be {what}"))
        }
        Problem::MustBe(what) => ApiError::new(131_009, format!("{path} must be {what}")),
    }
}

/// The first field that holds too much, or nothing.
pub(crate) fn check(message: &Message) -> Result<(), ApiError> {
    if message.callback_data.as_ref().is_some_and(|data| data.chars().count() > CALLBACK_DATA_MAX) {
        return Err(too_long(100, "biz_opaque_callback_data", CALLBACK_DATA_MAX));
    }
    match &message.body {
        Body::Text(text) => length(100, "text.body", &text.body, TEXT_MAX),
        Body::Media(media) => {
            let caption = match media {
                Media::Image { caption, .. } | Media::Video { caption, .. } | Media::Document { caption, .. } => {
                    caption
                }
                Media::Audio { .. } | Media::Sticker { .. } => &None,
            };
            optional(100, "caption", caption.as_deref(), CAPTION_MAX)
        }
        Body::Interactive(interactive) => check_interactive(interactive),
        Body::Template(_) | Body::Location(_) | Body::Contacts(_) | Body::Reaction(_) => Ok(()),
    }
}

fn check_interactive(interactive: &Interactive) -> Result<(), ApiError> {
    match interactive {
        Interactive::Buttons(buttons) => check_buttons(buttons),
        Interactive::List(list) => check_list(list),
        Interactive::CtaUrl(link) => {
            frame(link.header.as_ref(), &link.body, link.footer.as_deref(), BODY_MAX)?;
            length(131_009, "Button display text", &link.display_text, BUTTON_TITLE_MAX)
        }
        Interactive::Flow(flow) => length(131_009, "Interactive body text", &flow.body, BODY_MAX),
        Interactive::LocationRequest { body }
        | Interactive::ContactRequest { body }
        | Interactive::Catalog { body, .. } => length(131_009, "Interactive body text", body, BODY_MAX),
        Interactive::Product(_) => Ok(()),
        Interactive::ProductList(list) => {
            length(131_009, "Interactive header text", &list.header, HEADER_MAX)?;
            length(131_009, "Interactive body text", &list.body, BODY_MAX)
        }
    }
}

fn check_buttons(message: &ReplyButtons) -> Result<(), ApiError> {
    frame(message.header.as_ref(), &message.body, message.footer.as_deref(), BODY_MAX)?;
    let buttons = message.buttons.as_slice();
    if buttons.len() > BUTTONS_MAX {
        return Err(ApiError::new(131_009, "Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3"));
    }
    for (place, button) in buttons.iter().enumerate() {
        length(131_009, "Button title", &button.title, BUTTON_TITLE_MAX)?;
        length(131_009, "Button id", &button.id, BUTTON_ID_MAX)?;
        let (before, _) = buttons.split_at(place);
        if before.iter().any(|other| other.id == button.id || other.title == button.title) {
            return Err(ApiError::new(131_009, "Duplicate button id or title"));
        }
    }
    Ok(())
}

fn check_list(list: &List) -> Result<(), ApiError> {
    optional(131_009, "Interactive header text", list.header.as_deref(), HEADER_MAX)?;
    frame(None, &list.body, list.footer.as_deref(), LIST_BODY_MAX)?;
    length(131_009, "Interactive action button", &list.button, BUTTON_TITLE_MAX)?;
    let sections = list.sections.as_slice();
    if sections.len() > SECTIONS_MAX {
        return Err(ApiError::new(131_009, "Invalid sections count. Max allowed sections: 10"));
    }
    let rows: Vec<&Row> = sections.iter().flat_map(|section: &Section| section.rows.as_slice()).collect();
    if rows.len() > ROWS_MAX {
        return Err(ApiError::new(131_009, "Total row count exceed max allowed count: 10"));
    }
    if sections.len() > 1 && sections.iter().any(|section| section.title.is_none()) {
        return Err(ApiError::new(131_008, "Required parameter action.sections.title is missing"));
    }
    for section in sections {
        optional(131_009, "Section title", section.title.as_deref(), ROW_TITLE_MAX)?;
    }
    for (place, row) in rows.iter().enumerate() {
        length(131_009, "Row title", &row.title, ROW_TITLE_MAX)?;
        length(131_009, "Row id", &row.id, ROW_ID_MAX)?;
        optional(131_009, "Row description", row.description.as_deref(), ROW_DESCRIPTION_MAX)?;
        let (before, _) = rows.split_at(place);
        if before.iter().any(|other| other.id == row.id) {
            return Err(ApiError::new(131_009, "Duplicate row id"));
        }
    }
    Ok(())
}

fn frame(
    header: Option<&InteractiveHeader>,
    body: &str,
    footer: Option<&str>,
    body_max: usize,
) -> Result<(), ApiError> {
    if let Some(InteractiveHeader::Text(text)) = header {
        length(131_009, "Interactive header text", text, HEADER_MAX)?;
    }
    length(131_009, "Interactive body text", body, body_max)?;
    optional(131_009, "Interactive footer text", footer, FOOTER_MAX)
}

fn optional(code: i64, field: &str, text: Option<&str>, max: usize) -> Result<(), ApiError> {
    text.map_or(Ok(()), |text| length(code, field, text, max))
}

/// At least one character and `max` at most.
fn length(code: i64, field: &str, text: &str, max: usize) -> Result<(), ApiError> {
    if text.is_empty() {
        return Err(ApiError::new(131_008, format!("Required parameter {field} is missing")));
    }
    // Bytes are never fewer than characters.
    if text.len() > max && text.chars().count() > max {
        return Err(too_long(code, field, max));
    }
    Ok(())
}

fn too_long(code: i64, field: &str, max: usize) -> ApiError {
    ApiError::new(code, format!("{field} length invalid. Min length: 1, Max length: {max}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use waypost_cloud_api::send::{JsonBody as _, Request};

    use super::*;

    fn code(more: Value) -> Option<i64> {
        let mut request = json!({"messaging_product": "whatsapp", "to": "+4915100000000"});
        for (name, value) in more.as_object().unwrap() {
            request[name] = value.clone();
        }
        match Request::from_value(&request) {
            Err(error) => Some(of_field_error(&error).code),
            Ok(Request::Read(_)) => None,
            Ok(Request::Message(message)) => check(&message).err().map(|error| error.code),
        }
    }

    fn buttons(titles: &[&str]) -> Value {
        let button = |title: &&str| json!({"type": "reply", "reply": {"id": format!("id {title}"), "title": title}});
        let buttons: Vec<Value> = titles.iter().map(button).collect();
        let interactive = json!({"type": "button", "body": {"text": "?"}, "action": {"buttons": buttons}});
        json!({"type": "interactive", "interactive": interactive})
    }

    fn list(sections: &[usize]) -> Value {
        let section = |(place, rows): (usize, &usize)| {
            let rows: Vec<Value> =
                (0..*rows).map(|row| json!({"id": format!("{place} {row}"), "title": "Row"})).collect();
            json!({"title": "Rows", "rows": rows})
        };
        let sections: Vec<Value> = sections.iter().enumerate().map(section).collect();
        let action = json!({"button": "Menu", "sections": sections});
        json!({"type": "interactive", "interactive": {"type": "list", "body": {"text": "?"}, "action": action}})
    }

    #[test]
    fn each_field_has_its_limit_and_its_code() {
        let emoji = "🙂".repeat(20);
        let cases = [
            ("text", json!({"text": {"body": "x".repeat(4096)}}), None),
            ("long text", json!({"text": {"body": "x".repeat(4097)}}), Some(100)),
            ("empty text", json!({"text": {"body": ""}}), Some(131_008)),
            ("no body", json!({"type": "text", "text": {}}), Some(131_008)),
            ("no text", json!({"type": "text"}), Some(100)),
            ("unknown type", json!({"type": "hologram"}), Some(100)),
            ("another product", json!({"messaging_product": "sms", "text": {"body": "x"}}), Some(100)),
            ("to nowhere", json!({"to": "nobody", "text": {"body": "x"}}), Some(131_009)),
            ("three buttons", buttons(&["a", "b", &emoji]), None),
            ("four buttons", buttons(&["a", "b", "c", "d"]), Some(131_009)),
            ("21 characters", buttons(&[&format!("{emoji}x")]), Some(131_009)),
            ("the same twice", buttons(&["a", "a"]), Some(131_009)),
            ("ten rows", list(&[5, 5]), None),
            ("eleven rows in all", list(&[5, 6]), Some(131_009)),
            ("long mark", json!({"text": {"body": "x"}, "biz_opaque_callback_data": "x".repeat(513)}), Some(100)),
        ];
        for (name, request, want) in cases {
            assert_eq!(code(request), want, "{name}");
        }
    }
}
