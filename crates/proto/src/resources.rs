//! Single rules and calendars as the administration shows them, and back. A resource has no id of its own: that is the
//! last part of its name, which only the server knows for sure.

use prost_types::Timestamp as WireTime;
use waypost_domain::{Calendar, Timestamp};
use waypost_rules::Rule;

use crate::rule_set::{FieldViolations, read_calendar, read_rule};
use crate::{admin_v1 as v1, rules_v1};

/// `rule` under this name, without an etag.
pub fn rule(name: String, rule: &Rule) -> v1::Rule {
    let wire = rules_v1::Rule::from(rule);
    v1::Rule {
        name,
        title: wire.name.unwrap_or_default(),
        phase: wire.phase,
        priority: wire.priority,
        disabled: wire.disabled,
        valid_from: wire.valid_from_ms.map(wire_time),
        valid_until: wire.valid_until_ms.map(wire_time),
        when: wire.when,
        on_unknown: wire.on_unknown,
        outcome: wire.outcome,
        samples: wire.samples,
        r#move: wire.r#move,
        etag: String::new(),
    }
}

/// The rule `id`; every mistake in `resource` is named below `at`.
pub fn rule_of(resource: v1::Rule, id: &str, at: &str) -> Result<Rule, FieldViolations> {
    let wire = rules_v1::Rule {
        id: id.to_owned(),
        name: (!resource.title.is_empty()).then_some(resource.title),
        phase: resource.phase,
        priority: resource.priority,
        disabled: resource.disabled,
        valid_from_ms: resource.valid_from.as_ref().map(millis),
        valid_until_ms: resource.valid_until.as_ref().map(millis),
        when: resource.when,
        on_unknown: resource.on_unknown,
        outcome: resource.outcome,
        samples: resource.samples,
        r#move: resource.r#move,
    };
    read_rule(wire, at).map_err(|FieldViolations(mut violations)| {
        for (theirs, ours) in [("valid_from_ms", "valid_from"), ("valid_until_ms", "valid_until")] {
            let theirs = format!("{at}.{theirs}");
            for violation in violations.iter_mut().filter(|violation| violation.field == theirs) {
                violation.field = format!("{at}.{ours}");
            }
        }
        FieldViolations(violations)
    })
}

/// `calendar` under this name, without an etag.
pub fn calendar(name: String, calendar: &Calendar) -> v1::Calendar {
    let wire = rules_v1::Calendar::from(calendar);
    v1::Calendar { name, zone: wire.zone, hours: wire.hours, holidays: wire.holidays, etag: String::new() }
}

/// The calendar `id`; every mistake in `resource` is named below `at`.
pub fn calendar_of(resource: v1::Calendar, id: &str, at: &str) -> Result<Calendar, FieldViolations> {
    let v1::Calendar { zone, hours, holidays, .. } = resource;
    read_calendar(rules_v1::Calendar { name: id.to_owned(), zone, hours, holidays }, at)
}

pub(crate) fn wire_time(millis: i64) -> WireTime {
    let nanos = i32::try_from(millis.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
    WireTime { seconds: millis.div_euclid(1_000), nanos }
}

/// What is too far away stays too far away.
fn millis(at: &WireTime) -> i64 {
    Timestamp::from_millis(at.seconds.saturating_mul(1_000)).plus_millis(i64::from(at.nanos / 1_000_000)).as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_rules::toml_form;

    const FULL: &str = include_str!("../../rules/src/toml_form/full.toml");

    #[test]
    fn rules_and_calendars_come_back() {
        let document = toml_form::read(FULL).unwrap();
        for one in &document.definition.rules {
            assert_eq!(&rule_of(rule("x".to_owned(), one), &one.id, "rule").unwrap(), one);
        }
        for one in &document.calendars {
            assert_eq!(&calendar_of(calendar("x".to_owned(), one), one.name.as_str(), "calendar").unwrap(), one);
        }
    }

    #[test]
    fn mistakes_have_the_names_of_the_resource() {
        let far = WireTime { seconds: i64::MAX, nanos: 0 };
        let resource = v1::Rule { phase: 9, valid_until: Some(far), ..v1::Rule::default() };
        let FieldViolations(violations) = rule_of(resource, "x", "rule").unwrap_err();
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["rule.phase", "rule.valid_until"]);
    }
}
