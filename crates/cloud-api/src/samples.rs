//! Webhook bodies of every kind, as Meta writes them: for tests, the sandbox and `waypost webhook test`.
//!
//! They must be Meta's shapes and never our own: what the decoder accepts beyond them is tested with literal JSON.

mod change;
mod message;
mod status;

use serde_json::{Value, json};

/// What differs between two samples of the same kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleParams {
    /// The WhatsApp Business Account.
    pub waba_id: String,
    /// Meta's id of our number.
    pub phone_number_id: String,
    /// As people write the business number.
    pub display_phone_number: String,
    /// The customer's number, digits only.
    pub from: String,
    /// The customer's business-scoped id; left out of the body when absent, except where a kind needs one.
    pub user_id: Option<String>,
    /// What the customer calls themselves.
    pub profile_name: String,
    /// The id of the message, or of the message that a status speaks of.
    pub wamid: String,
    /// Seconds since the epoch.
    pub timestamp: i64,
    /// What the customer writes: a text's body, a caption, a button's title.
    pub text: String,
    /// The id of the button or list row that was tapped; one of the sample's where left out.
    pub reply_id: Option<String>,
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
            reply_id: None,
        }
    }
}

impl SampleParams {
    fn user_id_or_sample(&self) -> &str {
        self.user_id.as_deref().unwrap_or("US.10000000000000000001")
    }

    fn reply_id_or<'a>(&'a self, sample: &'a str) -> &'a str {
        self.reply_id.as_deref().unwrap_or(sample)
    }
}

macro_rules! kinds {
    ($($kind:ident: $name:literal => $build:path),+ $(,)?) => {
        /// What a sample is a sample of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum SampleKind {
            $($kind),+
        }

        impl SampleKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The word for it on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name),+
                }
            }

            fn build(self, params: &SampleParams) -> Value {
                match self {
                    $(Self::$kind => $build(params)),+
                }
            }
        }
    };
}

kinds! {
    Text: "text" => message::text,
    Image: "image" => message::image,
    Video: "video" => message::video,
    Document: "document" => message::document,
    Audio: "audio" => message::audio,
    Sticker: "sticker" => message::sticker,
    Location: "location" => message::location,
    Contacts: "contacts" => message::contacts,
    ButtonReply: "button-reply" => message::button_reply,
    ListReply: "list-reply" => message::list_reply,
    TemplateButton: "template-button" => message::template_button,
    FlowReply: "flow-reply" => message::flow_reply,
    CallPermissionReply: "call-permission-reply" => message::call_permission_reply,
    InteractiveError: "interactive-error" => message::interactive_error,
    Reaction: "reaction" => message::reaction,
    ReactionRemoved: "reaction-removed" => message::reaction_removed,
    Order: "order" => message::order,
    SystemNumberChange: "system-number-change" => message::system_number_change,
    SystemUserIdChange: "system-user-id-change" => message::system_user_id_change,
    SystemIdentityChange: "system-identity-change" => message::system_identity_change,
    Edit: "edit" => message::edit,
    Revoke: "revoke" => message::revoke,
    Unsupported: "unsupported" => message::unsupported,
    Unknown: "unknown" => message::unknown,
    BsuidOnly: "bsuid-only" => message::bsuid_only,
    Group: "group" => message::group,
    Reply: "reply" => message::reply,
    Forwarded: "forwarded" => message::forwarded,
    Referral: "referral" => message::referral,
    StatusSent: "status-sent" => status::sent,
    StatusDelivered: "status-delivered" => status::delivered,
    StatusRead: "status-read" => status::read,
    StatusPlayed: "status-played" => status::played,
    StatusFailed: "status-failed" => status::failed,
    StatusGroup: "status-group" => status::group,
    Echo: "echo" => message::echo,
    Standby: "standby" => message::standby,
    StandbyEcho: "standby-echo" => message::standby_echo,
    Handover: "handover" => change::handover,
    HandoverLost: "handover-lost" => change::handover_lost,
    UserIdUpdate: "user-id-update" => change::user_id_update,
    UserPreferences: "user-preferences" => change::user_preferences,
    Call: "call" => change::call,
    MissedCall: "missed-call" => change::missed_call,
    TemplateStatus: "template-status" => change::template_status,
    TemplatePaused: "template-paused" => change::template_paused,
    TemplateComponents: "template-components" => change::template_components,
    TemplateQuality: "template-quality" => change::template_quality,
    TemplateCategory: "template-category" => change::template_category,
    AccountUpdate: "account-update" => change::account_update,
    AccountViolation: "account-violation" => change::account_violation,
    AccountBan: "account-ban" => change::account_ban,
    AccountReview: "account-review" => change::account_review,
    AccountAlert: "account-alert" => change::account_alert,
    Quality: "quality" => change::quality,
    NumberName: "number-name" => change::number_name,
    BusinessCapability: "business-capability" => change::business_capability,
    Security: "security" => change::security,
    History: "history" => change::history,
    StateSync: "state-sync" => change::state_sync,
    Errors: "errors" => change::errors,
    UnknownField: "unknown-field" => change::unknown_field,
}

impl SampleKind {
    /// Those in which somebody taps on something that has an id of ours.
    pub const WITH_REPLY: [Self; 3] = [Self::ButtonReply, Self::ListReply, Self::TemplateButton];

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// A whole webhook body with one item.
pub fn sample(kind: SampleKind, params: &SampleParams) -> Value {
    kind.build(params)
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

/// Puts the fields of `more` into `object`.
fn extend(object: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}
