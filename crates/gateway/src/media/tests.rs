//! The service over a store in a file and a platform made up: who gets a file, and what is said of one that did not come whole.

mod copies;

use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;
use tonic::{Code, Status};
use waypost_domain::message::Media as SentMedia;
use waypost_domain::team::Priority;
use waypost_domain::{Conversation, DecisionId, InboundMessage, MessageKind, PhoneNumberId};
use waypost_graph_client::{
    CallError as GraphError, DownloadError, Downloaded, Line, MediaFile, MediaStore, Sink, UploadError, UploadedMedia,
    media_type,
};
use waypost_grpc::Role;
use waypost_proto::transcript::encode_transcript;
use waypost_store::{InboxRow, InboxWrites, StoredDecision, TranscriptKind, TranscriptRow, WantedFile};

use super::copies::Copies;
use super::*;
use crate::conversations::tests::{Scene, Who, at, call, name};

const WAMID: &str = "wamid.HBgL1";
const NUMBER: &str = "numbers/number-1";

/// Has one file, or answers otherwise.
#[derive(Default)]
struct Platform {
    file: Vec<u8>,
    answer: Answer,
    uploaded: Mutex<Vec<(String, String)>>,
    left: Arc<Notify>,
}

#[derive(Default, Clone, Copy)]
enum Answer {
    #[default]
    Whole,
    Gone,
    /// None for now.
    Nothing,
    Damaged,
    /// Piece after piece, until nobody wants more.
    Endless,
}

#[async_trait]
impl MediaStore for Platform {
    async fn upload(&self, from: &Line, file: MediaFile<'_>) -> Result<UploadedMedia, UploadError> {
        let media_type = media_type(file.kind, &file.bytes, file.hints)?;
        let name = file.hints.name.unwrap_or_default().to_owned();
        self.uploaded.lock().unwrap().push((from.phone_number_id.clone(), name));
        Ok(UploadedMedia { id: "77".to_owned(), media_type, size_bytes: file.bytes.len() as u64 })
    }

    async fn download(&self, to: &Line, media_id: &str, sink: Sink<'_>) -> Result<Downloaded, DownloadError> {
        assert_eq!((to.phone_number_id.as_str(), media_id), ("1", "42"));
        match self.answer {
            Answer::Gone => return Err(DownloadError::Gone),
            Answer::Nothing => return Err(DownloadError::Address),
            Answer::Endless => {
                let _told = Told(Arc::clone(&self.left));
                loop {
                    sink.write_all(&[7; 1024]).await.map_err(DownloadError::Sink)?;
                }
            }
            Answer::Whole | Answer::Damaged => sink.write_all(&self.file).await.map_err(DownloadError::Sink)?,
        }
        match self.answer {
            Answer::Damaged => Err(DownloadError::Damaged("SHA-256")),
            _ => Ok(Downloaded { mime_type: None, size_bytes: self.file.len() as u64, sha256: "ab".to_owned() }),
        }
    }

    async fn delete(&self, _: &Line, _: &str) -> Result<(), GraphError> {
        unreachable!("nothing is deleted")
    }
}

/// Tells when the download is over, however it ends.
struct Told(Arc<Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

struct Files {
    scene: Scene,
    media: Media,
}

impl Files {
    async fn new(platform: Platform) -> (Self, Arc<Platform>) {
        let scene = Scene::new().await;
        let platform = Arc::new(platform);
        let shared = Shared { media: Some(platform.clone()), ..scene.shared() };
        (Self { scene, media: Media::new(shared) }, platform)
    }

    /// A message of the customer's that this team was to answer, with a file or without.
    async fn wrote(&self, talk: &Conversation, team: &str, media: Option<SentMedia>) {
        let number = PhoneNumberId::new("1");
        let decision = DecisionId::of_event(&number, WAMID);
        let message = InboundMessage { kind: MessageKind::Image, media, ..InboundMessage::default() };
        let outcome = StoredDecision {
            rule_set: "1".to_owned(),
            rule: "all".to_owned(),
            phase: "route".to_owned(),
            team: Some(name(team)),
            priority: Priority::Normal,
            why: String::new(),
            input: Vec::new(),
            extras: Vec::new(),
        };
        let event = InboxRow {
            number,
            key: WAMID.to_owned(),
            seq: 1,
            kind: "message",
            decision_id: decision,
            contact: Some(talk.contact),
            conversation: Some(talk.id),
            received_at: at(10),
            recorded_at: at(10),
            before_published_at: None,
            outcome: Some(outcome),
            held_event: None,
            held_for: None,
        };
        let row = TranscriptRow {
            at: at(10),
            conversation: talk.id,
            decision,
            writer: None,
            kind: TranscriptKind::Message,
            team: Some(name(team)),
            content: encode_transcript(&message),
        };
        self.scene.write(&InboxWrites { rows: &[event], transcript: &[row], ..InboxWrites::default() }).await;
    }

    /// A copy of that message's file is wanted.
    async fn wants_copy(&self, talk: &Conversation) {
        let number = PhoneNumberId::new("1");
        let decision = DecisionId::of_event(&number, WAMID);
        let wanted_at = self.scene.store().now().await.unwrap();
        let file = WantedFile { decision, conversation: talk.id, number, media_id: "42".to_owned(), wanted_at };
        self.scene.write(&InboxWrites { files: &[file], ..InboxWrites::default() }).await;
    }

    /// Whoever fetches looks once.
    async fn fetches(&self, platform: Platform, bytes_max: usize) {
        let copies = Copies { store: self.scene.store().clone(), media: Arc::new(platform), bytes_max };
        copies.look(9).await.unwrap();
    }

    async fn due(&self, after: Duration) -> Vec<u32> {
        let at = self.scene.store().now().await.unwrap().plus(after);
        self.scene.store().due_files(at, 9).await.unwrap().iter().map(|due| due.tries).collect()
    }

    async fn download(&self, who: Who) -> Result<Messages<v1::DownloadMediaResponse>, Status> {
        let request = v1::DownloadMediaRequest { number: NUMBER.to_owned(), message_id: WAMID.to_owned() };
        self.media.download_media(call(request, who)).await.map_err(Status::from)
    }

    async fn upload(&self, parts: Vec<v1::upload_media_request::Part>) -> Result<v1::UploadMediaResponse, Status> {
        let parts = parts.into_iter().map(|part| Ok(v1::UploadMediaRequest { part: Some(part) }));
        let request = call(stream::iter(parts).boxed(), Who::Has(Role::Operator));
        self.media.upload_media(request).await.map_err(Status::from)
    }
}

fn a_file() -> SentMedia {
    SentMedia {
        id: "42".to_owned(),
        mime_type: Some("application/pdf".to_owned()),
        sha256: None,
        filename: Some("../invoice.pdf".to_owned()),
        is_voice: false,
    }
}

/// The file's head, its bytes, and its end or why there is none.
async fn read(
    mut parts: Messages<v1::DownloadMediaResponse>,
) -> (v1::MediaFile, Vec<u8>, Result<v1::MediaEnd, (Code, String)>) {
    use v1::download_media_response::Part;
    let (mut head, mut bytes) = (v1::MediaFile::default(), Vec::new());
    while let Some(part) = parts.next().await {
        match part.map(|message| message.part.unwrap()) {
            Ok(Part::File(file)) => head = file,
            Ok(Part::Bytes(piece)) => bytes.extend(piece),
            Ok(Part::End(end)) => {
                assert!(parts.next().await.is_none(), "after the end");
                return (head, bytes, Ok(end));
            }
            Err(status) => return (head, bytes, Err((status.code(), reason(&status)))),
        }
    }
    panic!("it ends neither well nor badly")
}

fn reason(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[tokio::test]
async fn the_team_s_own_agents_get_the_file_and_a_record_says_so() {
    let (files, _) = Files::new(Platform { file: vec![3; 200_000], ..Platform::default() }).await;
    let talk = files.scene.talk("34600000001", Some("billing")).await;
    files.wrote(&talk, "billing", Some(a_file())).await;
    let other = files.download(Who::AgentOf("people")).await.err().unwrap();
    assert_eq!((other.code(), reason(&other).as_str()), (Code::NotFound, "MESSAGE_UNKNOWN"));

    let (head, bytes, end) = read(files.download(Who::AgentOf("billing")).await.unwrap()).await;
    assert_eq!(
        (head.mime_type.as_str(), head.filename.as_str(), head.voice),
        ("application/pdf", "invoice.pdf", false)
    );
    assert_eq!((bytes, end), (vec![3; 200_000], Ok(v1::MediaEnd { size_bytes: 200_000, sha256: "ab".to_owned() })));
    let records = files.scene.store().audit_records(i64::MAX, None, 10).await.unwrap();
    let told: Vec<_> = records.iter().map(|one| (one.entry.actor.as_str(), one.entry.resource.clone())).collect();
    assert_eq!(told, [("tokens/billing", format!("conversations/{}", talk.id))]);
}

#[tokio::test]
async fn a_file_of_a_confidential_team_is_for_its_agents_and_compliance() {
    let (files, _) = Files::new(Platform { file: vec![3; 9], ..Platform::default() }).await;
    let talk = files.scene.talk("34600000001", Some("billing")).await;
    files.wrote(&talk, "people", Some(a_file())).await;
    for who in [Who::AgentOf("billing"), Who::Has(Role::Operator)] {
        assert_eq!(reason(&files.download(who).await.err().unwrap()), "CONTENT_WITHHELD");
    }
    let (_, bytes, _) = read(files.download(Who::Has(Role::Compliance)).await.unwrap()).await;
    assert_eq!(bytes.len(), 9);
}

#[tokio::test]
async fn what_is_no_file_or_not_all_of_one_is_said() {
    let (files, _) = Files::new(Platform::default()).await;
    let talk = files.scene.talk("34600000001", Some("billing")).await;
    let operator = Who::Has(Role::Operator);
    assert_eq!(reason(&files.download(operator).await.err().unwrap()), "MESSAGE_UNKNOWN");
    files.wrote(&talk, "billing", None).await;
    assert_eq!(reason(&files.download(operator).await.err().unwrap()), "NO_MEDIA");

    for (answer, reason, came) in [(Answer::Gone, "MEDIA_GONE", 0), (Answer::Damaged, "MEDIA_DAMAGED", 5)] {
        let (files, _) = Files::new(Platform { file: vec![1; 5], answer, ..Platform::default() }).await;
        let talk = files.scene.talk("34600000001", Some("billing")).await;
        files.wrote(&talk, "billing", Some(a_file())).await;
        let (_, bytes, end) = read(files.download(operator).await.unwrap()).await;
        assert_eq!((bytes.len(), end), (came, Err((Code::FailedPrecondition, reason.to_owned()))));
    }
}

#[tokio::test]
async fn a_download_ends_with_whoever_wanted_it_and_gives_its_place_back() {
    let (files, platform) = Files::new(Platform { answer: Answer::Endless, ..Platform::default() }).await;
    let talk = files.scene.talk("34600000001", Some("billing")).await;
    files.wrote(&talk, "billing", Some(a_file())).await;
    let mut begun = Vec::new();
    for _ in 0..TRANSFERS_MAX {
        let mut parts = files.download(Who::AgentOf("billing")).await.unwrap();
        // What the file is says nothing of whether it is being fetched; its first bytes do.
        for _ in 0..2 {
            assert!(parts.next().await.unwrap().is_ok());
        }
        begun.push(parts);
    }
    let refused = files.download(Who::AgentOf("billing")).await.err().unwrap();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "BUSY"));
    let left = platform.left.notified();
    drop(begun.pop());
    left.await;
    while files.media.transfers.available_permits() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(files.download(Who::AgentOf("billing")).await.is_ok());
}

#[tokio::test]
async fn an_upload_is_taken_whole_or_refused_with_its_field() {
    use v1::upload_media_request::Part;
    let (files, platform) = Files::new(Platform::default()).await;
    let pdf = b"%PDF-1.7 made up".to_vec();
    let head = v1::MediaUpload {
        number: NUMBER.to_owned(),
        kind: v1::MediaKind::Document.into(),
        mime_type: String::new(),
        filename: "a.pdf".to_owned(),
        size_bytes: pdf.len() as u64,
    };
    let upload = |head: &v1::MediaUpload| Part::Upload(head.clone());
    let (first, second) = (Part::Bytes(pdf[..4].to_vec()), Part::Bytes(pdf[4..].to_vec()));
    let kept = files.upload(vec![upload(&head), first.clone(), second.clone()]).await.unwrap();
    assert_eq!((kept.id.as_str(), kept.mime_type.as_str(), kept.size_bytes), ("77", "application/pdf", 16));
    assert_eq!(*platform.uploaded.lock().unwrap(), [("1".to_owned(), "a.pdf".to_owned())]);

    let with = |change: fn(&mut v1::MediaUpload)| {
        let mut other = head.clone();
        change(&mut other);
        upload(&other)
    };
    let refused = [
        (vec![first.clone()], "upload: "),
        (vec![], "upload: "),
        (vec![with(|head| head.number = "one".to_owned()), first.clone()], "upload.number: "),
        (vec![with(|head| head.number = "numbers/none".to_owned()), first.clone()], "numbers/none"),
        (vec![with(|head| head.kind = 0), first.clone()], "upload.kind: "),
        (vec![with(|head| head.size_bytes = 0), first.clone()], "upload.size_bytes: "),
        (vec![with(|head| head.size_bytes = 1 << 30), first.clone()], "upload.size_bytes: "),
        (vec![upload(&head), first.clone()], "upload.size_bytes: is more"),
        (vec![upload(&head), first.clone(), second.clone(), second.clone()], "upload.size_bytes: is less"),
        (vec![upload(&head), upload(&head)], "upload: comes once"),
        (vec![with(|head| head.kind = v1::MediaKind::Image.into()), first.clone(), second.clone()], "the file is "),
    ];
    for (parts, want) in refused {
        let error = files.upload(parts).await.unwrap_err();
        assert!(error.message().starts_with(want), "{want}: {}", error.message());
    }
    assert_eq!(platform.uploaded.lock().unwrap().len(), 1, "nothing of those was sent");
    let room = files.media.uploads_kib.available_permits();
    assert_eq!((room, files.media.transfers.available_permits()), (UPLOADS_KIB_MAX, TRANSFERS_MAX));
}

#[tokio::test]
async fn whoever_stops_reading_does_not_keep_the_place() {
    let (files, _) = Files::new(Platform { answer: Answer::Endless, ..Platform::default() }).await;
    let talk = files.scene.talk("34600000001", Some("billing")).await;
    files.wrote(&talk, "billing", Some(a_file())).await;
    let parts = files.download(Who::AgentOf("billing")).await.unwrap();
    assert_eq!(files.media.transfers.available_permits(), TRANSFERS_MAX - 1);
    tokio::time::pause();
    tokio::time::sleep(TRANSFER_TIME + Duration::from_secs(1)).await;
    assert_eq!(files.media.transfers.available_permits(), TRANSFERS_MAX);
    let (_, bytes, end) = read(parts).await;
    assert!(!bytes.is_empty(), "what was there already");
    assert_eq!(end, Err((Code::FailedPrecondition, "MEDIA_NOT_FETCHED".to_owned())));
}
