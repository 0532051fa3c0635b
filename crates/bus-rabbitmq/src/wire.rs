//! Our messages as AMQP's and back. Knows no connection.
//!
//! Three of AMQP's own fields are headers in our words: who published (`user-id`, which the broker checks), where an answer
//! shall go, and by what it is known. Must never let a stranger's header stand for any of them: only what we published
//! ourselves may name another user, as a dead letter does and what is replayed.

use std::collections::BTreeMap;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::message::Delivery as AmqpDelivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use waypost_bus::{CORRELATION_HEADER, Delivery, Message, REPLY_TO_HEADER, USER_HEADER};

use crate::topology::USERS;

/// Stored on disk, on the dead-letter queue too.
const PERSISTENT: u8 = 2;
/// Set by quorum queues from the second delivery on.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// Headers of that prefix belong to the broker.
const BROKERS_OWN: &str = "x-";

/// All but the body, as published by `user`. `None`: a field is longer than AMQP allows; no broker would take it.
pub(crate) fn properties(message: Message, user: &str) -> Option<BasicProperties> {
    let Message { id, kind, content_type, mut headers, body: _ } = message;
    let mut properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(ShortString::try_new(id).ok()?)
        .with_type(ShortString::try_new(kind).ok()?)
        .with_content_type(ShortString::try_new(content_type).ok()?);
    if let Some(queue) = headers.remove(REPLY_TO_HEADER) {
        properties = properties.with_reply_to(ShortString::try_new(queue).ok()?);
    }
    if let Some(id) = headers.remove(CORRELATION_HEADER) {
        properties = properties.with_correlation_id(ShortString::try_new(id).ok()?);
    }
    if headers.contains_key(USER_HEADER) {
        // By this whoever reads it knows that the header is ours.
        properties = properties.with_user_id(ShortString::try_new(user).ok()?);
    }
    if !headers.is_empty() {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert(ShortString::try_new(name).ok()?, AMQPValue::LongString(value.into()));
        }
        properties = properties.with_headers(table);
    }
    Some(properties)
}

/// `user` is the one that we are connected as.
pub(crate) fn decode(delivery: AmqpDelivery, user: &str) -> Delivery {
    let properties = delivery.properties;
    let headers = properties.headers().as_ref();
    let count = headers.and_then(|table| unsigned(table.inner().get(DELIVERY_COUNT)?)).unwrap_or(0);
    let mut headers = headers.into_iter().flatten().filter_map(|(name, value)| header(name, value)).collect();
    take_over(&mut headers, &properties, user);
    let message = Message {
        id: text(properties.message_id()),
        kind: text(properties.kind()),
        content_type: text(properties.content_type()),
        headers,
        body: Bytes::from(delivery.data),
    };
    Delivery::new(message, count, delivery.redelivered || count > 0, delivery.delivery_tag)
}

/// AMQP's own fields, in place of headers of their names.
fn take_over(headers: &mut BTreeMap<String, String>, properties: &BasicProperties, user: &str) {
    let publisher = properties.user_id().as_ref().map(ShortString::as_str);
    let is_ours = |name: &str| name == user || USERS.iter().any(|ours| ours.name == name);
    let speaks_for_another = publisher.is_some_and(is_ours) && headers.contains_key(USER_HEADER);
    let publisher = properties.user_id().as_ref().filter(|_| !speaks_for_another);
    if !speaks_for_another {
        headers.remove(USER_HEADER);
    }
    headers.remove(REPLY_TO_HEADER);
    headers.remove(CORRELATION_HEADER);
    let (reply_to, correlation) = (properties.reply_to().as_ref(), properties.correlation_id().as_ref());
    for (name, value) in [(USER_HEADER, publisher), (REPLY_TO_HEADER, reply_to), (CORRELATION_HEADER, correlation)] {
        if let Some(value) = value {
            headers.insert(name.to_owned(), value.to_string());
        }
    }
}

fn text(value: &Option<ShortString>) -> String {
    value.as_ref().map_or_else(String::new, ToString::to_string)
}

/// Other people's publishers may send other types; what has no short text is left out.
fn header(name: &ShortString, value: &AMQPValue) -> Option<(String, String)> {
    let text = match value {
        AMQPValue::LongString(text) => text.to_string(),
        AMQPValue::ShortString(text) => text.to_string(),
        _ if name.as_str().starts_with(BROKERS_OWN) => return None,
        AMQPValue::Boolean(value) => value.to_string(),
        value => signed(value)?.to_string(),
    };
    Some((name.to_string(), text))
}

fn unsigned(value: &AMQPValue) -> Option<u32> {
    u32::try_from(signed(value)?).ok()
}

fn signed(value: &AMQPValue) -> Option<i64> {
    match *value {
        AMQPValue::ShortShortInt(value) => Some(value.into()),
        AMQPValue::ShortShortUInt(value) => Some(value.into()),
        AMQPValue::ShortInt(value) => Some(value.into()),
        AMQPValue::ShortUInt(value) => Some(value.into()),
        AMQPValue::LongInt(value) => Some(value.into()),
        AMQPValue::LongUInt(value) => Some(value.into()),
        AMQPValue::LongLongInt(value) => Some(value),
        AMQPValue::Timestamp(value) => i64::try_from(value).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: &str = "our-process";

    fn message() -> Message {
        Message {
            id: "id".to_owned(),
            kind: "kind".to_owned(),
            content_type: "text/plain".to_owned(),
            headers: BTreeMap::from([("a".to_owned(), "ü".to_owned())]),
            body: Bytes::from_static(b"body"),
        }
    }

    fn delivered(properties: BasicProperties, redelivered: bool) -> Delivery {
        let mut delivery = AmqpDelivery::mock(7, "".into(), "".into(), redelivered, b"body".to_vec());
        delivery.properties = properties;
        decode(delivery, US)
    }

    #[test]
    fn a_message_comes_back_as_it_was() {
        let properties = properties(message(), US).unwrap();
        assert_eq!(properties.delivery_mode(), &Some(PERSISTENT));
        let delivery = delivered(properties, false);
        assert_eq!(delivery.message, message());
        assert_eq!((delivery.delivery_count, delivery.redelivered, delivery.tag()), (0, false, 7));
    }

    #[test]
    fn the_broker_counts_deliveries() {
        let mut headers = FieldTable::default();
        headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(3));
        let delivery = delivered(BasicProperties::default().with_headers(headers), false);
        assert_eq!((delivery.delivery_count, delivery.redelivered), (3, true));
        assert!(delivery.message.headers.is_empty(), "the broker's own header is not the message's");
        assert!(delivered(BasicProperties::default(), true).redelivered);
    }

    #[test]
    fn foreign_headers_become_text_where_they_can() {
        let mut headers = FieldTable::default();
        headers.insert("flag".into(), AMQPValue::Boolean(true));
        headers.insert("number".into(), AMQPValue::LongInt(-5));
        headers.insert("nothing".into(), AMQPValue::Void);
        headers.insert("x-first-death-reason".into(), AMQPValue::LongString("delivery_limit".into()));
        let delivery = delivered(BasicProperties::default().with_headers(headers), false);
        let found: Vec<(&str, &str)> =
            delivery.message.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, [("flag", "true"), ("number", "-5"), ("x-first-death-reason", "delivery_limit")]);
    }

    /// What a consumer finds under the three names.
    fn found(properties: BasicProperties) -> [Option<String>; 3] {
        let headers = delivered(properties, false).message.headers;
        [USER_HEADER, REPLY_TO_HEADER, CORRELATION_HEADER].map(|name| headers.get(name).cloned())
    }

    fn forged() -> FieldTable {
        let mut headers = FieldTable::default();
        for name in [USER_HEADER, REPLY_TO_HEADER, CORRELATION_HEADER] {
            headers.insert(name.into(), AMQPValue::LongString("team-other".into()));
        }
        headers
    }

    #[test]
    fn who_published_is_the_brokers_word_and_never_a_strangers() {
        let stranger = BasicProperties::default().with_headers(forged());
        assert_eq!(found(stranger.clone()), [const { None }; 3], "nobody vouches for any of it");
        let team = stranger.clone().with_user_id("team-desk".into()).with_reply_to("answers".into());
        let asked = ["team-desk", "answers", "7"].map(|text| Some(text.to_owned()));
        assert_eq!(found(team.with_correlation_id("7".into())), asked);
        for ours in [US, "waypost-admin", "waypost-router"] {
            let user = &found(stranger.clone().with_user_id(ours.into()))[0];
            assert_eq!(user.as_deref(), Some("team-other"), "{ours} speaks for another");
            assert_eq!(found(BasicProperties::default().with_user_id(ours.into()))[0].as_deref(), Some(ours));
        }
    }

    #[test]
    fn what_we_publish_again_is_still_its_publishers() {
        let asked = BasicProperties::default().with_user_id("team-desk".into()).with_reply_to("answers".into());
        let message = delivered(asked.with_correlation_id("7".into()), false).message;
        let again = properties(message.clone(), US).unwrap();
        assert_eq!(
            (again.user_id().as_ref().unwrap().as_str(), again.reply_to().as_ref().unwrap().as_str()),
            (US, "answers")
        );
        assert_eq!(delivered(again, false).message, message);
        let plain = properties(Message::default(), US).unwrap();
        assert!(plain.user_id().is_none() && plain.headers().is_none(), "it costs nothing where nobody asks");
    }

    #[test]
    fn what_amqp_cannot_carry_is_found_before_it_is_sent() {
        let long = "x".repeat(256);
        for message in [
            Message { id: long.clone(), ..message() },
            Message { kind: long.clone(), ..message() },
            Message { content_type: long.clone(), ..message() },
            Message { headers: BTreeMap::from([(long.clone(), String::new())]), ..message() },
            Message { headers: BTreeMap::from([(REPLY_TO_HEADER.to_owned(), long.clone())]), ..message() },
        ] {
            assert!(properties(message, US).is_none());
        }
    }
}
