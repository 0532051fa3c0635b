//! libFuzzer's door to [`waypost_fuzz::webhook`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waypost_fuzz::webhook::check(data));
