//! An explanation says of each condition what was there, and hides from those who may not read contacts what is the
//! customer's.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_domain::team::Priority;
use waypost_domain::{Binding, LanguageSource, TeamName};
use waypost_rules::explain::Actual;
use waypost_rules::input::parse_instant;
use waypost_rules::{OpenConversation, PreviousTeam, Referral, RouteInput, RuleSet};

const HEAD: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nwords.en=['an agent']\n[[teams]]\nname='a'\nhours='office'\n\
    [[teams]]\nname='b'\n[[calendars]]\nname='office'\nzone='Europe/Madrid'\n\
    hours=[{ days='mon-fri', from='09:00', to='17:00' }]\nholidays=[{ date=2026-01-06, name='Epiphany' }]\n";

fn set(when: &str) -> RuleSet {
    RuleSet::parse(&format!("{HEAD}[[rules]]\nid='r'\nteam='a'\nwhen={when}\n")).unwrap()
}

fn team(name: &str) -> TeamName {
    TeamName::new(name).unwrap()
}

/// A customer of whom everything is known.
fn known() -> RouteInput {
    let attributes = [("tier", "silver"), ("spent", "12.50"), ("born", "long ago")];
    let mut input = RouteInput {
        number: "support".into(),
        message_type: "text".into(),
        text: Some("my\nbill".into()),
        form: [("department".to_owned(), "sales".to_owned())].into(),
        group_id: Some("G1".into()),
        reply_id: Some("pay".into()),
        referral: Some(Referral { source_id: Some("ad1".into()), ..Referral::default() }),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        language: Some("pt".into()),
        language_source: Some(LanguageSource::Guess),
        country: Some("BR".into()),
        received_at: parse_instant("2026-01-12T22:00:00Z"),
        zone: Some("America/Lima".into()),
        previous_team: Some(PreviousTeam { team: team("b"), age_s: 3 * 3600 }),
        window_left_s: Some(90 * 60),
        contact_key: "k".into(),
        open: Some(OpenConversation { binding: Binding::Held, ..OpenConversation::firm(team("b"), Priority::Normal) }),
        ..RouteInput::default()
    };
    input.queues.staffed.insert(team("a"), false);
    input.queues.waiting.insert(team("a"), 7);
    input
}

fn observed(when: &str, input: &RouteInput) -> (Actual, bool) {
    let explained = set(when).explain(input, &["r"]);
    let condition = &explained.rules[0].alternatives[0].conditions[0];
    (condition.actual.clone(), condition.unknown)
}

/// Conditions on what is the customer's; what is seen of one of whom everything is known, and of one of whom nothing is.
const OF_CUSTOMER: &[(&str, &str, &str)] = &[
    ("{ keyword='invoice' }", "it says \"my bill / sales\"", "the message has no words"),
    ("{ keyword='invoice', in=['form'] }", "it says \"sales\"", "it has no words there"),
    ("{ regex='[0-9]+' }", "it says \"my bill / sales\"", "the message has no words"),
    ("{ emoji=true }", "it says \"my bill / sales\"", "the message has no words"),
    ("{ tier='gold' }", "it is \"silver\"", "not known"),
    ("{ not={ tier='gold' } }", "it is \"silver\"", "not known"),
    ("{ attribute={ tier={ exists=true } } }", "it is \"silver\"", "not known"),
    ("{ attribute={ spent={ min=1000 } } }", "it is \"12.50\"", "not known"),
    ("{ attribute={ born={ max=1 } } }", "it is \"long ago\", which is no number", "not known"),
    ("{ form={ department='billing' } }", "it is \"sales\"", "there is none"),
    ("{ group='G2' }", "it is \"G1\"", "there is none"),
    ("{ reply='buy' }", "it is \"pay\"", "there is none"),
    ("{ referral='ad2' }", "it is \"ad1\"", "there is none"),
    ("{ language='es' }", "it is \"pt\"", "not known"),
    ("{ country='ES' }", "it is \"BR\"", "not known"),
    (
        "{ open={ calendar='office', zone='customer' } }",
        "it is Mon 2026-01-12 17:00 in America/Lima",
        "the time is not known",
    ),
    ("{ utc_offset_minutes={ min=0 } }", "it is -300, in America/Lima", "the time is not known"),
];

/// The same of what is not.
const OF_OTHERS: &[(&str, &str, &str)] = &[
    ("{ number='sales' }", "it is \"support\"", "it is empty"),
    ("{ type='image' }", "it is \"text\"", "it is empty"),
    ("{ language_source='crm' }", "it is \"guess\"", "not known"),
    ("{ open='office' }", "it is Mon 2026-01-12 23:00 in Europe/Madrid", "the time is not known"),
    ("{ previous_team='a' }", "it was with b, 3 h ago", "there was none"),
    ("{ window_left_minutes={ max=60 } }", "it is 90", "no window is open"),
    ("{ first_contact=true }", "they wrote before", "they wrote before"),
    ("{ forwarded=true }", "it is not", "it is not"),
    ("{ quoted=true }", "it is not", "it is not"),
    ("{ open_team='a' }", "it is \"b\"", "there is none"),
    ("{ binding='loose' }", "it is \"held\"", "there is none"),
    (
        "{ team_open=['a', 'b'] }",
        "it is Mon 2026-01-12 23:00 in Europe/Madrid, for a (office); b has no hours",
        "the time is not known, for a (office); b has no hours",
    ),
    ("{ team_staffed=['a', 'b'] }", "nobody reads the queue of a; b: not known", "a: not known; b: not known"),
    ("{ team_waiting={ team='a', over=9 } }", "7 wait for a", "a: not known"),
];

#[test]
fn every_condition_says_what_was_there() {
    let nobody = RouteInput::default();
    for (when, of_known, of_nobody) in OF_CUSTOMER {
        assert_eq!(observed(when, &known()).0, Actual::OfCustomer((*of_known).to_owned()), "{when}");
        assert_eq!(observed(when, &nobody).0, Actual::Other((*of_nobody).to_owned()), "{when}");
    }
    for (when, of_known, of_nobody) in OF_OTHERS {
        assert_eq!(observed(when, &known()).0, Actual::Other((*of_known).to_owned()), "{when}");
        assert_eq!(observed(when, &nobody).0, Actual::Other((*of_nobody).to_owned()), "{when}");
    }
    let (drawn, _) = observed("{ percent=1 }", &known());
    let Actual::Other(drawn) = drawn else { panic!("{drawn:?}") };
    assert!(drawn.starts_with("this one is "), "{drawn}");
    assert_eq!(observed("{ percent=1 }", &nobody), (Actual::Other("who it is is not known".into()), true));
}

#[test]
fn times_are_local_and_name_holidays() {
    let at = |text| RouteInput { received_at: parse_instant(text), ..RouteInput::default() };
    let epiphany = at("2026-01-06T09:00:00Z");
    let holiday = "it is Tue 2026-01-06 10:00 in Europe/Madrid, a holiday (Epiphany)";
    assert_eq!(observed("{ open='office' }", &epiphany).0, Actual::Other(holiday.into()));
    assert_eq!(set("{ keyword='x' }").explain(&epiphany, &[]).local_times, ["Tue 2026-01-06 10:00 in Europe/Madrid"]);
    let none = "[default]\nteam='a'\n[handover]\nteam='a'\nwords.en=['an agent']\n[[teams]]\nname='a'\n";
    let explained = RuleSet::parse(none).unwrap().explain(&epiphany, &[]);
    assert_eq!(explained.local_times, ["Tue 2026-01-06 09:00 in UTC"]);
    assert_eq!(explained.received_at, epiphany.received_at);
    assert!(set("{ keyword='x' }").explain(&RouteInput::default(), &[]).local_times.is_empty());
    let in_no_zone = RouteInput { zone: Some("Mars".into()), ..epiphany };
    let told = Actual::OfCustomer("\"Mars\" is no time zone".into());
    assert_eq!(observed("{ open={ calendar='office', zone='customer' } }", &in_no_zone), (told, true));
}

#[test]
fn long_words_are_cut() {
    let input = RouteInput { text: Some("é".repeat(81)), ..RouteInput::default() };
    let Actual::OfCustomer(told) = observed("{ keyword='x' }", &input).0 else { panic!("it is theirs") };
    assert_eq!(told, format!("it says \"{}…\"", "é".repeat(80)));
}

#[test]
fn what_is_the_customer_s_can_be_left_out() {
    let hidden = |when: &str| {
        let explained = set(when).explain(&known(), &["r"]).without_customer();
        explained.rules[0].alternatives[0].conditions[0].actual.clone()
    };
    for (when, ..) in OF_CUSTOMER {
        assert_eq!(hidden(when), Actual::Hidden, "{when}");
    }
    for (when, of_known, _) in OF_OTHERS {
        assert_eq!(hidden(when), Actual::Other((*of_known).to_owned()), "{when}");
    }
}

#[test]
fn a_rule_that_is_not_in_force_says_when_it_is() {
    let rule = "[[rules]]\nid='r'\nteam='a'\nvalid_from=2026-12-01T00:00:00+01:00\nwhen={ keyword='x' }\n";
    let explained = RuleSet::parse(&format!("{HEAD}{rule}")).unwrap().explain(&known(), &["r"]);
    assert_eq!(explained.rules[0].in_force.as_deref(), Some("from 2026-11-30T23:00:00Z"));
    assert_eq!(set("{ keyword='x' }").explain(&known(), &["r"]).rules[0].in_force, None);
}
