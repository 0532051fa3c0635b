//! Conditions on teams: their hours, who reads their queues, how much waits there. What is not known, what is said of it,
//! and what a lint says of rules that ask.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use waypost_domain::TeamName;
use waypost_rules::check::check_text;
use waypost_rules::compare::Comparison;
use waypost_rules::input::parse_instant;
use waypost_rules::{RouteInput, RuleSet, TeamQueues};

const HEAD: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['human']\n[[teams]]\nname='a'\n\
    [[teams]]\nname='b'\nhours='office'\n[[teams]]\nname='c'\nhours='office'\n\
    [[calendars]]\nname='office'\nzone='UTC'\nhours=[{ days=['mon'], from='09:00', to='18:00' }]\n";
const MONDAY: &str = "2026-01-12T10:00:00Z";
const SUNDAY: &str = "2026-01-11T10:00:00Z";

fn text(when: &str) -> String {
    format!("{HEAD}[[rules]]\nid='r'\nteam='a'\n{when}\n")
}

fn at(instant: &str) -> RouteInput {
    RouteInput { message_type: "text".into(), received_at: parse_instant(instant), ..RouteInput::default() }
}

/// Of teams whose queues somebody reads or not, and in which so many messages wait.
fn queues(known: &[(&str, bool, u32)]) -> RouteInput {
    let team = |name: &str| TeamName::new(name).unwrap();
    let queues = TeamQueues {
        staffed: known.iter().map(|(name, staffed, _)| (team(name), *staffed)).collect(),
        waiting: known.iter().map(|(name, _, waiting)| (team(name), *waiting)).collect(),
    };
    RouteInput { queues, ..at(MONDAY) }
}

/// Whether the rule decides, with what is not known as it stands in `when`, and as `on_unknown = "match"` has it.
fn check(when: &str, input: &RouteInput, holds: bool, unknown: bool) {
    for (more, want) in [("", holds), ("\non_unknown='match'", holds || unknown)] {
        let set = RuleSet::parse(&text(&format!("when={when}{more}"))).unwrap();
        assert_eq!(set.decide(input).rule == "r", want, "{when}{more}: {input:?}");
    }
}

#[test]
fn a_team_is_open_within_its_hours() {
    let nobody_knows_when = RouteInput { received_at: None, ..at(MONDAY) };
    check("{ team_open='b' }", &at(MONDAY), true, false);
    check("{ team_open='b' }", &at(SUNDAY), false, false);
    check("{ not={ team_open='b' } }", &at(SUNDAY), true, false);
    check("{ team_open='b' }", &nobody_knows_when, false, true);
    check("{ not={ team_open='b' } }", &nobody_knows_when, false, true);
    // One without hours is open always, whatever is known of the others.
    check("{ team_open='a' }", &nobody_knows_when, true, false);
    check("{ team_open=['b', 'a'] }", &nobody_knows_when, true, false);
    check("{ team_open=['b', 'c'] }", &at(SUNDAY), false, false);
}

#[test]
fn a_team_is_staffed_and_busy_as_the_broker_says() {
    let busy = queues(&[("b", true, 51)]);
    let idle = queues(&[("b", false, 50)]);
    check("{ team_staffed='b' }", &busy, true, false);
    check("{ team_staffed='b' }", &idle, false, false);
    check("{ not={ team_staffed='b' } }", &idle, true, false);
    check("{ team_waiting={ team='b', over=50 } }", &busy, true, false);
    check("{ team_waiting={ team='b', over=50 } }", &idle, false, false);
    check("{ not={ team_waiting={ team='b', over=50 } } }", &idle, true, false);
    // Nobody asked, or nobody answered.
    for when in ["{ team_staffed='c' }", "{ team_waiting={ team='c', over=0 } }", "{ not={ team_staffed='c' } }"] {
        check(when, &busy, false, true);
    }
    // Any of them is enough; that none is needs to be known of all.
    check("{ team_staffed=['c', 'b'] }", &busy, true, false);
    check("{ team_staffed=['c', 'b'] }", &idle, false, true);
    check("{ team_waiting={ team=['b', 'c'], over=5 } }", &queues(&[("b", true, 5), ("c", true, 6)]), true, false);
}

#[test]
fn a_set_says_whose_queues_it_asks_about() {
    let asks = |when: &str| {
        let set = RuleSet::parse(&text(when)).unwrap();
        set.looks_at_queues_of().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(asks("when={ team_open='b' }"), "", "the calendar is asked, not the broker");
    assert_eq!(asks("when={ team_staffed='b', not={ team_waiting={ team=['a', 'c'], over=1 } } }"), "a b c");
    assert_eq!(asks("enabled=false\nwhen={ team_staffed='b' }"), "");
}

#[test]
fn what_is_said() {
    let why =
        |when: &str, input: &RouteInput| RuleSet::parse(&text(&format!("when={when}"))).unwrap().decide(input).why;
    let (busy, idle) = (queues(&[("b", true, 51)]), queues(&[("b", false, 2)]));
    assert_eq!(why("{ team_open='b' }", &at(MONDAY)), "b is open");
    assert_eq!(why("{ not={ team_open='b' } }", &at(SUNDAY)), "b is closed");
    assert_eq!(why("{ team_staffed=['b', 'c'] }", &busy), "somebody reads the queue of b or c");
    assert_eq!(why("{ not={ team_staffed='b' } }", &idle), "nobody reads the queue of b");
    assert_eq!(why("{ team_waiting={ team='b', over=50 } }", &busy), "more than 50 messages wait for b");
    assert_eq!(why("{ not={ team_waiting={ team='b', over=50 } } }", &idle), "at most 50 messages wait for b");
    // An explanation says what was not known.
    let set = RuleSet::parse(&text("when={ team_staffed='b' }")).unwrap();
    let explained = set.explain(&at(MONDAY), &["r"]);
    let condition = &explained.rules[0].alternatives[0].conditions[0];
    assert!(condition.unknown && !condition.holds, "{condition:?}");
}

#[test]
fn what_is_refused() {
    let problem = |more: &str| {
        let errors = RuleSet::parse(&text(more)).unwrap_err();
        errors.0.iter().map(|error| format!("{}: {}", error.field, error.problem)).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        problem("when={ team_staffed='x' }"),
        "rules.r.when.team_staffed: team x is not declared; add [[teams]] name = \"x\""
    );
    assert_eq!(problem("when={ team_open=[] }"), "rules.r.when.team_open: needs at least one team");
    assert_eq!(problem("when={ team_waiting={ over=5 } }"), "rules.r.when.team_waiting: needs at least one team");
    assert_eq!(problem("when={ team_waiting={ team='b' } }"), "rules.r.when.team_waiting.over: is missing");
    let named = |count: usize, length: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("{n:t>length$}")).collect();
        let teams: String = names.iter().map(|name| format!("[[teams]]\nname='{name}'\n")).collect();
        RuleSet::parse(&format!("{}{teams}", text(&format!("when={{ team_staffed=['{}'] }}", names.join("', '")))))
    };
    let many = |count: usize| named(count, 3);
    assert!(many(16).is_ok() && named(16, 25).is_ok());
    let want = "ask about the queues of 16 teams (team_staffed, team_waiting); their names take 1120 bytes with what is \
        known, at most 1088: ask about fewer, or shorten names";
    assert_eq!(named(16, 26).unwrap_err().0[0].problem, want);
    let want = "ask about the queues of 17 teams (team_staffed, team_waiting); at most 16";
    assert_eq!(many(17).unwrap_err().0[0].problem, want);
}

#[test]
fn what_a_lint_says() {
    let warned = |team: &str, when: &str| {
        let text = format!("{HEAD}[[rules]]\nid='r'\nteam='{team}'\nwhen={when}\n");
        let findings = check_text(&text);
        findings.iter().map(|one| format!("{}: {}", one.field, one.problem)).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        warned("b", "{ not={ team_open='b' } }"),
        "rules.r.when.team_open: sends to b when it is closed; name another team, or turn the condition around"
    );
    assert_eq!(
        warned("b", "{ not={ team_staffed=['c', 'b'] } }"),
        "rules.r.when.team_staffed: sends to b when nobody reads its queue; name another team, or turn the condition around"
    );
    assert_eq!(
        warned("b", "{ team_waiting={ team='b', over=9 } }"),
        "rules.r.when.team_waiting: sends to b when more than that wait for it already; name another team, or turn the condition around"
    );
    assert_eq!(
        warned("b", "{ team_open='a' }"),
        "rules.r.when.team_open: a has no hours, so that it is always open: give the team hours = \"…\""
    );
    for (team, when) in [
        ("a", "{ not={ team_open='b' } }"),
        ("b", "{ team_open='b', team_staffed='b', not={ team_waiting={ team='b', over=9 } } }"),
        ("b", "{ team_waiting={ team=['b', 'c'], over=9 } }"),
    ] {
        assert_eq!(warned(team, when), "", "{when} to {team}");
    }
}

/// What was stored when no rule asked cannot be decided anew as if it were known.
#[test]
fn a_comparison_counts_what_it_cannot_know() {
    let asks = Arc::new(RuleSet::parse(&text("when={ team_waiting={ team='b', over=1 } }")).unwrap());
    let asks_not = Arc::new(RuleSet::parse(&text("when={ team_open='b' }")).unwrap());
    for (new, old, unknown) in [(&asks, &asks_not, 1), (&asks_not, &asks, 1), (&asks_not, &asks_not, 0)] {
        let mut comparison = Comparison::new(new.clone(), Some(old.clone()));
        comparison.add(1, &at(MONDAY), None);
        comparison.add(2, &queues(&[("b", true, 5)]), None);
        assert_eq!(comparison.queues_unknown, unknown);
    }
}
