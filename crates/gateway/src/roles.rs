//! Who may call what of the gateway: one table. A method that is not in it is refused.

use waypost_grpc::Access;
use waypost_grpc::Role::{Agent, Compliance, Operator};

/// Agents, in conversations of their teams alone; and systems of the business, which are bound to none.
const SENDS: Access = Access::AnyOf(&[Operator, Agent]);
/// What was written to customers is theirs as well as what they write.
const READS: Access = Access::AnyOf(&[Compliance, Operator, Agent]);

/// Every method that can be called, by its path without the leading `/`.
pub const METHODS: &[(&str, Access)] = &[
    ("waypost.gateway.v1.ConversationService/GetConversation", READS),
    ("waypost.gateway.v1.ConversationService/ListConversations", READS),
    ("waypost.gateway.v1.ConversationService/ListEntries", READS),
    ("waypost.gateway.v1.ConversationService/SetExternalRef", SENDS),
    ("waypost.gateway.v1.ConversationService/DeleteExternalRef", SENDS),
    ("waypost.gateway.v1.MediaService/DownloadMedia", READS),
    ("waypost.gateway.v1.MediaService/UploadMedia", SENDS),
    ("waypost.gateway.v1.MessageService/SendMessage", SENDS),
    ("waypost.gateway.v1.MessageService/GetMessage", READS),
    ("waypost.gateway.v1.MessageService/ListMessages", READS),
    ("waypost.gateway.v1.MessageService/CancelMessage", SENDS),
    ("waypost.gateway.v1.MessageService/ResendMessage", SENDS),
    ("waypost.gateway.v1.MessageService/MarkRead", SENDS),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// One way and the other: a method without a row could not be called, a row without a method is a mistake.
    #[test]
    fn every_method_has_its_row() {
        let services = waypost_proto::admin::descriptors().services();
        let ours = services.filter(|service| service.package_name() == "waypost.gateway.v1");
        let methods = ours.flat_map(|service| {
            service.methods().map(|method| format!("{}/{}", service.full_name(), method.name())).collect::<Vec<_>>()
        });
        let methods: BTreeSet<String> = methods.collect();
        assert!(!methods.is_empty());
        assert_eq!(methods, METHODS.iter().map(|(name, _)| (*name).to_owned()).collect());
    }
}
