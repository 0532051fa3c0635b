//! A file for customers: taken whole, since what it is shows in its beginning and its end, then given to WhatsApp.

use std::sync::Arc;

use futures_util::StreamExt;
use prost::bytes::{Bytes, BytesMut};
use tokio::time::timeout;
use waypost_domain::send::content::MediaKind;
use waypost_graph_client::{Hints, Line, MediaFile, UploadError};
use waypost_grpc::error::{invalid, not_found, precondition};
use waypost_grpc::{CallError, Result};
use waypost_policy::media_limits;
use waypost_proto::gateway_v1 as v1;
use waypost_proto::reasons::NUMBER_UNKNOWN;
use waypost_proto::rpc::Messages;

use super::{Media, PIECE_TIME, TRANSFER_TIME};
use crate::metrics;
use crate::seen::{number_of, sending_off};

type Part = v1::upload_media_request::Part;

const PIECE_BYTES_MAX: usize = 1 << 20;

impl Media {
    pub(super) async fn upload(&self, parts: Messages<v1::UploadMediaRequest>) -> Result<v1::UploadMediaResponse> {
        let uploaded = match timeout(TRANSFER_TIME, self.upload_in_time(parts)).await {
            Ok(uploaded) => uploaded,
            Err(_) => Err(precondition("MEDIA_NOT_KEPT", "media", "the file did not come in ten minutes")),
        };
        metrics::upload(if uploaded.is_ok() { "done" } else { "failed" });
        uploaded
    }

    async fn upload_in_time(&self, mut parts: Messages<v1::UploadMediaRequest>) -> Result<v1::UploadMediaResponse> {
        let _place = self.place()?;
        let Some(Part::Upload(upload)) = next(&mut parts).await? else {
            return Err(invalid("upload", "must come first"));
        };
        let number = number_of("upload.number", &upload.number)?;
        let rows = self.shared.ids_of(&number).await?;
        let row = rows.first().ok_or_else(|| not_found(&upload.number).because(NUMBER_UNKNOWN))?;
        let kind = kind_of(upload.kind)?;
        let bytes_max = media_limits(kind).bytes_max;
        match upload.size_bytes {
            0 => return Err(invalid("upload.size_bytes", "must be the size of the file, which is not empty")),
            size if size > bytes_max => {
                let problem = format!("is more than WhatsApp takes of {}, {bytes_max}", kind.as_str());
                return Err(invalid("upload.size_bytes", problem));
            }
            _ => {}
        }
        let store = self.shared.media.clone().ok_or_else(|| sending_off(&number))?;
        let kib = u32::try_from(upload.size_bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let _room = Arc::clone(&self.uploads_kib).try_acquire_many_owned(kib).map_err(|_| CallError::Busy)?;
        let bytes = whole(&mut parts, upload.size_bytes).await?;

        let hint = |text: &'_ str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (mime_type, name) = (hint(&upload.mime_type), hint(&upload.filename));
        let hints = Hints { mime_type: mime_type.as_deref(), name: name.as_deref() };
        let kept = store.upload(&Line::new(row.id.as_str()), MediaFile { kind, bytes, hints }).await;
        let media = kept.map_err(|error| refusal(upload.number, &error))?;
        Ok(v1::UploadMediaResponse {
            id: media.id,
            mime_type: media.media_type.mime_type.to_owned(),
            size_bytes: media.size_bytes,
        })
    }
}

/// Of nobody who takes for ever; `None`: that was all.
async fn next(parts: &mut Messages<v1::UploadMediaRequest>) -> Result<Option<Part>> {
    let late = || precondition("MEDIA_NOT_KEPT", "media", "the next piece of the file did not come in 30 seconds");
    match timeout(PIECE_TIME, parts.next()).await.map_err(|_| late())? {
        None => Ok(None),
        Some(Ok(request)) => request.part.map(Some).ok_or_else(|| invalid("part", "is missing")),
        Some(Err(_)) => Err(precondition("MEDIA_NOT_KEPT", "media", "the file broke off")),
    }
}

/// The file, of which there are `size` bytes.
async fn whole(parts: &mut Messages<v1::UploadMediaRequest>, size: u64) -> Result<Bytes> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::with_capacity(size);
    while let Some(part) = next(parts).await? {
        let Part::Bytes(piece) = part else { return Err(invalid("upload", "comes once")) };
        if piece.len() > PIECE_BYTES_MAX {
            return Err(invalid("bytes", format!("has more than {PIECE_BYTES_MAX} bytes in one piece")));
        }
        if bytes.len() + piece.len() > size {
            return Err(invalid("upload.size_bytes", "is less than what came"));
        }
        bytes.extend_from_slice(&piece);
    }
    if bytes.len() < size {
        return Err(invalid("upload.size_bytes", "is more than what came"));
    }
    Ok(bytes.freeze())
}

fn kind_of(kind: i32) -> Result<MediaKind> {
    match v1::MediaKind::try_from(kind) {
        Ok(v1::MediaKind::Image) => Ok(MediaKind::Image),
        Ok(v1::MediaKind::Audio) => Ok(MediaKind::Audio),
        Ok(v1::MediaKind::Video) => Ok(MediaKind::Video),
        Ok(v1::MediaKind::Document) => Ok(MediaKind::Document),
        Ok(v1::MediaKind::Sticker) => Ok(MediaKind::Sticker),
        Ok(v1::MediaKind::Unspecified) | Err(_) => {
            Err(invalid("upload.kind", "must say what the file is to be sent as"))
        }
    }
}

/// Says nothing of what is in the file.
fn refusal(number: String, error: &UploadError) -> CallError {
    match error {
        UploadError::Refused(refused) => precondition("MEDIA_REFUSED", number, refused.to_string()),
        UploadError::Call(error) => precondition("MEDIA_NOT_KEPT", number, error.to_string()),
    }
}
