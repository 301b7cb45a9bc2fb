//! Each fault as a client sees it.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rm_testkit::{Gate, Reply, Upstream, chat, messages};

use crate::support::{CHAT, connect, hi, post, said};

/// An upstream with one scripted reply, and a client that has just asked.
async fn asked(reply: Reply) -> (Upstream, rm_testkit::Client) {
    let upstream = Upstream::start().await;
    upstream.script([reply]);
    let mut client = connect(&upstream).await;
    client.post(CHAT, &hi("m")).await.unwrap();
    (upstream, client)
}

#[tokio::test]
async fn a_status_comes_with_its_headers_and_body() {
    let (_upstream, mut client) = asked(chat::error(429, "slow down").header("retry-after", "7")).await;
    let response = client.response().await.unwrap();
    assert_eq!((response.status, response.header("Retry-After")), (429, Some("7")));
    assert_eq!(response.json()["error"]["message"], "slow down");
}

#[tokio::test]
async fn close_before_the_head_is_a_fin() {
    let (_upstream, mut client) = asked(Reply::close()).await;
    assert_eq!(client.response().await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn reset_before_the_head_is_a_rst() {
    let (_upstream, mut client) = asked(Reply::reset()).await;
    assert_eq!(client.response().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn garbage_is_not_a_head() {
    let (_upstream, mut client) = asked(Reply::garbage()).await;
    assert_eq!(client.response().await.unwrap_err().kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_head_can_end_in_its_middle() {
    let (_upstream, mut client) = asked(chat::text("Hello!").cut_head_at(20)).await;
    assert_eq!(client.closed().await.unwrap(), "HTTP/1.1 200 OK\r\ncon");
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_gives_exactly_the_bytes_before() {
    let upstream = Upstream::start().await;
    let whole = chat::text_stream(&["Hel", "lo!"]);
    let body = {
        upstream.script([whole.clone()]);
        post(upstream.address(), CHAT, &hi("m")).await.body
    };
    for offset in 0..body.len() {
        upstream.script([whole.clone().cut_at(offset as u64)]);
        let response = post(upstream.address(), CHAT, &hi("m")).await;
        assert!(!response.complete, "cut at {offset}");
        assert_eq!(response.body, body[..offset], "cut at {offset}");
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_stream_is_a_rst_after_the_bytes_before() {
    let (_upstream, mut client) = asked(chat::text_stream(&["Hel", "lo!"]).split_every(10).reset_at(20)).await;
    assert_eq!(client.head().await.unwrap().0, 200);
    let mut body = BytesMut::new();
    let broken = loop {
        if let Err(error) = client.more(&mut body).await {
            break error;
        }
    };
    assert_eq!(broken.kind(), ErrorKind::ConnectionReset);
    assert_eq!(&body[..], b"data: {\"id\":\"chatcmp");
}

#[tokio::test]
async fn a_json_body_cut_short_still_claims_its_length() {
    let (_upstream, mut client) = asked(chat::text("Hello!").cut_at(9)).await;
    let response = client.response().await.unwrap();
    assert_eq!((response.complete, response.body.len()), (false, 9));
    assert!(response.header("content-length").unwrap().parse::<usize>().unwrap() > 100);
}

#[tokio::test]
async fn a_content_length_that_is_too_large_ends_in_a_fin() {
    let (_upstream, mut client) = asked(Reply::status(200).body("12345").content_length(8)).await;
    let response = client.response().await.unwrap();
    assert_eq!((response.complete, &response.body[..]), (false, &b"12345"[..]));
}

#[tokio::test]
async fn a_content_length_that_is_too_small_leaves_bytes_on_the_connection() {
    let (upstream, mut client) = asked(Reply::status(200).body("12345").content_length(3)).await;
    assert_eq!(client.response().await.unwrap().body, "123");
    drop(upstream);
    assert_eq!(client.closed().await.unwrap(), "45");
}

#[tokio::test]
async fn extra_bytes_follow_a_complete_answer_on_an_open_connection() {
    let (upstream, mut client) = asked(chat::text_stream(&["a"]).trailing("HTTP/1.1 200 stale")).await;
    assert!(client.response().await.unwrap().complete);
    drop(upstream);
    assert_eq!(client.closed().await.unwrap(), "HTTP/1.1 200 stale");
}

#[tokio::test]
async fn a_damaged_chunk_size_comes_after_sound_chunks() {
    let (_upstream, mut client) = asked(Reply::sse("data: 1\n\ndata: 2\n\n").bad_chunk_at(9)).await;
    client.head().await.unwrap();
    let mut body = BytesMut::new();
    assert!(client.more(&mut body).await.unwrap());
    assert_eq!(client.more(&mut body).await.unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(&body[..], b"data: 1\n\n");
}

#[tokio::test]
async fn each_byte_can_be_a_chunk_of_its_own() {
    let (_upstream, mut client) = asked(Reply::sse("data: é\n\n").split_every(1)).await;
    client.head().await.unwrap();
    let (mut body, mut chunks) = (BytesMut::new(), 0);
    while client.more(&mut body).await.unwrap() {
        chunks += 1;
    }
    assert_eq!((chunks, &body[..]), (10, "data: é\n\n".as_bytes()));
}

#[tokio::test]
async fn chunks_can_begin_at_given_offsets() {
    let (_upstream, mut client) = asked(Reply::sse("abcdef").split_at(&[4, 1])).await;
    client.head().await.unwrap();
    let mut chunks = Vec::new();
    loop {
        let mut chunk = BytesMut::new();
        if !client.more(&mut chunk).await.unwrap() {
            break;
        }
        chunks.push(chunk);
    }
    assert_eq!(chunks, ["a", "bcd", "ef"]);
}

#[tokio::test]
async fn an_answer_waits_at_a_gate_before_the_head_and_within_the_body() {
    let (before, within) = (Gate::new(), Gate::new());
    let reply = Reply::sse("data: 1\n\ndata: 2\n\n").gate_head(&before).gate_at(9, &within);
    let (upstream, mut client) = asked(reply).await;
    before.reached().await;
    assert_eq!(upstream.sent_bytes(0), 0);
    before.open();
    client.head().await.unwrap();
    assert_eq!(client.event().await.unwrap().unwrap().data, "1");
    within.reached().await;
    assert_eq!(upstream.sent_bytes(0), 9);
    within.open();
    assert_eq!(client.event().await.unwrap().unwrap().data, "2");
    assert_eq!(client.event().await.unwrap(), None);
}

#[tokio::test]
async fn delays_are_kept_before_the_head_before_the_body_and_between_pieces() {
    let pause = Duration::from_millis(20);
    let reply = Reply::sse("abc").split_every(1).delay_head(pause).delay_body(pause).delay_between(pause);
    let started = Instant::now();
    let (_upstream, mut client) = asked(reply).await;
    assert_eq!(client.response().await.unwrap().body, "abc");
    assert!(started.elapsed() >= pause * 4);
}

#[tokio::test]
async fn a_huge_body_is_sent_whole() {
    let (_upstream, mut client) = asked(Reply::huge_body(3_000_001)).await;
    assert_eq!(client.response().await.unwrap().body.len(), 3_000_001);
}

#[tokio::test]
async fn a_huge_line_is_one_data_line() {
    let (_upstream, mut client) = asked(Reply::huge_line(1_000_000)).await;
    let response = client.response().await.unwrap();
    assert_eq!(response.events()[0].data.len(), 1_000_000);
}

#[tokio::test]
async fn an_error_event_can_open_a_200_stream() {
    let (_upstream, mut client) = asked(Reply::sse(messages::error_event(529, "Overloaded"))).await;
    let response = client.response().await.unwrap();
    assert_eq!((response.status, response.complete), (200, true));
    assert_eq!(response.events()[0].name, "error");
    assert_eq!(response.events()[0].json()["error"]["type"], "overloaded_error");
}

#[tokio::test]
async fn an_answer_can_end_with_its_connection() {
    let (_upstream, mut client) = asked(Reply::status(200).body("all of it").until_close()).await;
    let response = client.response().await.unwrap();
    assert_eq!((response.complete, response.text().as_str()), (true, "all of it"));
}

#[tokio::test]
async fn the_script_is_played_in_order_and_then_the_default_answers() {
    let upstream = Upstream::start().await;
    upstream.script([chat::error(503, "first"), Reply::reset(), chat::text("third")]);
    let address = upstream.address();
    assert_eq!(post(address, CHAT, &hi("m")).await.status, 503);
    let mut client = connect(&upstream).await;
    client.post(CHAT, &hi("m")).await.unwrap();
    assert!(client.response().await.is_err());
    assert_eq!(said(&post(address, CHAT, &hi("m")).await), "third");
    assert_eq!(said(&post(address, CHAT, &hi("m")).await), "Hello!");
}

#[tokio::test]
async fn a_refused_address_refuses() {
    let address = rm_testkit::refused_address().await.unwrap();
    assert_eq!(rm_testkit::Client::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
