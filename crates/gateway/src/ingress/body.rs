//! Reading a request body: one buffer, capped, within time.

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rm_protocol::{ErrorKind, ErrorView, Str};
use std::time::Duration;

/// Limits of a body, from `server.yaml`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Bytes.
    pub(crate) size: u64,
    /// Silence between two pieces.
    pub(crate) idle: Duration,
    /// In all.
    pub(crate) total: Duration,
}

/// Reads the whole body.
///
/// # Errors
/// 413 over the size, 408 when it takes too long, 400 when it breaks off or is not UTF-8.
pub(crate) async fn read(body: Incoming, limits: &BodyLimits) -> Result<Str, ErrorView> {
    if body.size_hint().lower() > limits.size {
        return Err(too_large(limits.size));
    }
    let bytes = tokio::time::timeout(limits.total, collect(body, limits)).await.unwrap_or_else(|_| Err(too_slow()))?;
    Str::try_from(bytes).map_err(|_| ErrorView::new(ErrorKind::BadRequest, "invalid_utf8", "the body is not UTF-8"))
}

async fn collect(mut body: Incoming, limits: &BodyLimits) -> Result<Bytes, ErrorView> {
    let expected = body.size_hint().exact().unwrap_or(0) as usize;
    let mut first = Bytes::new();
    let mut buffer = BytesMut::new();
    loop {
        let Some(frame) = tokio::time::timeout(limits.idle, body.frame()).await.map_err(|_| too_slow())? else { break };
        let Ok(frame) = frame else {
            return Err(ErrorView::new(ErrorKind::BadRequest, "body_cut", "the body broke off"));
        };
        let Ok(data) = frame.into_data() else { continue };
        if buffer.is_empty() && first.is_empty() {
            // Most bodies come in one piece and are not copied.
            if body.is_end_stream() {
                return if data.len() as u64 > limits.size { Err(too_large(limits.size)) } else { Ok(data) };
            }
            first = data;
            continue;
        }
        if buffer.is_empty() {
            buffer.reserve(expected.max(first.len() + data.len()));
            buffer.extend_from_slice(&first);
        }
        if (buffer.len() + data.len()) as u64 > limits.size {
            return Err(too_large(limits.size));
        }
        buffer.extend_from_slice(&data);
    }
    let whole = if buffer.is_empty() { first } else { buffer.freeze() };
    if whole.len() as u64 > limits.size { Err(too_large(limits.size)) } else { Ok(whole) }
}

fn too_large(limit: u64) -> ErrorView {
    ErrorView::new(ErrorKind::TooLarge, "body_too_large", format!("the body is over {limit} bytes; see limits.body"))
}

fn too_slow() -> ErrorView {
    let status = rm_protocol::ErrorStatus::or_bad_gateway(http::StatusCode::REQUEST_TIMEOUT);
    ErrorView { status, ..ErrorView::new(ErrorKind::Timeout, "body_timeout", "the body took too long") }
}
