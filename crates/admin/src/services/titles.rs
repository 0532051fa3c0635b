//! What people call those who did something, beside their names in answers.

use waypost_grpc::Result;
use waypost_grpc::titles::titles;
use waypost_proto::admin_v1 as v1;
use waypost_store::Store;

/// What says who did it.
pub(super) trait ByActor {
    /// Their name, and the place for their title.
    fn actor(&mut self) -> (&str, &mut String);
}

/// The fields of each message that has them.
macro_rules! by_actor {
    ($($message:ident: $name:ident, $title:ident;)*) => {
        $(
        impl ByActor for v1::$message {
            fn actor(&mut self) -> (&str, &mut String) {
                (&self.$name, &mut self.$title)
            }
        })*
    };
}

by_actor! {
    Alert: acknowledger, acknowledger_title;
    AuditRecord: actor, actor_title;
    ReplayJob: actor, actor_title;
    RuleSet: creator, creator_title;
    Activation: creator, creator_title;
    ConsentEntry: creator, creator_title;
    Policy: creator, creator_title;
    Campaign: creator, creator_title;
}

/// Adds the titles of the tokens that did it. A token without a title, and whoever is none, stays without.
pub(super) async fn add_titles<'a, T: ByActor + 'a>(
    store: &Store,
    items: impl IntoIterator<Item = &'a mut T>,
) -> Result<()> {
    let mut items: Vec<&mut T> = items.into_iter().collect();
    let known = titles(store, items.iter_mut().map(|item| item.actor().0)).await?;
    for item in items {
        let (actor, title) = item.actor();
        if let Some(of_token) = known.get(actor) {
            title.clone_from(of_token);
        }
    }
    Ok(())
}
