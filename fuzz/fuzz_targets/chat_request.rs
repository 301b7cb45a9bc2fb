#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| { rm_fuzz::request(rm_protocol::Protocol::Chat, data); });
