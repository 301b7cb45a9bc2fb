//! Letting web pages of configured origins in (R21).
//!
//! Without `auth.allowedOrigins` no header of this kind is ever sent. With it, a page of exactly such an origin may call
//! and read the answers; it still needs the key. The origin in the answer is the configured one, never `*`.

use http::{
    HeaderMap, HeaderValue, Method,
    header::{self, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD},
    request::Parts,
};

/// What a page may read beside the body.
const READABLE: &str = "x-request-id, retry-after, x-router-model, x-router-provider, x-router-account, x-router-lane, \
                        x-router-attempts, x-router-failed, x-router-loss, x-router-error-code, x-router-error-source";
/// How long a browser may remember the answer to a preflight: ten minutes.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// The configured origin that the request comes from; none when it names several.
pub(crate) fn invited(headers: &HeaderMap, origins: &[String]) -> Option<HeaderValue> {
    let mut named = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (named.next(), named.next()) else { return None };
    let origin = origin.to_str().ok()?;
    let configured = origins.iter().find(|configured| configured.eq_ignore_ascii_case(origin))?;
    HeaderValue::from_str(configured).ok()
}

/// Whether a browser asks what it may send. It sends no key with this question.
pub(crate) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The headers of the answer to a preflight, beside those of [`allow`].
pub(crate) fn preflight(asked: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, PATCH"));
    if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    headers
}

/// Lets the page of `origin` read an answer.
pub(crate) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READABLE));
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}
