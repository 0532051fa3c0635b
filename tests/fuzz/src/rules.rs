//! A rules file, as a manager may write it: it is refused with all its mistakes named, or it decides every message.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use waypost_domain::TeamName;
use waypost_domain::team::Priority;
use waypost_rules::{OpenConversation, RouteInput, RuleSet, toml_form};

use super::rule_set::check_document;

pub const WORDS: &[&str] = &[
    "[[rules]]\n",
    "[[teams]]\n",
    "[default]\n",
    "[handover]\n",
    "[handover.words]\n",
    "[words]\n",
    "[words.money]\n",
    "{ words = ",
    "when = {",
    "keyword = ",
    "reply = ",
    "type = ",
    "attribute = {",
    "not = {",
    "and = [",
    "open = ",
    "percent = ",
    "regex = ",
    "split = {",
    "samples = [",
    "[[calendars]]\n",
    "hours = ",
    "team = ",
    "overflow_team = ",
    "urgency = ",
    "staffed = ",
    "enabled = ",
    "priority = ",
    "title = ",
    "buttons = [",
    "name = ",
    "id = ",
    "true",
    "false",
    "\"\"\"",
    "'''",
    "1e9",
    "-9223372036854775808",
    "0x7fffffffffffffff",
    "1979-05-27",
    "inf",
    "\\u0000",
    "\\U0010ffff",
    "\u{feff}",
    "\u{85}",
    "\r\n",
    "é",
    "ß",
    "İ",
    "ﬀ",
    "\u{301}\u{301}",
    "발",
    "ﷺ",
];

pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // What has the right shape need not make sense to be kept.
    if let Ok(document) = toml_form::read(&text) {
        check_document(document);
    }
    match RuleSet::parse(&text) {
        Ok(rules) => decides_everything(&rules, &text),
        Err(errors) => {
            assert!(!errors.0.is_empty(), "refused without a word");
            let lines_max = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            for error in errors.0 {
                assert!(!error.problem.is_empty(), "a mistake without a word: {error:?}");
                assert!(!error.field.is_empty() || error.line.is_some(), "a mistake without a place: {error:?}");
                assert!(error.line.is_none_or(|line| (1..=lines_max).contains(&line)), "no such line: {error:?}");
            }
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    TEXTS.map(|text| text.as_bytes().to_vec()).to_vec()
}

fn decides_everything(rules: &RuleSet, text: &str) {
    assert_eq!(rules.version.len(), 12);
    assert!(rules.has_team(rules.default_team()));
    for team in &rules.teams {
        assert!(team.overflow_team.as_ref().is_none_or(|overflow| rules.has_team(overflow)));
    }
    for input in inputs(text) {
        let decision = rules.decide(&input);
        assert_eq!(decision, rules.decide(&input), "decided twice");
        assert!(rules.has_team(&decision.team), "decided for a team that is not there");
        assert!(!decision.rule.is_empty() && !decision.why.is_empty());
        assert_eq!(decision.rule_set, rules.version);
    }
}

/// Customers who write nothing, anything, and what the file itself looks for.
fn inputs(text: &str) -> Vec<RouteInput> {
    let open = TeamName::new("a").ok().map(|team| OpenConversation::firm(team, Priority::Urgent));
    let attributes = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
    let says =
        |text: &str| RouteInput { message_type: "text".into(), text: Some(text.into()), ..RouteInput::default() };
    vec![
        RouteInput::default(),
        says("hello"),
        says(text),
        RouteInput { attributes, first_contact: true, ..says("invoice") },
        RouteInput { open, reply_id: Some("h".into()), ..RouteInput::default() },
    ]
}

/// A rule set for inputs that come from elsewhere.
pub static EXAMPLE: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::parse(EXAMPLE_TEXT).expect("the example is right"));

/// The example, a file with most kinds of condition in few words, and one with every key.
pub(crate) const TEXTS: [&str; 3] = [EXAMPLE_TEXT, SHORT_TEXT, FULL_TEXT];

const EXAMPLE_TEXT: &str = include_str!("../../../deploy/rules.toml");

/// Every key of the language.
const FULL_TEXT: &str = include_str!("../../../crates/rules/src/toml_form/full.toml");

const SHORT_TEXT: &str = r#"
default = { team = "a" }
handover = { team = "a", urgency = "urgent", buttons = ["h"], words = { es = ["persona"] } }
teams = [{ name = "a" }, { name = "b", title = "B", staffed = false, overflow_team = "a" }]
[[rules]]
id = "r"
name = "R"
priority = 2
enabled = true
team = "b"
urgency = "normal"
when = { keyword = ["invoice", "credit card"], attribute = { tier = ["gold"] } }
[[rules]]
id = "s"
team = "a"
when = { type = "text", reply = ["h"] }
"#;
