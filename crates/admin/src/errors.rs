//! What a caller is told. The code says what to do next, the details name the field; what is wrong inside goes to the
//! log and not to the caller.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};
use tracing::error;
use waypost_bus::BusError;
use waypost_store::StoreError;

/// Of every `ErrorInfo`.
const DOMAIN: &str = "waypost";

/// The fields of a request that are wrong, all of them.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<FieldViolation>);

impl Violations {
    pub(crate) fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push(FieldViolation::new(field, problem));
    }

    pub(crate) fn require(&mut self, holds: bool, field: &str, problem: &str) {
        if !holds {
            self.add(field, problem);
        }
    }

    /// Field and problem of each.
    pub(crate) fn into_pairs(self) -> impl Iterator<Item = (String, String)> {
        self.0.into_iter().map(|violation| (violation.field, violation.description))
    }

    pub(crate) fn check(self) -> Result<(), Status> {
        if self.0.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> =
            self.0.iter().map(|violation| format!("{}: {}", violation.field, violation.description)).collect();
        let details = ErrorDetails::with_bad_request(self.0);
        Err(Status::with_error_details(Code::InvalidArgument, lines.join("; "), details))
    }
}

/// One field is wrong.
pub(crate) fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Status {
    let mut violations = Violations::default();
    violations.add(field, problem);
    match violations.check() {
        Err(status) => status,
        Ok(()) => Status::internal("no violation"),
    }
}

/// An error that a program can tell apart by `reason`.
pub(crate) fn told(code: Code, reason: &'static str, message: String, metadata: &[(&str, &str)]) -> Status {
    let metadata: HashMap<String, String> =
        metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, metadata))
}

pub(crate) fn not_found(name: &str) -> Status {
    told(Code::NotFound, "NOT_FOUND", format!("{name} does not exist"), &[("resource", name)])
}

pub(crate) fn already_exists(name: &str) -> Status {
    told(Code::AlreadyExists, "ALREADY_EXISTS", format!("{name} exists already"), &[("resource", name)])
}

/// Somebody else changed it meanwhile: read it again.
pub(crate) fn check_etag(name: &str, given: &str, current: &str) -> Result<(), Status> {
    if given.is_empty() || given == current {
        return Ok(());
    }
    let message = format!("etag: {name} was changed since; read it again");
    Err(told(Code::Aborted, "ETAG_MISMATCH", message, &[("resource", name), ("field", "etag"), ("etag", current)]))
}

/// It cannot be done as things are.
pub(crate) fn precondition(reason: &'static str, name: &str, message: String) -> Status {
    told(Code::FailedPrecondition, reason, message, &[("resource", name)])
}

pub(crate) fn store(problem: StoreError) -> Status {
    match problem {
        StoreError::Retry { .. } | StoreError::Unavailable(_) => {
            error!(error = %problem, "administration: store");
            told(Code::Unavailable, "STORE_UNAVAILABLE", "the store is busy or unavailable; try again".to_owned(), &[])
        }
        StoreError::Invalid(problem) => Status::invalid_argument(problem),
        StoreError::LeaseLost { .. }
        | StoreError::MergeFirst(_)
        | StoreError::SchemaTooNew { .. }
        | StoreError::SchemaMissing { .. }
        | StoreError::PartitionCountDiffers { .. }
        | StoreError::Unreadable { .. }
        | StoreError::Database(_) => {
            error!(error = %problem, "administration: store");
            Status::internal("the store refused it; the log of the server says why")
        }
    }
}

pub(crate) fn bus(problem: &BusError) -> Status {
    match problem {
        BusError::Unavailable(_) => {
            error!(error = %problem, "administration: bus");
            told(Code::Unavailable, "BUS_UNAVAILABLE", "the bus is unavailable; try again".to_owned(), &[])
        }
        BusError::Unsupported(what) => {
            told(Code::FailedPrecondition, "NOT_ON_THIS_BUS", format!("not possible on this bus: {what}"), &[])
        }
        BusError::NoSuchQueue(_) | BusError::TopologyMismatch { .. } | BusError::Refused(_) => {
            error!(error = %problem, "administration: bus");
            told(Code::FailedPrecondition, "TOPOLOGY", format!("{problem}"), &[])
        }
    }
}
