//! Files at Meta: POST `/{phone_number_id}/media`, GET and DELETE `/{media_id}`.

use async_trait::async_trait;
use reqwest::Url;

use super::GraphApi;
use crate::api::{Call, id};
use crate::fault::{CallError, NotSent};
use crate::media::{
    self, DownloadError, Downloaded, MediaFile, MediaStore, Place, Sink, UploadError, UploadedMedia, is_one_of,
};
use crate::messenger::Line;

#[async_trait]
impl MediaStore for GraphApi {
    async fn upload(&self, from: &Line, file: MediaFile<'_>) -> Result<UploadedMedia, UploadError> {
        let url = self.below("phone_number_id", &from.phone_number_id, &["media"])?;
        media::upload(&self.api, url, file).await
    }

    async fn download(&self, to: &Line, media_id: &str, sink: Sink<'_>) -> Result<Downloaded, DownloadError> {
        let look_up = self.media(to, media_id)?;
        media::download(&self.api, look_up, |url| self.place(url), self.media_bytes_max, sink).await
    }

    async fn delete(&self, of: &Line, media_id: &str) -> Result<(), CallError> {
        self.api.command(&Call::delete(self.media(of, media_id)?)).await
    }
}

impl GraphApi {
    /// With the number, so that Meta looks whether the file was sent to it.
    fn media(&self, line: &Line, media_id: &str) -> Result<Url, CallError> {
        let number = id("phone_number_id", &line.phone_number_id).map_err(NotSent::Request)?;
        let mut url = self.below("media_id", media_id, &[])?;
        url.query_pairs_mut().append_pair("phone_number_id", number);
        Ok(url)
    }

    fn place(&self, url: Url) -> Option<Place> {
        let is_ours = self.api.is_ours(&url);
        let knows_us = is_ours || is_one_of(&self.media_hosts, &url);
        (is_ours || url.scheme() == "https").then_some(Place { url, knows_us })
    }
}
