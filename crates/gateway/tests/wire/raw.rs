//! Bytes as they are, and errors in the envelope of a protocol.

use crate::world::{KEY, Running};
use rm_testkit::{Client, Response};
use serde_json::Value;
use std::{io, time::Duration};

/// A head with the key: `line` is the request line without its version, `fields` whole lines.
pub(crate) fn head(line: &str, fields: &[&str]) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\n{}\r\n", lines(fields)).into_bytes()
}

/// Header fields as lines.
pub(crate) fn lines(fields: &[&str]) -> String {
    fields.iter().flat_map(|field| [field, "\r\n"]).collect()
}

/// Sends bytes on a connection of their own and reads one answer; an error when the server closes without one.
pub(crate) async fn exchange(world: &Running, bytes: &[u8]) -> (Client, io::Result<Response>) {
    let mut client = world.client().await;
    // A server that refuses need not read everything.
    let _ = client.send(bytes).await;
    let answer = client.response().await;
    (client, answer)
}

/// The status of the answer to these bytes; 0 when the server closes without one.
pub(crate) async fn status(world: &Running, bytes: &[u8]) -> u16 {
    exchange(world, bytes).await.1.map_or(0, |answer| answer.status)
}

/// Whether `client`, whose last answer was read, is still served: `/livez` answers. What else comes is a hidden request
/// that was served.
pub(crate) async fn still_served(client: &mut Client) -> bool {
    let _ = client.send(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    match client.response().await {
        Err(_) => false,
        Ok(answer) => {
            assert_eq!(answer.json()["status"], "alive", "a hidden request was served: {}", answer.text());
            true
        }
    }
}

/// Asks again and again until `done`, but not for ever.
pub(crate) async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !done().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok(), "waited in vain for {what}");
}

/// The code of an error in OpenAI's envelope.
pub(crate) fn chat_error(answer: &Response) -> String {
    let body = answer.json();
    let error = &body["error"];
    assert!(error["message"].is_string() && error["type"].is_string(), "{}", answer.text());
    assert!(error.get("param").is_some() && error.get("code").is_some(), "{}", answer.text());
    sound(answer, &body)
}

/// The code of an error in Anthropic's envelope.
pub(crate) fn messages_error(answer: &Response) -> String {
    let body = answer.json();
    assert_eq!(body["type"], "error", "{}", answer.text());
    assert!(body["error"]["message"].is_string() && body["error"]["type"].is_string(), "{}", answer.text());
    assert_eq!(body["request_id"].as_str(), answer.header("x-request-id"), "{}", answer.text());
    sound(answer, &body)
}

/// The code of an error in the envelope that fits the path.
pub(crate) fn error_at(path: &str, answer: &Response) -> String {
    if path.contains("messages") || path.contains("anthropic") || path.contains("count_tokens") {
        messages_error(answer)
    } else {
        chat_error(answer)
    }
}

fn sound(answer: &Response, body: &Value) -> String {
    assert!(answer.status >= 400 && answer.complete && body.is_object());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("x-request-id").is_some());
    assert_eq!(answer.header("x-router-error-source"), Some("gateway"));
    answer.header("x-router-error-code").unwrap().to_owned()
}
