//! libFuzzer's door to [`waypost_fuzz::twilio`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waypost_fuzz::twilio::check(data));
