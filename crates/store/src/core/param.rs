//! What a statement is given. One enum for both databases, so that nothing above it is generic.

use std::borrow::Cow;
use std::error::Error;

use bytes::BufMut as _;
use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;
use waypost_domain::send::{SendId, SendState};
use waypost_domain::{
    CampaignName, CampaignState, Category, ConsentEntryId, ContactId, ConversationId, DecisionId, NumberName,
    PartitionId, TeamName, Timestamp,
};

/// A value to bind. An array is one parameter on PostgreSQL, and JSON on SQLite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Param<'a> {
    Null,
    /// Also booleans, as 0 and 1, and instants.
    Int(i64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// PostgreSQL: UUID. SQLite: 16 bytes.
    Uuid(Uuid),
    Array(Vec<Self>),
}

/// `params![id, name, at]`: each turned into a [`Param`].
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::core::Param::from($value)),*]
    };
}
pub(crate) use params;

impl Param<'_> {
    /// The same, on its way to another thread.
    pub(crate) fn into_owned(self) -> Param<'static> {
        match self {
            Self::Null => Param::Null,
            Self::Int(value) => Param::Int(value),
            Self::Text(text) => Param::Text(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Param::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Uuid(id) => Param::Uuid(id),
            Self::Array(items) => Param::Array(items.into_iter().map(Param::into_owned).collect()),
        }
    }

    /// As an element of the JSON that SQLite's `json_each` reads.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Int(value) => (*value).into(),
            Self::Text(text) => text.as_ref().into(),
            Self::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
            Self::Uuid(id) => id.simple().to_string().into(),
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
        }
    }
}

impl<'a, T: Into<Self>> FromIterator<T> for Param<'a> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! from {
    ($($type:ty => |$value:ident| $param:expr,)*) => {
        $(impl<'a> From<$type> for Param<'a> {
            fn from($value: $type) -> Self {
                $param
            }
        })*
    };
}

from! {
    i64 => |value| Self::Int(value),
    u32 => |value| Self::Int(value.into()),
    u16 => |value| Self::Int(value.into()),
    u8 => |value| Self::Int(value.into()),
    bool => |value| Self::Int(value.into()),
    Timestamp => |value| Self::Int(value.as_millis()),
    PartitionId => |value| Self::Int(value.0.into()),
    Uuid => |id| Self::Uuid(id),
    ContactId => |id| Self::Uuid(id.as_uuid()),
    ConversationId => |id| Self::Uuid(id.as_uuid()),
    DecisionId => |id| Self::Uuid(id.as_uuid()),
    String => |text| Self::Text(Cow::Owned(text)),
    &'a str => |text| Self::Text(Cow::Borrowed(text)),
    &'a String => |text| Self::Text(Cow::Borrowed(text)),
    Cow<'a, str> => |text| Self::Text(text),
    &'a SendId => |id| Self::Text(Cow::Borrowed(id.as_str())),
    SendState => |state| Self::Text(Cow::Borrowed(state.as_str())),
    Category => |category| Self::Text(Cow::Borrowed(category.as_str())),
    ConsentEntryId => |id| Self::Uuid(id.as_uuid()),
    &'a TeamName => |name| Self::Text(Cow::Borrowed(name.as_str())),
    &'a CampaignName => |name| Self::Text(Cow::Borrowed(name.as_str())),
    CampaignState => |state| Self::Text(Cow::Borrowed(state.as_str())),
    &'a NumberName => |name| Self::Text(Cow::Borrowed(name.as_str())),
    Vec<u8> => |bytes| Self::Bytes(Cow::Owned(bytes)),
    &'a Vec<u8> => |bytes| Self::Bytes(Cow::Borrowed(bytes)),
    &'a [u8] => |bytes| Self::Bytes(Cow::Borrowed(bytes)),
}

/// Written as the statement's own type, which PostgreSQL told when it was prepared.
impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => match *ty {
                Type::INT8 => value.to_sql(ty, out),
                Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
                Type::BOOL => (*value != 0).to_sql(ty, out),
                _ => Err(misplaced("a number", ty)),
            },
            Self::Text(text) => match *ty {
                Type::TEXT | Type::VARCHAR | Type::NAME => text.as_ref().to_sql(ty, out),
                _ => Err(misplaced("text", ty)),
            },
            Self::Bytes(bytes) => match *ty {
                Type::BYTEA => bytes.as_ref().to_sql(ty, out),
                _ => Err(misplaced("bytes", ty)),
            },
            Self::Uuid(id) => match *ty {
                Type::UUID => {
                    out.put_slice(id.as_bytes());
                    Ok(IsNull::No)
                }
                _ => Err(misplaced("an id", ty)),
            },
            Self::Array(items) => match ty.kind() {
                tokio_postgres::types::Kind::Array(_) => items.as_slice().to_sql(ty, out),
                _ => Err(misplaced("an array", ty)),
            },
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Never with the value.
fn misplaced(what: &str, ty: &Type) -> Box<dyn Error + Sync + Send> {
    format!("{what} was given where the statement wants {ty}").into()
}
