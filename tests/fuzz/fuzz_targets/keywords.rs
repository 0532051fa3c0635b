//! libFuzzer's door to [`waypost_fuzz::keywords`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waypost_fuzz::keywords::check(data));
