//! What changed between two rule sets, in what they say and in what they decide, and which rules are hit.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::sync::Arc;

use waypost_domain::{TeamName, Timestamp};
use waypost_rules::compare::{Comparison, Counts, Decided};
use waypost_rules::coverage::{Coverage, Hits};
use waypost_rules::diff::Difference;
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

/// Part, before and after.
fn changes(old: &str, new: &str) -> Vec<[String; 3]> {
    let read = |text: &str| toml_form::read(text).unwrap();
    let changes = Difference::between(&read(old), &read(new)).changes;
    changes.into_iter().map(|one| [one.part, one.before, one.after]).collect()
}

#[test]
fn what_changed_is_told_as_it_was_and_as_it_is() {
    let whole = |id: &str, more: &str| format!("[[rules]]\nid = \"{id}\"\n{more}");
    let when = "when = { keyword = [\"x\"] }\nteam = ";
    let old = format!(
        "{HEAD}[[rules]]\nid='r'\nteam='a'\nwhen={{ keyword='x' }}\n{}",
        rule("gone", "team='a'\nwhen={ keyword='x' }")
    );
    let new = format!(
        "{HEAD}[[rules]]\nid='r'\nteam='b'\npriority=3\nwhen={{ keyword='x' }}\n{}",
        rule("new", "team='c'\nwhen={ keyword='x' }")
    );
    let expected = [
        ["rules.gone".to_owned(), whole("gone", &format!("{when}\"a\"")), String::new()],
        ["rules.new".to_owned(), String::new(), whole("new", &format!("{when}\"c\""))],
        ["rules.r".to_owned(), "team = \"a\"".to_owned(), "priority = 3\nteam = \"b\"".to_owned()],
    ];
    assert_eq!(changes(&old, &new), expected);

    let office = "[[calendars]]\nname='office'\nzone='UTC'\nhours=[]\n";
    let words = "[words]\nmoney=['bill']\n[words.pay]\nen=['pay']\nes=['pagar']\n";
    let old = format!("{HEAD}{office}{words}");
    let head =
        HEAD.replace("buttons=['human']", "buttons=['human']\nurgency='urgent'").replacen("team='a'", "team='b'", 1);
    let new =
        format!("{head}{office}{words}").replace("'UTC'", "'Europe/Madrid'").replace("['bill']", "['bill', 'sum']");
    let new = new.replace("es=['pagar']", "es=['pago']").replace("name='c'", "name='c'\ntitle='C'");
    let part = |part: &str, before: &str, after: &str| [part, before, after].map(str::to_owned);
    let expected = [
        part("handover", "", "urgency = \"urgent\""),
        part("default", "team = \"a\"", "team = \"b\""),
        part("teams.c", "", "title = \"C\""),
        part("calendars.office", "zone = \"UTC\"", "zone = \"Europe/Madrid\""),
        part("words.money", "words.money = [\"bill\"]", "words.money = [\"bill\", \"sum\"]"),
        part("words.pay", "es = [\"pagar\"]", "es = [\"pago\"]"),
    ];
    assert_eq!(changes(&old, &new), expected);
    assert_eq!(changes(&old, &old), Vec::<[String; 3]>::new());
}

/// From, to, how many, and of each example its place, the old rule and why, the new rule and why.
type Told = (String, String, u64, Vec<(usize, [String; 4])>);

fn moved<T: ToString>(moves: Vec<waypost_rules::compare::Move<T, usize>>) -> Vec<Told> {
    let one = |one: waypost_rules::compare::Move<T, usize>| {
        let examples =
            one.examples.into_iter().map(|it| (it.input, [it.old.rule, it.old.why, it.new.rule, it.new.why]));
        (one.from.to_string(), one.to.to_string(), one.count, examples.collect())
    };
    moves.into_iter().map(one).collect()
}

#[test]
fn what_two_sets_decide_is_counted_and_explained() {
    let old = Arc::new(set(&rule("one", "team='b'\nwhen={ keyword='bill' }")));
    let both = [rule("one", "team='c'\nwhen={ keyword='bill' }"), rule("two", "team='a'\nwhen={ keyword='order' }")];
    let new = Arc::new(set(&both.concat()));
    let inputs = ["bill 0", "order 1", "bill 2", "hello", "bill 4", "bill 5", "bill 6", "bill 7"].map(text);
    let mut comparison = Comparison::new(new.clone(), Some(old));
    inputs.iter().enumerate().for_each(|(place, input)| comparison.add(place, input, None));
    assert_eq!((comparison.inputs, comparison.moved, comparison.binding_unknown), (8, 6, 0));
    // Of each move the first five.
    let [(from, to, count, examples)] = &moved(comparison.team_moves())[..] else { panic!("one move") };
    assert_eq!((from.as_str(), to.as_str(), *count), ("b", "c", 6));
    assert_eq!(examples.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0, 2, 4, 5, 6]);
    assert_eq!(examples[0].1, ["one", "keyword \"bill\"", "one", "keyword \"bill\""]);
    // The team is the same, another rule decides.
    let why = ["default", "no rule matched", "two", "keyword \"order\""].map(str::to_owned);
    assert_eq!(moved(comparison.rule_moves()), [("default".to_owned(), "two".to_owned(), 1, vec![(1, why)])]);
    let counts = |old, new| Counts { old, new };
    let teams: Vec<_> = comparison.teams().map(|(team, counts)| (team.as_str(), counts)).collect();
    assert_eq!(teams, [("a", counts(2, 2)), ("b", counts(6, 0)), ("c", counts(0, 6))]);
    let rules: Vec<_> = comparison.rules().collect();
    assert_eq!(rules, [("default", counts(2, 1)), ("one", counts(6, 6)), ("two", counts(0, 1))]);

    // What really happened stands in for the old rules; what nobody knows does not move.
    let (b, c) = (team("b"), team("c"));
    let mut comparison = Comparison::new(new, None);
    for (place, decided) in [Some(&c), Some(&c), Some(&b), None].into_iter().enumerate() {
        let decided = decided.map(|team| Decided { team, rule: "old", why: "so" });
        comparison.add(place, &inputs[place], decided);
    }
    assert_eq!((comparison.inputs, comparison.moved), (4, 2));
    let moves = moved(comparison.team_moves());
    assert_eq!(moves.iter().map(|(from, to, ..)| format!("{from}{to}")).collect::<Vec<_>>(), ["bc", "ca"]);
    assert_eq!(moves[0].3[0].1[..3], ["old", "so", "one"]);
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
    for (forms, follows) in [("true", true), ("'es'", false), ("false", false)] {
        let set = self::set(&rule("f", &format!("team='b'\nwhen={{ keyword='devolver', forms={forms} }}")));
        assert_eq!(set.looks_at_language(), follows, "{forms}");
    }
}
