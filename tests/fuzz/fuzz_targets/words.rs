//! libFuzzer's door to [`waypost_fuzz::words`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waypost_fuzz::words::check(data));
