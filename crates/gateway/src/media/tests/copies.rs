//! Copies of files: given when WhatsApp has them no more, tried again while there is use, and shown to nobody else.

use super::*;

/// WhatsApp keeps a file for a week; the copy is there for as long as the business says.
#[tokio::test]
async fn a_copy_is_given_when_whatsapp_keeps_the_file_no_more() {
    let (files, _) = Files::new(Platform { answer: Answer::Gone, ..Platform::default() }).await;
    let talk = files.scene.talk("34600000001", Some("billing")).await;
    files.wrote(&talk, "billing", Some(a_file())).await;
    files.wants_copy(&talk).await;
    assert_eq!(files.due(Duration::ZERO).await, [0]);
    let bytes: Vec<u8> = (0..1_300_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    files.fetches(Platform { file: bytes.clone(), ..Platform::default() }, 1_300_000).await;
    assert_eq!(files.due(Duration::from_secs(1_000_000)).await, [0; 0]);

    let (head, came, end) = read(files.download(Who::AgentOf("billing")).await.unwrap()).await;
    assert_eq!((head.mime_type.as_str(), head.filename.as_str()), ("application/pdf", "invoice.pdf"));
    assert_eq!(end, Ok(v1::MediaEnd { size_bytes: 1_300_000, sha256: "ab".to_owned() }));
    assert!(came == bytes, "other bytes");
    let to_others = async || reason(&files.download(Who::AgentOf("people")).await.err().unwrap());
    assert_eq!(to_others().await, "MESSAGE_UNKNOWN", "a copy is shown to nobody else");
    // Decisions are kept for nine days.
    files.scene.store().script("DELETE FROM inbox").await.unwrap();
    let (_, later, _) = read(files.download(Who::AgentOf("billing")).await.unwrap()).await;
    assert!(later == bytes, "other bytes");
    assert_eq!(to_others().await, "MESSAGE_UNKNOWN", "nor then");
    // Something takes a part of it away.
    files.scene.store().script("DELETE FROM media_part WHERE part = 1").await.unwrap();
    let (_, _, end) = read(files.download(Who::AgentOf("billing")).await.unwrap()).await;
    assert_eq!(end, Err((Code::FailedPrecondition, "MEDIA_DAMAGED".to_owned())));
}

#[tokio::test]
async fn a_copy_is_tried_again_until_there_is_no_use() {
    let (files, _) = Files::new(Platform { file: vec![1; 5], ..Platform::default() }).await;
    let talk = files.scene.talk("34600000001", Some("billing")).await;
    files.wrote(&talk, "billing", Some(a_file())).await;
    files.wants_copy(&talk).await;
    let nothing = || Platform { answer: Answer::Nothing, ..Platform::default() };
    let damaged = Platform { file: vec![1; 5], answer: Answer::Damaged, ..Platform::default() };
    for (platform, tries) in [(nothing(), 1), (damaged, 2)] {
        files.fetches(platform, 100).await;
        assert_eq!(files.due(Duration::ZERO).await, [0; 0], "not at once");
        assert_eq!(files.due(Duration::from_secs(3_600)).await, [tries]);
        files.scene.store().script("UPDATE media_copy SET due_at = 0").await.unwrap();
    }
    // Without a copy it comes from WhatsApp, as ever.
    let (_, bytes, end) = read(files.download(Who::AgentOf("billing")).await.unwrap()).await;
    assert_eq!((bytes.len(), end.is_ok()), (5, true));
    // A week later there is nothing to be fetched any more.
    files.scene.store().script("UPDATE media_copy SET wanted_at = wanted_at - 7 * 86400000").await.unwrap();
    files.fetches(nothing(), 100).await;
    assert_eq!(files.due(Duration::from_secs(1_000_000)).await, [0; 0]);
}

#[tokio::test]
async fn what_is_too_large_is_given_up_at_once() {
    let (files, _) = Files::new(Platform::default()).await;
    let talk = files.scene.talk("34600000001", Some("billing")).await;
    files.wants_copy(&talk).await;
    // A token that may not have it is told the same.
    files.fetches(Platform { answer: Answer::Gone, ..Platform::default() }, 100).await;
    assert_eq!(files.due(Duration::from_secs(60)).await, [1]);
    files.scene.store().script("UPDATE media_copy SET due_at = 0").await.unwrap();
    files.fetches(Platform { file: vec![1; 101], ..Platform::default() }, 100).await;
    assert_eq!(files.due(Duration::from_secs(1_000_000)).await, [0; 0]);
    let parts = files.scene.store().file_part(DecisionId::of_event(&PhoneNumberId::new("1"), WAMID), 0).await;
    assert_eq!(parts.unwrap(), None);
}
