//! The service over a store in a file: kept once, seen by whom it concerns, judged without being kept.

use std::sync::Mutex;

use async_trait::async_trait;
use tempfile::TempDir;
use tonic::{Code, Status};
use waypost_domain::message::Mask;
use waypost_domain::send::Mark;
use waypost_domain::{PhoneNumberId, TeamName, WabaId};
use waypost_graph_client::{CallError, Line, Messenger, Outgoing, Sent};
use waypost_grpc::Role;
use waypost_live::SendingLive;
use waypost_proto::sends_v1 as sends;
use waypost_store::{ContactUpsert, Store, StoreOptions, StoreUrl};

use super::*;

pub(crate) const PHONE: &str = "34600000001";

/// A gateway whose store knows one number and one contact.
struct Scene {
    messages: Messages,
    marked: std::sync::Arc<Marked>,
    _folder: TempDir,
}

/// Remembers what was marked.
#[derive(Default)]
pub(crate) struct Marked(Mutex<Vec<(String, bool)>>);

#[async_trait]
impl Messenger for Marked {
    async fn send(&self, _: &Line, message: &Outgoing<'_>) -> Sent {
        let _: &Mark = message.mark;
        unreachable!("the gateway sends nothing")
    }

    async fn mark_read(&self, _: &Line, wamid: &str, typing: bool) -> Result<(), CallError> {
        self.0.lock().unwrap().push((wamid.to_owned(), typing));
        Ok(())
    }

    async fn credentials_version(&self) -> u64 {
        0
    }
}

/// What the gateway works with, over a store in this folder that knows one number and one contact.
pub(crate) async fn shared(folder: &TempDir) -> (Shared, std::sync::Arc<Marked>) {
    let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
    let store = Store::open(&url, StoreOptions::default()).await.unwrap();
    store.migrate().await.unwrap();
    store.ensure_number(&PhoneNumberId::new("1"), "+34 910 000 001", &WabaId::new("7")).await.unwrap();
    let mut tx = store.begin_change().await.unwrap();
    let aliases = waypost_domain::AliasSet { phone: Some(PHONE.to_owned()), bsuid: None, parent_bsuid: None };
    let row = ContactUpsert { aliases, attributes: Default::default(), language: None };
    tx.upsert_contacts(&[row]).await.unwrap();
    tx.commit(&[]).await.unwrap();
    let marked = std::sync::Arc::<Marked>::default();
    let sending = SendingLive::open(store.clone()).await.unwrap();
    let shared = Shared {
        store,
        mask: Mask::cards(),
        sending,
        messenger: Some(marked.clone()),
        media: None,
        on_kept: std::sync::Arc::new(|| ()),
    };
    (shared, marked)
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (shared, marked) = shared(&folder).await;
        Self { messages: Messages { shared }, marked, _folder: folder }
    }

    async fn send(&self, request: sends::SendRequest, validate_only: bool) -> Result<v1::SendMessageResponse, Status> {
        let request = v1::SendMessageRequest { message: Some(request), validate_only };
        self.messages.send_message(call(request, None)).await.map_err(Status::from)
    }

    async fn list(&self, request: v1::ListMessagesRequest) -> Result<v1::ListMessagesResponse, Status> {
        self.messages.list_messages(call(request, None)).await.map_err(Status::from)
    }
}

/// A call that passed the gate, bound to a team or to none.
fn call<M>(message: M, team: Option<&str>) -> Request<M> {
    let mut request = Request::new(message);
    let bound_to = team.map(|team| vec![TeamName::new(team).unwrap()]);
    let caller = Caller {
        actor: "tokens/0190a0a0-0000-7000-8000-000000000001".to_owned(),
        method: "MessageService/SendMessage".to_owned(),
        bound_to,
        roles: vec![Role::Operator],
    };
    request.extensions_mut().insert(caller);
    request
}

fn text(send_id: &str, body: &str) -> sends::SendRequest {
    let text = sends::Text { body: body.to_owned(), preview_url: false };
    sends::SendRequest {
        send_id: send_id.to_owned(),
        number: "numbers/number-1".to_owned(),
        to: Some(sends::Recipient { by: Some(sends::recipient::By::Phone(format!("+{PHONE}"))) }),
        content: Some(sends::Content { kind: Some(sends::content::Kind::Text(text)) }),
        ..sends::SendRequest::default()
    }
}

fn reason(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[tokio::test]
async fn a_request_is_kept_once_under_its_id() {
    let scene = Scene::new().await;
    let first = scene.send(text("a/1", "Hello"), false).await.unwrap();
    let message = first.message.unwrap();
    assert_eq!((first.existed, message.name.as_str()), (false, "messages/a/1"));
    assert_eq!(message.state(), v1::MessageState::Queued);
    let author = message.author.clone().unwrap();
    assert_eq!((author.kind(), author.name.starts_with("tokens/")), (v1::AuthorKind::Agent, true));
    assert!(message.due_time.is_some() && message.expire_time.is_some() && message.verdict.is_none());

    let again = scene.send(text("a/1", "Hello"), false).await.unwrap();
    assert_eq!((again.existed, again.message.unwrap()), (true, message.clone()));
    let other = scene.send(text("a/1", "Good bye"), false).await.unwrap_err();
    assert_eq!((other.code(), reason(&other).as_str()), (Code::FailedPrecondition, "SEND_ID_TAKEN"));
    assert_eq!(scene.list(v1::ListMessagesRequest::default()).await.unwrap().messages, [message]);
}

#[tokio::test]
async fn what_is_only_asked_about_is_judged_and_not_kept() {
    let scene = Scene::new().await;
    let message = scene.send(text("a", "Hello"), true).await.unwrap().message.unwrap();
    let verdict = message.verdict.unwrap();
    assert_eq!(verdict.outcome(), sends::Outcome::Refused);
    // They never wrote.
    let finding = verdict.finding.unwrap();
    assert_eq!(finding.rule, "window_closed");
    assert!(finding.remedy.contains("template"), "{finding:?}");
    assert_eq!(scene.list(v1::ListMessagesRequest::default()).await.unwrap().messages, []);
}

#[tokio::test]
async fn mistakes_are_named_and_who_is_unknown_is_not_repeated() {
    let scene = Scene::new().await;
    let wrong = scene.send(sends::SendRequest { content: None, ..text("a b", "Hello") }, false).await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert!(wrong.message().contains("message.send_id: ") && wrong.message().contains("message.content: "));
    let stranger = sends::recipient::By::Phone("+34600000009".to_owned());
    let to = Some(sends::Recipient { by: Some(stranger) });
    let unknown = scene.send(sends::SendRequest { to, ..text("a", "Hello") }, false).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "CONTACT_UNKNOWN"));
    assert!(!unknown.message().contains("34600000009"));
    let number = "numbers/other".to_owned();
    let unknown = scene.send(sends::SendRequest { number, ..text("a", "Hello") }, false).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "NUMBER_UNKNOWN"));
}

#[tokio::test]
async fn what_waits_is_taken_back_and_sent_again() {
    let scene = Scene::new().await;
    scene.send(text("a", "Hello"), false).await.unwrap();
    let cancel = async |validate_only: bool| {
        let request = v1::CancelMessageRequest { name: "messages/a".to_owned(), validate_only };
        let answer = scene.messages.cancel_message(call(request, None)).await;
        answer.map(|answer| answer.message.unwrap().state())
    };
    let resend = async |send_id: &str| {
        let request = v1::ResendMessageRequest {
            name: "messages/a".to_owned(),
            send_id: send_id.to_owned(),
            ..v1::ResendMessageRequest::default()
        };
        scene.messages.resend_message(call(request, None)).await.map_err(Status::from)
    };
    assert_eq!(reason(&resend("b").await.unwrap_err()), "MESSAGE_NOT_ENDED");
    let get = async || {
        let request = v1::GetMessageRequest { name: "messages/a".to_owned() };
        scene.messages.get_message(call(request, None)).await.unwrap().message.unwrap().state()
    };
    assert_eq!((cancel(true).await.unwrap(), get().await), (v1::MessageState::Cancelled, v1::MessageState::Queued));
    assert_eq!((cancel(false).await.unwrap(), get().await), (v1::MessageState::Cancelled, v1::MessageState::Cancelled));
    assert_eq!(cancel(false).await.unwrap(), v1::MessageState::Cancelled, "it stays so");
    let records = scene.messages.shared.store.audit_records(i64::MAX, None, 10).await.unwrap();
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!((record.entry.resource.as_str(), record.entry.actor.starts_with("tokens/")), ("messages/a", true));
    assert_eq!(record.entry.after, r#"{"state":"MESSAGE_STATE_CANCELLED"}"#);

    let new = resend("b").await.unwrap();
    let message = new.message.unwrap();
    assert_eq!((new.existed, message.resend_of.as_str()), (false, "messages/a"));
    assert_eq!(message.request.unwrap().content, text("b", "Hello").content);
    assert!(resend("b").await.unwrap().existed);
    assert!(resend("a").await.unwrap_err().message().starts_with("send_id: "), "it is a message of its own");
}

#[tokio::test]
async fn lists_come_in_pages_newest_first_and_by_what_is_asked() {
    let scene = Scene::new().await;
    for id in ["a", "b", "c"] {
        scene.send(sends::SendRequest { bot: id == "b", ..text(id, "Hello") }, false).await.unwrap();
    }
    let names = |messages: &[v1::Message]| messages.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    let first = scene.list(v1::ListMessagesRequest { page_size: 2, ..Default::default() }).await.unwrap();
    assert_eq!(names(&first.messages), ["messages/c", "messages/b"]);
    let page_token = first.next_page_token;
    let rest = v1::ListMessagesRequest { page_size: 2, page_token: page_token.clone(), ..Default::default() };
    let rest = scene.list(rest).await.unwrap();
    assert_eq!((names(&rest.messages), rest.next_page_token.as_str()), (vec!["messages/a".to_owned()], ""));
    let contact = text("x", "").to;
    let author = Some(v1::Author { kind: v1::AuthorKind::Bot.into(), ..first.messages[1].author.clone().unwrap() });
    for (filter, wanted) in [
        (v1::ListMessagesRequest { contact, ..Default::default() }, 3),
        (v1::ListMessagesRequest { author, ..Default::default() }, 1),
        (v1::ListMessagesRequest { state: v1::MessageState::Read.into(), ..Default::default() }, 0),
        (v1::ListMessagesRequest { number: "numbers/number-1".to_owned(), ..Default::default() }, 3),
    ] {
        assert_eq!(scene.list(filter.clone()).await.unwrap().messages.len(), wanted, "{filter:?}");
        let other = v1::ListMessagesRequest { page_token: page_token.clone(), ..filter };
        assert_eq!(scene.list(other).await.unwrap_err().code(), Code::InvalidArgument, "a token of another list");
    }
}

#[tokio::test]
async fn agents_are_kept_to_conversations_of_their_teams() {
    let scene = Scene::new().await;
    scene.send(text("a", "Hello"), false).await.unwrap();
    let request = v1::SendMessageRequest { message: Some(text("b", "Hello")), validate_only: false };
    let refused = scene.messages.send_message(call(request, Some("billing"))).await.map_err(Status::from).unwrap_err();
    assert_eq!(reason(&refused), "NO_CONVERSATION");
    let request = v1::GetMessageRequest { name: "messages/a".to_owned() };
    let hidden = scene.messages.get_message(call(request, Some("billing"))).await.map_err(Status::from).unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    let all = scene.messages.list_messages(call(v1::ListMessagesRequest::default(), Some("billing"))).await;
    let refused = all.map_err(Status::from).unwrap_err();
    assert!(refused.message().starts_with("conversation: "), "{refused}");
}

#[tokio::test]
async fn only_a_message_that_came_is_marked_as_read() {
    let scene = Scene::new().await;
    let request = v1::MarkReadRequest {
        number: "numbers/number-1".to_owned(),
        message_id: "wamid.unknown".to_owned(),
        typing: true,
    };
    let refused = scene.messages.mark_read(call(request, None)).await.map_err(Status::from).unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "MESSAGE_UNKNOWN"));
    assert!(scene.marked.0.lock().unwrap().is_empty());
}
