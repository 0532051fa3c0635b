//! What is made of the answers: facts in, findings out. Nothing here asks anybody.
//!
//! Decisions are made on words and codes; a text of Meta's is shown where Meta explains something to people, without the number
//! that it is about.

mod account;
mod api;
mod number;
mod own;
mod token;
mod webhooks;
mod words;

#[cfg(test)]
mod tests;

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use waypost_cloud_api::answer::{CanSend, Health, HealthEntity, HealthError};

use super::facts::{Facts, MetaFacts, NoMeta, NotAsked};
use super::finding::{Check, Finding, Level, Subject};

/// What 360dialog's key cannot ask: all of it is of Meta's app and account, which are 360dialog's.
const NOT_AT_D360: &str = "of Meta nothing can be asked with a key of 360dialog: callback, handshake, fields, subscription, \
                           token, scopes, api-version, clock, review, payment, verification, health, and what is said of \
                           each number";

/// Everything, in the order in which it is read.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = own::findings(facts);
    match &facts.meta {
        Ok(meta) => of_meta(facts, meta, &mut findings),
        Err(reason) => findings.push(not_asked(reason)),
    }
    findings
}

fn of_meta(facts: &Facts, meta: &MetaFacts, findings: &mut Vec<Finding>) {
    findings.extend(api::findings(facts.now_ms, meta));
    findings.extend(token::findings(facts.now_ms, meta));
    findings.extend(webhooks::of_app(&facts.ours, meta));
    let hidden = Hidden::of(meta);
    for account in &meta.accounts {
        findings.extend(webhooks::of_account(&facts.ours, meta, account));
        findings.extend(account::findings(account, &hidden));
    }
    for number in &meta.numbers {
        findings.extend(number::findings(&facts.ours, meta, number, &hidden));
    }
    if let Some(NotAsked { what, remedy }) = &meta.no_numbers {
        findings.push(Subject::Meta.bad(Check::Known, what, remedy));
    }
}

fn not_asked(reason: &NoMeta) -> Finding {
    let check = Check::Reached;
    match reason {
        NoMeta::NoToken => Subject::Meta.bad(
            check,
            "there is no token: nothing is sent, and Meta cannot be asked",
            "name the file that holds the token of the system user (graph.token_file)",
        ),
        NoMeta::D360 => {
            let remedy = "look into 360dialog's Hub, and ask its /health_status with the key";
            Subject::Meta.warn(check, NOT_AT_D360, remedy)
        }
        NoMeta::Elsewhere => {
            let found = "of numbers at other carriers nothing can be asked, neither of Meta nor of the carrier";
            Subject::Meta.warn(check, found, "look into the carrier's console")
        }
        NoMeta::Config(problem) => {
            Subject::Meta.bad(check, problem, "correct the key; `waypost config check` names it")
        }
        NoMeta::Unreached(NotAsked { what, remedy }) => Subject::Meta.bad(
            check,
            format!("Meta cannot be asked: {what}; so nothing is said of app, token, accounts and numbers"),
            remedy,
        ),
    }
}

/// A line that says that there is no answer.
fn unanswered(subject: &Subject, level: Level, check: Check, not_asked: &NotAsked) -> Finding {
    subject.at(level, check, format!("Meta does not say: {}", not_asked.what), &not_asked.remedy)
}

/// The day of a time, in UTC.
fn day(now_ms: i64) -> Date {
    Timestamp::from_millisecond(now_ms).unwrap_or_default().to_zoned(TimeZone::UTC).date()
}

/// From one day to another; below 0 where the other is the earlier one.
fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

/// Of whom Meta says whether they can send.
const ENTITIES: [&str; 4] = ["APP", "BUSINESS", "PHONE_NUMBER", "WABA"];

/// One line for each thing that stands in the way.
fn of_health(subject: &Subject, health: Option<&Health>, kinds: &[&str], hidden: &Hidden) -> Vec<Finding> {
    let Some(health) = health else {
        let remedy = "look into WhatsApp Manager";
        return vec![subject.warn(Check::Health, "Meta does not say whether messages can be sent", remedy)];
    };
    // What is told of nobody whom we know is told of everybody.
    let is_ours = |kind: &str| kinds.contains(&kind) || !ENTITIES.contains(&kind);
    let ours = health.entities.iter().filter(|entity| is_ours(&entity.kind));
    let mut findings: Vec<Finding> = ours.flat_map(|entity| of_entity(subject, entity, hidden)).collect();
    let is_ok = |entity: &HealthEntity| entity.can_send == CanSend::Available;
    if health.entities.iter().all(is_ok) && health.can_send != CanSend::Available {
        let found = format!("Meta says that sending is {}, and not why", word(&health.can_send));
        findings.push(subject.at(level(&health.can_send), Check::Health, found, "look into WhatsApp Manager"));
    }
    if findings.is_empty() {
        let names: Vec<String> = kinds.iter().map(|kind| named(kind)).collect();
        let found = format!("nothing stands in the way of messages: {}", names.join(", "));
        findings.push(subject.ok(Check::Health, found));
    }
    findings
}

fn of_entity(subject: &Subject, entity: &HealthEntity, hidden: &Hidden) -> Vec<Finding> {
    let can = &entity.can_send;
    if *can == CanSend::Available && entity.errors.is_empty() {
        return Vec::new();
    }
    let of = named(&entity.kind);
    let plain = |text: &Option<String>| text.as_deref().map(|text| hidden.without(text)).unwrap_or_default();
    let line = |error: &HealthError| {
        let code = error.code.map(|code| format!(" (code {code})")).unwrap_or_default();
        let found = format!("sending is {}, for the {of}: {}{code}", word(can), plain(&error.description));
        let remedy = plain(&error.possible_solution);
        let remedy = if remedy.is_empty() { "look into WhatsApp Manager".to_owned() } else { remedy };
        subject.at(level(can).max(Level::Warn), Check::Health, found, remedy)
    };
    if entity.errors.is_empty() {
        let info = plain(&Some(entity.additional_info.join(" ")));
        let found = format!("sending is {}, for the {of}{}{info}", word(can), if info.is_empty() { "" } else { ": " });
        return vec![subject.at(level(can), Check::Health, found, "look into WhatsApp Manager")];
    }
    entity.errors.iter().map(line).collect()
}

/// In our words.
fn named(kind: &str) -> String {
    match kind {
        "WABA" => "account".to_owned(),
        other => other.to_lowercase().replace('_', " "),
    }
}

fn word(can: &CanSend) -> String {
    match can {
        CanSend::Available => "possible".to_owned(),
        CanSend::Limited => "limited".to_owned(),
        CanSend::Blocked => "blocked".to_owned(),
        CanSend::Other(word) if word.is_empty() => "unknown".to_owned(),
        CanSend::Other(word) => word.clone(),
    }
}

const fn level(can: &CanSend) -> Level {
    match can {
        CanSend::Available => Level::Ok,
        CanSend::Limited | CanSend::Other(_) => Level::Warn,
        CanSend::Blocked => Level::Bad,
    }
}

/// The business's numbers, as digits, which are not shown; nor is what looks like a number of anybody's.
struct Hidden(Vec<String>);

/// So many of its last digits are a number: national forms leave the country code out.
const HIDDEN_DIGITS: usize = 7;

/// From so many digits on a text may have a number with its country code; ids of Meta have more than 13.
const NUMBER_DIGITS_MIN: usize = 10;

impl Hidden {
    fn of(meta: &MetaFacts) -> Self {
        let numbers = meta.numbers.iter().filter_map(|number| number.number.as_ref().ok());
        let displays = numbers.filter_map(|number| number.display_phone_number.as_deref());
        let digits = displays.map(|display| display.chars().filter(char::is_ascii_digit).collect::<String>());
        let last = digits.filter_map(|digits| Some(digits.get(digits.len().checked_sub(HIDDEN_DIGITS)?..)?.to_owned()));
        Self(last.collect())
    }

    /// A text of Meta's without them, however their digits are set apart.
    fn without(&self, text: &str) -> String {
        let is_between = |sign: char| matches!(sign, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}');
        let (mut plain, mut rest) = (String::new(), text);
        while let Some(start) = rest.find(|sign: char| sign.is_ascii_digit()) {
            let run = &rest[start..];
            let end = run.find(|sign: char| !sign.is_ascii_digit() && !is_between(sign)).unwrap_or(run.len());
            let (run, behind) = run.split_at(end);
            let kept = run.trim_end_matches(is_between);
            let digits: String = kept.chars().filter(char::is_ascii_digit).collect();
            let is_number = rest[..start].ends_with('+') || (NUMBER_DIGITS_MIN..=13).contains(&digits.len());
            let is_hidden = is_number || self.0.iter().any(|number| digits.contains(number));
            plain.push_str(&rest[..start]);
            plain.push_str(if is_hidden { "…" } else { kept });
            plain.push_str(&run[kept.len()..]);
            rest = behind;
        }
        plain + rest
    }
}
