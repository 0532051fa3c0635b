//! The service over a store in a file: what is seen of a conversation, by whom, and that it is written down.

use std::time::Duration;

use tempfile::TempDir;
use tonic::{Code, Status};
use waypost_domain::message::Mask;
use waypost_domain::send::{Author, Cause, FreeForm, SendContent, SendId, SendRequest};
use waypost_domain::{
    AliasSet, ContactId, DecisionId, InboundMessage, MessageKind, NumberName, PartitionId, PhoneNumberId, Team,
    TeamName, Timestamp, WabaId,
};
use waypost_grpc::Role;
use waypost_live::SendingLive;
use waypost_proto::sends_v1 as sends;
use waypost_proto::transcript::encode_transcript;
use waypost_store::{
    ContactUpsert, InboxWrites, Lease, NewSend, Sequence, Store, StoreOptions, StoreUrl, TranscriptKind, TranscriptRow,
};

use super::*;

const CARD: &str = "4111 1111 1111 1111";
const MASKED: &str = "•••• •••• •••• 1111";

/// A gateway whose store has a team billing, and a team people that is confidential.
pub(crate) struct Scene {
    conversations: Conversations,
    lease: Lease,
    _folder: TempDir,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        store.ensure_number(&PhoneNumberId::new("1"), "+34 910 000 001", &WabaId::new("7")).await.unwrap();
        store.upsert_teams(&[a_team("billing", false), a_team("people", true)]).await.unwrap();
        let ttl = Duration::from_secs(600);
        let lease =
            store.acquire_lease("router", PartitionId(0), "one", ttl, Sequence::OfInbox).await.unwrap().unwrap();
        let sending = SendingLive::open(store.clone()).await.unwrap();
        let shared = Shared {
            store,
            mask: Mask::cards(),
            sending,
            messenger: None,
            media: None,
            on_kept: std::sync::Arc::new(|| ()),
        };
        Self { conversations: Conversations { shared }, lease, _folder: folder }
    }

    pub(crate) fn shared(&self) -> Shared {
        self.conversations.shared.clone()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.conversations.shared.store
    }

    /// A conversation with whoever has that number.
    pub(crate) async fn talk(&self, phone: &str, team: Option<&str>) -> Conversation {
        let mut tx = self.store().begin_change().await.unwrap();
        let aliases = AliasSet { phone: Some(phone.to_owned()), bsuid: None, parent_bsuid: None };
        tx.upsert_contacts(&[ContactUpsert {
            aliases: aliases.clone(),
            attributes: Default::default(),
            language: None,
        }])
        .await
        .unwrap();
        tx.commit(&[]).await.unwrap();
        let contact = self.store().find_contact(&aliases).await.unwrap().unwrap().contact.id;
        let id = ConversationId::from_uuid(uuid::Uuid::now_v7());
        let fresh = Conversation::new(id, contact, NumberName::new("number-1").unwrap(), at(1));
        let talk = Conversation { team: team.map(name), ..fresh };
        self.write(&InboxWrites { conversations: std::slice::from_ref(&talk), ..InboxWrites::default() }).await;
        talk
    }

    pub(crate) async fn write(&self, writes: &InboxWrites<'_>) {
        let batch = self.store().begin_batch(&self.lease.fence(0, None)).await.unwrap();
        batch.finish(writes).await.unwrap();
    }

    /// The customer writes, and this team is to answer.
    async fn wrote(&self, talk: &Conversation, text: &str, at_ms: i64, team: Option<&str>) {
        let message =
            InboundMessage { kind: MessageKind::Text, text: Some(text.to_owned()), ..InboundMessage::default() };
        let row = TranscriptRow {
            at: at(at_ms),
            conversation: talk.id,
            decision: DecisionId::of_event(&PhoneNumberId::new("1"), &at_ms.to_string()),
            writer: None,
            kind: TranscriptKind::Message,
            team: team.map(name),
            content: encode_transcript(&message),
        };
        self.write(&InboxWrites { transcript: &[row], ..InboxWrites::default() }).await;
    }

    /// Somebody of the team answers.
    pub(crate) async fn answered(&self, talk: &Conversation, body: &str, at_ms: i64, team: &str) {
        let request = SendRequest {
            conversation: Some(talk.id),
            ..SendRequest::plain(
                SendId::new(format!("at-{at_ms}")).unwrap(),
                talk.number.clone(),
                talk.contact,
                Author::Agent("tokens/0190a0a0-0000-7000-8000-000000000001".to_owned()),
                Cause::Reply,
                SendContent::FreeForm(FreeForm::Text { body: body.to_owned(), preview_url: false }),
                at(at_ms),
            )
        };
        let send = NewSend { request, ends_at: at(i64::MAX / 2), resend_of: None, team: Some(name(team)) };
        self.store().keep_sends(&[send]).await.unwrap();
    }

    async fn entries(&self, who: Who, talk: &Conversation) -> Result<Vec<v1::Entry>, Status> {
        let request = v1::ListEntriesRequest { parent: conversation(talk), ..v1::ListEntriesRequest::default() };
        Ok(self.conversations.list_entries(call(request, who)).await.map_err(Status::from)?.entries)
    }
}

/// Who calls.
#[derive(Clone, Copy)]
pub(crate) enum Who {
    AgentOf(&'static str),
    Has(Role),
}

pub(crate) fn call<M>(message: M, who: Who) -> Request<M> {
    let mut request = Request::new(message);
    let (bound_to, roles, actor) = match who {
        Who::AgentOf(team) => (Some(vec![name(team)]), vec![Role::Agent], format!("tokens/{team}")),
        Who::Has(role) => (None, vec![role], format!("tokens/{}", role.as_str())),
    };
    let method = "ConversationService/ListEntries".to_owned();
    request.extensions_mut().insert(Caller { actor, method, bound_to, roles });
    request
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn name(team: &str) -> TeamName {
    TeamName::new(team).unwrap()
}

fn a_team(team: &str, confidential: bool) -> Team {
    let (title, overflow_team, hours, reopen_within_hours) = (None, None, None, None);
    Team { name: name(team), title, staffed: true, overflow_team, confidential, hours, reopen_within_hours }
}

fn conversation(talk: &Conversation) -> String {
    format!("conversations/{}", talk.id)
}

/// What each says; `None` where it is withheld.
fn texts(entries: &[v1::Entry]) -> Vec<Option<String>> {
    let text = |entry: &v1::Entry| match entry.content.clone()? {
        v1::entry::Content::Received(message) => Some(message.words.into_iter().map(|words| words.text).collect()),
        v1::entry::Content::Sent(message) => Some(message.preview.unwrap_or_default().body),
    };
    entries.iter().map(text).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

#[tokio::test]
async fn a_transcript_has_what_was_written_and_what_was_read_the_newest_first() {
    let scene = Scene::new().await;
    let talk = scene.talk("34600000001", Some("billing")).await;
    scene.wrote(&talk, "hola", 10, Some("billing")).await;
    scene.answered(&talk, &format!("is it {CARD}?"), 20, "billing").await;
    scene.wrote(&talk, "sí", 30, Some("billing")).await;
    let entries = scene.entries(Who::AgentOf("billing"), &talk).await.unwrap();
    assert_eq!(texts(&entries), some(&["sí", &format!("is it {MASKED}?"), "hola"]));
    let kinds: Vec<v1::EntryKind> = entries.iter().map(v1::Entry::kind).collect();
    assert_eq!(kinds, [v1::EntryKind::Message, v1::EntryKind::Sent, v1::EntryKind::Message]);
    let Some(v1::entry::Content::Sent(sent)) = &entries[1].content else { panic!("{entries:?}") };
    assert_eq!(
        (sent.name.as_str(), sent.state(), sent.content_type.as_str()),
        ("messages/at-20", v1::MessageState::Queued, "text")
    );
    let Some(v1::entry::Content::Received(received)) = &entries[2].content else { panic!("{entries:?}") };
    assert_eq!((received.summary.as_str(), received.message_type.as_str()), ("hola", "text"));
    // What is sent is what was asked for.
    let id = SendId::new("at-20").unwrap();
    let kept = scene.store().send(&id).await.unwrap().unwrap().request.content;
    assert_eq!(kept, SendContent::FreeForm(FreeForm::Text { body: format!("is it {CARD}?"), preview_url: false }));

    let page = async |page_token: String| {
        let request = v1::ListEntriesRequest { parent: conversation(&talk), page_size: 2, page_token };
        scene.conversations.list_entries(call(request, Who::Has(Role::Operator))).await.map_err(Status::from)
    };
    let first = page(String::new()).await.unwrap();
    let rest = page(first.next_page_token.clone()).await.unwrap();
    assert_eq!([first.entries, rest.entries].concat(), entries);
    assert_eq!(rest.next_page_token, "");
    let other = scene.talk("34600000002", Some("billing")).await;
    let request =
        v1::ListEntriesRequest { parent: conversation(&other), page_size: 2, page_token: first.next_page_token };
    let refused = scene.conversations.list_entries(call(request, Who::Has(Role::Operator))).await.map_err(Status::from);
    assert!(refused.unwrap_err().message().starts_with("page_token: "), "a token of another list");
}

#[tokio::test]
async fn another_team_s_conversation_does_not_exist_for_an_agent() {
    let scene = Scene::new().await;
    let ours = scene.talk("34600000001", Some("billing")).await;
    let theirs = scene.talk("34600000002", Some("people")).await;
    let nobodys = scene.talk("34600000003", None).await;
    let agent = Who::AgentOf("billing");
    for hidden in [&theirs, &nobodys] {
        let refused = scene.entries(agent, hidden).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let request = v1::GetConversationRequest { name: conversation(hidden) };
        let refused = scene.conversations.get_conversation(call(request, agent)).await.map_err(Status::from);
        assert_eq!(refused.unwrap_err().code(), Code::NotFound);
        let external_ref = Some(v1::ExternalRef { connector: "crm".to_owned(), id: "7".to_owned() });
        let request = v1::SetExternalRefRequest { name: conversation(hidden), external_ref, validate_only: false };
        let refused = scene.conversations.set_external_ref(call(request, agent)).await.map_err(Status::from);
        assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    }
    let list = async |who: Who, request: v1::ListConversationsRequest| {
        let listed = scene.conversations.list_conversations(call(request, who)).await.unwrap();
        listed.conversations.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    let all = v1::ListConversationsRequest::default;
    let of = |team: &str| v1::ListConversationsRequest { team: format!("teams/{team}"), ..all() };
    assert_eq!(list(agent, all()).await, [conversation(&ours)]);
    assert_eq!(list(agent, of("billing")).await, [conversation(&ours)]);
    assert_eq!(list(agent, of("people")).await, [""; 0]);
    let operator = Who::Has(Role::Operator);
    assert_eq!(list(operator, all()).await, [&nobodys, &theirs, &ours].map(conversation));
    assert_eq!(list(operator, of("people")).await, [conversation(&theirs)]);
    let state = v1::ConversationState::Resolved.into();
    assert_eq!(list(operator, v1::ListConversationsRequest { state, ..all() }).await, [""; 0]);
    let by = sends::recipient::By::Phone("+34 600 000 002".to_owned());
    let contact = Some(sends::Recipient { by: Some(by) });
    assert_eq!(list(operator, v1::ListConversationsRequest { contact, ..all() }).await, [conversation(&theirs)]);
}

#[tokio::test]
async fn a_confidential_team_keeps_its_content_to_itself_and_compliance() {
    let scene = Scene::new().await;
    // It was the confidential team's, and is now another's.
    let talk = scene.talk("34600000001", Some("billing")).await;
    scene.wrote(&talk, "I am ill", 10, Some("people")).await;
    scene.answered(&talk, "get well", 20, "people").await;
    scene.wrote(&talk, "my invoice", 30, Some("billing")).await;
    for who in [Who::AgentOf("billing"), Who::Has(Role::Operator)] {
        let entries = scene.entries(who, &talk).await.unwrap();
        assert_eq!(texts(&entries), [Some("my invoice".to_owned()), None, None]);
        let told: Vec<_> = entries.iter().map(|one| (one.withheld, one.time.is_some(), one.team.as_str())).collect();
        assert_eq!(told, [(false, true, "teams/billing"), (true, true, "teams/people"), (true, true, "teams/people")]);
        assert_eq!(entries[1].kind(), v1::EntryKind::Sent);
    }
    let whole = some(&["my invoice", "get well", "I am ill"]);
    assert_eq!(texts(&scene.entries(Who::Has(Role::Compliance), &talk).await.unwrap()), whole);
    // Of what no team had, whoever has the conversation decides.
    let theirs = scene.talk("34600000002", Some("people")).await;
    scene.wrote(&theirs, "hello", 10, None).await;
    assert_eq!(texts(&scene.entries(Who::AgentOf("people"), &theirs).await.unwrap()), some(&["hello"]));
    assert_eq!(texts(&scene.entries(Who::Has(Role::Operator), &theirs).await.unwrap()), [None]);
}

#[tokio::test]
async fn a_read_is_in_the_audit_log_once_an_hour() {
    let scene = Scene::new().await;
    let talk = scene.talk("34600000001", Some("billing")).await;
    let other = scene.talk("34600000002", Some("billing")).await;
    // Two hours at most, should one end meanwhile.
    let hour = || async { scene.store().now().await.unwrap().as_millis() / 3_600_000 };
    let begun = hour().await;
    for _ in 0..3 {
        scene.entries(Who::AgentOf("billing"), &talk).await.unwrap();
    }
    scene.entries(Who::Has(Role::Compliance), &talk).await.unwrap();
    scene.entries(Who::AgentOf("billing"), &other).await.unwrap();
    scene.entries(Who::AgentOf("people"), &talk).await.unwrap_err();
    let records = scene.store().audit_records(i64::MAX, None, 100).await.unwrap();
    if hour().await == begun {
        let read: Vec<_> =
            records.iter().rev().map(|one| (one.entry.actor.clone(), one.entry.resource.clone())).collect();
        let billing = "tokens/billing".to_owned();
        let want = [
            (billing.clone(), conversation(&talk)),
            ("tokens/compliance".to_owned(), conversation(&talk)),
            (billing, conversation(&other)),
        ];
        assert_eq!(read, want);
        let at = wire_time(at(begun * 3_600_000)).to_string();
        assert_eq!(records[0].entry.after, format!("{{\"hour\":\"{at}\"}}"));
        assert_eq!(records[0].entry.method, "ConversationService/ListEntries");
    }
    assert_eq!(scene.store().verify_audit(1, 100).await.unwrap().broken, None);
}

#[tokio::test]
async fn other_systems_ids_are_noted_replaced_and_forgotten() {
    let scene = Scene::new().await;
    let talk = scene.talk("34600000001", Some("billing")).await;
    let operator = Who::Has(Role::Operator);
    let set = async |who: Who, name: String, connector: &str, id: &str, validate_only: bool| {
        let external_ref = Some(v1::ExternalRef { connector: connector.to_owned(), id: id.to_owned() });
        let request = v1::SetExternalRefRequest { name, external_ref, validate_only };
        let answer = scene.conversations.set_external_ref(call(request, who)).await.map_err(Status::from)?;
        let ids = answer.external_refs.into_iter().map(|one| format!("{} {}", one.connector, one.id));
        Ok::<_, Status>(ids.collect::<Vec<_>>())
    };
    let get = async || {
        let request = v1::GetConversationRequest { name: conversation(&talk) };
        scene.conversations.get_conversation(call(request, operator)).await.unwrap().conversation.unwrap()
    };
    let agent = Who::AgentOf("billing");
    assert_eq!(set(agent, conversation(&talk), "zendesk", "1", false).await.unwrap(), ["zendesk 1"]);
    assert_eq!(set(operator, conversation(&talk), "crm", "2", true).await.unwrap(), ["crm 2", "zendesk 1"]);
    assert_eq!(get().await.external_refs.len(), 1, "that was only checked");
    assert_eq!(set(operator, conversation(&talk), "zendesk", "3", false).await.unwrap(), ["zendesk 3"]);
    let contact = format!("contacts/{}", talk.contact);
    assert_eq!(set(operator, contact.clone(), "crm", "7", false).await.unwrap(), ["crm 7"]);
    assert_eq!(set(agent, contact, "crm", "8", false).await.unwrap_err().code(), Code::NotFound);
    let stranger = format!("contacts/{}", ContactId::from_uuid(uuid::Uuid::now_v7()));
    assert_eq!(set(operator, stranger, "crm", "8", false).await.unwrap_err().code(), Code::NotFound);
    let shown = get().await;
    assert_eq!((shown.external_refs[0].id.as_str(), shown.contact_external_refs[0].id.as_str()), ("3", "7"));
    for (connector, id, field) in
        [("", "1", "connector"), ("A", "1", "connector"), ("crm", "", "id"), ("crm", "a b", "id")]
    {
        let refused = set(operator, conversation(&talk), connector, id, false).await.unwrap_err();
        assert!(refused.message().starts_with(&format!("external_ref.{field}: ")), "{refused}");
    }
    for _ in 0..2 {
        let (name, connector) = (conversation(&talk), "zendesk".to_owned());
        let request = v1::DeleteExternalRefRequest { name, connector, validate_only: false };
        let answer = scene.conversations.delete_external_ref(call(request, operator)).await.unwrap();
        assert_eq!(answer.external_refs, []);
    }
    assert_eq!(get().await.external_refs, []);
    let records = scene.store().audit_records(i64::MAX, None, 100).await.unwrap();
    let changes: Vec<(bool, bool)> =
        records.iter().rev().map(|one| (one.entry.before.is_empty(), one.entry.after.is_empty())).collect();
    assert_eq!(changes, [(true, false), (false, false), (true, false), (false, true)], "each change, and nothing else");
}
