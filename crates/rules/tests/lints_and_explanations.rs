//! What is warned about, and how a decision is explained rule by rule.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_rules::check::check_text;
use waypost_rules::diff::Difference;
use waypost_rules::explain::Verdict;
use waypost_rules::{RouteInput, RuleSet, Severity, toml_form};

const HEAD: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nwords.en=['an agent']\n[[teams]]\nname='a'\n";

fn rule(id: &str, more: &str) -> String {
    format!("[[rules]]\nid='{id}'\n{more}\n")
}

fn check(name: &str, rules: &[String], want: &[&str]) {
    let mut findings = check_text(&format!("{HEAD}{}", rules.concat()));
    findings.retain(|finding| finding.severity != Severity::Note);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{name}: {findings:?}");
    let got: Vec<String> = findings.iter().map(|finding| format!("{}: {}", finding.field, finding.problem)).collect();
    assert_eq!(got, want, "{name}");
}

#[test]
fn what_takes_conversations_away_is_looked_at() {
    let menu = |more: &str| rule("r", &format!("team='a'\nwhen={{ reply='pay' }}\n{more}"));
    check("a menu", &[menu("")], &[]);
    let [never] =
        ["rules.r.move: can never move anybody: a tap is on a menu that the conversation already has, and this \
                    rule leaves every conversation where it is; leave move out, or say unless_held"];
    check("a menu that never moves", &[menu("move='never'")], &[never]);
    let rates = "rules.r.when.reply: \"csat:5\" rates a conversation that is over: ids with csat: route nowhere";
    check("a rating", &[rule("r", "team='a'\nwhen={ reply=['pay', 'csat:5'] }")], &[rates]);
    let by = |when: &str, moves: &str| rule("r", &format!("team='a'\nmove='{moves}'\nwhen={when}"));
    let tears = "rules.r.move: takes a conversation away from whoever has it when the one word \"invoice\" falls; use a \
                 phrase, or a second condition";
    check("a word", &[by("{ keyword=['an invoice', 'invoice'] }", "always")], &[tears]);
    check("a word that only tells", &[by("{ keyword='invoice' }", "never")], &[]);
    check("a word and more", &[by("{ keyword='invoice', number='x' }", "unless_held")], &[]);
    check("a phrase", &[by("{ keyword='my invoice' }", "unless_held")], &[]);
    check("a script without spaces", &[by("{ keyword='转人工' }", "unless_held")], &[]);
    let findings = check_text(&HEAD.replace("an agent", "human"));
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.field, "handover.words.en");
    assert!(finding.problem.starts_with("\"human\" alone also catches"), "{}", finding.problem);
}

#[test]
fn warnings() {
    let wide = rule("wide", "team='a'\npriority=2\nwhen={ keyword=['invoice','bill'] }");
    let narrow = |more: &str| rule("narrow", &format!("team='a'\nwhen={{ keyword='bill', number='x' }}\n{more}"));
    check("reached", &[wide.replace("priority=2", "priority=-2"), narrow("")], &[]);
    let never = "rules.narrow.when: is never reached: wide always comes first; give this one a higher priority, or wide a \
                 narrower condition";
    check("not reached", &[wide.clone(), narrow("")], &[never]);
    check("another phase", &[wide.clone(), narrow("phase='default'")], &[]);
    check("not always there", &[format!("{wide}valid_from=2026-01-01T00:00:00Z\n"), narrow("")], &[]);
    for (when, one, other) in [
        ("{ country='ES', not={ country='ES' } }", "country is \"ES\"", "not country is \"ES\""),
        ("{ number='a', and=[{ number=['b', 'c'] }] }", "number is \"a\"", "number is \"b\" or \"c\""),
        ("{ attribute={ n={ max=1 } }, and=[{ attribute={ n={ min=2 } } }] }", "n at most 1", "n at least 2"),
        (
            "{ percent=10, and=[{ percent={ from=10, to=20 } }] }",
            "customers 0 to 10 of 100",
            "customers 10 to 20 of 100",
        ),
    ] {
        let itself = format!(
            "rules.r.when: contradicts itself: {one} and {other} never hold together; for either of them, make two \
             alternatives of it"
        );
        check(when, &[rule("r", &format!("team='a'\nwhen={when}"))], &[&itself]);
    }
    check("prefixes may agree", &[rule("r", "team='a'\nwhen={ number='ab', and=[{ number='a*' }] }")], &[]);
    check(
        "a language without a way to a person",
        &[rule("r", "team='a'\nwhen={ language=['en', 'pt'] }")],
        &["handover.words.pt: rule r expects customers who write pt; add words to ask for a person in it"],
    );
    check(
        "the source of a language without the language",
        &[
            rule("r", "team='a'\nwhen={ language_source='guess', country='ES' }"),
            rule("s", "team='a'\nwhen={ language_source='guess', language='en' }"),
        ],
        &["rules.r.when.language_source: asks who says which language it is, and not which; add language"],
    );
    check(
        "a deep menu",
        &[rule("r", "team='a'\nwhen={ reply='a:b:c:d' }")],
        &["rules.r.when.reply: a:b:c:d is 4 menus deep; people follow 3"],
    );
    let short = |text: &str, letters: u8, script: &str| {
        let least = format!("take at least {letters} letters of {script}");
        format!("rules.r.when.keyword: {text:?} is found inside of other words too: {least}")
    };
    let words = "'ยา', 'ยกเลิก', '票', '发票', 'かぎ', 'さくら', 'お金', '네', 'カー', '*환불', 'credit 票', '*ok'";
    check(
        "short words of scripts without spaces",
        &[rule("r", &format!("team='a'\nwhen={{ keyword=[{words}] }}"))],
        &[
            &short("ยา", 4, "a script without spaces"),
            &short("票", 2, "Han"),
            &short("かぎ", 3, "hiragana"),
            "rules.r.when.keyword: the star in front of \"*ok\" does nothing: it is for Hangul and katakana",
        ],
    );
}

#[test]
fn warnings_of_patterns_menus_and_samples() {
    let accents = "[à-ü] finds none of its letters, because patterns see texts without accents: write them without, or \
                   { pattern = \"...\", raw = true }";
    check(
        "letters that no pattern sees",
        &[
            rule("r", "team='a'\nwhen={ regex='[à-ü]+' }"),
            rule("s", "team='a'\nwhen=[{ regex='[à-ü]+' }, { regex={ pattern='[è-ù]', raw=true } }]"),
        ],
        &[&format!("rules.r.when.regex: {accents}")],
    );
    let rows: Vec<String> = (0..11).map(|n| format!("'menu:{n}'")).collect();
    check(
        "a wide menu",
        &[rule("r", &format!("team='a'\nwhen={{ reply=[{}] }}", rows.join(",")))],
        &["rules: menu menu has 11 rows; people choose from 10"],
    );
    check(
        "a sample that comes out otherwise",
        &[rule("r", "team='a'\nwhen={ keyword='x' }\nsamples=[{ text='x' }, { text='y' }]")],
        &["rules.r.samples: sample 2 expects this rule, but default sends it to a (no rule matched)"],
    );
}

#[test]
fn a_fallback_that_nobody_gets_to_is_noted() {
    let notes = |when: &str, more: &str| {
        let asks = rule("r", &format!("team='a'\nperson='manager'\nwhen={when}\n{more}"));
        let mut findings = check_text(&format!("{HEAD}[[teams]]\nname='b'\n{asks}"));
        findings.retain(|finding| finding.needs_import.is_none());
        assert!(findings.iter().all(|finding| finding.severity == Severity::Note), "{when}: {findings:?}");
        findings.iter().map(|finding| format!("{}: {}", finding.field, finding.problem)).collect::<Vec<_>>()
    };
    let dead = "rules.r.fallback_team: no message goes to b by this rule, which holds only for customers with manager: take \
                the condition on manager out of when for those without to go there; the team's tool is told of b all the \
                same";
    let known = "{ attribute={ manager={ exists=true } } }";
    assert_eq!(notes(known, "fallback_team='b'"), [dead]);
    assert_eq!(notes("{ attribute={ manager=['Ada', 'Kim'] } }", "fallback_team='b'"), [dead]);
    assert_eq!(
        notes(&format!("[{known}, {{ type='text', attribute={{ manager='Ada' }} }}]"), "fallback_team='b'"),
        [dead]
    );
    let nobody = "rules.r.person: manager asks for nobody: the rule holds only for customers without manager; take that \
                  condition out of when";
    assert_eq!(notes("{ not={ attribute={ manager={ exists=true } } } }", "fallback_team='b'"), [nobody]);
    for (when, more) in [
        (known, ""),
        ("{ type='text' }", "fallback_team='b'"),
        ("{ attribute={ city={ exists=true } } }", "fallback_team='b'"),
        ("[{ attribute={ manager={ exists=true } } }, { type='text' }]", "fallback_team='b'"),
        ("{ attribute={ manager='Ada' } }", "fallback_team='b'\non_unknown='match'"),
    ] {
        assert_eq!(notes(when, more), [""; 0], "{when} {more}");
    }
}

#[test]
fn an_explanation_says_which_conditions_held() {
    let rules = [
        rule("first", "team='a'\npriority=2\nwhen={ keyword='invoice' }"),
        rule("second", "team='a'\nwhen=[{ keyword='invoice', tier='gold' }, { keyword='my' }]"),
        rule("third", "team='a'\nwhen={ keyword='invoice', country='ES' }"),
        rule("off", "team='a'\nenabled=false\nwhen={ keyword='invoice' }"),
        rule("later", "team='a'\nvalid_from=2030-01-01T00:00:00Z\nwhen={ keyword='invoice' }"),
        rule("tag", "phase='decorate'\ntags=['money']\nwhen={ keyword='invoice' }"),
    ];
    let set = RuleSet::parse(&format!("{HEAD}{}", rules.concat())).unwrap();
    let input = RouteInput { text: Some("my invoice".into()), ..RouteInput::default() };
    let asked = ["first", "second", "third", "off", "later", "tag", "nowhere"];
    let explanation = set.explain(&input, &asked);
    assert_eq!(
        (explanation.decision.rule.as_str(), explanation.decision.tags.as_slice()),
        ("first", &["money".into()][..])
    );
    assert_eq!(explanation.decision.why, "keyword \"invoice\"; decorated by tag");
    let verdicts: Vec<Verdict> = explanation.rules.iter().map(|rule| rule.verdict).collect();
    let want = [
        Verdict::Applied,
        Verdict::Outranked,
        Verdict::Failed,
        Verdict::Disabled,
        Verdict::NotInForce,
        Verdict::Applied,
    ];
    assert_eq!(verdicts, want);
    let held: Vec<bool> = explanation.rules[1].alternatives.iter().map(|alternative| alternative.holds).collect();
    assert_eq!(held, [false, true]);
    let country = &explanation.rules[2].alternatives[0].conditions[1];
    assert_eq!((country.condition.as_str(), country.holds, country.unknown), ("country is \"ES\"", false, true));
}

#[test]
fn a_difference_names_the_parts() {
    let read = |rules: &[String]| toml_form::read(&format!("{HEAD}{}", rules.concat())).unwrap();
    let old = read(&[rule("a", "team='a'\nwhen={ keyword='x' }"), rule("b", "team='a'\nwhen={ keyword='x' }")]);
    let mut new =
        read(&[rule("b", "team='a'\npriority=1\nwhen={ keyword='y' }"), rule("c", "team='a'\nwhen={ reply='x' }")]);
    new.teams[0].title = Some("A".into());
    let difference = Difference::between(&old, &new);
    assert_eq!((difference.added, difference.removed), (vec!["c".to_owned()], vec!["a".to_owned()]));
    assert_eq!(difference.changed[0].parts, ["priority", "when"]);
    assert_eq!(difference.other, ["teams.a"]);
    assert!(Difference::between(&old, &old).is_empty());
}
