//! Control over HTTP, for tests in any language and for the command line: JSON below `/_sandbox`. Thin: what is done is
//! [`Control`]'s.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use waypost_domain::Category;

use super::actor::{ActorError, Said, Tap};
use super::control::Control;
use super::fault::Fault;
use super::news::Rating;
use super::people::CustomerSpec;
use super::reply::Reply;
use super::serve::Arrived;
use super::state::{Holder, State};

/// Where it is.
pub(crate) const FOLDER: &str = "_sandbox";
const ENTRIES_DEFAULT: usize = 100;

/// What is asked of a customer. Without a number it is the first one.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Act {
    Write {
        text: String,
        phone_number_id: Option<String>,
        /// So long ago, and it is told only now.
        ago_s: Option<u64>,
    },
    Say {
        #[serde(rename = "type")]
        kind: String,
        content: Value,
        context: Option<String>,
        group_id: Option<String>,
        phone_number_id: Option<String>,
        ago_s: Option<u64>,
    },
    Tap {
        on: Tap,
        phone_number_id: Option<String>,
    },
    Read,
    Reads {
        at_once: bool,
    },
    Answer {
        text: Option<String>,
    },
    Block,
    Unblock,
    StopMarketing {
        phone_number_id: Option<String>,
    },
    ResumeMarketing {
        phone_number_id: Option<String>,
    },
    Offline,
    Online,
    ChangePhone {
        to: String,
    },
    Holder {
        is: Holder,
        phone_number_id: Option<String>,
    },
}

/// What Meta does with a template.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    name: String,
    language: String,
    /// `APPROVED`, `REJECTED`, `PAUSED` …
    event: Option<String>,
    reason: Option<String>,
    quality: Option<Rating>,
    /// What it will be filed under; with `refiled`, what it is filed under now.
    category: Option<String>,
    #[serde(default)]
    refiled: bool,
    /// Whether its messages are held from now on.
    held: Option<bool>,
    /// What is held is delivered (`true`) or dropped.
    deliver_held: Option<bool>,
}

/// What becomes of the account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountChange {
    /// 368 or 131031; 0 lifts it.
    restriction: Option<i64>,
    has_payment: Option<bool>,
    expire_tokens: Option<bool>,
    add_token: Option<String>,
    webhook_url: Option<String>,
    /// 0: unlimited.
    messaging_limit: Option<u32>,
    /// Of the first number.
    quality: Option<Rating>,
}

/// A group of the first number, or of another.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGroup {
    members: Vec<String>,
    phone_number_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// Below zero: back.
    advance_s: i64,
}

/// What cannot be done, for people.
struct Problem(u16, String);

type Answer = Result<Value, Problem>;

impl From<ActorError> for Problem {
    fn from(error: ActorError) -> Self {
        let status = match error {
            ActorError::NoCustomer | ActorError::NoNumber | ActorError::NoTemplate => 404,
            ActorError::NothingToTap | ActorError::NoRoom => 409,
        };
        Self(status, error.to_string())
    }
}

pub(crate) fn answer(control: &Control, request: &Arrived, segments: &[&str]) -> Reply {
    match dispatch(control, request, segments) {
        Ok(answer) => Reply::json(200, answer),
        Err(Problem(status, problem)) => Reply::json(status, json!({"error": problem})),
    }
}

fn dispatch(control: &Control, request: &Arrived, segments: &[&str]) -> Answer {
    match (request.method.as_str(), segments) {
        ("GET", [] | ["state"]) => Ok(control.shared.with(|state, now_ms| whole(state, now_ms))),
        ("GET", ["customers"]) => Ok(control.shared.look(customers)),
        ("POST", ["customers"]) => {
            control.add_customer(read::<CustomerSpec>(request)?);
            Ok(json!({}))
        }
        ("POST", ["customers", who]) => act(control, &unescaped(who), read(request)?),
        ("GET", ["faults"]) => Ok(faults(control)),
        ("POST", ["faults"]) => {
            let id = control.add_fault(read::<Fault>(request)?);
            id.map(|id| json!({"id": id}))
                .ok_or_else(|| Problem(409, "it would never strike, or there are too many".into()))
        }
        ("DELETE", ["faults"]) => Ok(json!({"cleared": control.clear_faults(None)})),
        ("DELETE", ["faults", id]) => {
            let id = id.parse().map_err(|_| Problem(404, "there is no such fault".to_owned()))?;
            Ok(json!({"cleared": control.clear_faults(Some(id))}))
        }
        ("GET", ["accepted"]) => Ok(json!({"accepted": last(request, accepted(control, request))})),
        ("GET", ["refused"]) => Ok(json!({"refused": last(request, control.refused())})),
        ("GET", ["said"]) => Ok(json!({"said": last(request, control.said())})),
        ("GET", ["statuses"]) => Ok(json!({"statuses": last(request, control.posted_statuses())})),
        ("GET", ["reads"]) => Ok(json!({"reads": last(request, control.reads())})),
        ("POST", ["groups"]) => {
            let NewGroup { members, phone_number_id } = read(request)?;
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            let number = phone_number_id.unwrap_or_else(|| first_number(control));
            Ok(json!({"id": control.add_group(&number, &members)?}))
        }
        ("POST", ["media"]) => {
            let id = control.add_media(&request.content_type, request.body.clone())?;
            Ok(json!({"id": id.to_string()}))
        }
        ("POST", ["clock"]) => {
            let Advance { advance_s } = read(request)?;
            let by = Duration::from_secs(advance_s.unsigned_abs());
            if advance_s < 0 {
                control.turn_back(by)
            } else {
                control.advance(by)
            }
            Ok(json!({"now_ms": control.now_ms()}))
        }
        ("POST", ["templates"]) => Ok(json!({"id": control.add_template(&read::<Value>(request)?)?.to_string()})),
        ("POST", ["templates", "decide"]) => decide(control, &read(request)?),
        ("POST", ["account"]) => change_account(control, read(request)?),
        ("GET", ["standing"]) => Ok(json!(control.standing())),
        ("POST", ["standing"]) => {
            let changed = control.standing().with(read(request)?);
            control.set_standing(changed.map_err(|error| Problem(400, error.to_string()))?);
            Ok(json!(control.standing()))
        }
        _ => Err(Problem(404, "there is no such page; see deploy/guides/sandbox.md".to_owned())),
    }
}

fn act(control: &Control, who: &str, act: Act) -> Answer {
    let at = |number: Option<String>| number.unwrap_or_else(|| first_number(control));
    let wamid = |wamid: String| json!({"wamid": wamid});
    Ok(match act {
        Act::Write { text, phone_number_id, ago_s } => {
            wamid(control.say_late(who, &at(phone_number_id), &Said::text(&text), seconds(ago_s))?)
        }
        Act::Say { kind, content, context, group_id, phone_number_id, ago_s } => {
            let said = Said { kind, content, context, group_id };
            wamid(control.say_late(who, &at(phone_number_id), &said, seconds(ago_s))?)
        }
        Act::Tap { on, phone_number_id } => wamid(control.tap(who, &at(phone_number_id), &on)?),
        Act::Read => json!({"read": control.read(who)?}),
        Act::Reads { at_once } => done(control.set_reads(who, at_once))?,
        Act::Answer { text } => done(control.set_auto_reply(who, text.as_deref()))?,
        Act::Block => done(control.set_blocked(who, true))?,
        Act::Unblock => done(control.set_blocked(who, false))?,
        Act::StopMarketing { phone_number_id } => done(control.set_marketing_stopped(who, &at(phone_number_id), true))?,
        Act::ResumeMarketing { phone_number_id } => {
            done(control.set_marketing_stopped(who, &at(phone_number_id), false))?
        }
        Act::Offline => done(control.set_offline(who, true))?,
        Act::Online => done(control.set_offline(who, false))?,
        Act::ChangePhone { to } => done(control.change_phone(who, &to))?,
        Act::Holder { is, phone_number_id } => done(control.set_holder(who, &at(phone_number_id), is))?,
    })
}

fn seconds(seconds: Option<u64>) -> Duration {
    Duration::from_secs(seconds.unwrap_or_default())
}

fn first_number(control: &Control) -> String {
    let first = |state: &State| state.numbers.first().map(|number| number.name.phone_number_id.clone());
    control.shared.look(first).unwrap_or_default()
}

fn done(result: Result<(), ActorError>) -> Answer {
    result.map(|()| json!({})).map_err(Problem::from)
}

fn decide(control: &Control, decision: &Decision) -> Answer {
    let (name, language) = (&decision.name, &decision.language);
    if let Some(event) = &decision.event {
        control.decide_template(name, language, event, decision.reason.as_deref())?;
    }
    if let Some(rating) = decision.quality {
        control.rate_template(name, language, rating)?;
    }
    if let Some(category) = &decision.category {
        let category =
            Category::parse(category).ok_or_else(|| Problem(400, "category is none of Meta's".to_owned()))?;
        control.refile_template(name, language, category, decision.refiled)?;
    }
    if let Some(held) = decision.held {
        control.set_template_held(name, language, held)?;
    }
    match decision.deliver_held {
        Some(delivers) => Ok(json!({"released": control.release_held(name, language, delivers)?})),
        None => Ok(json!({})),
    }
}

fn change_account(control: &Control, change: AccountChange) -> Answer {
    if let Some(code) = change.restriction {
        control.set_restricted(Some(code).filter(|code| *code != 0));
    }
    if let Some(has_payment) = change.has_payment {
        control.set_payment(has_payment);
    }
    if change.expire_tokens == Some(true) {
        control.expire_tokens();
    }
    if let Some(token) = change.add_token {
        control.add_token(&token.into());
    }
    if let Some(limit) = change.messaging_limit {
        control.limit_messaging(Some(limit).filter(|limit| *limit > 0));
    }
    if let Some(rating) = change.quality {
        control.rate_number(&first_number(control), rating)?;
    }
    if let Some(url) = change.webhook_url {
        let url = Some(url.as_str()).filter(|url| !url.is_empty());
        control.set_webhook_url(url).map_err(|error| Problem(400, error.to_string()))?;
    }
    Ok(json!({}))
}

fn whole(state: &State, now_ms: i64) -> Value {
    let numbers = state.numbers.iter().map(|number| {
        json!({"phone_number_id": number.name.phone_number_id, "display_phone_number": number.name.display_phone_number})
    });
    let templates = state.templates.after(None).map(|template| {
        json!({"name": template.name, "language": template.language, "status": template.status,
               "category": template.category.as_str(), "held": template.is_held})
    });
    json!({
        "now_ms": now_ms,
        "waba_id": state.config.waba_id,
        "webhook_url": state.addresses.of_app.as_deref(),
        "restriction": state.account.restriction,
        "has_payment": state.account.has_payment,
        "numbers": numbers.collect::<Vec<_>>(),
        "templates": templates.collect::<Vec<_>>(),
        "customers": state.people.iter().count(),
        "counts": super::control::counts(state),
    })
}

fn customers(state: &State) -> Value {
    let customers = state.people.iter().map(|customer| {
        json!({
            "phone": customer.person.phone,
            "user_id": customer.person.user_id,
            "name": customer.person.name,
            "has_blocked": customer.has_blocked,
            "has_stopped_marketing": customer.has_stopped_marketing,
            "is_offline": customer.offline.is_some(),
            "unread": customer.unread.len(),
        })
    });
    json!({"customers": customers.collect::<Vec<_>>()})
}

fn faults(control: &Control) -> Value {
    let one = |(id, fault): (u64, Fault)| {
        let mut fault = serde_json::to_value(fault).unwrap_or_default();
        fault["id"] = json!(id);
        fault
    };
    json!({"faults": control.faults().into_iter().map(one).collect::<Vec<_>>()})
}

fn accepted(control: &Control, request: &Arrived) -> Vec<super::log::AcceptedMessage> {
    match parameter(request, "customer") {
        Some(who) => control.accepted_for(&who),
        None => control.accepted(),
    }
}

/// The last `limit` of them, in order.
fn last<T>(request: &Arrived, mut all: Vec<T>) -> Vec<T> {
    let limit = parameter(request, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(ENTRIES_DEFAULT);
    all.drain(..all.len().saturating_sub(limit));
    all
}

fn parameter(request: &Arrived, wanted: &str) -> Option<String> {
    let url = Url::parse(&format!("http://sandbox/?{}", request.query)).ok()?;
    url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// A segment of a path with its `%20` and their like; a `+` is one.
fn unescaped(segment: &str) -> String {
    let (bytes, mut unescaped, mut at) = (segment.as_bytes(), Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                unescaped.push(byte);
                at += 3;
            }
            None => {
                unescaped.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&unescaped).into_owned()
}

fn read<T: for<'de> Deserialize<'de>>(request: &Arrived) -> Result<T, Problem> {
    serde_json::from_slice(&request.body).map_err(|error| Problem(400, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_named_in_a_path_in_any_spelling() {
        let cases = [
            ("+4915100000001", "+4915100000001"),
            ("%2B49%20151%2000000001", "+49 151 00000001"),
            ("DE.1349%", "DE.1349%"),
            ("%zz%4", "%zz%4"),
        ];
        for (segment, meant) in cases {
            assert_eq!(unescaped(segment), meant);
        }
    }
}
