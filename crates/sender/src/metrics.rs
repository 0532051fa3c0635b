//! The names of what the sender counts. Labels: our numbers' names and fixed words; never anything of a contact or a message.

use waypost_domain::NumberName;

waypost_domain::metric_table! {
    /// Requests to send that were attempted, by `number`.
    counters ATTEMPTS = "waypost_sender_attempts_total";
    /// What came of attempts, by `number` and `outcome`: accepted, failed, later, unknown.
    counters OUTCOMES = "waypost_sender_outcomes_total";
    /// Verdicts of policy, by `verdict`: allowed, deferred, expired, refused; and by `rule`.
    counters VERDICTS = "waypost_sender_verdicts_total";
    /// Statuses and account events dead-lettered because they do not decode.
    counter UNDECODABLE = "waypost_sender_undecodable_total";
    /// Things that a person must know, by Meta's `code`.
    counters ALERTS = "waypost_sender_alerts_total";
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

/// A person must know.
pub(crate) fn alert(code: i64) {
    ::metrics::counter!(ALERTS, "code" => code.to_string()).increment(1);
}
