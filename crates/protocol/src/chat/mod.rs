//! OpenAI Chat Completions.
//!
//! The shapes are those of `POST /v1/chat/completions` with the extensions that other vendors added in the field
//! (`reasoning_content`, `reasoning_details`, split choices). Reading is lenient towards upstreams and exact towards
//! clients; writing is what OpenAI documents. Unknown members, nulls and the spelling that the wire chose are kept in
//! [`crate::ir::Extras`], see `extras.rs`, so that reading and writing the same protocol are inverse.

mod calls;
mod citations;
mod content;
mod error;
mod extras;
mod head;
mod message;
mod reasoning;
mod request;
mod response;
mod stream;
mod unwrap;
mod usage;
mod wire;

use crate::{
    BadRequest, BadResponse, CannotEncode, Codec, Encoded, ErrorView, Head, Protocol, Str, StreamStart, Target,
    UpstreamError,
    codec::{StreamDecoder, StreamEncoder},
    ir::{Request, Response},
    json::patch::Patches,
};
use bytes::Bytes;

/// The codec.
#[derive(Clone, Copy, Debug)]
pub struct Chat;

impl Codec for Chat {
    fn protocol(&self) -> Protocol {
        Protocol::Chat
    }

    fn head<'a>(&self, body: &'a str) -> Result<Head<'a>, BadRequest> {
        head::read(body)
    }

    fn decode(&self, body: &Str) -> Result<Request, BadRequest> {
        request::decode(body)
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded, CannotEncode> {
        request::encode(request, target)
    }

    fn decode_response(&self, body: &Str) -> Result<Response, BadResponse> {
        response::decode(body)
    }

    fn encode_response(&self, response: &Response, start: &StreamStart) -> Bytes {
        response::encode(response, start)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn stream_encoder(&self, start: StreamStart) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(start))
    }

    fn decode_error(&self, body: &[u8]) -> Option<UpstreamError> {
        error::decode(std::str::from_utf8(body).ok()?)
    }

    fn error_body(&self, view: &ErrorView) -> Bytes {
        error::body(view)
    }

    fn error_event(&self, view: &ErrorView) -> Bytes {
        error::event(view)
    }

    fn keep_alive(&self) -> Bytes {
        Bytes::from_static(b": keep-alive\n\n")
    }

    fn patches(&self, head: &Head<'_>, target: &Target<'_>) -> Patches {
        head::patches(head, target)
    }
}
