//! Checks on a request head that need no key and no body.
//!
//! hyper has parsed the head; what it tolerates and we refuse is refused here, and the connection is closed behind it so
//! that nothing hidden in the body is ever served as a request (R2).

use http::{HeaderMap, HeaderName, Version, header, request::Parts};
use rm_protocol::{ErrorKind, ErrorView};

/// Limits of a head, from `server.yaml`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// Bytes of names and values.
    pub(crate) head: u64,
    /// Fields.
    pub(crate) fields: usize,
    /// Bytes of the target.
    pub(crate) uri: u64,
}

/// Who may call by name: R20 and R21.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// The listener is on a loopback address, so only loopback names reach it.
    pub(crate) loopback: bool,
    /// Further names, from `auth.allowedHosts`.
    pub(crate) hosts: Vec<String>,
    /// Origins of web pages that may call, from `auth.allowedOrigins`.
    pub(crate) origins: Vec<String>,
}

/// Checks framing and size. An error closes the connection.
///
/// # Errors
/// 400, 414 or 431.
pub(crate) fn framing(parts: &Parts, limits: &HeadLimits) -> Result<(), ErrorView> {
    let headers = &parts.headers;
    let many = |name: HeaderName| headers.get_all(name).iter().count() > 1;
    if headers.contains_key(header::TRANSFER_ENCODING) {
        if headers.contains_key(header::CONTENT_LENGTH) {
            return Err(bad("bad_framing", "Content-Length beside Transfer-Encoding"));
        }
        let chunked =
            headers.get(header::TRANSFER_ENCODING).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"chunked"));
        if !chunked || many(header::TRANSFER_ENCODING) || parts.version != Version::HTTP_11 {
            return Err(bad("bad_framing", "the only Transfer-Encoding is `chunked`, on HTTP/1.1"));
        }
    }
    if many(header::CONTENT_LENGTH) {
        return Err(bad("bad_framing", "several Content-Length fields"));
    }
    if many(header::HOST) || (parts.version == Version::HTTP_11 && !headers.contains_key(header::HOST)) {
        return Err(bad("bad_host", "exactly one Host field is needed"));
    }
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target as u64 > limits.uri {
        return Err(sized(
            http::StatusCode::URI_TOO_LONG,
            "uri_too_long",
            format!("the target is over {} bytes", limits.uri),
        ));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if headers.len() > limits.fields || bytes as u64 > limits.head {
        let message = format!("the head is over {} fields or {} bytes", limits.fields, limits.head);
        return Err(sized(http::StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", message));
    }
    Ok(())
}

/// A line of the head ends in LF alone: a reader that takes only CRLF sees another head.
pub(crate) fn bare_lf() -> ErrorView {
    bad("bad_framing", "a line of the head ends in LF without CR")
}

/// Checks that the caller means this server and is no foreign web page.
///
/// # Errors
/// 400, 403, 421 or 426.
pub(crate) fn reach(parts: &Parts, reach: &Reach) -> Result<(), ErrorView> {
    let headers = &parts.headers;
    let host = text(headers, header::HOST).unwrap_or_default();
    if let Some(authority) = parts.uri.authority()
        && !authority.as_str().eq_ignore_ascii_case(host)
    {
        return Err(bad("bad_target", "the target names another host"));
    }
    let name = host_name(host);
    // Loopback names always count: probes and the command line use them on this machine whatever the server listens on.
    let known = is_loopback(name) || reach.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
    if !known && (reach.loopback || !reach.hosts.is_empty()) {
        let view = ErrorView::new(
            ErrorKind::BadRequest,
            "wrong_host",
            "this server does not answer to that Host; see auth.allowedHosts",
        );
        return Err(with_status(view, http::StatusCode::MISDIRECTED_REQUEST));
    }
    let allowed = |origin: &str| {
        let authority = origin.split_once("://").map_or(origin, |(_, rest)| rest);
        reach.origins.iter().any(|o| o.eq_ignore_ascii_case(origin)) || authority.eq_ignore_ascii_case(host)
    };
    let mut origins = headers.get_all(header::ORIGIN).iter().map(readable).peekable();
    let foreign = if origins.peek().is_some() {
        !origins.all(allowed)
    } else {
        text(headers, HeaderName::from_static("sec-fetch-site")) == Some("cross-site")
    };
    if foreign {
        let message = "requests from web pages of other origins are refused; see auth.allowedOrigins";
        return Err(ErrorView::new(ErrorKind::Permission, "foreign_origin", message));
    }
    if text(headers, header::UPGRADE).is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket")) {
        let view = ErrorView::new(ErrorKind::BadRequest, "no_websocket", "WebSocket is not served here; use HTTP");
        return Err(with_status(view, http::StatusCode::UPGRADE_REQUIRED));
    }
    Ok(())
}

/// Checks that a body is plain JSON.
///
/// # Errors
/// 415.
pub(crate) fn json(headers: &HeaderMap) -> Result<(), ErrorView> {
    if let Some(value) = headers.get(header::CONTENT_TYPE) {
        let value = value.to_str().unwrap_or("?").to_ascii_lowercase();
        let (media, parameters) = value.split_once(';').unwrap_or((&value, ""));
        let charset = parameters.split(';').find_map(|p| p.trim().strip_prefix("charset="));
        let utf8 = charset.is_none_or(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"));
        if media.trim() != "application/json" || !utf8 {
            return Err(media_type("Content-Type must be application/json in UTF-8"));
        }
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(media_type("Content-Encoding is not accepted; send the body as it is"))
        }
        _ => Ok(()),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(readable)
}

fn readable(value: &http::HeaderValue) -> &str {
    value.to_str().unwrap_or("?")
}

/// The host of `host:port`, brackets of IPv6 included. What is no port is part of the name.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_loopback(name: &str) -> bool {
    let v6 = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || v6.is_some_and(|name| name.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()))
}

fn bad(code: &'static str, message: &str) -> ErrorView {
    ErrorView::new(ErrorKind::BadRequest, code, message)
}

/// 415.
pub(crate) fn media_type(message: &str) -> ErrorView {
    ErrorView::new(ErrorKind::MediaType, "unsupported_media_type", message)
}

fn sized(status: http::StatusCode, code: &'static str, message: String) -> ErrorView {
    with_status(ErrorView::new(ErrorKind::TooLarge, code, message), status)
}

fn with_status(view: ErrorView, status: http::StatusCode) -> ErrorView {
    ErrorView { status: rm_protocol::ErrorStatus::or_bad_gateway(status), ..view }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn parts(fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/v1/models");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn status(result: Result<(), ErrorView>) -> u16 {
        result.map_or_else(|view| view.status.as_u16(), |()| 200)
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        let limits = HeadLimits { head: 1000, fields: 10, uri: 100 };
        let check = |fields: &[(&str, &str)]| status(framing(&parts(fields), &limits));
        assert_eq!(check(&[("host", "a")]), 200);
        assert_eq!(check(&[]), 400);
        assert_eq!(check(&[("host", "a"), ("host", "b")]), 400);
        assert_eq!(check(&[("host", "a"), ("content-length", "1"), ("transfer-encoding", "chunked")]), 400);
        assert_eq!(check(&[("host", "a"), ("content-length", "1"), ("content-length", "1")]), 400);
        assert_eq!(check(&[("host", "a"), ("transfer-encoding", "gzip, chunked")]), 400);
        assert_eq!(check(&[("host", "a"), ("x", &"y".repeat(1000))]), 431);
    }

    #[test]
    fn on_loopback_only_loopback_names_and_pages_of_this_server_get_in() {
        let local = Reach { loopback: true, hosts: vec!["box.lan".into()], origins: vec!["https://ui.example".into()] };
        let check = |fields: &[(&str, &str)]| status(reach(&parts(fields), &local));
        for host in ["localhost:8080", "127.0.0.1", "[::1]:80", "127.1.2.3:1", "box.lan"] {
            assert_eq!(check(&[("host", host)]), 200, "{host}");
        }
        assert_eq!(check(&[("host", "evil.example")]), 421);
        assert_eq!(check(&[("host", "localhost.evil.example")]), 421);
        assert_eq!(check(&[("host", "[::1]evil.example")]), 421);
        assert_eq!(check(&[("host", "::1")]), 421);
        assert_eq!(check(&[("host", "localhost"), ("origin", "https://evil.example")]), 403);
        assert_eq!(check(&[("host", "localhost"), ("origin", "null")]), 403);
        assert_eq!(check(&[("host", "localhost:1"), ("origin", "http://localhost:1")]), 200);
        assert_eq!(check(&[("host", "localhost"), ("origin", "https://ui.example")]), 200);
        assert_eq!(check(&[("host", "localhost"), ("sec-fetch-site", "cross-site")]), 403);
        assert_eq!(check(&[("host", "localhost"), ("upgrade", "websocket")]), 426);
        assert_eq!(check(&[("host", "localhost"), ("upgrade", "h2c")]), 200);
    }

    #[test]
    fn on_other_addresses_the_host_counts_only_when_names_are_configured_and_loopback_names_always_pass() {
        let open = Reach { loopback: false, hosts: Vec::new(), origins: Vec::new() };
        assert_eq!(status(reach(&parts(&[("host", "10.1.2.3:80")]), &open)), 200);
        assert_eq!(status(reach(&parts(&[("host", "10.1.2.3"), ("origin", "https://evil.example")]), &open)), 403);
        let named = Reach { hosts: vec!["llm.example".into()], ..open };
        assert_eq!(status(reach(&parts(&[("host", "LLM.example:443")]), &named)), 200);
        assert_eq!(status(reach(&parts(&[("host", "10.1.2.3:80")]), &named)), 421);
        for host in ["127.0.0.1:8080", "localhost", "[::1]:8080"] {
            assert_eq!(status(reach(&parts(&[("host", host)]), &named)), 200, "{host}");
        }
    }

    #[test]
    fn bodies_are_json_without_encoding() {
        let check = |fields: &[(&str, &str)]| status(json(&parts(fields).headers));
        assert_eq!(check(&[]), 200);
        assert_eq!(check(&[("content-type", "application/json; charset=UTF-8")]), 200);
        assert_eq!(check(&[("content-type", "text/plain")]), 415);
        assert_eq!(check(&[("content-type", "application/json; charset=latin1")]), 415);
        assert_eq!(check(&[("content-encoding", "br")]), 415);
        assert_eq!(check(&[("content-encoding", "identity")]), 200);
    }
}
