//! libFuzzer's door to [`waypost_fuzz::rule_set::check`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waypost_fuzz::rule_set::check(data));
