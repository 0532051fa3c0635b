//! libFuzzer's door to [`waypost_fuzz::envelope`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waypost_fuzz::envelope::check(data));
