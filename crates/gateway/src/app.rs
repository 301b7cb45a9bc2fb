//! Every path on one screen.
//!
//! Routing and the key check use the same parsed path (R13). A path with a dot segment, an empty segment or a bad escape is
//! no path at all; a known path with another method is 405 and never anything else.

use http::Method;
use rm_protocol::Protocol;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Generate an answer.
    Generate,
    /// Count the tokens of a request.
    CountTokens,
    /// List the models.
    Models,
    /// Show one model.
    Model(String),
    /// `GET /`.
    Root,
    /// `GET /health`.
    Health,
    /// `GET /livez`.
    Live,
    /// `GET /readyz`.
    Ready,
    /// `GET /status`.
    Status,
    /// Anything under `/api/admin/`: the rest of the path.
    Admin(String),
}

/// A mounted operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// What is asked for.
    pub(crate) operation: Operation,
    /// The protocol of the mount: bodies and errors are written in it.
    pub(crate) protocol: Protocol,
    /// Only upstreams that speak the protocol themselves (`/openai/*`, `/anthropic/*`).
    pub(crate) native_only: bool,
    /// Whether a key is needed.
    pub(crate) keyed: bool,
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoEndpoint {
    /// Not a path of ours; the protocol in which to say so.
    NotFound(Protocol),
    /// Ours, but with this method instead.
    Method(Protocol, &'static str),
}

/// Finds the operation behind a method and a path.
///
/// # Errors
/// No such path, or another method.
pub(crate) fn route(method: &Method, path: &str) -> Result<Endpoint, NoEndpoint> {
    let path = clean(path).ok_or(NoEndpoint::NotFound(family(path)))?;
    let (endpoint, allowed) = find(path).ok_or(NoEndpoint::NotFound(family(path)))?;
    let fits = match allowed {
        "" => true,
        "GET" => method == Method::GET || method == Method::HEAD,
        word => method.as_str() == word,
    };
    if fits { Ok(endpoint) } else { Err(NoEndpoint::Method(endpoint.protocol, allowed)) }
}

/// Mounts: prefix, protocol, native only. A path is tried at every mount whose prefix fits, in this order.
const MOUNTS: [(&str, Protocol, bool); 8] = [
    ("/anthropic/v1/", Protocol::Messages, true),
    ("/api/anthropic/beta/v1/", Protocol::Messages, false),
    ("/api/anthropic/v1/", Protocol::Messages, false),
    ("/api/openai/v1/", Protocol::Chat, false),
    ("/openai/v1/", Protocol::Chat, true),
    ("/openai/", Protocol::Chat, true),
    ("/v1/", Protocol::Chat, false),
    ("/", Protocol::Chat, false),
];

fn find(path: &str) -> Option<(Endpoint, &'static str)> {
    use Operation::{Admin, CountTokens, Generate, Health, Live, Model, Models, Ready, Root, Status};
    let gateway =
        |operation, keyed| Some((Endpoint { operation, protocol: Protocol::Chat, native_only: false, keyed }, "GET"));
    match path {
        "/" => return gateway(Root, false),
        "/health" => return gateway(Health, false),
        "/livez" => return gateway(Live, false),
        "/readyz" => return gateway(Ready, false),
        "/status" => return gateway(Status, true),
        _ => {}
    }
    if let Some(rest) = path.strip_prefix("/api/admin/") {
        let endpoint =
            Endpoint { operation: Admin(rest.to_owned()), protocol: Protocol::Chat, native_only: false, keyed: true };
        return Some((endpoint, ""));
    }
    for (prefix, protocol, native_only) in MOUNTS {
        let Some(rest) = path.strip_prefix(prefix) else { continue };
        // Clients add `/v1` to a base URL that has it already.
        let rest = if prefix.ends_with("/v1/") { rest.strip_prefix("v1/").unwrap_or(rest) } else { rest };
        // `/v1` serves both families; bare paths only OpenAI's.
        let messages = protocol == Protocol::Messages || prefix == "/v1/";
        let chat = protocol == Protocol::Chat;
        let (operation, protocol, method) = match rest {
            "chat/completions" if chat => (Generate, Protocol::Chat, "POST"),
            "messages" if messages => (Generate, Protocol::Messages, "POST"),
            "messages/count_tokens" if messages => (CountTokens, Protocol::Messages, "POST"),
            "count_tokens" if prefix == "/anthropic/v1/" => (CountTokens, Protocol::Messages, "POST"),
            "models" => (Models, protocol, "GET"),
            _ => match rest.strip_prefix("models/") {
                Some(name) if !name.is_empty() => (Model(decode(name)?), protocol, "GET"),
                _ => continue,
            },
        };
        return Some((Endpoint { operation, protocol, native_only, keyed: true }, method));
    }
    None
}

/// The protocol in which a path that leads nowhere is answered.
fn family(path: &str) -> Protocol {
    if path.contains("/anthropic/") || path.contains("/messages") { Protocol::Messages } else { Protocol::Chat }
}

/// The path without a trailing slash; `None` when it holds dot or empty segments, a control character, or an escape that
/// is malformed or stands for one of them.
fn clean(path: &str) -> Option<&str> {
    if path == "/" {
        return Some(path);
    }
    let segments = path.strip_prefix('/')?;
    let fine = segments.strip_suffix('/').unwrap_or(segments).split('/').all(|segment| {
        decode(segment).is_some_and(|text| {
            text.split('/').all(|part| !matches!(part, "" | "." | "..")) && !text.chars().any(char::is_control)
        })
    });
    fine.then(|| path.strip_suffix('/').unwrap_or(path))
}

/// Resolves percent escapes; `None` when one is malformed or the result is not UTF-8.
pub(crate) fn decode(segment: &str) -> Option<String> {
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
            out.push(u8::try_from(value).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(method: &str, path: &str) -> Result<(Operation, Protocol, bool), NoEndpoint> {
        route(&method.parse().unwrap(), path).map(|e| (e.operation, e.protocol, e.native_only))
    }

    #[test]
    fn every_documented_mount_leads_to_its_operation() {
        use Operation::{CountTokens, Generate, Model, Models};
        use Protocol::{Chat, Messages};
        for path in ["/v1", "/api/openai/v1", "/v1/v1", "/api/openai/v1/v1", ""] {
            assert_eq!(at("POST", &format!("{path}/chat/completions")), Ok((Generate, Chat, false)), "{path}");
            assert_eq!(at("GET", &format!("{path}/models")), Ok((Models, Chat, false)), "{path}");
        }
        for path in ["/openai", "/openai/v1"] {
            assert_eq!(at("POST", &format!("{path}/chat/completions")), Ok((Generate, Chat, true)));
        }
        for (path, native) in
            [("/v1", false), ("/api/anthropic/v1", false), ("/api/anthropic/beta/v1", false), ("/anthropic/v1", true)]
        {
            assert_eq!(at("POST", &format!("{path}/messages")), Ok((Generate, Messages, native)), "{path}");
            assert_eq!(
                at("POST", &format!("{path}/messages/count_tokens")),
                Ok((CountTokens, Messages, native)),
                "{path}"
            );
        }
        assert_eq!(at("POST", "/anthropic/v1/count_tokens"), Ok((CountTokens, Messages, true)));
        assert_eq!(at("GET", "/v1/models/a%2Fb"), Ok((Model("a/b".into()), Chat, false)));
        assert_eq!(at("GET", "/v1/models/a/b"), Ok((Model("a/b".into()), Chat, false)));
    }

    #[test]
    fn a_known_path_with_another_method_is_not_allowed() {
        assert_eq!(at("GET", "/v1/chat/completions"), Err(NoEndpoint::Method(Protocol::Chat, "POST")));
        assert_eq!(at("DELETE", "/v1/messages"), Err(NoEndpoint::Method(Protocol::Messages, "POST")));
        assert_eq!(at("POST", "/v1/models"), Err(NoEndpoint::Method(Protocol::Chat, "GET")));
        assert_eq!(at("POST", "/health"), Err(NoEndpoint::Method(Protocol::Chat, "GET")));
    }

    #[test]
    fn odd_paths_lead_nowhere() {
        for path in [
            "/v1/../health",
            "/v1//models",
            "/%2e%2e/health",
            "/v1/models/%zz",
            "/v1/models/%00",
            "/nope",
            "*",
            "/v1/models/..",
            "/health/x",
            "//",
            "///",
        ] {
            assert!(matches!(at("GET", path), Err(NoEndpoint::NotFound(_))), "{path}");
        }
    }
}
