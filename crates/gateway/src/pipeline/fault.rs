//! Why one attempt gave no answer: what may follow, and what the client is told if nothing does.

use crate::{lane::WholeError, transport::TransportError};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use rm_catalog::ProviderId;
use rm_protocol::{BadResponse, ErrorKind, ErrorStatus, ErrorView, StreamError, UpstreamError};
use rm_providers::{Endpoint, UpstreamFailure};
use rm_routing::{CostState, Failure, Verdict};
use std::time::Duration;

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Fault {
    /// For the attempt machine.
    pub(crate) failure: Failure,
    /// For the client.
    pub(crate) view: ErrorView,
    /// The upstream's own error body, redacted, when the client speaks its protocol.
    pub(crate) raw: Option<Bytes>,
    /// The upstream's headers that the client may see.
    pub(crate) headers: HeaderMap,
    /// Whether an upstream said it, as opposed to this gateway.
    pub(crate) upstream: bool,
}

impl Fault {
    fn new(failure: Failure, view: ErrorView) -> Self {
        Self { failure, view, raw: None, headers: HeaderMap::new(), upstream: false }
    }

    /// The body cannot be made for this candidate; another may take it.
    pub(crate) fn not_sent(view: ErrorView) -> Self {
        Self::new(Failure::not_sent(), view)
    }

    /// No connection, or it broke before an answer.
    pub(crate) fn connect(provider: &ProviderId, endpoint: &Endpoint, error: &TransportError) -> Self {
        // A TLS error names hosts; the whole of it is for the log.
        tracing::debug!(%provider, "no answer: {error}");
        let message = format!("provider `{provider}`: {}", endpoint.redactor().redact(&error.to_string()));
        let (code, cost) = match error {
            TransportError::Connect(_) => ("upstream_connect", CostState::None),
            TransportError::Broken(_) => ("upstream_reset", CostState::Possible),
        };
        Self::new(Failure::no_answer(cost), ErrorView::new(ErrorKind::Upstream, code, message))
    }

    /// Too slow.
    pub(crate) fn timeout(provider: &ProviderId, limit: Duration) -> Self {
        let message = format!("provider `{provider}` gave no answer within {} s", limit.as_secs_f32());
        Self::new(
            Failure::no_answer(CostState::Possible),
            ErrorView::new(ErrorKind::Timeout, "upstream_timeout", message),
        )
    }

    /// The answer broke off.
    pub(crate) fn cut(provider: &ProviderId, error: &hyper::Error) -> Self {
        let message = format!("the answer of provider `{provider}` broke off: {error}");
        Self::new(Failure::no_answer(CostState::Possible), ErrorView::new(ErrorKind::Upstream, "upstream_cut", message))
    }

    /// The answer makes no sense.
    pub(crate) fn malformed(provider: &ProviderId, why: &str) -> Self {
        let message = format!("the answer of provider `{provider}` is not usable: {why}");
        let view = ErrorView::new(ErrorKind::Upstream, "upstream_malformed", message);
        Self::new(Failure::no_answer(CostState::Possible), view)
    }

    /// The upstream answered with an error status, or with an error inside a 200.
    pub(crate) fn refused(failure: UpstreamFailure, raw: Option<Bytes>, headers: HeaderMap) -> Self {
        let verdict = match (failure.credential, failure.retryable) {
            (true, _) => Verdict::Credential,
            (false, true) => Verdict::Retryable,
            (false, false) => Verdict::Final,
        };
        let told = Failure {
            verdict,
            repeatable: failure.repeatable,
            status: Some(failure.status.as_u16()),
            retry_after: failure.retry_after,
            cost: CostState::None,
        };
        let told = Failure {
            cost: if failure.status.is_server_error() { CostState::Possible } else { CostState::None },
            ..told
        };
        let broken = ErrorStatus::new(failure.status).is_none();
        // Its own words stay, but a refused credential names the provider.
        let upstream = failure.upstream.map(|error| {
            if failure.credential { UpstreamError { message: failure.message.clone(), ..error } } else { error }
        });
        let view = ErrorView {
            status: ErrorStatus::or_bad_gateway(failure.status),
            retry_after: failure.retry_after,
            upstream,
            ..ErrorView::new(
                failure.kind,
                if broken { "upstream_redirect" } else { code(failure.status) },
                failure.message,
            )
        };
        Self { raw, headers, upstream: true, ..Self::new(told, view) }
    }

    /// A whole answer that could not be read.
    pub(crate) fn unreadable(endpoint: &Endpoint, provider: &ProviderId, error: WholeError) -> Self {
        let WholeError::Bad(error) = error;
        match error {
            BadResponse::Malformed(why) => Self::malformed(provider, &why),
            BadResponse::Error(error) => Self::inside(endpoint.stream_failure(*error)),
        }
    }

    /// An error inside a 200: the upstream may have worked for it.
    fn inside(failure: UpstreamFailure) -> Self {
        let mut fault = Self::refused(failure, None, HeaderMap::new());
        fault.failure.cost = CostState::Possible;
        fault
    }

    /// A stream that could not be read on.
    pub(crate) fn stream(endpoint: &Endpoint, provider: &ProviderId, error: StreamError) -> Self {
        match error {
            StreamError::Malformed(why) => Self::malformed(provider, &why),
            StreamError::Truncated => {
                let message = format!("the stream of provider `{provider}` ended before its last event");
                let view = ErrorView::new(ErrorKind::Upstream, "upstream_truncated", message);
                Self::new(Failure::no_answer(CostState::Possible), view)
            }
            StreamError::Upstream(error) => Self::inside(endpoint.stream_failure(*error)),
        }
    }

    /// The cost in the ledger's words.
    pub(crate) fn store_cost(&self) -> rm_store::CostState {
        match self.failure.cost {
            CostState::None => rm_store::CostState::None,
            CostState::Possible => rm_store::CostState::Possible,
            CostState::Certain => rm_store::CostState::Certain,
        }
    }
}

/// The stable code of an upstream's status.
fn code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "upstream_credential",
        404 => "upstream_not_found",
        429 => "upstream_rate_limit",
        400..=499 => "upstream_refused",
        503 | 529 => "upstream_overloaded",
        _ => "upstream_error",
    }
}
