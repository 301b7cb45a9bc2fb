//! Silence has an end, and meanwhile the client hears that someone is there.

use crate::{
    raw::error_at,
    world::{KEY, Running, World, chat_body, messages_body},
};
use bytes::BytesMut;
use rm_testkit::{Answer, Client, Gate, Reply, Response, Upstream, chat, messages};
use serde_json::{Value, json};
use std::time::Duration;

const MOUNTS: [&str; 2] = ["/v1/chat/completions", "/v1/messages"];
/// A provider of each protocol.
const PROVIDERS: [&str; 2] = ["chat", "native"];

/// Two providers, `chat` and `native`, at one upstream.
fn world(upstream: &Upstream, timeouts: &Value) -> Running {
    let world = World::new().chat("chat", upstream).messages("native", upstream);
    world.server(json!({ "timeouts": timeouts })).start()
}

fn body(path: &str, provider: &str, stream: bool) -> Value {
    let model = format!("{provider}/m");
    if path.ends_with("messages") { messages_body(&model, stream) } else { chat_body(&model, stream) }
}

fn reply(provider: &str, stream: bool) -> Reply {
    let answer = Answer::pieces(&["one ", "two ", "three"]);
    match (provider, stream) {
        ("native", true) => messages::stream(&answer),
        ("native", false) => messages::reply(&answer),
        (_, true) => chat::stream(&answer),
        (_, false) => chat::reply(&answer),
    }
}

/// Where the last piece of text begins in a stream of this provider.
fn before_three(provider: &str) -> u64 {
    let answer = Answer::pieces(&["one ", "two ", "three"]);
    let frames = if provider == "native" {
        messages::frames(&answer)
    } else {
        chat::frames(&answer, rm_testkit::UsageChunk::Sent)
    };
    let before = frames.iter().take_while(|frame| !String::from_utf8_lossy(frame).contains("three"));
    before.map(|frame| frame.len() as u64).sum()
}

/// The text of a stream, whatever its protocol.
fn said(answer: &Response) -> String {
    let piece = |event: Value| {
        let chat = event["choices"][0]["delta"]["content"].as_str().map(str::to_owned);
        chat.or_else(|| event["delta"]["text"].as_str().map(str::to_owned)).unwrap_or_default()
    };
    answer.events().iter().map(|event| piece(event.json())).collect()
}

fn ends_with_an_error(answer: &Response, what: &str) {
    assert_eq!((answer.status, answer.complete), (200, true), "{what}");
    let last = answer.events().last().cloned().unwrap();
    assert!(last.data.contains("\"error\""), "{what}: {}", answer.text());
    assert!(!answer.text().contains("[DONE]") && !answer.text().contains("message_stop"), "{what}: {}", answer.text());
}

#[tokio::test]
async fn silence_before_the_first_event_is_504_in_shape() {
    let upstream = Upstream::start().await;
    let world = world(&upstream, &json!({ "firstEvent": "100ms" }));
    for path in MOUNTS {
        for provider in PROVIDERS {
            for silent in [Reply::hang(), reply(provider, true).hang_at(0)] {
                upstream.script([silent]);
                let answer = world.post(path, &body(path, provider, true)).await;
                assert_eq!((answer.status, &*error_at(path, &answer)), (504, "upstream_timeout"), "{path} {provider}");
            }
        }
    }
}

#[tokio::test]
async fn silence_of_a_whole_answer_is_504_in_shape() {
    let upstream = Upstream::start().await;
    let head = world(&upstream, &json!({ "upstreamHead": "100ms" }));
    let idle = world(&upstream, &json!({ "streamIdle": "100ms" }));
    for path in MOUNTS {
        for provider in PROVIDERS {
            for (world, silent) in [(&head, Reply::hang()), (&idle, reply(provider, false).hang_at(20))] {
                upstream.script([silent]);
                let answer = world.post(path, &body(path, provider, false)).await;
                assert_eq!((answer.status, &*error_at(path, &answer)), (504, "upstream_timeout"), "{path} {provider}");
            }
        }
    }
}

#[tokio::test]
async fn a_providers_own_limit_overrides_the_one_for_heads() {
    let upstream = Upstream::start().await;
    upstream.always(Reply::hang());
    let entry = json!({ "type": "openai-compatible", "baseURL": upstream.v1_url(), "apiKey": "k", "models": ["m"], "timeout": "100ms" });
    let world = World::new().provider("up", entry).start();
    assert_eq!(world.chat("up/m").await.status, 504);
}

#[tokio::test]
async fn the_next_candidate_answers_when_the_first_is_silent() {
    let (a, b) = (Upstream::start().await, Upstream::start().await);
    let times = json!({ "timeouts": { "firstEvent": "100ms", "upstreamHead": "100ms" } });
    let list = json!({ "priorities": ["a/m", "b/m"] });
    let world = World::new().messages("a", &a).chat("b", &b).priorities(list).server(times).start();
    a.always(Reply::hang());
    for answer in [
        world.chat("router-maestro").await,
        world.chat_stream("router-maestro").await,
        world.messages_stream("router-maestro").await,
    ] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-router-model"), Some("b/m"));
        assert_eq!(answer.header("x-router-failed"), Some("a/m=upstream_timeout"));
    }
    a.clients_gone(3).await;
}

#[tokio::test]
async fn a_stream_that_falls_silent_ends_with_an_error_event() {
    let upstream = Upstream::start().await;
    let world = world(&upstream, &json!({ "streamIdle": "100ms" }));
    for path in MOUNTS {
        for provider in PROVIDERS {
            upstream.script([reply(provider, true).hang_at(before_three(provider))]);
            let answer = world.post(path, &body(path, provider, true)).await;
            ends_with_an_error(&answer, &format!("{path} {provider}"));
            assert_eq!(said(&answer), "one two ", "{path} {provider}");
        }
    }
    upstream.clients_gone(4).await;
}

#[tokio::test]
async fn one_deadline_bounds_the_whole_request() {
    let upstream = Upstream::start().await;
    let world = world(&upstream, &json!({ "request": "200ms" }));
    for path in MOUNTS {
        for provider in PROVIDERS {
            for stream in [false, true] {
                upstream.script([Reply::hang()]);
                let answer = world.post(path, &body(path, provider, stream)).await;
                assert_eq!(answer.status, 504, "{path} {provider}");
                error_at(path, &answer);
            }
            // Never silent for long, and never done.
            upstream.script([reply(provider, true).split_every(1).delay_between(Duration::from_millis(5))]);
            let answer = world.post(path, &body(path, provider, true)).await;
            if answer.status == 200 {
                ends_with_an_error(&answer, &format!("{path} {provider}"));
            } else {
                assert_eq!(answer.status, 504, "{path} {provider}: before the first content");
            }
        }
    }
}

/// Starts a stream and reads its head.
async fn stream(world: &Running, path: &str, model: &str) -> Client {
    let mut client = world.client().await;
    let text = if path.ends_with("messages") { messages_body(model, true) } else { chat_body(model, true) }.to_string();
    client.post_with(path, &[("x-api-key", KEY)], text.as_bytes()).await.unwrap();
    assert_eq!(client.head().await.unwrap().0, 200);
    client
}

/// Reads until the client has heard three signs of life.
async fn three_signs(client: &mut Client, path: &str) -> BytesMut {
    let sign =
        if path.ends_with("messages") { "event: ping\ndata: {\"type\": \"ping\"}\n\n" } else { ": keep-alive\n\n" };
    let mut got = BytesMut::new();
    while String::from_utf8_lossy(&got).matches(sign).count() < 3 {
        assert!(client.more(&mut got).await.unwrap(), "{got:?}");
    }
    got
}

/// Reads to the end of the body.
async fn rest(client: &mut Client, mut got: BytesMut) -> Response {
    while client.more(&mut got).await.unwrap() {}
    Response { status: 200, headers: Vec::new(), body: got.freeze(), complete: true }
}

#[tokio::test]
async fn signs_of_life_bridge_a_silence_and_harm_nothing() {
    let upstream = Upstream::start().await;
    let world = world(&upstream, &json!({ "keepAlive": "20ms" }));
    for path in MOUNTS {
        for provider in PROVIDERS {
            let gate = Gate::new();
            // Half an event has come when the silence begins.
            upstream.script([reply(provider, true).gate_at(before_three(provider) + 9, &gate)]);
            let mut client = stream(&world, path, &format!("{provider}/m")).await;
            let heard = three_signs(&mut client, path).await;
            gate.open();
            let answer = rest(&mut client, heard).await;
            let what = format!("{path} {provider}: {}", answer.text());
            assert_eq!(said(&answer), "one two three", "{what}");
            let end = if path.ends_with("messages") { "message_stop" } else { "[DONE]" };
            assert!(answer.events().last().unwrap().data.contains(end), "{what}");
        }
    }
}

#[tokio::test]
async fn a_head_that_was_held_too_long_is_sent_and_failover_goes_on_behind_it() {
    for path in MOUNTS {
        for provider in PROVIDERS {
            let (a, b) = (Upstream::start().await, Upstream::start().await);
            let world = World::new().chat("chat", &a).messages("native", &a).chat("b", &b);
            let list = json!({ "priorities": [format!("{provider}/m"), "b/m"] });
            let times = json!({ "timeouts": { "holdHead": "20ms", "keepAlive": "20ms" } });
            let world = world.priorities(list).server(times).start();
            for works in [true, false] {
                let gate = Gate::new();
                a.script([chat::error(503, "no").gate_head(&gate)]);
                b.always(if works { reply("b", true) } else { Reply::reset() });
                let mut client = stream(&world, path, "router-maestro").await;
                let heard = three_signs(&mut client, path).await;
                gate.open();
                let answer = rest(&mut client, heard).await;
                let what = format!("{path} {provider} {works}: {}", answer.text());
                if works {
                    assert_eq!(said(&answer), "one two three", "{what}");
                } else {
                    ends_with_an_error(&answer, &what);
                }
            }
        }
    }
}
