//! Several carriers as one: each number goes by the one that it is at.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use waypost_cloud_api::send::{FieldError, Problem};

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

/// Files of the numbers that are at the Graph API. Those of others are not passed on: the platform would be asked for ids that are
/// none of its own, and say that they are gone.
pub struct MediaAtGraph {
    graph: Arc<dyn MediaStore>,
    elsewhere: HashSet<String>,
}

impl MediaAtGraph {
    /// `elsewhere`: numbers at another carrier.
    pub fn new(graph: Arc<dyn MediaStore>, elsewhere: impl IntoIterator<Item = String>) -> Self {
        Self { graph, elsewhere: elsewhere.into_iter().collect() }
    }

    fn of(&self, line: &Line) -> Result<&dyn MediaStore, CallError> {
        if self.elsewhere.contains(&line.phone_number_id) {
            let problem = Problem::MustBe("at Meta: files of numbers at other carriers are not passed on");
            return Err(NotSent::Request(FieldError { path: "number".to_owned(), problem }).into());
        }
        Ok(self.graph.as_ref())
    }
}

#[async_trait]
impl MediaStore for MediaAtGraph {
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
    async fn files_of_numbers_elsewhere_are_refused_and_not_called_gone() {
        let media = MediaAtGraph::new(Arc::new(Nobody), ["twilio-1".to_owned()]);
        let (here, there) = (Line::new("1"), Line::new("twilio-1"));
        assert!(matches!(media.download(&here, "42", &mut Vec::new()).await, Err(DownloadError::Gone)));
        let is_refused = |error: &CallError| matches!(error, CallError::NotSent(NotSent::Request(_)));
        let refused = media.download(&there, "ME1", &mut Vec::new()).await;
        assert!(matches!(&refused, Err(DownloadError::Call(error)) if is_refused(error)), "{refused:?}");
        assert!(media.delete(&there, "ME1").await.is_err_and(|error| is_refused(&error)));
        let file = MediaFile { kind: MediaKind::Image, bytes: Bytes::new(), hints: Hints::default() };
        let refused = media.upload(&there, file).await;
        assert!(matches!(&refused, Err(UploadError::Call(error)) if is_refused(error)), "{refused:?}");
    }
}
