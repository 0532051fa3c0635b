//! How waiting ends: at an instant, or with the request's own use.

use waypost_domain::Timestamp;

use crate::asked::Asked;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, Halt, Until, Verdict};

/// Whether it is still of use. Its last instant is not.
pub(crate) fn still_of_use(asked: &Asked<'_>) -> Answer {
    if asked.request.expires_at.is_some_and(|expires_at| asked.now >= expires_at) {
        return Err(Halt::wait(None, Finding::new(Rule::Expired)));
    }
    Ok(())
}

/// What becomes of a request whose questions ended.
///
/// A wait whose end is known and comes too late is over at once: given quiet hours until 08:00 and an offer that ends at
/// 06:00, then nobody has to wait for 06:00 to know it. One whose end nobody knows is looked at again until the last instant.
pub(crate) fn settle(halt: Halt, asked: &Asked<'_>) -> Verdict {
    let (until, finding) = match halt {
        Halt::Refuse(finding) => return Verdict::Refused(finding),
        Halt::Wait { until, finding } => (until, finding),
    };
    let expires_at = asked.request.expires_at.unwrap_or(Timestamp::from_millis(i64::MAX));
    let is_over = asked.now >= expires_at || matches!(until, Until::At(until) if until >= expires_at);
    if is_over {
        return Verdict::Expired(finding);
    }
    let in_seconds = |seconds: u32| asked.now.plus_millis(i64::from(seconds) * 1000);
    let until = match until {
        Until::At(until) if until > asked.now => until,
        // An end that is past was wrong: it still does not go.
        Until::At(_) | Until::Unknown => in_seconds(asked.data.recheck_s),
        Until::Soon => in_seconds(asked.data.recheck_soon_s),
    };
    Verdict::Deferred { until: until.min(expires_at), finding }
}
