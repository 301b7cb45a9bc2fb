//! Requests and answers with random damage: no panic, no hang, and the server serves on (R1).

use crate::{
    raw::{exchange, head},
    world::{World, chat_body, messages_body},
};
use fastrand::Rng;
use rm_testkit::{Answer, Reply, Upstream, UsageChunk, chat, messages};
use serde_json::json;
use std::sync::Arc;

/// Bytes that mean something to somebody.
const SPICE: [&[u8]; 16] = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b"\xff",
    b" ",
    b":",
    b"\"",
    b"{",
    b"}",
    b"[[[[",
    b"\\u0000",
    b"%2e%2e",
    b"transfer-encoding: chunked\r\n",
    b"content-length: 3\r\n",
];

fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(..bytes.len());
        match rng.u8(..5) {
            0 => bytes[at] = rng.u8(..),
            1 => drop(bytes.drain(at..(at + rng.usize(1..20)).min(bytes.len()))),
            2 => drop(bytes.splice(at..at, rng.choice(SPICE).unwrap_or_default().iter().copied())),
            3 => bytes[at] ^= 1 << rng.u8(..8),
            _ => {
                let again = bytes[at..(at + 30).min(bytes.len())].to_vec();
                drop(bytes.splice(at..at, again));
            }
        }
        if bytes.is_empty() {
            bytes.push(b'G');
        }
    }
}

#[tokio::test]
async fn no_damage_to_a_request_brings_a_5xx_or_stops_the_server() {
    let upstream = Upstream::start().await;
    let quick = json!({ "timeouts": { "clientHead": "200ms", "clientBodyIdle": "200ms" } });
    let world = Arc::new(World::new().chat("chat", &upstream).messages("native", &upstream).server(quick).start());
    let whole = |path: &str, body: String| {
        [
            head(
                &format!("POST {path}"),
                &["content-type: application/json", &format!("content-length: {}", body.len())],
            ),
            body.into_bytes(),
        ]
        .concat()
    };
    let seeds = [
        whole("/v1/chat/completions", chat_body("chat/m", false).to_string()),
        whole("/v1/chat/completions", chat_body("native/m", true).to_string()),
        whole("/anthropic/v1/messages", messages_body("native/m", true).to_string()),
        whole("/v1/messages/count_tokens", messages_body("chat/m", false).to_string()),
        head("GET /v1/models/chat/m?limit=5&after_id=auto", &["anthropic-version: 2023-06-01"]),
    ];
    for round in 0..20 {
        let mut running = tokio::task::JoinSet::new();
        for number in 0..40 {
            let seed = round * 40 + number;
            let mut rng = Rng::with_seed(seed);
            let mut bytes = rng.choice(&seeds).unwrap().clone();
            damage(&mut rng, &mut bytes);
            let world = world.clone();
            running.spawn(async move {
                let status = exchange(&world, &bytes).await.1.map_or(0, |answer| answer.status);
                assert!(status < 500, "seed {seed}: {status} to {}", String::from_utf8_lossy(&bytes));
            });
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
    }
    assert_eq!(world.get("/status").await.json()["panics"], 0);
    assert_eq!(world.chat("chat/m").await.status, 200);
}

#[tokio::test]
async fn no_damage_to_an_answer_harms_more_than_that_answer() {
    let upstream = Upstream::start().await;
    let quick = json!({ "timeouts": { "firstEvent": "300ms", "upstreamHead": "300ms", "streamIdle": "300ms" } });
    let world = World::new().chat("chat", &upstream).messages("native", &upstream).server(quick).start();
    let answer = Answer::pieces(&["Hé", "llo ", "😀!"]).and_tool("look", &json!({ "at": [1.50, "x"] }));
    let seeds = [
        (true, messages::frames(&answer).concat()),
        (true, chat::frames(&answer, UsageChunk::Sent).concat()),
        (false, messages::json(&answer).to_string().into_bytes()),
        (false, chat::json(&answer).to_string().into_bytes()),
    ];
    for seed in 0..400 {
        let mut rng = Rng::with_seed(seed);
        let at = rng.usize(..seeds.len());
        let (stream, bytes) = &seeds[at];
        let mut bytes = bytes.clone();
        damage(&mut rng, &mut bytes);
        let reply = if *stream {
            Reply::sse(bytes)
        } else {
            Reply::status(200).header("content-type", "application/json").body(bytes)
        };
        upstream.always(reply.split_every(rng.usize(1..400)));
        let model = if at.is_multiple_of(2) { "native/m" } else { "chat/m" };
        let (path, body) = if rng.bool() {
            ("/v1/messages", messages_body(model, *stream))
        } else {
            ("/v1/chat/completions", chat_body(model, *stream))
        };
        let got = world.post(path, &body).await;
        assert!(got.complete && got.status != 500, "seed {seed}: {} {}", got.status, got.text());
        if got.status == 200 && *stream {
            let last = got.events().last().map(|event| event.data.clone()).unwrap_or_default();
            let ended = last.contains("[DONE]") || last.contains("message_stop") || last.contains("\"error\"");
            assert!(ended, "seed {seed}: {path} {model}: {}", got.text());
        }
    }
    assert_eq!(world.get("/status").await.json()["panics"], 0);
}
