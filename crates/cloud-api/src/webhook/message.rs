//! One element of `messages[]` or `message_echoes[]`, as a domain message.
//!
//! It must never fail for a field that is missing or strange: whatever there is, the message is routed.

use waypost_domain::message::{Edit, Forwarded, Media, MessageContent, Quoted, Referral, Rotation, Tap, TapSource};
use waypost_domain::{AliasSet, InboundMessage, MessageKind, Timestamp};

use super::content::{Parts, missed_call};
use super::person::Ids;
use super::{DecodeError, Sender};
use crate::error_object::errors;
use crate::json::{Json, Oddities, fields, fields_of, integer, object, string};

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
        location: "location",
        contacts: "contacts",
        order: "order",
        reaction: "reaction",
        edit: "edit",
        revoke: "revoke",
        unsupported: "unsupported",
        system: "system",
        // Of an element of `calls[]`.
        event: "event",
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
    let mut decoded = message.own(oddities);
    let call = message.event.filter(|_| decoded.kind == MessageKind::Missing).and_then(|_| missed_call(json));
    if let Some(call) = call {
        (decoded.kind, decoded.content) = (MessageKind::Call, MessageContent::Call(call));
    }
    if let Some(edit) = message.edit {
        decoded.content = MessageContent::Edit(read_edit(edit.get()));
    }
    let is_news_of_customer = decoded.kind == MessageKind::System && direction == Direction::Inbound;
    let rotation = rotation(&own, message.system.filter(|_| is_news_of_customer));
    decoded.contact = contact(&rotation, sender.aliases);
    decoded.profile_name = sender.profile_name;
    decoded.username = sender.username;
    decoded.rotation = (!rotation.previous.is_empty() && !rotation.current.is_empty()).then_some(rotation);
    Ok(decoded)
}

/// The message as it is now stands in the edit, and is read as any other, but for an edit of an edit.
fn read_edit(json: &str) -> Edit {
    let Some([original, message]) = fields(json, &["original_message_id", "message"]).map(|edit| edit.values) else {
        return Edit::default();
    };
    let message = message.and_then(|message| {
        let (message, oddities) = Message::read(message.get())?;
        Some(message.own(oddities))
    });
    Edit { original: string(original), message: Box::new(message.unwrap_or_default()) }
}

impl Message<'_> {
    /// All but whose it is, what it edits, and whether it is a call.
    fn own(&self, oddities: Oddities) -> InboundMessage {
        let (tap, tap_title) = tap(self.button, self.interactive);
        let media = [self.image, self.video, self.document, self.audio, self.sticker];
        let text = self.text.filter(|raw| raw.get().starts_with('{')).and_then(|raw| fields(raw.get(), &["body"]));
        let has_only_body = text.as_ref().is_some_and(|text| text.oddities == Oddities::default());
        let body = string(text.and_then(|text| text.values[0]));
        let kind = MessageKind::parse(string(self.kind).as_deref());
        let is_plain_text = kind == MessageKind::Text
            && body.is_some()
            && oddities == Oddities::default()
            && has_only_body
            && self.has_nothing_but_text();
        InboundMessage {
            id: string(self.id),
            kind,
            from: string(self.from),
            timestamp: integer(self.timestamp).map(Timestamp::from_wire),
            text: body.or_else(|| media.iter().find_map(|media| caption(*media))).or(tap_title),
            tap,
            media: media.into_iter().find_map(read_media),
            content: self.content(),
            quoted: quoted(self.context),
            forwarded: forwarded(self.context),
            referral: referral(self.referral),
            group_id: string(self.group_id),
            errors: errors(self.errors),
            is_plain_text,
            ..InboundMessage::default()
        }
    }

    fn content(&self) -> MessageContent {
        let parts = Parts {
            location: self.location,
            contacts: self.contacts,
            order: self.order,
            interactive: self.interactive,
            reaction: self.reaction,
            revoke: self.revoke,
            system: self.system,
            unsupported: self.unsupported,
        };
        parts.content()
    }

    /// Beside who wrote to us, and when.
    fn has_nothing_but_text(&self) -> bool {
        let names = [self.to, self.to_user_id, self.to_parent_user_id, self.group_id, self.context, self.referral];
        let media = [self.image, self.video, self.document, self.audio, self.sticker];
        let others = [self.button, self.interactive, self.system, self.errors, self.edit, self.revoke, self.event];
        let contents = [self.location, self.contacts, self.order, self.reaction, self.unsupported];
        names.iter().chain(&media).chain(&others).chain(&contents).all(Option::is_none)
    }
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
    let [description] = fields_of(list_reply, &["description"]);
    let taps = [
        (TapSource::Template, fields_of(button, &["payload", "text"]), None),
        (TapSource::Button, fields_of(button_reply, &["id", "title"]), None),
        (TapSource::List, fields_of(list_reply, &["id", "title"]), string(description)),
    ];
    for (source, [id, title], description) in taps {
        let (id, title) = (string(id), string(title));
        if id.is_some() || title.is_some() {
            return (id.map(|id| Tap { source, id, title: title.clone(), description }), title);
        }
    }
    (None, None)
}

fn read_media(media: Json<'_>) -> Option<Media> {
    let [id, mime_type, sha256, filename, voice] =
        fields_of(media, &["id", "mime_type", "sha256", "filename", "voice"]);
    Some(Media {
        id: string(id)?,
        mime_type: string(mime_type),
        sha256: string(sha256),
        filename: string(filename),
        is_voice: is_true(voice),
    })
}

/// A forwarded message has a `context` too, without an id: it answers nothing.
fn quoted(context: Json<'_>) -> Option<Quoted> {
    let [id, from] = fields_of(context, &["id", "from"]);
    Some(Quoted { id: string(id)?, from: string(from) })
}

fn forwarded(context: Json<'_>) -> Forwarded {
    let [once, often] = fields_of(context, &["forwarded", "frequently_forwarded"]);
    match (is_true(once), is_true(often)) {
        (_, true) => Forwarded::Often,
        (true, false) => Forwarded::Once,
        (false, false) => Forwarded::Never,
    }
}

fn is_true(json: Json<'_>) -> bool {
    json.is_some_and(|json| json.get() == "true")
}

fn referral(referral: Json<'_>) -> Option<Referral> {
    let [source_type, source_id, source_url, headline, body, click_id] =
        fields_of(referral, &["source_type", "source_id", "source_url", "headline", "body", "ctwa_clid"]);
    let referral = Referral {
        source_type: string(source_type),
        source_id: string(source_id),
        source_url: string(source_url),
        headline: string(headline),
        body: string(body),
        click_id: string(click_id),
    };
    (referral != Referral::default()).then_some(referral)
}
