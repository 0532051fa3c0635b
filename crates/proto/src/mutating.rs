//! The requests that change something: which of their fields say how it is to be done. What else a request says is its
//! service's matter.

use prost::Name;

use crate::admin_v1 as v1;

/// A request that changes something.
pub trait MutatingRequest: Name {
    /// A UUID of the caller's choice: the request is carried out once, however often it comes. Empty for none.
    fn request_id(&self) -> &str {
        ""
    }

    /// Whether it is only to be checked.
    fn validate_only(&self) -> bool {
        false
    }
}

/// The fields of that kind that each message has.
macro_rules! mutating_requests {
    ($($message:ident { $($field:ident),* })*) => {$(
        impl MutatingRequest for v1::$message {
            $(mutating_requests!(@ $field);)*
        }
    )*};
    (@ request_id) => {
        fn request_id(&self) -> &str {
            &self.request_id
        }
    };
    (@ validate_only) => {
        fn validate_only(&self) -> bool {
            self.validate_only
        }
    };
}

mutating_requests! {
    ActivateRuleSetRequest { request_id, validate_only }
    BatchUpsertContactsRequest { validate_only }
    CheckRuleSetRequest {}
    CreateCalendarRequest { request_id, validate_only }
    CreateRuleRequest { request_id, validate_only }
    CreateRuleSetRequest { request_id, validate_only }
    CreateTeamRequest { request_id, validate_only }
    CreateTokenRequest { request_id, validate_only }
    DeleteCalendarRequest { request_id, validate_only }
    DeleteRuleRequest { request_id, validate_only }
    DeleteTeamRequest { validate_only }
    DiscardDeadLettersRequest {}
    ImportHolidaysRequest { request_id, validate_only }
    ReplayDeadLettersRequest {}
    RevokeTokenRequest { validate_only }
    UpdateCalendarRequest { request_id, validate_only }
    UpdateNumberRequest { validate_only }
    UpdateRuleRequest { request_id, validate_only }
    UpdateTeamRequest { validate_only }
}
