//! Several carriers as one: each number goes by the one that it is at.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::fault::{CallError, NotSent};
use crate::media::{DownloadError, Downloaded, MediaFile, MediaStore, Sink, UploadError, UploadedMedia};
use crate::messenger::{Line, Messenger, Outgoing, Sent};
use crate::secret_file::SecretError;

/// Carries each message by the carrier of its number.
pub struct ByNumber {
    /// `None`: it waits for a token.
    named: HashMap<String, Option<Arc<dyn Messenger>>>,
    others: Option<Arc<dyn Messenger>>,
}

impl ByNumber {
    /// `others`: by whom the numbers go that are not named; `None`: they wait for a token.
    pub fn new(others: Option<Arc<dyn Messenger>>) -> Self {
        Self { named: HashMap::new(), others }
    }

    /// With these numbers at another carrier; `None`: there is no token for it yet, and they wait for one.
    #[must_use]
    pub fn with(mut self, ids: impl IntoIterator<Item = String>, carrier: Option<&Arc<dyn Messenger>>) -> Self {
        self.named.extend(ids.into_iter().map(|id| (id, carrier.cloned())));
        self
    }

    fn of(&self, line: &Line) -> Result<&dyn Messenger, NotSent> {
        let named = self.named.get(&line.phone_number_id).map(Option::as_ref);
        let carrier = named.unwrap_or(self.others.as_ref());
        carrier.map(AsRef::as_ref).ok_or(NotSent::NoToken(SecretError::NotConfigured))
    }
}

#[async_trait]
impl Messenger for ByNumber {
    async fn send(&self, from: &Line, message: &Outgoing<'_>) -> Sent {
        match self.of(from) {
            Ok(carrier) => carrier.send(from, message).await,
            Err(reason) => Sent::NotSent(reason),
        }
    }

    async fn mark_read(&self, from: &Line, wamid: &str, typing: bool) -> Result<(), CallError> {
        self.of(from)?.mark_read(from, wamid, typing).await
    }

    fn silence_is_news(&self, from: &Line) -> bool {
        match self.named.get(&from.phone_number_id) {
            // Of a carrier that is not there nobody knows what it tells.
            Some(carrier) => carrier.as_ref().is_some_and(|carrier| carrier.silence_is_news(from)),
            None => self.others.as_ref().is_none_or(|carrier| carrier.silence_is_news(from)),
        }
    }

    /// Each carrier's only grows, so that their sum is another one whenever one of them is.
    async fn credentials_version(&self) -> u64 {
        let mut carriers: Vec<&Arc<dyn Messenger>> = self.named.values().flatten().chain(&self.others).collect();
        carriers.sort_by_key(|carrier| Arc::as_ptr(carrier).cast::<()>());
        carriers.dedup_by(|one, other| Arc::ptr_eq(one, other));
        let mut sum = 0;
        for carrier in carriers {
            sum += carrier.credentials_version().await;
        }
        sum
    }
}

/// Files of several carriers: each number's are where the number is.
pub struct MediaByNumber {
    /// `None`: it waits for a token.
    named: HashMap<String, Option<Arc<dyn MediaStore>>>,
    others: Option<Arc<dyn MediaStore>>,
}

impl MediaByNumber {
    /// `others`: where files are of numbers that are not named; `None`: they wait for a token.
    pub fn new(others: Option<Arc<dyn MediaStore>>) -> Self {
        Self { named: HashMap::new(), others }
    }

    /// With these numbers at another carrier; `None`: there is no token for it yet. Nobody else is asked for their
    /// files: the platform would be asked for ids that are none of its own, and say that they are gone.
    #[must_use]
    pub fn with(mut self, ids: impl IntoIterator<Item = String>, carrier: Option<&Arc<dyn MediaStore>>) -> Self {
        self.named.extend(ids.into_iter().map(|id| (id, carrier.cloned())));
        self
    }

    fn of(&self, line: &Line) -> Result<&dyn MediaStore, CallError> {
        let named = self.named.get(&line.phone_number_id).map(Option::as_ref);
        let store = named.unwrap_or(self.others.as_ref());
        store.map(AsRef::as_ref).ok_or_else(|| NotSent::NoToken(SecretError::NotConfigured).into())
    }
}

#[async_trait]
impl MediaStore for MediaByNumber {
    async fn upload(&self, from: &Line, file: MediaFile<'_>) -> Result<UploadedMedia, UploadError> {
        self.of(from)?.upload(from, file).await
    }

    async fn download(&self, to: &Line, media_id: &str, sink: Sink<'_>) -> Result<Downloaded, DownloadError> {
        self.of(to)?.download(to, media_id, sink).await
    }

    async fn delete(&self, of: &Line, media_id: &str) -> Result<(), CallError> {
        self.of(of)?.delete(of, media_id).await
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use waypost_domain::send::content::MediaKind;

    use super::*;
    use crate::media_type::Hints;

    struct Nobody;

    #[async_trait]
    impl MediaStore for Nobody {
        async fn upload(&self, _: &Line, _: MediaFile<'_>) -> Result<UploadedMedia, UploadError> {
            Err(CallError::NotDone.into())
        }

        async fn download(&self, _: &Line, _: &str, _: Sink<'_>) -> Result<Downloaded, DownloadError> {
            Err(DownloadError::Gone)
        }

        async fn delete(&self, _: &Line, _: &str) -> Result<(), CallError> {
            Err(CallError::NotDone)
        }
    }

    #[tokio::test]
    async fn files_are_asked_for_where_the_number_is() {
        let media = MediaByNumber::new(Some(Arc::new(Nobody))).with(["waiting".to_owned()], None);
        let (here, there) = (Line::new("1"), Line::new("waiting"));
        assert!(matches!(media.download(&here, "42", &mut Vec::new()).await, Err(DownloadError::Gone)));
        let waits = |error: &CallError| matches!(error, CallError::NotSent(NotSent::NoToken(_)));
        let refused = media.download(&there, "SM1:ME1", &mut Vec::new()).await;
        assert!(matches!(&refused, Err(DownloadError::Call(error)) if waits(error)), "{refused:?}");
        assert!(media.delete(&there, "SM1:ME1").await.is_err_and(|error| waits(&error)));
        let file = MediaFile { kind: MediaKind::Image, bytes: Bytes::new(), hints: Hints::default() };
        let refused = media.upload(&there, file).await;
        assert!(matches!(&refused, Err(UploadError::Call(error)) if waits(error)), "{refused:?}");
        let alone = MediaByNumber::new(None).with(["1".to_owned()], Some(&(Arc::new(Nobody) as Arc<dyn MediaStore>)));
        assert!(matches!(alone.download(&here, "42", &mut Vec::new()).await, Err(DownloadError::Gone)));
        assert!(alone.delete(&there, "42").await.is_err_and(|error| waits(&error)), "nobody has them");
    }
}
