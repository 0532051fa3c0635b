//! How waiting ends: at an instant, or with the request's own use.

use waypost_domain::Timestamp;

use crate::asked::Asked;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, Halt, Verdict};

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
    let recheck_at = asked.data.recheck_at(asked.now);
    let is_too_late = asked.now >= expires_at || until.is_some_and(|until| until >= expires_at);
    if is_too_late {
        return Verdict::Expired(finding);
    }
    // An end that is past was wrong: it still does not go.
    let until = until.filter(|until| *until > asked.now).unwrap_or(recheck_at);
    Verdict::Deferred { until: until.min(expires_at), finding }
}
