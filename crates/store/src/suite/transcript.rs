//! What was said: in its order, in pages, for as long as it may be kept; and who has read it.

use std::time::Duration;

use waypost_domain::send::{Author, Cause, FreeForm, SendContent, SendId, SendRequest, SendState};
use waypost_domain::team::Priority;
use waypost_domain::{Conversation, ConversationState, DecisionId, PhoneNumberId, TeamName, Timestamp};

use super::janitor::all_for;
use super::{at, begin, cancel, contact_of, conversation, event, name, owner};
use crate::sends::GIVEN_UP;
use crate::{
    ConversationFilter, EntryPlace, InboxWrites, KeptFile, Lease, NewSend, Result, Retention, Store, TranscriptEntry,
    TranscriptKind, TranscriptRead, TranscriptRow, WantedFile,
};

fn team(text: &str) -> TeamName {
    TeamName::new(text).expect("a valid name")
}

/// A conversation of the team billing, which is stored.
async fn talk(store: &Store, lease: &Lease, who: &str) -> Result<Conversation> {
    let contact = contact_of(store, lease, who).await?;
    let fresh = conversation(contact, "support", 1_000);
    let talk = Conversation { team: Some(team("billing")), ..fresh };
    let mut batch = begin(store, lease).await?;
    batch.record(&[], std::slice::from_ref(&talk)).await?;
    batch.commit().await?;
    Ok(talk)
}

fn said(talk: &Conversation, key: &str, at: Timestamp) -> TranscriptRow {
    TranscriptRow {
        at,
        conversation: talk.id,
        decision: event(key).decision_id(),
        writer: None,
        kind: TranscriptKind::Message,
        team: Some(team("billing")),
        content: key.as_bytes().to_vec(),
    }
}

async fn keep(store: &Store, lease: &Lease, transcript: &[TranscriptRow]) -> Result<()> {
    begin(store, lease).await?.finish(&InboxWrites { transcript, ..InboxWrites::default() }).await
}

fn send(talk: &Conversation, id: &str, created_at: Timestamp) -> NewSend {
    let request = SendRequest {
        conversation: Some(talk.id),
        priority: Priority::Urgent,
        ..SendRequest::plain(
            SendId::new(id).expect("a valid id"),
            talk.number.clone(),
            talk.contact,
            Author::Bot("kim".to_owned()),
            Cause::Event("winter".to_owned()),
            SendContent::FreeForm(FreeForm::Text { body: format!("{id}: hello"), preview_url: false }),
            created_at,
        )
    };
    NewSend { request, ends_at: at(i64::MAX / 2), resend_of: None, team: talk.team.clone() }
}

/// Their names, in order.
fn names(entries: &[TranscriptEntry]) -> Vec<String> {
    let name = |entry: &TranscriptEntry| match entry {
        TranscriptEntry::Received(row) => String::from_utf8_lossy(&row.content).into_owned(),
        TranscriptEntry::Sent(row) => row.request.id.to_string(),
    };
    entries.iter().map(name).collect()
}

async fn all(store: &Store, talk: &Conversation) -> Result<Vec<String>> {
    Ok(names(&store.transcript(talk.id, None, 100).await?))
}

pub async fn a_transcript_is_one_list_of_what_came_and_what_went(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let (ann, bob) = (talk(store, &lease, "b:ann").await?, talk(store, &lease, "b:bob").await?);
    // Two at the same moment, and one of somebody else.
    let rows = [said(&ann, "a", at(10)), said(&ann, "b", at(20)), said(&ann, "c", at(20)), said(&bob, "d", at(30))];
    keep(store, &lease, &rows).await?;
    // Decided once more, long after its decision was forgotten.
    keep(store, &lease, &rows[..1]).await?;
    store.keep_sends(&[send(&ann, "s1", at(15)), send(&ann, "s2", at(20)), send(&ann, "s3", at(40))]).await?;

    let whole = store.transcript(ann.id, None, 100).await?;
    let mut equal = [rows[1].clone(), rows[2].clone()];
    equal.sort_by_key(|row| std::cmp::Reverse(row.decision));
    let [first, second] = equal.map(|row| String::from_utf8_lossy(&row.content).into_owned());
    assert_eq!(names(&whole), ["s3", "s2", &first, &second, "s1", "a"]);
    let TranscriptEntry::Sent(sent) = &whole[0] else { panic!("{whole:?}") };
    assert_eq!((sent.team.as_ref(), sent.is_forgotten), (Some(&team("billing")), false));
    assert_eq!(whole[5], TranscriptEntry::Received(rows[0].clone()));
    assert_eq!(store.transcript_of(ann.id, rows[1].decision).await?, Some(rows[1].clone()));
    assert_eq!(store.transcript_of(ann.id, rows[3].decision).await?, None, "another's");
    for size in 1..=6 {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = store.transcript(ann.id, before, size).await?;
            let Some(last) = page.last() else { break };
            before = EntryPlace::parse(&last.place().to_text());
            assert_eq!(before, Some(last.place()));
            found.extend(page);
        }
        assert_eq!(found, whole, "pages of {size}");
    }
    assert_eq!(["", "x", "1 x", "1 sx", "x s1"].map(EntryPlace::parse), [None; 5]);
    Ok(())
}

pub async fn what_was_said_is_forgotten_when_its_time_is_over(store: &Store) -> Result<()> {
    const DAY: i64 = 24 * 3600 * 1000;
    let lease = owner(store).await?;
    let talk = talk(store, &lease, "b:ann").await?;
    let now = store.now().await?;
    let (old, young) = (now.plus_millis(-31 * DAY), now.plus_millis(-29 * DAY));
    keep(store, &lease, &[said(&talk, "old", old), said(&talk, "young", young)]).await?;
    store.keep_sends(&[send(&talk, "ended", old), send(&talk, "waits", old), send(&talk, "new", young)]).await?;
    for id in ["ended", "new"] {
        cancel(store, &SendId::new(id).expect("valid")).await?;
    }
    // Nobody knows what became of it, and nothing is waited for any more.
    store.keep_sends(&[send(&talk, "lost", old)]).await?;
    let lost = format!("UPDATE send SET state = 'uncertain', due_at = {GIVEN_UP} WHERE id = 'lost'");
    store.script(&lost).await?;
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let retention = Retention {
        inbox: days(9),
        bodies: days(30),
        media: days(20),
        statuses: days(8),
        changes: days(30),
        conversations: days(90),
        campaigns: days(400),
    };
    let pass = async || store.janitor_pass(&retention, days(1_000), 100).await;
    let report = pass().await?;
    assert_eq!((report.transcript, report.sent), (1, 2));
    assert_eq!((pass().await?.transcript, pass().await?.sent), (0, 0), "once");
    assert_eq!(all(store, &talk).await?, ["new", "young", "waits"]);

    // What became of it is known, and what it said is not.
    let row = store.send(&SendId::new("ended").expect("valid")).await?.expect("its row stays");
    let content = SendContent::FreeForm(FreeForm::Text { body: String::new(), preview_url: false });
    let want = SendRequest { content, cause: Cause::Event(String::new()), ..send(&talk, "ended", old).request };
    assert_eq!((row.request, row.is_forgotten, row.verdict), (want, true, None));
    assert_eq!(row.progress.state, SendState::Cancelled);
    // And the same request once more is still the same.
    assert_eq!(store.keep_sends(&[send(&talk, "ended", old)]).await?, [crate::StoredSend::Known]);

    // Where conversations are kept for a shorter time, their transcripts go before them.
    let short = Retention { conversations: days(1), ..retention.clone() };
    assert_eq!(store.janitor_pass(&short, days(1_000), 100).await?.transcript, 1);
    assert_eq!(all(store, &talk).await?, ["new", "waits"]);
    Ok(())
}

/// A file is wanted with its message, kept whole once, and forgotten when its own time is over.
pub async fn a_file_is_kept_for_its_own_time(store: &Store) -> Result<()> {
    const DAY: i64 = 24 * 3600 * 1000;
    let lease = owner(store).await?;
    let now = store.now().await?;
    let number = PhoneNumberId::new("1");
    let talk = talk(store, &lease, "b:ann").await?;
    let file = |key: &str, days: i64| WantedFile {
        conversation: talk.id,
        decision: DecisionId::of_event(&number, key),
        number: number.clone(),
        media_id: key.to_owned(),
        wanted_at: now.plus_millis(-days * DAY),
    };
    let (old, young, lost, late) = (file("old", 21), file("young", 1), file("lost", 21), file("late", 7));
    for _ in 0..2 {
        let batch = store.begin_batch(&lease.fence(0, None)).await?;
        let files = &[old.clone(), young.clone(), lost.clone(), late.clone()];
        batch.finish(&InboxWrites { files, ..InboxWrites::default() }).await?;
    }
    let due = async |at| {
        let due = store.due_files(at, 9).await?;
        let mut due: Vec<_> = due.into_iter().map(|due| (due.file.media_id, due.tries)).collect();
        due.sort();
        Ok::<_, crate::StoreError>(due)
    };
    let wanted =
        |words: &[(&str, u32)]| words.iter().map(|(word, tries)| ((*word).to_owned(), *tries)).collect::<Vec<_>>();
    assert_eq!(due(now).await?, wanted(&[("late", 0), ("lost", 0), ("old", 0), ("young", 0)]));
    assert_eq!(store.due_files(now, 1).await?.len(), 1);
    // More than one row, and less than two.
    let bytes: Vec<u8> = (0..700_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let kept = KeptFile { size_bytes: 700_000, sha256: "ab".to_owned() };
    for one in [&old, &young] {
        assert!(store.keep_file(one.decision, &bytes, &kept).await?);
        assert!(!store.keep_file(one.decision, &[9], &kept).await?, "it is kept already");
    }
    store.give_up_file(lost.decision, "gone").await?;
    store.put_off_file(late.decision, now.plus_millis(1), "busy").await?;
    assert_eq!(due(now).await?, []);
    assert_eq!(due(now.plus_millis(1)).await?, wanted(&[("late", 1)]));
    assert_eq!(store.kept_file(young.decision).await?, Some(kept));
    assert_eq!(store.kept_file(lost.decision).await?, None);
    let parts = async |one: &WantedFile| {
        Ok::<_, crate::StoreError>((
            store.file_part(one.decision, 0).await?,
            store.file_part(one.decision, 1).await?,
            store.file_part(one.decision, 2).await?,
        ))
    };
    let (first, second) = bytes.split_at(512 << 10);
    let whole = (Some(first.to_vec()), Some(second.to_vec()), None);
    assert_eq!(parts(&old).await?, whole);

    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let long = days(1_000);
    let retention = Retention { media: days(20), ..all_for(long) };
    assert_eq!(store.janitor_pass(&retention, long, 100).await?.files, 2, "what was given up, too");
    assert_eq!((store.kept_file(old.decision).await?, parts(&old).await?), (None, (None, None, None)));
    assert_eq!(parts(&young).await?, whole);
    let short = Retention { media: days(1), ..retention };
    store.janitor_pass(&short, long, 100).await?;
    assert_eq!(due(now.plus_millis(1)).await?, wanted(&[("late", 1)]), "whoever fetches decides when it is too late");
    assert_eq!(store.conversation_of_file(late.decision).await?, Some(talk.id));
    store.script("UPDATE media_copy SET wanted_at = wanted_at - 2 * 86400000").await?;
    store.janitor_pass(&short, long, 100).await?;
    let forgotten = store.conversation_of_file(late.decision).await?;
    assert_eq!(forgotten, None, "where nobody fetches, it is not wanted for ever");
    Ok(())
}

pub async fn a_read_is_written_down_once_an_hour(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let (ann, bob) = (talk(store, &lease, "b:ann").await?, talk(store, &lease, "b:bob").await?);
    let read =
        |conversation: &Conversation, reader, hour| TranscriptRead { reader, conversation: conversation.id, hour };
    let first = read(&ann, "tokens/1", 100);
    assert!(!store.is_read_recorded(first).await?);
    for (one, is_new) in [
        (first, true),
        (first, false),
        (read(&bob, "tokens/1", 100), true),
        (read(&ann, "tokens/2", 100), true),
        (read(&ann, "tokens/1", 101), true),
        (read(&ann, "tokens/1", 101), false),
    ] {
        let mut tx = store.begin_change().await?;
        assert_eq!(tx.remember_read(one).await?, is_new, "{one:?}");
        tx.commit(&[]).await?;
        assert!(store.is_read_recorded(one).await?);
    }
    // Taken back, it was not read.
    let late = read(&ann, "tokens/1", 200);
    assert!(store.begin_change().await?.remember_read(late).await?);
    assert!(!store.is_read_recorded(late).await?);
    let mut tx = store.begin_change().await?;
    assert!(tx.remember_read(late).await?);
    tx.commit(&[]).await?;
    assert!(!store.is_read_recorded(first).await?, "hours that are long over are forgotten");
    Ok(())
}

pub async fn conversations_are_listed_by_what_is_asked(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let ann = talk(store, &lease, "b:ann").await?;
    let bob = talk(store, &lease, "b:bob").await?;
    let over =
        Conversation { state: ConversationState::Resolved, team: None, ..conversation(bob.contact, "sales", 2_000) };
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], std::slice::from_ref(&over)).await?;
    batch.commit().await?;
    assert_eq!(store.conversation(over.id).await?, Some(over.clone()));
    assert_eq!(store.conversation(conversation(bob.contact, "x", 1).id).await?, None);

    let mut newest_first = [ann.id, bob.id, over.id];
    newest_first.sort_unstable_by(|one, other| other.cmp(one));
    let ids = |found: Vec<Conversation>| found.into_iter().map(|one| one.id).collect::<Vec<_>>();
    let everything = ConversationFilter::default();
    assert_eq!(ids(store.conversations(&everything, None, 10).await?), newest_first);
    assert_eq!(ids(store.conversations(&everything, Some(newest_first[0]), 1).await?), newest_first[1..2]);
    let of = |contacts: &[_], teams: Option<&[&str]>, state| ConversationFilter {
        contacts: contacts.to_vec(),
        teams: teams.map(|teams| teams.iter().map(|name| team(name)).collect()),
        state,
    };
    for (filter, want) in [
        (of(&[ann.contact], None, None), vec![ann.id]),
        (of(&[], Some(&["billing", "sales"]), None), vec![bob.id, ann.id]),
        (of(&[], Some(&["sales"]), None), vec![]),
        (of(&[], Some(&[]), None), vec![]),
        (of(&[], None, Some(ConversationState::Resolved)), vec![over.id]),
        (of(&[bob.contact], Some(&["billing"]), Some(ConversationState::Open)), vec![bob.id]),
    ] {
        assert_eq!(ids(store.conversations(&filter, None, 10).await?), want, "{filter:?}");
    }
    assert_eq!(name("support"), ann.number);
    Ok(())
}
