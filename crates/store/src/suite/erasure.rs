//! Forgetting: nothing that leads to the person is left in any table, nobody else loses anything, and nothing of before counts.

use uuid::Uuid;
use waypost_domain::consent::{Basis, ConsentEntry, Evidence, How, Said};
use waypost_domain::send::{Author, Cause, FreeForm, SendContent, SendId, SendRequest, SendState};
use waypost_domain::{Alias, CampaignName, Category, ConsentEntryId, ContactId, Conversation, Timestamp};

use super::{at, begin, begin_record, contact_of, conversation, event, name, owner, row};
use crate::core::{Sql, params};
use crate::{
    Erased, ErasedPerson, InboxWrites, Lease, LooseErased, NewSend, ParkedContent, ParkedMessage, ParkedRow, Parking,
    Reach, Result, Store, StoreError, TranscriptKind, TranscriptRow, WantedFile,
};

const KEY: &[u8] = b"a key of pseudonyms";
const ANN: &str = "34600000001";
const BOB: &str = "34600000002";
/// What only Ann wrote, and what only she was written.
const SECRET: &str = "zanzibar";

/// What a row of `table` has in `column`, wherever it is text or bytes.
async fn columns(store: &Store) -> Result<Vec<(String, String, bool)>> {
    static COLUMNS: Sql = Sql::each(
        "SELECT m.name AS in_table, p.name AS in_column, p.type AS kind
        FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'",
        "SELECT table_name::TEXT AS in_table, column_name::TEXT AS in_column, data_type::TEXT AS kind
        FROM information_schema.columns WHERE table_schema = 'public'",
    );
    let mut found = Vec::new();
    for row in store.read(&COLUMNS, vec![]).await? {
        let row = row.of("columns");
        let (table, column, kind): (String, String, String) =
            (row.get("in_table")?, row.get("in_column")?, row.get("kind")?);
        match kind.to_ascii_lowercase().as_str() {
            "text" => found.push((table, column, false)),
            "blob" | "bytea" => found.push((table, column, true)),
            _ => {}
        }
    }
    Ok(found)
}

/// Where `text` stands in the whole database: `table.column`, with how many rows.
async fn traces(store: &Store, text: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (table, column, is_bytes) in columns(store).await? {
        let postgres = match is_bytes {
            true => format!("SELECT count(*) AS rows FROM {table} WHERE position($1::BYTEA IN {column}) > 0"),
            false => format!(
                "SELECT count(*) AS rows FROM {table} WHERE position(convert_from($1::BYTEA, 'UTF8') IN {column}) > 0"
            ),
        };
        let sqlite = format!("SELECT count(*) AS rows FROM {table} WHERE instr(CAST({column} AS BLOB), $1) > 0");
        let sql: &'static Sql = Box::leak(Box::new(Sql::made_each(sqlite, postgres)));
        let rows: i64 = store.read_value(sql, params![text.as_bytes()], "rows").await?;
        if rows > 0 {
            found.push(format!("{table}.{column}: {rows}"));
        }
    }
    found.sort();
    Ok(found)
}

fn letter(id: &str, body: &str) -> ParkedMessage {
    ParkedMessage {
        row: ParkedRow {
            parking: Parking::DeadLetters,
            message_id: id.to_owned(),
            reason: "undecodable-event".to_owned(),
            detail: String::new(),
            origin: "wa.in.p00".to_owned(),
            attempts: 1,
            replays: 0,
            kind: "waypost.event.v1".to_owned(),
            parked_at: at(5),
            body_bytes: 0,
        },
        content: ParkedContent {
            content_type: "application/json".to_owned(),
            headers: Default::default(),
            body: body.as_bytes().to_vec(),
        },
    }
}

fn send(talk: &Conversation, id: &str, text: &str) -> NewSend {
    let request = SendRequest {
        conversation: Some(talk.id),
        ..SendRequest::plain(
            SendId::new(id).expect("a valid id"),
            talk.number.clone(),
            talk.contact,
            Author::Bot("kim".to_owned()),
            Cause::Reply,
            SendContent::FreeForm(FreeForm::Text { body: text.to_owned(), preview_url: false }),
            at(1_000),
        )
    };
    NewSend { request, ends_at: at(i64::MAX / 2), resend_of: None, team: None }
}

fn agreed(contact: ContactId, number: u128, text: &str) -> ConsentEntry {
    ConsentEntry {
        id: ConsentEntryId::from_uuid(Uuid::from_u128(number)),
        contact,
        brand: String::new(),
        category: Some(Category::Marketing),
        said: Said::Granted(Basis::Consent),
        at: Some(at(7)),
        recorded_at: at(8),
        how: How::Api,
        source: Some(format!("wamid.{text}")),
        recorded_by: "crm".to_owned(),
        evidence: Evidence { collector: text.to_owned(), ..Evidence::default() },
    }
}

/// Everything that can be stored of a person: whose number is `digits`, who said `text`. In the transcript of a group, too.
async fn fill(store: &Store, lease: &Lease, digits: &str, text: &str, seq: i64) -> Result<Conversation> {
    let contact = contact_of(store, lease, &format!("p:{digits} b:ES.{text}")).await?;
    let group = contact_of(store, lease, "b:group").await?;
    let talk = conversation(contact, "support", 1_000);
    let talk_of_group = conversation(group, "support", 1_000);
    let wamid = format!("wamid.{text}");
    let of_event = |key: &str| event(key).decision_id();
    let said = |talk: &Conversation, key: &str, writer: Option<ContactId>| TranscriptRow {
        at: at(2_000),
        conversation: talk.id,
        decision: of_event(key),
        writer,
        kind: TranscriptKind::Message,
        team: None,
        content: text.as_bytes().to_vec(),
    };
    let mut inbox = row(&wamid, seq);
    inbox.contact = Some(contact);
    inbox.conversation = Some(talk.id);
    if let Some(outcome) = &mut inbox.outcome {
        outcome.input = text.as_bytes().to_vec();
        outcome.extras = text.as_bytes().to_vec();
    }
    let mut waiting = row(&format!("wamid.held.{text}"), seq + 1);
    (waiting.contact, waiting.held_event, waiting.held_for) =
        (Some(contact), Some(text.as_bytes().to_vec()), Some(contact));
    waiting.outcome = None;
    waiting.kind = "standby";
    let file = WantedFile {
        decision: of_event(&wamid),
        conversation: talk.id,
        number: super::number(),
        media_id: format!("media-{text}"),
        wanted_at: at(2_000),
    };
    let transcript = [said(&talk, &wamid, None), said(&talk_of_group, &format!("wamid.group.{text}"), Some(contact))];
    let writes = InboxWrites {
        rows: &[inbox, waiting],
        conversations: std::slice::from_ref(&talk),
        transcript: &transcript,
        files: &[file],
        ..InboxWrites::default()
    };
    begin(store, lease).await?.finish(&writes).await?;
    let queued = format!("queued-{seq}");
    let under_way = format!("under-way-{seq}");
    let gone = format!("gone-{seq}");
    store.keep_sends(&[send(&talk, &queued, text), send(&talk, &under_way, text), send(&talk, &gone, text)]).await?;
    let mut change = store.begin_change().await?;
    change.append_consent(&[agreed(contact, u128::from(seq.unsigned_abs()), text)]).await?;
    change.commit(&[]).await?;
    let mut record = begin_record(store, lease).await?;
    let body = format!("{{\"from\":\"{digits}\",\"text\":\"{text}\"}}");
    record.park(&[letter(&format!("parked-{text}"), &body)]).await?;
    record.commit().await?;
    fill_by_hand(store, contact, digits, text, seq).await?;
    Ok(talk)
}

/// What the rest of the program writes, as it writes it.
async fn fill_by_hand(store: &Store, contact: ContactId, digits: &str, text: &str, seq: i64) -> Result<()> {
    let (under_way, gone) = (format!("under-way-{seq}"), format!("gone-{seq}"));
    let bytes = |text: &str| match store.is_shared() {
        true => format!("convert_to('{text}', 'UTF8')"),
        false => format!("CAST('{text}' AS BLOB)"),
    };
    let json = bytes(&format!("{{\"recipient_id\":\"{digits}\",\"x\":\"{text}\"}}"));
    let at = 3_000 + seq;
    store
        .script(&format!(
            "UPDATE send SET state = 'attempting', verdict = {verdict} WHERE id = '{under_way}';
            UPDATE send SET state = 'delivered', wamid = 'wamid.out.{text}', verdict = {verdict} WHERE id = '{gone}';
            INSERT INTO status (received_at, wamid, state, number, json) VALUES
                ({at}, 'wamid.out.{text}', 'delivered', '1', {template}), ({at}, 'wamid.orphan.{text}', 'read', '1', {json});
            INSERT INTO change (received_at, scope, waba_id, number, key, field, json)
                VALUES ({at}, 'contact', 'w', '1', 'k{seq}', 'user_preferences', {json});
            INSERT INTO campaign (created_at, pace, id, number, state, created_by, template)
                VALUES (1, 0, 'winter-{seq}', 'support', 'running', 'a test', {template})",
            verdict = bytes(text),
            template = bytes("{}"),
        ))
        .await?;
    let planned = format!("winter-{seq}");
    let id = match store.is_shared() {
        true => format!("'{contact}'::UUID"),
        false => format!("X'{}'", contact.as_uuid().simple()),
    };
    store
        .script(&format!(
            "INSERT INTO campaign_recipient (place, contact_id, campaign, state, template_values)
                VALUES (1, {id}, '{planned}', 'planned', {});
            INSERT INTO request (at, id, fingerprint, response)
                VALUES ({}, {}, {}, {})",
            bytes(text),
            1_000 + seq,
            match store.is_shared() {
                true => format!("'{}'::UUID", Uuid::from_u128(u128::from(seq.unsigned_abs()))),
                false => format!("X'{}'", Uuid::from_u128(u128::from(seq.unsigned_abs())).simple()),
            },
            bytes("what was asked"),
            bytes(&format!("an answer with {digits} and {text}")),
        ))
        .await?;
    Ok(())
}

async fn erase(store: &Store, person: &ErasedPerson, keeps_proof: bool) -> Result<Erased> {
    let mut change = store.begin_change().await?;
    let erased = change.erase_person(person, KEY, keeps_proof).await?;
    change.commit(&[]).await?;
    Ok(erased)
}

async fn found(store: &Store, contact: ContactId) -> Result<ErasedPerson> {
    Ok(store.person_to_erase(contact).await?.expect("the contact is known"))
}

pub async fn a_person_is_erased_from_every_table(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    store.pseudonym_key([7; 32]).await?;
    let ann = fill(store, &lease, ANN, SECRET, 10).await?;
    fill(store, &lease, BOB, "timbuktu", 20).await?;
    let others = traces(store, "timbuktu").await?;
    let theirs: Vec<String> = traces(store, SECRET).await?;
    assert_eq!(theirs, others, "both have the same");
    assert!(theirs.len() > 15, "{theirs:?}");

    // Who merely writes about somebody keeps their message.
    let mut record = begin_record(store, &lease).await?;
    record.park(&[letter("about", &format!("{{\"from\":\"{BOB}\",\"text\":\"call {ANN}\"}}"))]).await?;
    record.commit().await?;

    let person = found(store, ann.contact).await?;
    assert_eq!((person.ids.len(), person.aliases.len(), person.erased_at), (1, 2, None));
    let loose = store.erase_loose(&person).await?;
    assert_eq!(loose, LooseErased { inbox: 2, transcript: 2, statuses: 1, changes: 1, parked: 1, requests: 1 });
    let erased = erase(store, &person, false).await?;
    let expected = Erased {
        aliases: 2,
        conversations: 1,
        transcript: 1,
        files: 1,
        cancelled: 1,
        sends: 3,
        statuses: 1,
        campaign_rows: 1,
        consent_entries: 1,
    };
    assert_eq!(erased, expected);
    let none: [&str; 0] = [];
    assert_eq!(traces(store, SECRET).await?, none);
    assert_eq!(traces(store, ANN).await?, ["parked.body: 1"]);
    assert_eq!(traces(store, "timbuktu").await?, others, "nobody else loses anything");
    assert_eq!(store.erase_loose(&person).await?, LooseErased::default(), "once");

    // What had not gone never goes, and of what may be under way nothing is sent again.
    let state = async |id: &str| {
        let row = store.send(&SendId::new(id).expect("valid")).await?.expect("its id is still known");
        Ok::<_, StoreError>((row.state(), row.is_forgotten, row.is_given_up()))
    };
    assert_eq!(state("queued-10").await?, (SendState::Cancelled, true, false));
    assert_eq!(state("under-way-10").await?, (SendState::Uncertain, true, true));
    assert_eq!(state("gone-10").await?, (SendState::Delivered, true, false));
    let planned = store.campaign_recipients(&CampaignName::new("winter-10").expect("valid"), None, 0, 10).await?;
    assert_eq!(planned.len(), 1);
    assert_eq!((planned[0].contact, planned[0].state), (None, crate::RecipientState::Rejected));

    // A webhook that comes again is known.
    let again = store.decision(&event(&format!("wamid.{SECRET}"))).await?.expect("it is not taken twice");
    let decided = again.outcome.expect("what was decided stays");
    assert_eq!((again.event.key.as_str(), decided.input.len(), decided.extras.len()), ("", 0, 0));
    assert_eq!(decided.team.map(|team| team.to_string()).as_deref(), Some("billing"));
    Ok(())
}

pub async fn who_was_erased_counts_as_stopped_when_they_come_again(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let reach = Reach { recent_since: at(0), verdicts_since: at(0), portfolio: "p", places_since: at(0) };
    let since = async |contact: ContactId| -> Result<Option<Timestamp>> {
        Ok(store.send_facts(contact, &name("support"), reach).await?.and_then(|facts| facts.suppressed_at))
    };
    let key = store.pseudonym_key([7; 32]).await?;
    let ann = contact_of(store, &lease, &format!("p:{ANN} b:ES.ann")).await?;
    assert_eq!(since(ann).await?, None, "nobody was ever erased");
    let person = found(store, ann).await?;
    let mut change = store.begin_change().await?;
    change.erase_person(&person, &key, false).await?;
    change.commit(&[]).await?;
    let erased = found(store, ann).await?;
    assert_eq!((erased.contact, &erased.ids, erased.aliases.len()), (ann, &person.ids, 0));
    let erased_at = erased.erased_at;
    assert!(erased_at.is_some());
    // By either alias; the number alone is enough.
    let again = contact_of(store, &lease, &format!("p:{ANN}")).await?;
    assert_ne!(again, ann);
    assert_eq!(since(again).await?, erased_at);
    assert_eq!(since(contact_of(store, &lease, "b:ES.ann").await?).await?, erased_at);
    assert_eq!(since(contact_of(store, &lease, &format!("p:{BOB}")).await?).await?, None);
    assert_eq!(store.suppressed_at(&[Alias::Phone(ANN.to_owned())]).await?, erased_at);
    assert_eq!(store.suppressed_at(&[Alias::Bsuid(ANN.to_owned())]).await?, None, "another kind of id");
    // Erased a second time, it counts from then.
    let person = found(store, again).await?;
    let mut change = store.begin_change().await?;
    change.erase_person(&person, &key, false).await?;
    change.commit(&[]).await?;
    let later = contact_of(store, &lease, &format!("p:{ANN}")).await?;
    assert!(since(later).await? >= erased_at);
    Ok(())
}

pub async fn proof_is_kept_of_nobody(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let ann = fill(store, &lease, ANN, SECRET, 10).await?;
    let person = found(store, ann.contact).await?;
    store.erase_loose(&person).await?;
    assert_eq!(erase(store, &person, true).await?.consent_entries, 1);
    let none: [&str; 0] = [];
    assert_eq!(traces(store, SECRET).await?, none);
    let kept = store.consent_entries(&[ann.contact]).await?;
    let expected = ConsentEntry { source: None, evidence: Evidence::default(), ..agreed(ann.contact, 10, SECRET) };
    assert_eq!(kept, [expected]);
    Ok(())
}

pub async fn all_who_became_one_person_are_erased(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let one = contact_of(store, &lease, &format!("p:{ANN}")).await?;
    let other = contact_of(store, &lease, "b:ES.ann").await?;
    let before = found(store, one).await?;
    // They turn out to be one.
    let both = contact_of(store, &lease, &format!("p:{ANN} b:ES.ann")).await?;
    let loser = if both == one { other } else { one };
    let mut change = store.begin_change().await?;
    let refused = change.erase_person(&before, KEY, false).await;
    if both == one {
        assert!(matches!(refused, Err(StoreError::Retry { .. })), "{refused:?}");
    }
    drop(change);
    let person = found(store, loser).await?;
    assert_eq!((person.contact, person.ids.len()), (both, 2), "found by either");
    assert_eq!(erase(store, &person, false).await?.aliases, 2);
    for id in [one, other] {
        assert_eq!(found(store, id).await?.contact, both, "known as erased, by either id");
        assert_eq!(store.surviving_contact(id).await?, None);
    }
    Ok(())
}
