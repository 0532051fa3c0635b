//! What the platform says in the head of its answers: the time, and which version of the API it was that answered.

use std::time::SystemTime;

use jiff::fmt::rfc2822;
use waypost_domain::Timestamp;

use super::GraphApi;
use crate::api::Call;
use crate::fault::CallError;

/// The head of an answer, and when it was asked for and there, by our clock. Milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerHead {
    /// Before it was asked for.
    pub asked_ms: i64,
    /// When it was there.
    pub answered_ms: i64,
    /// The platform's own time, cut to the second; `None` where it says none.
    pub date_ms: Option<i64>,
    /// `v26.0`; `None` where the platform does not say. It need not be the one that was asked for: one that has ended is
    /// answered by a later one.
    pub api_version: Option<String>,
}

impl GraphApi {
    /// The head of an answer of any kind, a refusal among them: whoever holds no good token learns it, too.
    pub async fn answer_head(&self) -> Result<AnswerHead, CallError> {
        let mut url = self.url(&["me"]);
        url.query_pairs_mut().append_pair("fields", "id");
        let asked_ms = now_ms();
        let answer = self.api.ask(&Call::get(url)).await?;
        let answered_ms = now_ms();
        let date_ms = answer.date.as_deref().and_then(date_ms);
        Ok(AnswerHead { asked_ms, answered_ms, date_ms, api_version: answer.api_version })
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn date_ms(text: &str) -> Option<i64> {
    Some(rfc2822::parse(text).ok()?.timestamp().as_millisecond())
}

fn now_ms() -> i64 {
    Timestamp::from_system_time(SystemTime::now()).as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_http_is_read() {
        assert_eq!(date_ms("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(date_ms("yesterday"), None);
    }
}
