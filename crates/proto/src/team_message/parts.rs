//! What a message says, in plain fields: nobody needs Meta's own JSON to understand it.

use serde::Serialize;
use serde_json::value::RawValue;
use waypost_domain::message::{Forwarded, Media, MessageContent, MessageError, Referral, Tap, TapSource};
use waypost_domain::{InboundMessage, Timestamp};

use super::content::{
    CallPart, CallPermissionPart, CardPart, Content, FormPart, LocationPart, OrderPart, ReactionPart, SystemPart,
    UnsupportedPart,
};
use super::{About, EarlierNotice};

#[derive(Serialize)]
pub(super) struct MessagePart<'a> {
    /// The wamid; absent where Meta left it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    wamid: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    /// One line that a person understands, never empty.
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<ReplyPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<MediaPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<LocationPart<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contacts: Vec<CardPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<FormPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reaction: Option<ReactionPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<CallPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_permission: Option<CallPermissionPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<SystemPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsupported: Option<UnsupportedPart<'a>>,
    /// The wamid of the message that this is the new form of.
    #[serde(skip_serializing_if = "Option::is_none")]
    edit_of: Option<&'a str>,
    /// The wamid of the message that the customer deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quoted: Option<QuotedPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quoted_wamid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarded: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referral: Option<ReferralPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ErrorPart<'a>>,
    /// Meta's codes, e.g. 131051: a type that the API does not carry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_codes: Vec<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    earlier_notices: Vec<EarlierPart<'a>>,
    /// Meta's own JSON of the message, where it says more than the rest of this document: the broker's work grows with
    /// every byte, and most messages are a text and nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct ReplyPart<'a> {
    source: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Serialize)]
struct MediaPart<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    voice: bool,
}

#[derive(Serialize)]
struct QuotedPart<'a> {
    wamid: &'a str,
    /// `customer` or `business`; absent where we do not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'static str>,
    /// An excerpt; absent where we hold nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Serialize)]
struct ReferralPart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headline: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_id: Option<&'a str>,
}

#[derive(Serialize)]
struct ErrorPart<'a> {
    code: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a str>,
}

#[derive(Serialize)]
struct EarlierPart<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    summary: &'a str,
    received_at_ms: i64,
}

impl<'a> MessagePart<'a> {
    /// `about`: what we hold of the message that this one answers, changes, deletes or reacts to.
    pub(super) fn new(
        message: &'a InboundMessage,
        about: Option<&'a About>,
        earlier: &'a [EarlierNotice],
        raw: Option<&'a RawValue>,
    ) -> Self {
        let now = message.as_it_is_now();
        let content = Content::of(&now.content);
        Self {
            wamid: message.id.as_deref(),
            kind: message.kind.as_str(),
            summary: message.summary(about.and_then(|about| about.text.as_deref())),
            text: now.text.as_deref(),
            reply: now.tap.as_ref().map(ReplyPart::from),
            media: now.media.as_ref().map(MediaPart::from),
            location: content.location,
            contacts: content.contacts,
            order: content.order,
            form: content.form,
            reaction: content.reaction,
            call: content.call,
            call_permission: content.call_permission,
            system: content.system,
            unsupported: content.unsupported,
            edit_of: edit_of(message),
            deleted: content.deleted,
            quoted: quoted(message, about),
            quoted_wamid: message.quoted.as_ref().map(|quoted| quoted.id.as_str()),
            forwarded: match message.how_often_forwarded() {
                Forwarded::Never => None,
                Forwarded::Once => Some("once"),
                Forwarded::Often => Some("often"),
            },
            referral: message.referral.as_ref().map(ReferralPart::from),
            group: message.group_id.as_deref(),
            written_at_ms: message.timestamp.map(Timestamp::as_millis),
            errors: message.all_errors().map(ErrorPart::from).collect(),
            error_codes: message.all_errors().map(|error| error.code).collect(),
            earlier_notices: earlier.iter().map(EarlierPart::from).collect(),
            raw,
        }
    }
}

fn edit_of(message: &InboundMessage) -> Option<&str> {
    match &message.content {
        MessageContent::Edit(edit) => edit.original.as_deref(),
        _ => None,
    }
}

/// The message that this one answers, or is a reaction, an edit or a deletion of.
fn quoted<'a>(message: &'a InboundMessage, about: Option<&'a About>) -> Option<QuotedPart<'a>> {
    let from = about.and_then(|about| about.is_ours).map(|ours| if ours { "business" } else { "customer" });
    let text = about.and_then(|about| about.text.as_deref());
    Some(QuotedPart { wamid: message.about()?, from, text })
}

impl<'a> From<&'a Tap> for ReplyPart<'a> {
    fn from(tap: &'a Tap) -> Self {
        let source = match tap.source {
            TapSource::Button => "button",
            TapSource::List => "list",
            TapSource::Template => "template",
        };
        Self { source, id: &tap.id, title: tap.title.as_deref(), description: tap.description.as_deref() }
    }
}

impl<'a> From<&'a Media> for MediaPart<'a> {
    fn from(media: &'a Media) -> Self {
        Self {
            id: &media.id,
            mime_type: media.mime_type.as_deref(),
            sha256: media.sha256.as_deref(),
            filename: media.filename.as_deref(),
            voice: media.is_voice,
        }
    }
}

impl<'a> From<&'a Referral> for ReferralPart<'a> {
    fn from(referral: &'a Referral) -> Self {
        Self {
            source_type: referral.source_type.as_deref(),
            source_id: referral.source_id.as_deref(),
            source_url: referral.source_url.as_deref(),
            headline: referral.headline.as_deref(),
            body: referral.body.as_deref(),
            click_id: referral.click_id.as_deref(),
        }
    }
}

impl<'a> From<&'a MessageError> for ErrorPart<'a> {
    fn from(error: &'a MessageError) -> Self {
        Self { code: error.code, title: error.title.as_deref(), details: error.details.as_deref() }
    }
}

impl<'a> From<&'a EarlierNotice> for EarlierPart<'a> {
    fn from(notice: &'a EarlierNotice) -> Self {
        Self { kind: &notice.kind, summary: &notice.summary, received_at_ms: notice.received_at.as_millis() }
    }
}
