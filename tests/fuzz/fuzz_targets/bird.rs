//! libFuzzer's door to [`waypost_fuzz::bird`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waypost_fuzz::bird::check(data));
