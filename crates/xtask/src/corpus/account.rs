//! What the webhooks of a folder tell of accounts, numbers and templates: whatever the file says in a word that we have a field
//! for must be what is read.

use serde_json::Value;
use waypost_cloud_api::webhook::{AccountEvent, AccountNews, TemplateChange, split};
use waypost_domain::template::TemplateStatus;

use super::Body;
use crate::count::Count;

/// A test of theirs posts this, to see it refused.
const NO_STATUS: &str = "INVALID_EVENT";

/// Reads every such change of the bodies; says what differs, and how many were as expected.
pub(super) fn run(bodies: &[Body]) -> Count {
    let mut count = Count::default();
    for body in bodies {
        for event in split(&body.bytes).events.iter().filter(|event| AccountNews::FIELDS.contains(&&*event.field)) {
            let difference = difference(&event.field, event.json);
            count += if difference.is_none() { Count { passed: 1, failed: 0 } } else { Count::FAILURE };
            if let Some(difference) = difference {
                println!("account news: {}: {}: {difference}", body.name, event.field);
            }
        }
    }
    println!("account news: {} of {} as expected", count.passed, count.passed + count.failed);
    count
}

fn difference(field: &str, json: &str) -> Option<String> {
    let Some(news) = AccountNews::read(field, json) else { return Some("not read".to_owned()) };
    let recorded: Value = serde_json::from_str(json).unwrap_or_default();
    let word = |name: &str| match &recorded[name] {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let pairs: Vec<(&str, Option<String>)> = match &news {
        AccountNews::Template(news) => vec![
            ("message_template_id", news.id.clone()),
            ("message_template_name", news.name.clone()),
            ("message_template_language", news.language.clone()),
        ],
        AccountNews::Number(news) => vec![
            ("event", Some(news.event.clone())),
            ("display_phone_number", news.display_phone_number.clone()),
            ("current_limit", news.tier.clone()),
        ],
        AccountNews::Account(update) => vec![("event", Some(update.event.clone()))],
        AccountNews::Alert(alert) => {
            vec![("entity_type", alert.entity_kind.clone()), ("entity_id", alert.entity_id.clone())]
        }
        AccountNews::NumberName(decided) | AccountNews::Review(decided) => {
            vec![("decision", Some(decided.decision.clone()))]
        }
        AccountNews::Security(news) => vec![("event", Some(news.event.clone()))],
        AccountNews::Limit(_) => vec![],
    };
    let differs = pairs.iter().find(|(name, read)| word(name) != *read);
    differs
        .map(|(name, read)| format!("{name} is {:?}, read as {read:?}", word(name)))
        .or_else(|| meaning(&news, &recorded))
}

/// What follows from the words.
fn meaning(news: &AccountNews, recorded: &Value) -> Option<String> {
    match news {
        AccountNews::Template(news) => match &news.change {
            TemplateChange::Status { status: TemplateStatus::Other(word), .. } if word != NO_STATUS => {
                Some(format!("the status {word} is not known"))
            }
            TemplateChange::Content if recorded.get("event").is_some() => Some("its event is not read".to_owned()),
            _ => None,
        },
        AccountNews::Account(update) => {
            let restrictions = recorded["restriction_info"].as_array().map(Vec::len);
            let read = match &update.what {
                AccountEvent::Restricted(all) => Some(all.len()),
                _ => None,
            };
            (restrictions != read).then(|| format!("{restrictions:?} restrictions, read as {read:?}"))
        }
        AccountNews::Limit(None) => Some("no limit is read".to_owned()),
        _ => None,
    }
}
