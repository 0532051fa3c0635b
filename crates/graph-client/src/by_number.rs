//! Several carriers as one: each number goes by the one that it is at.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::fault::{CallError, NotSent};
use crate::messenger::{Line, Messenger, Outgoing, Sent};
use crate::secret_file::SecretError;

/// Carries each message by the carrier of its number.
pub struct ByNumber {
    named: HashMap<String, Arc<dyn Messenger>>,
    others: Option<Arc<dyn Messenger>>,
}

impl ByNumber {
    /// `others`: by whom the numbers go that are not named; `None`: they wait for a token.
    pub fn new(others: Option<Arc<dyn Messenger>>) -> Self {
        Self { named: HashMap::new(), others }
    }

    /// With these numbers at another carrier.
    #[must_use]
    pub fn with(mut self, ids: impl IntoIterator<Item = String>, carrier: &Arc<dyn Messenger>) -> Self {
        self.named.extend(ids.into_iter().map(|id| (id, carrier.clone())));
        self
    }

    fn of(&self, line: &Line) -> Result<&dyn Messenger, NotSent> {
        let carrier = self.named.get(&line.phone_number_id).or(self.others.as_ref());
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

    /// Each carrier's only grows, so that their sum is another one whenever one of them is.
    async fn credentials_version(&self) -> u64 {
        let mut carriers: Vec<&Arc<dyn Messenger>> = self.named.values().chain(&self.others).collect();
        carriers.sort_by_key(|carrier| Arc::as_ptr(carrier).cast::<()>());
        carriers.dedup_by(|one, other| Arc::ptr_eq(one, other));
        let mut sum = 0;
        for carrier in carriers {
            sum += carrier.credentials_version().await;
        }
        sum
    }
}
