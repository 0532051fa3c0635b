//! Was every message decided by what its transaction saw of its conversation? Told by what is stored with the decisions
//! alone: each says its place in the conversation, and how firmly that was bound, and to whom, when it was made.

use std::collections::BTreeMap;

use uuid::Uuid;
use waypost_domain::{Binding, TeamName};
use waypost_proto::extras::decode_extras;
use waypost_proto::route::decode_route_input;
use waypost_rules::{RouteInput, RuleSet};
use waypost_store::{KnownEvent, Store, StoredDecision};

const PAGE: u32 = 500;

/// What a decision left behind.
struct Left {
    team: Option<TeamName>,
    binding: Option<Binding>,
}

/// Decisions by conversation and place in it.
type Talks = BTreeMap<Uuid, BTreeMap<i64, (KnownEvent, StoredDecision)>>;

/// What was decided by something else than was there. Of a conversation that several transactions brought forward, none may
/// have missed another's word: the places are 1, 2, 3, and each finds what the one before it left, unless somebody answered
/// or a full queue gave it to the overflow team meanwhile.
pub(crate) async fn decided_unseen(store: &Store, rules: &RuleSet) -> Vec<String> {
    let mut wrong = Vec::new();
    for (conversation, talk) in talks(store, &mut wrong).await {
        let mut before: Option<Left> = None;
        for (expected, (place, (event, decision))) in (1..).zip(talk) {
            let Ok(input) = decode_route_input(&decision.input) else { continue };
            let said = |what: &str| format!("{conversation}, {place} ({}): {what}", event.event.key);
            if place != expected {
                wrong.push(said("a place that two took, or nobody"));
                break;
            }
            if !follows(&input, before.as_ref(), rules) {
                wrong.push(said(&format!("decided by {:?}", input.open)));
            }
            before = Some(left(&input, decision));
        }
    }
    wrong
}

async fn talks(store: &Store, wrong: &mut Vec<String>) -> Talks {
    let mut talks = Talks::new();
    let mut after = None;
    loop {
        let page = store.events_after(after, PAGE).await.expect("the store is in memory");
        let Some(last) = page.last() else { return talks };
        after = Some(last.decision_id);
        for event in page {
            let Some(decision) = event.outcome.clone() else { continue };
            let place = decode_extras(&decision.extras).unwrap_or_default().conversation_seq;
            let Some(conversation) = event.conversation else { continue };
            let key = event.event.key.clone();
            let talk = talks.entry(conversation.as_uuid()).or_default();
            if talk.insert(place, (event, decision)).is_some() {
                wrong.push(format!("{}: {key} has another's place {place}", conversation.as_uuid()));
            }
        }
    }
}

fn follows(input: &RouteInput, before: Option<&Left>, rules: &RuleSet) -> bool {
    let (Some(before), Some(open)) = (before, &input.open) else { return before.is_none() && input.open.is_none() };
    let overflow = before.team.as_ref().and_then(|team| rules.team(team)?.overflow_team.as_ref());
    let diverted = Some(&open.team) == overflow && open.binding != Binding::Loose;
    let stayed = Some(&open.team) == before.team.as_ref() && (Some(open.binding) == before.binding);
    // An answer holds it, whoever has it.
    let answered = open.binding == Binding::Held && (Some(&open.team) == before.team.as_ref() || diverted);
    stayed || answered || diverted
}

fn left(input: &RouteInput, decision: StoredDecision) -> Left {
    let was = input.open.as_ref().map(|open| open.binding);
    let binding = match decision.phase.as_str() {
        "default" => Some(Binding::Loose),
        "bind" => was,
        _ => Some(Binding::Firm),
    };
    Left { team: decision.team, binding }
}

/// What this finds, and what it does not.
#[test]
fn a_decision_by_an_older_binding_is_found() {
    let rules = RuleSet::parse(include_str!("rules.toml")).unwrap();
    let open = |team: &str, binding| {
        let open = waypost_rules::OpenConversation::firm(TeamName::new(team).unwrap(), Default::default());
        RouteInput { open: Some(waypost_rules::OpenConversation { binding, ..open }), ..RouteInput::default() }
    };
    let left = |team: &str, binding| Left { team: TeamName::new(team).ok(), binding: Some(binding) };
    let after = left("billing", Binding::Firm);
    assert!(follows(&RouteInput::default(), None, &rules), "the first");
    assert!(!follows(&RouteInput::default(), Some(&after), &rules), "it did not see the one before");
    for (team, binding, right) in [
        ("billing", Binding::Firm, true),
        ("billing", Binding::Held, true),
        ("people", Binding::Firm, true),
        ("billing", Binding::Loose, false),
        ("frontdesk", Binding::Firm, false),
    ] {
        assert_eq!(follows(&open(team, binding), Some(&after), &rules), right, "{team}, {binding:?}");
    }
    assert!(!follows(&open("billing", Binding::Firm), Some(&left("billing", Binding::Held)), &rules));
}
