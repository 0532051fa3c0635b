//! Why a request is not taken: for who asked, and for who looks at what is parked. Names the field and says what to do;
//! never repeats what stands in it.

use std::fmt;

use waypost_grpc::CallError;
use waypost_proto::reasons::{CONTACT_UNKNOWN, NO_CONVERSATION, NUMBER_UNKNOWN, SEND_ID_TAKEN};
use waypost_worker::HandleError;

/// Of what is said of all of a request.
const WHOLE: &str = "body";
/// Where no reason of its own says what to do next.
const INVALID: &str = "INVALID_ARGUMENT";
/// What a request is called in calls, where it is a field.
const FIELD_OF_CALLS: &str = "message.";

/// No repetition helps until somebody mends something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The first that does not fit.
    pub(super) field: String,
    pub(super) reason: &'static str,
    /// What is wrong with it, and with others.
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(field: impl Into<String>, reason: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), reason, message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for Refusal {}

/// What came in the way of a request.
#[derive(Debug)]
pub(super) enum Problem {
    /// It is parked.
    Refused(Refusal),
    /// The worker decides: mostly, the store is not there just now, and the request waits.
    Failed(HandleError),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<HandleError> for Problem {
    fn from(error: HandleError) -> Self {
        Self::Failed(error)
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Invalid(fields) => {
                let field_of = |field: &str| field.strip_prefix(FIELD_OF_CALLS).unwrap_or(field).to_owned();
                let mut pairs = fields.pairs().map(|(field, problem)| (field_of(field), problem.to_owned()));
                let (field, mut message) = pairs.next().unwrap_or_else(|| (WHOLE.to_owned(), message));
                for (field, problem) in pairs {
                    message.push_str(&format!("; {field}: {problem}"));
                }
                Refusal::new(field, INVALID, message).into()
            }
            CallError::NotFound { reason, .. } | CallError::Precondition { reason, .. } => {
                Refusal::new(field_of_reason(reason), reason, message).into()
            }
            CallError::Store(error) => HandleError::from(error).into(),
            // Nothing of the request's doing.
            CallError::Bus(_)
            | CallError::Internal(_)
            | CallError::Busy
            | CallError::AlreadyExists(_)
            | CallError::EtagMismatch { .. }
            | CallError::TokenMissing
            | CallError::TokenInvalid
            | CallError::RoleMissing { .. }
            | CallError::NoSuchMethod(_) => HandleError::retry(error).into(),
        }
    }
}

fn field_of_reason(reason: &str) -> &'static str {
    match reason {
        CONTACT_UNKNOWN => "to",
        NUMBER_UNKNOWN => "number",
        NO_CONVERSATION => "conversation",
        SEND_ID_TAKEN => "send_id",
        _ => WHOLE,
    }
}

#[cfg(test)]
mod tests {
    use waypost_grpc::Violations;
    use waypost_grpc::error::{invalid, not_found, precondition};
    use waypost_store::StoreError;

    use super::*;

    fn refusal(error: CallError) -> (String, &'static str, String) {
        match Problem::from(error) {
            Problem::Refused(Refusal { field, reason, message }) => (field, reason, message),
            Problem::Failed(error) => panic!("{error}"),
        }
    }

    #[test]
    fn the_first_field_is_named_and_all_are_told() {
        let mut several = Violations::default();
        several.add("to.phone", "is too short");
        several.add("content", "must say what is to be sent");
        let told = "is too short; content: must say what is to be sent";
        assert_eq!(refusal(several.into_error()), ("to.phone".into(), INVALID, told.into()));
        let of_calls = invalid("message.conversation", "is none of this contact");
        assert_eq!(refusal(of_calls).0, "conversation");
    }

    #[test]
    fn what_is_not_there_is_told_by_the_field_that_names_it() {
        let number = not_found("numbers/gone").because(NUMBER_UNKNOWN);
        assert_eq!(refusal(number), ("number".into(), NUMBER_UNKNOWN, "numbers/gone does not exist".into()));
        assert_eq!(refusal(not_found("the contact").because(CONTACT_UNKNOWN)).0, "to");
        assert_eq!(refusal(precondition(NO_CONVERSATION, "conversations", "none")).0, "conversation");
        assert_eq!(refusal(precondition(SEND_ID_TAKEN, "messages/a", "another")).0, "send_id");
    }

    #[test]
    fn what_is_no_fault_of_the_request_is_not_parked() {
        let away = CallError::Store(StoreError::Retry { reason: "deadlock", source: None });
        for error in [away, CallError::Internal("a defect".to_owned()), CallError::Busy] {
            assert!(matches!(Problem::from(error), Problem::Failed(HandleError::Retry { .. })));
        }
    }
}
