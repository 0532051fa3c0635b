//! Our messages as AMQP's and back. Knows no connection.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::message::Delivery as AmqpDelivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use waypost_bus::{Delivery, Message};

/// Stored on disk, on the dead-letter queue too.
const PERSISTENT: u8 = 2;
/// Set by quorum queues from the second delivery on.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// Headers of that prefix belong to the broker.
const BROKERS_OWN: &str = "x-";

/// All but the body. `None`: a field is longer than AMQP allows; no broker would take it.
pub(crate) fn properties(message: Message) -> Option<BasicProperties> {
    let Message { id, kind, content_type, headers, body: _ } = message;
    let mut properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(ShortString::try_new(id).ok()?)
        .with_type(ShortString::try_new(kind).ok()?)
        .with_content_type(ShortString::try_new(content_type).ok()?);
    if !headers.is_empty() {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert(ShortString::try_new(name).ok()?, AMQPValue::LongString(value.into()));
        }
        properties = properties.with_headers(table);
    }
    Some(properties)
}

pub(crate) fn decode(delivery: AmqpDelivery) -> Delivery {
    let properties = delivery.properties;
    let headers = properties.headers().as_ref();
    let count = headers.and_then(|table| unsigned(table.inner().get(DELIVERY_COUNT)?)).unwrap_or(0);
    let message = Message {
        id: text(properties.message_id()),
        kind: text(properties.kind()),
        content_type: text(properties.content_type()),
        headers: headers.into_iter().flatten().filter_map(|(name, value)| header(name, value)).collect(),
        body: Bytes::from(delivery.data),
    };
    Delivery::new(message, count, delivery.redelivered || count > 0, delivery.delivery_tag)
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
    use std::collections::BTreeMap;

    use super::*;

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
        decode(delivery)
    }

    #[test]
    fn a_message_comes_back_as_it_was() {
        let properties = properties(message()).unwrap();
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

    #[test]
    fn what_amqp_cannot_carry_is_found_before_it_is_sent() {
        let long = "x".repeat(256);
        for message in [
            Message { id: long.clone(), ..message() },
            Message { kind: long.clone(), ..message() },
            Message { content_type: long.clone(), ..message() },
            Message { headers: BTreeMap::from([(long.clone(), String::new())]), ..message() },
        ] {
            assert!(properties(message).is_none());
        }
    }
}
