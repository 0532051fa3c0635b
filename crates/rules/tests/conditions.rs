//! What each condition holds for, at its edges.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_domain::team::Priority;
use waypost_domain::{TeamName, Timestamp};
use waypost_rules::{OpenConversation, PreviousTeam, Referral, RouteInput, RuleSet};

const HEAD: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['human']\n\
    [[teams]]\nname='a'\n[[teams]]\nname='b'\n\
    [[calendars]]\nname='office'\nzone='Europe/Madrid'\nhours=[{ days=['mon-fri'], from='09:00', to='18:00' }]\n";

fn holds(when: &str, input: &RouteInput) -> bool {
    let text = format!("{HEAD}[[rules]]\nid='r'\nteam='b'\nwhen={when}\n");
    let set = RuleSet::parse(&text).unwrap_or_else(|errors| panic!("{when}: {errors}"));
    set.decide(input).rule == "r"
}

fn at(instant: &str) -> RouteInput {
    let instant: jiff::Timestamp = instant.parse().unwrap();
    RouteInput { received_at: Some(Timestamp::from_millis(instant.as_millisecond())), ..RouteInput::default() }
}

fn in_zone(zone: &str) -> RouteInput {
    RouteInput { zone: Some(zone.to_owned()), ..at("2026-01-12T09:00:00Z") }
}

fn before(team: &str, age_s: i64) -> RouteInput {
    let previous_team = Some(PreviousTeam { team: TeamName::new(team).unwrap(), age_s });
    RouteInput { previous_team, ..RouteInput::default() }
}

fn left(seconds: i64) -> RouteInput {
    RouteInput { window_left_s: Some(seconds), ..RouteInput::default() }
}

fn spent(amount: &str) -> RouteInput {
    RouteInput { attributes: [("spent".to_owned(), amount.to_owned())].into(), ..RouteInput::default() }
}

fn from_ad() -> RouteInput {
    let some = |text: &str| Some(text.to_owned());
    let referral =
        Referral { source_id: some("ad-1"), source_type: some("ad"), source_url: some("https://example.com/spring") };
    RouteInput { referral: Some(referral), ..RouteInput::default() }
}

#[test]
fn conditions_at_their_edges() {
    let nobody = RouteInput::default();
    let first = RouteInput { first_contact: true, ..RouteInput::default() };
    let held_by_a = RouteInput {
        open: Some(OpenConversation::firm(TeamName::new("a").unwrap(), Priority::Normal)),
        ..RouteInput::default()
    };
    let of_template =
        RouteInput { reply_id: Some("yes".into()), reply_template: Some("welcome".into()), ..RouteInput::default() };
    let tapped = RouteInput { reply_id: Some("menu:pay".into()), ..RouteInput::default() };
    let cases = [
        ("{ previous_team='b' }", before("b", 1 << 30), true),
        ("{ previous_team='b' }", before("a", 0), false),
        ("{ previous_team='b' }", nobody.clone(), false),
        ("{ previous_team={ team='b', within_hours=3 } }", before("b", 10_800), true),
        ("{ previous_team={ team='b', within_hours=3 } }", before("b", 10_801), false),
        ("{ previous_team={ team='b', within_hours=3 } }", before("a", 1), false),
        ("{ window_left_minutes={ min=60 } }", left(3_600), true),
        ("{ window_left_minutes={ min=60 } }", left(3_599), false),
        ("{ window_left_minutes={ max=59 } }", left(3_599), true),
        ("{ window_left_minutes={ max=59 } }", left(3_600), false),
        ("{ window_left_minutes={ max=0 } }", nobody.clone(), true),
        ("{ window_left_minutes={ max=0 } }", left(-600), true),
        ("{ utc_offset_minutes={ min=60, max=60 } }", in_zone("Europe/Madrid"), true),
        ("{ utc_offset_minutes={ min=61 } }", in_zone("Europe/Madrid"), false),
        ("{ utc_offset_minutes={ max=59 } }", in_zone("Europe/Madrid"), false),
        ("{ utc_offset_minutes={ min=-210, max=-210 } }", in_zone("America/St_Johns"), true),
        ("{ utc_offset_minutes={ min=0 } }", nobody.clone(), false),
        ("{ open='office' }", at("2026-01-12T08:00:00Z"), true),
        ("{ open='office' }", at("2026-01-12T07:59:59Z"), false),
        ("{ closed='office' }", at("2026-01-12T07:59:59Z"), true),
        ("{ open='office' }", at("2026-01-16T09:00:00Z"), true),
        ("{ open='office' }", at("2026-01-17T09:00:00Z"), false),
        ("{ closed='office' }", nobody.clone(), false),
        ("{ open={ calendar='office', zone='customer' } }", in_zone("Europe/London"), true),
        ("{ open={ calendar='office', zone='customer' } }", in_zone("America/New_York"), false),
        ("{ open={ calendar='office', zone='customer' } }", at("2026-01-12T09:00:00Z"), false),
        ("{ first_contact=true }", first.clone(), true),
        ("{ first_contact=true }", nobody.clone(), false),
        ("{ first_contact=false }", first, false),
        ("{ first_contact=false }", nobody.clone(), true),
        ("{ attribute={ spent={ min=10, max=10.5 } } }", spent("10"), true),
        ("{ attribute={ spent={ min=10, max=10.5 } } }", spent("10.5"), true),
        ("{ attribute={ spent={ min=10, max=10.5 } } }", spent("10.51"), false),
        ("{ attribute={ spent={ min=10, max=10.5 } } }", spent("9.99"), false),
        ("{ attribute={ spent={ min=10 } } }", spent("much"), false),
        ("{ attribute={ spent={ exists=true } } }", spent("much"), true),
        ("{ attribute={ spent={ exists=true } } }", nobody.clone(), false),
        ("{ referral='ad-*' }", from_ad(), true),
        ("{ referral='ad-2' }", from_ad(), false),
        ("{ referral_type='ad' }", from_ad(), true),
        ("{ referral_type='post' }", from_ad(), false),
        ("{ referral_url='https://example.com/*' }", from_ad(), true),
        ("{ referral_url='http://*' }", from_ad(), false),
        ("{ referral_type='ad' }", nobody.clone(), false),
        ("{ reply='menu:*' }", tapped.clone(), true),
        ("{ reply='menu' }", tapped, false),
        ("{ reply='menu:*' }", nobody.clone(), false),
        ("{ template='welcome' }", of_template.clone(), true),
        ("{ template='other' }", of_template, false),
        ("{ not={ template='welcome' }, type='' }", nobody, true),
        ("{ open_team='bill*' }", held_by_a, false),
    ];
    for (when, input, want) in cases {
        assert_eq!(holds(when, &input), want, "{when}: {input:?}");
    }
}

#[test]
fn a_rule_is_in_force_from_its_first_instant_to_before_its_last() {
    let rule = "valid_from=2026-01-01T00:00:00Z\nvalid_until=2026-01-02T00:00:00Z";
    let text = format!("{HEAD}[[rules]]\nid='r'\nteam='b'\n{rule}\nwhen={{ type='text' }}\n");
    let set = RuleSet::parse(&text).unwrap();
    let cases = [
        ("2025-12-31T23:59:59.999Z", false),
        ("2026-01-01T00:00:00Z", true),
        ("2026-01-01T23:59:59.999Z", true),
        ("2026-01-02T00:00:00Z", false),
    ];
    for (instant, want) in cases {
        let input = RouteInput { message_type: "text".into(), ..at(instant) };
        assert_eq!(set.decide(&input).rule == "r", want, "{instant}");
    }
    let undated = RouteInput { message_type: "text".into(), ..RouteInput::default() };
    assert_eq!(set.decide(&undated).rule, "default", "a rule with a date is not in force while the time is unknown");
}
