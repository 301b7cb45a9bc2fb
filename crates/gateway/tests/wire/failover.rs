//! The client never sees a failure that a healthy candidate could avoid.

use crate::world::{KEY, Running, World, chat_body, messages_body};
use rm_testkit::{Answer, Gate, Reply, Response, Upstream, chat, messages};
use serde_json::{Value, json};

/// What a first upstream may do that must not reach the client.
fn faults(native: bool) -> Vec<(&'static str, Reply)> {
    let event = if native { messages::error_event(529, "Overloaded") } else { chat::error_event("engine overloaded") };
    let error = |status| if native { messages::error(status, "not now") } else { chat::error(status, "not now") };
    vec![
        ("429", error(429)),
        ("500", error(500)),
        ("502", error(502)),
        ("503", error(503)),
        ("504", error(504)),
        ("529", error(529)),
        ("reset before the head", Reply::reset()),
        ("closed before the head", Reply::close()),
        ("garbage instead of a head", Reply::garbage()),
        ("a cut head", Reply::status(200).cut_head_at(20)),
        ("an error event in a 200", Reply::sse(event)),
        ("an empty 200", Reply::status(200)),
        ("a page of HTML", Reply::status(200).header("content-type", "text/html").body("<html>busy</html>")),
        ("a redirect", Reply::status(302).header("location", "http://127.0.0.1:1/")),
        ("damaged JSON", Reply::status(200).header("content-type", "application/json").body("{\"choices\":[")),
        ("a refused key", error(401)),
    ]
}

fn two(native: bool, bad: &Upstream, good: &Upstream) -> Running {
    let world = if native { World::new().messages("bad", bad) } else { World::new().chat("bad", bad) };
    let world = if native { world.messages("good", good) } else { world.chat("good", good) };
    world.priorities(json!({ "priorities": ["bad/m", "good/m"] })).start()
}

async fn ask(world: &Running, chat: bool, stream: bool) -> Response {
    match (chat, stream) {
        (true, false) => world.chat("router-maestro").await,
        (true, true) => world.chat_stream("router-maestro").await,
        (false, false) => world.messages("router-maestro").await,
        (false, true) => world.messages_stream("router-maestro").await,
    }
}

fn said(answer: &Response, chat: bool, stream: bool) -> String {
    let piece = |event: Value| -> String {
        let text = if chat { &event["choices"][0]["delta"]["content"] } else { &event["delta"]["text"] };
        text.as_str().unwrap_or_default().to_owned()
    };
    if stream {
        answer.events().iter().filter(|event| event.data != "[DONE]").map(|event| piece(event.json())).collect()
    } else if chat {
        answer.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().into()
    } else {
        answer.json()["content"][0]["text"].as_str().unwrap_or_default().into()
    }
}

#[tokio::test]
async fn whatever_the_first_upstream_does_before_content_the_second_answers() {
    for native in [false, true] {
        let (bad, good) = (Upstream::start().await, Upstream::start().await);
        let world = two(native, &bad, &good);
        for chat in [false, true] {
            for stream in [false, true] {
                for (what, fault) in faults(native) {
                    bad.always(fault);
                    let answer = ask(&world, chat, stream).await;
                    let case = format!("{what}, native upstream {native}, chat client {chat}, stream {stream}");
                    assert_eq!((answer.status, answer.complete), (200, true), "{case}: {}", answer.text());
                    assert_eq!(said(&answer, chat, stream), "Hello!", "{case}");
                    assert_eq!(answer.header("x-router-model"), Some("good/m"), "{case}");
                    assert_eq!(answer.header("x-router-attempts"), Some("2"), "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn after_the_first_content_nothing_is_repeated_and_the_stream_ends_with_an_error() {
    for native in [false, true] {
        let (bad, good) = (Upstream::start().await, Upstream::start().await);
        let world = two(native, &bad, &good);
        let answer = Answer::pieces(&["one ", "two ", "three"]);
        let frames: Vec<_> =
            if native { messages::frames(&answer) } else { chat::frames(&answer, rm_testkit::UsageChunk::Withheld) };
        let stream = || Reply::sse(frames.concat());
        let upto = |text: &str| {
            let mut length = 0;
            for frame in &frames {
                length += frame.len() as u64;
                if String::from_utf8_lossy(frame).contains(text) {
                    break;
                }
            }
            length
        };
        let event = if native { messages::error_event(529, "Overloaded") } else { chat::error_event("boom") };
        let before: Vec<u8> = stream_bytes(&frames, upto("two "));
        let cases = [
            ("a cut", stream().cut_at(upto("two "))),
            ("a reset", stream().reset_at(upto("two "))),
            ("a cut inside an event", stream().cut_at(upto("two ") + 12)),
            ("an error event", Reply::sse([before, event.to_vec()].concat())),
            (
                "damaged JSON",
                Reply::sse([stream_bytes(&frames, upto("two ")), b"data: {\"broken\n\n".to_vec()].concat()),
            ),
        ];
        for (what, fault) in cases {
            for chat in [false, true] {
                let gate = Gate::new();
                bad.always(fault.clone().gate_at(upto("one "), &gate));
                let (text, last) = watch(&world, chat, &gate).await;
                let case = format!("{what}, native upstream {native}, chat client {chat}");
                assert_eq!(text, "one two ", "{case}");
                assert!(last.contains("\"error\""), "{case}: {last}");
            }
        }
        assert_eq!(good.requests().len(), 0);
    }
}

/// Reads a stream, opens the gate when the first text has come, and gives all text and the last event.
async fn watch(world: &Running, chat: bool, gate: &Gate) -> (String, String) {
    let (path, body) = if chat {
        ("/v1/chat/completions", chat_body("router-maestro", true))
    } else {
        ("/v1/messages", messages_body("router-maestro", true))
    };
    let mut client = world.client().await;
    client.post_with(path, &[("x-api-key", KEY)], body.to_string().as_bytes()).await.unwrap();
    assert_eq!(client.head().await.unwrap().0, 200);
    let (mut text, mut last) = (String::new(), String::new());
    while let Some(event) = client.event().await.unwrap() {
        let data = event.json();
        let piece = if chat { &data["choices"][0]["delta"]["content"] } else { &data["delta"]["text"] };
        text.push_str(piece.as_str().unwrap_or_default());
        if text == "one " {
            gate.open();
        }
        last = event.data;
    }
    (text, last)
}

fn stream_bytes(frames: &[bytes::Bytes], length: u64) -> Vec<u8> {
    frames.concat().into_iter().take(usize::try_from(length).unwrap()).collect()
}

#[tokio::test]
async fn when_all_fail_the_last_status_comes_with_the_attempts() {
    let (a, b) = (Upstream::start().await, Upstream::start().await);
    a.always(chat::error(503, "first is busy"));
    b.always(chat::error(429, "second is busy").header("retry-after", "7"));
    let world = World::new().chat("a", &a).chat("b", &b).priorities(json!({ "priorities": ["a/m", "b/m"] })).start();
    let answer = world.chat("router-maestro").await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(answer.header("x-router-failed"), Some("a/m=503, b/m=429"));
    assert_eq!(answer.header("x-router-error-source"), Some("upstream"));
    assert_eq!(answer.json()["error"]["message"], "second is busy");
    let answer = world.messages("router-maestro").await;
    assert_eq!((answer.status, answer.json()["error"]["type"].as_str()), (429, Some("rate_limit_error")));
}

#[tokio::test]
async fn a_clients_fault_is_passed_on_after_one_attempt() {
    for status in [400, 404, 413, 422] {
        let (a, b) = (Upstream::start().await, Upstream::start().await);
        let body = json!({ "error": { "message": "no", "type": "invalid_request_error", "param": "x", "code": null, "details": [1.5] } });
        a.always(Reply::json(status, &body));
        let world =
            World::new().chat("a", &a).chat("b", &b).priorities(json!({ "priorities": ["a/m", "b/m"] })).start();
        for answer in [world.chat("router-maestro").await, world.chat_stream("router-maestro").await] {
            assert_eq!((answer.status, answer.json()), (status, body.clone()), "its own members survive");
        }
        assert_eq!((a.requests().len(), b.requests().len()), (2, 0));
    }
}

#[tokio::test]
async fn the_numbers_of_the_priority_list_hold() {
    let ups = [Upstream::start().await, Upstream::start().await, Upstream::start().await, Upstream::start().await];
    let [a, b, c, d] = &ups;
    let world = World::new().chat("a", a).chat("b", b).chat("c", c).chat("d", d);
    let world = world.priorities(json!({ "priorities": ["a/m", "b/m", "c/m", "d/m"], "fallback": { "strategy": "priority", "maxRetries": 2 } })).start();
    let calls = || ups.each_ref().map(|up| up.requests().len());
    a.always(chat::error(503, "no"));
    b.always(chat::error(503, "no"));
    assert_eq!(world.chat("router-maestro").await.header("x-router-model"), Some("c/m"));
    assert_eq!(calls(), [1, 1, 1, 0]);
    c.always(chat::error(503, "no"));
    assert_eq!(world.chat("router-maestro").await.status, 503);
    assert_eq!(calls(), [2, 2, 2, 0], "the fourth is not tried");
    c.always(chat::text("Hello!"));
    assert_eq!(world.chat("b/m").await.header("x-router-model"), Some("c/m"));
    assert_eq!(calls(), [2, 3, 3, 0]);
    assert_eq!(world.chat("a/n").await.status, 503, "not in the list: no other model");
    assert_eq!(calls(), [3, 3, 3, 0]);
}

#[tokio::test]
async fn another_account_takes_over_when_one_is_refused_or_limited() {
    for status in [401, 403, 429, 503] {
        let up = Upstream::start().await;
        up.handler(move |received| match received.header("authorization") {
            Some("Bearer sk-first") => chat::error(status, "not this one"),
            _ => chat::text("Hello!"),
        });
        let entry = json!({ "type": "openai-compatible", "baseURL": up.v1_url(), "models": ["m"], "accounts": [
            { "name": "second", "apiKey": "sk-second", "priority": 2 }, { "name": "first", "apiKey": "sk-first", "priority": 1 } ] });
        let world = World::new().provider("up", entry).start();
        let answer = world.chat("up/m").await;
        assert_eq!(answer.status, 200, "{status}");
        assert_eq!(answer.header("x-router-account"), Some("second"));
        assert_eq!(up.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_refused_key_keeps_its_status_and_names_the_provider() {
    let up = Upstream::start().await;
    up.always(chat::error(401, "Incorrect API key provided: sk-up-up"));
    let world = World::new().chat("up", &up).start();
    let answer = world.chat("up/m").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("x-router-error-source"), Some("upstream"));
    let text = answer.text();
    assert!(
        text.contains("provider `up`") && text.contains("Incorrect API key provided") && !text.contains("sk-up-up"),
        "{text}"
    );
}

#[tokio::test]
async fn a_provider_is_asked_again_as_often_as_its_max_retries_say() {
    let up = Upstream::start().await;
    up.script([chat::error(500, "x"), chat::error(500, "x")]);
    let entry =
        json!({ "type": "openai-compatible", "baseURL": up.v1_url(), "apiKey": "k", "models": ["m"], "maxRetries": 2 });
    let server = json!({ "resilience": { "backoff": { "min": "1ms", "max": "2ms" } } });
    let world = World::new().provider("up", entry).server(server).start();
    let answer = world.chat("up/m").await;
    assert_eq!((answer.status, answer.header("x-router-attempts")), (200, Some("3")));
}

#[tokio::test]
async fn allow_fallbacks_false_and_strategy_none_stop_at_the_first() {
    let (a, b) = (Upstream::start().await, Upstream::start().await);
    a.always(chat::error(503, "no"));
    let list = json!({ "priorities": ["a/m", "b/m"] });
    let world = World::new().chat("a", &a).chat("b", &b).priorities(list).start();
    let mut body = crate::world::chat_body("router-maestro", false);
    body["provider"] = json!({ "allow_fallbacks": false });
    assert_eq!(world.post("/v1/chat/completions", &body).await.status, 503);
    let list = json!({ "priorities": ["a/m", "b/m"], "fallback": { "strategy": "none" } });
    let world = World::new().chat("a", &a).chat("b", &b).priorities(list).start();
    assert_eq!(world.chat("router-maestro").await.status, 503);
    assert_eq!((a.requests().len(), b.requests().len()), (2, 0));
}

#[tokio::test]
async fn what_an_upstream_said_is_not_hidden_by_a_later_failure_of_ours() {
    let limited = Upstream::start().await;
    limited.always(chat::error(429, "slow down").header("retry-after", "1.5"));
    let closed = json!({ "type": "openai-compatible", "baseURL": format!("http://{}/v1", rm_testkit::refused_address().await.unwrap()), "apiKey": "k", "models": ["m"] });
    let world = World::new().chat("a", &limited).provider("b", closed);
    let world = world.priorities(json!({ "priorities": ["a/m", "b/m"] })).start();
    let answer = world.chat("router-maestro").await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1.5")), "as it came");
    assert_eq!(answer.header("x-router-failed"), Some("a/m=429, b/m=upstream_connect"));
}

#[tokio::test]
async fn an_upstream_that_sends_much_and_says_nothing_is_left() {
    let (noisy, good) = (Upstream::start().await, Upstream::start().await);
    noisy.always(Reply::sse("").fill(": x\n\n", 64 << 20));
    let world = two(false, &noisy, &good);
    for answer in [world.chat_stream("router-maestro").await, world.messages_stream("router-maestro").await] {
        assert_eq!((answer.status, answer.header("x-router-model")), (200, Some("good/m")), "{}", answer.text());
    }
    assert!(noisy.sent_bytes(0) < 32 << 20, "it was not read to its end");
}
