//! What a statement answers: rows whose values are asked for by their columns' names and checked on the way out.

use std::cell::Cell;
use std::error::Error;
use std::sync::Arc;

use rusqlite::types::Value;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;
use waypost_domain::send::{SendId, SendState};
use waypost_domain::team::Priority;
use waypost_domain::{
    Binding, CampaignName, CampaignState, Category, ConsentEntryId, ContactId, ConversationId, ConversationState,
    DecisionId, NumberName, PartitionId, PhoneNumberId, TeamName, Timestamp, WabaId,
};

use crate::{Result, StoreError};

/// One row of either database.
pub(crate) enum Row {
    Sqlite { names: Arc<[String]>, values: Vec<Value> },
    Postgres(tokio_postgres::Row),
}

/// A row whose values are those of `table`, which errors name.
pub(crate) struct Columns<'a> {
    row: &'a Row,
    table: &'static str,
    /// Where the next name is looked for first: columns are mostly read in their order.
    next: Cell<usize>,
}

/// A stored value, not yet read as what it should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// What a column may be read as. `None`: the stored value is no such thing.
pub(crate) trait FromField: Sized {
    fn from_field(field: Field<'_>) -> Option<Self>;
}

impl Row {
    pub(crate) const fn of(&self, table: &'static str) -> Columns<'_> {
        Columns { row: self, table, next: Cell::new(0) }
    }

    fn name(&self, index: usize) -> Option<&str> {
        match self {
            Self::Sqlite { names, .. } => names.get(index).map(String::as_str),
            Self::Postgres(row) => row.columns().get(index).map(tokio_postgres::Column::name),
        }
    }

    fn field(&self, index: usize) -> Option<Field<'_>> {
        match self {
            Self::Sqlite { values, .. } => Some(match values.get(index)? {
                Value::Null => Field::Null,
                Value::Integer(value) => Field::Int(*value),
                // No column holds one; what is there instead is not ours.
                Value::Real(_) => return None,
                Value::Text(text) => Field::Text(text),
                Value::Blob(bytes) => Field::Bytes(bytes),
            }),
            Self::Postgres(row) => row.try_get(index).ok(),
        }
    }
}

impl Columns<'_> {
    /// [`StoreError::Unreadable`] where the value is not a `T`.
    pub(crate) fn get<T: FromField>(&self, column: &'static str) -> Result<T> {
        self.find(column).and_then(|index| self.row.field(index)).and_then(T::from_field).ok_or(self.unreadable(column))
    }

    /// A text that has a meaning of its own, or none.
    pub(crate) fn parse<T>(&self, column: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
        let field = self.find(column).and_then(|index| self.row.field(index));
        match field {
            Some(Field::Null) => Ok(None),
            Some(Field::Text(text)) => parse(text).map(Some).ok_or(self.unreadable(column)),
            Some(Field::Int(_) | Field::Bytes(_)) | None => Err(self.unreadable(column)),
        }
    }

    pub(crate) const fn unreadable(&self, column: &'static str) -> StoreError {
        StoreError::Unreadable { table: self.table, column }
    }

    fn find(&self, column: &str) -> Option<usize> {
        let from = self.next.get();
        let index = if self.row.name(from) == Some(column) {
            from
        } else {
            (0..).map_while(|index| Some((index, self.row.name(index)?))).find(|(_, name)| *name == column)?.0
        };
        self.next.set(index + 1);
        Some(index)
    }
}

impl<'a> FromSql<'a> for Field<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *ty {
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(ty, raw)?.into()),
            Type::BOOL => Self::Int(bool::from_sql(ty, raw)?.into()),
            Type::TEXT | Type::VARCHAR | Type::NAME => Self::Text(<&str>::from_sql(ty, raw)?),
            Type::BYTEA | Type::UUID => Self::Bytes(raw),
            _ => return Err(format!("no field is read from {ty}").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl<T: FromField> FromField for Option<T> {
    fn from_field(field: Field<'_>) -> Option<Self> {
        match field {
            Field::Null => Some(None),
            Field::Int(_) | Field::Text(_) | Field::Bytes(_) => T::from_field(field).map(Some),
        }
    }
}

macro_rules! from_field {
    ($($type:ty: $variant:ident => |$value:ident| $read:expr,)*) => {
        $(impl FromField for $type {
            fn from_field(field: Field<'_>) -> Option<Self> {
                let Field::$variant($value) = field else { return None };
                $read
            }
        })*
    };
}

from_field! {
    i64: Int => |value| Some(value),
    SendId: Text => |text| Self::new(text).ok(),
    SendState: Text => |text| Self::parse(text),
    Category: Text => |text| Self::parse(text),
    ConsentEntryId: Bytes => |bytes| Uuid::from_slice(bytes).ok().map(Self::from_uuid),
    u64: Int => |value| value.try_into().ok(),
    u32: Int => |value| value.try_into().ok(),
    u8: Int => |value| value.try_into().ok(),
    bool: Int => |value| Some(value != 0),
    Timestamp: Int => |value| Some(Self::from_millis(value)),
    PartitionId: Int => |value| u16::try_from(value).ok().map(Self),
    String: Text => |text| Some(text.to_owned()),
    TeamName: Text => |text| Self::new(text).ok(),
    CampaignName: Text => |text| Self::new(text).ok(),
    CampaignState: Text => |text| Self::parse(text),
    NumberName: Text => |text| Self::new(text).ok(),
    PhoneNumberId: Text => |text| Some(Self::new(text)),
    WabaId: Text => |text| Some(Self::new(text)),
    Priority: Text => |text| Self::parse(text),
    Binding: Text => |text| Self::parse(text),
    ConversationState: Text => |text| Self::parse(text),
    Vec<u8>: Bytes => |bytes| Some(bytes.to_vec()),
    Uuid: Bytes => |bytes| Self::from_slice(bytes).ok(),
    ContactId: Bytes => |bytes| Uuid::from_slice(bytes).ok().map(Self::from_uuid),
    ConversationId: Bytes => |bytes| Uuid::from_slice(bytes).ok().map(Self::from_uuid),
    DecisionId: Bytes => |bytes| Uuid::from_slice(bytes).ok().map(Self::from_uuid),
}
