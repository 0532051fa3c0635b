//! Parked messages on the embedded pair: whoever parked them, they are listed, replayed and discarded.

use std::time::Duration;

use anyhow::ensure;
use prost::Message as _;
use serde_json::{Value, json};
use waypost_bus::dead_letter::dead_letter;
use waypost_bus::{Bus, DeadLetterReason, Layout, Message, Outcome, Publication};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::{PartitionCount, PartitionId};
use waypost_proto::{BUNDLE_VERSION, EVENT_KIND, encode_event, v1};
use waypost_tests::eventually;

use super::commands::post;
use super::server::AdminServer;
use super::terminal::Terminal;

const WITHIN: Duration = Duration::from_secs(20);
const TEAM_QUEUE: &str = "team.billing.normal";

async fn parked(terminal: &Terminal<'_>, what: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let look = async || {
        let letters = terminal.json(&["dead-letters", "list"]).ok()?.as_array()?.clone();
        holds(&letters).then_some(letters)
    };
    eventually(what, WITHIN, look).await
}

fn kinds(trace: &Value) -> Vec<&str> {
    trace[0]["steps"].as_array().into_iter().flatten().filter_map(|step| step["kind"].as_str()).collect()
}

/// A team's tool dies with the message in hand until the bus has had enough; and something that nobody can read.
async fn give_up(server: &AdminServer) -> anyhow::Result<()> {
    let bus = EmbeddedBus::open(&server.data_dir(), Options::default())?;
    let waits = async || bus.depth(TEAM_QUEUE).await.map(|depth| depth.is_some_and(|depth| depth.ready > 0));
    while waits().await? {
        let mut tool = bus.consume(TEAM_QUEUE, 1).await?;
        // The delivery that is too much is none.
        drop(tokio::time::timeout(Duration::from_secs(1), tool.next_batch(1)).await);
    }
    let address = Layout::new(PartitionCount::DEFAULT).inbound(PartitionId(0));
    let message = Message { id: "damaged".to_owned(), body: vec![0xff; 9].into(), ..Message::default() };
    let outcomes = bus.publish(vec![Publication { address, message }], WITHIN).await;
    ensure!(outcomes == [Outcome::Confirmed], "{outcomes:?}");
    bus.close(WITHIN).await;
    Ok(())
}

#[tokio::test]
async fn what_the_bus_or_the_router_gave_up_is_listed_and_replayed() -> anyhow::Result<()> {
    let mut server = AdminServer::start().await?;
    post(&server, "wamid.ONE", "my invoice").await?;
    let operator = Terminal::new(&server, "operator")?;
    let published = async || {
        let trace = operator.json(&["trace", "wamid.ONE"]).ok()?;
        kinds(&trace).contains(&"published").then_some(())
    };
    eventually("its team has it", WITHIN, published).await;
    drop(operator);
    server.end().await?;
    give_up(&server).await?;
    server.start_again().await?;

    let operator = Terminal::new(&server, "operator")?;
    let letters = parked(&operator, "both are parked", |letters| letters.len() == 2).await;
    let mut told: Vec<(&str, &str)> =
        letters.iter().filter_map(|letter| Some((letter["reason"].as_str()?, letter["origin"].as_str()?))).collect();
    told.sort_unstable();
    assert_eq!(told, [("delivered-too-often", TEAM_QUEUE), ("undecodable-event", "wa.in.p00")]);
    assert!(letters.iter().all(|letter| letter["park_time"].is_string()), "{letters:?}");
    let trace = operator.json(&["trace", "wamid.ONE"])?;
    assert_eq!(kinds(&trace).last(), Some(&"parked"), "{trace}");
    let trace = operator.json(&["trace", "damaged"])?;
    assert_eq!(kinds(&trace), ["parked"], "it was never decided: {trace}");

    let replayed = operator.json(&["dead-letters", "replay", "--all"])?;
    assert_eq!(replayed["replayed"], json!("2"), "{replayed}");
    let again = parked(&operator, "one is parked again", |letters| letters.len() == 1).await;
    let told = (&again[0]["name"], &again[0]["replays"]);
    assert_eq!(told, (&json!("deadLetters/damaged"), &json!(1)));
    let trace = operator.json(&["trace", "wamid.ONE"])?;
    assert!(!kinds(&trace).contains(&"parked"), "its team has it again: {trace}");
    let taken = operator.run(&["tail", "billing", "--ack", "--messages", "1", "--json"])?;
    assert!(String::from_utf8_lossy(&taken.stdout).contains("wamid.ONE"), "{taken:?}");
    let discard = ["dead-letters", "discard", "--all", "--justification", "damaged on purpose"];
    assert_eq!(operator.json(&discard)?["left"], json!("0"));
    Ok(())
}

/// Copies of one message, each with other bytes, and so a row each.
async fn park_copies(bus: &dyn Bus, id: &str, copies: u32) -> anyhow::Result<()> {
    let letter = |number: u32| {
        let message = Message { id: id.to_owned(), body: number.to_string().into(), ..Message::default() };
        dead_letter(message, DeadLetterReason::Rejected, TEAM_QUEUE, 1, "")
    };
    let outcomes = bus.publish((0..copies).map(letter).collect(), WITHIN).await;
    ensure!(outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed), "{outcomes:?}");
    Ok(())
}

#[tokio::test]
async fn an_id_is_all_of_its_rows_however_many() -> anyhow::Result<()> {
    let mut server = AdminServer::start().await?;
    server.end().await?;
    let bus = EmbeddedBus::open(&server.data_dir(), Options::default())?;
    for (id, copies) in [("thrown-away", 1_000), ("put-back", 600)] {
        park_copies(&*bus, id, copies).await?;
    }
    bus.close(WITHIN).await;
    server.start_again().await?;

    let operator = Terminal::new(&server, "operator")?;
    let summary = || operator.json(&["dead-letters", "summary"]);
    let all_parked = async || summary().ok().filter(|told| told["examined"] == "1600");
    eventually("all are parked", Duration::from_secs(60), all_parked).await;
    let listed = operator.json(&["dead-letters", "list", "--limit", "5000"])?;
    assert_eq!(listed.as_array().map(Vec::len), Some(1_600));
    let discard = ["dead-letters", "discard", "--id", "thrown-away", "--justification", "copies of one message"];
    let discarded = operator.json(&discard)?;
    assert_eq!((&discarded["discarded"], &discarded["left"]), (&json!("1000"), &json!("0")), "{discarded}");
    let replayed = operator.json(&["dead-letters", "replay", "--id", "put-back"])?;
    assert_eq!((&replayed["replayed"], &replayed["left"]), (&json!("600"), &json!("0")), "{replayed}");
    Ok(())
}

#[tokio::test]
async fn what_was_parked_undecided_is_traced_by_what_it_carries() -> anyhow::Result<()> {
    let mut server = AdminServer::start().await?;
    server.end().await?;
    let event = |key: &str| {
        // Of a number that nothing else is known of.
        let json = format!(r#"{{"id":"{key}","text":{{"body":"a-secret"}}}}"#).into();
        encode_event(v1::Event { phone_number_id: "77".to_owned(), key: key.to_owned(), json, ..Default::default() })
    };
    let bundle = v1::EventBundle { version: BUNDLE_VERSION, events: vec![event("wamid.B1"), event("wamid.B2")] };
    let letters = [
        ("bundle", EVENT_KIND, DeadLetterReason::DeliveredTooOften, bundle.encode_to_vec().into()),
        ("bundle.4", EVENT_KIND, DeadLetterReason::Unstorable, event("wamid.ALONE")),
        ("part", "a part", DeadLetterReason::UnparseablePart, r#"{"id": "wamid.PART", "from": ["#.into()),
    ];
    let letters = letters.map(|(id, kind, reason, body)| {
        let message = Message { id: id.to_owned(), kind: kind.to_owned(), body, ..Message::default() };
        dead_letter(message, reason, "wa.in.p00", 1, "")
    });
    let bus = EmbeddedBus::open(&server.data_dir(), Options::default())?;
    let outcomes = bus.publish(letters.into(), WITHIN).await;
    ensure!(outcomes == [Outcome::Confirmed; 3], "{outcomes:?}");
    bus.close(WITHIN).await;
    server.start_again().await?;

    let operator = Terminal::new(&server, "operator")?;
    parked(&operator, "all are parked", |letters| letters.len() == 3).await;
    for (wamid, row) in
        [("wamid.B1", "bundle"), ("wamid.B2", "bundle"), ("wamid.ALONE", "bundle.4"), ("wamid.PART", "part")]
    {
        let trace = operator.json(&["trace", wamid])?;
        let steps = (kinds(&trace), &trace[0]["steps"][0]["resource"]);
        assert_eq!(steps, (vec!["parked"], &json!(format!("deadLetters/{row}"))), "{trace}");
        ensure!(!trace.to_string().contains("a-secret"), "{trace}");
    }
    let at_number = ["trace", "wamid.B1", "--phone-number-id"];
    assert_eq!(kinds(&operator.json(&[&at_number[..], &["77"]].concat())?), ["parked"]);
    ensure!(operator.fails(&[&at_number[..], &["78"]].concat(), 1)?.contains("does not exist"), "it came to another");
    for other in ["wamid.B", "a-secret", "wamid"] {
        let told = operator.fails(&["trace", other], 1)?;
        ensure!(told.contains("does not exist"), "{other}: {told}");
    }
    Ok(())
}
