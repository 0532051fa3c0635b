//! Who decides, and how that is told.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

use crate::input::{OpenConversation, Semantics};
use crate::percent;

const FILE: &str = r#"
    [default]
    team = "frontdesk"
    [handover]
    team = "people"
    urgency = "urgent"
    buttons = ["human"]
    [handover.words]
    en = ["agent", "real person"]
    es = ["persona"]
    [[teams]]
    name = "frontdesk"
    [[teams]]
    name = "people"
    [[teams]]
    name = "billing"
    [[teams]]
    name = "vip"
    [[rules]]
    id = "vip-billing"
    priority = 20
    team = "vip"
    urgency = "urgent"
    when = { keyword = ["invoice", "factura"], attribute = { tier = ["gold", "platinum"] } }
    [[rules]]
    id = "billing"
    priority = 10
    team = "billing"
    when = { keyword = ["invoice", "factura", "credit card", "发票"] }
    [[rules]]
    id = "pay-button"
    priority = 10
    team = "billing"
    when = { reply = ["pay"] }
    [[rules]]
    id = "a-photos"
    priority = 10
    team = "vip"
    when = { type = ["image", "video"] }
"#;

fn text(text: &str) -> RouteInput {
    RouteInput { message_type: "text".into(), text: Some(text.into()), ..RouteInput::default() }
}

fn check(name: &str, input: RouteInput, rule: &str, team: &str) {
    let decision = RuleSet::parse(FILE).expect("the file is right").decide(&input);
    assert_eq!((decision.rule.as_str(), decision.team.as_str()), (rule, team), "{name}: {decision:?}");
}

#[test]
fn phases_and_conditions() {
    let gold = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
    let open = |team: &str| Some(OpenConversation::firm(TeamName::new(team).expect("a name"), Priority::Normal));
    check("nothing matches", text("hello"), "default", "frontdesk");
    check("keyword", text("My INVOICE?"), "billing", "billing");
    check("another language, accents", text("la fáctura, por favor"), "billing", "billing");
    check("a phrase", text("credit   card lost"), "billing", "billing");
    check("a part of a word is none", text("invoices"), "default", "frontdesk");
    check("no spaces between words", text("我的发票呢"), "billing", "billing");
    check("attribute and keyword", RouteInput { attributes: gold.clone(), ..text("invoice") }, "vip-billing", "vip");
    check("attribute alone is not enough", RouteInput { attributes: gold, ..text("hi") }, "default", "frontdesk");
    check("open conversation", RouteInput { open: open("vip"), ..text("invoice") }, "bind", "vip");
    check("handover beats it", RouteInput { open: open("vip"), ..text("Agent!") }, "handover", "people");
    check("handover phrase", text("a real person please"), "handover", "people");
    check("a team that is gone", RouteInput { open: open("gone"), ..text("invoice") }, "billing", "billing");
    let tap = |id: &str| RouteInput {
        reply_id: Some(id.into()),
        message_type: "interactive".into(),
        ..RouteInput::default()
    };
    check("button", tap("pay"), "pay-button", "billing");
    check("handover button", tap("human"), "handover", "people");
    check("type", RouteInput { message_type: "image".into(), ..RouteInput::default() }, "a-photos", "vip");
    check("an empty message", RouteInput::default(), "default", "frontdesk");
    check(
        "unknown type",
        RouteInput { message_type: "hologram".into(), ..RouteInput::default() },
        "default",
        "frontdesk",
    );
}

#[test]
fn a_split_sends_each_share_to_its_team_and_everybody_to_one() {
    let split = "split = { billing = 20, people = 30, vip = 50 }";
    let rule = |id: &str| format!("[[rules]]\nid = '{id}'\n{split}\nwhen = {{ keyword = ['split'] }}\n");
    let read = |id: &str| RuleSet::parse(&format!("{FILE}{}", rule(id))).expect("the file is right");
    let (set, other) = (read("split"), read("another"));
    let team_of = |set: &RuleSet, n: u32| {
        let input = RouteInput { contact_key: format!("contact-{n}"), ..text("split") };
        set.decide(&input).team.to_string()
    };
    // Which hundredths of all customers each team has; that they are about even is for `percent` to say.
    let mut buckets: BTreeMap<String, BTreeSet<u8>> = BTreeMap::new();
    let mut elsewhere = 0;
    for n in 0..10_000 {
        let team = team_of(&set, n);
        assert_eq!(team_of(&set, n), team, "the same customer, the same team");
        elsewhere += u32::from(team_of(&other, n) != team);
        buckets.entry(team).or_default().insert(percent::bucket("split", &format!("contact-{n}")));
    }
    let shares = [("billing", 0..20), ("people", 20..50), ("vip", 50..100)];
    assert_eq!(buckets, shares.map(|(team, share)| (team.to_owned(), share.collect())).into());
    assert!((5_500..6_900).contains(&elsewhere), "{elsewhere} of 10000: each rule draws for itself");
}

#[test]
fn the_why_names_the_rule_s_words_and_not_the_customer_s() {
    let set = RuleSet::parse(FILE).expect("the file is right");
    let decision = set.decide(&text("secret FACTURA 555"));
    assert_eq!(decision.why, "keyword \"factura\"");
    assert_eq!(decision.priority, Priority::Normal);
    assert_eq!(set.decide(&text("agent")).priority, Priority::Urgent);
}

/// Rules that take conversations away, and one that does not.
const MOVING: &str = r#"
    [[rules]]
    id = "moving"
    team = "vip"
    move = "unless_held"
    when = { keyword = "upgrade" }
    [[rules]]
    id = "always"
    team = "vip"
    move = "always"
    when = { keyword = "fraud" }
    [[rules]]
    id = "own"
    priority = 30
    team = "frontdesk"
    when = { keyword = "opening" }
    [[rules]]
    id = "own-always"
    priority = 40
    team = "frontdesk"
    move = "always"
    when = { keyword = "refund" }
    [[rules]]
    id = "running"
    phase = "bind"
    team = "billing"
    when = { keyword = "receipt" }
"#;

/// What may happen to a conversation that is open with the front desk.
#[test]
fn a_conversation_is_bound_as_firmly_as_somebody_decided_it() {
    use Binding::{Firm, Held, Loose};
    let set = RuleSet::parse(&format!("{FILE}{MOVING}")).unwrap_or_else(|errors| panic!("{errors}"));
    let open = |team: &str, binding, waits| {
        let team = TeamName::new(team).expect("a name");
        Some(OpenConversation { binding, waits, ..OpenConversation::firm(team, Priority::Normal) })
    };
    let decide = |what: &str, team: &str, binding, waits| {
        let message = match what.split_once(' ') {
            Some((kind @ ("interactive" | "button"), id)) => {
                RouteInput { message_type: kind.into(), reply_id: Some(id.into()), ..RouteInput::default() }
            }
            _ => text(what),
        };
        set.decide(&RouteInput { open: open(team, binding, waits), ..message })
    };
    // (message, whether it waits, by a loose one, by a firm one, by one that a person holds: each the team and the rule)
    let stays = "frontdesk by bind";
    for (what, waits, loose, firm, held) in [
        ("hello", true, "frontdesk by default", stays, stays),
        ("invoice", true, "billing by billing", stays, stays),
        ("invoice", false, "billing by billing", "billing by billing", stays),
        ("upgrade", true, "vip by moving", "vip by moving", stays),
        ("fraud", true, "vip by always", "vip by always", "vip by always"),
        ("upgrade opening", true, "frontdesk by own", stays, stays),
        ("refund", true, "frontdesk by own-always", stays, stays),
        ("refund fraud", true, "frontdesk by own-always", stays, stays),
        ("receipt", true, "billing by running", "billing by running", stays),
        ("invoice upgrade", true, "billing by billing", "vip by moving", stays),
        ("interactive pay", true, "billing by pay-button", "billing by pay-button", stays),
        ("button pay", true, "billing by pay-button", stays, stays),
        ("button pay", false, "billing by pay-button", "billing by pay-button", stays),
        ("interactive csat:5", false, stays, stays, stays),
        ("agent", true, "people by handover", "people by handover", stays),
    ] {
        for (binding, want) in [(Loose, loose), (Firm, firm), (Held, held)] {
            let decision = decide(what, "frontdesk", binding, waits);
            assert_eq!(format!("{} by {}", decision.team, decision.rule), want, "{what}, {binding:?}: {decision:?}");
            let bound = match (decision.phase, decision.team.as_str()) {
                (Phase::Default, _) | (Phase::Bind, "frontdesk") => None,
                _ => Some(Firm),
            };
            let bound = if decision.rule.starts_with("own") { Some(Firm) } else { bound };
            assert_eq!(decision.binding, bound, "{what}, {binding:?}");
        }
    }
    // The default names another team by now.
    let decision = decide("hello", "vip", Loose, true);
    assert_eq!((decision.team.as_str(), decision.binding), ("frontdesk", Some(Loose)));
}

#[test]
fn who_holds_a_conversation_hears_what_the_customer_wanted() {
    let set = RuleSet::parse(FILE).expect("the file is right");
    let decide = |what: &str, binding, waits| {
        let frontdesk = TeamName::new("frontdesk").expect("a name");
        let open = OpenConversation { binding, waits, ..OpenConversation::firm(frontdesk, Priority::Normal) };
        let decision = set.decide(&RouteInput { open: Some(open), ..text(what) });
        let suggested = decision.suggested_team.map(|team| team.to_string()).unwrap_or_default();
        (decision.priority, decision.tags.join(","), suggested, decision.asks_for_person, decision.why)
    };
    let check = |got: (Priority, String, String, bool, String), want: (Priority, &str, &str, bool, &str)| {
        assert_eq!((got.0, &*got.1, &*got.2, got.3, &*got.4), want);
    };
    let holds = "a person of frontdesk holds the conversation";
    let asks = format!("{holds}; the customer asked for a person (\"agent\", en)");
    check(decide("agent", Binding::Held, true), (Priority::Urgent, "asks_for_person", "", true, &asks));
    let told = format!("{holds}; rule billing would send it to billing, which is told");
    check(
        decide("invoice", Binding::Held, false),
        (Priority::Normal, "suggested_team:billing", "billing", false, &told),
    );
    let not_told = format!("{holds}; rule billing would send it to billing");
    check(decide("invoice", Binding::Held, true), (Priority::Normal, "suggested_team:billing", "", false, &not_told));
    let firm = "the conversation is open with frontdesk (firm); rule billing would send it to billing";
    check(decide("invoice", Binding::Firm, true), (Priority::Normal, "suggested_team:billing", "", false, firm));
    let moves = "keyword \"invoice\"; the conversation moves from frontdesk (loose)";
    check(decide("invoice", Binding::Loose, true), (Priority::Normal, "", "", false, moves));
    let stays = "no rule matched; the conversation stays with frontdesk (loose)";
    check(decide("hello", Binding::Loose, true), (Priority::Normal, "", "", false, stays));
}

/// What was decided before bindings is explained as it was decided then.
#[test]
fn before_bindings_whoever_had_a_conversation_kept_it() {
    let set = RuleSet::parse(FILE).expect("the file is right");
    let open = OpenConversation::firm(TeamName::new("frontdesk").expect("a name"), Priority::Normal);
    let input = RouteInput { open: Some(open), semantics: Semantics::BeforeBindings, ..RouteInput::default() };
    let tap = RouteInput { message_type: "interactive".into(), reply_id: Some("pay".into()), ..input.clone() };
    let decision = set.decide(&tap);
    assert_eq!((decision.team.as_str(), decision.binding, decision.tags.len()), ("frontdesk", None, 0));
    assert_eq!(decision.why, "the conversation is open with frontdesk");
    let decision = set.decide(&RouteInput { text: Some("agent".into()), ..input });
    assert_eq!((decision.team.as_str(), decision.binding), ("people", Some(Binding::Firm)));
    assert_eq!(decision.why, "the customer asked for a person (\"agent\", en)");
}

/// What is for a team that is closed.
#[test]
fn a_closed_team() {
    const TEAMS: &str = r#"
        [[calendars]]
        name = "office"
        zone = "Europe/Madrid"
        hours = [{ days = "mon-fri", from = "09:00", to = "17:00" }]
        [[teams]]
        name = "night"
    "#;
    let set = |when_closed: &str| {
        let hours = format!("name = \"billing\"\nhours = \"office\"\n{when_closed}\n");
        let file = FILE.replace("name = \"billing\"\n", &hours);
        RuleSet::parse(&format!("{file}{TEAMS}")).unwrap_or_else(|errors| panic!("{errors}"))
    };
    let at = |text: &str| crate::input::parse_instant(text);
    let decide = |when_closed: &str, binding: Option<Binding>, instant: &str| {
        let billing = TeamName::new("billing").expect("a name");
        let open =
            binding.map(|binding| OpenConversation { binding, ..OpenConversation::firm(billing, Priority::Normal) });
        let decision = set(when_closed).decide(&RouteInput { open, received_at: at(instant), ..text("my invoice") });
        format!("{} by {}: {}", decision.team, decision.rule, decision.why)
    };
    let (keep, night, again) = ("", "when_closed = \"night\"", "when_closed = \"decide_again\"");
    let (monday, evening, friday) =
        ("2026-01-12T10:00:00+01:00", "2026-01-12T21:00:00+01:00", "2026-01-16T17:00:00+01:00");
    let keyword = "keyword \"invoice\"";
    let closed = "billing is closed until 09:00";
    for (when_closed, binding, instant, want) in [
        (night, None, monday, format!("billing by billing: {keyword}")),
        (keep, None, evening, format!("billing by billing: {keyword}; {closed}")),
        (night, None, evening, format!("night by billing: {keyword}; {closed}")),
        (night, None, friday, format!("night by billing: {keyword}; billing is closed until mon 09:00")),
        (again, None, evening, "frontdesk by default: no rule matched".to_owned()),
        (
            keep,
            Some(Binding::Firm),
            evening,
            format!("billing by bind: the conversation is open with billing (firm); {closed}"),
        ),
        (
            night,
            Some(Binding::Firm),
            evening,
            format!("night by bind: the conversation is open with billing (firm); {closed}"),
        ),
        (
            again,
            Some(Binding::Firm),
            evening,
            format!("frontdesk by default: no rule matched; the conversation moves from billing (firm); {closed}"),
        ),
        (
            night,
            Some(Binding::Held),
            evening,
            format!("billing by bind: a person of billing holds the conversation; {closed}"),
        ),
        (
            again,
            Some(Binding::Held),
            evening,
            format!("billing by bind: a person of billing holds the conversation; {closed}"),
        ),
    ] {
        assert_eq!(decide(when_closed, binding, instant), want, "{when_closed}, {binding:?}, {instant}");
    }
}
