//! libFuzzer's door to [`waypost_fuzz::signature`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waypost_fuzz::signature::check(data));
