#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| { rm_fuzz::stream(rm_protocol::Protocol::Messages, data); });
