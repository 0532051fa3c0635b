//! The one table from errors to gRPC codes, reasons and details. Whatever a caller cannot change is logged here, and the
//! caller is told no more than what to do.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use tracing::error;
use waypost_bus::BusError;
use waypost_store::StoreError;

use super::{CallError, InvalidFields};

/// Of every `ErrorInfo`.
const DOMAIN: &str = "waypost";

impl From<CallError> for Status {
    fn from(problem: CallError) -> Self {
        let message = problem.to_string();
        match problem {
            CallError::Invalid(InvalidFields { violations, reason }) => {
                let mut details = ErrorDetails::with_bad_request(violations);
                if let Some(reason) = reason {
                    details.set_error_info(reason, DOMAIN, HashMap::<String, String>::new());
                }
                Self::with_error_details(Code::InvalidArgument, message, details)
            }
            CallError::NotFound { resource, reason } => {
                with_reason(Code::NotFound, reason, message, &[("resource", &resource)])
            }
            CallError::AlreadyExists(name) => {
                with_reason(Code::AlreadyExists, "ALREADY_EXISTS", message, &[("resource", &name)])
            }
            CallError::EtagMismatch { resource, current } => {
                let metadata = [("resource", &*resource), ("field", "etag"), ("etag", &*current)];
                with_reason(Code::Aborted, "ETAG_MISMATCH", message, &metadata)
            }
            CallError::Precondition { reason, resource, message } => {
                with_reason(Code::FailedPrecondition, reason, message, &[("resource", &resource)])
            }
            CallError::TokenMissing => with_reason(Code::Unauthenticated, "TOKEN_MISSING", message, &[]),
            CallError::TokenInvalid => with_reason(Code::Unauthenticated, "TOKEN_INVALID", message, &[]),
            CallError::RoleMissing { roles } => {
                with_reason(Code::PermissionDenied, "ROLE_MISSING", message, &[("roles", &roles)])
            }
            CallError::NoSuchMethod(_) => Self::unimplemented(message),
            CallError::Busy => with_reason(Code::ResourceExhausted, "BUSY", message, &[]),
            CallError::Store(problem) => of_store(problem),
            CallError::Bus(problem) => of_bus(&problem),
            CallError::Internal(problem) => {
                error!(problem, "grpc: a call failed");
                Self::internal("the call failed; the log of the server says why")
            }
        }
    }
}

fn of_store(problem: StoreError) -> Status {
    match problem {
        StoreError::Retry { .. } | StoreError::Unavailable(_) => {
            error!(error = %problem, "grpc: store");
            let message = "the store is busy or unavailable; try again".to_owned();
            with_reason(Code::Unavailable, "STORE_UNAVAILABLE", message, &[])
        }
        StoreError::Invalid(problem) => Status::invalid_argument(problem),
        StoreError::Unreadable { .. } => {
            error!(error = %problem, "grpc: stored data is damaged");
            let message = "stored data cannot be read; the log of the server says which".to_owned();
            with_reason(Code::DataLoss, "STORED_DATA_UNREADABLE", message, &[])
        }
        StoreError::LeaseLost { .. }
        | StoreError::MergeFirst(_)
        | StoreError::SchemaTooNew { .. }
        | StoreError::SchemaMissing { .. }
        | StoreError::PartitionCountDiffers { .. }
        | StoreError::Database(_) => {
            error!(error = %problem, "grpc: store");
            Status::internal("the store refused it; the log of the server says why")
        }
    }
}

fn of_bus(problem: &BusError) -> Status {
    match problem {
        BusError::Unavailable(_) => {
            error!(error = %problem, "grpc: bus");
            with_reason(Code::Unavailable, "BUS_UNAVAILABLE", "the bus is unavailable; try again".to_owned(), &[])
        }
        BusError::Unsupported(_) => with_reason(Code::FailedPrecondition, "NOT_ON_THIS_BUS", problem.to_string(), &[]),
        BusError::NoSuchQueue(_) | BusError::TopologyMismatch { .. } | BusError::Refused(_) => {
            error!(error = %problem, "grpc: bus");
            with_reason(Code::FailedPrecondition, "TOPOLOGY", problem.to_string(), &[])
        }
    }
}

fn with_reason(code: Code, reason: &'static str, message: String, metadata: &[(&str, &str)]) -> Status {
    let metadata: HashMap<String, String> =
        metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, metadata))
}

#[cfg(test)]
mod tests;
