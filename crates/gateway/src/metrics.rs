//! The names of what the gateway counts. Labels: fixed words; never anything of a contact or a message.

use waypost_bus::Outcome;

waypost_domain::metric_table! {
    /// Requests to send off the queues of `wa.send`: kept, known (the same one was kept before), or refused and parked.
    counter REQUESTS by "result" in ["kept", "known", "refused"] = "waypost_gateway_requests_total";
    /// Answers to who put requests on the queues and asked for one: given, unroutable (no such queue), failed.
    counter ANSWERS by "result" in ["given", "unroutable", "failed"] = "waypost_gateway_answers_total";
    /// Customers' files that were passed on: done, failed, given_up (whoever asked for it left).
    counter DOWNLOADS by "result" in ["done", "failed", "given_up"] = "waypost_gateway_downloads_total";
    /// Copies of files that customers sent: kept, put_off (tried again later), failed (none will be there).
    counter COPIES by "result" in ["kept", "put_off", "failed"] = "waypost_gateway_file_copies_total";
    /// Files that were given to WhatsApp: done, failed.
    counter UPLOADS by "result" in ["done", "failed"] = "waypost_gateway_uploads_total";
}

/// So many requests ended so.
pub(crate) fn requests(result: &'static str, count: usize) {
    ::metrics::counter!(REQUESTS, "result" => result).increment(u64::try_from(count).unwrap_or(0));
}

/// An answer ended so; `is_direct`: to a channel that waits for it, where the broker says of none whether it came.
pub(crate) fn answer(outcome: Outcome, is_direct: bool) {
    let result = match outcome {
        Outcome::Confirmed => "given",
        Outcome::Returned if is_direct => "given",
        Outcome::Returned => "unroutable",
        Outcome::Nacked | Outcome::Refused | Outcome::Unavailable | Outcome::Unknown => "failed",
    };
    ::metrics::counter!(ANSWERS, "result" => result).increment(1);
}

/// A customer's file was passed on, or not.
pub(crate) fn download(result: &'static str) {
    ::metrics::counter!(DOWNLOADS, "result" => result).increment(1);
}

/// A copy of a file was kept, or not.
pub(crate) fn copy(result: &'static str) {
    ::metrics::counter!(COPIES, "result" => result).increment(1);
}

/// WhatsApp has a file, or not.
pub(crate) fn upload(result: &'static str) {
    ::metrics::counter!(UPLOADS, "result" => result).increment(1);
}
