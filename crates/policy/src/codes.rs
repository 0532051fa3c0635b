//! One-time codes: they go to phone numbers only (error 131062), and WhatsApp must not deliver one that is dead.
//!
//! Source: Meta's pages on authentication templates, business-scoped user ids and time-to-live.

use waypost_domain::Category;

use crate::asked::Asked;
use crate::going::Going;
use crate::rule::Rule;
use crate::verdict::{Address, Answer, Finding, Halt, refuse};

pub(crate) fn arrive_alive(asked: &Asked<'_>, going: &Going<'_>, address: &Address) -> Answer {
    if !going.is_of(Category::Authentication) {
        return Ok(());
    }
    if matches!(address, Address::Bsuid(_)) {
        return refuse(Finding::new(Rule::CodeToUserId));
    }
    let Some(expires_at) = asked.request.expires_at else {
        return refuse(Finding::new(Rule::CodeWithoutEnd).field("expires_at"));
    };
    // In the window it is delivered or not as any answer: there is no time-to-live that could be too long.
    let Some(template) = going.template else { return Ok(()) };
    let ttl_s = template.ttl_s.unwrap_or(asked.data.codes.ttl_default_s);
    let tried_ms = (i64::from(ttl_s) - i64::from(asked.data.codes.slack_s)) * 1000;
    let finding = Finding::new(Rule::CodeOutlived).field("expires_at");
    if asked.request.created_at.plus_millis(tried_ms) > expires_at {
        let lives_s = expires_at.millis_since(asked.request.created_at) / 1000;
        return refuse(finding.detail(format!("delivered for {ttl_s} s, alive for {lives_s} s")));
    }
    // It would have been in time, and waited here for too long.
    if asked.now.plus_millis(tried_ms) > expires_at {
        return Err(Halt::wait(Some(expires_at), finding.detail(format!("delivered for {ttl_s} s"))));
    }
    Ok(())
}
