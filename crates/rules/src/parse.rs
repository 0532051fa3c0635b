//! The rules file (TOML): reading it and checking it. All mistakes are told at once, each with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use toml::Spanned;
use waypost_domain::team::Priority;
use waypost_domain::{Team, TeamName};

use crate::fold::fold;

/// Rules in a file at most.
pub const RULES_MAX: usize = 100_000;
/// Characters of one keyword or phrase at most.
pub const PHRASE_CHARS_MAX: usize = 200;

/// A checked rule set. Immutable; replaced as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSet {
    /// The first 12 hexadecimal digits of the SHA-256 of the file's text.
    pub version: String,
    pub teams: Vec<Team>,
    pub(crate) handover: Handover,
    pub(crate) default_team: TeamName,
    /// In winning order: higher priority first, then by id.
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handover {
    pub(crate) team: TeamName,
    pub(crate) urgency: Priority,
    pub(crate) words: Vec<HandoverWord>,
    pub(crate) buttons: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandoverWord {
    pub(crate) language: String,
    pub(crate) text: String,
    pub(crate) folded: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) priority: i64,
    pub(crate) team: TeamName,
    pub(crate) urgency: Priority,
    pub(crate) when: When,
}

/// Conditions; each that is set must hold, by any of its values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct When {
    pub(crate) keyword: Vec<Keyword>,
    pub(crate) reply: Vec<String>,
    pub(crate) message_type: Vec<String>,
    pub(crate) attribute: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keyword {
    pub(crate) text: String,
    pub(crate) folded: String,
}

/// One mistake: where, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// Line in the file, from 1; `None` where the mistake is something that is missing.
    pub line: Option<usize>,
    /// E.g. `rules.billing.when.keyword`.
    pub field: String,
    pub problem: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.problem)
    }
}

/// Why a rules file was refused: every mistake found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleErrors(pub Vec<RuleError>);

impl fmt::Display for RuleErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RuleErrors {}

impl RuleSet {
    /// Reads and checks a rules file.
    pub fn parse(text: &str) -> Result<Self, RuleErrors> {
        let file: File = toml::from_str(text).map_err(|error| RuleErrors(vec![syntax_error(text, &error)]))?;
        let lines = Lines::of(text);
        let mut checker = Checker { text, lines, teams: BTreeSet::new(), staffed: BTreeSet::new(), errors: Vec::new() };
        let set = checker.check(file);
        match set {
            Some(set) if checker.errors.is_empty() => Ok(set),
            _ => Err(RuleErrors(checker.errors)),
        }
    }

    pub fn has_team(&self, name: &TeamName) -> bool {
        self.teams.iter().any(|team| team.name == *name)
    }

    pub fn team(&self, name: &TeamName) -> Option<&Team> {
        self.teams.iter().find(|team| team.name == *name)
    }

    pub fn team_names(&self) -> BTreeSet<TeamName> {
        self.teams.iter().map(|team| team.name.clone()).collect()
    }

    pub fn default_team(&self) -> &TeamName {
        &self.default_team
    }

    /// Whether any rule asks for this attribute of the customer.
    pub fn looks_at(&self, attribute: &str) -> bool {
        self.rules.iter().any(|rule| rule.when.attribute.contains_key(attribute))
    }

    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default: Option<FileDefault>,
    handover: Option<FileHandover>,
    #[serde(default)]
    teams: Vec<FileTeam>,
    #[serde(default)]
    rules: Vec<FileRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileDefault {
    team: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileHandover {
    team: Spanned<String>,
    urgency: Option<Spanned<String>>,
    #[serde(default)]
    words: BTreeMap<String, Vec<Spanned<String>>>,
    #[serde(default)]
    buttons: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTeam {
    name: Spanned<String>,
    title: Option<String>,
    staffed: Option<bool>,
    overflow_team: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRule {
    id: Spanned<String>,
    /// For people; rules are told apart by their id.
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(default)]
    priority: i64,
    #[serde(default = "enabled_by_default")]
    enabled: bool,
    team: Spanned<String>,
    urgency: Option<Spanned<String>>,
    when: FileWhen,
}

const fn enabled_by_default() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileWhen {
    #[serde(default)]
    keyword: OneOrMany,
    #[serde(default)]
    reply: OneOrMany,
    #[serde(default, rename = "type")]
    message_type: OneOrMany,
    #[serde(default)]
    attribute: BTreeMap<String, OneOrMany>,
}

/// `"a"` or `["a", "b"]`.
#[derive(Default)]
struct OneOrMany(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }
            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(OneOrMany(vec![value.to_owned()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(OneOrMany(values))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn syntax_error(text: &str, error: &toml::de::Error) -> RuleError {
    let line = error.span().map(|span| Lines::of(text).at(span.start));
    RuleError { line, field: String::new(), problem: error.message().to_owned() }
}

/// Where the lines end, because a file of many rules asks for many lines.
struct Lines {
    ends: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        Self { ends: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// The line of the byte at `offset`, from 1.
    fn at(&self, offset: usize) -> usize {
        self.ends.partition_point(|end| *end < offset) + 1
    }
}

struct Checker<'a> {
    text: &'a str,
    lines: Lines,
    teams: BTreeSet<TeamName>,
    staffed: BTreeSet<TeamName>,
    errors: Vec<RuleError>,
}

impl Checker<'_> {
    fn check(&mut self, file: File) -> Option<RuleSet> {
        let teams = self.check_teams(file.teams);
        let default_team = match file.default {
            Some(default) => self.staffed_team(&default.team, "default.team"),
            None => self.missing("default", "say which team gets what no rule matches: [default] team = \"…\""),
        };
        let handover = match file.handover {
            Some(handover) => self.check_handover(handover),
            None => {
                self.missing("handover", "say how a customer reaches a person: [handover] team = \"…\", words, buttons")
            }
        };
        let rules = self.check_rules(file.rules);
        let digest = ring::digest::digest(&ring::digest::SHA256, self.text.as_bytes());
        let version = digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Some(RuleSet { version, teams, handover: handover?, default_team: default_team?, rules })
    }

    fn check_teams(&mut self, file: Vec<FileTeam>) -> Vec<Team> {
        let mut teams = Vec::new();
        for team in &file {
            let Some(name) = self.team_name(&team.name, "teams.name") else { continue };
            if !self.teams.insert(name.clone()) {
                self.error_at(&team.name, "teams.name", format!("team {name} is there twice"));
            }
            if team.staffed.unwrap_or(true) {
                self.staffed.insert(name);
            }
        }
        for team in file {
            let Ok(name) = TeamName::new(team.name.get_ref().clone()) else { continue };
            let overflow_team = team.overflow_team.and_then(|overflow| {
                let field = format!("teams.{name}.overflow_team");
                let overflow_name = self.known_team(&overflow, &field)?;
                if overflow_name == name {
                    self.error_at(&overflow, &field, "a team cannot overflow into itself".to_owned());
                }
                Some(overflow_name)
            });
            teams.push(Team { name, title: team.title, staffed: team.staffed.unwrap_or(true), overflow_team });
        }
        teams
    }

    fn check_handover(&mut self, file: FileHandover) -> Option<Handover> {
        let team = self.staffed_team(&file.team, "handover.team");
        let urgency = self.urgency(file.urgency.as_ref(), "handover.urgency");
        if file.words.values().all(Vec::is_empty) && file.buttons.is_empty() {
            self.missing::<()>("handover", "at least one word or button is needed");
        }
        let mut words = Vec::new();
        for (language, texts) in file.words {
            for text in texts {
                let field = format!("handover.words.{language}");
                if let Some(folded) = self.phrase(Some(self.lines.at(text.span().start)), text.get_ref(), &field) {
                    words.push(HandoverWord { language: language.clone(), text: text.into_inner(), folded });
                }
            }
        }
        let buttons = file.buttons.into_iter().map(Spanned::into_inner).collect();
        Some(Handover { team: team?, urgency, words, buttons })
    }

    fn check_rules(&mut self, file: Vec<FileRule>) -> Vec<Rule> {
        if file.len() > RULES_MAX {
            self.missing::<()>("rules", &format!("{} rules; at most {RULES_MAX}", file.len()));
            return Vec::new();
        }
        let mut rules = Vec::new();
        let mut ids = BTreeSet::new();
        for rule in file {
            let id = rule.id.get_ref().clone();
            let line = Some(self.lines.at(rule.id.span().start));
            if id.is_empty() || id.len() > 100 {
                self.error_at(&rule.id, "rules.id", "must be 1 to 100 bytes".to_owned());
            }
            if !ids.insert(id.clone()) {
                self.error_at(&rule.id, &format!("rules.{id}.id"), "this id is there twice".to_owned());
            }
            let team = self.known_team(&rule.team, &format!("rules.{id}.team"));
            let urgency = self.urgency(rule.urgency.as_ref(), &format!("rules.{id}.urgency"));
            let when = self.check_when(rule.when, line, &id);
            if let Some(team) = team
                && rule.enabled
            {
                rules.push(Rule { id, priority: rule.priority, team, urgency, when });
            }
        }
        rules.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.id.cmp(&b.id)));
        rules
    }

    fn check_when(&mut self, file: FileWhen, line: Option<usize>, id: &str) -> When {
        let mut keyword = Vec::new();
        for text in file.keyword.0 {
            if let Some(folded) = self.phrase(line, &text, &format!("rules.{id}.when.keyword")) {
                keyword.push(Keyword { text, folded });
            }
        }
        let attribute: BTreeMap<_, _> = file.attribute.into_iter().map(|(name, values)| (name, values.0)).collect();
        for (name, values) in &attribute {
            if values.is_empty() {
                let field = format!("rules.{id}.when.attribute.{name}");
                self.errors.push(RuleError { line, field, problem: "needs at least one value".to_owned() });
            }
        }
        let when = When { keyword, reply: file.reply.0, message_type: file.message_type.0, attribute };
        if when == When::default() {
            let field = format!("rules.{id}.when");
            let problem = "needs a condition: keyword, reply, type or attribute".to_owned();
            self.errors.push(RuleError { line, field, problem });
        }
        when
    }

    fn phrase(&mut self, line: Option<usize>, text: &str, field: &str) -> Option<String> {
        let folded = fold(text, usize::MAX);
        let problem = if folded.trim().is_empty() {
            format!("{text:?} has no letter or digit to look for")
        } else if text.chars().count() > PHRASE_CHARS_MAX {
            format!("longer than {PHRASE_CHARS_MAX} characters")
        } else {
            return Some(folded);
        };
        self.errors.push(RuleError { line, field: field.to_owned(), problem });
        None
    }

    fn urgency(&mut self, urgency: Option<&Spanned<String>>, field: &str) -> Priority {
        let Some(urgency) = urgency else { return Priority::Normal };
        Priority::parse(urgency.get_ref()).unwrap_or_else(|| {
            self.error_at(urgency, field, format!("{:?} is neither \"urgent\" nor \"normal\"", urgency.get_ref()));
            Priority::Normal
        })
    }

    fn staffed_team(&mut self, name: &Spanned<String>, field: &str) -> Option<TeamName> {
        let team = self.known_team(name, field)?;
        if !self.staffed.contains(&team) {
            self.error_at(name, field, format!("team {team} is not staffed, and people must answer here"));
        }
        Some(team)
    }

    fn known_team(&mut self, name: &Spanned<String>, field: &str) -> Option<TeamName> {
        let team = self.team_name(name, field)?;
        if !self.teams.contains(&team) {
            self.error_at(name, field, format!("team {team} is not declared; add [[teams]] name = \"{team}\""));
            return None;
        }
        Some(team)
    }

    fn team_name(&mut self, name: &Spanned<String>, field: &str) -> Option<TeamName> {
        TeamName::new(name.get_ref().clone()).map_err(|error| self.error_at(name, field, error.to_string())).ok()
    }

    fn error_at(&mut self, place: &Spanned<String>, field: &str, problem: String) {
        let line = Some(self.lines.at(place.span().start));
        self.errors.push(RuleError { line, field: field.to_owned(), problem });
    }

    fn missing<T>(&mut self, field: &str, problem: &str) -> Option<T> {
        self.errors.push(RuleError { line: None, field: field.to_owned(), problem: problem.to_owned() });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINIMAL: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n";

    fn check(name: &str, text: &str, want: &[&str]) {
        let got = match RuleSet::parse(text) {
            Ok(_) => vec![],
            Err(errors) => errors.0.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(got, want, "{name}");
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
            "several",
            &format!(
                "{MINIMAL}[[rules]]\nid='r'\nteam='b'\nurgency='now'\nwhen={{ keyword='!!' }}\n[[rules]]\nid='r'\nteam='a'\nwhen={{}}\n"
            ),
            &[
                "line 10: rules.r.team: team b is not declared; add [[teams]] name = \"b\"",
                "line 11: rules.r.urgency: \"now\" is neither \"urgent\" nor \"normal\"",
                "line 9: rules.r.when.keyword: \"!!\" has no letter or digit to look for",
                "line 9: rules.r.when: needs a condition: keyword, reply, type or attribute",
                "line 14: rules.r.id: this id is there twice",
                "line 14: rules.r.when: needs a condition: keyword, reply, type or attribute",
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
            &["line 8: teams.a.overflow_team: a team cannot overflow into itself"],
        );
    }

    #[test]
    fn what_is_not_toml_names_the_line() {
        let error = RuleSet::parse("[default]\nteam = \n").expect_err("not TOML");
        assert_eq!(error.0[0].line, Some(2));
        let error = RuleSet::parse(&format!("{MINIMAL}colour='red'\n")).expect_err("an unknown field");
        assert!(error.to_string().contains("colour"), "{error}");
    }

    #[test]
    fn the_version_is_the_text_s() {
        let a = RuleSet::parse(MINIMAL).expect("right").version;
        assert_eq!(a.len(), 12);
        assert_eq!(a, RuleSet::parse(MINIMAL).expect("right").version);
        assert_ne!(a, RuleSet::parse(&format!("{MINIMAL}\n# note")).expect("right").version);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            drop(RuleSet::parse(&text));
        }
    }
}
