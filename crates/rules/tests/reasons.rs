//! Every condition has words of its own: in the reason of a decision, and in an explanation.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_domain::{TeamName, Timestamp};
use waypost_rules::explain::Verdict;

use waypost_rules::{Phase, PreviousTeam, Referral, RouteInput, RuleSet};

const HEAD: &str = "[default]\nteam='a'\n\
    [handover]\nteam='a'\nbuttons=['human']\nwords.en=['speak to a person']\nwords.es=['hablar con alguien*']\n\
    [[teams]]\nname='a'\n[[teams]]\nname='b'\n\
    [[calendars]]\nname='office'\nzone='Europe/Madrid'\nhours=[{ days=['mon-fri'], from='09:00', to='18:00' }]\n";

fn set(rules: &str) -> RuleSet {
    RuleSet::parse(&format!("{HEAD}{rules}")).unwrap_or_else(|errors| panic!("{errors}"))
}

fn with_when(when: &str) -> RuleSet {
    set(&format!("[[rules]]\nid='r'\nteam='b'\nwhen={when}\n"))
}

/// What an explanation says of the conditions, whether they hold or not.
fn conditions(when: &str) -> Vec<String> {
    let explained = with_when(when).explain(&RouteInput::default(), &["r"]);
    explained.rules[0].alternatives[0].conditions.iter().map(|one| one.condition.clone()).collect()
}

/// A Monday, 10:00 in Madrid, from a customer of whom everything is known.
fn known() -> RouteInput {
    let monday: jiff::Timestamp = "2026-01-12T09:00:00Z".parse().unwrap();
    let attributes = [("tier", "gold"), ("orders", "7"), ("agent", "kim")];
    RouteInput {
        number: "support-es".into(),
        message_type: "text".into(),
        text: Some("where is my invoice".into()),
        reply_id: Some("menu:pay".into()),
        reply_template: Some("welcome_2".into()),
        referral: Some(Referral {
            source_id: Some("ad-1".into()),
            source_type: Some("ad".into()),
            source_url: Some("https://example.com/spring".into()),
        }),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        language: Some("es".into()),
        country: Some("ES".into()),
        received_at: Some(Timestamp::from_millis(monday.as_millisecond())),
        zone: Some("Europe/Madrid".into()),
        previous_team: Some(PreviousTeam { team: TeamName::new("b").unwrap(), age_s: 7_200 }),
        window_left_s: Some(3_600),
        first_contact: true,
        contact_key: "contact-1".into(),
        ..RouteInput::default()
    }
}

#[test]
fn every_condition_has_its_words() {
    let eleven = "['k1','k2','k3','k4','k5','k6','k7','k8','k9','k10','k11']";
    let eight = "['k1','k2','k3','k4','k5','k6','k7','k8']";
    let cases = [
        ("{ keyword='invoice' }", "keyword \"invoice\""),
        ("{ keyword=['bill*','invoice'] }", "keyword \"bill*\" or \"invoice\""),
        ("{ keyword=['a','b','c'] }", "keyword \"a\", \"b\" or \"c\""),
        (
            &format!("{{ number={eight} }}"),
            "number is \"k1\", \"k2\", \"k3\", \"k4\", \"k5\", \"k6\", \"k7\" or \"k8\"",
        ),
        (
            &format!("{{ number={eleven} }}"),
            "number is \"k1\", \"k2\", \"k3\", \"k4\", \"k5\", \"k6\", \"k7\", \"k8\" or 3 more",
        ),
        ("{ regex='inv.*' }", "pattern /inv.*/"),
        ("{ number='support*' }", "number is \"support*\""),
        ("{ type=['text','image'] }", "type \"text\" or \"image\""),
        ("{ language='es' }", "language is \"es\""),
        ("{ country='ES' }", "country is \"ES\""),
        ("{ reply='menu:*' }", "reply \"menu:*\""),
        ("{ template='welcome*' }", "template is \"welcome*\""),
        ("{ referral='ad-1' }", "referral is \"ad-1\""),
        ("{ referral_type='ad' }", "referral type is \"ad\""),
        ("{ referral_url='https*' }", "referral address is \"https*\""),
        ("{ tier='gold' }", "tier is \"gold\""),
        ("{ country={ exists=true } }", "country is known"),
        ("{ attribute={ orders={ min=5 } } }", "orders at least 5"),
        ("{ attribute={ orders={ max=9.5 } } }", "orders at most 9.5"),
        ("{ attribute={ orders={ min=5, max=9 } } }", "orders from 5 to 9"),
        ("{ open='office' }", "office is open"),
        ("{ open={ calendar='office', zone='customer' } }", "office is open by the customer's clock"),
        ("{ utc_offset_minutes={ min=0, max=60 } }", "the customer's clock is 0 to 60 minutes from UTC"),
        ("{ utc_offset_minutes={ min=60 } }", "the customer's clock is at least 60 minutes from UTC"),
        ("{ window_left_minutes={ max=60 } }", "at most 60 minutes left in the window"),
        ("{ previous_team='b' }", "the conversation before was with b"),
        (
            "{ previous_team={ team=['a','b'], within_hours=3 } }",
            "the conversation before was with a or b, at most 3 h ago",
        ),
        ("{ first_contact=true }", "the first contact"),
        ("{ percent=100 }", "customers 0 to 100 of 100"),
        ("{ percent={ from=0, to=100, seed='spring' } }", "customers 0 to 100 of 100 (spring)"),
    ];
    for (when, words) in cases {
        assert_eq!(conditions(when), [words], "{when}");
        // Said of the whole condition, which holds: the reason names what made it hold.
        let decision = with_when(when).decide(&known());
        if decision.rule == "r" {
            assert!(!decision.why.is_empty() && !decision.why.contains("where is"), "{when}: {}", decision.why);
        }
    }
    let negated = [
        ("{ keyword='x', not={ keyword='invoice' } }", "not keyword \"invoice\""),
        ("{ keyword='x', not={ open='office' } }", "office is closed"),
        (
            "{ keyword='x', not={ open={ calendar='office', zone='customer' } } }",
            "office is closed by the customer's clock",
        ),
        ("{ keyword='x', first_contact=false }", "not the first contact"),
    ];
    for (when, words) in negated {
        assert!(conditions(when).iter().any(|one| one == words), "{when}: {:?}", conditions(when));
    }
}

#[test]
fn a_reason_names_the_value_that_held() {
    let cases = [
        ("{ keyword=['bill','invoice'] }", "keyword \"invoice\""),
        ("{ tier=['silver','gold'] }", "tier is \"gold\""),
        ("{ number=['x','support*'], country='ES' }", "number is \"support*\", country is \"ES\""),
        ("{ reply=['human2','menu:pay'] }", "reply \"menu:pay\""),
        ("{ keyword='invoice', not={ tier='silver' } }", "keyword \"invoice\", not tier is \"silver\""),
        ("[{ keyword='nothing' }, { country='ES' }]", "country is \"ES\""),
    ];
    for (when, why) in cases {
        let decision = with_when(when).decide(&known());
        let parts = |text: &str| {
            let mut parts: Vec<String> = text.split(", ").map(str::to_owned).collect();
            parts.sort();
            parts
        };
        assert_eq!((decision.rule.as_str(), parts(&decision.why)), ("r", parts(why)), "{when}");
    }
}

#[test]
fn how_somebody_asked_for_a_person() {
    let set = set("[[rules]]\nid='es'\nphase='handover'\nteam='b'\nwhen={ language='es' }\n");
    let asked = |text: &str, reply: Option<&str>, language: Option<&str>| {
        let input = RouteInput {
            text: Some(text.to_owned()),
            reply_id: reply.map(str::to_owned),
            language: language.map(str::to_owned),
            ..RouteInput::default()
        };
        let decision = set.decide(&input);
        assert_eq!(decision.phase, Phase::Handover, "{text}");
        (decision.rule, decision.team.to_string(), decision.why)
    };
    let told = |rule: &str, team: &str, why: &str| (rule.to_owned(), team.to_owned(), why.to_owned());
    assert_eq!(
        asked("", Some("human"), None),
        told("handover", "a", "the customer asked for a person (button \"human\")")
    );
    assert_eq!(
        asked("can I speak to a person", None, None),
        told("handover", "a", "the customer asked for a person (\"speak to a person\", en)")
    );
    let by_rule = asked("hablar con alguien", None, Some("es"));
    assert_eq!((by_rule.0.as_str(), by_rule.1.as_str()), ("es", "b"));
    assert!(by_rule.2.contains("hablar con alguien*") && by_rule.2.ends_with("; language is \"es\""), "{}", by_rule.2);
}

#[test]
fn a_rule_in_a_phase_says_what_it_is() {
    let set = set("[[rules]]\nid='vip'\nteam='b'\nperson='agent'\nfallback_team='a'\nwhen={ tier='gold' }\n\
         [[rules]]\nid='spare'\nphase='default'\nteam='b'\nwhen={ country='PT' }\n\
         [[rules]]\nid='money'\nphase='decorate'\ntags=['money']\nskills=['tax']\nwhen={ keyword='invoice' }\n\
         [[rules]]\nid='late'\nphase='decorate'\nurgency='urgent'\ntags=['money','late']\nwhen={ keyword='late' }\n");
    let vip = set.decide(&known());
    assert_eq!(
        (vip.person.as_deref(), vip.fallback_team.as_ref().map(ToString::to_string)),
        (Some("kim"), Some("a".into()))
    );
    assert_eq!(vip.why, "tier is \"gold\"; decorated by money");
    assert_eq!(vip.skills, ["tax"]);
    let nobody = RouteInput { attributes: [("tier".to_owned(), "gold".to_owned())].into(), ..known() };
    let nobody = set.decide(&nobody);
    assert_eq!((nobody.person, nobody.fallback_team, nobody.team.to_string()), (None, None, "a".to_owned()));
    let late = RouteInput { text: Some("invoice late".into()), country: Some("PT".into()), ..RouteInput::default() };
    let late = set.decide(&late);
    assert_eq!((late.rule.as_str(), late.priority.as_str()), ("spare", "urgent"));
    assert_eq!(late.tags, ["money", "late"], "each tag once");
    assert!(late.why.starts_with("country is \"PT\"; decorated by ") && late.why.contains("money"), "{}", late.why);
    let plain = set.decide(&RouteInput::default());
    assert_eq!((plain.rule.as_str(), plain.why.as_str()), ("default", "no rule matched"));
}

#[test]
fn a_verdict_has_one_word() {
    let words = [Verdict::Applied, Verdict::Outranked, Verdict::Failed, Verdict::Disabled, Verdict::NotInForce];
    assert_eq!(words.map(Verdict::as_str), ["applied", "outranked", "failed", "disabled", "not in force"]);
}
