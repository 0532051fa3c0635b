//! From a document to its protobuf form: nothing can go wrong here.

use waypost_domain::calendar::{Calendar, Shift};
use waypost_domain::team::{Priority, WhenClosed};
use waypost_domain::{Team, TeamName, Timestamp};
use waypost_rules::atom::{Atom, Field, Keyword, Parts, TextMatch, WholeRange, ZoneOf};
use waypost_rules::forms::{FormLanguage, Forms};
use waypost_rules::model::{Conjunct, Literal, Move, OnUnknown, Outcome, Target};
use waypost_rules::word_lists::WordList;
use waypost_rules::{Document, Phase, Rule};

use crate::rules_v1 as wire;

mod sample;

pub(super) use sample::input;
use sample::sample;

pub(super) fn document(document: &Document) -> wire::RuleSetDocument {
    let handover = &document.definition.handover;
    let definition = wire::RuleSetDefinition {
        handover: Some(wire::Handover {
            team: handover.team.to_string(),
            urgency: urgency(handover.urgency),
            words: handover.words.iter().map(language_words).collect(),
            buttons: handover.buttons.clone(),
        }),
        default_route: Some(wire::DefaultRoute {
            team: document.definition.default.team.to_string(),
            urgency: urgency(document.definition.default.urgency),
        }),
        rules: document.definition.rules.iter().map(rule).collect(),
    };
    wire::RuleSetDocument {
        definition: Some(definition),
        teams: document.teams.iter().map(team).collect(),
        calendars: document.calendars.iter().map(calendar).collect(),
        words: document.words.iter().map(|(name, list)| word_list(name, list)).collect(),
    }
}

fn word_list(name: &str, list: &WordList) -> wire::WordList {
    wire::WordList { name: name.to_owned(), words: list.0.iter().map(language_words).collect() }
}

fn language_words((language, words): (&String, &Vec<Keyword>)) -> wire::LanguageWords {
    wire::LanguageWords { language: language.clone(), words: words.iter().map(keyword).collect() }
}

fn urgency(priority: Priority) -> i32 {
    match priority {
        Priority::Urgent => wire::Urgency::Urgent,
        Priority::Normal => wire::Urgency::Normal,
    }
    .into()
}

fn team(team: &Team) -> wire::Team {
    wire::Team {
        name: team.name.to_string(),
        title: team.title.clone(),
        unstaffed: !team.staffed,
        overflow_team: team.overflow_team.as_ref().map(ToString::to_string).unwrap_or_default(),
        hours: team.hours.as_ref().map(|hours| hours.calendar.to_string()).unwrap_or_default(),
        when_closed: match team.hours.as_ref().map(|hours| &hours.when_closed) {
            None | Some(WhenClosed::Keep) => String::new(),
            Some(WhenClosed::DecideAgain) => "decide_again".to_owned(),
            Some(WhenClosed::Team(team)) => team.to_string(),
        },
        reopen_within_hours: team.reopen_within_hours,
        confidential: team.confidential,
    }
}

pub(super) fn calendar(calendar: &Calendar) -> wire::Calendar {
    let hours = calendar.hours.iter().map(|hours| wire::WeeklyHours {
        days: hours.days.iter().map(|day| *day as u32 + 1).collect(),
        shift: Some(shift(&hours.shift)),
    });
    let holidays = calendar.holidays.iter().map(|holiday| wire::Holiday {
        date: holiday.date.to_string(),
        name: holiday.name.clone(),
        shifts: holiday.shifts.iter().map(shift).collect(),
    });
    wire::Calendar {
        name: calendar.name.to_string(),
        zone: calendar.zone.clone(),
        hours: hours.collect(),
        holidays: holidays.collect(),
    }
}

fn shift(shift: &Shift) -> wire::Shift {
    wire::Shift { from_minute: shift.from.minutes().into(), to_minute: shift.to.minutes().into() }
}

pub(super) fn rule(rule: &Rule) -> wire::Rule {
    let phase = match rule.phase {
        Phase::Handover => wire::Phase::Handover,
        Phase::Bind => wire::Phase::Bind,
        Phase::Route => wire::Phase::Route,
        Phase::Decorate => wire::Phase::Decorate,
        Phase::Default => wire::Phase::Default,
    };
    let on_unknown = match rule.on_unknown {
        OnUnknown::NoMatch => wire::OnUnknown::NoMatch,
        OnUnknown::Match => wire::OnUnknown::Match,
    };
    wire::Rule {
        id: rule.id.to_string(),
        name: rule.name.as_ref().map(ToString::to_string),
        phase: phase.into(),
        priority: rule.priority,
        disabled: !rule.enabled,
        valid_from_ms: rule.valid_from.map(Timestamp::as_millis),
        valid_until_ms: rule.valid_until.map(Timestamp::as_millis),
        when: rule.when.iter().map(conjunct).collect(),
        on_unknown: on_unknown.into(),
        outcome: Some(outcome(&rule.outcome)),
        samples: rule.samples.iter().map(sample).collect(),
        r#move: rule.moves.map(moves).unwrap_or_default().into(),
    }
}

const fn moves(moves: Move) -> wire::Move {
    match moves {
        Move::Never => wire::Move::Never,
        Move::UnlessHeld => wire::Move::UnlessHeld,
        Move::Always => wire::Move::Always,
    }
}

fn outcome(outcome: &Outcome) -> wire::Outcome {
    let target = outcome.target.as_ref().map(|target| match target {
        Target::Team(team) => wire::outcome::Target::Team(team.to_string()),
        Target::Person(person) => wire::outcome::Target::Person(wire::Person {
            attribute: person.attribute.to_string(),
            team: person.team.to_string(),
            fallback_team: person.fallback_team.as_ref().map(ToString::to_string).unwrap_or_default(),
        }),
        Target::Split(shares) => {
            let share = |share: &waypost_rules::model::Share| wire::Share {
                team: share.team.to_string(),
                percent: share.percent.into(),
            };
            wire::outcome::Target::Split(wire::Split { shares: shares.iter().map(share).collect() })
        }
    });
    let escalation = outcome.escalation.iter().map(|step| wire::EscalationStep {
        after_minutes: step.after_minutes,
        clock: step.clock.as_ref().map(ToString::to_string).unwrap_or_default(),
        team: step.team.to_string(),
    });
    wire::Outcome {
        target,
        urgency: outcome.urgency.map(urgency).unwrap_or_default(),
        tags: outcome.tags.iter().map(ToString::to_string).collect(),
        skills: outcome.skills.iter().map(ToString::to_string).collect(),
        escalation: escalation.collect(),
    }
}

fn conjunct(conjunct: &Conjunct) -> wire::Conjunct {
    let literal = |literal: &Literal| wire::Literal { negated: literal.negated, atom: Some(atom(&literal.atom)) };
    wire::Conjunct { literals: conjunct.literals().iter().map(literal).collect() }
}

fn atom(atom: &Atom) -> wire::literal::Atom {
    match atom {
        Atom::Keyword { any_of, within } => wire::literal::Atom::Keyword(wire::Keywords {
            any_of: any_of.iter().map(keyword).collect(),
            r#in: parts(*within),
        }),
        Atom::Regex { patterns, within } => wire::literal::Atom::Regex(wire::Patterns {
            any_of: patterns.any_of.iter().map(ToString::to_string).collect(),
            raw: patterns.raw,
            r#in: parts(*within),
        }),
        Atom::Value { field: of, any_of } => wire::literal::Atom::Value(wire::FieldValue {
            field: Some(field(of)),
            any_of: any_of.iter().map(text_match).collect(),
        }),
        Atom::Exists(of) => wire::literal::Atom::Exists(field(of)),
        Atom::Range { attribute, range } => wire::literal::Atom::Range(wire::AttributeRange {
            attribute: attribute.to_string(),
            min: range.min.map(|min| min.to_string()),
            max: range.max.map(|max| max.to_string()),
        }),
        Atom::Open { calendar, zone } => wire::literal::Atom::Open(wire::CalendarOpen {
            calendar: calendar.to_string(),
            in_customer_zone: *zone == ZoneOf::Customer,
        }),
        Atom::UtcOffset(range) => wire::literal::Atom::UtcOffsetMinutes(whole(range)),
        Atom::PreviousTeam { teams, within_hours } => wire::literal::Atom::PreviousTeam(wire::PreviousTeam {
            teams: self::teams(teams),
            within_hours: *within_hours,
        }),
        Atom::WindowLeft(range) => wire::literal::Atom::WindowLeftMinutes(whole(range)),
        Atom::FirstContact => wire::literal::Atom::FirstContact(wire::FirstContact {}),
        Atom::Forwarded => wire::literal::Atom::Forwarded(wire::Forwarded {}),
        Atom::Quoted => wire::literal::Atom::Quoted(wire::Quoted {}),
        Atom::OnlyEmoji => wire::literal::Atom::OnlyEmoji(wire::OnlyEmoji {}),
        Atom::TeamOpen(open) => wire::literal::Atom::TeamOpen(wire::Teams { teams: teams(open) }),
        Atom::TeamStaffed(staffed) => wire::literal::Atom::TeamStaffed(wire::Teams { teams: teams(staffed) }),
        Atom::TeamWaiting { teams: of, over } => {
            wire::literal::Atom::TeamWaiting(wire::TeamWaiting { teams: teams(of), over: *over })
        }
        Atom::Percent(range) => wire::literal::Atom::Percent(wire::PercentRange {
            seed: range.seed.to_string(),
            from: range.from.into(),
            to: range.to.into(),
        }),
    }
}

fn teams(teams: &[TeamName]) -> Vec<String> {
    teams.iter().map(ToString::to_string).collect()
}

/// None where all of the customer's words count.
fn parts(within: Parts) -> Vec<String> {
    let named = (within != Parts::OWN).then_some(within);
    named.into_iter().flat_map(Parts::iter).map(|part| part.as_str().to_owned()).collect()
}

fn whole(range: &WholeRange) -> wire::WholeRange {
    wire::WholeRange { min: range.min, max: range.max }
}

fn keyword(keyword: &Keyword) -> wire::TextMatch {
    let list = keyword.list().unwrap_or_default().to_owned();
    let forms = keyword.forms().map(forms).unwrap_or_default();
    wire::TextMatch { text: keyword.text().to_owned(), prefix: keyword.is_prefix(), list, forms }
}

fn text_match(one: &TextMatch) -> wire::TextMatch {
    wire::TextMatch { text: one.text.to_string(), prefix: one.prefix, ..wire::TextMatch::default() }
}

fn forms(forms: Forms) -> Vec<String> {
    let customer = forms.follow_the_customer().then_some(super::CUSTOMER);
    forms.languages().map(FormLanguage::as_str).chain(customer).map(str::to_owned).collect()
}

fn field(field: &Field) -> wire::Field {
    let (kind, attribute) = match field {
        Field::Number => (wire::FieldKind::Number, ""),
        Field::MessageType => (wire::FieldKind::MessageType, ""),
        Field::Language => (wire::FieldKind::Language, ""),
        Field::LanguageSource => (wire::FieldKind::LanguageSource, ""),
        Field::Country => (wire::FieldKind::Country, ""),
        Field::Reply => (wire::FieldKind::Reply, ""),
        Field::ReplyTemplate => (wire::FieldKind::ReplyTemplate, ""),
        Field::ReferralId => (wire::FieldKind::ReferralId, ""),
        Field::ReferralType => (wire::FieldKind::ReferralType, ""),
        Field::ReferralUrl => (wire::FieldKind::ReferralUrl, ""),
        Field::OpenTeam => (wire::FieldKind::OpenTeam, ""),
        Field::Binding => (wire::FieldKind::Binding, ""),
        Field::Form(name) => (wire::FieldKind::Form, &**name),
        Field::Group => (wire::FieldKind::Group, ""),
        Field::Attribute(name) => (wire::FieldKind::Attribute, &**name),
    };
    wire::Field { kind: kind.into(), attribute: attribute.to_owned() }
}
