//! Messages that two readers could read in two ways (R2-R4): refused, and nothing behind them is served.

use crate::{
    raw::{chat_error, exchange, head, status, still_served},
    world::{KEY, Running, World, chat_body},
};
use rm_testkit::{Reply, Upstream};
use serde_json::json;

const CHAT: &str = "POST /v1/chat/completions";

/// A whole request that a reader who loses count would take for the next one.
fn hidden() -> String {
    let body = chat_body("up/m", false).to_string();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn world() -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).start();
    (upstream, world)
}

#[tokio::test]
async fn an_ambiguous_head_is_refused_and_nothing_behind_it_is_served() {
    let (upstream, world) = world().await;
    let fields: [(&str, &[&str]); 20] = [
        ("two lengths", &["content-length: 0", "content-length: 5"]),
        ("two lengths in one field", &["content-length: 5, 5"]),
        ("a signed length", &["content-length: +5"]),
        ("a negative length", &["content-length: -1"]),
        ("a length in hexadecimal", &["content-length: 0x5"]),
        ("a length with a space", &["content-length: 1 0"]),
        ("an empty length", &["content-length:"]),
        ("an enormous length", &["content-length: 99999999999999999999"]),
        ("another transfer encoding", &["transfer-encoding: gzip"]),
        ("identity", &["transfer-encoding: identity"]),
        ("chunked, but not last", &["transfer-encoding: chunked, gzip"]),
        ("chunked, but not alone", &["transfer-encoding: gzip, chunked"]),
        ("chunked twice", &["transfer-encoding: chunked", "transfer-encoding: chunked"]),
        ("nearly chunked", &["transfer-encoding: xchunked"]),
        ("a folded field", &["x-a: b", " transfer-encoding: chunked"]),
        ("a space before the colon", &["transfer-encoding : chunked"]),
        ("a space in a name", &["x a: b"]),
        ("a blank name", &[": b"]),
        ("a line without a colon", &["chunked"]),
        ("a second host", &["host: localhost"]),
    ];
    for (what, fields) in fields {
        let bytes = [head(CHAT, fields), hidden().into_bytes()].concat();
        let (mut client, answer) = exchange(&world, &bytes).await;
        assert_eq!(answer.unwrap().status, 400, "{what}");
        assert!(!still_served(&mut client).await, "{what}: the connection must close");
    }
    assert_eq!(upstream.requests().len(), 0);
    assert_eq!(world.get("/v1/models").await.status, 200);
}

#[tokio::test]
async fn bytes_that_are_no_request_are_refused() {
    let (upstream, world) = world().await;
    let lines: [(&str, &[u8]); 16] = [
        ("a bare CR", b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx: a\rb\r\n\r\n"),
        ("a NUL in a value", b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\n\r\n"),
        ("a NUL in a name", b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx\0: a\r\n\r\n"),
        ("a NUL in the target", b"GET /li\0vez HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        ("a control character in a value", b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx: a\x1bb\r\n\r\n"),
        ("a space before the first field", b"GET /livez HTTP/1.1\r\n host: localhost\r\n\r\n"),
        ("no host", b"GET /livez HTTP/1.1\r\n\r\n"),
        (
            "chunked on HTTP/1.0",
            b"POST /livez HTTP/1.0\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ("another version", b"GET /livez HTTP/1.2\r\nhost: localhost\r\n\r\n"),
        ("no version", b"GET /livez\r\nhost: localhost\r\n\r\n"),
        ("two spaces", b"GET  /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        ("a space in the target", b"GET /li vez HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        ("no target", b"GET HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        ("no method", b" /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n"),
        ("an HTTP/2 greeting", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ];
    for (what, bytes) in lines {
        let (mut client, answer) = exchange(&world, bytes).await;
        let status = answer.map_or(0, |answer| answer.status);
        // HTTP/2 has no answer that an HTTP/1 server could give.
        assert!(status == 400 || (status == 0 && what.contains("HTTP/2")), "{what}: {status}");
        assert!(!still_served(&mut client).await, "{what}");
    }
    assert_eq!(upstream.requests().len(), 0);
    assert_eq!(world.get("/v1/models").await.status, 200);
}

#[tokio::test]
async fn a_length_beside_chunks_does_not_count_and_closes_the_connection() {
    let (upstream, world) = world().await;
    for fields in
        [["content-length: 5", "transfer-encoding: chunked"], ["transfer-encoding: chunked", "content-length: 5"]]
    {
        let bytes = [head("POST /livez", &fields), b"0\r\n\r\n".to_vec(), hidden().into_bytes()].concat();
        let (mut client, answer) = exchange(&world, &bytes).await;
        assert_eq!(answer.unwrap().status, 405);
        assert!(!still_served(&mut client).await, "{fields:?}");
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn the_same_length_twice_is_one_length() {
    let (upstream, world) = world().await;
    let hidden = hidden();
    let length = format!("content-length: {}", hidden.len());
    let bytes = [head("POST /livez", &[&length, &length]), hidden.into_bytes()].concat();
    let (mut client, answer) = exchange(&world, &bytes).await;
    assert_eq!(answer.unwrap().status, 405);
    still_served(&mut client).await;
    assert_eq!(upstream.requests().len(), 0, "what the length covers is body for every reader");
}

#[tokio::test]
async fn a_bare_lf_in_a_head_is_refused_and_nothing_behind_it_is_served() {
    let (upstream, world) = world().await;
    let length = format!("content-length: {}", 5 + hidden().len());
    let smuggling = [
        head("POST /livez", &[&length, "x: y\ntransfer-encoding: chunked"]),
        b"0\r\n\r\n".to_vec(),
        hidden().into_bytes(),
    ];
    for bytes in [
        b"GET /livez HTTP/1.1\nhost: localhost\n\n".to_vec(),
        b"GET /livez HTTP/1.1\r\nhost: localhost\nx: y\r\n\r\n".to_vec(),
        b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\n".to_vec(),
        smuggling.concat(),
    ] {
        let (mut client, answer) = exchange(&world, &bytes).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, &*chat_error(&answer)), (400, "bad_framing"), "{}", String::from_utf8_lossy(&bytes));
        assert!(!still_served(&mut client).await);
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn a_bare_lf_is_noticed_in_a_later_head_and_allowed_in_bodies() {
    let (upstream, world) = world().await;
    let body = format!("{:#}\n", chat_body("up/m", false));
    let mut client = world.client().await;
    for _ in 0..3 {
        client.send(&head(CHAT, &[&format!("content-length: {}", body.len())])).await.unwrap();
        client.send(body.as_bytes()).await.unwrap();
        assert_eq!(client.response().await.unwrap().status, 200);
    }
    client
        .send(&[head("GET /v1/nothing", &[&format!("content-length: {}", body.len())]), body.into_bytes()].concat())
        .await
        .unwrap();
    assert_eq!(client.response().await.unwrap().status, 404);
    assert_eq!(upstream.requests().len(), 3);
    let mut client = world.client().await;
    client.send(&head("GET /livez", &[])).await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 200);
    client.send(b"GET /livez HTTP/1.1\r\nhost: localhost\nx: y\r\n\r\n").await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 400);
}

#[tokio::test]
async fn damaged_chunks_are_refused_and_nothing_behind_them_is_served() {
    let (upstream, world) = world().await;
    let bodies = [
        "zz\r\n{}\r\n0\r\n\r\n".to_owned(),
        "0x2\r\n{}\r\n0\r\n\r\n".to_owned(),
        "-2\r\n{}\r\n0\r\n\r\n".to_owned(),
        "2\n{}\n0\n\n".to_owned(),
        "2\r\n{}x\r\n0\r\n\r\n".to_owned(),
        "fffffffffffffffff\r\n{}\r\n0\r\n\r\n".to_owned(),
        "2;a\rb\r\n{}\r\n0\r\n\r\n".to_owned(),
        format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(20_000)),
    ];
    for body in bodies {
        let bytes =
            [head(CHAT, &["transfer-encoding: chunked"]), body.clone().into_bytes(), hidden().into_bytes()].concat();
        let (mut client, answer) = exchange(&world, &bytes).await;
        assert_eq!(answer.unwrap().status, 400, "{body:.40}");
        assert!(!still_served(&mut client).await, "{body:.40}");
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn a_request_in_the_body_of_a_refused_one_is_never_served() {
    let (upstream, world) = world().await;
    let hidden = hidden();
    let length = format!("content-length: {}", hidden.len());
    let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let lines = [
        ("POST /v1/chat/completions", "content-type: text/plain", 415),
        ("POST /v1/nothing", "x: y", 404),
        ("GET /v1/chat/completions", "x: y", 405),
        ("GET /v1/models", "x: y", 200),
        ("HEAD /", "x: y", 200),
        ("POST /v1/chat/completions", "origin: https://evil.example", 403),
        ("GET http://evil.example/", "x: y", 400),
        ("CONNECT evil.example:80", "x: y", 400),
    ];
    for (line, field, expected) in lines {
        for (framing, body) in [(&*length, &hidden), ("transfer-encoding: chunked", &chunked)] {
            let bytes = [head(line, &[field, framing]), body.clone().into_bytes()].concat();
            let mut client = world.client().await;
            let _ = client.send(&bytes).await;
            let (status, fields) = client.head().await.unwrap();
            assert_eq!(status, expected, "{line}");
            if line.starts_with("HEAD") {
                assert!(fields.iter().any(|(name, _)| name == "content-length"));
                continue;
            }
            let mut body = bytes::BytesMut::new();
            while client.more(&mut body).await.unwrap() {}
            still_served(&mut client).await;
        }
    }
    let wrong =
        format!("POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: wrong\r\n{length}\r\n\r\n{hidden}");
    let (mut client, answer) = exchange(&world, wrong.as_bytes()).await;
    assert_eq!(answer.unwrap().status, 401);
    still_served(&mut client).await;
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn a_refused_upload_that_was_not_read_ends_the_connection_after_its_answer() {
    let (_upstream, world) = world().await;
    let upload = vec![b'x'; 3 << 20];
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: wrong\r\ncontent-length: {}\r\n\r\n",
        upload.len()
    );
    let (mut client, answer) = exchange(&world, &[head.into_bytes(), upload].concat()).await;
    assert_eq!(answer.unwrap().status, 401, "a client that sends everything first still sees why");
    assert!(!still_served(&mut client).await);
}

#[tokio::test]
async fn an_upload_that_finds_no_place_or_no_reader_sees_its_answer_all_the_same() {
    let upstream = Upstream::start().await;
    let narrow = json!({ "limits": { "inFlight": 1, "queue": 0 } });
    let world = World::new().chat("up", &upstream).server(narrow).start();
    upstream.always(Reply::hang());
    let mut first = world.client().await;
    first.send(hidden().as_bytes()).await.unwrap();
    upstream.received(1).await;
    let upload = vec![b'x'; 5 << 20];
    for (line, expected) in [("POST /v1/messages", 503), ("GET /livez", 200)] {
        let bytes = [head(line, &[&format!("content-length: {}", upload.len())]), upload.clone()].concat();
        let (mut client, answer) = exchange(&world, &bytes).await;
        assert_eq!(answer.unwrap().status, expected, "{line}");
        assert!(!still_served(&mut client).await, "{line}");
    }
}

#[tokio::test]
async fn targets_of_other_hosts_are_refused_and_own_absolute_ones_are_served() {
    let (_upstream, world) = world().await;
    let request = |line: &str, host: &str| format!("{line} HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes();
    for (line, host, expected) in [
        ("GET http://localhost/livez", "localhost", 200),
        ("GET http://evil.example/livez", "localhost", 400),
        ("GET http://evil.example/livez", "evil.example", 421),
        ("GET http://localhost@evil.example/livez", "localhost", 400),
        ("GET http://localhost/livez", "evil.example", 400),
        ("CONNECT localhost:80", "localhost:80", 404),
        ("CONNECT evil.example:443", "evil.example:443", 421),
        ("OPTIONS *", "localhost", 404),
        ("TRACE /livez", "localhost", 405),
        ("BREW /livez", "localhost", 405),
    ] {
        assert_eq!(status(&world, &request(line, host)).await, expected, "{line} at {host}");
    }
}

#[tokio::test]
async fn an_upgrade_is_answered_as_plain_http_and_websocket_with_426() {
    let (_upstream, world) = world().await;
    let upgrade = "GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n";
    let (mut client, answer) = exchange(&world, upgrade.as_bytes()).await;
    assert_eq!(answer.unwrap().status, 200);
    assert!(still_served(&mut client).await, "the connection goes on as HTTP/1.1");
    let socket = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    assert_eq!(status(&world, socket.as_bytes()).await, 426);
}

#[tokio::test]
async fn connections_are_reused_and_pipelined_requests_answered_in_order() {
    let (upstream, world) = world().await;
    let mut client = world.client().await;
    let bytes = [hidden().into_bytes(), head("HEAD /", &[]), head("GET /livez", &[])].concat();
    client.send(&bytes).await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 200);
    let (status, fields) = client.head().await.unwrap();
    assert_eq!((status, fields.iter().any(|(name, _)| name == "content-length")), (200, true));
    let (status, _) = client.head().await.unwrap();
    assert_eq!(status, 200, "no body after HEAD");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let (upstream, world) = world().await;
    let body = chat_body("up/m", false).to_string();
    let mut client = world.client().await;
    client.send(&head(CHAT, &["expect: 100-continue", &format!("content-length: {}", body.len())])).await.unwrap();
    client.send(body.as_bytes()).await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 200);
    assert!(still_served(&mut client).await);
    assert_eq!(upstream.requests().len(), 1);
}
