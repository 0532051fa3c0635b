//! The index gives what the plain scan gives: on random rule sets and random inputs, in every phase. Both are told
//! apart by who decided, by which alternative, and by what was added.

#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use waypost_domain::calendar::{Calendar, Shift, TimeOfDay, Weekday, WeeklyHours};
use waypost_domain::message::Part;
use waypost_domain::team::{Priority, TeamHours, WhenClosed};
use waypost_domain::{Binding, CalendarName, Team, TeamName, Timestamp};
use waypost_rules::atom::{
    Amount, AmountRange, Atom, Field, Keyword, Parts, Patterns, PercentRange, TextMatch, WholeRange, ZoneOf,
};
use waypost_rules::forms::{FormLanguage, Forms};
use waypost_rules::model::{
    Conjunct, DefaultRoute, Definition, Document, Handover, Literal, Move, OnUnknown, Outcome, Phase, Rule, Target,
};
use waypost_rules::naive::Scan;
use waypost_rules::word_lists::WordLists;
use waypost_rules::{
    OpenConversation, PartWords, PreviousTeam, Referral, RouteInput, RuleSet, Scratch, Semantics, TeamQueues, compile,
    toml_form,
};

const WORDS: &[&str] = &[
    "invoice",
    "invo",
    "in",
    "order",
    "credit card",
    "card",
    "credit",
    "é",
    "è",
    "agent",
    "crédit größe",
    "größe",
    "发票",
    "票",
    "請求書を",
    "credit 发票",
    "บิล",
    "환불",
    "네",
    "*환불",
    "주문 환불",
    "カート",
    "*カート",
    "カート料",
    "فاتورة",
    "فات",
    "رد",
    "فاتورة جديدة",
    "חשבונית",
    "ड़",
    "ড",
    "мой",
    "👍",
    "👩\u{200d}💻",
    "ok 👍",
];
/// Put together with spaces and without.
const PIECES: &[&str] = &[
    "invoice",
    "INVOICES",
    "ordered",
    "order",
    "crédit",
    "cards",
    "a",
    "é",
    "è",
    "e",
    " ",
    ", ",
    "发票",
    "发",
    "票",
    "的",
    "を",
    "請求書",
    "ขอ",
    "บิล",
    "ค่ะ",
    "환불",
    "네",
    "해",
    "주문을",
    "ス",
    "カート",
    "料",
    "الفاتورة",
    "وفاتوره",
    "الجديدة",
    "ورد",
    "وال",
    "ה",
    "חשבונית",
    "groesse",
    "GRÖßE",
    "\u{301}",
    "ড়",
    "ड",
    "мой",
    "мои",
    "👍🏽",
    "👍",
    "👩\u{200d}💻",
    "ok",
];
const VALUES: &[&str] = &[
    "gold", "go", "silver", "ES", "es", "en", "de", "text", "image", "pay", "pay:1", "support", "b", "held", "csat:5",
];
const ZONES: &[&str] = &["Europe/Madrid", "America/Lima", "Nowhere/None"];

fn team(name: &str) -> TeamName {
    TeamName::new(name).unwrap()
}

fn calendar() -> Calendar {
    let shift = Shift { from: TimeOfDay::parse("09:00").unwrap(), to: TimeOfDay::parse("17:00").unwrap() };
    let hours = vec![WeeklyHours { days: Weekday::ALL[..5].to_vec(), shift }];
    Calendar { name: CalendarName::new("office").unwrap(), zone: "Europe/Madrid".into(), hours, holidays: vec![] }
}

fn field() -> impl Strategy<Value = Field> {
    select(vec![
        Field::Number,
        Field::MessageType,
        Field::Language,
        Field::Country,
        Field::Reply,
        Field::ReplyTemplate,
        Field::ReferralId,
        Field::ReferralType,
        Field::ReferralUrl,
        Field::OpenTeam,
        Field::Binding,
        Field::Group,
        Field::Form("plan".into()),
        Field::Attribute("tier".into()),
        Field::Attribute("ltv".into()),
    ])
}

fn plain_keyword() -> impl Strategy<Value = Keyword> {
    (select(WORDS), any::<bool>())
        .prop_map(|(text, prefix)| if prefix { Keyword::prefix(text) } else { Keyword::word(text) })
}

fn keyword() -> impl Strategy<Value = Keyword> {
    (plain_keyword(), option::weighted(0.4, forms()))
        .prop_map(|(keyword, forms)| forms.map_or(keyword.clone(), |forms| keyword.in_forms(forms)))
}

fn forms() -> impl Strategy<Value = Forms> {
    let of = |language| Forms::of(FormLanguage::parse(language).unwrap());
    select(vec![Forms::OF_CUSTOMER, of("en"), of("de"), of("fr") | of("es")])
}

/// Mostly all of the customer's words.
fn parts() -> impl Strategy<Value = Parts> {
    let some = vec(select(&Part::ALL[..]), 1..4).prop_map(Parts::from_iter);
    prop_oneof![3 => Just(Parts::OWN), 1 => some]
}

fn text_match() -> impl Strategy<Value = TextMatch> {
    (select(VALUES), prop::bool::weighted(0.3)).prop_map(|(text, prefix)| TextMatch { text: text.into(), prefix })
}

fn range() -> impl Strategy<Value = WholeRange> {
    (option::of(-100..200), option::of(-100..200)).prop_map(|(min, max)| WholeRange { min, max })
}

fn atom() -> impl Strategy<Value = Atom> {
    let zone = select(vec![ZoneOf::Calendar, ZoneOf::Customer]);
    let amount = || option::of((-20..20_i32).prop_map(|n| Amount::parse(&n.to_string()).unwrap()));
    prop_oneof![
        4 => (vec(keyword(), 1..4), parts()).prop_map(|(any_of, within)| Atom::Keyword { any_of, within }),
        5 => (field(), vec(text_match(), 1..3)).prop_map(|(field, any_of)| Atom::Value { field, any_of }),
        1 => field().prop_map(Atom::Exists),
        1 => (vec(select(vec!["^i", "[0-9]+", "CARD$", "é", r"\b票"]).prop_map(Into::into), 1..2), any::<bool>(), parts())
            .prop_map(|(any_of, raw, within)| Atom::Regex { patterns: Patterns { any_of, raw }, within }),
        1 => (amount(), amount()).prop_map(|(min, max)| Atom::Range {
            attribute: "ltv".into(),
            range: AmountRange { min, max },
        }),
        2 => zone.prop_map(|zone| Atom::Open { calendar: calendar().name, zone }),
        1 => range().prop_map(Atom::UtcOffset),
        1 => range().prop_map(Atom::WindowLeft),
        1 => option::of(0..5_u32).prop_map(|within_hours| Atom::PreviousTeam { teams: vec![team("b")], within_hours }),
        1 => select(vec![Atom::FirstContact, Atom::Forwarded, Atom::Quoted, Atom::OnlyEmoji]),
        1 => prop_oneof![queue_teams().prop_map(Atom::TeamOpen), queue_teams().prop_map(Atom::TeamStaffed)],
        1 => (queue_teams(), 0..4_u32).prop_map(|(teams, over)| Atom::TeamWaiting { teams, over }),
        1 => (0..100_u8, 1..=100_u8).prop_map(|(from, to)| Atom::Percent(PercentRange { seed: "".into(), from, to })),
    ]
}

fn queue_teams() -> impl Strategy<Value = Vec<TeamName>> {
    vec(select(&["a", "b"][..]).prop_map(team), 1..3)
}

fn queues() -> impl Strategy<Value = TeamQueues> {
    (option::of(any::<bool>()), option::of(0..5_u32)).prop_map(|(staffed, waiting)| TeamQueues {
        staffed: staffed.map(|staffed| (team("b"), staffed)).into_iter().collect(),
        waiting: waiting.map(|waiting| (team("b"), waiting)).into_iter().collect(),
    })
}

fn conjunct() -> impl Strategy<Value = Conjunct> {
    let literal = (prop::bool::weighted(0.2), atom()).prop_map(|(negated, atom)| Literal { negated, atom });
    vec(literal, 1..4).prop_map(Conjunct::new)
}

fn rule() -> impl Strategy<Value = Rule> {
    let dates = || option::weighted(0.1, (0..200_000_i64).prop_map(|s| Timestamp::from_millis(s * 1000)));
    (
        (select(&Phase::ALL[..]), 0..3_i64, prop::bool::weighted(0.9), dates(), dates()),
        vec(conjunct(), 1..4),
        prop_oneof![3 => Just(OnUnknown::NoMatch), 1 => Just(OnUnknown::Match)],
        (option::of(select(&Priority::ALL[..])), option::of(select(&Move::ALL[..])), select(&["a", "b"][..])),
    )
        .prop_map(|((phase, priority, enabled, valid_from, valid_until), when, on_unknown, rest)| {
            let (urgency, moves, to) = rest;
            let target = (phase != Phase::Decorate).then(|| Target::Team(team(to)));
            let moves = moves.filter(|_| matches!(phase, Phase::Bind | Phase::Route));
            let tags = vec!["tag".into()];
            let outcome = Outcome { target, urgency, tags, skills: vec![], escalation: vec![] };
            let rule = Rule::new("", Target::Team(team("b")));
            Rule { phase, priority, enabled, valid_from, valid_until, when, on_unknown, moves, outcome, ..rule }
        })
}

fn hours() -> impl Strategy<Value = Option<TeamHours>> {
    let when_closed = select(vec![WhenClosed::Keep, WhenClosed::DecideAgain, WhenClosed::Team(team("a"))]);
    option::of(when_closed.prop_map(|when_closed| TeamHours { calendar: calendar().name, when_closed }))
}

fn document(rules: usize) -> impl Strategy<Value = Document> {
    (vec(rule(), 0..rules), vec(plain_keyword(), 0..2), any::<bool>(), hours()).prop_map(
        |(mut rules, words, hands_over, hours)| {
            for (n, rule) in rules.iter_mut().enumerate() {
                rule.id = format!("rule-{n}").into();
                if let (Some(from), Some(until)) = (rule.valid_from, rule.valid_until)
                    && until <= from
                {
                    rule.valid_until = None;
                }
            }
            let words = if hands_over { words } else { vec![] };
            let handover = Handover {
                team: team("a"),
                urgency: Priority::Urgent,
                words: (!words.is_empty()).then(|| ("en".to_owned(), words)).into_iter().collect(),
                buttons: vec!["pay:1".into()],
            };
            let default = DefaultRoute { team: team("a"), urgency: Priority::Normal };
            let plain = |name| Team {
                name: team(name),
                title: None,
                staffed: true,
                overflow_team: None,
                hours: hours.clone().filter(|_| name == "b"),
                confidential: false,
                reopen_within_hours: None,
            };
            let definition = Definition { handover, default, rules };
            Document {
                definition,
                teams: vec![plain("a"), plain("b")],
                calendars: vec![calendar()],
                words: WordLists::default(),
            }
        },
    )
}

fn open() -> impl Strategy<Value = Option<(OpenConversation, Semantics)>> {
    let semantics = prop_oneof![3 => Just(Semantics::Bindings), 1 => Just(Semantics::BeforeBindings)];
    let one = (select(&["a", "b", "gone"][..]), select(&Binding::ALL[..]), any::<bool>(), semantics);
    option::weighted(
        0.6,
        one.prop_map(|(name, binding, waits, semantics)| {
            (OpenConversation { binding, waits, ..OpenConversation::firm(team(name), Priority::Urgent) }, semantics)
        }),
    )
}

fn input() -> impl Strategy<Value = RouteInput> {
    let value = || option::of(select(VALUES).prop_map(str::to_owned));
    let text = option::of((vec(select(PIECES), 0..8), select(&[" ", " ", ""][..])));
    let referral = (value(), value(), value());
    let referral = option::of(referral.prop_map(|(source_id, source_type, source_url)| Referral {
        source_id,
        source_type,
        source_url,
    }));
    (
        (select(VALUES), select(VALUES), text, value(), value(), referral),
        (value(), option::of((-20..20_i32).prop_map(|n| n.to_string())), value(), value()),
        (option::of(0..300_000_i64), option::of(select(ZONES)), option::of(0..20_000_i64)),
        (option::of(-10..9000_i64), any::<bool>(), "[a-z]{0,2}", open(), queues()),
        (vec((select(&Part::ALL[..]), select(WORDS)), 0..3), value(), value(), any::<bool>(), any::<bool>()),
    )
        .prop_map(|((number, kind, text, reply_id, reply_template, referral), known, times, rest, read)| {
            let (words, plan, group_id, forwarded, quoted) = read;
            let (tier, ltv, language, country) = known;
            let (received_at, zone, age_s) = times;
            let (window_left_s, first_contact, contact_key, open, queues) = rest;
            let attribute = |name: &str, value: Option<String>| value.map(|value| (name.to_owned(), value));
            RouteInput {
                number: number.into(),
                message_type: kind.into(),
                text: text.map(|(pieces, between)| pieces.join(between)),
                words: words.into_iter().map(|(part, text)| PartWords { part, text: text.to_owned() }).collect(),
                form: plan.map(|plan| ("plan".to_owned(), plan)).into_iter().collect(),
                group_id,
                forwarded,
                quoted,
                reply_id,
                reply_template,
                referral,
                attributes: attribute("tier", tier).into_iter().chain(attribute("ltv", ltv)).collect(),
                language,
                country,
                received_at: received_at.map(|s| Timestamp::from_millis(s * 1000)),
                zone: zone.map(str::to_owned),
                previous_team: age_s.map(|age_s| PreviousTeam { team: team("b"), age_s }),
                window_left_s,
                first_contact,
                contact_key,
                semantics: open.as_ref().map_or(Semantics::Bindings, |(_, semantics)| *semantics),
                closes: open.as_ref().is_some_and(|(open, _)| !open.waits && open.priority == Priority::Normal),
                open: open.map(|(open, _)| open),
                queues,
                ..RouteInput::default()
            }
        })
}

/// Keeps what `check` refuses (empty ranges and the like) out of the way.
fn compiled(document: Document) -> Option<std::sync::Arc<RuleSet>> {
    let Document { mut definition, teams, calendars, words: _ } = document;
    loop {
        match compile(definition.clone(), teams.clone(), calendars.clone()) {
            Ok(set) => return Some(set),
            Err(errors) => {
                let bad: std::collections::BTreeSet<usize> =
                    errors.0.iter().filter_map(|error| error.rule_at).collect();
                if bad.is_empty() {
                    return None;
                }
                let mut place = 0;
                definition.rules.retain(|_| {
                    place += 1;
                    !bad.contains(&(place - 1))
                });
            }
        }
    }
}

fn agree(set: &RuleSet, inputs: &[RouteInput], scratch: &mut Scratch) -> Result<(), TestCaseError> {
    let scan = Scan::new(set);
    for input in inputs {
        let by_scan = set.decision(input, &scan.choose(input, &mut Scratch::default()));
        let by_index = set.decision(input, &set.choose(input, scratch));
        prop_assert_eq!(&by_index, &by_scan, "{:?}", input);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn on_random_rule_sets(document in document(40), inputs in vec(input(), 1..12)) {
        let set = compiled(document).unwrap();
        agree(&set, &inputs, &mut Scratch::default())?;
    }

    /// Enough rows for bitmaps of several words, and one scratch for two rule sets.
    #[test]
    fn on_large_rule_sets(a in document(300), b in document(150), inputs in vec(input(), 4..8)) {
        let mut scratch = Scratch::default();
        for document in [a.clone(), b, a] {
            agree(&compiled(document).unwrap(), &inputs, &mut scratch)?;
        }
    }

    #[test]
    fn a_document_reads_back(document in document(12)) {
        let written = toml_form::write(&document);
        let read = toml_form::read(&written).unwrap_or_else(|errors| panic!("{errors}\n{written}"));
        prop_assert_eq!(read, document, "{}", written);
    }
}
