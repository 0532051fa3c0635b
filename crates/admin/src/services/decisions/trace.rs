//! What happened to a message, told in steps. Reads what is stored and nothing else: what is not known is left out.

use waypost_bus::topology::{UNROUTED_QUEUE, team_queue};
use waypost_domain::{DecisionId, PhoneNumberId, TeamName, Timestamp};
use waypost_grpc::Result;
use waypost_grpc::fields::{team_name, wire_time};
use waypost_proto::admin_v1 as v1;
use waypost_proto::conversation_changed::ChangeKind;
use waypost_proto::extras::decode_extras;
use waypost_store::{Diversion, EventKey, HeldKind, KnownEvent, ParkedRow, Store, StoredDecision};

use super::carried::carrying;
use crate::services::dead_letters::collection;

/// A message's steps, one behind the other.
#[derive(Default)]
struct Steps(Vec<v1::TraceStep>);

impl Steps {
    fn add(&mut self, time: Option<Timestamp>, kind: &str, text: String, resource: String) {
        self.0.push(v1::TraceStep { time: time.map(wire_time), kind: kind.to_owned(), text, resource });
    }
}

pub(super) async fn trace(store: &Store, event: KnownEvent) -> Result<v1::Trace> {
    let mut steps = Steps::default();
    // A message is called on the bus as its decision is.
    let mut rows = store.parked_of(&[event.decision_id.to_string()]).await?;
    if !event.published {
        let EventKey { number, key } = &event.event;
        add(&mut rows, carrying(store, key, number.as_str()).await?);
    }
    received(store, &mut steps, &event).await?;
    // Of a held message, what released it: that decided it, and was published with it.
    let releaser = match event.released_by.filter(|releaser| *releaser != event.decision_id) {
        Some(id) => store.decision_of(id).await?,
        None => None,
    };
    kept(&mut steps, &event, releaser.as_ref());
    if let Some(outcome) = &event.outcome {
        let decided_at = match (&releaser, event.released_by) {
            (Some(releaser), _) => releaser.recorded_at,
            (None, Some(_)) => None,
            (None, None) => event.recorded_at,
        };
        decided(store, &mut steps, outcome, decided_at).await?;
        told(&mut steps, outcome);
        if let Some(diversion) = &event.diversion {
            diverted(&mut steps, outcome, diversion);
        }
        let published_with = releaser.as_ref().unwrap_or(&event);
        published(store, &mut steps, &event, outcome, published_with, rows.is_empty()).await?;
    }
    parked(&mut steps, &rows);
    Ok(v1::Trace { decision: Some(super::wire(event)), steps: steps.0 })
}

/// Of a message that nobody could handle, so that there is no decision: where it is. `None`: nowhere that is known.
pub(super) async fn undecided(store: &Store, key: &str, phone_number_id: &str) -> Result<Option<v1::Trace>> {
    let numbers = match phone_number_id {
        "" => store.numbers().await?.into_iter().map(|number| number.id).collect(),
        id => vec![PhoneNumberId::new(id)],
    };
    let key = key.trim();
    let of_number = |number: &PhoneNumberId| DecisionId::of_event(number, key).to_string();
    let mut ids: Vec<String> = numbers.iter().map(of_number).collect();
    // Or it is called as it is on the bus.
    ids.extend(key.rsplit('/').next().map(str::to_owned));
    let mut rows = store.parked_of(&ids).await?;
    add(&mut rows, carrying(store, key, phone_number_id).await?);
    if rows.is_empty() {
        return Ok(None);
    }
    let mut steps = Steps::default();
    parked(&mut steps, &rows);
    let decision = v1::Decision { message_id: key.to_owned(), ..v1::Decision::default() };
    Ok(Some(v1::Trace { decision: Some(decision), steps: steps.0 }))
}

/// What is not among them already.
fn add(rows: &mut Vec<ParkedRow>, more: Vec<ParkedRow>) {
    for row in more {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
}

async fn received(store: &Store, steps: &mut Steps, event: &KnownEvent) -> Result<()> {
    let id = &event.event.number;
    let name = store.numbers().await?.into_iter().find(|number| number.id == *id).map(|number| number.name);
    let name = name.map(|name| name.to_string());
    let text = match &name {
        Some(name) => format!("{} on {name}", event.kind),
        None => format!("{} on a number of the id {id}", event.kind),
    };
    let resource = name.map(|name| format!("numbers/{name}")).unwrap_or_default();
    steps.add(Some(event.received_at), "received", text, resource);
    Ok(())
}

/// What was not decided at once.
fn kept(steps: &mut Steps, event: &KnownEvent, releaser: Option<&KnownEvent>) {
    let is_notice = event.kind == HeldKind::Notice.as_str();
    let is_standby = event.kind == HeldKind::Standby.as_str();
    if event.outcome.is_none() && !is_notice && !is_standby {
        steps.add(event.recorded_at, "recorded", "there is nothing to route".to_owned(), String::new());
        return;
    }
    if event.outcome.is_some() && event.released_by.is_none() {
        return;
    }
    let why = if is_notice {
        "kept for the next message: no conversation was open"
    } else {
        "kept until the thread is ours: another app had it"
    };
    steps.add(event.recorded_at, "held", why.to_owned(), String::new());
    let Some(by) = event.released_by else { return };
    let text = if is_notice { "shown with a later message" } else { "the thread is ours" };
    let at = releaser.and_then(|releaser| releaser.recorded_at);
    steps.add(at, "released", text.to_owned(), format!("decisions/{by}"));
}

async fn decided(store: &Store, steps: &mut Steps, outcome: &StoredDecision, at: Option<Timestamp>) -> Result<()> {
    let StoredDecision { rule_set, rule, phase, team, priority, why, .. } = outcome;
    let version = match store.rule_set_by_hash(rule_set).await?.filter(|row| row.number > 0) {
        Some(row) => format!("version {}", row.number),
        None => format!("version {rule_set}"),
    };
    let by = if rule == phase { format!("by {phase}") } else { format!("by {rule} of phase {phase}") };
    let to = team.as_ref().map_or_else(|| UNROUTED_QUEUE.to_owned(), |team| format!("team {team}"));
    let text = format!("{to} ({}), {by}, {version}: {why}", priority.as_str());
    steps.add(at, "decided", text, team.as_ref().map(team_name).unwrap_or_default());
    Ok(())
}

/// The teams beside the one that got the message.
fn told(steps: &mut Steps, outcome: &StoredDecision) {
    // What cannot be read, the decision's own message says nothing of either, and that is logged.
    let changes = decode_extras(&outcome.extras).map(|extras| extras.changes).unwrap_or_default();
    for change in changes {
        let (Some(kind), Ok(team)) = (ChangeKind::parse(&change.kind), TeamName::new(change.team)) else { continue };
        let what = match kind {
            ChangeKind::Moved => "that it lost the conversation",
            ChangeKind::Diverted => "that its message went elsewhere",
            ChangeKind::AsksForPerson => "that the customer asks for a person",
            ChangeKind::SuggestedTeam => "that a rule would send it there",
        };
        steps.add(None, "told", format!("team {team}: {what}"), team_name(&team));
    }
}

fn diverted(steps: &mut Steps, outcome: &StoredDecision, diversion: &Diversion) {
    let from = outcome.team.as_ref().map(|team| format!("team {team}: ")).unwrap_or_default();
    let to = diversion.to.as_ref().map_or_else(|| UNROUTED_QUEUE.to_owned(), |team| format!("team {team}"));
    let resource = diversion.to.as_ref().map(team_name).unwrap_or_default();
    steps.add(Some(diversion.at), "diverted", format!("{from}{}; to {to} instead", diversion.why), resource);
}

async fn published(
    store: &Store,
    steps: &mut Steps,
    event: &KnownEvent,
    outcome: &StoredDecision,
    published_with: &KnownEvent,
    is_gone: bool,
) -> Result<()> {
    if !published_with.published {
        let text = "it is not certain yet that a queue has it".to_owned();
        steps.add(None, "waiting", text, String::new());
        return Ok(());
    }
    let team = match &event.diversion {
        Some(diversion) => diversion.to.as_ref(),
        None => outcome.team.as_ref(),
    };
    let queue = team.map_or_else(|| UNROUTED_QUEUE.to_owned(), |team| team_queue(team, outcome.priority));
    let at = store.published_at(published_with).await?;
    let mut text = format!("on {queue}");
    if team.is_none() && is_gone {
        text.push_str(", from where it is moved to the store: replayed or discarded since, or still in the queue");
    }
    steps.add(at, "published", text, team.map(team_name).unwrap_or_default());
    Ok(())
}

/// What waits for a person.
fn parked(steps: &mut Steps, rows: &[ParkedRow]) {
    for row in rows {
        let ParkedRow { parking, message_id, reason, detail, origin, attempts, replays, .. } = row;
        let mut text = format!("{reason}, given up by {origin}");
        for (count, what) in [(attempts, "attempts"), (replays, "replays")] {
            if *count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        if !detail.is_empty() {
            text.push_str(&format!(": {detail}"));
        }
        steps.add(Some(row.parked_at), "parked", text, format!("{}/{message_id}", collection(*parking)));
    }
}
