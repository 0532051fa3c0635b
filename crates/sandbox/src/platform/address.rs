//! Where webhooks go: to the app's address, but messages of an account or a number that has an address of its own.

use std::collections::HashMap;
use std::sync::Arc;

use super::outbox::Item;

#[derive(Debug, Default)]
pub(crate) struct Addresses {
    /// `None`: the app has subscribed to nothing.
    pub(crate) of_app: Option<Arc<str>>,
    pub(crate) of_account: Option<Arc<str>>,
    /// By phone number id.
    pub(crate) of_numbers: HashMap<String, Arc<str>>,
}

impl Addresses {
    /// Empty: nowhere.
    pub(crate) fn of(&self, item: &Item) -> Arc<str> {
        let number = item.messages_of();
        let own = number.and_then(|number| self.of_numbers.get(&number.phone_number_id).or(self.of_account.as_ref()));
        own.or(self.of_app.as_ref()).cloned().unwrap_or_default()
    }
}
