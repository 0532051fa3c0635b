//! What refuses a rule set: every limit at its edge, and every name that nothing stands behind.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_rules::RuleSet;

const HEAD: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['human']\n\
    [[teams]]\nname='a'\n[[teams]]\nname='bot'\nstaffed=false\n\
    [[calendars]]\nname='office'\nzone='Europe/Madrid'\nhours=[{ days=['mon'], from='09:00', to='18:00' }]\n";

/// The problems, without their lines.
fn problems(text: &str) -> Vec<String> {
    let Err(errors) = RuleSet::parse(text) else { return vec![] };
    errors.0.iter().map(|error| format!("{}: {}", error.field, error.problem)).collect()
}

fn of_rule(more: &str) -> Vec<String> {
    problems(&format!("{HEAD}[[rules]]\nid='r'\n{more}\n"))
}

fn of_when(when: &str) -> Vec<String> {
    of_rule(&format!("team='a'\nwhen={when}"))
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(", ")
}

#[test]
fn conditions_are_bounded_at_their_edge() {
    let long = |chars: usize| "é".repeat(chars);
    let conditions = |count: usize| list(count, |n| format!("{{ keyword='w{n}' }}"));
    let none: &[&str] = &[];
    let cases: [(String, &[&str]); 24] = [
        (format!("{{ keyword='{}' }}", long(200)), none),
        (
            format!("{{ keyword='{}' }}", long(201)),
            &["rules.r.when.keyword: \"éééééééééééééééééééé…\" is longer than 200 characters"],
        ),
        (format!("{{ reply='{}' }}", long(200)), none),
        (
            format!("{{ reply='{}' }}", long(201)),
            &["rules.r.when.reply: \"éééééééééééééééééééé…\" is longer than 200 characters"],
        ),
        (format!("[{}]", conditions(64)), none),
        (format!("[{}]", conditions(65)), &["rules.r.when: 65 alternatives; at most 64"]),
        (format!("{{ keyword='x', and=[{}] }}", conditions(31)), none),
        (format!("{{ keyword='x', and=[{}] }}", conditions(32)), &["rules.r.when: 33 conditions at once; at most 32"]),
        ("{ keyword=[] }".into(), &["rules.r.when.keyword: needs at least one word"]),
        ("{ regex=[] }".into(), &["rules.r.when.regex: needs at least one pattern"]),
        ("{ number=[] }".into(), &["rules.r.when.number: needs at least one value"]),
        ("{ referral_url=[] }".into(), &["rules.r.when.referral_url: needs at least one value"]),
        ("{ form={ city=[] } }".into(), &["rules.r.when.form.city: needs at least one value"]),
        ("{ tier='*' }".into(), &["rules.r.when.attribute.tier: a star alone; say { exists = true }"]),
        ("{ language='PT' }".into(), &["rules.r.when.language: \"PT\" is no language; they look like \"pt\""]),
        ("{ country='es' }".into(), &["rules.r.when.country: \"es\" is no country; they look like \"BR\""]),
        ("{ country='ESP' }".into(), &["rules.r.when.country: \"ESP\" is no country; they look like \"BR\""]),
        ("{ attribute={ n={ min=2, max=2 } } }".into(), none),
        (
            "{ attribute={ n={ min=2, max=1 } } }".into(),
            &["rules.r.when.attribute.n: no number is in this range: min, 2, is more than max, 1"],
        ),
        ("{ window_left_minutes={ min=5, max=5 } }".into(), none),
        (
            "{ window_left_minutes={ min=5, max=4 } }".into(),
            &["rules.r.when.window_left_minutes: no number is in this range: min, 5, is more than max, 4"],
        ),
        (
            "{ utc_offset_minutes={ min=5, max=4 } }".into(),
            &["rules.r.when.utc_offset_minutes: no number is in this range: min, 5, is more than max, 4"],
        ),
        (
            "{ percent={ from=10, to=10 } }".into(),
            &["rules.r.when.percent: from 10 to 10 of 100 is nobody; from is less than to, and to at most 100"],
        ),
        ("{ percent={ from=99, to=100 } }".into(), none),
    ];
    for (when, want) in cases {
        assert_eq!(of_when(&when), want, "{when}");
    }
    assert_eq!(of_when("{ percent={ from=0, to=101 } }").len(), 1);
}

#[test]
fn what_is_named_is_declared() {
    let undeclared = |field: &str| format!("rules.r.{field}: team x is not declared; add [[teams]] name = \"x\"");
    let cases = [
        ("team='x'\nwhen={ keyword='k' }", vec![undeclared("team")]),
        ("team='a'\nperson='agent'\nfallback_team='x'\nwhen={ keyword='k' }", vec![undeclared("fallback_team")]),
        ("split={ a=50, x=50 }\nwhen={ keyword='k' }", vec![undeclared("split")]),
        ("split={ a=50, bot=49 }\nwhen={ keyword='k' }", vec!["rules.r.split: the parts are 99 of 100; make them 100 together".to_owned()]),
        ("split={ a=50, bot=50 }\nwhen={ keyword='k' }", vec![]),
        ("team='a'\nwhen={ previous_team='x' }", vec![undeclared("when.previous_team")]),
        (
            "team='bto'\nwhen={ closed='ofice' }",
            vec![
                "rules.r.team: team bto is not declared; did you mean bot? If not, add [[teams]] name = \"bto\"".to_owned(),
                "rules.r.when.closed: calendar ofice is not declared; did you mean office? If not, add [[calendars]] name = \
                 \"ofice\""
                    .to_owned(),
            ],
        ),
        ("team='a'\nwhen={ previous_team=[] }", vec!["rules.r.when.previous_team: needs at least one team".to_owned()]),
        (
            "team='a'\nwhen={ open='night' }",
            vec!["rules.r.when.open: calendar night is not declared; add [[calendars]] name = \"night\"".to_owned()],
        ),
        (
            "team='a'\nwhen={ keyword='k' }\nescalation=[{ after_minutes=5, clock='night', team='x' }]",
            vec![
                undeclared("escalation"),
                "rules.r.escalation: calendar night is not declared; add [[calendars]] name = \"night\"".to_owned(),
            ],
        ),
        (
            "phase='handover'\nteam='bot'\nwhen={ keyword='k' }",
            vec!["rules.r.team: team bot is not staffed, and people must answer here".to_owned()],
        ),
        ("team='bot'\nwhen={ keyword='k' }", vec![]),
        (
            "phase='decorate'\nteam='a'\nwhen={ keyword='k' }",
            vec!["rules.r.team: a rule of phase decorate adds; it names no team".to_owned()],
        ),
        (
            "when={ keyword='k' }",
            vec!["rules.r.team: say where the message goes: team = \"…\", or split = { … }".to_owned()],
        ),
    ];
    for (rule, want) in cases {
        assert_eq!(of_rule(rule), want, "{rule}");
    }
    let nothing = ["rules.r.tags: a rule of phase decorate adds something: tags, skills, urgency or escalation"];
    assert_eq!(of_rule("phase='decorate'\nwhen={ keyword='k' }"), nothing);
    for added in ["tags=['t']", "skills=['s']", "urgency='urgent'", "escalation=[{ after_minutes=5, team='a' }]"] {
        assert_eq!(of_rule(&format!("phase='decorate'\n{added}\nwhen={{ keyword='k' }}")), [""; 0], "{added}");
    }
}

#[test]
fn a_rule_has_an_id_and_an_end_behind_its_beginning() {
    let id = |bytes: usize| {
        problems(&format!("{HEAD}[[rules]]\nid='{}'\nteam='a'\nwhen={{ keyword='k' }}\n", "i".repeat(bytes)))
    };
    assert_eq!(id(100), [""; 0]);
    for bytes in [0, 101] {
        assert!(id(bytes)[0].ends_with(".id: must be 1 to 100 bytes"), "{bytes}: {:?}", id(bytes));
    }
    let valid = |from: &str, until: &str| {
        of_rule(&format!("team='a'\nvalid_from={from}\nvalid_until={until}\nwhen={{ keyword='k' }}"))
    };
    let (first, second) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z");
    assert_eq!(valid(first, second), [""; 0]);
    assert_eq!(valid(first, first), [format!("rules.r.valid_until: {first} is not later than valid_from, {first}")]);
    assert_eq!(valid(second, first), [format!("rules.r.valid_until: {first} is not later than valid_from, {second}")]);
}

#[test]
fn calendars_and_handover_make_sense() {
    let calendar = |more: &str| problems(&format!("{HEAD}[[calendars]]\nname='c'\n{more}\n"));
    assert_eq!(
        calendar("zone='Mars/Olympus'\nhours=[]"),
        ["calendars.c.zone: \"Mars/Olympus\" is no time zone; they look like Europe/Madrid"]
    );
    for (from, to, good) in
        [("09:00", "09:00", false), ("24:00", "09:00", false), ("00:00", "24:00", true), ("22:00", "02:00", true)]
    {
        let hours = format!("zone='UTC'\nhours=[{{ days=['mon'], from='{from}', to='{to}' }}]");
        let holiday =
            format!("zone='UTC'\nhours=[]\nholidays=[{{ date='2026-12-24', hours=[{{ from='{from}', to='{to}' }}] }}]");
        for text in [hours, holiday] {
            let found = calendar(&text);
            assert_eq!(found.is_empty(), good, "{text}: {found:?}");
            assert!(good || found[0].contains(&format!("a shift from {from} to {to}")), "{found:?}");
        }
    }
    let twice = problems(&format!("{HEAD}[[teams]]\nname='a'\n[[calendars]]\nname='office'\nzone='UTC'\nhours=[]\n"));
    assert_eq!(
        twice,
        [
            "teams.a: team a is there twice; take one away",
            "calendars.office: calendar office is there twice; take one away"
        ]
    );
    let overflow = problems(&format!("{HEAD}[[teams]]\nname='c'\noverflow_team='x'\n"));
    assert_eq!(overflow, ["teams.c.overflow_team: team x is not declared; add [[teams]] name = \"x\""]);
    let nobody = HEAD.replace("buttons=['human']", "buttons=[]");
    assert_eq!(problems(&nobody), ["handover: at least one word or button is needed"]);
}

#[test]
fn days_are_listed_and_guessed() {
    let told = |days: &str| {
        problems(&format!(
            "{HEAD}[[calendars]]\nname='c'\nzone='UTC'\nhours=[{{ days={days}, from='09:00', to='18:00' }}]\n"
        ))
    };
    for good in ["'mon'", "'sat-mon'", "['mon', 'wed']"] {
        assert_eq!(told(good), [""; 0], "{good}");
    }
    for (days, hint) in [
        ("'Mon'", "did you mean \"mon\"?"),
        ("'monday'", "did you mean \"mon\"?"),
        ("'Tues.'", "did you mean \"tue\"?"),
        ("'Monday - Friday'", "did you mean \"mon-fri\"?"),
        ("'mon\u{2013}fri'", "did you mean \"mon-fri\"?"),
        ("'mon,tue'", "a range is \"mon-fri\", several days are a list"),
        ("'money'", "a range is \"mon-fri\", several days are a list"),
        ("''", "a range is \"mon-fri\", several days are a list"),
    ] {
        let want = format!(" is none of mon, tue, wed, thu, fri, sat, sun; {hint}");
        let got = told(days);
        assert!(
            matches!(&got[..], [one] if one.starts_with("calendars.c.hours.days: ") && one.ends_with(&want)),
            "{days}: {got:?}"
        );
    }
}
