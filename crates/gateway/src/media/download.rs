//! A customer's file, piece by piece: our copy where there is one, else as WhatsApp gives it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::stream::{self, StreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::PollSender;
use tonic::Status;
use waypost_domain::{ConversationId, DecisionId, NumberName};
use waypost_graph_client::{DownloadError, Downloaded, Line, MediaStore, Sink};
use waypost_grpc::error::{not_found, precondition};
use waypost_grpc::{CallError, Caller, Result};
use waypost_proto::gateway_v1 as v1;
use waypost_proto::reasons::MESSAGE_UNKNOWN;
use waypost_proto::rpc::Messages;
use waypost_proto::transcript::decode_transcript;
use waypost_store::{KeptFile, NumberRow, Store};

use super::{Media, TRANSFER_TIME};
use crate::confidential::Withheld;
use crate::metrics;
use crate::seen::{number_of, sending_off};

/// Of a file, in one message.
const PIECE_BYTES_MAX: usize = 64 << 10;
/// That wait for whoever reads them.
const PIECES_MAX: usize = 4;

type Part = v1::download_media_response::Part;
type Sent = Result<v1::DownloadMediaResponse, Status>;

impl Media {
    pub(super) async fn download(
        &self,
        caller: &Caller,
        request: v1::DownloadMediaRequest,
    ) -> Result<Messages<v1::DownloadMediaResponse>> {
        let place = self.place()?;
        let number = number_of("number", &request.number)?;
        let (row, decision, id) = self.message(caller, &number, &request.message_id).await?;
        let entry = self.shared.store.transcript_of(id, decision).await?.ok_or_else(unknown)?;
        let conversation = self.shared.store.conversation(id).await?.ok_or_else(unknown)?;
        let resource = format!("conversations/{id}");
        if Withheld::from(caller, &self.shared).await?.has(entry.team.as_ref().or(conversation.team.as_ref())) {
            return Err(precondition("CONTENT_WITHHELD", resource, "what it says is a confidential team's"));
        }
        let content = decode_transcript(&entry.content).map_err(|error| CallError::Internal(error.to_string()))?;
        let Some(media) = content.media.filter(|media| !media.id.is_empty()) else {
            return Err(precondition("NO_MEDIA", resource, "there is no file with this message"));
        };
        let source = match self.shared.store.kept_file(decision).await? {
            Some(file) => Source::Copy(self.shared.store.clone(), decision, file),
            None => Source::Platform {
                media: self.shared.media.clone().ok_or_else(|| sending_off(&number))?,
                line: Line::new(row.id.as_str()),
                id: media.id,
            },
        };
        self.shared.record_read(caller, id).await?;

        let file =
            v1::MediaFile { mime_type: media.mime_type, filename: file_name(&media.filename), voice: media.voice };
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        tokio::spawn(async move {
            let _place = place;
            let mut pieces = Pieces(PollSender::new(sender.clone()));
            let passing = async {
                let end = source.write_to(&mut pieces, resource).await.map(end).map_err(Status::from);
                let result = if end.is_ok() { "done" } else { "failed" };
                // Err: they left meanwhile.
                if sender.send(end).await.is_ok() { result } else { "given_up" }
            };
            metrics::download(tokio::select! {
                passed = timeout(TRANSFER_TIME, passing) => passed.unwrap_or("failed"),
                // Nobody wants it any more.
                () = sender.closed() => "given_up",
            });
        });
        let first = stream::once(async { Ok(message(Part::File(file))) });
        Ok(first.chain(stream::unfold(Some(receiver), next)).boxed())
    }
}

impl Media {
    /// A message that belongs to a conversation; one with a copy of its file is known for longer than its decision.
    async fn message(
        &self,
        caller: &Caller,
        number: &NumberName,
        wamid: &str,
    ) -> Result<(NumberRow, DecisionId, ConversationId)> {
        let refused = match self.shared.inbound(caller, number, wamid).await {
            Ok((row, event)) => return Ok((row, event.decision_id, event.conversation.ok_or_else(unknown)?)),
            Err(refused) => refused,
        };
        for row in self.shared.ids_of(number).await? {
            let decision = DecisionId::of_event(&row.id, wamid);
            let conversation = self.shared.store.conversation_of_file(decision).await?;
            if let Some(id) = conversation
                && self.shared.may_see(caller, conversation).await?
            {
                return Ok((row, decision, id));
            }
        }
        Err(refused)
    }
}

/// Where a file comes from.
enum Source {
    Copy(Store, DecisionId, KeptFile),
    Platform { media: Arc<dyn MediaStore>, line: Line, id: String },
}

impl Source {
    /// `resource`: what a refusal is about.
    async fn write_to(&self, sink: Sink<'_>, resource: String) -> Result<Downloaded> {
        let fetched = match self {
            Self::Platform { media, line, id } => media.download(line, id, sink).await,
            Self::Copy(store, decision, file) => copied(store, *decision, file, sink).await?,
        };
        fetched.map_err(|error| refusal(resource, &error))
    }
}

/// Our copy; an error outside is the store's.
async fn copied(
    store: &Store,
    decision: DecisionId,
    file: &KeptFile,
    sink: Sink<'_>,
) -> Result<Result<Downloaded, DownloadError>> {
    let mut size_bytes = 0;
    for part in 0.. {
        let Some(bytes) = store.file_part(decision, part).await? else { break };
        size_bytes += bytes.len() as u64;
        if let Err(error) = sink.write_all(&bytes).await {
            return Ok(Err(DownloadError::Sink(error)));
        }
    }
    // Its time may have come meanwhile.
    let is_whole = size_bytes == file.size_bytes;
    let whole = Downloaded { mime_type: None, size_bytes, sha256: file.sha256.clone() };
    Ok(if is_whole { Ok(whole) } else { Err(DownloadError::Damaged("size")) })
}

fn unknown() -> CallError {
    not_found("the message").because(MESSAGE_UNKNOWN)
}

/// The next part; after all pieces there is an end or an error, whatever becomes of who sends them.
async fn next(receiver: Option<mpsc::Receiver<Sent>>) -> Option<(Sent, Option<mpsc::Receiver<Sent>>)> {
    let mut receiver = receiver?;
    Some(match receiver.recv().await {
        Some(Ok(part)) if !matches!(part.part, Some(Part::End(_))) => (Ok(part), Some(receiver)),
        Some(last) => (last, None),
        None => {
            let late = precondition("MEDIA_NOT_FETCHED", "media", "the file did not come in ten minutes");
            (Err(late.into()), None)
        }
    })
}

const fn message(part: Part) -> v1::DownloadMediaResponse {
    v1::DownloadMediaResponse { part: Some(part) }
}

fn end(file: Downloaded) -> v1::DownloadMediaResponse {
    message(Part::End(v1::MediaEnd { size_bytes: file.size_bytes, sha256: file.sha256 }))
}

/// Without any folder, whatever the customer's device says: tools write files by that name.
fn file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last.chars().filter(|sign| !sign.is_control()).collect();
    let trimmed = visible.trim().trim_start_matches('.');
    trimmed.to_owned()
}

/// Says nothing of the file's address, nor of what is in it.
fn refusal(resource: String, error: &DownloadError) -> CallError {
    let gone = "WhatsApp does not keep the file any more, which it does for 7 days; or this token may not have it";
    match error {
        DownloadError::Gone => precondition("MEDIA_GONE", resource, gone),
        DownloadError::TooLarge { .. } => precondition("MEDIA_TOO_LARGE", resource, error.to_string()),
        DownloadError::Damaged(_) => precondition("MEDIA_DAMAGED", resource, error.to_string()),
        DownloadError::Call(_) | DownloadError::Address | DownloadError::Sink(_) => {
            precondition("MEDIA_NOT_FETCHED", resource, error.to_string())
        }
    }
}

/// Where a download is written to: it waits for whoever reads.
struct Pieces(PollSender<Sent>);

impl AsyncWrite for Pieces {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        ready!(self.0.poll_reserve(context)).map_err(gone)?;
        let piece = &bytes[..bytes.len().min(PIECE_BYTES_MAX)];
        self.0.send_item(Ok(message(Part::Bytes(piece.to_vec())))).map_err(gone)?;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod unit {
    use super::file_name;

    #[test]
    fn a_file_is_never_called_a_path() {
        let names = [
            ("invoice.pdf", "invoice.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            ("..", ""),
            (".bashrc", "bashrc"),
            ("a\u{0}\n b.pdf", "a b.pdf"),
            ("", ""),
        ];
        for (given, want) in names {
            assert_eq!(file_name(given), want, "{given:?}");
        }
    }
}
