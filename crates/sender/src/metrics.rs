//! The names of what the sender counts. Labels: our numbers' names, Meta's ids of our accounts, and fixed
//! words; never anything of a contact or a message.

use tracing::error;
use waypost_domain::{NumberName, Timestamp, WabaId};
use waypost_store::BarScope;

waypost_domain::metric_table! {
    /// Requests to send that were attempted, by `number`.
    counters ATTEMPTS = "waypost_sender_attempts_total";
    /// What came of attempts, by `number` and `outcome`: accepted, failed, later, unknown.
    counters OUTCOMES = "waypost_sender_outcomes_total";
    /// Verdicts of policy, by `verdict`: allowed, deferred, expired, refused; and by `rule`.
    counters VERDICTS = "waypost_sender_verdicts_total";
    /// Statuses and account events dead-lettered because they do not decode.
    counter UNDECODABLE = "waypost_sender_undecodable_total";
    /// Things that a person must know, by `kind`: `code_` and Meta's code, or what Meta told.
    counters ALERTS = "waypost_sender_alerts_total";
    /// Recipients of campaigns that were put in the queue.
    counter CAMPAIGN_QUEUED = "waypost_sender_campaign_queued_total";
    /// Lists that Meta was asked for, by `what` (templates, numbers) and `outcome` (read, failed).
    counters ASKED = "waypost_sender_lists_total";
    /// When an account's templates were listed last, in seconds since 1970, by `account`.
    gauge LISTED_AT = "waypost_sender_templates_listed_at_seconds";
    /// Requests that are under way, by `number`.
    gauge IN_FLIGHT = "waypost_sender_in_flight";
    /// Seconds from the request to Meta's answer, by `number`.
    histograms ANSWER_SECONDS = "waypost_sender_answer_seconds";
}

/// An attempt ended so.
pub(crate) fn outcome(number: &NumberName, word: &'static str) {
    ::metrics::counter!(OUTCOMES, "number" => number.to_string(), "outcome" => word).increment(1);
}

/// Policy said so.
pub(crate) fn verdict(word: &'static str, rule: &'static str) {
    ::metrics::counter!(VERDICTS, "verdict" => word, "rule" => rule).increment(1);
}

/// A person must know: told once, until somebody says that they do.
pub(crate) fn alert(scope: BarScope, name: &str, kind: &str) {
    error!(scope = scope.as_str(), name, kind, "Meta tells what a person must know");
    ::metrics::counter!(ALERTS, "kind" => kind.to_owned()).increment(1);
}

/// So many recipients of a campaign are in the queue now.
pub(crate) fn campaign_queued(count: u64) {
    ::metrics::counter!(CAMPAIGN_QUEUED).increment(count);
}

/// Meta was asked for a list.
pub(crate) fn asked(what: &'static str, outcome: &'static str) {
    ::metrics::counter!(ASKED, "what" => what, "outcome" => outcome).increment(1);
}

/// The templates of an account are known as they were then.
pub(crate) fn listed(account: &WabaId, at: Timestamp) {
    ::metrics::gauge!(LISTED_AT, "account" => account.to_string()).set(at.as_millis() as f64 / 1000.0);
}
