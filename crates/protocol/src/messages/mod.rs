//! Anthropic Messages.
//!
//! Facts are from the platform reference and from the traffic of real clients, read 2026-11. `decode` and `encode` turn
//! requests into the intermediate form and back, `response` and `stream` do the same for answers, `models` says what each
//! family of models accepts, `head` serves the byte lane.

mod decode;
mod encode;
mod error;
mod head;
mod models;
mod native;
mod path;
mod response;
mod stream;
mod usage;
mod wire;

pub use error::THREAD_UNSUPPORTED;
pub use native::{carries_seal, needs_native};

use crate::{
    BadRequest, BadResponse, CannotEncode, Codec, Encoded, ErrorView, Head, Protocol, Str, StreamStart, Target,
    UpstreamError,
    codec::{StreamDecoder, StreamEncoder},
    ir,
    json::patch::Patches,
};
use bytes::Bytes;

/// Longest tool call id that is written.
const ID_LIMIT: usize = 64;

/// The codec.
#[derive(Clone, Copy, Debug)]
pub struct Messages;

/// Reads the body of a count request, which is a generate request that needs no `max_tokens`.
///
/// # Errors
/// As [`Codec::decode`].
pub fn decode_count(body: &Str) -> Result<ir::Request, BadRequest> {
    decode::request(body, decode::Cap::Optional)
}

impl Codec for Messages {
    fn protocol(&self) -> Protocol {
        Protocol::Messages
    }

    fn head<'a>(&self, body: &'a str) -> Result<Head<'a>, BadRequest> {
        head::head(body)
    }

    fn decode(&self, body: &Str) -> Result<ir::Request, BadRequest> {
        decode::request(body, decode::Cap::Required)
    }

    fn encode(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, CannotEncode> {
        encode::request(request, target)
    }

    fn decode_response(&self, body: &Str) -> Result<ir::Response, BadResponse> {
        response::decode(body)
    }

    fn encode_response(&self, response: &ir::Response, start: &StreamStart) -> Bytes {
        response::encode(response, start)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn stream_encoder(&self, start: StreamStart) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(start))
    }

    fn decode_error(&self, body: &[u8]) -> Option<UpstreamError> {
        error::decode(body)
    }

    fn error_body(&self, view: &ErrorView) -> Bytes {
        error::body(view)
    }

    fn error_event(&self, view: &ErrorView) -> Bytes {
        error::event(view)
    }

    fn keep_alive(&self) -> Bytes {
        Bytes::from_static(stream::PING)
    }

    fn patches(&self, head: &Head<'_>, target: &Target<'_>) -> Patches {
        head::patches(head, target)
    }
}
