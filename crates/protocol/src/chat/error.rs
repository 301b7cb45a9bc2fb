//! Errors: `{"error":{"message","type","param","code"}}`.

use crate::{
    ErrorKind, ErrorView, UpstreamError,
    json::{Text, Writer},
    sse, wire,
};
use bytes::{BufMut, Bytes, BytesMut};
use http::StatusCode;
use serde_json::value::RawValue;

wire! {
    /// The body; vendors also put the error's members at the top.
    struct BodyWire<'a> {
        error: &'a RawValue,
        message: &'a RawValue,
        detail: &'a RawValue,
        kind: &'a RawValue = "type",
        code: &'a RawValue,
        param: &'a RawValue,
    }
}

wire! {
    /// The error itself.
    struct ErrorWire<'a> {
        message: &'a RawValue,
        kind: &'a RawValue = "type",
        code: &'a RawValue,
        param: &'a RawValue,
    }
}

/// Reads an upstream's error body: `{"error":{…}}`, `{"error":"text"}`, `{"message":…}`, `{"detail":…}`, or a list around one.
/// The kind comes from the words alone; when they tell nothing it is [`ErrorKind::Upstream`], and the status knows better.
pub(super) fn decode(body: &str) -> Option<UpstreamError> {
    let body = body.trim();
    if !body.starts_with('[') {
        return decode_object(body);
    }
    // One list, as Google's endpoint sends it; a list in a list is nobody's error and must not be followed down.
    let list: Vec<&RawValue> = serde_json::from_str(body).ok()?;
    decode_object(list.first()?.get())
}

fn decode_object(body: &str) -> Option<UpstreamError> {
    let wire: BodyWire<'_> = serde_json::from_str(body).ok()?;
    let error = match wire.error {
        Some(raw) if raw.get().starts_with('{') => serde_json::from_str(raw.get()).ok()?,
        Some(text) => ErrorWire { message: Some(text), kind: wire.kind, code: wire.code, ..ErrorWire::default() },
        None => ErrorWire {
            message: Some(wire.message.or(wire.detail)?),
            kind: wire.kind,
            code: wire.code,
            param: wire.param,
            ..ErrorWire::default()
        },
    };
    Some(read(&error))
}

/// An upstream's failure without words of its own.
pub(super) fn unexplained(message: &str) -> UpstreamError {
    UpstreamError { kind: ErrorKind::Upstream, kind_word: None, code: None, message: message.to_owned(), param: None }
}

/// Why a choice ended with `error`: the value of its member of that name, which OpenRouter sends.
pub(super) fn of_choice(told: Option<&RawValue>) -> UpstreamError {
    told.map_or_else(|| unexplained("the upstream ended its answer with an error"), decode_inner)
}

/// Reads the value of a member `error` that is not null.
pub(super) fn decode_inner(raw: &RawValue) -> UpstreamError {
    let error = serde_json::from_str(raw.get());
    read(&error.unwrap_or(ErrorWire { message: Some(raw), ..ErrorWire::default() }))
}

fn read(wire: &ErrorWire<'_>) -> UpstreamError {
    let word = |raw: Option<&RawValue>| raw.map(plain);
    let mut error = UpstreamError {
        kind: ErrorKind::Upstream,
        kind_word: word(wire.kind),
        code: word(wire.code),
        message: word(wire.message).unwrap_or_default(),
        param: word(wire.param),
    };
    error.kind = kind(&error);
    if error.message.is_empty() {
        error.message = error.code.clone().or(error.kind_word.clone()).unwrap_or("unknown error".into());
    }
    error
}

/// A string's text; any other value as it is written.
fn plain(raw: &RawValue) -> String {
    let text: Result<Text<'_>, _> = serde_json::from_str(raw.get());
    text.map_or_else(|_| raw.get().to_owned(), |text| text.0.into_owned())
}

/// Words of `code` and `type`, and what they mean; a word that contains one of these counts. The first that fits wins.
const WORDS: [(&str, ErrorKind); 27] = [
    ("context_length", ErrorKind::ContextTooLong),
    ("max_prompt_tokens", ErrorKind::ContextTooLong),
    ("context_window", ErrorKind::ContextTooLong),
    ("insufficient_quota", ErrorKind::Quota),
    ("quota", ErrorKind::Quota),
    ("billing", ErrorKind::Billing),
    ("insufficient_balance", ErrorKind::Billing),
    ("rate_limit", ErrorKind::RateLimit),
    ("rate-limit", ErrorKind::RateLimit),
    ("too_many_requests", ErrorKind::RateLimit),
    ("invalid_api_key", ErrorKind::Auth),
    ("authentication", ErrorKind::Auth),
    ("unauthorized", ErrorKind::Auth),
    ("permission", ErrorKind::Permission),
    ("unsupported_country", ErrorKind::Permission),
    ("model_not_found", ErrorKind::NotFound),
    ("not_found", ErrorKind::NotFound),
    ("too_large", ErrorKind::TooLarge),
    ("overloaded", ErrorKind::Overloaded),
    ("service_unavailable", ErrorKind::Overloaded),
    ("unavailable", ErrorKind::Overloaded),
    ("timeout", ErrorKind::Timeout),
    ("server_error", ErrorKind::Upstream),
    ("api_error", ErrorKind::Upstream),
    ("invalid_", ErrorKind::BadRequest),
    ("unsupported", ErrorKind::BadRequest),
    ("not_supported", ErrorKind::BadRequest),
];

/// Beginnings of sentences that say the prompt is too long where no code does.
const TOO_LONG: [&str; 4] = ["maximum context length", "prompt is too long", "prompt token count of", "context window"];

fn kind(error: &UpstreamError) -> ErrorKind {
    let words = [error.code.as_deref(), error.kind_word.as_deref()];
    let known = words.iter().flatten().find_map(|word| {
        let word = word.to_ascii_lowercase();
        let status = word.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
        let named = WORDS.iter().find(|(part, _)| word.contains(part)).map(|(_, kind)| *kind);
        status.filter(|status| status.as_u16() >= 400).map(ErrorKind::of).or(named)
    });
    let known = known.unwrap_or(match error.kind_word.as_deref() {
        Some("requests" | "tokens") => ErrorKind::RateLimit,
        _ => ErrorKind::Upstream,
    });
    let vague = matches!(known, ErrorKind::BadRequest | ErrorKind::Upstream);
    if vague && TOO_LONG.iter().any(|words| error.message.contains(words)) { ErrorKind::ContextTooLong } else { known }
}

/// `type` and, where OpenAI has a fixed one, `code` of a kind.
fn words(kind: ErrorKind) -> (&'static str, Option<&'static str>) {
    match kind {
        ErrorKind::BadRequest
        | ErrorKind::Method
        | ErrorKind::TooLarge
        | ErrorKind::MediaType
        | ErrorKind::NotFound => ("invalid_request_error", None),
        ErrorKind::ContextTooLong => ("invalid_request_error", Some("context_length_exceeded")),
        ErrorKind::Auth => ("invalid_request_error", Some("invalid_api_key")),
        ErrorKind::Billing | ErrorKind::Quota => ("insufficient_quota", Some("insufficient_quota")),
        ErrorKind::Permission => ("permission_error", None),
        ErrorKind::RateLimit => ("rate_limit_exceeded", Some("rate_limit_exceeded")),
        ErrorKind::Internal | ErrorKind::Upstream | ErrorKind::Overloaded | ErrorKind::Timeout => {
            ("server_error", None)
        }
    }
}

/// Writes the body of an error answer.
pub(super) fn body(view: &ErrorView) -> Bytes {
    let mut w = Writer::default();
    write(&mut w, view);
    w.finish()
}

/// Writes an error as the last event of a stream.
pub(super) fn event(view: &ErrorView) -> Bytes {
    let mut out = BytesMut::new();
    sse::data(&mut out, |out| out.put_slice(&body(view)));
    out.freeze()
}

fn write(w: &mut Writer, view: &ErrorView) {
    let (kind, fixed) = words(view.kind);
    let upstream = view.upstream.as_ref();
    let code = upstream.and_then(|upstream| upstream.code.as_deref()).or(fixed).unwrap_or(view.code);
    let param = upstream.and_then(|upstream| upstream.param.as_deref()).or(view.param.as_deref());
    w.begin().key("error").begin();
    w.key("message").text(upstream.map_or(&view.message, |upstream| &upstream.message));
    w.key("type").text(kind);
    w.key("param");
    match param {
        Some(param) => w.text(param),
        None => w.null(),
    };
    w.key("code").text(code);
    w.end().end();
}
