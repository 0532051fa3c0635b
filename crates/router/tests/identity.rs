//! Who is who, from what is on the bus to what a team reads and the store keeps.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use waypost_domain::{AliasSet, PartitionId};
use waypost_proto::v1;
use waypost_router::RouterConfig;

mod support;

use support::{Rig, event};

async fn route(rig: &Rig, events: Vec<v1::Event>) {
    rig.publish(&rig.layout.inbound(PartitionId(0)), events).await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0).await;
}

/// Of each message on team a's queue, in order: contact and conversation.
async fn people(rig: &Rig) -> Vec<(String, String)> {
    let of = |document: &serde_json::Value, part: &str| document["data"][part]["id"].as_str().unwrap().to_owned();
    rig.documents("a").await.iter().map(|document| (of(document, "contact"), of(document, "conversation"))).collect()
}

#[tokio::test]
async fn one_number_has_one_conversation_however_it_is_spelt() {
    let rig = Rig::new(RouterConfig::default()).await;
    let spellings = ["5511987650041", "551187650041", "5215512340041", "525512340041", "541112340041", "5491112340041"];
    let events = spellings.iter().enumerate().map(|(index, phone)| event(&format!("w{index}"), phone, "hello"));
    route(&rig, events.collect()).await;
    let people = people(&rig).await;
    assert_eq!(people.len(), 6);
    for pair in people.chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
    assert!(people[0] != people[2] && people[2] != people[4] && people[0] != people[4]);
}

#[tokio::test]
async fn a_customer_of_the_crm_is_recognised_by_every_spelling() {
    let rig = Rig::new(RouterConfig::default()).await;
    let rows = ["5511987650051", "+55 11 8765-0052", "525512340053", "54 9 11 1234-0054"];
    let wrote = ["551187650051", "5511987650052", "5215512340053", "541112340054"];
    let tier = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
    for phone in rows {
        let aliases = AliasSet { phone: Some(phone.to_owned()), ..AliasSet::default() };
        rig.store.upsert_contact(&aliases, &tier, None).await.unwrap();
    }
    let events = wrote.iter().enumerate().map(|(index, phone)| event(&format!("w{index}"), phone, "hello"));
    route(&rig, events.collect()).await;
    let documents = rig.documents("a").await;
    let tiers: Vec<_> = documents.iter().map(|one| one["data"]["contact"]["attributes"]["tier"].clone()).collect();
    assert_eq!(tiers, ["gold"; 4]);
    assert_eq!(rig.store.counts().await.unwrap().contacts, 4);
}

/// A colleague answered in the phone app, under the number's other spelling.
#[tokio::test]
async fn an_echo_belongs_to_the_conversation() {
    let rig = Rig::new(RouterConfig::default()).await;
    let echo = v1::Event { kind: v1::EventKind::Echo.into(), ..event("echo", "5511987650061", "may I help?") };
    route(&rig, vec![event("w1", "551187650061", "oi"), echo, event("w2", "551187650061", "sim")]).await;
    let people = people(&rig).await;
    assert_eq!((people.len(), people[0] == people[1]), (2, true));
    let of_rows = rig.ask("SELECT count(DISTINCT hex(conversation_id)) || ' of ' || count(*) FROM inbox");
    assert_eq!(of_rows, ["1 of 3"]);
}
