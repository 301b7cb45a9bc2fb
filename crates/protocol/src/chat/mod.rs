//! Stub until the codec lands.
use crate::*;
use bytes::Bytes;
/// The codec.
pub struct Chat;
impl Codec for Chat {
    fn protocol(&self) -> Protocol {
        Protocol::Chat
    }
    fn head<'a>(&self, _: &'a str) -> Result<Head<'a>, BadRequest> {
        Err(BadRequest::new("stub"))
    }
    fn decode(&self, _: &Str) -> Result<ir::Request, BadRequest> {
        Err(BadRequest::new("stub"))
    }
    fn encode(&self, _: &ir::Request, _: &Target<'_>) -> Result<Encoded, CannotEncode> {
        Err(CannotEncode { path: String::new(), why: String::new() })
    }
    fn decode_response(&self, _: &Str) -> Result<ir::Response, BadResponse> {
        Err(BadResponse::Malformed(String::new()))
    }
    fn encode_response(&self, _: &ir::Response, _: &StreamStart) -> Bytes {
        Bytes::new()
    }
    fn stream_decoder(&self) -> Box<dyn codec::StreamDecoder> {
        loop {}
    }
    fn stream_encoder(&self, _: StreamStart) -> Box<dyn codec::StreamEncoder> {
        loop {}
    }
    fn decode_error(&self, _: &[u8]) -> Option<UpstreamError> {
        None
    }
    fn error_body(&self, _: &ErrorView) -> Bytes {
        Bytes::new()
    }
    fn error_event(&self, _: &ErrorView) -> Bytes {
        Bytes::new()
    }
    fn keep_alive(&self) -> Bytes {
        Bytes::new()
    }
    fn patches(&self, _: &Head<'_>, _: &Target<'_>) -> json::patch::Patches {
        json::patch::Patches::default()
    }
}
