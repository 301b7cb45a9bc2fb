//! One request, accepted and read: what every attempt needs of it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use rm_protocol::{BadRequest, Head, Protocol, Str, ir};
use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
    time::Instant,
};

/// The id of a request, as text and as a header value.
#[derive(Clone, Debug)]
pub(crate) struct RequestId {
    pub(crate) text: Arc<str>,
    pub(crate) header: HeaderValue,
}

impl RequestId {
    /// The client's `x-request-id` when it is at most 128 of `[A-Za-z0-9._:-]`, otherwise a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let fine = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=128).contains(&bytes.len())
                && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
        };
        if let Some(value) = headers.get("x-request-id").filter(fine)
            && let Ok(text) = value.to_str()
        {
            return Self { text: text.into(), header: value.clone() };
        }
        let mut buffer = uuid::Uuid::encode_buffer();
        let text: &str = uuid::Uuid::now_v7().simple().encode_lower(&mut buffer);
        let header = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("0"));
        Self { text: text.into(), header }
    }
}

/// A request that has been admitted and read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: RequestId,
    /// What the client speaks.
    pub(crate) protocol: Protocol,
    /// Never translate.
    pub(crate) native_only: bool,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Str,
    pub(crate) head: Head<'static>,
    /// The model as the client named it; empty when it named none.
    pub(crate) requested: Arc<str>,
    /// The body holds reasoning that this gateway sealed for another owner: the byte lane would hand it to a vendor that
    /// refuses it.
    pub(crate) sealed: bool,
    /// The body holds Claude Code's billing block, which changes every turn and is for Anthropic alone: anywhere else it
    /// would spoil the prompt cache.
    pub(crate) billing: bool,
    pub(crate) started: Instant,
    /// Wall clock of the start, milliseconds since the epoch.
    pub(crate) started_ms: i64,
    /// Bounds the whole request.
    pub(crate) deadline: Instant,
    ir: OnceLock<Result<Arc<ir::Request>, BadRequest>>,
}

impl Call {
    pub(crate) fn new(
        id: RequestId,
        endpoint: (Protocol, bool),
        headers: HeaderMap,
        body: Str,
        times: Times,
    ) -> Result<Self, BadRequest> {
        let (protocol, native_only) = endpoint;
        let head = protocol.codec().head(&body)?;
        let requested = head.model.as_deref().unwrap_or_default().into();
        let head = Head { model: head.model.map(|model| Cow::Owned(model.into_owned())), ..head };
        let sealed = rm_protocol::messages::carries_seal(body.as_bytes());
        let billing = protocol == Protocol::Messages
            && memchr::memmem::find(body.as_bytes(), b"\"x-anthropic-billing-header:").is_some();
        let Times { started, started_ms, deadline } = times;
        let ir = OnceLock::new();
        Ok(Self {
            id,
            protocol,
            native_only,
            headers,
            body,
            head,
            requested,
            sealed,
            billing,
            started,
            started_ms,
            deadline,
            ir,
        })
    }

    /// The request in the intermediate form, decoded when first asked for.
    ///
    /// # Errors
    /// The body has not its protocol's shape.
    pub(crate) fn ir(&self) -> Result<&Arc<ir::Request>, BadRequest> {
        self.ir
            .get_or_init(|| self.protocol.codec().decode(&self.body).map(Arc::new))
            .as_ref()
            .map_err(BadRequest::clone)
    }

    /// The body as bytes; shares its memory.
    pub(crate) fn bytes(&self) -> Bytes {
        self.body.clone().into_bytes()
    }
}

/// When a request began and must end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) started: Instant,
    pub(crate) started_ms: i64,
    pub(crate) deadline: Instant,
}
