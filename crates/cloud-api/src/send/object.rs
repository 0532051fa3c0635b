//! Reading what a client asks the platform for, one object at a time; what cannot be read is named by its place.
//!
//! Tolerant where Meta is: a number may be written as text and text as a number, `null` is absence, and what is not asked
//! for is passed over. An error must never hold what a field says: it is somebody's number or words.

use serde_json::{Map, Value};

/// A field of a request that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} {problem}")]
pub struct FieldError {
    /// From the outermost object: `interactive.action.buttons[1].reply.id`; `body` for the whole.
    pub path: String,
    /// Why.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is absent, or null.
    #[error("is missing")]
    Missing,
    /// It is there and is something else: what it must be.
    #[error("must be {0}")]
    MustBe(&'static str),
}

/// What one of Meta's endpoints takes or gives: JSON to our words and back.
pub trait JsonBody: Sized {
    /// As it goes over the wire.
    fn to_value(&self) -> Value;

    /// Reads what [`to_value`](Self::to_value) writes, and what others write that means the same. The error names the
    /// field.
    fn from_value(value: &Value) -> Result<Self, FieldError>;

    /// [`to_value`](Self::to_value) as bytes.
    fn encode(&self) -> Vec<u8> {
        self.to_value().to_string().into_bytes()
    }

    /// [`from_value`](Self::from_value) of bytes.
    fn decode(bytes: &[u8]) -> Result<Self, FieldError> {
        let value = serde_json::from_slice(bytes).map_err(|_| whole_must_be("JSON"))?;
        Self::from_value(&value)
    }
}

/// The error of a body that is not what every request is.
fn whole_must_be(what: &'static str) -> FieldError {
    FieldError { path: "body".to_owned(), problem: Problem::MustBe(what) }
}

/// An object, and where it stands.
pub(super) struct Object<'a> {
    path: String,
    fields: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    pub(super) fn whole(value: &'a Value) -> Result<Self, FieldError> {
        let fields = value.as_object().ok_or_else(|| whole_must_be("an object"))?;
        Ok(Self { path: String::new(), fields })
    }

    /// [`whole`](Self::whole) of a request to one of the endpoints that other products of Meta share.
    pub(super) fn for_whatsapp(value: &'a Value) -> Result<Self, FieldError> {
        let object = Self::whole(value)?;
        match object.text("messaging_product")?.as_str() {
            "whatsapp" => Ok(object),
            _ => Err(object.must_be("messaging_product", "whatsapp")),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub(super) fn missing(&self, name: &str) -> FieldError {
        FieldError { path: self.path_of(name), problem: Problem::Missing }
    }

    pub(super) fn must_be(&self, name: &str, what: &'static str) -> FieldError {
        FieldError { path: self.path_of(name), problem: Problem::MustBe(what) }
    }

    pub(super) fn text(&self, name: &str) -> Result<String, FieldError> {
        self.optional_text(name)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn optional_text(&self, name: &str) -> Result<Option<String>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Err(self.must_be(name, "text")),
        }
    }

    /// One of Meta's words, in small letters: it is taken in capitals, too.
    pub(super) fn word(&self, name: &str) -> Result<String, FieldError> {
        Ok(self.text(name)?.to_ascii_lowercase())
    }

    pub(super) fn integer<T: TryFrom<i64>>(&self, name: &str) -> Result<T, FieldError> {
        self.optional_integer(name)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn optional_integer<T: TryFrom<i64>>(&self, name: &str) -> Result<Option<T>, FieldError> {
        let Some(text) = self.optional_text(name)? else { return Ok(None) };
        let number = text.trim().parse::<i64>().ok().and_then(|number| T::try_from(number).ok());
        number.map(Some).ok_or_else(|| self.must_be(name, "a whole number in range"))
    }

    /// `false` when it is absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, FieldError> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" => Ok(false),
            Some(_) => Err(self.must_be(name, "true or false")),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<Self, FieldError> {
        self.optional_object(name)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn optional_object(&self, name: &str) -> Result<Option<Self>, FieldError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let fields = value.as_object().ok_or_else(|| self.must_be(name, "an object"))?;
        Ok(Some(Self { path: self.path_of(name), fields }))
    }

    /// The objects of a list; none when it is absent.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Self>, FieldError> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let list = value.as_array().ok_or_else(|| self.must_be(name, "a list"))?;
        let element = |(place, element): (usize, &'a Value)| {
            let path = format!("{}[{place}]", self.path_of(name));
            match element.as_object() {
                Some(fields) => Ok(Self { path, fields }),
                None => Err(FieldError { path, problem: Problem::MustBe("an object") }),
            }
        };
        list.iter().enumerate().map(element).collect()
    }

    /// The texts of a list.
    pub(super) fn optional_texts(&self, name: &str) -> Result<Option<Vec<String>>, FieldError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let text = |element: &Value| element.as_str().map(str::to_owned);
        let texts = value.as_array().and_then(|list| list.iter().map(text).collect());
        texts.map(Some).ok_or_else(|| self.must_be(name, "a list of texts"))
    }

    /// Each element of a list, read by `read`.
    pub(super) fn each<T>(
        &self,
        name: &str,
        read: impl Fn(&Self) -> Result<T, FieldError>,
    ) -> Result<Vec<T>, FieldError> {
        self.objects(name)?.iter().map(read).collect()
    }

    /// [`each`](Self::each) of a list that holds something.
    pub(super) fn some<T>(
        &self,
        name: &str,
        read: impl Fn(&Self) -> Result<T, FieldError>,
    ) -> Result<super::NonEmpty<T>, FieldError> {
        super::NonEmpty::new(self.each(name, read)?).ok_or_else(|| match self.has(name) {
            true => self.must_be(name, "a list of at least one"),
            false => self.missing(name),
        })
    }

    /// The only element of a list: what Meta writes as a list of which it takes one.
    pub(super) fn only(&self, name: &str) -> Result<Self, FieldError> {
        let mut objects = self.objects(name)?;
        match (objects.pop(), objects.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(self.must_be(name, "a list of one")),
            (None, _) => Err(self.missing(name)),
        }
    }

    /// What is kept as it came.
    pub(super) fn raw(&self, name: &str) -> Option<&'a Map<String, Value>> {
        self.value(name)?.as_object()
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// Writes a field that may be absent.
pub(super) fn put<T: Into<Value>>(object: &mut Map<String, Value>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value.into());
    }
}

/// An object of fields, of which some may be absent.
pub(super) fn object_of<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let mut object = Map::new();
    for (name, value) in fields {
        put(&mut object, name, value);
    }
    Value::Object(object)
}
