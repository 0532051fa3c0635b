//! What a rules file may say, that it reads back, and how its mistakes are told.

use std::slice;

use super::{read, read_calendars, read_rules, write, write_calendar, write_rule};
use crate::RuleSet;
use crate::finding::RuleErrors;

const MINIMAL: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n";

/// Every key of the language.
const FULL: &str = include_str!("full.toml");

fn check(name: &str, text: &str, want: &[&str]) {
    let got = match RuleSet::parse(text) {
        Ok(_) => vec![],
        Err(errors) => errors.0.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(got, want, "{name}");
}

#[test]
fn everything_reads_back() {
    let document = read(FULL).unwrap();
    let written = write(&document);
    assert_eq!(read(&written).unwrap_or_else(|errors| panic!("{errors}\n{written}")), document);
    assert_eq!(write(&read(&written).unwrap()), written);
}

#[test]
fn a_rule_and_a_calendar_read_back_alone() {
    let document = read(FULL).unwrap();
    for rule in &document.definition.rules {
        assert_eq!(read_rules(&write_rule(rule)).unwrap(), std::slice::from_ref(rule));
    }
    for calendar in &document.calendars {
        assert_eq!(read_calendars(&write_calendar(calendar)).unwrap(), std::slice::from_ref(calendar));
    }
    let told = |text: &str| read_rules(text).unwrap_err().to_string();
    assert_eq!(told(MINIMAL).lines().next(), Some("line 1: default: unknown key; known here: rules"));
    assert_eq!(told("\n[[rules]]\nid='x'"), "line 2: rules.x.when: is missing");
}

#[test]
fn the_version_is_of_what_is_said_and_not_how() {
    let version = |text: &str| RuleSet::parse(text).unwrap_or_else(|errors| panic!("{errors}")).version;
    let rule = |id: &str| format!("[[rules]]\nid='{id}'\nteam='a'\nwhen={{ keyword='{id}' }}\n");
    let a = version(&format!("{MINIMAL}{}{}", rule("x"), rule("y")));
    assert_eq!(a.len(), 12);
    assert_eq!(a, version(&format!("{MINIMAL}# a note\n{}{}", rule("y"), rule("x"))));
    assert_ne!(a, version(&format!("{MINIMAL}{}", rule("x"))));
    assert_ne!(a, version(&format!("{MINIMAL}title='T'\n{}{}", rule("x"), rule("y"))));
}

#[test]
fn mistakes_are_named_all_at_once() {
    check("minimal", MINIMAL, &[]);
    check(
        "empty",
        "",
        &[
            "default: say which team gets what no rule matches: [default] team = \"…\"",
            "handover: say how a customer reaches a person: [handover] team = \"…\", words, buttons",
        ],
    );
    check(
        "shapes",
        &format!(
            "{MINIMAL}[[rules]]\nid='r'\nteam='B'\nurgency='now'\nprio=1\nwhen={{ keyword=5, colour='red', percent={{ from='x' }} }}\n[[rules]]\nname='no id'\n"
        ),
        &[
            "line 10: rules.r.team: team name \"B\" must be 1 to 64 characters of a-z, 0-9 and '-', starting with a letter or digit",
            "line 11: rules.r.urgency: \"now\" is none of urgent, normal",
            "line 12: rules.r.prio: unknown key; known here: id, name, phase, priority, enabled, valid_from, valid_until, when, on_unknown, move, team, split, person, fallback_team, urgency, tags, skills, escalation, samples",
            "line 13: rules.r.when.colour: unknown key; known here: keyword, regex, number, type, language, language_source, country, reply, template, referral, referral_type, referral_url, open_team, binding, group, form, in, forms, forwarded, quoted, emoji, call, tier, attribute, open, closed, utc_offset_minutes, previous_team, window_left_minutes, first_contact, percent, team_open, team_staffed, team_waiting, not, and",
            "line 13: rules.r.when.keyword: must be a text in quotes, not a number",
            "line 13: rules.r.when.percent.from: must be a whole number, and not out of range",
            "line 14: rules.id: is missing",
            "line 14: rules..when: is missing",
        ],
    );
    check(
        "meanings",
        &format!(
            "{MINIMAL}[[rules]]\nid='r'\nteam='b'\nwhen={{ keyword='!!' }}\n[[rules]]\nid='r'\nteam='a'\nwhen={{}}\n"
        ),
        &[
            "line 10: rules.r.team: team b is not declared; add [[teams]] name = \"b\"",
            "line 11: rules.r.when.keyword: \"!!\" has no letter or digit to look for",
            "line 13: rules.r.id: this id is there twice; give one of the rules another",
            "line 15: rules.r.when: needs a condition, such as keyword, reply, type or attribute",
        ],
    );
    check(
        "unstaffed default",
        "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\nstaffed=false\n",
        &[
            "line 2: default.team: team a is not staffed, and people must answer here",
            "line 4: handover.team: team a is not staffed, and people must answer here",
        ],
    );
    check(
        "overflow",
        &format!("{MINIMAL}overflow_team='a'\n"),
        &["line 8: teams.a.overflow_team: team a cannot overflow into itself; name another"],
    );
}

#[test]
fn misspelt_keys_hide_no_other_mistake() {
    check(
        "meanings beside unknown keys",
        &format!(
            "{MINIMAL}houres='office'\n[[rules]]\nid='r'\nteam='b'\nphas='decorate'\nwhen={{ keywrod='x', open='office' }}\n[[rules]]\nid='s'\ntaem='a'\nwhen={{ keywrod='x' }}\n"
        ),
        &[
            "line 8: teams.a.houres: unknown key; did you mean hours?",
            "line 11: rules.r.team: team b is not declared; add [[teams]] name = \"b\"",
            "line 12: rules.r.phas: unknown key; did you mean phase?",
            "line 13: rules.r.when.keywrod: unknown key; did you mean keyword?",
            "line 13: rules.r.when.open: calendar office is not declared; add [[calendars]] name = \"office\"",
            "line 16: rules.s.taem: unknown key; did you mean team?",
            "line 17: rules.s.when.keywrod: unknown key; did you mean keyword?",
        ],
    );
    check(
        "a part that declares",
        &format!("{MINIMAL}[[team]]\nname='b'\n[[rules]]\nid='r'\nteam='b'\nwhen={{ keyword='x' }}\n"),
        &["line 8: team: unknown key; did you mean teams?"],
    );
}

#[test]
fn what_is_not_toml_names_the_line() {
    let error = RuleSet::parse("[default]\nteam = \n").expect_err("not TOML");
    assert_eq!(error.0[0].line, Some(2));
    let error = RuleSet::parse(&format!("{MINIMAL}colour='red'\n")).expect_err("an unknown field");
    assert!(error.to_string().contains("colour"), "{error}");
}

/// The remedy stands behind what the parser says.
#[test]
fn slips_get_their_remedy() {
    let quote = |c: char| format!("{c} is a quote of a word processor: type \" instead, as in \"billing\"");
    let unseen = |column: usize, what: &str, code: &str| {
        format!("in column {column} there is {what} (U+{code}): delete it, and type a plain space")
    };
    let cases = [
        ("id = “billing”", quote('“')),
        ("when = { keyword = [‘a’] }", quote('‘')),
        ("id = „a“", quote('„')),
        ("id = \"a”", quote('”')),
        ("name = \"it’s\" id = »a«", quote('»')),
        ("id\u{a0}= 'x'", unseen(3, "a no-break space", "00A0")),
        ("id =\u{202f}'x'", unseen(5, "a no-break space", "202F")),
        ("id = 'x'\n\u{feff}[[rules]]", unseen(1, "a byte order mark, as where two files were joined", "FEFF")),
        ("id =\u{200b}'x'", unseen(5, "a character that cannot be seen", "200B")),
        ("id =\u{3000}'x'", unseen(5, "a space of another width", "3000")),
        ("at = 2026–12–01", "type - instead of –".to_owned()),
        ("id ＝ 'x'", "type = instead of ＝".to_owned()),
        ("[[rules]", "a heading has as many brackets behind as in front: [handover], [[rules]]".to_owned()),
        ("id 'x'", "a key, = and a value: id = ...".to_owned()),
        ("id: 'x'", "write id = instead of id:".to_owned()),
        ("// of orders", "a comment begins with #".to_owned()),
        ("keyword = ['a' 'b']", "put a comma between the values, or ] behind the last one".to_owned()),
        ("keyword = ['a'\nid = 'x'", "put a comma between the values, or ] behind the last one".to_owned()),
        ("when = { a = 1 b = 2 }", "put a comma between them, or } behind the last one".to_owned()),
        ("id = billing", "put the text in quotes: \"...\"".to_owned()),
        ("staffed = True", "true and false are written in small letters".to_owned()),
        ("id = 'x'; name = 'y'", "a line ends without a semicolon".to_owned()),
        ("name = 'it's'", "a text with ' in it stands in \"...\"".to_owned()),
        ("priority = 1,000", "a number has no commas: 1000".to_owned()),
        ("id = \"x", "a text ends with the quote that it began with, on the same line".to_owned()),
        ("regex = \"\\d\"", "in \"...\" a \\ is written as \\\\; in '...' it stands for itself".to_owned()),
        ("id = 'x'\nid = 'y'", "id is there twice; is a heading such as [[rules]] missing between the two?".to_owned()),
        ("[[rules]]\n[rules]", "each of them begins with [[rules]], with two brackets".to_owned()),
        ("[default]\n[default]", "put both together under one [default]".to_owned()),
    ];
    for (slip, want) in cases {
        let RuleErrors(errors) = read(slip).unwrap_err();
        let [error] = &errors[..] else { panic!("{slip}: {errors:?}") };
        assert!(error.problem.ends_with(&format!("; {want}")), "{slip}: {}", error.problem);
        assert!(!error.problem.contains('\n'), "{slip}: {}", error.problem);
    }
    let when = read("when = { a = 1 }\nwhen = { b = 1 }").unwrap_err().to_string();
    assert!(when.contains("line 2: ") && when.contains("when = [{ ... }, { ... }]"), "{when}");
}

/// What looks like a slip and is none: a mark at the beginning of the file, tabs, and anything within quotes.
#[test]
fn what_is_no_slip_is_read() {
    check("a byte order mark", &format!("\u{feff}{MINIMAL}"), &[]);
    check("tabs", &MINIMAL.replace('=', "\t=\t"), &[]);
    check("quotes in quotes", &format!("{MINIMAL}title=\"“A”\u{a0}team’s\"\n"), &[]);
    let once = MINIMAL.replace("[[teams]]", "[teams]");
    check("one bracket", &once, &["line 6: teams: each of them begins with [[teams]], with two brackets"]);
}

/// A pattern is no way to make routing slow: what it compiles to is limited, and how many there are.
#[test]
fn patterns_have_limits() {
    const AT: &str = "line 11: rules.r0.when.regex: ";
    let with = |patterns: &[String]| {
        let rule = |(n, pattern)| format!("[[rules]]\nid='r{n}'\nteam='a'\nwhen={{ regex='{pattern}' }}\n");
        format!("{MINIMAL}{}", patterns.iter().enumerate().map(rule).collect::<String>())
    };
    let different = |count: usize| (0..count).map(|n| format!("x{n}")).collect::<Vec<_>>();
    let is_none = |pattern: &str, reason: &str| format!("{AT}/{pattern}/ is no pattern: {reason}");
    let size = "Compiled regex exceeds size limit of 262144 bytes.";
    let too_large = ["(?:abc){10000}", "(?:(?:abc){100}){100}", r"\pL{200}"];
    let mut cases = vec![
        ("é".repeat(200), None),
        ("é".repeat(201), Some(format!("{AT}\"{}…\" is longer than 200 characters", "é".repeat(20)))),
        ("(?:abc){1000}".to_owned(), None),
        ("(".to_owned(), Some(is_none("(", "unclosed group"))),
    ];
    cases.extend(too_large.map(|pattern| (pattern.to_owned(), Some(is_none(pattern, size)))));
    for (pattern, refused) in cases {
        check(&pattern, &with(slice::from_ref(&pattern)), &refused.iter().map(String::as_str).collect::<Vec<_>>());
    }
    check("200 different ones", &with(&different(200)), &[]);
    let too_many = "line 8: rules: 201 different patterns (regex); at most 200";
    check("201 different ones", &with(&different(201)), &[too_many]);
    check("201 times the same", &with(&vec!["x".to_owned(); 201]), &[]);
}
