//! Webhook bodies of every kind, as Meta writes them: for tests, the sandbox and `waypost webhook test`.
//!
//! They must be Meta's shapes and never our own: what the decoder accepts beyond them is tested with literal JSON.

mod change;
mod message;

use serde_json::{Value, json};

/// What differs between two samples of the same kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleParams {
    pub waba_id: String,
    /// Meta's id of our number.
    pub phone_number_id: String,
    pub display_phone_number: String,
    /// The customer's number, digits only.
    pub from: String,
    /// The customer's business-scoped id; left out of the body when absent, except where a kind needs one.
    pub user_id: Option<String>,
    pub profile_name: String,
    /// The id of the message, or of the message that a status speaks of.
    pub wamid: String,
    /// Seconds since the epoch.
    pub timestamp: i64,
    /// What the customer writes: a text's body, a caption, a button's title.
    pub text: String,
}

impl Default for SampleParams {
    fn default() -> Self {
        Self {
            waba_id: "200000000000001".to_owned(),
            phone_number_id: "100000000000001".to_owned(),
            display_phone_number: "15550002222".to_owned(),
            from: "15550001111".to_owned(),
            user_id: None,
            profile_name: "Ada Sample".to_owned(),
            wamid: "wamid.SAMPLE0001".to_owned(),
            timestamp: 1_767_225_600,
            text: "Hello".to_owned(),
        }
    }
}

impl SampleParams {
    fn user_id_or_sample(&self) -> &str {
        self.user_id.as_deref().unwrap_or("US.10000000000000000001")
    }
}

macro_rules! kinds {
    ($($kind:ident: $name:literal),+ $(,)?) => {
        /// What a sample is a sample of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum SampleKind {
            $($kind),+
        }

        impl SampleKind {
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The word for it on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name),+
                }
            }
        }
    };
}

kinds! {
    Text: "text",
    Image: "image",
    Video: "video",
    Document: "document",
    Audio: "audio",
    Sticker: "sticker",
    Location: "location",
    Contacts: "contacts",
    ButtonReply: "button-reply",
    ListReply: "list-reply",
    TemplateButton: "template-button",
    FlowReply: "flow-reply",
    CallPermissionReply: "call-permission-reply",
    InteractiveError: "interactive-error",
    Reaction: "reaction",
    ReactionRemoved: "reaction-removed",
    Order: "order",
    SystemNumberChange: "system-number-change",
    SystemUserIdChange: "system-user-id-change",
    SystemIdentityChange: "system-identity-change",
    Edit: "edit",
    Revoke: "revoke",
    Unsupported: "unsupported",
    Unknown: "unknown",
    BsuidOnly: "bsuid-only",
    Group: "group",
    Reply: "reply",
    Forwarded: "forwarded",
    Referral: "referral",
    StatusSent: "status-sent",
    StatusDelivered: "status-delivered",
    StatusRead: "status-read",
    StatusPlayed: "status-played",
    StatusFailed: "status-failed",
    StatusGroup: "status-group",
    Echo: "echo",
    Standby: "standby",
    StandbyEcho: "standby-echo",
    Handover: "handover",
    HandoverLost: "handover-lost",
    UserIdUpdate: "user-id-update",
    UserPreferences: "user-preferences",
    Call: "call",
    TemplateStatus: "template-status",
    TemplateQuality: "template-quality",
    TemplateCategory: "template-category",
    AccountUpdate: "account-update",
    AccountAlert: "account-alert",
    Quality: "quality",
    BusinessCapability: "business-capability",
    Security: "security",
    History: "history",
    StateSync: "state-sync",
    Errors: "errors",
    UnknownField: "unknown-field",
}

impl SampleKind {
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// A whole webhook body with one item.
pub fn sample(kind: SampleKind, params: &SampleParams) -> Value {
    use SampleKind as K;
    match kind {
        K::Text
        | K::Image
        | K::Video
        | K::Document
        | K::Audio
        | K::Sticker
        | K::Location
        | K::Contacts
        | K::ButtonReply
        | K::ListReply
        | K::TemplateButton
        | K::FlowReply
        | K::CallPermissionReply
        | K::InteractiveError
        | K::Reaction
        | K::ReactionRemoved
        | K::Order
        | K::SystemNumberChange
        | K::SystemUserIdChange
        | K::SystemIdentityChange
        | K::Edit
        | K::Revoke
        | K::Unsupported
        | K::Unknown
        | K::BsuidOnly
        | K::Group
        | K::Reply
        | K::Forwarded
        | K::Referral
        | K::Echo
        | K::Standby
        | K::StandbyEcho => message::sample(kind, params),
        K::StatusSent
        | K::StatusDelivered
        | K::StatusRead
        | K::StatusPlayed
        | K::StatusFailed
        | K::StatusGroup
        | K::Handover
        | K::HandoverLost
        | K::UserIdUpdate
        | K::UserPreferences
        | K::Call
        | K::TemplateStatus
        | K::TemplateQuality
        | K::TemplateCategory
        | K::AccountUpdate
        | K::AccountAlert
        | K::Quality
        | K::BusinessCapability
        | K::Security
        | K::History
        | K::StateSync
        | K::Errors
        | K::UnknownField => change::sample(kind, params),
    }
}

/// Several webhook bodies in one POST, as Meta batches them: the entries of all, in order.
pub fn envelope(bodies: impl IntoIterator<Item = Value>) -> Value {
    let mut entries = Vec::new();
    for mut body in bodies {
        if let Some(Value::Array(more)) = body.get_mut("entry").map(Value::take) {
            entries.extend(more);
        }
    }
    json!({"object": "whatsapp_business_account", "entry": entries})
}

/// A body with one change that concerns one of our numbers.
fn number_change(params: &SampleParams, field: &str, mut value: Value) -> Value {
    value["messaging_product"] = json!("whatsapp");
    value["metadata"] =
        json!({"display_phone_number": params.display_phone_number, "phone_number_id": params.phone_number_id});
    let change = json!({"field": field, "value": value});
    envelope([json!({"entry": [{"id": params.waba_id, "changes": [change]}]})])
}

/// A body with one change that concerns the account; those carry a time.
fn account_change(params: &SampleParams, field: &str, value: Value) -> Value {
    let change = json!({"field": field, "value": value});
    envelope([json!({"entry": [{"id": params.waba_id, "time": params.timestamp, "changes": [change]}]})])
}

/// The customer in `contacts[]`.
fn contact(params: &SampleParams) -> Value {
    let mut contact = json!({"profile": {"name": params.profile_name}, "wa_id": params.from});
    if let Some(user_id) = &params.user_id {
        contact["user_id"] = json!(user_id);
    }
    contact
}
