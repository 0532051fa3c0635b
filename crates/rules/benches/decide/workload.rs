//! Rules and inputs of the mixed shape: a quarter are buttons, a twentieth tier + country + calendar defaults, the rest
//! keywords, from a vocabulary that grows with the rules so that about five of them match an input.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use waypost_domain::calendar::{Calendar, Shift, TimeOfDay, Weekday, WeeklyHours};
use waypost_domain::team::Priority;
use waypost_domain::{CalendarName, Team, TeamName, Timestamp};
use waypost_rules::RouteInput;
use waypost_rules::atom::{Atom, Field, Keyword, Parts, TextMatch, ZoneOf};
use waypost_rules::model::{Conjunct, DefaultRoute, Definition, Document, Handover, Literal, Rule, Target};
use waypost_rules::word_lists::WordLists;

const INPUTS: usize = 20_000;
const WORDS_PER_RULE: usize = 3;
const WORDS_PER_INPUT: usize = 8;
const CALENDARS: usize = 4;
pub(crate) const TIERS: [&str; 4] = ["bronze", "silver", "gold", "platinum"];

/// Numbers without a pattern, the same on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % end
    }
}

fn team(name: &str) -> TeamName {
    TeamName::new(name).unwrap()
}

fn country(n: usize) -> String {
    let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap());
    [letter(n / 26), letter(n)].iter().collect()
}

/// A pronounceable word for each number: as long as words are.
fn word(mut n: usize) -> String {
    const SYLLABLES: [&str; 16] =
        ["ka", "ce", "di", "fi", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va"];
    let mut word = String::from("w");
    for _ in 0..3 {
        word.push_str(SYLLABLES[n % 16]);
        n /= 16;
    }
    while n > 0 {
        word.push_str(SYLLABLES[n % 16]);
        n /= 16;
    }
    word
}

/// So many words that five keyword rules match an input of eight.
fn vocabulary(rules: usize) -> usize {
    keyword_rules(rules) * WORDS_PER_RULE * WORDS_PER_INPUT / 5
}

fn keyword_rules(rules: usize) -> usize {
    rules - rules / 4 - rules / 20
}

fn rule(id: String, priority: i64, atoms: Vec<Literal>) -> Rule {
    let target = Target::Team(team(["billing", "support", "vip"][id.len() % 3]));
    Rule { priority, when: vec![Conjunct::new(atoms)], ..Rule::new(&id, target) }
}

fn value(field: Field, text: &str) -> Literal {
    Literal::from(Atom::Value { field, any_of: vec![TextMatch::exact(text)] })
}

pub(crate) fn document(rules: usize) -> Document {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let words = vocabulary(rules);
    let mut all = Vec::with_capacity(rules);
    for n in 0..rules / 4 {
        all.push(rule(format!("button-{n}"), 20, vec![value(Field::Reply, &format!("btn-{n}"))]));
    }
    for n in 0..rules / 20 {
        let tier = value(Field::Attribute("tier".into()), TIERS[n % 4]);
        let country = value(Field::Country, &country(n / 4 % 200));
        let calendar = CalendarName::new(format!("office-{}", dice.below(CALENDARS))).unwrap();
        let open = Atom::Open { calendar, zone: ZoneOf::Calendar };
        let open = Literal { negated: dice.below(2) == 0, atom: open };
        all.push(rule(format!("default-{n}"), 0, vec![tier, country, open]));
    }
    for n in 0..keyword_rules(rules) {
        let keywords = (0..WORDS_PER_RULE).map(|_| Keyword::word(&word(dice.below(words)))).collect();
        all.push(rule(
            format!("words-{n}"),
            10,
            vec![Literal::from(Atom::Keyword { any_of: keywords, within: Parts::OWN })],
        ));
    }
    with_rules(all)
}

/// Nothing but buttons.
pub(crate) fn buttons(rules: usize) -> Document {
    with_rules(
        (0..rules).map(|n| rule(format!("button-{n}"), 0, vec![value(Field::Reply, &format!("btn-{n}"))])).collect(),
    )
}

fn with_rules(rules: Vec<Rule>) -> Document {
    let handover = Handover {
        team: team("people"),
        urgency: Priority::Urgent,
        words: BTreeMap::from([("en".to_owned(), vec![Keyword::word("agent"), Keyword::word("real person")])]),
        buttons: vec!["human".to_owned()],
    };
    let default = DefaultRoute { team: team("frontdesk"), urgency: Priority::Normal };
    let teams = ["frontdesk", "people", "billing", "support", "vip"];
    let teams = teams.map(|name| Team {
        name: team(name),
        title: None,
        staffed: true,
        overflow_team: None,
        hours: None,
        confidential: false,
        reopen_within_hours: None,
    });
    let calendars = (0..CALENDARS).map(calendar).collect();
    Document {
        definition: Definition { handover, default, rules },
        teams: teams.into(),
        calendars,
        words: WordLists::default(),
    }
}

/// Nine to five and a bit later for each, in UTC so that the floor can count in its head.
fn calendar(n: usize) -> Calendar {
    let time = |hour: usize| TimeOfDay::from_minutes(u16::try_from(hour * 60).unwrap()).unwrap();
    let shift = Shift { from: time(9 + n), to: time(17 + n) };
    let hours = vec![WeeklyHours { days: Weekday::ALL[..5].to_vec(), shift }];
    let name = CalendarName::new(format!("office-{n}")).unwrap();
    Calendar { name, zone: "Etc/UTC".into(), hours, holidays: vec![] }
}

pub(crate) fn inputs(rules: usize) -> Vec<RouteInput> {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let words = vocabulary(rules);
    (0..INPUTS)
        .map(|n| {
            let mut input = RouteInput {
                number: "support".into(),
                message_type: "text".into(),
                attributes: BTreeMap::from([("tier".to_owned(), TIERS[dice.below(4)].to_owned())]),
                language: Some("es".into()),
                country: Some(country(dice.below(200))),
                received_at: Some(Timestamp::from_millis(1_767_225_600_000 + i64::try_from(n).unwrap() * 30_000)),
                zone: Some("Europe/Madrid".into()),
                contact_key: format!("contact-{n}"),
                ..RouteInput::default()
            };
            match n % 8 {
                0 | 1 => {
                    input.message_type = "interactive".into();
                    input.reply_id = Some(format!("btn-{}", dice.below(rules / 4)));
                }
                // Nothing that a rule looks for: the defaults decide.
                2 => input.text = Some("hello there, how are you doing these days?".into()),
                _ => {
                    let mut text = String::from("Hello!");
                    for _ in 0..WORDS_PER_INPUT {
                        write!(text, " {}", word(dice.below(words))).unwrap();
                    }
                    input.text = Some(text);
                }
            }
            input
        })
        .collect()
}

pub(crate) fn quamina_pattern(rule: &Rule) -> String {
    let list = |texts: Vec<&str>| {
        format!("[{}]", texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(","))
    };
    let entries: Vec<String> = rule.when[0]
        .literals()
        .iter()
        .filter_map(|literal| match &literal.atom {
            Atom::Keyword { any_of: words, .. } => {
                Some(format!("\"words\":{}", list(words.iter().map(Keyword::text).collect())))
            }
            Atom::Value { field: Field::Reply, any_of } => Some(format!("\"reply\":{}", list(vec![&any_of[0].text]))),
            Atom::Value { field: Field::Country, any_of } => {
                Some(format!("\"country\":{}", list(vec![&any_of[0].text])))
            }
            Atom::Value { any_of, .. } => Some(format!("\"tier\":{}", list(vec![&any_of[0].text]))),
            _ => None,
        })
        .collect();
    format!("{{{}}}", entries.join(","))
}

pub(crate) fn quamina_event(input: &RouteInput) -> String {
    let words = input.text.as_deref().unwrap_or_default().split_whitespace();
    let words: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    format!(
        "{{\"words\":[{}],\"reply\":\"{}\",\"tier\":\"{}\",\"country\":\"{}\"}}",
        words.join(","),
        input.reply_id.as_deref().unwrap_or_default(),
        input.attributes["tier"],
        input.country.as_deref().unwrap_or_default()
    )
}
