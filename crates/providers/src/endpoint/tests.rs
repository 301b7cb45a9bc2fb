use super::*;
use crate::UrlPolicy;
use std::fmt::Write as _;

const KEY: &str = "sk-test-Zq8planted0secret";

fn endpoint(
    kind: ProviderKind,
    base: &str,
    credential: &Credential,
    headers: &[(&'static str, &'static str)],
) -> Endpoint {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
    let spec = EndpointSpec {
        provider: &ProviderId::new("acme"),
        kind,
        base: &BaseUrl::parse(base, UrlPolicy::default()).unwrap(),
        quirks: Quirks::default(),
        credential,
        headers: &headers,
    };
    Endpoint::new(&spec).unwrap()
}

fn keyed(kind: ProviderKind) -> Endpoint {
    endpoint(kind, "https://api.example.com", &Credential::Key(KEY.into()), &[])
}

/// One line per fact of a head; the secret is shown, since this is what goes over the wire.
fn show(parts: &Parts) -> String {
    let mut out = format!("{} {}\n", parts.method, parts.uri);
    let mut lines: Vec<_> =
        parts.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    for line in lines {
        writeln!(out, "{line}").unwrap();
    }
    out.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

/// What Claude Code and SDKs send along, credentials and all.
fn client_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", "Bearer gateway-key"),
        ("x-api-key", "gateway-key"),
        ("x-goog-api-key", "gateway-key"),
        ("cookie", "a=b"),
        ("host", "localhost:8080"),
        ("connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("te", "trailers"),
        ("forwarded", "for=1.2.3.4"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-real-ip", "1.2.3.4"),
        ("x-stainless-lang", "js"),
        ("accept-encoding", "gzip, br"),
        ("openai-organization", "org-client"),
        ("idempotency-key", "k"),
        ("anthropic-beta", "a-1"),
        ("anthropic-beta", "b-2,c-3"),
        ("anthropic-version", "2025-01-01"),
        ("openai-beta", "x=v1"),
        ("user-agent", "claude-cli/9"),
    ] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn a_messages_head_to_anthropic_carries_only_listed_client_headers() {
    let client = client_headers();
    let id = HeaderValue::from_static("req-1");
    let call = Call {
        stream: true,
        client: Some(&client),
        request_id: Some(&id),
        ..Call::new(Operation::Generate(Protocol::Messages))
    };
    insta::assert_snapshot!(show(&keyed(ProviderKind::Anthropic).head(&call)), @r"
    POST https://api.example.com/v1/messages
    accept-encoding: identity
    accept: text/event-stream
    anthropic-beta: a-1
    anthropic-beta: b-2,c-3
    anthropic-version: 2025-01-01
    content-type: application/json
    user-agent: claude-cli/9
    x-api-key: sk-test-Zq8planted0secret
    x-client-request-id: req-1
    ");
}

#[test]
fn a_chat_head_to_openai_carries_only_listed_client_headers() {
    let client = client_headers();
    let call = Call { client: Some(&client), ..Call::new(Operation::Generate(Protocol::Chat)) };
    insta::assert_snapshot!(show(&keyed(ProviderKind::OpenAi).head(&call)), @r"
    POST https://api.example.com/v1/chat/completions
    accept-encoding: identity
    accept: application/json
    authorization: Bearer sk-test-Zq8planted0secret
    content-type: application/json
    openai-beta: x=v1
    user-agent: claude-cli/9
    ");
}

#[test]
fn a_translated_request_carries_none_of_the_clients_headers() {
    insta::assert_snapshot!(show(&keyed(ProviderKind::OpenAiCompatible).head(&Call::new(Operation::Generate(Protocol::Chat)))), @r"
    POST https://api.example.com/v1/chat/completions
    accept-encoding: identity
    accept: application/json
    authorization: Bearer sk-test-Zq8planted0secret
    content-type: application/json
    user-agent: router-maestro/VERSION
    ");
}

#[test]
fn model_lists_and_token_counts_are_asked_where_the_vendor_has_them() {
    insta::assert_snapshot!(show(&keyed(ProviderKind::Anthropic).models_request()), @r"
    GET https://api.example.com/v1/models?limit=1000
    accept-encoding: identity
    accept: application/json
    anthropic-version: 2023-06-01
    user-agent: router-maestro/VERSION
    x-api-key: sk-test-Zq8planted0secret
    ");
    let anthropic = keyed(ProviderKind::Anthropic);
    assert!(anthropic.counts_tokens());
    assert_eq!(anthropic.uri(Operation::CountTokens).path(), "/v1/messages/count_tokens");
    assert!(!keyed(ProviderKind::OpenAi).counts_tokens());
    assert_eq!(keyed(ProviderKind::OpenAi).uri(Operation::Models).path(), "/v1/models");
}

#[test]
fn a_keyless_account_sends_no_authorization() {
    let endpoint = endpoint(ProviderKind::OpenAiCompatible, "http://localhost:11434", &Credential::None, &[]);
    let client = client_headers();
    let head = endpoint.head(&Call { client: Some(&client), ..Call::new(Operation::Generate(Protocol::Chat)) });
    assert!(!head.headers.contains_key(AUTHORIZATION));
}

#[test]
fn passthrough_sends_what_the_caller_hands_over_and_nothing_else() {
    let endpoint = endpoint(ProviderKind::OpenAiCompatible, "https://api.example.com", &Credential::Passthrough, &[]);
    let client = client_headers();
    let token = HeaderValue::from_static("Bearer theirs");
    let call = Call { client: Some(&client), ..Call::new(Operation::Generate(Protocol::Chat)) };
    assert!(!endpoint.head(&call).headers.contains_key(AUTHORIZATION));
    let head = endpoint.head(&Call { passthrough: Some(&token), ..call });
    assert_eq!(head.headers[AUTHORIZATION], token);
    let keyed = keyed(ProviderKind::OpenAi).head(&Call { passthrough: Some(&token), ..call });
    assert_ne!(keyed.headers[AUTHORIZATION], token);
}

#[test]
fn configured_headers_win_over_ours_and_the_clients() {
    let endpoint = endpoint(
        ProviderKind::OpenAiCompatible,
        "https://api.example.com",
        &Credential::None,
        &[("user-agent", "acme/1"), ("x-title", "T")],
    );
    let client = client_headers();
    let head = endpoint.head(&Call { client: Some(&client), ..Call::new(Operation::Generate(Protocol::Chat)) });
    assert_eq!(
        (&head.headers["user-agent"], &head.headers["x-title"]),
        (&"acme/1".parse().unwrap(), &"T".parse().unwrap())
    );
}

#[test]
fn keys_that_are_no_header_and_framing_headers_are_refused() {
    let base = BaseUrl::parse("https://api.example.com", UrlPolicy::default()).unwrap();
    let refused = |key: &str, headers: HeaderMap| {
        Endpoint::new(&EndpointSpec {
            provider: &ProviderId::new("acme"),
            kind: ProviderKind::OpenAi,
            base: &base,
            quirks: Quirks::default(),
            credential: &Credential::Key(key.into()),
            headers: &headers,
        })
        .unwrap_err()
    };
    assert_eq!(refused("", HeaderMap::new()), CannotPrepare::EmptyKey);
    assert_eq!(refused("a b", HeaderMap::new()), CannotPrepare::BadKey);
    assert_eq!(refused("a\r\nx: y", HeaderMap::new()), CannotPrepare::BadKey);
    let framing = HeaderMap::from_iter([(http::header::CONTENT_LENGTH, HeaderValue::from_static("3"))]);
    assert_eq!(refused("key", framing), CannotPrepare::BadHeader("content-length".into()));
}

#[test]
fn debug_output_never_shows_the_key() {
    let endpoint = keyed(ProviderKind::Anthropic);
    let head = endpoint.head(&Call::new(Operation::Generate(Protocol::Messages)));
    let credential = Credential::Key(KEY.into());
    assert!(!format!("{endpoint:?} {head:?} {credential:?}").contains("planted"));
}

#[test]
fn failures_are_free_of_the_accounts_key_and_address() {
    let endpoint =
        endpoint(ProviderKind::OpenAi, "https://api.example.com", &Credential::Key("Zq8planted0secret".into()), &[]);
    let body =
        br#"{"error":{"message":"key Zq8planted0secret at api.example.com is over its limit","type":"rate_limit"}}"#;
    let failure = endpoint.failure(
        Protocol::Chat,
        StatusCode::TOO_MANY_REQUESTS,
        &HeaderMap::new(),
        body,
        SystemTime::UNIX_EPOCH,
    );
    assert_eq!(failure.message, "key [redacted] at [upstream] is over its limit");
    assert!(!format!("{failure:?}").contains("planted"));
}
