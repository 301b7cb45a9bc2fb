//! What an upstream remembers.

use rm_testkit::{Ending, Gate, Reply, Upstream, chat};
use serde_json::json;

use crate::support::{CHAT, connect, hi, post, said};

#[tokio::test]
async fn a_request_is_recorded_with_its_headers_in_order_and_its_body_bytes() {
    let upstream = Upstream::start().await;
    let mut client = connect(&upstream).await;
    client.post_with("/v1/chat/completions?beta=true", &[("X-B", "1"), ("x-a", " 2 ")], b"{ \"odd\" }").await.unwrap();
    let request = upstream.received(1).await.remove(0);
    assert_eq!((request.method.as_str(), request.path()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.target, "/v1/chat/completions?beta=true");
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["host", "content-type", "X-B", "x-a", "content-length"]);
    assert_eq!(request.header("X-A"), Some("2"));
    assert_eq!(request.body, "{ \"odd\" }");
}

#[tokio::test]
async fn a_chunked_request_body_is_put_together() {
    let upstream = Upstream::start().await;
    let mut client = connect(&upstream).await;
    let head = "POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n";
    client.send(head.as_bytes()).await.unwrap();
    client.send(b"3;note=x\r\nabc\r\n2\r\nde\r\n0\r\ntrailer: 1\r\n\r\n").await.unwrap();
    assert_eq!(upstream.received(1).await[0].body, "abcde");
    assert_eq!(client.response().await.unwrap().status, 400);
}

#[tokio::test]
async fn requests_on_one_connection_share_its_number() {
    let upstream = Upstream::start().await;
    let mut kept = connect(&upstream).await;
    for _ in 0..2 {
        kept.post(CHAT, &hi("m")).await.unwrap();
        assert_eq!(said(&kept.response().await.unwrap()), "Hello!");
    }
    post(upstream.address(), CHAT, &hi("m")).await;
    let numbers: Vec<u64> = upstream.requests().iter().map(|request| request.connection).collect();
    assert_eq!((numbers, upstream.connections()), (vec![1, 1, 2], 2));
}

#[tokio::test]
async fn requests_that_come_ahead_of_time_are_answered_in_order() {
    let upstream = Upstream::start().await;
    upstream.script([chat::text("one"), chat::text("two")]);
    let mut client = connect(&upstream).await;
    client.post(CHAT, &hi("m")).await.unwrap();
    client.post(CHAT, &hi("m")).await.unwrap();
    assert_eq!(said(&client.response().await.unwrap()), "one");
    assert_eq!(said(&client.response().await.unwrap()), "two");
}

#[tokio::test]
async fn a_client_that_leaves_a_silent_upstream_is_noticed() {
    let upstream = Upstream::start().await;
    upstream.script([Reply::hang()]);
    let mut client = connect(&upstream).await;
    client.post(CHAT, &hi("m")).await.unwrap();
    upstream.received(1).await;
    drop(client);
    let gone = upstream.client_gone().await;
    assert_eq!((gone.request, gone.sent_bytes), (0, 0));
    upstream.disconnected().await;
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_stream_is_noticed_at_its_byte() {
    let upstream = Upstream::start().await;
    let gate = Gate::new();
    upstream.script([Reply::sse("data: 1\n\ndata: 2\n\n").gate_at(9, &gate)]);
    let mut client = connect(&upstream).await;
    client.post(CHAT, &hi("m")).await.unwrap();
    client.head().await.unwrap();
    client.event().await.unwrap();
    gate.reached().await;
    drop(client);
    assert_eq!(upstream.client_gone().await.sent_bytes, 9);
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_upstream() {
    let upstream = Upstream::start().await;
    let total = 256 * 1024 * 1024;
    upstream.script([Reply::huge_body(total)]);
    let mut client = connect(&upstream).await;
    client.post(CHAT, &hi("m")).await.unwrap();
    client.head().await.unwrap();
    drop(client);
    assert!(upstream.client_gone().await.sent_bytes < total);
}

#[tokio::test]
async fn a_request_that_breaks_off_is_recorded_as_far_as_it_came() {
    let upstream = Upstream::start().await;
    let mut client = connect(&upstream).await;
    client.send(b"POST /v1/messages HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf").await.unwrap();
    drop(client);
    upstream.client_gone().await;
    assert_eq!(upstream.requests()[0].body, "half");
}

#[tokio::test]
async fn an_answer_sent_to_its_end_is_recorded_as_played() {
    let upstream = Upstream::start().await;
    post(upstream.address(), CHAT, &hi("m")).await;
    assert_eq!(upstream.ended(1).await, [Ending::Played]);
}

#[tokio::test]
async fn model_lists_and_routes_leave_the_script_alone() {
    let upstream = Upstream::start().await;
    upstream.models(&["a", "b"]).script([chat::text("scripted")]).route("/odd", Reply::status(418));
    let mut client = connect(&upstream).await;
    client.get("/v1/models", &[]).await.unwrap();
    let ids = client.response().await.unwrap().json();
    assert_eq!((&ids["data"][0]["id"], &ids["data"][1]["id"]), (&json!("a"), &json!("b")));
    client.get("/odd", &[]).await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 418);
    assert_eq!(said(&post(upstream.address(), CHAT, &hi("m")).await), "scripted");
}

#[tokio::test]
async fn a_dropped_upstream_closes_its_connections_and_its_port() {
    let upstream = Upstream::start().await;
    let address = upstream.address();
    let mut client = connect(&upstream).await;
    client.post(CHAT, &hi("m")).await.unwrap();
    client.response().await.unwrap();
    drop(upstream);
    client.closed().await.unwrap();
    assert!(rm_testkit::Client::connect(address).await.is_err());
}

#[tokio::test]
async fn a_request_that_is_no_http_is_refused() {
    let upstream = Upstream::start().await;
    let mut client = connect(&upstream).await;
    client.send(b"nonsense\r\n\r\n").await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 400);
    client.closed().await.unwrap();
}
