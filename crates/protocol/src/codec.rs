//! What every protocol must be able to do.

use crate::{
    BadRequest, BadResponse, CannotEncode, ErrorView, Protocol, Str, StreamError, UpstreamError,
    ir::{EventSink, Losses, Names, Request, Response},
    sse::Frame,
};
use bytes::{Bytes, BytesMut};
use std::ops::Range;

/// One protocol's reader and writer. A unit struct for each protocol implements it; [`Protocol::codec`] is the only way to one.
pub trait Codec: Sync {
    /// Which protocol this is.
    fn protocol(&self) -> Protocol;

    /// Reads only what routing needs from a generate request: the top level is scanned once, nested values are skipped.
    ///
    /// # Errors
    /// The body is not one JSON object, is too deep, repeats a key that is read, or a key that is read has a wrong type.
    fn head<'a>(&self, body: &'a str) -> Result<Head<'a>, BadRequest>;

    /// Decodes a whole generate request. Text in the result shares the body's memory where it has no escapes.
    fn decode(&self, body: &Str) -> Result<Request, BadRequest>;

    /// Writes `request` for `target`. Messages come last in the body, so that equal beginnings stay equal bytes.
    ///
    /// # Errors
    /// Dropping something would change the meaning (`n > 1`, audio output); the message says what and why.
    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded, CannotEncode>;

    /// Decodes a whole (not streamed) successful answer.
    fn decode_response(&self, body: &Str) -> Result<Response, BadResponse>;

    /// Writes a whole answer for the client.
    fn encode_response(&self, response: &Response, start: &StreamStart) -> Bytes;

    /// A reader for one upstream stream.
    fn stream_decoder(&self) -> Box<dyn StreamDecoder>;

    /// A writer for one client stream.
    fn stream_encoder(&self, start: StreamStart) -> Box<dyn StreamEncoder>;

    /// Reads a non-2xx body of an upstream. `None` when it has not this protocol's error shape.
    fn decode_error(&self, body: &[u8]) -> Option<UpstreamError>;

    /// Writes an error body in the client's envelope, before the head is sent.
    fn error_body(&self, view: &ErrorView) -> Bytes;

    /// Writes an error as the last event of a running stream, blank line included. Used by the byte lane; a translated
    /// stream ends with [`StreamEncoder::fail`].
    fn error_event(&self, view: &ErrorView) -> Bytes;

    /// What keeps a silent client stream alive: a whole SSE event or comment.
    fn keep_alive(&self) -> Bytes;

    /// The span edits that turn the client's body into the one for a same-protocol upstream.
    fn patches(&self, head: &Head<'_>, target: &Target<'_>) -> crate::json::patch::Patches;
}

/// What routing needs to know of a request body; borrows from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head<'a> {
    /// The requested model, unescaped; `None` when absent, null or empty.
    pub model: Option<std::borrow::Cow<'a, str>>,
    /// Byte span of the model's JSON value, quotes included.
    pub model_span: Option<Range<usize>>,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether the client asked for a usage chunk (Chat: `stream_options.include_usage`); always true elsewhere.
    pub include_usage: bool,
    /// Byte span of the value of `stream_options`, when present and not null.
    pub stream_options_span: Option<Range<usize>>,
    /// Offset just behind the opening brace, where a member can be inserted.
    pub body_start: usize,
    /// Chat: the edit that makes this stream tell its usage; `None` when it does already or is no stream.
    pub usage_edit: Option<(Range<usize>, &'static str)>,
    /// What to delete so that members that only the router understands (`provider`, `allowed_models`, `models`, …) vanish
    /// with their commas: they never reach an upstream. Made by [`crate::json::patch::Removals`].
    pub router_members: Vec<Range<usize>>,
    /// Value of the client's `provider.allow_fallbacks`, when given.
    pub allow_fallbacks: Option<bool>,
    /// How deep the body nests.
    pub depth: usize,
}

/// Where an encoded request goes.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The model name the upstream knows.
    pub model: &'a str,
    /// Who seals opaque reasoning there: provider name and model family, e.g. `anthropic:claude`. Sealed values of another
    /// owner are removed.
    pub owner: &'a str,
    /// How this upstream departs from its protocol's vendor.
    pub dialect: Dialect,
}

/// How one kind of upstream departs from the reference vendor of its protocol. Data, not code: codecs read the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Chat: the name of the output cap.
    pub max_tokens: MaxTokensField,
    /// Chat: assistant reasoning is sent back as `reasoning_content` (DeepSeek, Kimi, Qwen …) instead of being removed.
    pub replay_reasoning: bool,
    /// Chat: `stream_options.include_usage` is understood.
    pub stream_usage: bool,
    /// Chat: `developer` is understood; otherwise it becomes `system`.
    pub developer_role: bool,
    /// Chat: `prompt_cache_key` is understood, so one is made from the session that a foreign client names.
    pub prompt_cache_key: bool,
    /// Messages: the upstream is Anthropic itself, so the client's billing block and beta fields are kept.
    pub anthropic: bool,
    /// Output cap written when the client gave none and the protocol requires one; `None` lets the codec choose by model.
    pub default_max_tokens: Option<u32>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            max_tokens: MaxTokensField::Auto,
            replay_reasoning: false,
            stream_usage: true,
            developer_role: true,
            prompt_cache_key: false,
            anthropic: false,
            default_max_tokens: None,
        }
    }
}

/// Which of Chat's two names an output cap travels under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// `max_completion_tokens` for OpenAI's reasoning models, else the name the client used, else `max_tokens`.
    Auto,
    /// Always `max_tokens`.
    MaxTokens,
    /// Always `max_completion_tokens`.
    MaxCompletionTokens,
}

/// A request body for one target, and what it could not carry over.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The JSON body.
    pub body: Bytes,
    /// What was dropped or only approximated.
    pub losses: Losses,
    /// Tool names that must be translated back in the answer.
    pub names: Names,
}

/// What a client's answer must start with.
#[derive(Clone, Debug)]
pub struct StreamStart {
    /// The model that really serves, as `provider/model`.
    pub model: Str,
    /// Fallback for an id when the upstream gives none: digits and lower-case letters.
    pub id: Str,
    /// Unix seconds, for protocols whose answers carry a creation time.
    pub created: u64,
    /// Chat: whether a usage chunk is wanted.
    pub include_usage: bool,
    /// Estimated input tokens, shown until the upstream tells the real count.
    pub input_estimate: u64,
    /// The owner under which opaque reasoning from this upstream is sealed for the client.
    pub owner: Str,
    /// Tool names as sent upstream, to be translated back.
    pub names: Names,
}

/// Turns one upstream protocol's stream into events.
pub trait StreamDecoder: Send {
    /// Takes one SSE frame. `to` receives zero or more events that borrow from it.
    fn frame(&mut self, frame: &Frame<'_>, to: &mut dyn EventSink) -> Result<(), StreamError>;

    /// The body ended. Called once; fails if the protocol's terminal event never came.
    fn end(&mut self, to: &mut dyn EventSink) -> Result<(), StreamError>;

    /// Whether the protocol's terminal was seen, so that nothing but an end of body may follow.
    fn finished(&self) -> bool;
}

/// Turns events into one client protocol's stream. Bytes gather in [`StreamEncoder::out`] until the caller takes them.
pub trait StreamEncoder: EventSink + Send {
    /// The bytes written since they were last taken. The caller empties it with `split`.
    fn out(&mut self) -> &mut BytesMut;

    /// Closes what is open and writes the error as the last event: no success terminal follows.
    fn fail(&mut self, view: &ErrorView);

    /// What this stream could not carry over.
    fn losses(&self) -> &Losses;
}
