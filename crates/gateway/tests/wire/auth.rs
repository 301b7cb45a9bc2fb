//! Who may call (R8-R13, R20-R22).

use crate::{
    raw::{chat_error, error_at, exchange, lines, messages_error, status},
    world::{KEY, Running, World, chat_body},
};
use rm_gateway::{Server, StartError};
use rm_testkit::Upstream;
use serde_json::json;

/// Every route, and whether it is open.
const ROUTES: [(&str, bool); 28] = [
    ("GET /", true),
    ("GET /health", true),
    ("GET /livez", true),
    ("GET /readyz", true),
    ("GET /status", false),
    ("GET /v1/models", false),
    ("GET /v1/models/up/m", false),
    ("GET /models", false),
    ("GET /openai/v1/models", false),
    ("GET /api/openai/v1/models", false),
    ("GET /anthropic/v1/models", false),
    ("GET /api/anthropic/v1/models/up/m", false),
    ("POST /v1/chat/completions", false),
    ("POST /v1/v1/chat/completions", false),
    ("POST /chat/completions", false),
    ("POST /openai/chat/completions", false),
    ("POST /openai/v1/chat/completions", false),
    ("POST /api/openai/v1/chat/completions", false),
    ("POST /v1/messages", false),
    ("POST /v1/messages/count_tokens", false),
    ("POST /anthropic/v1/messages", false),
    ("POST /anthropic/v1/count_tokens", false),
    ("POST /api/anthropic/v1/messages", false),
    ("POST /api/anthropic/beta/v1/messages", false),
    ("GET /api/admin/models", false),
    ("POST /api/admin/models/refresh", false),
    ("PUT /api/admin/priorities", false),
    ("GET /api/admin/nothing", false),
];

async fn world() -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).start();
    (upstream, world)
}

fn get(path: &str, fields: &[&str]) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{}\r\n", lines(fields)).into_bytes()
}

#[tokio::test]
async fn every_route_but_the_open_ones_needs_a_key() {
    let (upstream, world) = world().await;
    for (line, open) in ROUTES {
        let bare = format!("{line} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let answer = exchange(&world, bare.as_bytes()).await.1.unwrap();
        if open {
            assert_eq!(answer.status, 200, "{line}");
        } else {
            assert_eq!((answer.status, &*error_at(line, &answer)), (401, "missing_api_key"), "{line}");
            assert!(answer.header("www-authenticate").is_some(), "{line}");
        }
        let keyed = format!("{line} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\n\r\n");
        assert_ne!(status(&world, keyed.as_bytes()).await, 401, "{line}");
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn any_spelling_of_the_key_admits_and_wrong_ones_beside_it_are_ignored() {
    let (_upstream, world) = world().await;
    let bearer = format!("authorization: Bearer {KEY}");
    let good = [
        vec![bearer.clone()],
        vec![format!("Authorization: bearer   {KEY}")],
        vec![format!("AUTHORIZATION: BEARER {KEY}  ")],
        vec![format!("authorization: {KEY}")],
        vec![format!("x-api-key: {KEY}")],
        vec![format!("x-goog-api-key: {KEY}")],
        vec!["x-api-key: sk-ant-other".into(), bearer.clone()],
        vec!["authorization: Bearer other".into(), format!("x-api-key: {KEY}")],
        vec!["authorization: Bearer other".into(), bearer.clone()],
        vec![bearer.clone(), format!("x-api-key: {KEY}")],
    ];
    for fields in good {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        assert_eq!(status(&world, &get("/v1/models", &fields)).await, 200, "{fields:?}");
    }
    let query = format!("/v1/models?key={KEY}&api_key={KEY}");
    assert_eq!(status(&world, &get(&query, &[])).await, 401, "a key in the query is for Gemini mounts only");
    let bad = [
        format!("authorization: Basic {KEY}"),
        format!("authorization: Bearer {KEY}x"),
        format!("authorization: Bearer x{KEY}"),
        format!("authorization: Bearer {}", KEY.to_uppercase()),
        format!("authorization: Bearer {}", &KEY[..KEY.len() - 1]),
        format!("authorization: Bearer {KEY}, Bearer {KEY}"),
        format!("proxy-authorization: Bearer {KEY}"),
        format!("cookie: key={KEY}; x-api-key={KEY}"),
        format!("api-key: {KEY}"),
        "authorization: Bearer".into(),
        "authorization: ".into(),
        "x-api-key: \u{fc}\u{fc}".into(),
        format!("x-api-key: {}", "k".repeat(20_000)),
    ];
    for field in bad {
        assert_eq!(status(&world, &get("/v1/models", &[&field])).await, 401, "{field:.60}");
    }
}

#[tokio::test]
async fn each_ingress_key_admits_beside_the_servers_own() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).env("INGRESS_API_KEYS", "sk-team-a,sk-team-b").start();
    for key in [KEY, "sk-team-a", "sk-team-b"] {
        assert_eq!(status(&world, &get("/v1/models", &[&format!("x-api-key: {key}")])).await, 200, "{key}");
    }
    for key in ["sk-team", "sk-team-a,sk-team-b", "sk-team-c"] {
        assert_eq!(status(&world, &get("/v1/models", &[&format!("x-api-key: {key}")])).await, 401, "{key}");
    }
}

#[tokio::test]
async fn paths_are_read_in_one_way_for_routing_and_for_the_key() {
    let (_upstream, world) = world().await;
    for fields in [
        &["x-original-url: /health"][..],
        &["x-rewrite-url: /health"],
        &["x-forwarded-prefix: /health", "x-forwarded-host: localhost"],
        &["x-http-method-override: GET"],
    ] {
        assert_eq!(status(&world, &get("/v1/models", fields)).await, 401, "{fields:?}");
    }
    for path in ["/v1/models?/health", "/v1/models#/health", "/api/admin/models?x=/livez", "/status/", "/v1/v1/models"]
    {
        assert_eq!(status(&world, &get(path, &[])).await, 401, "{path}");
    }
}

#[tokio::test]
async fn wrong_keys_are_limited_and_the_right_one_still_passes() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).server(json!({ "auth": { "wrongKeysPerMinute": 3 } })).start();
    for _ in 0..10 {
        assert_eq!(status(&world, &get("/v1/models", &[])).await, 401, "missing keys are not counted");
    }
    for _ in 0..3 {
        assert_eq!(status(&world, &get("/v1/models", &["x-api-key: wrong"])).await, 401);
    }
    let answer = exchange(&world, &get("/v1/models", &["x-api-key: wrong"])).await.1.unwrap();
    assert_eq!((answer.status, &*chat_error(&answer)), (429, "too_many_wrong_keys"));
    assert!(answer.header("retry-after").is_some());
    let answer = exchange(&world, &get("/anthropic/v1/models", &["x-api-key: wrong"])).await.1.unwrap();
    assert_eq!((answer.status, &*messages_error(&answer)), (429, "too_many_wrong_keys"));
    assert_eq!(world.get("/v1/models").await.status, 200);
}

#[tokio::test]
async fn the_key_is_checked_before_the_body_is_asked_for() {
    let (upstream, world) = world().await;
    for fields in ["", "expect: 100-continue\r\n"] {
        let mut client = world.client().await;
        let head = format!("POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n{fields}content-length: 30000000\r\n\r\n");
        client.send(head.as_bytes()).await.unwrap();
        let answer = client.response().await.unwrap();
        assert_eq!((answer.status, &*messages_error(&answer)), (401, "missing_api_key"));
        let rest = client.closed().await.unwrap_or_default();
        assert!(rest.is_empty(), "nothing follows: {rest:?}");
    }
    let bad_body = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\n{x{";
    assert_eq!(status(&world, bad_body.as_bytes()).await, 401, "a faulty body tells nothing to strangers");
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn on_loopback_only_loopback_names_and_configured_ones_reach_the_server() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).server(json!({ "auth": { "allowedHosts": ["box.lan"] } })).start();
    let at = async |host: &str| {
        let head = format!("GET /v1/models HTTP/1.1\r\nhost: {host}\r\nx-api-key: {KEY}\r\n\r\n");
        status(&world, head.as_bytes()).await
    };
    for host in
        ["localhost", "LocalHost:8080", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:8080", "box.lan", "BOX.lan:80"]
    {
        assert_eq!(at(host).await, 200, "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:127.0.0.1",
        "10.0.0.1",
        "0.0.0.0",
        "[::ffff:10.0.0.1]",
        "box.lan.evil.example",
        "xbox.lan",
        "localhost@evil.example",
        "",
        "2130706433",
        "[::1]evil.example",
    ] {
        assert_eq!(at(host).await, 421, "{host}");
    }
}

async fn world_for_a_page() -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let origins = json!({ "auth": { "allowedOrigins": ["https://ui.example"] } });
    let world = World::new().chat("up", &upstream).server(origins).start();
    (upstream, world)
}

#[tokio::test]
async fn a_page_of_a_configured_origin_may_call_with_the_key() {
    let (_upstream, world) = world_for_a_page().await;
    let key = format!("x-api-key: {KEY}");
    let answer =
        exchange(&world, &get("/v1/models", &["origin: https://UI.example", "sec-fetch-site: cross-site", &key]))
            .await
            .1
            .unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://ui.example"));
    assert_eq!(answer.header("vary"), Some("origin"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let answer = exchange(&world, &get("/v1/models", &["origin: https://ui.example"])).await.1.unwrap();
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, Some("https://ui.example")));
    let preflight = "OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\norigin: https://ui.example\r\n\
                     access-control-request-method: POST\r\naccess-control-request-headers: content-type, x-api-key\r\n\r\n";
    let mut client = world.client().await;
    client.send(preflight.as_bytes()).await.unwrap();
    let (status, fields) = client.head().await.unwrap();
    let field = |name: &str| fields.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str());
    assert_eq!((status, field("access-control-allow-origin")), (204, Some("https://ui.example")));
    assert_eq!(field("access-control-allow-headers"), Some("content-type, x-api-key"));
    assert!(field("access-control-allow-methods").unwrap().contains("POST"));
}

#[tokio::test]
async fn web_pages_of_other_origins_are_refused_and_no_header_invites_them() {
    let (_upstream, world) = world_for_a_page().await;
    let own = format!("origin: http://localhost:{}", world.address.port());
    let host = format!("localhost:{}", world.address.port());
    let at = async |fields: &[&str]| {
        let head = format!("GET /v1/models HTTP/1.1\r\nhost: {host}\r\nx-api-key: {KEY}\r\n{}\r\n", lines(fields));
        exchange(&world, head.as_bytes()).await.1.unwrap()
    };
    for fields in [&[][..], &[&*own], &["sec-fetch-site: same-origin"], &["sec-fetch-site: none"]] {
        let answer = at(fields).await;
        assert_eq!(answer.status, 200, "{fields:?}");
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{fields:?}");
    }
    for fields in [
        &["origin: https://evil.example"][..],
        &["origin: null"],
        &["origin: http://localhost:1"],
        &["origin: https://ui.example.evil.example"],
        &["origin: http://ui.example"],
        &["origin: "],
        &["origin: https://ui.example", "origin: https://evil.example"],
        &["sec-fetch-site: cross-site"],
        &[&own, "origin: https://evil.example"],
    ] {
        let answer = at(fields).await;
        assert_eq!((answer.status, &*chat_error(&answer)), (403, "foreign_origin"), "{fields:?}");
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{fields:?}");
    }
    let preflight = format!(
        "OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\norigin: https://evil.example\r\naccess-control-request-method: POST\r\n\r\n"
    );
    assert_eq!(status(&world, preflight.as_bytes()).await, 403);
}

#[tokio::test]
async fn without_auth_the_server_is_open_on_loopback_and_does_not_start_elsewhere() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).server(json!({ "auth": { "required": false } })).start();
    assert_eq!(status(&world, &get("/v1/models", &[])).await, 200);
    assert_eq!(status(&world, &get("/v1/models", &["origin: https://evil.example"])).await, 403);

    let (mut start, _folder) = World::new().prepare(0);
    start.settings.server.listen.host = [0, 0, 0, 0].into();
    start.key = None;
    assert!(matches!(Server::bind(start), Err(StartError::Open(_))));
}

#[tokio::test]
async fn request_ids_are_taken_over_when_they_are_harmless() {
    let (_upstream, world) = world().await;
    let id = async |field: &str| {
        let answer = exchange(&world, &get("/health", &[field])).await.1.unwrap();
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(id("x-request-id: my-id.1:2_3").await, "my-id.1:2_3");
    for odd in
        ["x-request-id: a b", "x-request-id: <script>", "x-request-id:", &format!("x-request-id: {}", "x".repeat(200))]
    {
        let new = id(odd).await;
        assert!(new.len() == 32 && new.bytes().all(|byte| byte.is_ascii_hexdigit()), "{odd:.40}: {new}");
    }
    assert_eq!(
        world.post("/v1/chat/completions", &chat_body("nobody/m", false)).await.header("x-request-id").map(str::len),
        Some(32)
    );
}
