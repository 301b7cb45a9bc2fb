//! Requests that are well framed and still wrong (R1, R5, R6, R9): a clear 4xx in the envelope of the mount.

use crate::{
    raw::{chat_error, error_at, exchange, head, messages_error, status},
    world::{KEY, Running, World, chat_body, messages_body},
};
use rm_testkit::{Gate, Upstream, chat};
use serde_json::json;

const MOUNTS: [&str; 2] = ["/v1/chat/completions", "/v1/messages"];

async fn world(server: serde_json::Value) -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).messages("native", &upstream).server(server).start();
    (upstream, world)
}

#[tokio::test]
async fn heads_over_the_limits_are_refused_in_shape() {
    let (upstream, world) = world(json!({})).await;
    let wide = format!("x-wide: {}", "y".repeat(33 << 10));
    let many: Vec<String> = (0..120).map(|n| format!("x-{n}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = "z".repeat(9 << 10);
    for path in MOUNTS {
        let cases = [
            (head(&format!("POST {path}"), &[&wide]), 431, "head_too_large"),
            (head(&format!("POST {path}"), &many), 431, "head_too_large"),
            (head(&format!("POST {path}?q={long}"), &[]), 414, "uri_too_long"),
        ];
        for (bytes, expected, code) in cases {
            let answer = exchange(&world, &bytes).await.1.unwrap();
            assert_eq!((answer.status, &*error_at(path, &answer)), (expected, code), "{path}");
        }
    }
    assert_eq!(upstream.requests().len(), 0);
    assert_eq!(world.get("/v1/models").await.status, 200);
}

#[tokio::test]
async fn heads_far_over_the_limits_end_the_connection() {
    let (_upstream, world) = world(json!({})).await;
    let many: Vec<String> = (0..300).map(|n| format!("x-{n}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(status(&world, &head("GET /livez", &many)).await, 431);
    assert_eq!(status(&world, &head(&format!("GET /{}", "z".repeat(70 << 10)), &[])).await, 414);
    let endless = format!("GET /livez HTTP/1.1\r\nhost: localhost\r\nx: {}", "y".repeat(1 << 20));
    assert!(matches!(status(&world, endless.as_bytes()).await, 431 | 0));
    assert_eq!(world.get("/v1/models").await.status, 200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_with_and_without_a_length() {
    let (upstream, world) = world(json!({ "limits": { "body": "1KiB" } })).await;
    let text = format!("{{\"model\":\"up/m\",\"x\":\"{}\"}}", "y".repeat(2000));
    let chunked = format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len());
    for path in MOUNTS {
        let line = format!("POST {path}");
        let declared = head(&line, &["content-length: 1025", "expect: 100-continue"]);
        let sent = [head(&line, &[&format!("content-length: {}", text.len())]), text.clone().into_bytes()].concat();
        let chunked = [head(&line, &["transfer-encoding: chunked"]), chunked.clone().into_bytes()].concat();
        for bytes in [declared, sent, chunked] {
            let answer = exchange(&world, &bytes).await.1.unwrap();
            assert_eq!((answer.status, &*error_at(path, &answer)), (413, "body_too_large"), "{path}");
        }
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn a_slow_head_ends_the_connection_and_a_slow_body_is_408() {
    let times = json!({ "timeouts": { "clientHead": "100ms", "clientBodyIdle": "100ms" } });
    let (_upstream, slow) = world(times).await;
    for start in ["", "GET /livez HTTP/1.1\r\nhost: lo"] {
        let mut client = slow.client().await;
        client.send(start.as_bytes()).await.unwrap();
        assert_eq!(client.closed().await.unwrap().len(), 0, "{start}");
    }
    let (_upstream, long) = world(json!({ "timeouts": { "clientBody": "100ms" } })).await;
    for world in [&slow, &long] {
        for path in MOUNTS {
            let bytes = [head(&format!("POST {path}"), &["content-length: 100"]), b"{\"model\":".to_vec()].concat();
            let answer = exchange(world, &bytes).await.1.unwrap();
            assert_eq!((answer.status, &*error_at(path, &answer)), (408, "body_timeout"));
        }
    }
    // A connection between two requests has more time than a head.
    let mut client = slow.client().await;
    client.get("/livez", &[]).await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 200);
    let mut other = slow.client().await;
    assert_eq!(other.closed().await.unwrap().len(), 0, "longer than the limit for a head");
    client.get("/livez", &[]).await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 200);
}

#[tokio::test]
async fn bodies_that_are_not_plain_json_are_415() {
    let (upstream, world) = world(json!({})).await;
    let post = async |path: &str, field: &str, body: &str| {
        let length = format!("content-length: {}", body.len());
        exchange(&world, &[head(&format!("POST {path}"), &[field, &length]), body.as_bytes().to_vec()].concat())
            .await
            .1
            .unwrap()
    };
    for path in MOUNTS {
        for field in [
            "content-type: text/plain",
            "content-type: application/x-www-form-urlencoded",
            "content-type: multipart/form-data; boundary=x",
            "content-type: application/jsonp",
            "content-type: application/json; charset=latin1",
            "content-type:",
            "content-encoding: gzip",
            "content-encoding: br",
            "content-encoding: nonsense",
        ] {
            let answer = post(path, field, "{}").await;
            assert_eq!((answer.status, &*error_at(path, &answer)), (415, "unsupported_media_type"), "{path} {field}");
        }
    }
    assert_eq!(upstream.requests().len(), 0);
    let body = chat_body("up/m", false).to_string();
    for field in ["content-type: Application/JSON ; charset=\"UTF-8\"", "x: y", "content-encoding: identity"] {
        assert_eq!(post("/v1/chat/completions", field, &body).await.status, 200, "{field}");
    }
}

#[tokio::test]
async fn faulty_json_is_400_before_any_upstream_hears_of_it() {
    let (upstream, world) = world(json!({})).await;
    let deep = |levels: usize| {
        format!("{{\"model\":\"up/m\",\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels)).into_bytes()
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("null", b"null".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a text", b"\"model\"".to_vec()),
        ("half an object", b"{\"model\":\"up/m\"".to_vec()),
        ("more behind it", b"{\"model\":\"up/m\"} x".to_vec()),
        ("two objects", b"{\"model\":\"up/m\"}{}".to_vec()),
        ("a trailing comma", b"{\"model\":\"up/m\",}".to_vec()),
        ("single quotes", b"{'model':'up/m'}".to_vec()),
        ("a bare word", b"{\"model\":\"up/m\",\"x\":NaN}".to_vec()),
        ("a raw control character", b"{\"model\":\"up/m\",\"x\":\"a\nb\"}".to_vec()),
        ("a raw NUL", b"{\"model\":\"up/m\",\"x\":\"a\0b\"}".to_vec()),
        ("bytes that are not UTF-8", b"{\"model\":\"up/m\",\"x\":\"\xff\xfe\"}".to_vec()),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec()),
        ("two models", b"{\"model\":\"up/m\",\"model\":\"up/n\"}".to_vec()),
        ("two models, one escaped", b"{\"model\":\"up/m\",\"mode\\u006c\":\"up/n\"}".to_vec()),
        ("two stream members", b"{\"stream\":true,\"model\":\"up/m\",\"stream\":false}".to_vec()),
        ("a model that is a number", b"{\"model\":5}".to_vec()),
        ("a model that is a list", b"{\"model\":[\"up/m\"]}".to_vec()),
        ("a stream that is a text", b"{\"model\":\"up/m\",\"stream\":\"true\"}".to_vec()),
        ("a body too deep", deep(65)),
        ("a body far too deep", deep(200_000)),
    ];
    for path in MOUNTS {
        for (what, body) in &cases {
            let length = format!("content-length: {}", body.len());
            let bytes = [head(&format!("POST {path}"), &[&length]), body.clone()].concat();
            let answer = exchange(&world, &bytes).await.1.unwrap();
            assert_eq!(answer.status, 400, "{path}: {what}: {}", answer.text());
            error_at(path, &answer);
        }
    }
    assert_eq!(upstream.requests().len(), 0);
    assert_eq!(world.chat("up/m").await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_in_shape() {
    let (_upstream, world) = world(json!({})).await;
    for (line, expected, code) in [
        ("GET /nothing", 404, "path_not_found"),
        ("POST /v1/nothing", 404, "path_not_found"),
        ("POST /anthropic/v1/nothing", 404, "path_not_found"),
        ("POST /v1/messages/nothing", 404, "path_not_found"),
        ("GET /v1/chat/completions", 405, "method_not_allowed"),
        ("PUT /v1/messages", 405, "method_not_allowed"),
        ("DELETE /api/anthropic/v1/messages", 405, "method_not_allowed"),
        ("POST /v1/models", 405, "method_not_allowed"),
        ("POST /health", 405, "method_not_allowed"),
    ] {
        let answer = exchange(&world, &head(line, &[])).await.1.unwrap();
        assert_eq!((answer.status, &*error_at(line, &answer)), (expected, code), "{line}");
        assert_eq!(answer.header("allow").is_some(), expected == 405, "{line}");
    }
}

#[tokio::test]
async fn odd_paths_are_4xx_and_never_another_path() {
    let (upstream, world) = world(json!({})).await;
    for path in [
        "//",
        "//livez",
        "/livez//",
        "/./livez",
        "/v1/../livez",
        "/v1/%2e%2e/livez",
        "/v1/%2E%2E%2Flivez",
        "/livez/..",
        "/v1//models",
        "/v1/models//a",
        "/v1/models/%00",
        "/v1/models/%0a",
        "/v1/models/%zz",
        "/v1/models/%",
        "/v1/models/%ff",
        "/v1/models/a%2f%2fb",
        "/v1/models/..%2fa",
        "/%76%31/models",
        "/V1/models",
        "/livez;x=1",
        "/livez%20",
        "/v1/v1/v1/models",
        "/v1\\models",
        "/api/admin/../../livez",
    ] {
        let found = status(&world, &head(&format!("GET {path}"), &[])).await;
        assert!(matches!(found, 400 | 404), "{path}: {found}");
    }
    let found = status(
        &world,
        &[b"GET /v1/models/\xff HTTP/1.1\r\nhost: localhost\r\nx-api-key: ", KEY.as_bytes(), b"\r\n\r\n"].concat(),
    )
    .await;
    assert!(matches!(found, 400 | 404), "{found}");
    for path in ["/livez/", "/livez?x=1", "/v1/v1/models", "/v1/models/"] {
        assert_eq!(status(&world, &head(&format!("GET {path}"), &[])).await, 200, "{path}");
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn model_names_that_cannot_be_names_are_refused_before_matching() {
    let upstream = Upstream::start().await;
    let open = json!({ "type": "openai-compatible", "baseURL": upstream.v1_url(), "apiKey": "k" });
    let world = World::new().provider("open", open).start();
    let names = [
        "open/a\nb",
        "open/a\u{0}b",
        "open/a\u{1b}[31m",
        "open/a?b",
        "open/a#b",
        "open/a%2e",
        "open/a\\b",
        "open/a<b>",
        "open/a\"b",
        "open/a{b}",
        "open/a$b",
        "open/a;b",
        "open/a*b",
        "open/",
        "/a",
        "nobody/m",
        &"x".repeat(500),
        &format!("open/{}", "y".repeat(500)),
    ];
    for name in names {
        let answer = world.post("/v1/chat/completions", &chat_body(name, false)).await;
        assert!(matches!(answer.status, 400 | 404), "{name:?}: {} {}", answer.status, answer.text());
        chat_error(&answer);
        let answer = world.post("/v1/messages", &messages_body(name, true)).await;
        assert!(matches!(answer.status, 400 | 404), "{name:?}: {} {}", answer.status, answer.text());
        messages_error(&answer);
    }
    let asked: Vec<String> =
        upstream.requests().iter().map(|r| r.path().to_owned()).filter(|path| !path.ends_with("/models")).collect();
    assert_eq!(asked, [""; 0]);
    assert_eq!(world.chat("open/anything-else").await.status, 200);
}

#[tokio::test]
async fn more_requests_than_places_are_503_with_a_pause() {
    let (upstream, world) = world(json!({ "limits": { "inFlight": 1, "queue": 1, "queueWait": "50ms" } })).await;
    let gate = Gate::new();
    upstream.script([chat::text("Hello!").gate_head(&gate)]);
    let mut first = world.client().await;
    first
        .post_with("/v1/chat/completions", &[("x-api-key", KEY)], chat_body("up/m", false).to_string().as_bytes())
        .await
        .unwrap();
    gate.reached().await;
    for path in MOUNTS {
        let answer = world.post(path, &chat_body("up/m", false)).await;
        assert_eq!((answer.status, &*error_at(path, &answer)), (503, "overloaded"));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(world.get("/livez").await.status, 200, "what needs no upstream is served");
    gate.open();
    assert_eq!(first.response().await.unwrap().status, 200);
    assert_eq!(world.chat("up/m").await.status, 200);
}

const JSON: &str = "content-type: application/json";

#[tokio::test]
async fn changes_by_an_admin_are_strict() {
    let (_upstream, world) = world(json!({ "limits": { "adminBody": "1KiB" } })).await;
    let path = "/api/admin/priorities";
    let put = async |field: &str, body: &str| {
        let length = format!("content-length: {}", body.len());
        exchange(&world, &[head(&format!("PUT {path}"), &[field, &length]), body.as_bytes().to_vec()].concat())
            .await
            .1
            .unwrap()
    };
    for (field, body, expected) in [
        ("content-type: text/plain", r#"{"priorities":[]}"#, 415),
        ("x: y", r#"{"priorities":[]}"#, 415),
        (JSON, "{", 400),
        (JSON, r#"{"priorities":[],"rank":1}"#, 400),
        (JSON, r#"{"priorities":"up/m"}"#, 400),
        (JSON, r#"{"fallback":{"strategy":"best"}}"#, 400),
        (JSON, r#"{"revision":"0","priorities":["up/n"]}"#, 409),
        ("content-type: application/json\r\nif-match: \"0\"", r#"{"priorities":["up/n"]}"#, 409),
        (JSON, r#"{"priorities":["up/n"],"remove":"up/x"}"#, 400),
        (JSON, r#"{"priorities":["up/n"],"fallback":{"maxRetries":11}}"#, 400),
        (JSON, &format!("{{\"priorities\":[\"{}\"]}}", "x".repeat(2000)), 413),
    ] {
        let answer = put(field, body).await;
        assert_eq!(answer.status, expected, "{field} {body:.60}: {}", answer.text());
        chat_error(&answer);
    }
    assert_eq!(world.get(path).await.json()["priorities"], json!([]));
    let answer = put("content-type: application/json", r#"{"priorities":["up/n"]}"#).await;
    assert_eq!((answer.status, &answer.json()["priorities"]), (200, &json!(["up/n"])));
    assert_eq!(world.chat("router-maestro").await.header("x-router-model"), Some("up/n"));
}

#[tokio::test]
async fn of_two_changes_with_one_revision_one_wins() {
    let (_upstream, world) = world(json!({})).await;
    let path = "/api/admin/priorities";
    let revision = world.get(path).await.json()["revision"].clone();
    let mut clients = Vec::new();
    for model in ["up/m", "up/n"] {
        let body = json!({ "revision": revision, "insert": { "model": model } }).to_string();
        let fields = [JSON, &format!("content-length: {}", body.len())];
        let mut client = world.client().await;
        client.send(&[head(&format!("PATCH {path}"), &fields), body.into_bytes()].concat()).await.unwrap();
        clients.push(client);
    }
    let mut statuses = Vec::new();
    for mut client in clients {
        statuses.push(client.response().await.unwrap().status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(world.get(path).await.json()["priorities"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_the_servers_fault() {
    let (_upstream, world) = world(json!({})).await;
    let file = world.config_file("priorities.json");
    std::fs::write(world.config_file("real.json"), "{}").unwrap();
    std::os::unix::fs::symlink(world.config_file("real.json"), file).unwrap();
    let body = r#"{"priorities":["up/n"]}"#;
    let fields = [JSON, &format!("content-length: {}", body.len())];
    let bytes = [head("PUT /api/admin/priorities", &fields), body.as_bytes().to_vec()].concat();
    let answer = exchange(&world, &bytes).await.1.unwrap();
    assert_eq!((answer.status, &*chat_error(&answer)), (500, "not_written"), "{}", answer.text());
}

#[tokio::test]
async fn admin_paths_name_their_methods_and_every_change_says_that_it_is_json() {
    let (_upstream, world) = world(json!({})).await;
    for (line, allowed) in [
        ("POST /api/admin/models", "GET"),
        ("GET /api/admin/models/refresh", "POST"),
        ("DELETE /api/admin/priorities", "GET, PUT, PATCH"),
    ] {
        let answer = exchange(&world, &head(line, &[])).await.1.unwrap();
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{line}");
        assert_eq!(chat_error(&answer), "method_not_allowed");
    }
    let refresh = async |fields: &[&str], body: &str| {
        let bytes = [head("POST /api/admin/models/refresh", fields), body.as_bytes().to_vec()].concat();
        exchange(&world, &bytes).await.1.unwrap().status
    };
    assert_eq!(refresh(&[], "").await, 200);
    assert_eq!(refresh(&[JSON, "content-length: 2"], "{}").await, 200);
    assert_eq!(refresh(&["content-type: text/plain"], "").await, 415);
    assert_eq!(refresh(&["content-length: 3"], "a=b").await, 415);
}
