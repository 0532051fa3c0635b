//! One table for a crate's metrics: name, kind and help text in one place. Only a macro: what it makes uses the crate
//! `metrics` of whoever writes a table, and this crate counts nothing.

/// Makes a constant for each metric of a crate, whose comment is also its help text on the metrics page, and
/// `describe()`, which the crate calls when it starts.
///
/// ```text
/// metric_table! {
///     /// Rules read.
///     counter RULES_READ by "outcome" in ["loaded", "refused"] = "waypost_router_rules_read_total";
///     /// Messages confirmed on a team's queue, by `team` and `phase`.
///     counters ROUTED = "waypost_router_routed_total";
///     /// Bytes of the bus file.
///     gauge FILE_BYTES = "waypost_bus_embedded_file_bytes";
///     /// Deliveries in a batch.
///     histogram BATCH_SIZE = "waypost_worker_batch_size";
/// }
/// ```
///
/// A `counter` (and a `histogram`) begins at 0 with `describe()`, so that the first increment is seen as one: without
/// labels, or for each value of its one label. `counters` and `histograms` have labels that are known later: whoever
/// knows them begins the counters at 0.
#[macro_export]
macro_rules! metric_table {
    ($($(#[doc = $help:literal])+ $kind:ident $name:ident $(by $label:literal in [$($value:literal),+ $(,)?])? = $text:literal;)+) => {
        $($(#[doc = $help])+ pub const $name: &str = $text;)+

        /// All of them.
        pub const ALL: &[&str] = &[$($name),+];

        /// Gives the recorder the help texts, and lets the counters begin at 0. The recorder must be installed before.
        pub fn describe() {
            $(
                $crate::metric_table!(@describe $kind $name concat!($($help),+));
                $crate::metric_table!(@begin $kind $name $($label [$($value),+])?);
            )+
        }
    };
    (@describe counter $name:ident $help:expr) => { ::metrics::describe_counter!($name, $help.trim_ascii()) };
    (@describe counters $name:ident $help:expr) => { ::metrics::describe_counter!($name, $help.trim_ascii()) };
    (@describe gauge $name:ident $help:expr) => { ::metrics::describe_gauge!($name, $help.trim_ascii()) };
    (@describe histogram $name:ident $help:expr) => { ::metrics::describe_histogram!($name, $help.trim_ascii()) };
    (@describe histograms $name:ident $help:expr) => { ::metrics::describe_histogram!($name, $help.trim_ascii()) };
    (@begin counter $name:ident) => { ::metrics::counter!($name).increment(0) };
    (@begin counter $name:ident $label:literal [$($value:literal),+]) => {
        $(::metrics::counter!($name, $label => $value).increment(0);)+
    };
    (@begin histogram $name:ident) => { drop(::metrics::histogram!($name)) };
    (@begin $kind:ident $name:ident) => {};
}
