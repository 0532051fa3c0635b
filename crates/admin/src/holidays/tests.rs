//! Which days a text holds, what is left out and why, and what is no calendar.

use std::collections::BTreeSet;

use super::{Holidays, read};

fn of(events: &str) -> Holidays {
    let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n");
    read(&text, &BTreeSet::from([2026, 2027])).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// An event with these lines.
fn event(lines: &str) -> String {
    let lines = lines.replace('\n', "\r\n");
    format!("BEGIN:VEVENT\r\nUID:u\r\n{lines}\r\nEND:VEVENT\r\n")
}

fn days(lines: &str) -> Vec<String> {
    let holidays = of(&event(lines));
    assert_eq!(holidays.skipped, [], "{lines}");
    holidays.days.keys().map(ToString::to_string).collect()
}

fn reason(lines: &str) -> String {
    let holidays = of(&event(lines));
    assert!(holidays.days.is_empty(), "{lines}: {:?}", holidays.days);
    let [skipped] = &holidays.skipped[..] else { panic!("{lines}: {:?}", holidays.skipped) };
    assert_eq!(skipped.line, 3);
    skipped.reason.clone()
}

#[test]
fn whole_days_are_taken() {
    assert_eq!(days("DTSTART;VALUE=DATE:20261225"), ["2026-12-25"]);
    assert_eq!(days("DTSTART:20261225\nDTEND:20261225"), ["2026-12-25"], "written otherwise");
    let three = ["2026-12-24", "2026-12-25", "2026-12-26"];
    assert_eq!(days("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227"), three);
    assert_eq!(days("DTSTART;VALUE=DATE:20261224\nDURATION:P3D"), three);
    assert_eq!(days("DTSTART;VALUE=DATE:20251231\nDTEND;VALUE=DATE:20260102"), ["2026-01-01"], "of these years only");
    let over_new_year = "DTSTART;VALUE=DATE:20101231\nDTEND;VALUE=DATE:20110102\nRRULE:FREQ=YEARLY";
    assert_eq!(days(over_new_year), ["2026-01-01", "2026-12-31", "2027-01-01", "2027-12-31"]);
    assert_eq!(days("DTSTART;VALUE=DATE:19540501\nRRULE:FREQ=YEARLY\nEXDATE;VALUE=DATE:20260501"), ["2027-05-01"]);
}

#[test]
fn what_is_left_out_says_why() {
    let cases = [
        ("DTSTART;TZID=Europe/Madrid:20261225T090000", "time of day"),
        ("DTSTART;VALUE=DATE-TIME:20261225", "time of day"),
        ("SUMMARY:x", "no DTSTART"),
        ("DTSTART;VALUE=DATE:20261332", "is no date"),
        ("DTSTART;VALUE=DATE:20251225", "is not in 2026, 2027"),
        ("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261224", "ends before it begins"),
        ("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20281224", "at most 366"),
        ("DTSTART;VALUE=DATE:20261225\nDURATION:PT1H", "DURATION"),
        ("DTSTART;VALUE=DATE:20261225\nSTATUS:CANCELLED", "cancelled"),
        ("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=MONTHLY", "comes monthly"),
        ("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY\nRRULE:FREQ=YEARLY", "more than one RRULE"),
        ("DTSTART;VALUE=DATE:20261225\nRDATE;VALUE=DATE:20261226", "RDATE"),
        ("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY\nEXDATE:x", "EXDATE"),
    ];
    for (lines, expected) in cases {
        let reason = reason(lines);
        assert!(reason.contains(expected), "{lines}: {reason}");
    }
}

#[test]
fn several_events_of_a_day_are_one_holiday() {
    let on = |name: &str| event(&format!("DTSTART;VALUE=DATE:20261225\nSUMMARY:{name}"));
    let holidays = of(&[on("Christmas"), on("Navidad\\, fiesta"), on("Christmas")].concat());
    let found: Vec<_> = holidays.days.values().map(|found| (found.line, found.name.as_str())).collect();
    assert_eq!(found, [(3, "Christmas / Navidad, fiesta")]);
}

#[test]
fn one_day_of_a_series_may_have_its_own_event() {
    let series = event("DTSTART;VALUE=DATE:20200501\nRRULE:FREQ=YEARLY");
    let moved = event("DTSTART;VALUE=DATE:20260504\nRECURRENCE-ID;VALUE=DATE:20260501");
    let holidays = of(&[series, moved].concat());
    let days: Vec<String> = holidays.days.keys().map(ToString::to_string).collect();
    assert_eq!(days, ["2026-05-04", "2027-05-01"]);
}

#[test]
fn alarms_and_other_components_are_passed_over() {
    let alarm = "DTSTART;VALUE=DATE:20261225\nBEGIN:VALARM\nDTSTART:19700101T000000Z\nEND:VALARM\nSUMMARY:x";
    assert_eq!(days(alarm), ["2026-12-25"]);
    assert!(of("BEGIN:VTODO\r\nDTSTART;VALUE=DATE:20261225\r\nEND:VTODO\r\n").days.is_empty());
}

#[test]
fn what_is_no_calendar_is_told_with_its_lines() {
    let none = "line 1: BEGIN:VCALENDAR is missing: this is no iCalendar file (.ics)";
    let cases: [(&str, &[&str]); 9] = [
        ("", &[none]),
        ("<html>", &[none]),
        ("date,name\n2026-01-01,New Year\n2026-12-25,Christmas\n", &[none]),
        ("BEGIN:VEVENT\nEND:VEVENT", &["line 1: begins outside of a VCALENDAR"]),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR", &["line 3: ends VCALENDAR, but VEVENT is open since line 2"]),
        ("BEGIN:VCALENDAR", &["line 1: VCALENDAR does not end"]),
        ("END:VCALENDAR", &[none]),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR\nEND:VCALENDAR", &["line 3: ends what did not begin"]),
        ("BEGIN:VCALENDAR\nx\ny\nEND:VCALENDAR", &["line 2: is no NAME:value", "line 3: is no NAME:value"]),
    ];
    for (text, want) in cases {
        assert_eq!(read(text, &BTreeSet::from([2026])).unwrap_err(), want, "{text:?}");
    }
}

#[test]
fn a_text_that_is_made_to_be_deep_is_refused() {
    let deep = format!("BEGIN:VCALENDAR\n{}", "BEGIN:A\n".repeat(100_000));
    assert_eq!(read(&deep, &BTreeSet::from([2026])).unwrap_err().len(), 1);
}
