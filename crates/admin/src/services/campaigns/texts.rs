//! Values that name attributes of a contact, filled with what the contact has.

use std::collections::BTreeMap;

use waypost_domain::send::{HeaderValue, Values};
use waypost_store::RecipientProblem;

/// Replaces `{{attribute}}` in every text; or says in which the contact has none.
pub(super) fn filled(values: &Values, attributes: &BTreeMap<String, String>) -> Result<Values, RecipientProblem> {
    let mut values = values.clone();
    part(&mut values, "values", attributes)?;
    Ok(values)
}

fn part(values: &mut Values, at: &str, attributes: &BTreeMap<String, String>) -> Result<(), RecipientProblem> {
    if let Some(HeaderValue::Text(parameter)) = &mut values.header {
        text(parameter.value.text_mut(), &format!("{at}.header.text"), attributes)?;
    }
    for (index, parameter) in values.body.iter_mut().enumerate() {
        text(parameter.value.text_mut(), &format!("{at}.body[{index}]"), attributes)?;
    }
    for (index, button) in values.buttons.iter_mut().enumerate() {
        text(button.value.text_mut(), &format!("{at}.buttons[{index}]"), attributes)?;
    }
    for (index, card) in values.cards.iter_mut().enumerate() {
        part(card, &format!("{at}.cards[{index}]"), attributes)?;
    }
    Ok(())
}

/// What is filled in is not looked at again: a contact's own words name no attribute.
fn text(text: &mut String, at: &str, attributes: &BTreeMap<String, String>) -> Result<(), RecipientProblem> {
    let (mut done, mut rest) = (String::new(), text.as_str());
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, behind)) = after.split_once("}}") else { break };
        let value = attributes.get(name.trim()).filter(|value| !value.is_empty());
        let missing = || RecipientProblem {
            field: at.to_owned(),
            problem: format!("the contact has no attribute {:?}", name.trim()),
        };
        done.push_str(before);
        done.push_str(value.ok_or_else(missing)?);
        rest = behind;
    }
    done.push_str(rest);
    *text = done;
    Ok(())
}

#[cfg(test)]
mod tests {
    use waypost_domain::send::{ButtonParameter, ButtonValue, Parameter};

    use super::*;

    #[test]
    fn attributes_are_filled_in_and_the_missing_one_is_named() {
        let attributes = BTreeMap::from([("name", "Ann {{tier}}"), ("tier", "gold"), ("empty", "")]);
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let cases = [
            ("{{name}}!", Ok("Ann {{tier}}!")),
            ("{{ tier }} {{tier}}", Ok("gold gold")),
            ("plain {tier} {{", Ok("plain {tier} {{")),
            ("{{empty}}", Err("values.body[0] the contact has no attribute \"empty\"")),
            ("{{other}}", Err("values.body[0] the contact has no attribute \"other\"")),
        ];
        for (given, want) in cases {
            let values = Values { body: vec![Parameter::positional(given)], ..Values::default() };
            let filled = filled(&values, &attributes);
            let told = filled.map(|values| values.body[0].value.text().to_owned());
            let told = told.map_err(|problem| format!("{} {}", problem.field, problem.problem));
            assert_eq!(told.as_deref().map_err(String::as_str), want, "{given}");
        }
        let button = ButtonParameter { index: 1, value: ButtonValue::UrlSuffix("{{tier}}".to_owned()) };
        let header = Some(HeaderValue::Text(Parameter::positional("{{tier}}")));
        let card = Values { body: vec![Parameter::positional("{{other}}")], ..Values::default() };
        let values = Values { header, buttons: vec![button], ..Values::default() };
        let done = filled(&values, &attributes).unwrap();
        assert_eq!(done.buttons[0].value.text(), "gold");
        assert_eq!(done.header, Some(HeaderValue::Text(Parameter::positional("gold"))));
        let refused = filled(&Values { cards: vec![card], ..values }, &attributes).unwrap_err();
        assert_eq!(refused.field, "values.cards[0].body[0]");
    }
}
