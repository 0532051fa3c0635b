//! Where the lists of templates come from: Meta, by whoever can call it.

use waypost_domain::WabaId;
use waypost_store::TemplateRow;

/// Reads an account's whole list.
#[tonic::async_trait]
pub trait TemplateSource: Send + Sync {
    /// All languages of all templates of the account, as they are now.
    async fn templates(&self, account: &WabaId) -> Result<TemplateList, NotListed>;
}

/// A list, as far as it could be read.
#[derive(Debug, Clone, Default)]
pub struct TemplateList {
    pub rows: Vec<TemplateRow>,
    /// How many more it named; while there are some, nothing counts as deleted.
    pub unreadable: usize,
}

/// Why a list was not read, for people; without anything secret.
#[derive(Debug, thiserror::Error)]
#[error("the list of templates could not be read: {0}")]
pub struct NotListed(pub String);
