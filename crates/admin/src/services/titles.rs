//! What people call those who did something, beside their names in answers. Must never get into the audit log, which keeps
//! what cannot change.

use std::collections::HashMap;

use uuid::Uuid;
use waypost_grpc::Result;
use waypost_proto::admin_v1 as v1;
use waypost_store::Store;

/// What says who did it.
pub(super) trait ByActor {
    /// Their name, and the place for their title.
    fn actor(&mut self) -> (&str, &mut String);
}

impl ByActor for v1::AuditRecord {
    fn actor(&mut self) -> (&str, &mut String) {
        (&self.actor, &mut self.actor_title)
    }
}

impl ByActor for v1::ReplayJob {
    fn actor(&mut self) -> (&str, &mut String) {
        (&self.actor, &mut self.actor_title)
    }
}

impl ByActor for v1::RuleSet {
    fn actor(&mut self) -> (&str, &mut String) {
        (&self.creator, &mut self.creator_title)
    }
}

impl ByActor for v1::Activation {
    fn actor(&mut self) -> (&str, &mut String) {
        (&self.creator, &mut self.creator_title)
    }
}

/// Adds the titles of the tokens that did it. A token without a title, and whoever is none, stays without.
pub(super) async fn add_titles<'a, T: ByActor + 'a>(
    store: &Store,
    items: impl IntoIterator<Item = &'a mut T>,
) -> Result<()> {
    let token = |actor: &str| Uuid::try_parse(actor.strip_prefix("tokens/")?).ok();
    let mut items: Vec<&mut T> = items.into_iter().collect();
    let mut ids: Vec<Uuid> = items.iter_mut().filter_map(|item| token(item.actor().0)).collect();
    ids.sort_unstable();
    ids.dedup();
    let titles: HashMap<Uuid, String> = store.token_titles(&ids).await?.into_iter().collect();
    for item in items {
        let (actor, title) = item.actor();
        if let Some(of_token) = token(actor).and_then(|id| titles.get(&id)) {
            title.clone_from(of_token);
        }
    }
    Ok(())
}
