//! Entries of a transcript as they are shown, and to whom their content is not.

use waypost_domain::Conversation;
use waypost_grpc::fields::{team_name, wire_time};
use waypost_grpc::titles::titles;
use waypost_grpc::{Caller, Result};
use waypost_proto::gateway_v1 as v1;
use waypost_proto::transcript::decode_transcript;
use waypost_store::{TranscriptEntry, TranscriptKind, TranscriptRow};

use super::Conversations;
use super::sent::sent;
use crate::confidential::Withheld;

type Content = v1::entry::Content;

impl Conversations {
    /// `rows` of `conversation`, in their order.
    pub(super) async fn shown(
        &self,
        caller: &Caller,
        conversation: &Conversation,
        rows: Vec<TranscriptEntry>,
    ) -> Result<Vec<v1::Entry>> {
        let withheld = Withheld::from(caller, &self.shared).await?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            let (kind, at, team) = match row {
                TranscriptEntry::Received(row) => (received_kind(row.kind), row.at, &row.team),
                TranscriptEntry::Sent(row) => (v1::EntryKind::Sent, row.request.created_at, &row.team),
            };
            // Of what no team had, whoever has the conversation now decides.
            let withheld = withheld.has(team.as_ref().or(conversation.team.as_ref()));
            let content = match row {
                _ if withheld => None,
                TranscriptEntry::Received(row) => received(row).map(Content::Received),
                TranscriptEntry::Sent(row) => Some(Content::Sent(sent(row, &self.shared.mask))),
            };
            entries.push(v1::Entry {
                kind: kind.into(),
                time: Some(wire_time(at)),
                team: team.as_ref().map(team_name).unwrap_or_default(),
                withheld,
                content,
            });
        }
        self.entitle(&mut entries).await?;
        Ok(entries)
    }

    /// Adds what people call the authors.
    async fn entitle(&self, entries: &mut [v1::Entry]) -> Result<()> {
        let author = |entry: &v1::Entry| match &entry.content {
            Some(Content::Sent(sent)) => sent.author.clone(),
            Some(Content::Received(_)) | None => None,
        };
        let authors: Vec<v1::Author> = entries.iter().filter_map(author).collect();
        let titles = titles(&self.shared.store, authors.iter().map(|author| author.name.as_str())).await?;
        for entry in entries {
            if let Some(Content::Sent(v1::SentMessage { author: Some(author), .. })) = &mut entry.content {
                author.title = titles.get(&author.name).cloned().unwrap_or_default();
            }
        }
        Ok(())
    }
}

const fn received_kind(kind: TranscriptKind) -> v1::EntryKind {
    match kind {
        TranscriptKind::Message => v1::EntryKind::Message,
        TranscriptKind::Notice => v1::EntryKind::Notice,
        TranscriptKind::Echo => v1::EntryKind::Echo,
    }
}

/// One that a later release kept is not shown rather than shown half.
fn received(row: &TranscriptRow) -> Option<v1::ReceivedMessage> {
    let content = decode_transcript(&row.content).ok()?;
    let media = content.media.map(|media| v1::MediaReference {
        id: media.id,
        link: String::new(),
        mime_type: media.mime_type,
        sha256: media.sha256,
        filename: media.filename,
        voice: media.voice,
    });
    Some(v1::ReceivedMessage {
        message_id: content.message_id,
        message_type: content.message_type,
        summary: content.summary,
        words: content.words.into_iter().map(|words| v1::Words { part: words.part, text: words.text }).collect(),
        media,
        about_message_id: content.about,
    })
}
