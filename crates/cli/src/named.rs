//! What people write for contacts, numbers and conversations, in the names of the interface.

use waypost_proto::sends_v1 as sends;

/// `contacts/ID`, a phone number in any usual way of writing, or else a business-scoped user id.
pub(crate) fn recipient(text: &str) -> sends::Recipient {
    use sends::recipient::By;
    let is_number = !text.chars().any(char::is_alphabetic);
    let by = match text {
        name if name.starts_with("contacts/") => By::Contact(name.to_owned()),
        number if is_number => By::Phone(number.to_owned()),
        id => By::Bsuid(id.to_owned()),
    };
    sends::Recipient { by: Some(by) }
}

/// `numbers/{number}`.
pub(crate) fn number(text: &str) -> String {
    in_collection("numbers/", text)
}

/// `conversations/{conversation}`; empty for none.
pub(crate) fn conversation(text: &str) -> String {
    in_collection("conversations/", text)
}

/// `teams/{team}`; empty for none.
pub(crate) fn team(text: &str) -> String {
    in_collection("teams/", text)
}

/// `campaigns/{campaign}`.
pub(crate) fn campaign(text: &str) -> String {
    in_collection("campaigns/", text)
}

/// `contacts/{contact}`.
pub(crate) fn contact(text: &str) -> String {
    in_collection("contacts/", text)
}

/// `messages/{send_id}`.
pub(crate) fn message(text: &str) -> String {
    in_collection("messages/", text)
}

/// `policies/{version}`.
pub(crate) fn policy(text: &str) -> String {
    in_collection("policies/", text)
}

/// `templates/{account}/{name}/{language}`.
pub(crate) fn template(text: &str) -> String {
    in_collection("templates/", text)
}

/// `alerts/{scope}/{of}/{kind}`.
pub(crate) fn alert(text: &str) -> String {
    in_collection("alerts/", text)
}

/// `bars/{scope}/{of}/{what}/{origin}`.
pub(crate) fn bar(text: &str) -> String {
    in_collection("bars/", text)
}

fn in_collection(collection: &str, text: &str) -> String {
    if text.is_empty() || text.starts_with(collection) { text.to_owned() } else { format!("{collection}{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sends::recipient::By;

    #[test]
    fn contacts_are_told_apart_by_how_they_are_written() {
        for (text, by) in [
            ("contacts/1", By::Contact("contacts/1".to_owned())),
            ("+34 600 000 107", By::Phone("+34 600 000 107".to_owned())),
            ("ES.13491208655302741918", By::Bsuid("ES.13491208655302741918".to_owned())),
        ] {
            assert_eq!(recipient(text).by, Some(by));
        }
        assert_eq!((number("support-es"), number("numbers/x")), ("numbers/support-es".into(), "numbers/x".into()));
        assert_eq!(conversation(""), "");
        assert_eq!(message("order-17/confirmation"), "messages/order-17/confirmation");
    }
}
