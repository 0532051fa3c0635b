//! What a client gets: an answer, or what the network does instead.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::error::ApiError;
use super::fault::FaultKind;

/// A page of some machine between the client and Meta.
const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Sorry, something went wrong.</title></head>\
                    <body><h1>Sorry, something went wrong.</h1></body></html>\n";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Answer {
        http_status: u16,
        content_type: Cow<'static, str>,
        body: Bytes,
        after: Duration,
        retry_after_s: Option<u32>,
    },
    /// The connection is reset.
    Reset,
    /// Nothing ever comes.
    BlackHole,
}

impl Reply {
    pub(crate) fn json(http_status: u16, body: Value) -> Self {
        Self::bytes(http_status, "application/json; charset=UTF-8", body.to_string().into())
    }

    pub(crate) const fn bytes(http_status: u16, content_type: &'static str, body: Bytes) -> Self {
        let content_type = Cow::Borrowed(content_type);
        Self::Answer { http_status, content_type, body, after: Duration::ZERO, retry_after_s: None }
    }

    /// A file.
    pub(crate) const fn file(content_type: String, body: Bytes) -> Self {
        let content_type = Cow::Owned(content_type);
        Self::Answer { http_status: 200, content_type, body, after: Duration::ZERO, retry_after_s: None }
    }

    pub(crate) fn error(error: &ApiError) -> Self {
        let trace = format!("A{:022x}", fastrand::u64(..));
        Self::json(error.http_status(), error.to_answer(&trace))
    }

    /// Instead of looking at the request.
    pub(crate) fn of_fault(kind: &FaultKind) -> Self {
        match kind {
            FaultKind::Refuse { code, http_status, message, details, retry_after_s } => {
                let details = details.clone().unwrap_or_else(|| "a fault on demand".to_owned());
                let error =
                    ApiError { message: message.clone(), http_status: *http_status, ..ApiError::new(*code, details) };
                match Self::error(&error) {
                    Self::Answer { http_status, content_type, body, after, .. } => {
                        Self::Answer { http_status, content_type, body, after, retry_after_s: *retry_after_s }
                    }
                    other => other,
                }
            }
            FaultKind::Html { http_status } => {
                Self::bytes(*http_status, "text/html", Bytes::from_static(HTML.as_bytes()))
            }
            FaultKind::ResetBeforeAccept | FaultKind::ResetAfterAccept => Self::Reset,
            FaultKind::BlackHole { .. } => Self::BlackHole,
            FaultKind::FailLater { .. } | FaultKind::Slow { .. } => Self::json(200, Value::Null),
        }
    }

    /// After the request was taken.
    pub(crate) fn with_fault(self, fault: Option<&FaultKind>) -> Self {
        match (fault, self) {
            (Some(FaultKind::ResetAfterAccept), _) => Self::Reset,
            (Some(FaultKind::BlackHole { .. }), _) => Self::BlackHole,
            (
                Some(FaultKind::Slow { delay_ms }),
                Self::Answer { http_status, content_type, body, retry_after_s, .. },
            ) => {
                let after = Duration::from_millis(*delay_ms);
                Self::Answer { http_status, content_type, body, after, retry_after_s }
            }
            (_, reply) => reply,
        }
    }

    pub(crate) const fn http_status(&self) -> Option<u16> {
        match self {
            Self::Answer { http_status, .. } => Some(*http_status),
            Self::Reset | Self::BlackHole => None,
        }
    }
}
