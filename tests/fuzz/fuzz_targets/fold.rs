//! libFuzzer's door to [`waypost_fuzz::fold`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waypost_fuzz::fold::check(data));
