//! What the router tells of what it does: activity for the analysts, and its metrics.

#![allow(clippy::unwrap_used, reason = "a test")]

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use prost::Message as _;
use waypost_bus::Bus;
use waypost_bus::topology::ACTIVITY_QUEUE;
use waypost_cloud_api::webhook::{Sender, decode_message};
use waypost_domain::{NumberName, PartitionId, Timestamp};
use waypost_live::Rules;
use waypost_proto::v1::{self, ActivityKind};
use waypost_router::decide::{Known, decide};
use waypost_router::{RouterConfig, metrics};
use waypost_rules::{RuleSet, Scratch, TeamQueues};
use waypost_store::{InForce, Store};

mod support;

use support::{RULES, Rig, event, open_store};

/// Of a metric: the rows that are not zero, without its name.
fn counted(recorder: &PrometheusRecorder, metric: &str) -> Vec<String> {
    let page = recorder.handle().render();
    let rows = page.lines().filter_map(|line| line.strip_prefix(metric)).filter(|row| !row.ends_with(" 0"));
    let mut rows: Vec<String> = rows.map(str::to_owned).collect();
    rows.sort();
    rows
}

/// One of each kind that is told.
fn events() -> Vec<v1::Event> {
    let of =
        |kind: v1::EventKind, wamid: &str, text: &str| v1::Event { kind: kind.into(), ..event(wamid, "1555", text) };
    let change = |key: &str, field: &str, json: &str| v1::Event {
        field: field.to_owned(),
        json: json.to_owned().into(),
        ..of(v1::EventKind::ContactChange, key, "")
    };
    vec![
        of(v1::EventKind::Message, "w1", "my bill"),
        of(v1::EventKind::Echo, "w2", "hello"),
        change("c1", "messaging_handovers", r#"{"messaging_handovers":[{"wa_id":"1555","control_taken":{}}]}"#),
        of(v1::EventKind::StandbyMessage, "w3", "hello"),
        change(
            "c2",
            "user_id_update",
            r#"{"user_id_update":[{"wa_id":"1555","user_id":{"previous":"US.1","current":"US.2"}}]}"#,
        ),
        of(v1::EventKind::Message, "w1", "my bill"),
    ]
}

#[tokio::test]
async fn activity_is_told_where_somebody_reads_it() {
    for activity in [false, true] {
        let rig = Rig::new(RouterConfig { activity, ..RouterConfig::default() }).await;
        rig.publish(&rig.layout.inbound(PartitionId(0)), events()).await;
        rig.route_until(async || rig.waiting("wa.in.p00").await == 0).await;
        let mut told: Vec<v1::ActivityRecord> = Vec::new();
        for (_, message) in rig.bus.peek(ACTIVITY_QUEUE, None, 100).await.unwrap() {
            told.extend(v1::Activity::decode(message.body).unwrap().records);
        }
        let rows: Vec<_> = told.iter().map(|one| (one.kind(), one.team.as_str(), one.rule.as_str())).collect();
        let expected = [
            (ActivityKind::Routed, "b", "bills"),
            (ActivityKind::AnsweredElsewhere, "", ""),
            (ActivityKind::ControlChanged, "", ""),
            (ActivityKind::Held, "", ""),
            (ActivityKind::IdentityChanged, "", ""),
        ];
        assert_eq!(rows, if activity { &expected[..] } else { &[] }, "activity = {activity}");
        assert!(told.iter().map(|one| one.seq).eq(1..=i64::try_from(told.len()).unwrap()), "{told:?}");
    }
}

#[tokio::test]
async fn each_message_is_counted_once_under_its_team_and_phase() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new(RouterConfig::default()).await;
    let texts = [("w1", "my bill"), ("w2", "hello"), ("w3", "hello"), ("w4", "bill"), ("w5", "hello"), ("w2", "hello")];
    let events = texts.iter().enumerate().map(|(n, (wamid, text))| event(wamid, &format!("1555000{n}"), text));
    let asks = v1::Event {
        json: r#"{"id":"w6","type":"button","button":{"payload":"h","text":"A person"}}"#.into(),
        ..event("w6", "15550001", "")
    };
    // The first customer once more, whose conversation is open.
    let events = events.chain([event("w7", "15550000", "hello"), asks]);
    rig.publish(&rig.layout.inbound(PartitionId(0)), events).await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0).await;
    let expected = [
        r#"{team="a",phase="default"} 3"#,
        r#"{team="a",phase="handover"} 1"#,
        r#"{team="b",phase="bind"} 1"#,
        r#"{team="b",phase="route"} 2"#,
    ];
    assert_eq!(counted(&recorder, metrics::ROUTED), expected);
    assert_eq!(counted(&recorder, metrics::DUPLICATES), [" 1"]);
}

/// Puts the first of `texts` in force and the second in the shadow.
async fn put_in_force(store: &Store, texts: [&str; 2]) -> Rules {
    let mut change = store.begin_change().await.unwrap();
    for text in texts {
        let hash = RuleSet::parse(text).unwrap().version;
        let row = change.push_rule_set(&hash, text, "ann", "").await.unwrap();
        change.mark_rule_set_checked(row.number).await.unwrap();
    }
    change.activate(&InForce { active: 1, shadow: Some(2), ..InForce::default() }, "ann", "", None).await.unwrap();
    change.commit(&[]).await.unwrap();
    Rules::open_store(store.clone()).await.unwrap().unwrap()
}

#[tokio::test]
async fn rules_in_the_shadow_are_counted_and_decide_nothing() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let folder = tempfile::tempdir().unwrap();
    let store = open_store(folder.path()).await;
    // In the shadow, bills go to a; what somebody orders stays with a, and is urgent.
    let urgent = "[[rules]]\nid='orders'\nteam='a'\nurgency='urgent'\nwhen={ keyword='order' }\n";
    let shadow = format!("{}{urgent}", RULES.replace("id='bills'\nteam='b'", "id='bills'\nteam='a'"));
    let rules = put_in_force(&store, [RULES, &shadow]).await.current();
    let number = NumberName::new("support").unwrap();
    for (text, team) in [("bill", "b"), ("bill", "b"), ("order", "a"), ("hello", "a"), ("hello", "a"), ("hi", "a")] {
        let json = format!(r#"{{"type":"text","text":{{"body":"{text}"}}}}"#);
        let message = decode_message(&json, &Sender::default()).unwrap();
        let known = Known {
            number: &number,
            received_at: Timestamp::from_millis(1_750_000_000_000),
            number_language: None,
            contact: None,
            edited: None,
            open: None,
            previous_team: None,
            closes: false,
            tapped: None,
            queues: &TeamQueues::default(),
        };
        let (decision, _) = decide(&rules, &message, known, &mut Scratch::default());
        assert_eq!(decision.team.unwrap().as_str(), team, "{text}");
        assert_eq!(decision.rule_set, rules.active().version);
    }
    let expected = [
        r#"{outcome="moved",from="a",to="a"} 1"#,
        r#"{outcome="moved",from="b",to="a"} 2"#,
        r#"{outcome="same",from="a",to="a"} 3"#,
    ];
    assert_eq!(counted(&recorder, metrics::SHADOW), expected);
}
