//! One case for each row of the table.

use waypost_domain::ContactId;
use waypost_store::Merge;

use super::*;
use crate::error::{already_exists, check_etag, invalid, not_found, precondition};

/// `reason`: of the `ErrorInfo`, where there is one.
fn check(error: impl Into<CallError>, code: Code, reason: &str, message: &str) {
    let error = error.into();
    let name = format!("{error:?}");
    let status = Status::from(error);
    assert_eq!((status.code(), status.message()), (code, message), "{name}");
    let info = status.get_details_error_info();
    assert_eq!(info.as_ref().map_or("", |info| &info.reason), reason, "{name}");
    assert!(info.is_none_or(|info| info.domain == DOMAIN), "{name}");
}

fn metadata(error: CallError) -> Vec<(String, String)> {
    let info = Status::from(error).get_details_error_info().unwrap();
    let mut metadata: Vec<_> = info.metadata.into_iter().collect();
    metadata.sort();
    metadata
}

#[test]
fn what_a_caller_can_correct() {
    check(invalid("name", "is missing"), Code::InvalidArgument, "", "name: is missing");
    check(not_found("teams/a"), Code::NotFound, "NOT_FOUND", "teams/a does not exist");
    check(not_found("the contact").because("GONE"), Code::NotFound, "GONE", "the contact does not exist");
    check(invalid("name", "is odd").because("ODD"), Code::InvalidArgument, "ODD", "name: is odd");
    check(already_exists("teams/a"), Code::AlreadyExists, "ALREADY_EXISTS", "teams/a exists already");
    let etag = check_etag("teams/a", "1", "2").unwrap_err();
    check(etag, Code::Aborted, "ETAG_MISMATCH", "etag: teams/a was changed since; read it again");
    let in_use = precondition("TEAM_IN_USE", "teams/a", "the rules name it");
    check(in_use, Code::FailedPrecondition, "TEAM_IN_USE", "the rules name it");
    check(CallError::NoSuchMethod("/x/Y".into()), Code::Unimplemented, "", "/x/Y does not exist");
}

#[test]
fn every_field_that_does_not_fit_is_named() {
    let mut violations = crate::Violations::default();
    violations.add("a", "is missing");
    violations.require(true, "b", "is there");
    violations.add("c", "is too long");
    let status = Status::from(violations.check().unwrap_err());
    assert_eq!(status.message(), "a: is missing; c: is too long");
    let fields = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<(&str, &str)> = fields.iter().map(|one| (&*one.field, &*one.description)).collect();
    assert_eq!(fields, [("a", "is missing"), ("c", "is too long")]);
}

#[test]
fn details_name_what_is_meant() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(metadata(not_found("teams/a")), [pair("resource", "teams/a")]);
    assert_eq!(
        metadata(check_etag("teams/a", "1", "2").unwrap_err()),
        [pair("etag", "2"), pair("field", "etag"), pair("resource", "teams/a")]
    );
    assert_eq!(metadata(CallError::RoleMissing { roles: "editor".into() }), [pair("roles", "editor")]);
    assert!(check_etag("teams/a", "", "2").is_ok() && check_etag("teams/a", "2", "2").is_ok());
}

#[test]
fn who_may_not() {
    let missing = "authorization: a bearer token is needed";
    check(CallError::TokenMissing, Code::Unauthenticated, "TOKEN_MISSING", missing);
    let invalid = "authorization: the token is unknown, expired or revoked";
    check(CallError::TokenInvalid, Code::Unauthenticated, "TOKEN_INVALID", invalid);
    let role = CallError::RoleMissing { roles: "editor".into() };
    let message = "the token has none of the roles that may do this: editor";
    check(role, Code::PermissionDenied, "ROLE_MISSING", message);
    let busy = "too many calls are under way; try again";
    check(CallError::Busy, Code::ResourceExhausted, "BUSY", busy);
}

/// What is wrong inside is no argument of the caller's, and only the log says what it is.
#[test]
fn what_the_store_says() {
    let transient = StoreError::Retry { reason: "deadlock", source: None };
    let busy = "the store is busy or unavailable; try again";
    check(transient, Code::Unavailable, "STORE_UNAVAILABLE", busy);
    let damaged = StoreError::Unreadable { table: "team", column: "name" };
    let hint = "stored data cannot be read; the log of the server says which";
    check(damaged, Code::DataLoss, "STORED_DATA_UNREADABLE", hint);
    check(StoreError::Invalid("too long".into()), Code::InvalidArgument, "", "too long");
    let refused = "the store refused it; the log of the server says why";
    let (one, other) = (ContactId::from_uuid(uuid::Uuid::nil()), ContactId::from_uuid(uuid::Uuid::max()));
    for error in [
        StoreError::LeaseLost { component: "router".into(), partition: 1 },
        StoreError::MergeFirst(vec![Merge::of(one, other)]),
        StoreError::SchemaTooNew { found: 2, known: 1 },
        StoreError::SchemaMissing { found: None, known: 1 },
        StoreError::PartitionCountDiffers { stored: 8, configured: 16 },
    ] {
        check(error, Code::Internal, "", refused);
    }
}

#[test]
fn what_the_bus_says() {
    let unavailable = "the bus is unavailable; try again";
    check(BusError::Unavailable("10.0.0.1".into()), Code::Unavailable, "BUS_UNAVAILABLE", unavailable);
    let unsupported = "not possible on this bus: browsing";
    check(BusError::Unsupported("browsing"), Code::FailedPrecondition, "NOT_ON_THIS_BUS", unsupported);
    let missing = BusError::NoSuchQueue("q".into());
    check(missing, Code::FailedPrecondition, "TOPOLOGY", "queue q does not exist");
    check(BusError::Refused("no right".into()), Code::FailedPrecondition, "TOPOLOGY", "bus refused: no right");
    let differs = BusError::TopologyMismatch { queue: "q".into(), difference: "ttl".into() };
    check(differs, Code::FailedPrecondition, "TOPOLOGY", "queue q differs from the declared topology: ttl");
}

#[test]
fn a_defect_is_not_explained_to_the_caller() {
    let error = CallError::Internal("secret detail".into());
    check(error, Code::Internal, "", "the call failed; the log of the server says why");
}
