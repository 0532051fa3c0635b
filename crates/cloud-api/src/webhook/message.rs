//! One element of `messages[]` or `message_echoes[]`, as a domain message.
//!
//! It must never fail for a field that is missing or strange: whatever there is, the message is routed.

use waypost_domain::message::{Media, Quoted, Referral, Rotation, Tap, TapSource};
use waypost_domain::{AliasSet, InboundMessage, MessageKind, Timestamp};

use super::person::Ids;
use super::{DecodeError, Sender};
use crate::json::{Json, Oddities, fields, fields_of, for_each, integer, object, string};

/// Decodes a customer's message. `sender.aliases` is taken as it is; when it names nobody, the message's own `from`
/// and `from_user_id` count.
pub fn decode_message(json: &str, sender: &Sender) -> Result<InboundMessage, DecodeError> {
    decode_again(json, Direction::Inbound, sender)
}

/// Decodes an echo, a message of ours: the contact is its recipient.
pub fn decode_echo(json: &str, sender: &Sender) -> Result<InboundMessage, DecodeError> {
    decode_again(json, Direction::Echo, sender)
}

fn decode_again(json: &str, direction: Direction, sender: &Sender) -> Result<InboundMessage, DecodeError> {
    decode(json, direction, |own| {
        let aliases = if sender.aliases.is_empty() { own.aliases() } else { sender.aliases.clone() };
        Sender { aliases, ..sender.clone() }
    })
}

/// A person reads a handful of error codes; a hostile list of them must not become a large one of ours.
const ERROR_CODES_MAX: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The customer wrote it.
    Inbound,
    /// We wrote it.
    Echo,
}

object! {
    Message {
        id: "id",
        from: "from",
        from_user_id: "from_user_id",
        from_parent_user_id: "from_parent_user_id",
        to: "to",
        to_user_id: "to_user_id",
        to_parent_user_id: "to_parent_user_id",
        timestamp: "timestamp",
        kind: "type",
        text: "text",
        image: "image",
        video: "video",
        document: "document",
        audio: "audio",
        sticker: "sticker",
        button: "button",
        interactive: "interactive",
        system: "system",
        context: "context",
        referral: "referral",
        group_id: "group_id",
        errors: "errors",
    }
}

/// `who` is asked for the contact, given what the message itself says about it.
pub(super) fn decode<'a>(
    json: &'a str,
    direction: Direction,
    who: impl FnOnce(&Ids<'a>) -> Sender,
) -> Result<InboundMessage, DecodeError> {
    let (message, oddities) = Message::read(json).ok_or(DecodeError::NotAnObject)?;
    let own = match direction {
        Direction::Inbound => Ids::read(message.from, message.from_user_id, message.from_parent_user_id),
        Direction::Echo => Ids::read(message.to, message.to_user_id, message.to_parent_user_id),
    };
    let sender = who(&own);
    let kind = MessageKind::parse(string(message.kind).as_deref());
    let is_news_of_customer = kind == MessageKind::System && direction == Direction::Inbound;
    let rotation = rotation(&own, message.system.filter(|_| is_news_of_customer));
    let (tap, tap_title) = tap(message.button, message.interactive);
    let media = [message.image, message.video, message.document, message.audio, message.sticker];
    let [body] = fields_of(message.text, &["body"]);
    let body = string(body);
    let is_plain_text = kind == MessageKind::Text
        && body.is_some()
        && oddities == Oddities::default()
        && message.has_nothing_but_text();
    Ok(InboundMessage {
        id: string(message.id),
        kind,
        contact: contact(&rotation, sender.aliases),
        from: string(message.from),
        profile_name: sender.profile_name,
        username: sender.username,
        timestamp: integer(message.timestamp).map(Timestamp::from_wire),
        text: body.or_else(|| media.iter().find_map(|media| caption(*media))).or(tap_title),
        tap,
        media: media.into_iter().find_map(read_media),
        quoted: quoted(message.context),
        referral: referral(message.referral),
        group_id: string(message.group_id),
        rotation: (!rotation.previous.is_empty() && !rotation.current.is_empty()).then_some(rotation),
        error_codes: error_codes(message.errors),
        is_plain_text,
    })
}

impl Message<'_> {
    /// Beside who wrote to us, and when.
    fn has_nothing_but_text(&self) -> bool {
        let names = [self.to, self.to_user_id, self.to_parent_user_id, self.group_id, self.context, self.referral];
        let media = [self.image, self.video, self.document, self.audio, self.sticker];
        let others = [self.button, self.interactive, self.system, self.errors];
        let text = self.text.and_then(|text| fields(text.get(), &["body"]));
        names.iter().chain(&media).chain(&others).all(Option::is_none)
            && text.is_some_and(|text| text.oddities == Oddities::default())
    }
}

/// `errors[].code`, in order.
pub(super) fn error_codes(errors: Json<'_>) -> Vec<i64> {
    let mut codes = Vec::new();
    if let Some(errors) = errors {
        for_each(errors, |error| {
            let [code] = fields_of(Some(error), &["code"]);
            if let Some(code) = integer(code)
                && codes.len() < ERROR_CODES_MAX
            {
                codes.push(code);
            }
        });
    }
    codes
}

/// A rotation speaks of the old identity; one that names only the new one, of that.
fn contact(rotation: &Rotation, sender: AliasSet) -> AliasSet {
    if rotation.current.is_empty() {
        sender
    } else if rotation.previous.is_empty() {
        rotation.current.clone()
    } else {
        rotation.previous.clone()
    }
}

/// `system.type` is `user_changed_number` (old number in `from`, new one in `system`) or `user_changed_user_id`. Both
/// sides are empty when it is another one.
fn rotation(own: &Ids<'_>, system: Json<'_>) -> Rotation {
    let [kind, wa_id, new_wa_id, user_id, parent_user_id, previous_user_id, previous_parent_user_id, customer] =
        fields_of(
            system,
            &[
                "type",
                "wa_id",
                "new_wa_id",
                "user_id",
                "parent_user_id",
                "previous_user_id",
                "previous_parent_user_id",
                "customer",
            ],
        );
    let mut rotation = Rotation { previous: AliasSet::default(), current: AliasSet::default() };
    if !matches!(string(kind).as_deref(), Some("user_changed_number" | "user_changed_user_id")) {
        return rotation;
    }
    rotation.current = Ids::read(wa_id.or(new_wa_id), user_id, parent_user_id).aliases();
    rotation.previous = Ids::read(None, previous_user_id, previous_parent_user_id).aliases();
    let mut before = own.aliases();
    if before.phone.is_none() {
        before.phone = Ids::read(customer, None, None).aliases().phone;
    }
    let previous = &mut rotation.previous;
    previous.phone = before.phone;
    // Whether `from_user_id` is the old or the new id is not documented: it is the old one if it is not the new one.
    let other = |old: Option<String>, new: &Option<String>| old.filter(|old| Some(old) != new.as_ref());
    previous.bsuid = previous.bsuid.take().or(other(before.bsuid, &rotation.current.bsuid));
    previous.parent_bsuid = previous.parent_bsuid.take().or(other(before.parent_bsuid, &rotation.current.parent_bsuid));
    rotation
}

fn caption(media: Json<'_>) -> Option<String> {
    let [caption] = fields_of(media, &["caption"]);
    string(caption)
}

/// What was tapped, and the words on it. A template button without payload is still words.
fn tap(button: Json<'_>, interactive: Json<'_>) -> (Option<Tap>, Option<String>) {
    let [button_reply, list_reply] = fields_of(interactive, &["button_reply", "list_reply"]);
    let taps = [
        (TapSource::Template, fields_of(button, &["payload", "text"])),
        (TapSource::Button, fields_of(button_reply, &["id", "title"])),
        (TapSource::List, fields_of(list_reply, &["id", "title"])),
    ];
    for (source, [id, title]) in taps {
        let (id, title) = (string(id), string(title));
        if id.is_some() || title.is_some() {
            return (id.map(|id| Tap { source, id, title: title.clone() }), title);
        }
    }
    (None, None)
}

fn read_media(media: Json<'_>) -> Option<Media> {
    let [id, mime_type, sha256, filename] = fields_of(media, &["id", "mime_type", "sha256", "filename"]);
    Some(Media { id: string(id)?, mime_type: string(mime_type), sha256: string(sha256), filename: string(filename) })
}

/// A forwarded message has a `context` too, without an id: it answers nothing.
fn quoted(context: Json<'_>) -> Option<Quoted> {
    let [id, from] = fields_of(context, &["id", "from"]);
    Some(Quoted { id: string(id)?, from: string(from) })
}

fn referral(referral: Json<'_>) -> Option<Referral> {
    let [source_type, source_id, source_url, headline] =
        fields_of(referral, &["source_type", "source_id", "source_url", "headline"]);
    let referral = Referral {
        source_type: string(source_type),
        source_id: string(source_id),
        source_url: string(source_url),
        headline: string(headline),
    };
    let is_empty = referral.source_type.is_none()
        && referral.source_id.is_none()
        && referral.source_url.is_none()
        && referral.headline.is_none();
    (!is_empty).then_some(referral)
}
