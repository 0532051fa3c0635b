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

/// What a person wrote, as JSON, at a time in days.
fn message(wamid: &str, sender: AliasSet, day: i64, json: &str) -> v1::Event {
    let received_at_ms = 1_750_000_000_000 + day * 24 * 60 * 60 * 1000;
    v1::Event { contact: Some(sender.into()), json: json.to_owned().into(), received_at_ms, ..event(wamid, "", "") }
}

fn sender(phone: &str, bsuid: &str) -> AliasSet {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    AliasSet { phone: some(phone), bsuid: some(bsuid), parent_bsuid: None }
}

const HELLO: &str = r#"{"type":"text","text":{"body":"hello"}}"#;

#[tokio::test]
async fn whoever_has_a_number_after_45_days_of_silence_only_claims_to_be_who_had_it() {
    let rig = Rig::new(RouterConfig::default()).await;
    for (days, phone, bsuid, is_them) in [(44, "1555001", "US.1", true), (46, "1555002", "US.2", false)] {
        route(&rig, vec![message(&format!("a{days}"), sender(phone, ""), 0, HELLO)]).await;
        route(&rig, vec![message(&format!("b{days}"), sender(phone, bsuid), days, HELLO)]).await;
        let last_two: Vec<_> = people(&rig).await.into_iter().rev().take(2).collect();
        assert_eq!(last_two[0].0 == last_two[1].0, is_them, "after {days} days");
        let found = rig.store.find_contact(&sender("", bsuid)).await.unwrap().unwrap();
        assert_eq!(found.claims.is_empty(), is_them, "after {days} days");
    }
}

#[tokio::test]
async fn news_of_a_changed_identity_is_a_doubt_and_nothing_that_they_wrote() {
    let rig = Rig::new(RouterConfig::default()).await;
    let changed = r#"{"type":"system","system":{"type":"customer_identity_changed","body":"changed"}}"#;
    let events = vec![
        message("w1", sender("1555003", ""), 0, HELLO),
        message("w2", sender("1555003", ""), 1, changed),
        message("w3", sender("1555003", "US.3"), 2, HELLO),
    ];
    route(&rig, events).await;
    let found = rig.store.find_contact(&sender("", "US.3")).await.unwrap().unwrap();
    let reasons: Vec<_> = found.claims.iter().map(|claim| claim.reason.as_str()).collect();
    assert_eq!(reasons, ["identity_changed"]);
}

#[tokio::test]
async fn an_own_card_is_a_claim_until_the_number_writes() {
    let rig = Rig::new(RouterConfig::default()).await;
    let card = |origin: &str| {
        format!(
            r#"{{"type":"contacts","contacts":[{{"phones":[{{"phone":"+1 555 004","wa_id":"1555004"}}]{origin}}}]}}"#
        )
    };
    let claims = async || rig.store.find_contact(&sender("", "US.4")).await.unwrap().unwrap().claims.len();
    route(&rig, vec![message("w1", sender("", "US.4"), 0, &card(""))]).await;
    assert_eq!(claims().await, 0, "somebody else's card");
    route(&rig, vec![message("w2", sender("", "US.4"), 0, &card(r#","origin":"contact_request""#))]).await;
    assert_eq!(claims().await, 1);
    route(&rig, vec![message("w3", sender("1555004", ""), 0, HELLO)]).await;
    assert_eq!(claims().await, 0);
    let people = people(&rig).await;
    assert!(people.iter().all(|(contact, _)| *contact == people[0].0), "{people:?}");
}

#[tokio::test]
async fn a_language_is_learnt_from_words_and_chosen_by_a_tap() {
    let rig = Rig::new(RouterConfig::default()).await;
    let text = |words: &str| format!(r#"{{"type":"text","text":{{"body":"{words}"}}}}"#);
    let forwarded = r#"{"type":"text","text":{"body":"where is my order, I would like to know when it arrives"},
        "context":{"forwarded":true}}"#;
    let tap =
        r#"{"type":"interactive","interactive":{"button_reply":{"id":"lang:pt-BR","title":"Portuguese please"}}}"#;
    let of = |wamid: &str, json: &str| message(wamid, sender("1555005", "US.5"), 0, json);
    let known = || rig.ask("SELECT coalesce(language || ' ' || language_source, '') FROM contact");
    for (wamid, json, want) in [
        ("w1", text("guten tag"), ""),
        ("w2", forwarded.to_owned(), ""),
        ("w3", text("ich habe eine frage zu meiner rechnung"), "de guess"),
        ("w4", text("where is my order, I would like to know when it arrives at my place"), "de guess"),
        ("w5", tap.to_owned(), "pt-BR choice"),
    ] {
        route(&rig, vec![of(wamid, &json)]).await;
        assert_eq!(known(), [want], "{wamid}");
    }
}

const BY_LANGUAGE: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n\
    [[teams]]\nname='a'\n[[teams]]\nname='b'\n[[rules]]\nid='german'\nteam='b'\nwhen={ language='de' }\n";

/// Given more messages in one batch than a router that keeps up ever has, then the language of their customers is guessed
/// only where a rule asks for it; else from what each of them writes next.
#[tokio::test]
async fn a_router_that_is_behind_guesses_languages_that_rules_ask_for() {
    const TEXT: &str = "guten tag, ich habe eine frage zu meiner rechnung";
    for (rules, teams) in [(support::RULES, ["a", "a"]), (BY_LANGUAGE, ["b", "b"])] {
        let rig = Rig::with_rules(RouterConfig::default(), rules).await;
        let phone = |index: usize| format!("49151000000{index:02}");
        route(&rig, (0..33).map(|index| event(&format!("w{index}"), &phone(index), TEXT)).collect()).await;
        assert_eq!(rig.documents(teams[0]).await.len(), 33);
        let known = async |index: usize| {
            let aliases = AliasSet { phone: Some(phone(index)), ..AliasSet::default() };
            let found = rig.store.find_contact(&aliases).await.unwrap().unwrap();
            found.contact.language.tag().map(str::to_owned)
        };
        let at_once = (rules == BY_LANGUAGE).then_some("de");
        assert_eq!([known(0).await.as_deref(), known(32).await.as_deref()], [at_once; 2]);
        route(&rig, vec![event("next", &phone(0), TEXT)]).await;
        assert_eq!(known(0).await.as_deref(), Some("de"));
        assert_eq!(rig.documents(teams[1]).await.len(), 34);
    }
}
