//! libFuzzer's door to [`waypost_fuzz::sends`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waypost_fuzz::sends::check(data));
