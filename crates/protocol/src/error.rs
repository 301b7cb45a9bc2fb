//! Errors at this crate's boundary, and the one view from which every protocol writes its envelope.

use http::StatusCode;
use std::time::Duration;
use thiserror::Error;

/// A status that is certainly 4xx or 5xx, so an error can never be sent as 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorStatus(StatusCode);

impl ErrorStatus {
    /// `None` unless `status` is 4xx or 5xx.
    pub fn new(status: StatusCode) -> Option<Self> {
        (status.is_client_error() || status.is_server_error()).then_some(Self(status))
    }

    /// From a status code; anything that is not an error becomes 502.
    pub fn or_bad_gateway(status: StatusCode) -> Self {
        Self::new(status).unwrap_or(Self(StatusCode::BAD_GATEWAY))
    }

    /// The status.
    pub fn get(self) -> StatusCode {
        self.0
    }

    /// The number.
    pub fn as_u16(self) -> u16 {
        self.0.as_u16()
    }
}

/// What went wrong, independent of any protocol. Each codec maps it to its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is malformed or asks for something impossible.
    BadRequest,
    /// The prompt does not fit the model's context.
    ContextTooLong,
    /// No valid credential.
    Auth,
    /// Payment is required.
    Billing,
    /// A quota is used up; waiting a moment does not help.
    Quota,
    /// The credential may not do this.
    Permission,
    /// No such model, path or object.
    NotFound,
    /// The path exists with another method.
    Method,
    /// The body or the head is over a limit.
    TooLarge,
    /// The content type or encoding is not accepted.
    MediaType,
    /// Too many requests for now.
    RateLimit,
    /// A fault of this gateway.
    Internal,
    /// The upstream failed or answered nonsense.
    Upstream,
    /// The upstream or this gateway is overloaded.
    Overloaded,
    /// The upstream took too long.
    Timeout,
}

impl ErrorKind {
    /// The kind that an HTTP status stands for when nothing more is known.
    pub fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Auth,
            402 => Self::Billing,
            403 => Self::Permission,
            404 => Self::NotFound,
            405 => Self::Method,
            408 | 504 => Self::Timeout,
            413 | 414 | 431 => Self::TooLarge,
            415 => Self::MediaType,
            429 => Self::RateLimit,
            503 | 529 => Self::Overloaded,
            400..=499 => Self::BadRequest,
            _ => Self::Upstream,
        }
    }

    /// The status used when nothing more is known. 529 is not used here: codecs that have it write it themselves.
    pub fn status(self) -> ErrorStatus {
        ErrorStatus(match self {
            Self::BadRequest | Self::ContextTooLong => StatusCode::BAD_REQUEST,
            Self::Auth => StatusCode::UNAUTHORIZED,
            Self::Billing => StatusCode::PAYMENT_REQUIRED,
            Self::Permission => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Quota | Self::RateLimit => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Upstream => StatusCode::BAD_GATEWAY,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        })
    }
}

/// Any failure as a client sees it. The client's protocol writes it in its own envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorView {
    /// The HTTP status, also when the error is written inside a stream.
    pub status: ErrorStatus,
    /// What went wrong.
    pub kind: ErrorKind,
    /// One stable string for metrics, logs and answers, e.g. `model_not_found`.
    pub code: &'static str,
    /// For the reader; names what to do where that is known. Free of secrets.
    pub message: String,
    /// The request field at fault, as a path such as `messages[0].content`.
    pub param: Option<String>,
    /// How long to wait before another try.
    pub retry_after: Option<Duration>,
    /// What an upstream said, when it is at fault.
    pub upstream: Option<UpstreamError>,
    /// The id of the request, for envelopes that carry one.
    pub request_id: Option<String>,
}

impl ErrorView {
    /// A view with the kind's own status and no further facts.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: kind.status(),
            kind,
            code,
            message: message.into(),
            param: None,
            retry_after: None,
            upstream: None,
            request_id: None,
        }
    }
}

impl From<BadRequest> for ErrorView {
    fn from(error: BadRequest) -> Self {
        Self { param: error.param, ..Self::new(ErrorKind::BadRequest, "invalid_request", error.message) }
    }
}

impl From<CannotEncode> for ErrorView {
    fn from(error: CannotEncode) -> Self {
        Self { param: Some(error.path), ..Self::new(ErrorKind::BadRequest, "unsupported_parameter", error.why) }
    }
}

/// An error as an upstream told it, in the words of its own protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// What it means.
    pub kind: ErrorKind,
    /// `error.type`, verbatim.
    pub kind_word: Option<String>,
    /// `error.code`, verbatim (a number is kept as its digits).
    pub code: Option<String>,
    /// `error.message`, verbatim.
    pub message: String,
    /// `error.param`, verbatim.
    pub param: Option<String>,
}

/// The client's request cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct BadRequest {
    /// What is wrong, with the path.
    pub message: String,
    /// The field at fault, such as `messages[0].content`.
    pub param: Option<String>,
}

impl BadRequest {
    /// A fault of the whole body.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), param: None }
    }

    /// A fault of one field.
    pub fn at(path: impl Into<String>, message: impl std::fmt::Display) -> Self {
        let path = path.into();
        Self { message: format!("{path}: {message}"), param: Some(path) }
    }
}

/// The request cannot be expressed in the target's protocol without changing what it means.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {why}")]
pub struct CannotEncode {
    /// The field at fault.
    pub path: String,
    /// Why it cannot be carried over.
    pub why: String,
}

/// An upstream's answer with a success status cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadResponse {
    /// Not the protocol's shape.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// The body of a 200 is an error.
    #[error("error in a successful answer: {}", .0.message)]
    Error(Box<UpstreamError>),
}

/// Why an upstream stream cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StreamError {
    /// A frame is not the protocol's shape, or over a limit.
    #[error("malformed stream: {0}")]
    Malformed(String),
    /// The upstream sent an error event.
    #[error("error in the stream: {}", .0.message)]
    Upstream(Box<UpstreamError>),
    /// The body ended before the terminal event.
    #[error("the stream ended before its last event")]
    Truncated,
}
