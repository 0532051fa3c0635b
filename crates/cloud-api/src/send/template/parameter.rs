//! What fills the gaps of a template's text: by number in order, or by name.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::super::object::{FieldError, Object, object_of, put};

/// All by number, or all by name: Meta takes no mixture. A name is there once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters(Vec<Parameter>);

/// One gap, and what fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// `None` where the gaps are numbered.
    pub name: Option<String>,
    /// What stands there.
    pub value: ParameterValue,
}

/// What stands in a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// Words.
    Text(String),
    /// Money.
    Currency(Currency),
    /// A day, or a time of day.
    DateTime(DateTime),
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    /// What is shown.
    pub fallback_value: String,
    /// Of ISO 4217.
    pub code: String,
    /// The amount times 1,000.
    pub amount_1000: i64,
}

/// A day, or a time of day. Meta shows `fallback_value`; the parts are what older clients give besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DateTime {
    /// What is shown.
    pub fallback_value: String,
    /// GREGORIAN or SOLAR_HIJRI
    pub calendar: Option<String>,
    /// With its century.
    pub year: Option<i32>,
    /// From 1.
    pub month: Option<u8>,
    /// From 1.
    pub day_of_month: Option<u8>,
    /// From 1, which is Monday.
    pub day_of_week: Option<u8>,
    /// Of 24.
    pub hour: Option<u8>,
    /// Of the hour.
    pub minute: Option<u8>,
}

/// A name that fills two gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name is given twice")]
pub struct InvalidParameters;

impl Parameters {
    /// `{{1}}`, `{{2}}` and so on.
    pub fn positional(values: Vec<ParameterValue>) -> Self {
        Self(values.into_iter().map(|value| Parameter { name: None, value }).collect())
    }

    /// `{{customer_name}}`, in any order.
    pub fn named(values: Vec<(String, ParameterValue)>) -> Result<Self, InvalidParameters> {
        let mut names = HashSet::new();
        if values.iter().any(|(name, _)| !names.insert(name.as_str())) {
            return Err(InvalidParameters);
        }
        Ok(Self(values.into_iter().map(|(name, value)| Parameter { name: Some(name), value }).collect()))
    }

    /// In order.
    pub fn as_slice(&self) -> &[Parameter] {
        &self.0
    }

    /// Whether nothing is filled in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn read(component: &Object<'_>) -> Result<Self, FieldError> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut names = HashSet::new();
        for object in component.objects("parameters")? {
            let name = object.optional_text("parameter_name")?;
            let is_alike = parameters.first().is_none_or(|first| first.name.is_some() == name.is_some());
            let is_new = name.as_ref().is_none_or(|name| names.insert(name.clone()));
            if !(is_alike && is_new) {
                return Err(object.must_be("parameter_name", "there for all or for none, each once"));
            }
            parameters.push(Parameter { name, value: ParameterValue::read(&object)? });
        }
        Ok(Self(parameters))
    }

    pub(super) fn to_value(&self) -> Value {
        self.0.iter().map(Parameter::to_value).collect()
    }
}

impl Parameter {
    pub(super) fn to_value(&self) -> Value {
        let kind = self.value.kind();
        object_of([
            ("type", Some(kind.into())),
            ("parameter_name", self.name.as_deref().map(Value::from)),
            (kind, Some(self.value.to_value())),
        ])
    }
}

impl ParameterValue {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Currency(_) => "currency",
            Self::DateTime(_) => "date_time",
        }
    }

    pub(super) fn read(parameter: &Object<'_>) -> Result<Self, FieldError> {
        Ok(match parameter.word("type")?.as_str() {
            "text" => Self::Text(parameter.text("text")?),
            "currency" => Self::Currency(Currency::read(&parameter.object("currency")?)?),
            "date_time" => Self::DateTime(DateTime::read(&parameter.object("date_time")?)?),
            _ => return Err(parameter.must_be("type", "text, currency or date_time")),
        })
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Currency(currency) => currency.to_value(),
            Self::DateTime(time) => time.to_value(),
        }
    }
}

impl Currency {
    fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            fallback_value: object.text("fallback_value")?,
            code: object.text("code")?,
            amount_1000: object.integer("amount_1000")?,
        })
    }

    fn to_value(&self) -> Value {
        json!({"fallback_value": self.fallback_value, "code": self.code, "amount_1000": self.amount_1000})
    }
}

impl DateTime {
    fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            fallback_value: object.text("fallback_value")?,
            calendar: object.optional_text("calendar")?,
            year: object.optional_integer("year")?,
            month: object.optional_integer("month")?,
            day_of_month: object.optional_integer("day_of_month")?,
            day_of_week: object.optional_integer("day_of_week")?,
            hour: object.optional_integer("hour")?,
            minute: object.optional_integer("minute")?,
        })
    }

    fn to_value(&self) -> Value {
        let mut object = Map::new();
        put(&mut object, "fallback_value", Some(self.fallback_value.as_str()));
        put(&mut object, "calendar", self.calendar.as_deref());
        put(&mut object, "year", self.year);
        put(&mut object, "month", self.month);
        put(&mut object, "day_of_month", self.day_of_month);
        put(&mut object, "day_of_week", self.day_of_week);
        put(&mut object, "hour", self.hour);
        put(&mut object, "minute", self.minute);
        Value::Object(object)
    }
}
