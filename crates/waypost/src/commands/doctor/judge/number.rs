//! A number: whether it is there, can send, is rated well, and is what customers are to see.

use waypost_cloud_api::answer::{BusinessProfile, Number};

use super::words::{Word, bad, judged, ok, warn};
use super::{Hidden, of_health, unanswered, webhooks};
use crate::commands::doctor::facts::{Asked, MetaFacts, NumberFacts, Ours};
use crate::commands::doctor::finding::{Check, Finding, Level, Subject};

const MANAGER: &str = "look into WhatsApp Manager";
const REGISTER: &str = "register the number in the Cloud API (POST /{number}/register with its PIN)";

const STATUS: [Word; 12] = [
    ok("CONNECTED", ""),
    warn(
        "FLAGGED",
        "its quality is low",
        "send less, and to who asked for it; in 7 days it is CONNECTED, or restricted",
    ),
    warn("RATE_LIMITED", "it has reached its limit for now", "wait, or write to fewer customers"),
    bad("RESTRICTED", "it has reached its limit, and may write to nobody new for now", "wait for Meta, and send less"),
    bad("PENDING", "it is not registered", REGISTER),
    bad("UNVERIFIED", "nobody has shown that it is ours", "verify it by the code that Meta sends, then register it"),
    bad("DISCONNECTED", "nothing comes and nothing goes", REGISTER),
    bad("MIGRATED", "it lives in another account now", "correct its id (numbers.NAME, or `waypost numbers`)"),
    bad("DELETED", "it is gone", "take it out of the configuration, or register it again"),
    bad("BANNED", "Meta has banned it", "appeal in Business Support Home"),
    bad("UNKNOWN", "", MANAGER),
    bad("OFFLINE", "nothing comes and nothing goes", MANAGER),
];

const MODE: [Word; 2] =
    [ok("LIVE", ""), warn("SANDBOX", "it reaches a few listed test numbers only", "use a number of your own")];

const PLATFORM: [Word; 3] = [
    ok("CLOUD_API", ""),
    bad("ON_PREMISE", "which the Cloud API does not reach", "migrate the number to the Cloud API"),
    bad("NOT_APPLICABLE", "it is not registered", REGISTER),
];

const QUALITY: [Word; 5] = [
    ok("GREEN", ""),
    warn("YELLOW", "customers block or report it", "look at who gets which template, and whether they asked for it"),
    bad(
        "RED",
        "customers block or report it, and Meta may stop it",
        "stop campaigns, and look at who gets which template",
    ),
    ok("UNKNOWN", "it is not rated yet"),
    ok("NA", "it is not rated yet"),
];

const NAME: [Word; 7] = [
    ok("APPROVED", ""),
    ok("AVAILABLE_WITHOUT_REVIEW", ""),
    warn("PENDING_REVIEW", "customers see the number until it is approved", "wait for Meta"),
    warn("NON_EXISTS", "customers see the number", "ask for a display name in WhatsApp Manager"),
    warn("NONE", "customers see the number", "ask for a display name in WhatsApp Manager"),
    bad("DECLINED", "customers see the number, and the limit stays low", "ask for another one in WhatsApp Manager"),
    bad("EXPIRED", "its certificate has ended", "ask for the name again in WhatsApp Manager, and register the number"),
];

const CODE: [Word; 2] = [
    ok("VERIFIED", ""),
    warn("NOT_VERIFIED", "nobody has shown that it is ours", "verify it by the code that Meta sends"),
];

pub(super) fn findings(ours: &Ours, meta: &MetaFacts, facts: &NumberFacts, hidden: &Hidden) -> Vec<Finding> {
    let subject = Subject::Number(facts.name.clone());
    let number = match &facts.number {
        Ok(number) => number,
        Err(not_asked) => return vec![unanswered(&subject, Level::Bad, Check::Known, not_asked)],
    };
    let mut findings = vec![judged(&subject, Check::Status, "", number.status.as_deref(), &STATUS)];
    // Account, business and app have their own lines, once.
    findings.extend(of_health(&subject, number.health.as_ref(), &["PHONE_NUMBER"], hidden));
    findings.push(judged(&subject, Check::Quality, "", number.quality_rating.as_deref(), &QUALITY));
    findings.push(limits(&subject, number));
    findings.extend(mode(&subject, number));
    findings.push(display_name(&subject, number));
    findings.push(code(&subject, number));
    findings.push(profile(&subject, &facts.profile));
    findings.extend(webhooks::of_number(ours, meta, facts));
    findings
}

fn limits(subject: &Subject, number: &Number) -> Finding {
    let per_second = match number.throughput.as_deref() {
        Some("STANDARD") => "80 messages a second".to_owned(),
        Some("HIGH") => "1,000 messages a second".to_owned(),
        Some(level) => format!("throughput {level}"),
        None => "throughput not told".to_owned(),
    };
    let tier = number.messaging_limit.as_deref().map(|tier| tier.trim_start_matches("TIER_").to_uppercase());
    let found = |customers: &str| format!("{customers} a day outside windows (of the whole portfolio), {per_second}");
    match tier.as_deref() {
        Some("250") => subject.warn(
            Check::Limits,
            found("250 customers"),
            "verify the business, or write well to 2,000 customers in 30 days",
        ),
        Some("UNLIMITED") => subject.ok(Check::Limits, found("any number of customers")),
        Some("UNTIERED") | None => {
            subject.warn(Check::Limits, format!("no messaging limit is told yet, {per_second}"), MANAGER)
        }
        Some(tier) => subject.ok(Check::Limits, found(&format!("{tier} customers"))),
    }
}

fn mode(subject: &Subject, number: &Number) -> Vec<Finding> {
    let mode = judged(subject, Check::Mode, "", number.account_mode.as_deref(), &MODE);
    let platform = judged(subject, Check::Mode, "", number.platform.as_deref(), &PLATFORM);
    if mode.level == Level::Ok && platform.level == Level::Ok {
        return vec![subject.ok(Check::Mode, "it is live, in the Cloud API")];
    }
    [mode, platform].into_iter().filter(|finding| finding.level != Level::Ok).collect()
}

fn display_name(subject: &Subject, number: &Number) -> Finding {
    let name = number.verified_name.as_deref().unwrap_or_default();
    judged(subject, Check::DisplayName, &format!("\"{name}\": "), number.name_status.as_deref(), &NAME)
}

/// The code that was sent to show that the number is ours ends some days later, which is nothing once it is connected.
fn code(subject: &Subject, number: &Number) -> Finding {
    match (number.code_verification_status.as_deref(), number.status.as_deref()) {
        (Some("EXPIRED"), Some("CONNECTED")) => {
            subject.ok(Check::Verification, "number: EXPIRED, which is nothing while it is connected")
        }
        (Some("EXPIRED"), _) => {
            let remedy = "verify it by a new code that Meta sends, then register it";
            subject.bad(Check::Verification, "number: EXPIRED, and it is not connected", remedy)
        }
        (said, _) => judged(subject, Check::Verification, "number: ", said, &CODE),
    }
}

fn profile(subject: &Subject, profile: &Asked<BusinessProfile>) -> Finding {
    let profile = match profile {
        Ok(profile) => profile,
        Err(not_asked) => return unanswered(subject, Level::Warn, Check::Profile, not_asked),
    };
    let is_empty = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
    let lacks: Vec<&str> = [("about", &profile.about), ("description", &profile.description)]
        .into_iter()
        .filter(|(_, text)| is_empty(text))
        .map(|(name, _)| name)
        .collect();
    if lacks.is_empty() {
        return subject.ok(Check::Profile, "about and description are filled in");
    }
    let found = format!("{} not filled in: customers do not see who writes", lacks.join(" and "));
    subject.warn(Check::Profile, found, "fill the business profile in, in WhatsApp Manager")
}
