//! Which headers cross the gateway. Both directions are allow-lists: what is not named here stays.

use http::{
    HeaderMap, HeaderName,
    header::{CONTENT_TYPE, RETRY_AFTER},
};

/// Single names that go from an upstream to the client.
const RESPONSE_NAMES: [HeaderName; 8] = [
    CONTENT_TYPE,
    RETRY_AFTER,
    HeaderName::from_static("retry-after-ms"),
    HeaderName::from_static("x-should-retry"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
    HeaderName::from_static("openai-model"),
];

/// Families that go from an upstream to the client.
const RESPONSE_PREFIXES: [&str; 4] = ["x-ratelimit-", "anthropic-ratelimit-", "anthropic-priority-", "ratelimit-"];

/// The upstream's own request id; the plain name belongs to the gateway.
const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// The upstream's headers that the client may see: content type, retry advice, rate limits, request ids. `x-request-id`
/// becomes `x-upstream-request-id`. Never cookies, CORS, hop-by-hop, lengths, encodings, or which organisation pays.
pub fn response_headers(upstream: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(upstream.len().min(16));
    for (name, value) in upstream {
        if RESPONSE_NAMES.contains(name) || RESPONSE_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix)) {
            kept.append(name.clone(), value.clone());
        } else if name == "x-request-id" {
            kept.append(UPSTREAM_REQUEST_ID, value.clone());
        }
    }
    kept
}

/// Whether configuration may set this request header (`options.headers`). Framing, routing and encoding are ours.
pub fn is_settable(name: &HeaderName) -> bool {
    !matches!(
        name.as_str(),
        "host"
            | "content-length"
            | "content-type"
            | "content-encoding"
            | "transfer-encoding"
            | "te"
            | "trailer"
            | "connection"
            | "keep-alive"
            | "upgrade"
            | "expect"
            | "accept-encoding"
            | "cookie"
    ) && !name.as_str().starts_with("proxy-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(map: &HeaderMap) -> Vec<&str> {
        map.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn only_listed_response_headers_reach_the_client() {
        let mut upstream = HeaderMap::new();
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("set-cookie", "a=b"),
            ("access-control-allow-origin", "*"),
            ("connection", "close"),
            ("content-length", "5"),
            ("content-encoding", "gzip"),
            ("transfer-encoding", "chunked"),
            ("server", "x"),
            ("openai-organization", "acme"),
            ("x-ratelimit-remaining-requests", "7"),
            ("anthropic-ratelimit-unified-status", "allowed"),
            ("retry-after", "3"),
            ("request-id", "req_1"),
            ("x-request-id", "abc"),
            ("x-should-retry", "false"),
        ] {
            upstream.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        let kept = response_headers(&upstream);
        assert_eq!(
            names(&kept),
            [
                "content-type",
                "x-ratelimit-remaining-requests",
                "anthropic-ratelimit-unified-status",
                "retry-after",
                "request-id",
                "x-upstream-request-id",
                "x-should-retry",
            ]
        );
    }

    #[test]
    fn configuration_cannot_set_framing_headers() {
        for name in ["host", "content-length", "transfer-encoding", "proxy-authorization", "cookie", "accept-encoding"]
        {
            assert!(!is_settable(&HeaderName::from_static(name)), "{name}");
        }
        assert!(is_settable(&HeaderName::from_static("http-referer")));
    }
}
