//! Answers of this server: their body type, their headers, and the one way to answer with an error.

use crate::{
    conn::Phase,
    pipeline::{StreamBody, call::RequestId},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use rm_protocol::{ErrorView, Protocol};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::OwnedSemaphorePermit;

/// A body of this server.
pub(crate) struct ReplyBody {
    kind: Kind,
    /// Held until the body is done or dropped.
    held: Option<Held>,
}

enum Kind {
    Whole(Option<Bytes>),
    Stream(Box<StreamBody>),
}

/// What a request holds until its answer is out.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) phase: Arc<Phase>,
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.phase.idle();
    }
}

impl ReplyBody {
    /// A complete body.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { kind: Kind::Whole((!bytes.is_empty()).then_some(bytes)), held: None }
    }

    /// A stream.
    pub(crate) fn stream(body: StreamBody) -> Self {
        Self { kind: Kind::Stream(Box::new(body)), held: None }
    }

    /// Keeps `held` until this body is done.
    pub(crate) fn holding(mut self, held: Held) -> Self {
        self.held = Some(held);
        self
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.get_mut().kind {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Stream(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.kind, Kind::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}

/// A header of ours.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ERROR_SOURCE: HeaderName = HeaderName::from_static("x-router-error-source");
const ERROR_CODE: HeaderName = HeaderName::from_static("x-router-error-code");

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A JSON answer from a value.
pub(crate) fn json_value(value: &serde_json::Value) -> Response<ReplyBody> {
    json(StatusCode::OK, value.to_string())
}

/// 204 with these headers.
pub(crate) fn empty(headers: HeaderMap) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = headers;
    response
}

/// Answers with an error in the envelope of `protocol`. The only way to do so.
pub(crate) fn error(protocol: Protocol, mut view: ErrorView, id: &RequestId) -> Response<ReplyBody> {
    view.request_id.get_or_insert_with(|| id.text.to_string());
    let body = protocol.codec().error_body(&view);
    let mut response = json(view.status.get(), body);
    mark_error(&mut response, &view, false);
    response
}

/// Sets the headers that tell an error's side, code and pause.
pub(crate) fn mark_error(response: &mut Response<ReplyBody>, view: &ErrorView, upstream: bool) {
    let headers = response.headers_mut();
    headers.insert(ERROR_SOURCE, HeaderValue::from_static(if upstream { "upstream" } else { "gateway" }));
    headers.insert(ERROR_CODE, HeaderValue::from_static(view.code));
    // The upstream's own value stands as it came.
    if let Some(after) = view.retry_after.filter(|_| !headers.contains_key(header::RETRY_AFTER)) {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if view.status.as_u16() == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
}
