//! The messages of the administration and the gateway as JSON, by their descriptors: the canonical protobuf mapping, with
//! the fields' own names. What the audit log keeps and the command line prints.

use std::sync::LazyLock;

use prost::Name;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

/// The files of package `waypost.admin.v1` and what they import, as an encoded `FileDescriptorSet`.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!("generated/waypost.admin.v1.binpb");

/// The same of package `waypost.gateway.v1`.
pub const GATEWAY_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/waypost.gateway.v1.binpb");

/// Parsed once; nothing in it changes.
static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let mut pool = DescriptorPool::new();
    for set in [DESCRIPTOR_SET, GATEWAY_DESCRIPTOR_SET] {
        // The bytes are committed and held to the sources by a test. A file that is in both is the same file.
        pool.decode_file_descriptor_set(set).unwrap_or_else(|error| unreachable!("{error}"));
    }
    pool
});

/// All messages and services of both.
pub fn descriptors() -> &'static DescriptorPool {
    &POOL
}

/// The fields of a message.
pub fn descriptor<M: Name>() -> MessageDescriptor {
    let name = M::full_name();
    // Generated from the same files.
    POOL.get_message_by_name(&name).unwrap_or_else(|| unreachable!("{name} is not described"))
}

/// `message` as JSON. Fields that have their default value are left out unless `with_defaults`.
pub fn to_json<M: Name>(message: &M, with_defaults: bool) -> Value {
    let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(!with_defaults);
    DynamicMessage::decode(descriptor::<M>(), &*message.encode_to_vec())
        .ok()
        .and_then(|dynamic| dynamic.serialize_with_options(serde_json::value::Serializer, &options).ok())
        // Only a time beyond the year 9999 has no JSON form.
        .unwrap_or(Value::Null)
}
