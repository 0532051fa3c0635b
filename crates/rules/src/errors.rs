//! What refuses a rule set: it would decide wrongly, or not at all.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use waypost_domain::calendar::{Calendar, TimeOfDay};
use waypost_domain::team::{TeamHours, WhenClosed};
use waypost_domain::{CalendarName, Team, TeamName};

use crate::atom::Atom;
use crate::finding::{Finding, RULES_MAX};
use crate::fold::Folding;
use crate::hours::Zones;
use crate::model::{Definition, Document, Literal, Phase, Rule, Target};
use crate::near::undeclared;
use crate::queues;
use crate::toml_form;

mod values;

/// Characters of one keyword, phrase, value or pattern at most.
pub const PHRASE_CHARS_MAX: usize = 200;
/// Alternatives of one rule at most.
pub const ALTERNATIVES_MAX: usize = 64;
/// Conditions of one alternative at most.
pub const CONDITIONS_MAX: usize = 32;
/// Different patterns of a set at most: each is tried on its own.
pub const PATTERNS_MAX: usize = 200;

pub fn errors(definition: &Definition, teams: &[Team], calendars: &[Calendar], folding: Folding) -> Vec<Finding> {
    found(definition, teams, calendars, folding, false)
}

/// The same of a document that keys were left out of because nobody knows them: what lacks may be just those.
pub(crate) fn errors_beside_unknown_keys(document: &Document) -> Vec<Finding> {
    found(&document.definition, &document.teams, &document.calendars, Folding::default(), true)
}

fn found(
    definition: &Definition,
    teams: &[Team],
    calendars: &[Calendar],
    folding: Folding,
    keys_left_out: bool,
) -> Vec<Finding> {
    let mut checker = Checker {
        folding,
        keys_left_out,
        teams: teams.iter().map(|team| (&team.name, team.staffed)).collect(),
        calendars: calendars.iter().map(|calendar| &calendar.name).collect(),
        patterns: BTreeSet::new(),
        rule: None,
        errors: Vec::new(),
    };
    checker.teams(teams);
    checker.calendars(calendars);
    checker.staffed(&definition.default.team, "default.team");
    checker.staffed(&definition.handover.team, "handover.team");
    checker.handover(definition);
    checker.rules(definition);
    checker.errors
}

struct Checker<'a> {
    folding: Folding,
    keys_left_out: bool,
    /// And whether they are staffed.
    teams: BTreeMap<&'a TeamName, bool>,
    calendars: BTreeSet<&'a CalendarName>,
    /// And whether they are raw.
    patterns: BTreeSet<(&'a str, bool)>,
    rule: Option<(usize, &'a str)>,
    errors: Vec<Finding>,
}

impl<'a> Checker<'a> {
    /// `field` within the rule at hand, or the whole path outside of rules.
    fn error(&mut self, field: &str, problem: impl Into<String>) {
        let path = match self.rule {
            Some((_, id)) => format!("rules.{id}.{field}"),
            None => field.to_owned(),
        };
        let mut finding = Finding::error(None, &path, problem);
        finding.rule = self.rule.map(|(_, id)| id.to_owned());
        finding.rule_at = self.rule.map(|(at, _)| at);
        self.errors.push(finding);
    }

    /// Something is not there.
    fn lacks(&mut self, field: &str, problem: &str) {
        if !self.keys_left_out {
            self.error(field, problem);
        }
    }

    fn teams(&mut self, teams: &[Team]) {
        let mut seen = BTreeSet::new();
        for team in teams {
            let name = &team.name;
            if !seen.insert(name) {
                self.error(&format!("teams.{name}"), format!("team {name} is there twice; take one away"));
            }
            if let Some(overflow) = &team.overflow_team {
                let field = format!("teams.{name}.overflow_team");
                self.known_team(overflow, &field);
                if overflow == name {
                    self.error(&field, format!("team {name} cannot overflow into itself; name another"));
                }
            }
            if let Some(TeamHours { calendar, when_closed }) = &team.hours {
                self.known_calendar(calendar, &format!("teams.{name}.hours"));
                if let WhenClosed::Team(instead) = when_closed {
                    let field = format!("teams.{name}.when_closed");
                    self.known_team(instead, &field);
                    if instead == name {
                        self.error(&field, "a team cannot stand in for itself; say keep");
                    }
                }
            }
        }
    }

    fn calendars(&mut self, calendars: &[Calendar]) {
        let zones = Zones::new();
        let mut seen = BTreeSet::new();
        for calendar in calendars {
            let name = &calendar.name;
            if !seen.insert(name) {
                self.error(&format!("calendars.{name}"), format!("calendar {name} is there twice; take one away"));
            }
            if zones.get(&calendar.zone).is_none() {
                let problem = format!("{:?} is no time zone; they look like Europe/Madrid", calendar.zone);
                self.error(&format!("calendars.{name}.zone"), problem);
            }
            let shifts = calendar.hours.iter().map(|hours| hours.shift);
            let holidays = calendar.holidays.iter().flat_map(|holiday| holiday.shifts.iter().copied());
            for shift in shifts.chain(holidays) {
                if shift.from == shift.to || shift.from == TimeOfDay::END {
                    let problem = format!("a shift from {} to {}; a whole day is 00:00 to 24:00", shift.from, shift.to);
                    self.error(&format!("calendars.{name}.hours"), problem);
                }
            }
        }
    }

    fn handover(&mut self, definition: &Definition) {
        let handover = &definition.handover;
        if handover.words.values().all(Vec::is_empty) && handover.buttons.is_empty() {
            self.lacks("handover", "at least one word or button is needed");
        }
        for (language, words) in &handover.words {
            self.keywords(words, &format!("handover.words.{language}"));
        }
    }

    fn rules(&mut self, definition: &'a Definition) {
        let rules = &definition.rules;
        if rules.len() > RULES_MAX {
            return self.error("rules", format!("{} rules; at most {RULES_MAX}", rules.len()));
        }
        let mut ids = HashSet::with_capacity(rules.len());
        for (at, rule) in rules.iter().enumerate() {
            self.rule = Some((at, &rule.id));
            if rule.id.is_empty() || rule.id.len() > 100 {
                self.error("id", "must be 1 to 100 bytes");
            }
            if !ids.insert(&*rule.id) {
                self.error("id", "this id is there twice; give one of the rules another");
            }
            self.outcome(rule);
            self.moves(rule);
            self.when(rule);
            if let (Some(from), Some(until)) = (rule.valid_from, rule.valid_until)
                && until <= from
            {
                let (from, until) = (toml_form::instant(from), toml_form::instant(until));
                self.error("valid_until", format!("{until} is not later than valid_from, {from}"));
            }
        }
        self.rule = None;
        if let Some(problem) = queues::problem(definition) {
            self.error("rules", problem);
        }
        if self.patterns.len() > PATTERNS_MAX {
            let problem = format!("{} different patterns (regex); at most {PATTERNS_MAX}", self.patterns.len());
            self.error("rules", problem);
        }
    }

    fn outcome(&mut self, rule: &Rule) {
        let outcome = &rule.outcome;
        match (&outcome.target, rule.phase) {
            (Some(_), Phase::Decorate) => self.error("team", "a rule of phase decorate adds; it names no team"),
            (None, Phase::Handover | Phase::Bind | Phase::Route | Phase::Default) => {
                self.lacks("team", "say where the message goes: team = \"…\", or split = { … }");
            }
            (Some(Target::Team(team)), _) => self.routed_to(team, rule.phase, "team"),
            (Some(Target::Person(person)), _) => {
                self.routed_to(&person.team, rule.phase, "team");
                if let Some(fallback) = &person.fallback_team {
                    self.routed_to(fallback, rule.phase, "fallback_team");
                }
            }
            (Some(Target::Split(shares)), _) => {
                for share in shares {
                    self.routed_to(&share.team, rule.phase, "split");
                }
                let sum: u32 = shares.iter().map(|share| u32::from(share.percent)).sum();
                if sum != 100 {
                    self.error("split", format!("the parts are {sum} of 100; make them 100 together"));
                }
            }
            (None, Phase::Decorate) => {
                if outcome.tags.is_empty()
                    && outcome.skills.is_empty()
                    && outcome.urgency.is_none()
                    && outcome.escalation.is_empty()
                {
                    self.lacks("tags", "a rule of phase decorate adds something: tags, skills, urgency or escalation");
                }
            }
        }
        for step in &outcome.escalation {
            self.known_team(&step.team, "escalation");
            if let Some(clock) = &step.clock {
                self.known_calendar(clock, "escalation");
            }
        }
    }

    fn moves(&mut self, rule: &Rule) {
        match rule.phase {
            Phase::Bind | Phase::Route => {}
            Phase::Handover | Phase::Decorate | Phase::Default => {
                if rule.moves.is_some() {
                    self.error("move", "is for rules of phase route and bind");
                }
            }
        }
    }

    /// Who asks for a person, or falls through every rule, must reach people.
    fn routed_to(&mut self, team: &TeamName, phase: Phase, field: &str) {
        match phase {
            Phase::Handover => self.staffed(team, field),
            Phase::Bind | Phase::Route | Phase::Decorate | Phase::Default => self.known_team(team, field),
        }
    }

    fn when(&mut self, rule: &'a Rule) {
        if rule.when.is_empty() || rule.when.iter().any(|conjunct| conjunct.literals().is_empty()) {
            self.lacks("when", "needs a condition, such as keyword, reply, type or attribute");
        }
        if rule.when.len() > ALTERNATIVES_MAX {
            self.error("when", format!("{} alternatives; at most {ALTERNATIVES_MAX}", rule.when.len()));
        }
        for conjunct in &rule.when {
            let literals = conjunct.literals();
            if literals.len() > CONDITIONS_MAX {
                self.error("when", format!("{} conditions at once; at most {CONDITIONS_MAX}", literals.len()));
            }
            for literal in literals {
                self.literal(literal);
            }
        }
    }

    fn literal(&mut self, Literal { negated, atom }: &'a Literal) {
        match atom {
            Atom::Keyword { any_of, within } => {
                self.keywords(any_of, "when.keyword");
                self.parts(*within);
            }
            Atom::Regex { patterns, within } => {
                self.patterns(patterns);
                self.parts(*within);
            }
            Atom::Value { field, any_of } => self.values(field, any_of),
            Atom::Exists(_) | Atom::FirstContact | Atom::Forwarded | Atom::Quoted | Atom::OnlyEmoji => {}
            Atom::Range { attribute, range } => {
                self.range(&format!("when.attribute.{attribute}"), range.min, range.max);
            }
            Atom::Open { calendar, .. } => {
                self.known_calendar(calendar, if *negated { "when.closed" } else { "when.open" });
            }
            Atom::UtcOffset(range) => self.range("when.utc_offset_minutes", range.min, range.max),
            Atom::WindowLeft(range) => self.range("when.window_left_minutes", range.min, range.max),
            Atom::PreviousTeam { teams, .. } => {
                self.known_teams(teams, "when.previous_team");
            }
            Atom::TeamOpen(teams) => self.known_teams(teams, "when.team_open"),
            Atom::TeamStaffed(teams) => self.known_teams(teams, "when.team_staffed"),
            Atom::TeamWaiting { teams, .. } => self.known_teams(teams, "when.team_waiting"),
            Atom::Percent(range) => {
                if range.from >= range.to || range.to > 100 {
                    self.error(
                        "when.percent",
                        format!(
                            "from {} to {} of 100 is nobody; from is less than to, and to at most 100",
                            range.from, range.to
                        ),
                    );
                }
            }
        }
    }

    fn staffed(&mut self, team: &TeamName, field: &str) {
        self.known_team(team, field);
        if self.teams.get(team) == Some(&false) {
            self.error(field, format!("team {team} is not staffed, and people must answer here"));
        }
    }

    fn known_teams(&mut self, teams: &[TeamName], field: &str) {
        if teams.is_empty() {
            self.lacks(field, "needs at least one team");
        }
        for team in teams {
            self.known_team(team, field);
        }
    }

    fn known_team(&mut self, team: &TeamName, field: &str) {
        if !self.teams.contains_key(team) {
            let known: Vec<&str> = self.teams.keys().map(|team| team.as_str()).collect();
            self.error(field, undeclared("team", "teams", &known, team.as_str()));
        }
    }

    fn known_calendar(&mut self, calendar: &CalendarName, field: &str) {
        if !self.calendars.contains(calendar) {
            let known: Vec<&str> = self.calendars.iter().map(|calendar| calendar.as_str()).collect();
            self.error(field, undeclared("calendar", "calendars", &known, calendar.as_str()));
        }
    }
}
