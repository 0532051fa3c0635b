//! What is kept of messages for whoever reads their conversation later, and that nothing behind the router knows more.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::{Value, json};
use support::{Rig, event};
use waypost_domain::message::Mask;
use waypost_domain::{AliasSet, DecisionId, PhoneNumberId, Timestamp};
use waypost_proto::transcript::decode_transcript;
use waypost_proto::v1;
use waypost_router::RouterConfig;
use waypost_store::{ConversationFilter, TranscriptEntry, TranscriptKind, TranscriptRow};

const ANA: &str = "34600000001";
const CARD: &str = "4111 1111 1111 1111";
const MASKED: &str = "•••• •••• •••• 1111";

/// What Ana does, `seconds` after everything began.
fn does(wamid: &str, seconds: i64, said: &Value) -> v1::Event {
    let mut json = json!({ "id": wamid, "from": ANA });
    json.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    let event = event(wamid, ANA, "");
    v1::Event { json: json.to_string().into(), received_at_ms: event.received_at_ms + seconds * 1000, ..event }
}

fn says(wamid: &str, seconds: i64, text: &str) -> v1::Event {
    does(wamid, seconds, &json!({ "type": "text", "text": { "body": text } }))
}

/// All that is kept of the only conversation, the oldest first.
async fn kept(rig: &Rig) -> Vec<TranscriptRow> {
    let conversations = rig.store.conversations(&ConversationFilter::default(), None, 10).await.unwrap();
    let [conversation] = &conversations[..] else { panic!("one, not {conversations:?}") };
    let entries = rig.store.transcript(conversation.id, None, 100).await.unwrap();
    let row = |entry: TranscriptEntry| match entry {
        TranscriptEntry::Received(row) => row,
        TranscriptEntry::Sent(row) => panic!("nothing was sent: {row:?}"),
    };
    entries.into_iter().rev().map(row).collect()
}

/// Kind, team and summary of each.
fn lines(rows: &[TranscriptRow]) -> Vec<(TranscriptKind, String, String)> {
    let line = |row: &TranscriptRow| {
        let team = row.team.as_ref().map(ToString::to_string).unwrap_or_default();
        (row.kind, team, decode_transcript(&row.content).unwrap().summary)
    };
    rows.iter().map(line).collect()
}

#[tokio::test]
async fn each_event_of_a_conversation_is_kept_with_the_team_that_was_to_answer() {
    let rig = Rig::new(RouterConfig::default()).await;
    let reaction = json!({ "type": "reaction", "reaction": { "message_id": "wamid.OURS", "emoji": "👍" } });
    let echo = does("e", 3, &json!({ "type": "text", "to": ANA, "text": { "body": "we look into it" } }));
    let echo = v1::Event { kind: v1::EventKind::Echo.into(), ..echo };
    // Before there is a conversation, nothing belongs to one.
    rig.route_each([does("r0", 0, &reaction)]).await;
    rig.route_each([says("a", 1, "my bill"), does("r1", 2, &reaction), echo, says("b", 4, "hello")]).await;
    let want = [
        (TranscriptKind::Message, "b", "my bill"),
        (TranscriptKind::Notice, "b", "👍"),
        (TranscriptKind::Echo, "b", "we look into it"),
        (TranscriptKind::Message, "b", "hello"),
    ];
    let rows = kept(&rig).await;
    let found = lines(&rows);
    assert_eq!(found, want.map(|(kind, team, said)| (kind, team.to_owned(), said.to_owned())));
    assert!(rows.iter().all(|row| row.writer.is_none()));
    let content = decode_transcript(&rows[1].content).unwrap();
    assert_eq!((content.about.as_str(), content.message_id.as_str()), ("wamid.OURS", "r1"));
}

#[tokio::test]
async fn what_another_app_was_written_is_kept_when_it_becomes_work() {
    let rig = Rig::new(RouterConfig::default()).await;
    let standby = v1::Event { kind: v1::EventKind::StandbyMessage.into(), ..says("a", 0, &format!("bill {CARD}")) };
    rig.route_each([standby]).await;
    assert_eq!(rig.ask("SELECT count(*) || '' FROM transcript"), ["0"]);
    rig.route_each([says("b", 1, "hello?")]).await;
    let said: Vec<String> = lines(&kept(&rig).await).into_iter().map(|(_, _, said)| said).collect();
    assert_eq!(said, [format!("bill {MASKED}"), "hello?".to_owned()]);
}

#[tokio::test]
async fn in_a_group_each_row_names_its_writer() {
    let rig = Rig::new(RouterConfig::default()).await;
    let text = json!({ "type": "text", "group_id": "G1", "text": { "body": "who brings the keys?" } });
    rig.route_each([does("a", 0, &text)]).await;
    let aliases = AliasSet { phone: Some(ANA.to_owned()), ..AliasSet::default() };
    let ana = rig.store.find_contact(&aliases).await.unwrap().unwrap().contact.id;
    assert_eq!(kept(&rig).await.iter().map(|row| row.writer).collect::<Vec<_>>(), [Some(ana)]);
}

#[tokio::test]
async fn nothing_that_is_masked_is_stored_or_published() {
    let mut mask = Mask::cards();
    mask.add("ORD-[0-9]+").unwrap();
    let rig = Rig::new(RouterConfig { mask, ..RouterConfig::default() }).await;
    let caption = format!("bill ORD-77 {CARD}");
    let file = json!({ "id": "4111111111111111", "mime_type": "image/jpeg", "caption": caption });
    rig.route_each([
        says("a", 0, &caption),
        does("b", 1, &json!({ "type": "image", "image": file })),
        does("c", 2, &json!({ "type": "text", "text": { "body": "this one" }, "context": { "id": "a", "from": ANA } })),
    ])
    .await;
    let documents = rig.documents("b").await;
    let messages: Vec<&Value> = documents.iter().map(|document| &document["data"]["message"]).collect();
    let masked = format!("bill ••• {MASKED}");
    assert_eq!((&messages[0]["text"], &messages[1]["text"]), (&json!(masked), &json!(masked)));
    assert_eq!(messages[1]["raw"]["image"]["caption"], masked, "Meta's own JSON, too");
    assert_eq!(messages[1]["media"]["id"], "4111111111111111", "by its id the file is fetched");
    assert_eq!(messages[1]["raw"]["image"]["id"], "4111111111111111");
    assert_eq!(messages[2]["quoted"]["text"], masked);
    let stored = rig.ask("SELECT hex(input) FROM inbox UNION ALL SELECT hex(content) FROM transcript").concat();
    let has = |text: &str| {
        let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        stored.contains(&hex)
    };
    assert!(has(MASKED) && !has(CARD) && !has("ORD-77"));
}

/// Where the business wants copies of files; a message of another app, too, once it is work.
#[tokio::test]
async fn a_copy_of_a_file_is_wanted_with_its_message() {
    let image = |wamid: &str, id: &str| does(wamid, 0, &json!({ "type": "image", "image": { "id": id } }));
    for copies_files in [false, true] {
        let rig = Rig::new(RouterConfig { copies_files, ..RouterConfig::default() }).await;
        let standby = v1::Event { kind: v1::EventKind::StandbyMessage.into(), ..image("a", "41") };
        let echo = does("d", 2, &json!({ "type": "image", "to": ANA, "image": { "id": "43" } }));
        let echo = v1::Event { kind: v1::EventKind::Echo.into(), ..echo };
        rig.route_each([standby, image("b", "42"), says("c", 1, "without"), echo]).await;
        let due = rig.store.due_files(Timestamp::from_millis(i64::MAX), 9).await.unwrap();
        let mut wanted: Vec<_> = due.into_iter().map(|due| (due.file.media_id, due.file.decision)).collect();
        wanted.sort();
        let number = PhoneNumberId::new(event("a", ANA, "").phone_number_id);
        let of = |wamid: &str, id: &str| (id.to_owned(), DecisionId::of_event(&number, wamid));
        let want = if copies_files { vec![of("a", "41"), of("b", "42")] } else { vec![] };
        assert_eq!(wanted, want, "copies: {copies_files}");
    }
}
