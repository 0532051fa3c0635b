//! The names of what the opt-in worker counts. Labels are fixed words; never anything of a contact or a message.

waypost_domain::metric_table! {
    /// Messages, taps and switches that say something about consent, by what they say.
    counter HEARD by "meaning" in ["stop", "stop_marketing", "start", "everyday", "suspected", "preference"] = "waypost_optin_heard_total";
    /// Entries of the consent ledger that it wrote.
    counter ENTRIES = "waypost_optin_entries_total";
    /// Events dead-lettered because they do not decode.
    counter UNDECODABLE = "waypost_optin_undecodable_total";
}

/// Something was said.
pub(crate) fn heard(meaning: &'static str) {
    ::metrics::counter!(HEARD, "meaning" => meaning).increment(1);
}
