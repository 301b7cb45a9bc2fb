#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| { rm_fuzz::response(rm_protocol::Protocol::Messages, data); });
