//! What people call those who did something, beside their names in answers. Must never get into the audit log, which keeps
//! what cannot change.

use std::collections::HashMap;

use uuid::Uuid;
use waypost_store::Store;

use crate::Result;

/// The titles of those who are tokens, by their names (`tokens/{token}`). A token without a title has an empty one.
pub async fn titles<'a>(store: &Store, actors: impl IntoIterator<Item = &'a str>) -> Result<HashMap<String, String>> {
    let token = |actor: &str| Uuid::try_parse(actor.strip_prefix("tokens/")?).ok();
    let mut ids: Vec<Uuid> = actors.into_iter().filter_map(token).collect();
    ids.sort_unstable();
    ids.dedup();
    let titles = store.token_titles(&ids).await?.into_iter();
    Ok(titles.map(|(id, title)| (format!("tokens/{id}"), title)).collect())
}
