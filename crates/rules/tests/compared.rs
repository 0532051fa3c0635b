//! What changed between two rule sets, in what they say and in what they decide, and which rules are hit.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;

use waypost_domain::{TeamName, Timestamp};
use waypost_rules::coverage::{Coverage, Hits};
use waypost_rules::diff::{Difference, DryRun, Move};
use waypost_rules::{RouteInput, RuleSet, Scratch, toml_form};

const HEAD: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['human']\n\
    [[teams]]\nname='a'\n[[teams]]\nname='b'\n[[teams]]\nname='c'\n";

fn rule(id: &str, more: &str) -> String {
    format!("[[rules]]\nid='{id}'\n{more}\n")
}

fn set(rules: &str) -> RuleSet {
    RuleSet::parse(&format!("{HEAD}{rules}")).unwrap_or_else(|errors| panic!("{errors}"))
}

fn text(text: &str) -> RouteInput {
    RouteInput { message_type: "text".into(), text: Some(text.into()), ..RouteInput::default() }
}

fn team(name: &str) -> TeamName {
    TeamName::new(name).unwrap()
}

#[test]
fn every_part_of_a_rule_is_told_by_its_name() {
    let read = |rule: &str| toml_form::read(&format!("{HEAD}[[rules]]\nid='r'\n{rule}\n")).unwrap();
    let old = "team='a'\nwhen={ keyword='x' }";
    let cases = [
        ("name", "name='n'\nteam='a'\nwhen={ keyword='x' }"),
        ("phase", "phase='default'\nteam='a'\nwhen={ keyword='x' }"),
        ("priority", "priority=1\nteam='a'\nwhen={ keyword='x' }"),
        ("enabled", "enabled=false\nteam='a'\nwhen={ keyword='x' }"),
        ("valid_from", "valid_from=2026-01-01T00:00:00Z\nteam='a'\nwhen={ keyword='x' }"),
        ("valid_until", "valid_until=2026-01-01T00:00:00Z\nteam='a'\nwhen={ keyword='x' }"),
        ("when", "team='a'\nwhen={ keyword='y' }"),
        ("on_unknown", "on_unknown='match'\nteam='a'\nwhen={ keyword='x' }"),
        ("team", "team='b'\nwhen={ keyword='x' }"),
        ("urgency", "urgency='urgent'\nteam='a'\nwhen={ keyword='x' }"),
        ("tags", "tags=['t']\nteam='a'\nwhen={ keyword='x' }"),
        ("skills", "skills=['s']\nteam='a'\nwhen={ keyword='x' }"),
        ("escalation", "escalation=[{ after_minutes=5, team='a' }]\nteam='a'\nwhen={ keyword='x' }"),
        ("samples", "samples=[{ text='x' }]\nteam='a'\nwhen={ keyword='x' }"),
    ];
    for (part, new) in cases {
        let difference = Difference::between(&read(old), &read(new));
        assert_eq!(difference.changed[0].parts, [part], "{new}");
        assert!(!difference.is_empty(), "{part}");
    }
}

#[test]
fn whatever_else_differs_is_told_too() {
    let read = |text: &str| toml_form::read(text).unwrap();
    let office = "[[calendars]]\nname='office'\nzone='UTC'\nhours=[]\n";
    let old = format!("{HEAD}{office}");
    let cases = [
        (old.replace("buttons=['human']", "buttons=['person']"), vec!["handover"]),
        (old.replacen("team='a'", "team='b'", 1), vec!["default"]),
        (old.replace("name='b'", "name='b'\ntitle='B'"), vec!["teams.b"]),
        (old.replace("name='c'", "name='d'"), vec!["teams.c", "teams.d"]),
        (old.replace("zone='UTC'", "zone='Europe/Madrid'"), vec!["calendars.office"]),
        (HEAD.to_owned(), vec!["calendars.office"]),
        (old.clone(), vec![]),
    ];
    for (new, other) in cases {
        let difference = Difference::between(&read(&old), &read(&new));
        assert_eq!(difference.other, other, "{new}");
        assert_eq!(difference.is_empty(), other.is_empty(), "{new}");
    }
}

#[test]
fn a_dry_run_counts_what_would_move() {
    let old = set(&rule("one", "team='b'\nwhen={ keyword='bill' }"));
    let new = set(&rule("one", "team='c'\nwhen={ keyword=['bill', 'order'] }"));
    let inputs: Vec<RouteInput> = ["bill 0", "order 1", "bill 2", "hello", "bill 4", "bill 5", "bill 6", "bill 7"]
        .map(text)
        .into_iter()
        .collect();
    let moved = |from: &str, to: &str, examples: &[u64], count| Move {
        from: team(from),
        to: team(to),
        count,
        examples: examples.to_vec(),
    };
    let run = DryRun::run(&new, Some(&old), inputs.iter().map(|input| (input, None)));
    assert_eq!((run.inputs, run.moved), (8, 7));
    // Most first, and of each the first five.
    assert_eq!(run.moves, [moved("b", "c", &[0, 2, 4, 5, 6], 6), moved("a", "c", &[1], 1)]);

    // What really happened stands in for the old rules; what nobody knows does not move.
    let (b, c) = (team("b"), team("c"));
    let decided = [Some(&c), Some(&c), Some(&b), Some(&b), None, None, None, None];
    let run = DryRun::run(&new, None, inputs.iter().zip(decided));
    assert_eq!((run.inputs, run.moved), (8, 2));
    assert_eq!(run.moves, [moved("b", "a", &[3], 1), moved("b", "c", &[2], 1)]);
    assert_eq!(DryRun::run(&new, Some(&new), inputs.iter().map(|input| (input, None))).moves, []);
}

#[test]
fn hits_are_counted_and_what_is_never_hit_is_told() {
    let set = set(&[
        rule("hit", "team='b'\nwhen={ keyword='bill' }"),
        rule("never", "team='b'\nwhen={ keyword='nothing' }"),
        rule("off", "team='b'\nenabled=false\nwhen={ keyword='bill' }"),
        rule("tag", "phase='decorate'\ntags=['t']\nwhen={ type='text' }"),
    ]
    .concat());
    let mut coverage = Coverage::new(&set);
    let mut scratch = Scratch::default();
    let at = |seconds: i64| Some(Timestamp::from_millis(seconds * 1000));
    for (said, when) in [("bill", at(5)), ("bill", at(3)), ("hello", at(9)), ("hello", None)] {
        let input = text(said);
        coverage.add(&set.choose(&input, &mut scratch), when);
    }
    let by_rule = coverage.by_rule(&set);
    assert_eq!(by_rule["hit"], Hits { count: 2, last: at(5) });
    assert_eq!(by_rule["tag"], Hits { count: 4, last: at(9) });
    assert_eq!(by_rule["never"], Hits { count: 0, last: None });
    assert_eq!(coverage.hits().len(), 4);
    let unused = |since| coverage.unused(&set, since).map(str::to_owned).collect::<BTreeSet<_>>();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    // What is switched off is not expected to be hit.
    assert_eq!(unused(None), names(&["never"]));
    assert_eq!(unused(at(5)), names(&["never"]));
    assert_eq!(unused(at(6)), names(&["never", "hit"]));
    assert_eq!(unused(at(10)), names(&["never", "hit", "tag"]));
}

/// So that what a rules file decided can be explained when the file is another.
#[test]
fn the_text_of_a_set_is_of_the_same_version() {
    let full = include_str!("../src/toml_form/full.toml");
    let set = RuleSet::parse(full).unwrap_or_else(|errors| panic!("{errors}"));
    let text = set.text();
    assert!(text.lines().all(|line| !line.starts_with('#')), "{text}");
    let again = RuleSet::restore(&text, &set.version).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!((again.version.as_str(), again.rule_count()), (set.version.as_str(), set.rule_count()));
    assert_eq!(again.text(), text);
}

#[test]
fn a_set_says_what_it_holds() {
    let calendar = "[[calendars]]\nname='office'\nzone='UTC'\nhours=[]\n";
    let rules = [
        rule("r", "team='b'\nwhen={ tier='gold', attribute={ orders={ min=1 } } }"),
        rule("p", "team='b'\nperson='agent'\nwhen={ keyword='x' }"),
        rule("e", "team='b'\nwhen={ attribute={ vip={ exists=true } } }"),
    ]
    .concat();
    let set = set(&format!("{calendar}{rules}"));
    assert_eq!((set.rule_count(), set.calendars().len(), set.definition().rules.len()), (3, 1, 3));
    assert_eq!(set.team_names(), ["a", "b", "c"].map(team).into());
    assert!(set.has_team(&team("b")) && !set.has_team(&team("d")));
    assert_eq!(set.team(&team("b")).map(|found| found.name.clone()), Some(team("b")));
    assert_eq!(set.default_team(), &team("a"));
    for (attribute, looked_at) in [("tier", true), ("orders", true), ("agent", true), ("vip", true), ("colour", false)]
    {
        assert_eq!(set.looks_at(attribute), looked_at, "{attribute}");
    }
    assert!(!set.looks_at_language());
    for asks in ["language='de'", "language={ exists=true }", "not={ language_source='crm' }"] {
        assert!(self::set(&rule("l", &format!("team='b'\nwhen={{ {asks} }}"))).looks_at_language(), "{asks}");
    }
}
