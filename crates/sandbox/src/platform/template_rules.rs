//! What Meta's review refuses at once when a template is created or edited: lengths, variables, buttons.

use serde_json::Value;

use super::error::ApiError;

const BODY_MAX: usize = 1024;
const LINE_MAX: usize = 60;
const BUTTONS_MAX: usize = 10;
const LABEL_MAX: usize = 25;
const URL_MAX: usize = 2000;
/// Words of text for each variable, beside one.
const WORDS_PER_VARIABLE: usize = 2;

/// The first thing that is wrong with `components`.
pub(crate) fn check(components: &Value) -> Result<(), ApiError> {
    for component in components.as_array().into_iter().flatten() {
        let text = |name: &str| component.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("type").to_ascii_uppercase().as_str() {
            "HEADER" => length("header", text("text"), LINE_MAX)?,
            "FOOTER" if text("text").contains("{{") => {
                return Err(ApiError::new(100, "The footer cannot have variables"));
            }
            "FOOTER" => length("footer", text("text"), LINE_MAX)?,
            "BODY" => check_body(text("text"))?,
            "BUTTONS" => check_buttons(component.get("buttons").and_then(Value::as_array).map_or(&[], Vec::as_slice))?,
            _ => {}
        }
    }
    Ok(())
}

fn check_body(text: &str) -> Result<(), ApiError> {
    length("body", text, BODY_MAX)?;
    let trimmed = text.trim();
    if trimmed.starts_with("{{") || trimmed.ends_with("}}") {
        return Err(ApiError::new(2_388_299, "Variables cannot be at the start or the end of the template"));
    }
    let variables = text.matches("{{").count();
    let words = text.split_whitespace().filter(|word| !word.contains("{{")).count();
    if variables > 0 && words < WORDS_PER_VARIABLE * variables + 1 {
        return Err(ApiError::new(2_388_293, "There are too many variables for the length of the message"));
    }
    Ok(())
}

fn check_buttons(buttons: &[Value]) -> Result<(), ApiError> {
    if buttons.len() > BUTTONS_MAX {
        return Err(ApiError::new(100, "A template has 10 buttons at most"));
    }
    let kind = |button: &Value| button.get("type").and_then(Value::as_str).unwrap_or_default().to_ascii_uppercase();
    let kinds: Vec<String> = buttons.iter().map(kind).collect();
    let count = |wanted: &str| kinds.iter().filter(|kind| *kind == wanted).count();
    if count("URL") > 2 || count("PHONE_NUMBER") > 1 || count("COPY_CODE") > 1 {
        return Err(ApiError::new(100, "A template has 2 links, 1 number to call and 1 code at most"));
    }
    let changes = kinds.windows(2).filter(|pair| (pair[0] == "QUICK_REPLY") != (pair[1] == "QUICK_REPLY")).count();
    if changes > 1 {
        return Err(ApiError::new(100, "Quick replies must stand together"));
    }
    for button in buttons {
        let text = |name: &str| button.get(name).and_then(Value::as_str).unwrap_or_default();
        length("button", text("text"), LABEL_MAX)?;
        length("url", text("url"), URL_MAX)?;
        let url = text("url");
        if url.contains("{{") && !url.trim().ends_with("}}") {
            return Err(ApiError::new(100, "The variable of an address must be at its end"));
        }
    }
    Ok(())
}

fn length(part: &str, text: &str, max: usize) -> Result<(), ApiError> {
    if text.chars().count() > max {
        return Err(ApiError::new(100, format!("The {part} has {max} characters at most")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_review_refuses_at_once() {
        let code = |component: Value| check(&json!([component])).err().map(|error| error.code);
        let body = |text: &str| code(json!({"type": "BODY", "text": text}));
        assert_eq!(body("Your order {{1}} is on its way."), None);
        assert_eq!(body("{{1}} is on its way."), Some(2_388_299));
        assert_eq!(body("It is {{1}}"), Some(2_388_299));
        assert_eq!(body("So {{1}} {{2}} {{3}} ok."), Some(2_388_293));
        assert_eq!(body(&"x".repeat(1025)), Some(100));
        assert_eq!(code(json!({"type": "FOOTER", "text": "of {{1}}"})), Some(100));
        let buttons = |kinds: &[&str]| {
            let buttons: Vec<Value> = kinds.iter().map(|kind| json!({"type": kind, "text": "x"})).collect();
            code(json!({"type": "BUTTONS", "buttons": buttons}))
        };
        assert_eq!(buttons(&["QUICK_REPLY", "QUICK_REPLY", "URL", "URL"]), None);
        assert_eq!(buttons(&["QUICK_REPLY", "URL", "QUICK_REPLY"]), Some(100));
        assert_eq!(buttons(&["URL", "URL", "URL"]), Some(100));
    }
}
