//! The way to Meta: the version of the API, and whose clock is wrong.

use jiff::civil::Date;
use waypost_graph_client::AnswerHead;

use super::{day, days_between};
use crate::commands::doctor::facts::MetaFacts;
use crate::commands::doctor::finding::{Check, Finding, Subject};
use crate::commands::doctor::versions::{ApiVersions, End};

/// Time enough to read a changelog, try it and roll it out.
const END_DAYS_MIN: i32 = 90;
/// A machine that asks for the time is within some milliseconds; windows and expiries are judged to the second.
const CLOCK_WARN_MS: i64 = 2_000;
/// The shortest life of a one-time code is 30 s, and a window that is closed for Meta refuses what we believe open.
const CLOCK_BAD_MS: i64 = 60_000;

pub(super) fn findings(now_ms: i64, meta: &MetaFacts) -> Vec<Finding> {
    let answered = meta.head.api_version.as_deref();
    vec![clock(&meta.head), version(&meta.version, answered, day(now_ms))]
}

/// By how much our clock is surely wrong: Meta's time is cut to the second, and the answer took its time.
fn surely_off_ms(head: &AnswerHead, date_ms: i64) -> i64 {
    let (ahead_min, ahead_max) = (head.asked_ms - (date_ms + 1_000), head.answered_ms - date_ms);
    if ahead_min > 0 {
        ahead_min
    } else if ahead_max < 0 {
        ahead_max
    } else {
        0
    }
}

pub(super) fn clock(head: &AnswerHead) -> Finding {
    let (subject, check) = (Subject::Meta, Check::Clock);
    let remedy = "let this machine take its time from the network (systemctl status systemd-timesyncd, or chronyd)";
    let Some(date_ms) = head.date_ms else {
        return subject.warn(check, "Meta's answer has no time in it", "compare this machine's clock by hand");
    };
    let off_ms = surely_off_ms(head, date_ms);
    let (seconds, side) = (off_ms.abs() / 1_000, if off_ms > 0 { "ahead of" } else { "behind" });
    let found =
        format!("this machine's clock is at least {seconds} s {side} Meta's: windows and expiries are judged wrong");
    match off_ms.abs() {
        off if off > CLOCK_BAD_MS => subject.bad(check, found, remedy),
        off if off > CLOCK_WARN_MS => subject.warn(check, found, remedy),
        _ => subject.ok(check, "this machine's clock is Meta's, to 2 s"),
    }
}

pub(super) fn version(asked: &str, answered: Option<&str>, today: Date) -> Finding {
    let (subject, check) = (Subject::Meta, Check::ApiVersion);
    let versions = match ApiVersions::built_in() {
        Ok(versions) => versions,
        Err(error) => return subject.bad(check, error.to_string(), "report it: this program was built wrong"),
    };
    let remedy = format!("set graph.version; the newest is {} (list of {})", versions.newest(), versions.as_of);
    let source = format!("by Meta's list of {}", versions.as_of);
    let ended = |when: &str| {
        let by = answered.filter(|answered| *answered != asked);
        let by = by.map(|by| format!(", and {by} answers")).unwrap_or_default();
        subject.bad(check, format!("{asked} has ended{when}, {source}{by}"), &remedy)
    };
    let end = versions.end_of(asked);
    match end {
        End::On(end) if days_between(today, end) <= 0 => return ended(&format!(" on {end}")),
        End::LongAgo => return ended(" long ago"),
        End::On(_) | End::NotSet | End::NotListed => {}
    }
    if let Some(answered) = answered.filter(|answered| *answered != asked) {
        return subject.bad(
            check,
            format!("{asked} is asked for, and {answered} answers: is there such a version?"),
            remedy,
        );
    }
    match end {
        End::On(end) if days_between(today, end) <= END_DAYS_MIN => {
            let left = days_between(today, end);
            subject.warn(check, format!("{asked} ends on {end}, in {left} days, {source}"), remedy)
        }
        End::On(end) => subject.ok(check, format!("{asked} answers until {end}, {source}")),
        End::NotSet => subject.ok(check, format!("{asked} answers, and no end of it is set, {source}")),
        End::NotListed | End::LongAgo => {
            let remedy = "look it up in Meta's changelog of versions";
            subject.warn(check, format!("{asked} is in no list that this program knows, {source}"), remedy)
        }
    }
}
