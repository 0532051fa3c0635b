//! From the protobuf form to a document. Goes on after a mistake, to name them all.

use waypost_domain::calendar::{Calendar, Date, Holiday, Shift, TimeOfDay, Weekday, WeeklyHours};
use waypost_domain::message::Part;
use waypost_domain::team::{Priority, TeamHours, WhenClosed};
use waypost_domain::{CalendarName, Team, TeamName, Timestamp};
use waypost_rules::atom::{
    Amount, AmountRange, Atom, Field, Parts, Patterns, PercentRange, TextMatch, WholeRange, ZoneOf,
};
use waypost_rules::input::can_be_said;
use waypost_rules::model::{
    Conjunct, DefaultRoute, Definition, EscalationStep, Handover, Literal, Move, OnUnknown, Outcome, PersonTarget,
    Share, Target,
};
use waypost_rules::word_lists::{WordLists, WordsRead};
use waypost_rules::{Document, Phase, Rule};

use super::FieldViolation;
use crate::rules_v1 as wire;

mod sample;
mod words;

use words::keywords;

#[derive(Default)]
pub(super) struct Reader {
    pub(super) violations: Vec<FieldViolation>,
    /// The document's lists of words; `None` where a rule is read alone, whose words are what they say.
    lists: Option<WordLists>,
    /// What conditions have from them, and in forms.
    read: WordsRead,
}

impl Reader {
    fn refuse<T>(&mut self, field: String, problem: impl Into<String>) -> Option<T> {
        self.violations.push(FieldViolation { field, problem: problem.into() });
        None
    }

    pub(super) fn document(&mut self, document: wire::RuleSetDocument) -> Option<Document> {
        self.word_lists(document.words);
        let definition = match document.definition {
            Some(definition) => self.definition(definition),
            None => self.refuse("definition".to_owned(), "is missing"),
        };
        let teams = document.teams.into_iter().enumerate();
        let teams = teams.filter_map(|(n, team)| self.team(team, &format!("teams[{n}]"))).collect();
        let calendars = document.calendars.into_iter().enumerate();
        let calendars = calendars.filter_map(|(n, one)| self.calendar(one, &format!("calendars[{n}]"))).collect();
        Some(Document { definition: definition?, teams, calendars, words: self.lists.take().unwrap_or_default() })
    }

    fn definition(&mut self, definition: wire::RuleSetDefinition) -> Option<Definition> {
        let handover = match definition.handover {
            Some(handover) => self.handover(handover),
            None => self.refuse("definition.handover".to_owned(), "is missing"),
        };
        let default = match definition.default_route {
            Some(default) => {
                let urgency = self.urgency(default.urgency, "definition.default_route.urgency");
                let team = self.team_name(&default.team, "definition.default_route.team");
                team.map(|team| DefaultRoute { team, urgency: urgency.unwrap_or_default() })
            }
            None => self.refuse("definition.default_route".to_owned(), "is missing"),
        };
        let rules = definition.rules.into_iter().enumerate();
        let rules = rules.filter_map(|(n, rule)| self.rule(rule, &format!("definition.rules[{n}]"))).collect();
        Some(Definition { handover: handover?, default: default?, rules })
    }

    fn handover(&mut self, handover: wire::Handover) -> Option<Handover> {
        let urgency = self.urgency(handover.urgency, "definition.handover.urgency").unwrap_or_default();
        let mut words = std::collections::BTreeMap::new();
        for (n, one) in handover.words.into_iter().enumerate() {
            if words.insert(one.language, keywords(&one.words)).is_some() {
                self.refuse::<()>(format!("definition.handover.words[{n}].language"), "is there twice");
            }
        }
        let team = self.team_name(&handover.team, "definition.handover.team")?;
        Some(Handover { team, urgency, words, buttons: handover.buttons })
    }

    fn team(&mut self, team: wire::Team, at: &str) -> Option<Team> {
        let name = self.team_name(&team.name, &format!("{at}.name"));
        let overflow_team = self.some_team(&team.overflow_team, &format!("{at}.overflow_team"));
        let when_closed = match team.when_closed.as_str() {
            "" | "keep" => Some(WhenClosed::Keep),
            "decide_again" => Some(WhenClosed::DecideAgain),
            instead => self.team_name(instead, &format!("{at}.when_closed")).map(WhenClosed::Team),
        };
        let mut hours = None;
        if !team.hours.is_empty() {
            let calendar = self.calendar_name(&team.hours, &format!("{at}.hours"));
            hours = calendar.zip(when_closed).map(|(calendar, when_closed)| TeamHours { calendar, when_closed });
        }
        Some(Team {
            name: name?,
            title: team.title,
            staffed: !team.unstaffed,
            overflow_team,
            confidential: team.confidential,
            hours,
            reopen_within_hours: team.reopen_within_hours,
        })
    }

    pub(super) fn calendar(&mut self, calendar: wire::Calendar, at: &str) -> Option<Calendar> {
        let name = self.calendar_name(&calendar.name, &format!("{at}.name"));
        let mut hours = Vec::new();
        for (n, one) in calendar.hours.into_iter().enumerate() {
            let mut days = Vec::new();
            for day in one.days {
                let index = usize::try_from(day).ok().and_then(|day| day.checked_sub(1));
                match index.and_then(|index| Weekday::ALL.get(index)) {
                    Some(day) => days.push(*day),
                    None => drop(self.refuse::<()>(format!("{at}.hours[{n}].days"), "is 1 (Monday) to 7 (Sunday)")),
                }
            }
            days.sort_unstable();
            days.dedup();
            let shift = self.shift(one.shift.unwrap_or_default(), &format!("{at}.hours[{n}].shift"));
            hours.extend(shift.map(|shift| WeeklyHours { days, shift }));
        }
        let mut holidays = Vec::new();
        for (n, one) in calendar.holidays.into_iter().enumerate() {
            let at = format!("{at}.holidays[{n}]");
            let shifts =
                one.shifts.into_iter().filter_map(|shift| self.shift(shift, &format!("{at}.shifts"))).collect();
            let Some(date) = Date::parse(&one.date) else {
                self.refuse::<()>(format!("{at}.date"), "must be a date such as 2026-12-25");
                continue;
            };
            holidays.push(Holiday { date, name: one.name, shifts });
        }
        Some(Calendar { name: name?, zone: calendar.zone, hours, holidays })
    }

    fn shift(&mut self, shift: wire::Shift, at: &str) -> Option<Shift> {
        let time = |minute| u16::try_from(minute).ok().and_then(TimeOfDay::from_minutes);
        match (time(shift.from_minute), time(shift.to_minute)) {
            (Some(from), Some(to)) => Some(Shift { from, to }),
            _ => self.refuse(at.to_owned(), "minutes are 0 to 1440"),
        }
    }

    pub(super) fn rule(&mut self, rule: wire::Rule, at: &str) -> Option<Rule> {
        let phase = match wire::Phase::try_from(rule.phase) {
            Ok(wire::Phase::Unspecified | wire::Phase::Route) => Some(Phase::Route),
            Ok(wire::Phase::Handover) => Some(Phase::Handover),
            Ok(wire::Phase::Bind) => Some(Phase::Bind),
            Ok(wire::Phase::Decorate) => Some(Phase::Decorate),
            Ok(wire::Phase::Default) => Some(Phase::Default),
            Err(_) => self.refuse(format!("{at}.phase"), "is no phase"),
        };
        let on_unknown = match wire::OnUnknown::try_from(rule.on_unknown) {
            Ok(wire::OnUnknown::Unspecified | wire::OnUnknown::NoMatch) => Some(OnUnknown::NoMatch),
            Ok(wire::OnUnknown::Match) => Some(OnUnknown::Match),
            Err(_) => self.refuse(format!("{at}.on_unknown"), "is neither no-match nor match"),
        };
        let moves = match wire::Move::try_from(rule.r#move) {
            Ok(wire::Move::Unspecified) => Some(None),
            Ok(wire::Move::Never) => Some(Some(Move::Never)),
            Ok(wire::Move::UnlessHeld) => Some(Some(Move::UnlessHeld)),
            Ok(wire::Move::Always) => Some(Some(Move::Always)),
            Err(_) => self.refuse(format!("{at}.move"), "is none of never, unless_held, always"),
        };
        let mut when = Vec::new();
        for (n, conjunct) in rule.when.into_iter().enumerate() {
            let literals = conjunct.literals.into_iter().enumerate();
            let literals = literals.filter_map(|(m, one)| self.literal(one, &format!("{at}.when[{n}].literals[{m}]")));
            when.push(Conjunct::new(literals.collect()));
        }
        let valid_from = self.instant(rule.valid_from_ms, &format!("{at}.valid_from_ms"));
        let valid_until = self.instant(rule.valid_until_ms, &format!("{at}.valid_until_ms"));
        let outcome = self.outcome(rule.outcome.unwrap_or_default(), &format!("{at}.outcome"));
        let samples = rule.samples.into_iter().enumerate();
        let samples = samples.filter_map(|(n, one)| self.sample(one, &format!("{at}.samples[{n}]"))).collect();
        Some(Rule {
            id: rule.id.into(),
            name: rule.name.map(Into::into),
            phase: phase?,
            priority: rule.priority,
            enabled: !rule.disabled,
            valid_from,
            valid_until,
            when,
            on_unknown: on_unknown?,
            moves: moves?,
            outcome,
            samples,
        })
    }

    fn literal(&mut self, literal: wire::Literal, at: &str) -> Option<Literal> {
        let Some(atom) = literal.atom else { return self.refuse(format!("{at}.atom"), "is missing") };
        Some(Literal { negated: literal.negated, atom: self.atom(atom, at)? })
    }

    fn atom(&mut self, atom: wire::literal::Atom, at: &str) -> Option<Atom> {
        Some(match atom {
            wire::literal::Atom::Keyword(words) => Atom::Keyword {
                any_of: self.listed_keywords(&words.any_of, &format!("{at}.keyword.any_of")),
                within: self.parts(&words.r#in, &format!("{at}.keyword.in"))?,
            },
            wire::literal::Atom::Regex(patterns) => {
                let within = self.parts(&patterns.r#in, &format!("{at}.regex.in"))?;
                let any_of = patterns.any_of.into_iter().map(Into::into).collect();
                Atom::Regex { patterns: Patterns { any_of, raw: patterns.raw }, within }
            }
            wire::literal::Atom::Value(value) => {
                let field = self.field(value.field.unwrap_or_default(), &format!("{at}.value.field"))?;
                let any_of = value.any_of.into_iter();
                let any_of = any_of.map(|one| TextMatch { text: one.text.into(), prefix: one.prefix }).collect();
                Atom::Value { field, any_of }
            }
            wire::literal::Atom::Exists(field) => Atom::Exists(self.field(field, &format!("{at}.exists"))?),
            wire::literal::Atom::Range(range) => {
                let (min, max) = (self.amount(range.min, at, "min"), self.amount(range.max, at, "max"));
                Atom::Range { attribute: range.attribute.into(), range: AmountRange { min: min?, max: max? } }
            }
            wire::literal::Atom::Open(open) => Atom::Open {
                calendar: self.calendar_name(&open.calendar, &format!("{at}.open.calendar"))?,
                zone: if open.in_customer_zone { ZoneOf::Customer } else { ZoneOf::Calendar },
            },
            wire::literal::Atom::UtcOffsetMinutes(range) => Atom::UtcOffset(whole(range)),
            wire::literal::Atom::WindowLeftMinutes(range) => Atom::WindowLeft(whole(range)),
            wire::literal::Atom::PreviousTeam(before) => {
                let teams = self.teams(&before.teams, &format!("{at}.previous_team"));
                Atom::PreviousTeam { teams, within_hours: before.within_hours }
            }
            wire::literal::Atom::FirstContact(wire::FirstContact {}) => Atom::FirstContact,
            wire::literal::Atom::Forwarded(wire::Forwarded {}) => Atom::Forwarded,
            wire::literal::Atom::Quoted(wire::Quoted {}) => Atom::Quoted,
            wire::literal::Atom::OnlyEmoji(wire::OnlyEmoji {}) => Atom::OnlyEmoji,
            wire::literal::Atom::TeamOpen(open) => Atom::TeamOpen(self.teams(&open.teams, &format!("{at}.team_open"))),
            wire::literal::Atom::TeamStaffed(staffed) => {
                Atom::TeamStaffed(self.teams(&staffed.teams, &format!("{at}.team_staffed")))
            }
            wire::literal::Atom::TeamWaiting(wire::TeamWaiting { teams, over }) => {
                Atom::TeamWaiting { teams: self.teams(&teams, &format!("{at}.team_waiting")), over }
            }
            wire::literal::Atom::Percent(range) => match (u8::try_from(range.from), u8::try_from(range.to)) {
                (Ok(from), Ok(to)) => Atom::Percent(PercentRange { seed: range.seed.into(), from, to }),
                _ => return self.refuse(format!("{at}.percent"), "is 0 to 100"),
            },
        })
    }

    /// None named: all of the customer's words.
    fn parts(&mut self, names: &[String], at: &str) -> Option<Parts> {
        if names.is_empty() {
            return Some(Parts::OWN);
        }
        names.iter().map(|name| self.part(name, at)).collect()
    }

    fn part(&mut self, name: &str, at: &str) -> Option<Part> {
        Part::parse(name).or_else(|| self.refuse(at.to_owned(), "is no part of a message"))
    }

    /// Outer `None` for a mistake.
    fn amount(&mut self, text: Option<String>, at: &str, end: &str) -> Option<Option<Amount>> {
        let Some(text) = text else { return Some(None) };
        match Amount::parse(&text) {
            Some(amount) => Some(Some(amount)),
            None => self.refuse(format!("{at}.range.{end}"), "must be a number of at most four decimals"),
        }
    }

    fn field(&mut self, field: wire::Field, at: &str) -> Option<Field> {
        Some(match wire::FieldKind::try_from(field.kind) {
            Ok(wire::FieldKind::Number) => Field::Number,
            Ok(wire::FieldKind::MessageType) => Field::MessageType,
            Ok(wire::FieldKind::Language) => Field::Language,
            Ok(wire::FieldKind::LanguageSource) => Field::LanguageSource,
            Ok(wire::FieldKind::Country) => Field::Country,
            Ok(wire::FieldKind::Reply) => Field::Reply,
            Ok(wire::FieldKind::ReplyTemplate) => Field::ReplyTemplate,
            Ok(wire::FieldKind::ReferralId) => Field::ReferralId,
            Ok(wire::FieldKind::ReferralType) => Field::ReferralType,
            Ok(wire::FieldKind::ReferralUrl) => Field::ReferralUrl,
            Ok(wire::FieldKind::OpenTeam) => Field::OpenTeam,
            Ok(wire::FieldKind::Binding) => Field::Binding,
            Ok(wire::FieldKind::Form) => Field::Form(field.attribute.into()),
            Ok(wire::FieldKind::Group) => Field::Group,
            Ok(wire::FieldKind::Attribute) => Field::Attribute(field.attribute.into()),
            Ok(wire::FieldKind::Unspecified) | Err(_) => {
                return self.refuse(format!("{at}.kind"), "is no kind of field");
            }
        })
    }

    fn outcome(&mut self, outcome: wire::Outcome, at: &str) -> Outcome {
        let target = match outcome.target {
            None => None,
            Some(wire::outcome::Target::Team(team)) => self.team_name(&team, &format!("{at}.team")).map(Target::Team),
            Some(wire::outcome::Target::Person(person)) => {
                let fallback_team = self.some_team(&person.fallback_team, &format!("{at}.person.fallback_team"));
                let team = self.team_name(&person.team, &format!("{at}.person.team"));
                let attribute = person.attribute.into();
                team.map(|team| Target::Person(Box::new(PersonTarget { attribute, team, fallback_team })))
            }
            Some(wire::outcome::Target::Split(split)) => {
                let mut shares = Vec::new();
                for (n, share) in split.shares.into_iter().enumerate() {
                    let team = self.team_name(&share.team, &format!("{at}.split.shares[{n}].team"));
                    match u8::try_from(share.percent) {
                        Ok(percent) => shares.extend(team.map(|team| Share { team, percent })),
                        Err(_) => drop(self.refuse::<()>(format!("{at}.split.shares[{n}].percent"), "is 0 to 100")),
                    }
                }
                shares.sort_by(|a, b| a.team.cmp(&b.team));
                if shares.windows(2).any(|pair| pair[0].team == pair[1].team) {
                    self.refuse::<()>(format!("{at}.split.shares"), "names a team twice");
                }
                Some(Target::Split(shares))
            }
        };
        let mut escalation = Vec::new();
        for (n, step) in outcome.escalation.into_iter().enumerate() {
            let clock = (!step.clock.is_empty())
                .then(|| self.calendar_name(&step.clock, &format!("{at}.escalation[{n}].clock")))
                .flatten();
            let team = self.team_name(&step.team, &format!("{at}.escalation[{n}].team"));
            escalation.extend(team.map(|team| EscalationStep { after_minutes: step.after_minutes, clock, team }));
        }
        Outcome {
            target,
            urgency: self.urgency(outcome.urgency, &format!("{at}.urgency")),
            tags: outcome.tags.into_iter().map(Into::into).collect(),
            skills: outcome.skills.into_iter().map(Into::into).collect(),
            escalation,
        }
    }

    /// `None` for unspecified.
    fn urgency(&mut self, urgency: i32, at: &str) -> Option<Priority> {
        match wire::Urgency::try_from(urgency) {
            Ok(wire::Urgency::Unspecified) => None,
            Ok(wire::Urgency::Normal) => Some(Priority::Normal),
            Ok(wire::Urgency::Urgent) => Some(Priority::Urgent),
            Err(_) => self.refuse(at.to_owned(), "is neither urgent nor normal"),
        }
    }

    fn instant(&mut self, millis: Option<i64>, at: &str) -> Option<Timestamp> {
        let instant = Timestamp::from_millis(millis?);
        if can_be_said(instant) { Some(instant) } else { self.refuse(at.to_owned(), "is not in the years 0 to 9999") }
    }

    fn teams(&mut self, names: &[String], at: &str) -> Vec<TeamName> {
        let field = format!("{at}.teams");
        names.iter().filter_map(|team| self.team_name(team, &field)).collect()
    }

    fn some_team(&mut self, name: &str, at: &str) -> Option<TeamName> {
        if name.is_empty() { None } else { self.team_name(name, at) }
    }

    fn team_name(&mut self, name: &str, at: &str) -> Option<TeamName> {
        TeamName::new(name).map_or_else(|error| self.refuse(at.to_owned(), error.to_string()), Some)
    }

    fn calendar_name(&mut self, name: &str, at: &str) -> Option<CalendarName> {
        CalendarName::new(name).map_or_else(|error| self.refuse(at.to_owned(), error.to_string()), Some)
    }
}

fn whole(range: wire::WholeRange) -> WholeRange {
    WholeRange { min: range.min, max: range.max }
}
