//! Errors as Meta writes them: in an answer, and in a `failed` status. It must never hold what a request said of a person.

use serde_json::{Map, Value, json};

/// What a request or a message is refused with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: i64,
    /// What is wrong here, in a sentence.
    pub(crate) details: String,
    pub(crate) subcode: Option<i64>,
    /// Instead of the code's own: Meta translates it.
    pub(crate) message: Option<String>,
    /// Instead of the code's own.
    pub(crate) http_status: Option<u16>,
}

impl ApiError {
    pub(crate) fn new(code: i64, details: impl Into<String>) -> Self {
        Self { code, details: details.into(), subcode: None, message: None, http_status: None }
    }

    /// An id in the path that is nobody's, or not of this token.
    pub(crate) fn no_object() -> Self {
        let details = "Unsupported request. The object does not exist, cannot be loaded due to missing permissions, \
                       or does not support this operation";
        Self { subcode: Some(33), ..Self::new(100, details) }
    }

    pub(crate) fn with_status(self, http_status: u16) -> Self {
        Self { http_status: Some(http_status), ..self }
    }

    pub(crate) fn http_status(&self) -> u16 {
        self.http_status.unwrap_or_else(|| row(self.code).1)
    }

    /// The body of an answer.
    pub(crate) fn to_answer(&self, trace: &str) -> Value {
        let mut error = Map::new();
        error.insert("message".to_owned(), json!(self.message()));
        error.insert(
            "type".to_owned(),
            json!(if self.subcode == Some(33) { "GraphMethodException" } else { "OAuthException" }),
        );
        error.insert("code".to_owned(), json!(self.code));
        if !matches!(self.code, 190 | 2500) {
            error.insert("error_data".to_owned(), json!({"messaging_product": "whatsapp", "details": self.details}));
        }
        if let Some(subcode) = self.subcode {
            error.insert("error_subcode".to_owned(), json!(subcode));
        }
        if matches!(self.code, 1 | 2 | 131_000 | 131_016 | 133_004) {
            error.insert("is_transient".to_owned(), json!(true));
        }
        error.insert("fbtrace_id".to_owned(), json!(trace));
        json!({"error": error})
    }

    /// What a `failed` status has in `errors[]`.
    pub(crate) fn to_status(&self) -> Value {
        let title = self.message.as_deref().unwrap_or(row(self.code).0);
        json!({
            "code": self.code,
            "title": title,
            "message": title,
            "error_data": {"details": self.details},
            "href": "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes/",
        })
    }

    fn message(&self) -> String {
        match (&self.message, self.code) {
            (Some(message), _) => message.clone(),
            (None, 190 | 2500) => self.details.clone(),
            (None, code) => format!("(#{code}) {}", row(code).0),
        }
    }
}

/// The title and the HTTP status of a code, after Meta's page of error codes. Limits are an HTTP status of their own, which
/// is configured.
fn row(code: i64) -> (&'static str, u16) {
    ROWS.iter().find(|row| row.0 == code).map_or(("Something went wrong", 400), |row| (row.1, row.2))
}

const ROWS: &[(i64, &str, u16)] = &[
    (0, "AuthException", 401),
    (1, "API Unknown", 400),
    (2, "API Service", 503),
    (3, "API Method", 500),
    (4, "API Too Many Calls", 429),
    (10, "Permission Denied", 403),
    (33, "Parameter value is not valid", 400),
    (100, "Invalid parameter", 400),
    (190, "Access token has expired", 401),
    (368, "Temporarily blocked for policies violations", 403),
    (2500, "Unknown path components", 400),
    (80_007, "Rate limit issues", 429),
    (80_008, "There have been too many calls to this WhatsApp Business account", 429),
    (130_403, "User is blocked by the business", 400),
    (130_429, "Rate limit hit", 429),
    (130_472, "User's number is part of an experiment", 400),
    (130_497, "Business account is restricted from messaging users in this country", 403),
    (131_000, "Something went wrong", 500),
    (131_005, "Access denied", 403),
    (131_008, "Required parameter is missing", 400),
    (131_009, "Parameter value is not valid", 400),
    (131_016, "Service unavailable", 500),
    (131_021, "Recipient cannot be sender", 400),
    (131_026, "Message undeliverable", 400),
    (131_030, "Recipient phone number not in allowed list", 400),
    (131_031, "Account has been locked", 403),
    (131_037, "WhatsApp provided number needs display name approval before message can be sent", 400),
    (131_042, "Business eligibility payment issue", 400),
    (131_045, "Message failed to send because of phone number registration error", 500),
    (131_047, "Re-engagement message", 400),
    (131_048, "Spam rate limit hit", 429),
    (131_049, "This message was not delivered to maintain healthy ecosystem engagement", 400),
    (131_050, "User has stopped marketing messages from this business", 400),
    (131_051, "Unsupported message type", 400),
    (131_052, "Media download error", 400),
    (131_053, "Media upload error", 400),
    (131_055, "Method not allowed", 400),
    (131_056, "(Business Account, Consumer Account) pair rate limit hit", 429),
    (131_057, "Account in maintenance mode", 500),
    (131_062, "Business-scoped user ids are not supported for this message", 400),
    (131_063, "Marketing messages are not enabled on this API", 400),
    (131_064, "Temporarily restricted for template misclassification", 429),
    (132_000, "Number of parameters does not match the expected number of params", 400),
    (132_001, "Template name does not exist in the translation", 404),
    (132_005, "Translated text too long", 400),
    (132_007, "Template format character policy violated", 400),
    (132_008, "Template parameter format mismatch", 400),
    (132_012, "Parameter format does not match format in the created template", 400),
    (132_015, "Template is paused", 400),
    (132_016, "Template is disabled", 400),
    (132_018, "There is an issue with the parameters in your template", 400),
    (132_068, "Flow is blocked", 400),
    (132_069, "Flow is throttled", 400),
    (133_004, "Server temporarily unavailable", 503),
    (133_010, "Phone number not registered", 400),
    (134_011, "WhatsApp Pay terms and conditions not accepted", 400),
    (134_100, "Only marketing messages are supported", 400),
    (134_101, "Template is syncing", 400),
    (134_102, "Template is not available for this API", 400),
    (135_000, "Generic user error", 400),
    (139_100, "Failed to block/unblock users", 400),
    (139_101, "Blocklist limit reached", 400),
    (139_200, "Direct send is not available", 400),
    (2_388_019, "Message template limit exceeded", 400),
    (2_388_023, "Message template is being deleted", 400),
    (2_388_024, "Message template in this language exists already", 400),
    (2_388_293, "Too many variables for the length of the message", 400),
    (2_388_299, "Variables at the start or end of the message", 400),
    (2_494_191, "Thread control was refused", 400),
];

#[cfg(test)]
mod tests {
    use waypost_cloud_api::answer::GraphError;

    use super::*;

    #[test]
    fn an_error_reads_as_metas_do() {
        let error = ApiError::new(131_047, "More than 24 hours have passed");
        assert_eq!(error.http_status(), 400);
        let read = GraphError::read(error.to_answer("trace").to_string().as_bytes()).unwrap();
        assert_eq!(read.code, Some(131_047));
        assert_eq!(read.message.as_deref(), Some("(#131047) Re-engagement message"));
        assert_eq!(read.details.as_deref(), Some("More than 24 hours have passed"));
        assert_eq!(error.to_status()["code"], 131_047);
    }

    #[test]
    fn every_code_has_one_row() {
        let mut codes: Vec<i64> = ROWS.iter().map(|row| row.0).collect();
        codes.dedup();
        assert_eq!(codes.len(), ROWS.len());
        assert!(codes.is_sorted(), "one finds them by eye");
    }
}
