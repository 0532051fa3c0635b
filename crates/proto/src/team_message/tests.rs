//! A team message as its consumers read it.

use serde_json::{Value, json};
use waypost_domain::{AliasSet, MessageKind};

use super::*;

const POST: &str = "01890000-0000-7000-8000-000000000001";

fn message(text: &str) -> InboundMessage {
    InboundMessage {
        id: Some("wamid.A".into()),
        kind: MessageKind::Text,
        contact: AliasSet { phone: Some("15550100".into()), ..AliasSet::default() },
        from: Some("15550100".into()),
        profile_name: Some("Ada".into()),
        timestamp: Some(Timestamp::from_millis(1_000)),
        text: Some(text.into()),
        is_plain_text: true,
        ..InboundMessage::default()
    }
}

/// The message as its consumers read it; `change` makes it another.
fn encoded(post_id: &str, change: impl FnOnce(&mut InboundMessage, &mut DecisionExtras)) -> Value {
    encoded_of(post_id, &BTreeMap::new(), change)
}

fn encoded_of(
    post_id: &str,
    attributes: &BTreeMap<String, String>,
    change: impl FnOnce(&mut InboundMessage, &mut DecisionExtras),
) -> Value {
    let (mut message, mut extras) = (message("hola"), DecisionExtras::default());
    change(&mut message, &mut extras);
    let number = PhoneNumberId::new("106");
    let team_message = TeamMessage {
        id: DecisionId::of_event(&number, "wamid.A"),
        post_id,
        received_at: Timestamp::from_millis(2_000),
        phone_number_id: &number,
        number: &NumberName::new("support").unwrap(),
        message: &message,
        json: br#"{"from":"15550100"}"#,
        from_standby: false,
        is_notice: false,
        about: None,
        earlier_notices: &[],
        contact: Some(KnownContact { id: ContactId::from_uuid(uuid::Uuid::nil()), attributes }),
        conversation: None,
        previous_team: None,
        routing: Routing {
            rule_set: "v1",
            rule: "r",
            phase: "rules",
            team: Some(&TeamName::new("billing").unwrap()),
            priority: Priority::Normal,
            why: "because",
            extras: &extras,
        },
    };
    serde_json::from_slice(&team_message.encode()).unwrap()
}

#[test]
fn what_the_business_calls_them_goes_before_their_profile() {
    let given = BTreeMap::from([("name".to_owned(), "Ada Lovelace".to_owned())]);
    let contact = encoded_of(POST, &given, |_, _| {})["data"]["contact"].clone();
    assert_eq!((&contact["name"], &contact["attributes"]["name"]), (&json!("Ada Lovelace"), &json!("Ada Lovelace")));
    let unnamed = |message: &mut InboundMessage, _: &mut DecisionExtras| message.profile_name = None;
    assert_eq!(encoded_of(POST, &given, unnamed)["data"]["contact"]["name"], "Ada Lovelace");
    assert_eq!(encoded(POST, unnamed)["data"]["contact"].get("name"), None);
}

/// Consumers in other languages rely on every one of these names.
#[test]
fn a_plain_text_is_said_once() {
    let id = DecisionId::of_event(&PhoneNumberId::new("106"), "wamid.A");
    let (span, _) = id.as_uuid().as_u64_pair();
    let expected = json!({
        "specversion": "1.0",
        "type": "com.waypost.message.routed.v1",
        "source": "/numbers/106",
        "id": id.to_string(),
        "time": "1970-01-01T00:00:02Z",
        "traceparent": format!("00-01890000000070008000000000000001-{span:016x}-01"),
        "data": {
            "number": "support",
            "phone_number_id": "106",
            "received_at_ms": 2_000,
            "message": {
                "wamid": "wamid.A", "type": "text", "summary": "hola", "text": "hola", "written_at_ms": 1_000
            },
            "contact": { "id": uuid::Uuid::nil().to_string(), "phone": "15550100", "name": "Ada" },
            "conversation": null,
            "routing": {
                "rule_set": "v1", "rule": "r", "phase": "rules", "team": "billing", "priority": "normal",
                "why": "because"
            },
            "from_standby": false
        }
    });
    assert_eq!(encoded(POST, |_, _| {}), expected);
}

#[test]
fn what_is_more_than_a_plain_text_comes_with_the_sender_s_own_json() {
    let raw = json!({ "from": "15550100" });
    assert_eq!(encoded(POST, |message, _| message.is_plain_text = false)["data"]["message"]["raw"], raw);
    // Somebody whom the aliases do not name.
    assert_eq!(encoded(POST, |message, _| message.from = Some("1".into()))["data"]["message"]["raw"], raw);
}

#[test]
fn a_person_comes_with_the_fallback() {
    let document = encoded("not a uuid", |_, extras| {
        (extras.person, extras.fallback_team) = ("Dana".into(), "frontdesk".into());
        extras.tags = vec!["vip".into()];
    });
    let routing = &document["data"]["routing"];
    assert_eq!(routing["person"], json!({ "name": "Dana", "fallback_team": "frontdesk" }));
    assert_eq!(routing["tags"], json!(["vip"]));
    assert_eq!(document.get("traceparent"), None, "no trace without a POST's id");
}
