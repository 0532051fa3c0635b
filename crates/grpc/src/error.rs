//! Why a call is not answered as it asks, and what its caller is told: a code that says what to do next, a reason that a
//! program can tell from others, and the fields that are meant. What went wrong inside goes to the log and not to the
//! caller.

mod table;

use std::fmt;

use tonic_types::FieldViolation;
use waypost_bus::BusError;
use waypost_proto::rule_set::FieldViolations;
use waypost_store::StoreError;

/// Why a call is refused, by what its caller does next. The codes are in one table (`error/table.rs`).
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Correct these fields of the request.
    #[error(transparent)]
    Invalid(#[from] InvalidFields),
    /// Name something that exists.
    #[error("{resource} does not exist")]
    NotFound {
        /// What was named.
        resource: String,
        /// For programs, in capitals.
        reason: &'static str,
    },
    /// Choose another id, or change what is there.
    #[error("{0} exists already")]
    AlreadyExists(String),
    /// Somebody else changed it meanwhile: read it again.
    #[error("etag: {resource} was changed since; read it again")]
    EtagMismatch {
        /// What was to be changed.
        resource: String,
        /// The etag that it has now.
        current: String,
    },
    /// It cannot be done as things are: change them first.
    #[error("{message}")]
    Precondition {
        /// For programs, in capitals.
        reason: &'static str,
        /// What is in the way.
        resource: String,
        /// For people: what has to be changed.
        message: String,
    },
    /// Send the token of somebody who may.
    #[error("authorization: a bearer token is needed")]
    TokenMissing,
    /// Get a new token.
    #[error("authorization: the token is unknown, expired or revoked")]
    TokenInvalid,
    /// Have somebody with one of these roles do it.
    #[error("the token has none of the roles that may do this: {roles}")]
    RoleMissing {
        /// Separated by commas.
        roles: String,
    },
    /// Call a method that exists: this path is in no table.
    #[error("{0} does not exist")]
    NoSuchMethod(String),
    /// Try again a little later, or keep fewer calls under way.
    #[error("too many calls are under way; try again")]
    Busy,
    /// What the store says.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the bus says.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A person has to look at the log: this is a defect, or the system below us is not whole. The text goes there.
    #[error("{0}")]
    Internal(String),
}

impl CallError {
    /// The same with a reason of its own for programs (`waypost_proto::reasons`), where its code does not say what to do next;
    /// of what is not there or does not fit.
    pub fn because(self, reason: &'static str) -> Self {
        match self {
            Self::NotFound { resource, .. } => Self::NotFound { resource, reason },
            Self::Invalid(InvalidFields { violations, .. }) => {
                Self::Invalid(InvalidFields { violations, reason: Some(reason) })
            }
            other => other,
        }
    }
}

/// The fields of a request that do not hold what they must, with what they must hold.
#[derive(Debug)]
pub struct InvalidFields {
    violations: Vec<FieldViolation>,
    reason: Option<&'static str>,
}

impl InvalidFields {
    /// Each field with what it must hold; never none.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.violations.iter().map(|violation| (violation.field.as_str(), violation.description.as_str()))
    }
}

impl fmt::Display for InvalidFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, violation) in self.violations.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidFields {}

/// More than that nobody reads at once.
const VIOLATIONS_MAX: usize = 200;

/// What does not fit in a message of ours, by its fields.
impl From<FieldViolations> for CallError {
    fn from(FieldViolations(violations): FieldViolations) -> Self {
        let violation = |one: waypost_proto::rule_set::FieldViolation| FieldViolation::new(one.field, one.problem);
        let violations = violations.into_iter().take(VIOLATIONS_MAX).map(violation).collect();
        Self::Invalid(InvalidFields { violations, reason: None })
    }
}

/// Collects what does not fit in a request, so that its caller learns of everything at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// `field` does not fit, because of `problem`.
    pub fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push(FieldViolation::new(field, problem));
    }

    /// Adds `problem` unless `holds`.
    pub fn require(&mut self, holds: bool, field: &str, problem: &str) {
        if !holds {
            self.add(field, problem);
        }
    }

    /// Field and problem of each.
    pub fn into_pairs(self) -> impl Iterator<Item = (String, String)> {
        self.0.into_iter().map(|violation| (violation.field, violation.description))
    }

    /// Goes on where nothing was added.
    pub fn check(self) -> Result<(), CallError> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }

    /// For who knows that something was added.
    pub fn into_error(self) -> CallError {
        CallError::Invalid(InvalidFields { violations: self.0, reason: None })
    }
}

/// One field does not fit.
pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> CallError {
    CallError::Invalid(InvalidFields { violations: vec![FieldViolation::new(field, problem)], reason: None })
}

/// The resource of this name is not there, or not to be seen by this caller.
pub fn not_found(resource: impl Into<String>) -> CallError {
    CallError::NotFound { resource: resource.into(), reason: "NOT_FOUND" }
}

/// There is a resource of this name.
pub fn already_exists(resource: impl Into<String>) -> CallError {
    CallError::AlreadyExists(resource.into())
}

/// It cannot be done as things are. `reason` is for programs, `message` for people.
pub fn precondition(reason: &'static str, resource: impl Into<String>, message: impl Into<String>) -> CallError {
    CallError::Precondition { reason, resource: resource.into(), message: message.into() }
}

/// [`CallError::EtagMismatch`] where an etag was given that `resource` does not have any more.
pub fn check_etag(resource: &str, given: &str, current: &str) -> Result<(), CallError> {
    if given.is_empty() || given == current {
        return Ok(());
    }
    Err(CallError::EtagMismatch { resource: resource.to_owned(), current: current.to_owned() })
}
