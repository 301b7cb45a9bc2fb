//! Errors in Anthropic's envelope, both ways.
//!
//! Clients look at the words: Claude Code starts to compact when a message begins with "prompt is too long", and the SDK's
//! tool runner replays without `thread` when `error.details` says so. Upstream messages are
//! kept verbatim for the same reason.

use super::wire::{ErrorBody, ErrorDef, ErrorDetails};
use crate::{
    ErrorKind, ErrorView, UpstreamError,
    json::{Writer, text},
};
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;

/// The code that makes an error body tell an SDK to send the conversation again without message threads.
pub const THREAD_UNSUPPORTED: &str = "thread_unsupported_request";
const TOO_LONG: &str = "prompt is too long";

/// `error.type` for a kind.
fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::BadRequest | ErrorKind::ContextTooLong | ErrorKind::Method | ErrorKind::MediaType => {
            "invalid_request_error"
        }
        ErrorKind::Auth => "authentication_error",
        ErrorKind::Billing => "billing_error",
        ErrorKind::Permission => "permission_error",
        ErrorKind::NotFound => "not_found_error",
        ErrorKind::TooLarge => "request_too_large",
        ErrorKind::Quota | ErrorKind::RateLimit => "rate_limit_error",
        ErrorKind::Internal | ErrorKind::Upstream => "api_error",
        ErrorKind::Overloaded => "overloaded_error",
        ErrorKind::Timeout => "timeout_error",
    }
}

/// The kind that `error.type` and the message stand for.
fn kind(word: &str, message: &str) -> ErrorKind {
    let says = |part: &str| message.contains(part);
    match word {
        "invalid_request_error" if message.starts_with(TOO_LONG) || says("exceed context limit") => {
            ErrorKind::ContextTooLong
        }
        "invalid_request_error" if says("credit balance is too low") => ErrorKind::Billing,
        "invalid_request_error" | "conflict_error" => ErrorKind::BadRequest,
        "authentication_error" => ErrorKind::Auth,
        "billing_error" => ErrorKind::Billing,
        "permission_error" => ErrorKind::Permission,
        "not_found_error" => ErrorKind::NotFound,
        "request_too_large" => ErrorKind::TooLarge,
        "rate_limit_error" => ErrorKind::RateLimit,
        "overloaded_error" => ErrorKind::Overloaded,
        "timeout_error" => ErrorKind::Timeout,
        _ => ErrorKind::Upstream,
    }
}

/// Reads an error body, or the data of an `error` event.
pub(super) fn decode(body: &[u8]) -> Option<UpstreamError> {
    let error = serde_json::from_slice::<ErrorBody<'_>>(body).ok()?.error?;
    told(&error)
}

/// Reads the value of `error`.
pub(super) fn decode_inner(raw: &RawValue) -> Option<UpstreamError> {
    told(&serde_json::from_str::<ErrorDef<'_>>(raw.get()).ok()?)
}

fn told(error: &ErrorDef<'_>) -> Option<UpstreamError> {
    let message = error.message.as_deref()?.to_owned();
    let word = error.kind.as_deref();
    let detail = error.details.and_then(|raw| serde_json::from_str::<ErrorDetails<'_>>(raw.get()).ok());
    let code = detail.and_then(|detail| Some(detail.error_code?.to_string())).or_else(|| error.code.map(plain));
    Some(UpstreamError {
        kind: kind(word.unwrap_or_default(), &message),
        kind_word: word.map(str::to_owned),
        code,
        message,
        param: error.param.map(plain),
    })
}

/// A string's content, or another value as it is written.
fn plain(raw: &RawValue) -> String {
    let json = raw.get();
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| json.to_owned(), |inner| text::unescape(inner).into_owned())
}

pub(super) fn body(view: &ErrorView) -> Bytes {
    let mut w = Writer::with_capacity(256);
    write(&mut w, view);
    w.finish()
}

pub(super) fn event(view: &ErrorView) -> Bytes {
    let mut out = BytesMut::with_capacity(256);
    put_event(&mut out, view);
    out.freeze()
}

/// Appends the error as an event of a stream.
pub(super) fn put_event(out: &mut BytesMut, view: &ErrorView) {
    out.put_slice(b"event: error\ndata: ");
    let mut w = Writer::append_to(std::mem::take(out));
    write(&mut w, view);
    *out = w.into_inner();
    out.put_slice(b"\n\n");
}

fn write(w: &mut Writer, view: &ErrorView) {
    w.begin().key("type").text("error").key("error").begin();
    w.key("type").text(word(view.kind)).key("message");
    if view.kind == ErrorKind::ContextTooLong && !view.message.starts_with(TOO_LONG) {
        w.text(&format!("{TOO_LONG}: {}", view.message));
    } else {
        w.text(&view.message);
    }
    if view.code == THREAD_UNSUPPORTED || view.param.as_deref() == Some("thread") {
        w.key("details").begin();
        w.key("error_code").text(THREAD_UNSUPPORTED);
        w.key("unsupported").begin_list().text("thread").end_list().end();
    }
    w.end();
    if let Some(id) = &view.request_id {
        w.key("request_id").text(id);
    }
    w.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_names_kind_message_and_request() {
        let mut view = ErrorView::new(ErrorKind::Overloaded, "overloaded", "busy");
        view.request_id = Some("req_1".into());
        let expected = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"},"request_id":"req_1"}"#;
        assert_eq!(body(&view), expected);
        assert_eq!(event(&view), format!("event: error\ndata: {expected}\n\n"));
    }

    #[test]
    fn a_context_that_is_too_long_is_told_in_the_words_clients_look_for() {
        let view = ErrorView::new(ErrorKind::ContextTooLong, "context_length_exceeded", "maximum is 8192 tokens");
        let told = decode(&body(&view)).unwrap();
        assert_eq!(told.message, "prompt is too long: maximum is 8192 tokens");
        assert_eq!(told.kind, ErrorKind::ContextTooLong);
    }

    #[test]
    fn a_refused_thread_tells_the_sdk_to_replay_the_whole_history() {
        let view = ErrorView::new(ErrorKind::BadRequest, THREAD_UNSUPPORTED, "no threads here");
        let json: serde_json::Value = serde_json::from_slice(&body(&view)).unwrap();
        let details = serde_json::json!({"error_code": "thread_unsupported_request", "unsupported": ["thread"]});
        assert_eq!(json.pointer("/error/details"), Some(&details));
    }

    #[test]
    fn another_shape_is_not_an_error_of_this_protocol() {
        assert_eq!(decode(b"<html>"), None);
        assert_eq!(decode(br#"{"error":"x"}"#), None);
        assert_eq!(decode(br#"{"message":"x"}"#), None);
    }
}
