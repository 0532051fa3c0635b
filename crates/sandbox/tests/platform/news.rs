//! What Meta tells of the account, and what customers send beside words.

use serde_json::{Value, json};
use waypost_cloud_api::webhook::{Content, split};
use waypost_domain::Category;
use waypost_sandbox::{ActorError, Rating, Said};

use crate::support::{ANA, BEA, NUMBER, World, template};

#[tokio::test]
async fn ratings_limits_and_categories_are_told_and_are_true() {
    let world = World::new().await;
    world.control.rate_number(NUMBER, Rating::Red).unwrap();
    world.control.rate_template("plain", "en_US", Rating::Yellow).unwrap();
    world.control.limit_messaging(Some(2_000));
    world.control.refile_template("plain", "en_US", Category::Marketing, false).unwrap();
    world.webhook.until("four news", |webhook| webhook.changes().len() == 4).await;
    let (fields, values): (Vec<String>, Vec<Value>) = world.webhook.changes().into_iter().unzip();
    let expected = [
        "phone_number_quality_update",
        "message_template_quality_update",
        "business_capability_update",
        "template_category_update",
    ];
    assert_eq!(fields, expected);
    assert_eq!(values[1]["new_quality_score"], "YELLOW");
    assert_eq!(values[2]["max_daily_conversations_per_business"], "TIER_2K");
    assert_eq!((&values[3]["new_category"], &values[3]["correct_category"]), (&json!("UTILITY"), &json!("MARKETING")));
    world.control.set_marketing_stopped(BEA, NUMBER, true).unwrap();
    world.accepted(&template(BEA, "plain", json!([]))).await;
    world.control.refile_template("plain", "en_US", Category::Marketing, true).unwrap();
    assert_eq!(world.fails(&template(BEA, "plain", json!([]))).await, 131_050, "it counts as what it is now");
    world.end().await;
}

#[tokio::test]
async fn marketing_has_an_endpoint_of_its_own() {
    let world = World::new().await;
    let path = format!("{NUMBER}/marketing_messages");
    assert_eq!(world.post(&path, &template(BEA, "plain", json!([]))).await.1["error"]["code"], 131_055);
    assert_eq!(world.post(&path, &crate::support::text(BEA)).await.1["error"]["code"], 134_100);
    assert_eq!(world.post(&path, &template(BEA, "offer", json!([]))).await.0, 200);
    world.webhook.until("read", |webhook| webhook.statuses().len() == 3).await;
    assert_eq!(world.webhook.statuses()[0]["pricing"]["category"], "marketing_lite");
    world.end().await;
}

#[tokio::test]
async fn a_customer_sends_a_file_that_the_business_downloads() {
    let world = World::new().await;
    let id = world.control.add_media("image/jpeg", b"\xff\xd8\xff picture".to_vec()).unwrap().to_string();
    let content = json!({"id": id, "mime_type": "image/jpeg", "caption": "Look"});
    world.control.say(BEA, NUMBER, &Said { kind: "image".to_owned(), content, context: None, group_id: None }).unwrap();
    world.webhook.until("a picture", |webhook| webhook.messages().len() == 1).await;
    let id = world.webhook.messages()[0]["image"]["id"].as_str().unwrap().to_owned();
    let (_, answer) = world.ask(reqwest::Method::GET, &id, &Value::Null).await;
    let url = answer["url"].as_str().unwrap();
    let downloaded = world.client.get(url).bearer_auth("token").send().await.unwrap().bytes().await.unwrap();
    assert!(downloaded.ends_with(b"picture"));
    world.end().await;
}

#[tokio::test]
async fn a_customer_changes_their_number_and_their_id_with_it() {
    let world = World::new().await;
    world.control.change_phone(BEA, "+4915100000077").unwrap();
    world.webhook.until("both", |webhook| webhook.changes().len() == 2).await;
    let changes = world.webhook.changes();
    assert_eq!(changes[0].1["messages"][0]["system"]["wa_id"], "4915100000077");
    assert_eq!(changes[1].0, "user_id_update");
    let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "messages", "value": changes[0].1}]}]});
    let text = body.to_string();
    assert!(matches!(split(text.as_bytes()).events[0].content, Content::Message(_)));
    assert_eq!(world.fails(&template(BEA, "plain", json!([]))).await, 131_026);
    world.accepted(&template("+4915100000077", "plain", json!([]))).await;
    assert_eq!(world.control.change_phone(ANA, "4915100000077"), Err(ActorError::NoCustomer), "somebody has it");
    world.end().await;
}

#[tokio::test]
async fn a_message_to_a_group_is_one_and_is_delivered_to_each_member() {
    let world = World::new().await;
    let group = world.control.add_group(NUMBER, &[BEA, ANA]).unwrap();
    let to_group = |id: &str| {
        let text = json!({"body": "Hello"});
        json!({"messaging_product": "whatsapp", "recipient_type": "group", "to": id, "type": "text", "text": text})
    };
    assert_eq!(world.refused(&to_group("another")).await, 131_009);
    assert_eq!(world.fails(&to_group(&group)).await, 131_047);
    let said = Said { group_id: Some(group.clone()), ..Said::text("Hello?") };
    world.control.say(BEA, NUMBER, &said).unwrap();
    world.webhook.until("a message", |webhook| webhook.messages().len() == 1).await;
    assert_eq!(world.webhook.messages()[0]["group_id"], group.as_str());
    let wamid = world.accepted(&to_group(&group)).await;
    world.webhook.until("five statuses", |webhook| webhook.words(&wamid).len() == 5).await;
    let statuses = world.webhook.statuses().into_iter().filter(|status| status["id"] == wamid.as_str());
    let (mut sent, mut participants) = (0, std::collections::BTreeSet::new());
    for status in statuses {
        assert_eq!((&status["recipient_id"], &status["recipient_type"]), (&json!(group), &json!("group")));
        match status["recipient_participant_id"].as_str() {
            Some(participant) => drop(participants.insert(participant.to_owned())),
            None => sent += 1,
        }
    }
    assert_eq!((sent, participants.len()), (1, 2));
    world.end().await;
}
