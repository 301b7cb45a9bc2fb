//! What an upstream's error means for the attempt loop and for the client.
//!
//! The status decides what may be done next; the body refines what is told. The rule:
//!
//! | status | next candidate | same candidate again |
//! |---|---|---|
//! | 408, 429, 500, 502, 503, 504, 529, the CDN's 520-527 and 530 | yes | yes, unless the quota is used up or `x-should-retry: false` |
//! | 402 and a used-up quota | yes: another account may pay | no |
//! | 401, 403 | another account, after one refresh of the credential | no |
//! | 3xx (never followed) and statuses that are no error | yes: a broken provider | no |
//! | every other 4xx and 5xx | no, unless `x-should-retry: true` | no |
//!
//! 400, 404 and 422 stay final even with `x-should-retry: true`: another upstream would read the same request.

use crate::{redact::Redactor, retry};
use http::{HeaderMap, StatusCode};
use rm_protocol::{ErrorKind, Protocol, UpstreamError};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// An upstream's refusal, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamFailure {
    /// The upstream's status; for an error inside a 200, the status it stands for.
    pub status: StatusCode,
    /// What went wrong.
    pub kind: ErrorKind,
    /// For the client: the upstream's own wording where there is one. A refused credential names the provider, so that
    /// nobody mistakes it for the gateway's own key check.
    pub message: String,
    /// How long the upstream asks to be left alone; at most [`retry::LONGEST_WAIT`].
    pub retry_after: Option<Duration>,
    /// Whether another candidate may be tried.
    pub retryable: bool,
    /// Whether the same candidate may be tried again, after a pause.
    pub repeatable: bool,
    /// Whether the credential was refused: refresh it once, then another account.
    pub credential: bool,
    /// The upstream's own words, when its body has its protocol's error shape.
    pub upstream: Option<UpstreamError>,
}

impl UpstreamFailure {
    /// What an error event or an error body inside a 200 means: it is treated like the status it names.
    pub fn of_error(error: UpstreamError) -> Self {
        let status = match error.kind {
            ErrorKind::Overloaded => overloaded(),
            kind => kind.status().get(),
        };
        Self::build(status, error.kind, retry::Advice::default(), error.message.clone(), Some(error))
    }

    /// Without this account's secrets and addresses; `provider` is named where a credential was refused.
    #[must_use]
    pub fn for_client(mut self, provider: &str, redactor: &Redactor) -> Self {
        let message = redactor.redact(&self.message);
        self.message = if self.credential {
            format!("provider `{provider}` refused its credential ({}): {message}", self.status.as_u16())
        } else {
            message.into_owned()
        };
        if let Some(error) = &mut self.upstream {
            error.message = redactor.redact(&error.message).into_owned();
            for text in [&mut error.kind_word, &mut error.code, &mut error.param].into_iter().flatten() {
                *text = redactor.redact(text).into_owned();
            }
        }
        self
    }

    fn build(
        status: StatusCode,
        kind: ErrorKind,
        advice: retry::Advice,
        message: String,
        upstream: Option<UpstreamError>,
    ) -> Self {
        let credential = matches!(status.as_u16(), 401 | 403);
        let payment = matches!(kind, ErrorKind::Billing | ErrorKind::Quota);
        let broken = !(status.is_client_error() || status.is_server_error());
        let transient = is_transient(status)
            || (advice.should_retry == Some(true) && !matches!(status.as_u16(), 400..=404 | 413 | 422) && !broken);
        Self {
            status,
            kind,
            message,
            retry_after: advice.after,
            retryable: transient || payment || broken,
            repeatable: transient && !payment && advice.should_retry != Some(false),
            credential,
            upstream,
        }
    }
}

/// Reads an answer that is not 2xx. `protocol` is what the upstream was asked in; another protocol's envelope and the
/// common bare shapes are understood too.
pub(crate) fn read(
    protocol: Protocol,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> UpstreamFailure {
    let upstream = std::iter::once(protocol)
        .chain(Protocol::ALL.into_iter().filter(|other| *other != protocol))
        .find_map(|protocol| protocol.codec().decode_error(body));
    let kind = kind_of(status, upstream.as_ref());
    let message = match &upstream {
        Some(error) if !error.message.trim().is_empty() => error.message.clone(),
        _ => {
            bare_message(body).unwrap_or_else(|| format!("the upstream answered {} without a message", status.as_u16()))
        }
    };
    UpstreamFailure::build(status, kind, retry::advice(status, headers, now), message, upstream)
}

/// Failures that the next moment or the next candidate may not have.
fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504 | 529 | 520..=527 | 530)
}

/// The status names the kind; the body refines 400, 413 (context length) and 429 (quota).
fn kind_of(status: StatusCode, error: Option<&UpstreamError>) -> ErrorKind {
    let told = error.map(|error| error.kind);
    match (status.as_u16(), told) {
        (429, _) if error.is_some_and(is_quota) => ErrorKind::Quota,
        (400 | 413 | 422, Some(ErrorKind::ContextTooLong)) => ErrorKind::ContextTooLong,
        (400, Some(kind @ ErrorKind::Billing)) => kind,
        _ => ErrorKind::of(status),
    }
}

/// Whether a 429 says that money or quota, not pace, is the trouble.
fn is_quota(error: &UpstreamError) -> bool {
    const WORDS: [&str; 3] = ["insufficient_quota", "billing_hard_limit_reached", "quota_exceeded"];
    error.kind == ErrorKind::Quota
        || [&error.kind_word, &error.code].into_iter().flatten().any(|word| WORDS.contains(&word.as_str()))
}

/// 529 as Messages upstreams use it.
fn overloaded() -> StatusCode {
    StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

/// `{"detail": …}`, `{"message": …}`, `{"error": "…"}` or short plain text. HTML says nothing to a reader.
fn bare_message(body: &[u8]) -> Option<String> {
    const LONGEST: usize = 500;
    let text = std::str::from_utf8(body).ok()?.trim();
    let message = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(members)) => ["message", "detail", "error", "error_description", "title"]
            .into_iter()
            .filter_map(|key| members.get(key))
            .find_map(|value| value.as_str().or_else(|| value.get("message")?.as_str()))?
            .to_owned(),
        Ok(Value::String(text)) => text,
        Ok(_) => return None,
        Err(_) if text.starts_with('<') || text.starts_with(['{', '[']) => return None,
        Err(_) => text.chars().filter(|c| !c.is_control() || *c == '\n').take(LONGEST).collect(),
    };
    (!message.trim().is_empty()).then_some(message)
}

#[cfg(test)]
mod tests;
