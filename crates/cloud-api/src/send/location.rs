//! A place on the map.

use serde_json::Value;

use super::object::{FieldError, Object, object_of};

/// Degrees, written as text: a number that was read is sent with the very digits it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Degrees(String);

/// What is no number of degrees, or too many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("are no degrees within {0} of 0")]
pub struct InvalidDegrees(u16);

impl Degrees {
    /// Up to 90 to the north, or as many below 0 to the south.
    pub fn latitude(text: impl Into<String>) -> Result<Self, InvalidDegrees> {
        Self::within(text.into(), 90)
    }

    /// Up to 180 to the east, or as many below 0 to the west.
    pub fn longitude(text: impl Into<String>) -> Result<Self, InvalidDegrees> {
        Self::within(text.into(), 180)
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn within(text: String, max: u16) -> Result<Self, InvalidDegrees> {
        let is_within = text.parse::<f64>().is_ok_and(|degrees| degrees.abs() <= f64::from(max));
        if is_within { Ok(Self(text)) } else { Err(InvalidDegrees(max)) }
    }
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// North of the equator.
    pub latitude: Degrees,
    /// East of Greenwich.
    pub longitude: Degrees,
    /// What it is called.
    pub name: Option<String>,
    /// Where it is, in words.
    pub address: Option<String>,
}

impl Location {
    pub(super) fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        let latitude = Degrees::latitude(object.text("latitude")?);
        let longitude = Degrees::longitude(object.text("longitude")?);
        Ok(Self {
            latitude: latitude.map_err(|_| object.must_be("latitude", "degrees, at most 90"))?,
            longitude: longitude.map_err(|_| object.must_be("longitude", "degrees, at most 180"))?,
            name: object.optional_text("name")?,
            address: object.optional_text("address")?,
        })
    }

    pub(super) fn to_value(&self) -> Value {
        object_of([
            ("latitude", Some(self.latitude.as_str().into())),
            ("longitude", Some(self.longitude.as_str().into())),
            ("name", self.name.as_deref().map(Value::from)),
            ("address", self.address.as_deref().map(Value::from)),
        ])
    }
}
