//! A protobuf message as fields within fields, so that one can be changed and the lengths around it still be right.
//! Knows no schema: what reads as a message is taken for one.

use prost::encoding::{decode_varint, encode_varint};

const DEPTH_MAX: usize = 12;

#[derive(Debug, Clone)]
pub(crate) struct Tree(Vec<Node>);

#[derive(Debug, Clone)]
struct Node {
    /// Number and wire type.
    tag: u64,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Number(u64),
    Text(Vec<u8>),
    Message(Vec<Node>),
}

impl Tree {
    /// `None` for what has a field of a type that we do not use.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        nodes(bytes, 0).map(Self)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(&self.0)
    }

    pub(crate) fn remove(&mut self, place: usize) {
        self.at(place, |siblings, at| drop(siblings.remove(at)));
    }

    pub(crate) fn double(&mut self, place: usize) {
        self.at(place, |siblings, at| siblings.insert(at, siblings[at].clone()));
    }

    pub(crate) fn set_text(&mut self, place: usize, text: &str) {
        self.at(place, |siblings, at| {
            if let Value::Text(old) = &mut siblings[at].value {
                *old = text.as_bytes().to_vec();
            }
        });
    }

    pub(crate) fn set_number(&mut self, place: usize, number: u64) {
        self.at(place, |siblings, at| {
            if let Value::Number(old) = &mut siblings[at].value {
                *old = number;
            }
        });
    }

    /// With a field beside it.
    pub(crate) fn swap(&mut self, place: usize, other: usize) {
        self.at(place, |siblings, at| {
            let other = other % siblings.len();
            siblings.swap(at, other);
        });
    }

    /// Changes among the fields of one message, of which the field at `place` is one: all of them are counted, and
    /// again from the first.
    fn at(&mut self, place: usize, change: impl FnOnce(&mut Vec<Node>, usize)) {
        let count = count(&self.0);
        if count > 0 {
            let (siblings, at) = find(&mut self.0, place % count);
            change(siblings, at);
        }
    }
}

fn nodes(mut bytes: &[u8], depth: usize) -> Option<Vec<Node>> {
    let mut nodes = Vec::new();
    while !bytes.is_empty() {
        let tag = decode_varint(&mut bytes).ok()?;
        let value = match tag & 7 {
            0 => Value::Number(decode_varint(&mut bytes).ok()?),
            2 => {
                let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                let inner = if value.is_empty() || depth >= DEPTH_MAX { None } else { self::nodes(value, depth + 1) };
                inner.map_or_else(|| Value::Text(value.to_vec()), Value::Message)
            }
            _ => return None,
        };
        if tag >> 3 == 0 || tag >> 3 > 64 {
            return None;
        }
        nodes.push(Node { tag, value });
    }
    Some(nodes)
}

fn encode(nodes: &[Node]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for node in nodes {
        encode_varint(node.tag, &mut bytes);
        let inner = match &node.value {
            Value::Number(number) => {
                encode_varint(*number, &mut bytes);
                continue;
            }
            Value::Text(text) => text.clone(),
            Value::Message(nodes) => encode(nodes),
        };
        encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend(inner);
    }
    bytes
}

fn count(nodes: &[Node]) -> usize {
    nodes.iter().map(node_count).sum()
}

/// Itself, and all in it.
fn node_count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Number(_) | Value::Text(_) => 0,
        Value::Message(nodes) => count(nodes),
    }
}

/// `place` is below their count.
fn find(nodes: &mut Vec<Node>, mut place: usize) -> (&mut Vec<Node>, usize) {
    let mut at = 0;
    while place >= node_count(&nodes[at]) {
        place -= node_count(&nodes[at]);
        at += 1;
    }
    if place == 0 {
        return (nodes, at);
    }
    match &mut nodes[at].value {
        Value::Message(inner) => find(inner, place - 1),
        Value::Number(_) | Value::Text(_) => unreachable!("it has nothing in it"),
    }
}
