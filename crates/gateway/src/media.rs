//! Files of messages on their way between a team's tool and WhatsApp. They are passed on, and kept only where the business wants
//! copies ([`copies`]): of what is uploaded there is one whole copy in memory meanwhile, of what is downloaded a few pieces.
//!
//! Must never show WhatsApp's token or its address of a file, nor write anything of a file to a log.

pub(crate) mod copies;
mod download;
#[cfg(test)]
mod tests;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Request;
use waypost_grpc::{CallError, Caller, Result, serve};
use waypost_proto::gateway_v1 as v1;
use waypost_proto::gateway_v1::media_service_server::MediaService;
use waypost_proto::rpc::Messages;

use crate::Shared;

/// Files that are passed on at once.
const TRANSFERS_MAX: usize = 32;
/// All files together that are in memory at once, in KiB: the largest document fits, and another beside it.
const UPLOADS_KIB_MAX: usize = 256 << 10;
/// What a whole file may take, whoever is slow.
const TRANSFER_TIME: Duration = Duration::from_secs(600);
/// What its tool may take for the next piece of a file.
const PIECE_TIME: Duration = Duration::from_secs(30);

pub(crate) struct Media {
    shared: Shared,
    transfers: Arc<Semaphore>,
    uploads_kib: Arc<Semaphore>,
}

serve! { MediaService for Media {
    download_media: v1::DownloadMediaRequest => Messages<v1::DownloadMediaResponse>,
    upload_media: Messages<v1::UploadMediaRequest> => v1::UploadMediaResponse,
}}

impl Media {
    pub(crate) fn new(shared: Shared) -> Self {
        let (transfers, uploads_kib) = (Semaphore::new(TRANSFERS_MAX), Semaphore::new(UPLOADS_KIB_MAX));
        Self { shared, transfers: Arc::new(transfers), uploads_kib: Arc::new(uploads_kib) }
    }

    async fn download_media(
        &self,
        request: Request<v1::DownloadMediaRequest>,
    ) -> Result<Messages<v1::DownloadMediaResponse>> {
        let caller = Caller::of(&request)?;
        self.download(&caller, request.into_inner()).await
    }

    async fn upload_media(
        &self,
        request: Request<Messages<v1::UploadMediaRequest>>,
    ) -> Result<v1::UploadMediaResponse> {
        self.upload(request.into_inner()).await
    }

    /// One of the places of those that are passed on at once.
    fn place(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.transfers).try_acquire_owned().map_err(|_| CallError::Busy)
    }
}
